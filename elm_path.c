// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data path of CANable 2.5's own protocol (elm.c), and the switch between it and the legacy
 * framing.
 *
 * A frame takes a slot of the channel's TX pool as ever, which is its place in the device and what
 * its echo is found by. What goes over USB is a blob, one of a few larger buffers, with as many
 * frames as there are: they gather while the stack says that more are coming, and while the pipe
 * has enough to do. A frame's slot is referenced by the blob that carries it, as it would be by its
 * own transfer.
 *
 * A board with more channels has a pair of endpoints for each of them, on interfaces of their own,
 * which are claimed along with the first. Their IN transfers are of one pool, and one poll serves
 * all of them; which endpoint a transfer came from is what tells the channel.
 *
 * An adapter has one protocol at a time, chosen while all of it is down. The legacy path does not
 * know of the other but for a branch.
 */

#include <linux/bitops.h>
#include <linux/can/dev.h>
#include <linux/can/error.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/usb.h>

#include "elm.h"
#include "gs_usb_ng.h"
#include "zerocopy.h"

/* Blobs on the pipe before frames wait for company: with one, the pipe would be idle from its end
 * until the next comes; with more, blobs would be smaller
 */
#define GS_ELM_QUEUED		2

/* These, one that was full and so did not wait, and one that is being filled: all frames that may
 * be in flight, of 72 bytes each, are 2304
 */
#define GS_ELM_BLOBS		(GS_ELM_QUEUED + 2)

/* In units of 100 ms: once a second */
#define GS_ELM_BUS_LOAD_INTERVAL	10

/**
 * struct gs_elm_tx - what a channel takes to send
 * @lock: guards @blob, @out, @frames, @queued; taken with interrupts off, in any context
 * @pool: blobs; memory while the channel is open
 * @blob: the one that frames gather in, NULL if there is none
 * @out: what it holds
 * @frames: the TX slots of the frames in each blob, by index of the blob
 * @queued: blobs on the OUT pipe
 */
struct gs_elm_tx {
	spinlock_t lock; /* guards blob, out, frames, queued */
	struct gs_dma_pool *pool;
	struct gs_dma_slot *blob;
	struct gs_elm_out out;
	u32 frames[GS_ELM_BLOBS];
	unsigned int queued;
};

/**
 * struct gs_elm - what the ELM protocol takes beyond the legacy framing
 * @tx: of each channel
 * @rx_pool: IN slots
 * @rx_size: M: bytes of an IN transfer of the protocol that is not in use
 * @intf: I: interfaces of the channels behind the first
 */
struct gs_elm {
	struct gs_elm_tx tx[GS_USB_NG_PIPES_MAX];
	struct gs_dma_pool *rx_pool;
	unsigned int rx_size;
	struct usb_interface *intf[GS_USB_NG_PIPES_MAX];
};

static_assert(BITS_PER_TYPE(u32) == GS_ELM_SLOTS);

static struct gs_elm_tx *gs_usb_ng_elm_of(struct gs_channel *ch)
{
	return &ch->dev->elm->tx[ch->index];
}

/* The transfer that carried these frames is over */
static void gs_usb_ng_elm_put_frames(struct gs_channel *ch, u32 frames, int status)
{
	while (frames) {
		gs_usb_ng_tx_transferred(ch, __ffs(frames), status);
		frames &= frames - 1;
	}
}

/* Give the blob to the device; locked. True if the poll has to drop its frames. */
static bool gs_usb_ng_elm_submit(struct gs_channel *ch)
{
	struct gs_elm_tx *elm = gs_usb_ng_elm_of(ch);
	struct gs_dma_slot *slot = elm->blob;
	int err;

	elm->blob = NULL;
	slot->urb->transfer_buffer_length = elm->out.len;
	gs_dma_slot_for_device(slot, elm->out.len);

	elm->queued++;
	err = usb_submit_urb(slot->urb, GFP_ATOMIC);
	if (likely(!err))
		return false;

	elm->queued--;
	gs_usb_ng_count(ch, GS_CH_TX_URB_ERRORS);
	gs_usb_ng_elm_put_frames(ch, elm->frames[slot->index], -EPERM);
	gs_dma_slot_put(slot);
	gs_usb_ng_tx_fault(ch, err);

	return true;
}

/* The same if there is a blob, and if it need not wait */
static bool gs_usb_ng_elm_push(struct gs_channel *ch)
{
	struct gs_elm_tx *elm = gs_usb_ng_elm_of(ch);

	return elm->blob && elm->queued < GS_ELM_QUEUED && gs_usb_ng_elm_submit(ch);
}

/**
 * gs_usb_ng_elm_flush() - let frames go that wait for others
 * @ch: the channel
 *
 * For when those others don't come.
 *
 * Context: Any.
 */
void gs_usb_ng_elm_flush(struct gs_channel *ch)
{
	struct gs_elm_tx *elm = gs_usb_ng_elm_of(ch);
	unsigned long flags;
	bool failed;

	spin_lock_irqsave(&elm->lock, flags);
	failed = gs_usb_ng_elm_push(ch);
	spin_unlock_irqrestore(&elm->lock, flags);

	if (unlikely(failed))
		gs_usb_ng_poll_soon(ch->dev);
}

static bool gs_usb_ng_elm_halted(const struct gs_channel *ch)
{
	return READ_ONCE(ch->dev->tx_halted) & BIT(gs_usb_ng_pipe(ch));
}

static void gs_usb_ng_elm_tx_complete(struct urb *urb)
{
	struct gs_dma_slot *slot = urb->context;
	struct gs_channel *ch = slot->priv;
	struct gs_elm_tx *elm = gs_usb_ng_elm_of(ch);
	int status = urb->status;
	unsigned long flags;
	bool failed;

	/* As in the legacy path: who unlinks to stop the channel drops what is owed */
	failed = status && (!gs_usb_ng_is_unlink(status) || gs_usb_ng_elm_halted(ch));
	if (unlikely(failed)) {
		gs_usb_ng_count(ch, GS_CH_TX_URB_ERRORS);
		gs_usb_ng_tx_fault(ch, status);
	}
	gs_usb_ng_elm_put_frames(ch, elm->frames[slot->index], failed ? status : 0);

	spin_lock_irqsave(&elm->lock, flags);
	elm->queued--;
	gs_dma_slot_put(slot);
	if (!gs_usb_ng_is_unlink(status) && !gs_usb_ng_elm_halted(ch))
		failed |= gs_usb_ng_elm_push(ch);
	spin_unlock_irqrestore(&elm->lock, flags);

	if (unlikely(failed))
		gs_usb_ng_poll_soon(ch->dev);
}

/* Write a frame into the blob, or into the next one; locked. False if there is none. */
static bool gs_usb_ng_elm_gather(struct gs_channel *ch, struct gs_dma_slot *slot,
				 const struct canfd_frame *cfd, bool is_fd)
{
	u8 marker = gs_elm_marker(ch->frame[slot->index].echo_id);
	struct gs_elm_tx *elm = gs_usb_ng_elm_of(ch);

	if (elm->blob && !gs_elm_out_add(&elm->out, marker, cfd, is_fd)) {
		if (gs_usb_ng_elm_submit(ch))
			gs_usb_ng_poll_soon(ch->dev);
	} else if (elm->blob) {
		goto out_added;
	}

	elm->blob = gs_dma_pool_acquire(elm->pool, "elm tx");
	if (unlikely(!elm->blob))
		return false;

	elm->frames[elm->blob->index] = 0;
	gs_elm_out_begin(&elm->out, elm->blob->buf, GS_ELM_BLOB_MAX);
	gs_elm_out_add(&elm->out, marker, cfd, is_fd);

out_added:
	elm->frames[elm->blob->index] |= BIT(slot->index);
	return true;
}

/**
 * gs_usb_ng_elm_tx() - the second half of gs_usb_ng_tx()
 * @ch: the channel
 * @slot: the frame's, acquired
 * @skb: the frame; consumed
 * @is_fd: CAN FD frame
 *
 * Context: BHs disabled, one at a time (__netif_tx_lock).
 */
void gs_usb_ng_elm_tx(struct gs_channel *ch, struct gs_dma_slot *slot, struct sk_buff *skb,
		      bool is_fd)
{
	struct gs_tx_frame *frame = &ch->frame[slot->index];
	struct net_device *netdev = ch->netdev;
	struct gs_elm_tx *elm = gs_usb_ng_elm_of(ch);
	struct gs_usb_ng *dev = ch->dev;
	bool push, failed;
	unsigned long flags;

	skb = gs_zc_echo_skb(skb, netdev);
	if (unlikely(!skb)) {
		gs_usb_ng_count(ch, GS_CH_TX_NO_SKB);
		gs_dma_slot_put(slot);
		gs_usb_ng_elm_flush(ch);
		return;
	}

	spin_lock_irqsave(&elm->lock, flags);
	if (unlikely(!gs_usb_ng_elm_gather(ch, slot, (struct canfd_frame *)skb->data, is_fd))) {
		spin_unlock_irqrestore(&elm->lock, flags);
		gs_usb_ng_count(ch, GS_CH_TX_NO_SLOT);
		gs_dma_slot_put(slot);
		dev_kfree_skb_any(skb);
		return;
	}
	frame->skb = skb;
	gs_dma_slot_get(slot);
	WRITE_ONCE(frame->sent, jiffies);
	atomic_inc(&dev->tx_in_flight);
	push = __netdev_sent_queue(netdev, frame->frame_len, netdev_xmit_more());
	/* All of the frame, and BQL, before it can be completed; pairs with the acquire in
	 * gs_usb_ng_tx_echo()
	 */
	smp_store_release(&frame->state, BIT(GS_TX_OWED));
	failed = push && gs_usb_ng_elm_push(ch);
	spin_unlock_irqrestore(&elm->lock, flags);

	if (unlikely(failed))
		gs_usb_ng_poll_soon(dev);
}

static void gs_usb_ng_elm_error(struct gs_channel *ch, const struct gs_wire_rx *rx, u64 hwtstamp)
{
	struct gs_wire_error err;

	gs_elm_parse_error(&err, rx);
	if (err.ctrl_overflow & CAN_ERR_CRTL_RX_OVERFLOW)
		gs_usb_ng_count(ch, GS_CH_RX_OVERFLOW);
	gs_usb_ng_channel_error(ch, &err, hwtstamp);
}

/* Always copied: a frame among others can't become the head of an skb */
static void gs_usb_ng_elm_frame(struct gs_channel *ch, const struct gs_wire_rx *rx, u64 hwtstamp)
{
	struct net_device_stats *stats = &ch->netdev->stats;
	struct sk_buff *skb;

	/* The firmware may still have some of before the last start */
	if (unlikely(rx->fd && !ch->wire.fd)) {
		gs_usb_ng_count(ch, GS_CH_RX_FD_OFF);
		return;
	}

	skb = gs_zc_rx_to_page(ch->dev->rx_memory, ch->netdev, rx);
	gs_usb_ng_count(ch, likely(skb) ? GS_CH_RX_COPIED : GS_CH_RX_NO_SKB);
	if (unlikely(!skb))
		return;

	stats->rx_packets++;
	stats->rx_bytes += rx->len;
	gs_zc_set_hwtstamp(skb, hwtstamp);
	netif_receive_skb(skb);
}

/**
 * gs_usb_ng_elm_rx() - handle what came in one IN transfer
 * @ch: the channel whose endpoint it came from
 * @buf: what came
 * @len: bytes, not 0
 *
 * Context: The poll.
 * Return: messages handled, at least 1
 */
unsigned int gs_usb_ng_elm_rx(struct gs_channel *ch, const void *buf, unsigned int len)
{
	struct gs_usb_ng *dev = ch->dev;
	struct gs_elm_msg msg;
	struct gs_elm_in in;
	unsigned int n = 1;
	u64 hwtstamp;

	/* As in the legacy path */
	if (unlikely(!smp_load_acquire(&ch->running))) {
		gs_usb_ng_count(ch, GS_CH_RX_STOPPED);
		return n;
	}

	if (unlikely(!gs_elm_in_begin(&in, buf, len, dev->hw_timestamps))) {
		gs_usb_ng_dev_count(dev, GS_DEV_RX_MALFORMED);
		if (gs_usb_ng_odd(dev, GS_ODD_NOT_ELM))
			dev_warn(&dev->intf->dev, "IN transfer of %u bytes is not of ELM's\n",
				 len);
		return n;
	}

	for (n = max(in.left, n); gs_elm_in_next(&in, &msg);) {
		hwtstamp = gs_usb_ng_rx_time(dev, &msg.rx);
		switch (msg.type) {
		case GS_ELM_TX_ECHO:
			gs_usb_ng_tx_echo(ch, &msg.rx, hwtstamp);
			break;
		case GS_ELM_RX_FRAME:
			gs_usb_ng_elm_frame(ch, &msg.rx, hwtstamp);
			break;
		case GS_ELM_ERROR:
			gs_usb_ng_elm_error(ch, &msg.rx, hwtstamp);
			break;
		case GS_ELM_BUS_LOAD:
			atomic64_set(&ch->stat[GS_CH_BUS_LOAD], msg.percent);
			break;
		}	/* and strings for the developer of the firmware */
	}
	gs_usb_ng_tx_tell_bql(ch);

	return n;
}

/**
 * gs_usb_ng_elm_tx_open() - get the memory for a channel that opens
 * @ch: the channel
 *
 * Context: Process, sleeps.
 * Return: 0 or -ENOMEM
 */
int gs_usb_ng_elm_tx_open(struct gs_channel *ch)
{
	struct gs_elm_tx *elm = gs_usb_ng_elm_of(ch);
	struct gs_usb_ng *dev = ch->dev;
	struct gs_dma_slot *slot;
	unsigned int i;
	int err;

	err = gs_dma_pool_warm_up(elm->pool, GS_ELM_BLOBS);
	if (err)
		return err;

	for (i = 0; i < GS_ELM_BLOBS; i++) {
		slot = gs_dma_pool_slot(elm->pool, i);
		usb_fill_bulk_urb(slot->urb, dev->udev, dev->pipe_out[ch->index], slot->buf, 0,
				  gs_usb_ng_elm_tx_complete, slot);
		/* The firmware knows the end of a blob by a packet that isn't full */
		slot->urb->transfer_flags |= URB_ZERO_PACKET;
	}

	return 0;
}

/**
 * gs_usb_ng_elm_tx_close() - give the memory back
 * @ch: the channel, with nothing in flight
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_elm_tx_close(struct gs_channel *ch)
{
	gs_dma_pool_cool_down(gs_usb_ng_elm_of(ch)->pool);
}

/**
 * gs_usb_ng_elm_tx_block() - no blob is on the pipe any more, and none goes there
 * @ch: the channel; its queue is off
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_elm_tx_block(struct gs_channel *ch)
{
	gs_dma_pool_stop(gs_usb_ng_elm_of(ch)->pool);
}

/**
 * gs_usb_ng_elm_tx_unblock() - undo gs_usb_ng_elm_tx_block()
 * @ch: the channel
 *
 * Context: Process.
 */
void gs_usb_ng_elm_tx_unblock(struct gs_channel *ch)
{
	gs_dma_pool_start(gs_usb_ng_elm_of(ch)->pool);
	gs_usb_ng_elm_flush(ch);
}

/**
 * gs_usb_ng_elm_tx_forget() - frames that wait for company won't be sent
 * @ch: the channel, after gs_usb_ng_elm_tx_block()
 *
 * Context: Process.
 */
void gs_usb_ng_elm_tx_forget(struct gs_channel *ch)
{
	struct gs_elm_tx *elm = gs_usb_ng_elm_of(ch);
	struct gs_dma_slot *slot;

	spin_lock_irq(&elm->lock);
	slot = elm->blob;
	elm->blob = NULL;
	spin_unlock_irq(&elm->lock);

	if (slot) {
		gs_usb_ng_elm_put_frames(ch, elm->frames[slot->index], 0);
		gs_dma_slot_put(slot);
	}
}

/**
 * gs_usb_ng_elm_started() - what the firmware takes after START only
 * @ch: the channel
 * @until: deadline, jiffies
 *
 * Nothing but a statistic depends on it, so its failure is none.
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_elm_started(struct gs_channel *ch, unsigned long until)
{
	atomic64_set(&ch->stat[GS_CH_BUS_LOAD], 0);
	gs_usb_ng_bus_load_report(ch->dev, ch->index, GS_ELM_BUS_LOAD_INTERVAL, until);
}

/**
 * gs_usb_ng_elm_switch() - choose the protocol
 * @dev: the adapter
 * @on: ELM's own, or the legacy framing
 *
 * The device hears of it when the channel is started. It goes back to the legacy framing each time
 * that is stopped, so that whoever has it next finds it as expected.
 *
 * Context: Process, sleeps.
 * Return: 0; -EOPNOTSUPP for a device that has no such protocol; -EBUSY while a channel is up.
 */
int gs_usb_ng_elm_switch(struct gs_usb_ng *dev, bool on)
{
	struct gs_elm *elm = dev->elm;
	unsigned int i;
	int err = 0;

	if (!elm)
		return on ? -EOPNOTSUPP : 0;

	mutex_lock(&dev->lock);
	if (dev->elm_on == on)
		goto out_unlock;
	/* One that is closed may not have answered its RESET */
	for (i = 0; i < dev->n_channels; i++) {
		if (dev->ch[i]->open || dev->ch[i]->started) {
			err = -EBUSY;
			goto out_unlock;
		}
	}

	WRITE_ONCE(dev->elm_on, on);
	WRITE_ONCE(dev->rx_pool, on ? elm->rx_pool : dev->rx_legacy);
	swap(dev->rx_size, elm->rx_size);
	dev->n_pipes = on ? dev->n_channels : 1;

out_unlock:
	mutex_unlock(&dev->lock);
	return err;
}

/* The interfaces of further channels are ours as the first one is. They have no driver of their own
 * but this, which does nothing: what happens to the device is told to the first one.
 */
static int gs_usb_ng_elm_intf_suspend(struct usb_interface *intf, pm_message_t message)
{
	return 0;
}

static int gs_usb_ng_elm_intf_go_on(struct usb_interface *intf)
{
	return 0;
}

/* Somebody takes one away: the adapter can't be served without. NULL: it is given back by us. */
static void gs_usb_ng_elm_intf_disconnect(struct usb_interface *intf)
{
	struct gs_usb_ng *dev = usb_get_intfdata(intf);

	if (!dev)
		return;

	usb_set_intfdata(intf, NULL);
	usb_driver_release_interface(to_usb_driver(dev->intf->dev.driver), dev->intf);
}

static struct usb_driver gs_usb_ng_elm_driver = {
	.name = KBUILD_MODNAME "_elm",
	.disconnect = gs_usb_ng_elm_intf_disconnect,
	.suspend = gs_usb_ng_elm_intf_suspend,
	.resume = gs_usb_ng_elm_intf_go_on,
	.reset_resume = gs_usb_ng_elm_intf_go_on,
	.pre_reset = gs_usb_ng_elm_intf_go_on,
	.post_reset = gs_usb_ng_elm_intf_go_on,
	.no_dynamic_id = 1,
	.supports_autosuspend = 1,
	.soft_unbind = 1,
};

/**
 * gs_usb_ng_elm_module_init() - make the driver of further interfaces known
 *
 * Context: Process, sleeps.
 * Return: 0, or what usb_register() says
 */
int gs_usb_ng_elm_module_init(void)
{
	return usb_register(&gs_usb_ng_elm_driver);
}

/**
 * gs_usb_ng_elm_module_exit() - undo gs_usb_ng_elm_module_init()
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_elm_module_exit(void)
{
	usb_deregister(&gs_usb_ng_elm_driver);
}

/* Give the interfaces back that were claimed */
static void gs_usb_ng_elm_release(struct gs_elm *elm)
{
	unsigned int i;

	for (i = 1; i < ARRAY_SIZE(elm->intf); i++) {
		/* One that is being taken away has none of our data any more, and goes by itself */
		if (!elm->intf[i] || !usb_get_intfdata(elm->intf[i]))
			continue;
		usb_set_intfdata(elm->intf[i], NULL);
		usb_driver_release_interface(&gs_usb_ng_elm_driver, elm->intf[i]);
	}
}

/* Claim the interfaces of the channels behind the first: in their order, those that have its class
 * and a pair of bulk endpoints. False if they are not to be had, with none claimed.
 */
static bool gs_usb_ng_elm_claim(struct gs_usb_ng *dev, struct gs_elm *elm)
{
	u8 class = dev->intf->cur_altsetting->desc.bInterfaceClass;
	struct usb_host_config *config = dev->udev->actconfig;
	struct usb_endpoint_descriptor *in, *out;
	struct usb_interface *intf;
	unsigned int i, n = 1;

	if (dev->n_channels > GS_USB_NG_PIPES_MAX)
		return false;

	for (i = 0; i < config->desc.bNumInterfaces && n < dev->n_channels; i++) {
		intf = config->interface[i];
		if (intf == dev->intf || intf->cur_altsetting->desc.bInterfaceClass != class ||
		    usb_find_common_endpoints(intf->cur_altsetting, &in, &out, NULL, NULL) ||
		    usb_endpoint_maxp(in) != usb_maxpacket(dev->udev, dev->pipe_in[0]) ||
		    !usb_endpoint_maxp(out))
			continue;
		if (usb_driver_claim_interface(&gs_usb_ng_elm_driver, intf, dev))
			break;
		elm->intf[n] = intf;
		dev->pipe_in[n] = usb_rcvbulkpipe(dev->udev, in->bEndpointAddress);
		dev->pipe_out[n] = usb_sndbulkpipe(dev->udev, out->bEndpointAddress);
		n++;
	}
	if (n == dev->n_channels)
		return true;

	gs_usb_ng_elm_release(elm);
	return false;
}

/**
 * gs_usb_ng_elm_init() - have what the ELM protocol takes, if the device speaks it
 * @dev: the adapter, its channels complete
 * @feature: feature word of the first of them, as received
 *
 * Off until it is chosen.
 *
 * Context: Process, sleeps; the USB device is locked.
 * Return: 0 or -ENOMEM
 */
int gs_usb_ng_elm_init(struct gs_usb_ng *dev, u32 feature)
{
	struct gs_dma_pool_params tx = {
		.name = "elm tx",
		.size = GS_ELM_BLOB_MAX,
		.align = 4,
		.max = GS_ELM_BLOBS,
		.dir = DMA_TO_DEVICE,
	};
	struct gs_dma_pool_params rx = {
		.name = "elm rx",
		.size = roundup(GS_ELM_BLOB_MAX, usb_maxpacket(dev->udev, dev->pipe_in[0])),
		.align = 4,
		.max = GS_USB_NG_RX_RING_MAX,
		.dir = DMA_FROM_DEVICE,
		.priv = dev,
	};
	struct gs_elm *elm;
	unsigned int i;

	if (!gs_profile_speaks_elm(dev->profile, dev->sw_version, feature))
		return 0;

	elm = kzalloc(sizeof(*elm), GFP_KERNEL);
	if (!elm)
		return -ENOMEM;

	/* Each channel has an interface and endpoints of its own then */
	if (!gs_usb_ng_elm_claim(dev, elm)) {
		dev_info(&dev->intf->dev,
			 "ELM protocol left out, there are no endpoints for each of %u channels\n",
			 dev->n_channels);
		kfree(elm);
		return 0;
	}

	dev->elm = elm;
	elm->rx_size = rx.size;
	elm->rx_pool = gs_usb_ng_pool_create(dev, &rx);
	if (!elm->rx_pool)
		goto out_exit;
	for (i = 0; i < dev->n_channels; i++) {
		spin_lock_init(&elm->tx[i].lock);
		tx.priv = dev->ch[i];
		elm->tx[i].pool = gs_usb_ng_pool_create(dev, &tx);
		if (!elm->tx[i].pool)
			goto out_exit;
	}

	return 0;

out_exit:
	gs_usb_ng_elm_exit(dev);
	return -ENOMEM;
}

/**
 * gs_usb_ng_elm_exit() - undo gs_usb_ng_elm_init()
 * @dev: the adapter, all channels closed
 *
 * Context: Process, sleeps; the USB device is locked.
 */
void gs_usb_ng_elm_exit(struct gs_usb_ng *dev)
{
	struct gs_elm *elm = dev->elm;
	unsigned int i;

	if (!elm)
		return;

	dev->elm = NULL;
	for (i = 0; i < ARRAY_SIZE(elm->tx); i++)
		gs_dma_pool_destroy(elm->tx[i].pool);
	gs_dma_pool_destroy(elm->rx_pool);
	gs_usb_ng_elm_release(elm);
	kfree(elm);
}
