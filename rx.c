// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bulk IN path: received frames, echoes and error frames of all channels.
 *
 * A completion handler looks at the status, puts the slot on a lock-free list and schedules
 * the one NAPI of the device. All else happens in the poll, in completion order: decoding,
 * echoes, sk_buffs, and submitting the transfer again. That keeps frames in order without
 * sorting, gives one context to reason about, and is back-pressure: a transfer goes back to
 * the device when its frame is on its way up, so a host that is late makes the device wait
 * instead of dropping frames itself.
 *
 * Completions come in hard interrupts, softirqs (with interrupts off on some controllers)
 * and process context; nothing here assumes which.
 */

#include <linux/netdevice.h>
#include <linux/timekeeping.h>
#include <linux/usb.h>
#include <linux/usb/hcd.h>

#include "gs_usb_ng.h"
#include "zerocopy.h"

/**
 * gs_usb_ng_poll_soon() - have the poll run
 * @dev: the adapter
 *
 * In process context BHs are held off around it, so that the softirq runs at once; anywhere else
 * that would be wrong, local_bh_enable() must not be called with interrupts off.
 *
 * Context: Any.
 */
void gs_usb_ng_poll_soon(struct gs_usb_ng *dev)
{
	if (hardirq_count() || softirq_count() || irqs_disabled()) {
		napi_schedule(&dev->napi);
		return;
	}

	local_bh_disable();
	napi_schedule(&dev->napi);
	local_bh_enable();
}

/* Keep a slot until the halt is cleared; that may just have been done without it */
static void gs_usb_ng_rx_hold(struct gs_usb_ng *dev, struct gs_dma_slot *slot)
{
	llist_add(&slot->node, &dev->rx_failed);
	queue_delayed_work(dev->wq, &dev->rx_retry, 1);
}

static void gs_usb_ng_rx_complete(struct urb *urb)
{
	struct gs_dma_slot *slot = urb->context;
	struct gs_usb_ng *dev = slot->priv;
	int status = urb->status;

	if (likely(!status)) {
		/* If the list wasn't empty, whoever made it so has seen to the poll */
		if (llist_add(&slot->node, &dev->rx_done))
			gs_usb_ng_poll_soon(dev);
		return;
	}

	if (gs_usb_ng_is_unlink(status)) {
		/* Killed to clear a halt: whoever does so submits it again. Or else parked:
		 * rx_close() finds it in the pool.
		 */
		if (test_bit(gs_usb_ng_rx_pipe(dev, slot), &dev->rx_halted))
			llist_add(&slot->node, &dev->rx_failed);
		return;
	}

	gs_usb_ng_dev_count(dev, GS_DEV_RX_URB_ERRORS);
	gs_usb_ng_rx_fault(dev, slot, status);
}

static void gs_usb_ng_rx_refuse(struct gs_usb_ng *dev, const struct gs_wire_rx *rx,
				enum gs_wire_verdict verdict, unsigned int len)
{
	struct device *log = &dev->intf->dev;

	switch (verdict) {
	case GS_WIRE_OK:
		break;
	case GS_WIRE_SHORT:
		gs_usb_ng_dev_count(dev, GS_DEV_RX_SHORT);
		if (gs_usb_ng_odd(dev, GS_ODD_SHORT))
			dev_warn(log, "IN transfer of %u bytes is shorter than its frame\n", len);
		break;
	case GS_WIRE_BAD_CHANNEL:
		gs_usb_ng_dev_count(dev, GS_DEV_RX_BAD_CHANNEL);
		if (gs_usb_ng_odd(dev, GS_ODD_CHANNEL))
			dev_warn(log, "frame from channel %u of %u\n", rx->channel,
				 dev->n_channels);
		break;
	case GS_WIRE_BAD_DLC:
		gs_usb_ng_count(dev->ch[rx->channel], GS_CH_RX_BAD_DLC);
		if (gs_usb_ng_odd(dev, GS_ODD_DLC))
			dev_warn(log, "channel %u: frame with DLC %u\n", rx->channel, rx->dlc);
		break;
	case GS_WIRE_BAD_FLAGS:
		gs_usb_ng_count(dev->ch[rx->channel], GS_CH_RX_BAD_FLAGS);
		if (gs_usb_ng_odd(dev, GS_ODD_FLAGS))
			dev_warn(log, "channel %u: frame with id %#x, flags %#x, DLC %u\n",
				 rx->channel, rx->can_id, rx->flags, rx->dlc);
		break;
	case GS_WIRE_FD_OFF:
		gs_usb_ng_count(dev->ch[rx->channel], GS_CH_RX_FD_OFF);
		if (gs_usb_ng_odd(dev, GS_ODD_FD))
			dev_warn(log, "channel %u: CAN FD frame, but FD is off\n", rx->channel);
		break;
	}
}

/**
 * gs_usb_ng_rx_ask_clock() - time of a frame that gs_clock_near() doesn't know
 * @dev: the adapter
 * @rx: the frame; echo_id and ts_us are looked at
 *
 * Firmware of the ELM family extends the 16 bits that its controller gives an echo, and may be
 * 65.5 ms off with it (protocol.md 5.1).
 *
 * Context: The poll.
 * Return: nanoseconds of CLOCK_REALTIME
 */
noinline u64 gs_usb_ng_rx_ask_clock(struct gs_usb_ng *dev, const struct gs_wire_rx *rx)
{
	bool exact = !dev->profile->elm || rx->echo_id == GS_ECHO_ID_RX;
	u64 mono = ktime_get_ns();

	/* The first frame ties the clock: the TIMESTAMP request may be answered with a stale
	 * time, or with 0 always (candleLight on STM32F4)
	 */
	if (unlikely(!READ_ONCE(dev->clock.started)))
		gs_clock_start(&dev->clock, rx->ts_us, mono, ktime_get_real_ns());

	return gs_clock_frame(&dev->clock, rx->ts_us, exact, mono, jiffies);
}

/* One flag stands for one or more frames that the device had no room for */
static void gs_usb_ng_rx_overflow(struct gs_channel *ch, u64 hwtstamp)
{
	const struct gs_wire_error err = { .ctrl_overflow = CAN_ERR_CRTL_RX_OVERFLOW };

	gs_usb_ng_count(ch, GS_CH_RX_OVERFLOW);
	gs_usb_ng_channel_error(ch, &err, hwtstamp);
}

static __always_inline struct sk_buff *gs_usb_ng_rx_skb(struct gs_channel *ch,
							struct gs_dma_slot *slot,
							const struct gs_wire_rx *rx, bool alone)
{
	bool len8_dlc = ch->can.ctrlmode & CAN_CTRLMODE_CC_LEN8_DLC;
	struct gs_zc_memory *mem = ch->dev->rx_memory;
	struct sk_buff *skb;

	if (alone && mem && (rx->fd ? CANFD_MTU : CAN_MTU) > READ_ONCE(ch->rx_copybreak)) {
		skb = gs_zc_rx_in_place(mem, slot, ch->netdev, rx, len8_dlc);
		if (!IS_ERR(skb)) {
			gs_usb_ng_count(ch, skb ? GS_CH_RX_IN_PLACE : GS_CH_RX_NO_SKB);
			return skb;
		}
		gs_usb_ng_count(ch, GS_CH_RX_NO_PAGE);
	}

	skb = gs_zc_rx_copy(ch->netdev, rx, len8_dlc);
	gs_usb_ng_count(ch, likely(skb) ? GS_CH_RX_COPIED : GS_CH_RX_NO_SKB);

	return skb;
}

static __always_inline void gs_usb_ng_rx_frame(struct gs_channel *ch, struct gs_dma_slot *slot,
					       const struct gs_wire_rx *rx, bool alone,
					       u64 hwtstamp)
{
	struct net_device_stats *stats = &ch->netdev->stats;
	struct sk_buff *skb;

	skb = gs_usb_ng_rx_skb(ch, slot, rx, alone);
	if (unlikely(!skb))
		return;

	stats->rx_packets++;
	stats->rx_bytes += rx->len;
	gs_zc_set_hwtstamp(skb, hwtstamp);
	netif_receive_skb(skb);
}

/* Handle one frame, which may keep the memory that it came in if it is there alone; returns the
 * channel that an echo completed a frame of, or NULL. Two copies: what isn't alone costs nothing.
 */
static __always_inline struct gs_channel *gs_usb_ng_rx_one(struct gs_usb_ng *dev,
							   struct gs_dma_slot *slot,
							   const struct gs_wire_rx *rx, bool alone)
{
	struct gs_wire_error err;
	struct gs_channel *ch;
	u64 hwtstamp;

	ch = dev->ch[rx->channel];
	/* Pairs with the release in gs_usb_ng_channel_start(): a running channel is complete */
	if (unlikely(!smp_load_acquire(&ch->running))) {
		gs_usb_ng_count(ch, GS_CH_RX_STOPPED);
		return NULL;
	}

	hwtstamp = gs_usb_ng_rx_time(dev, rx);

	if (unlikely(rx->flags & GS_FLAG_OVERFLOW))
		gs_usb_ng_rx_overflow(ch, hwtstamp);

	if (rx->echo_id != GS_ECHO_ID_RX) {
		gs_usb_ng_tx_echo(ch, rx, hwtstamp);
		return ch;
	}

	if (unlikely(rx->can_id & CAN_ERR_FLAG)) {
		gs_wire_parse_error(&err, rx, dev->profile->elm);
		gs_usb_ng_channel_error(ch, &err, hwtstamp);
	} else {
		gs_usb_ng_rx_frame(ch, slot, rx, alone, hwtstamp);
	}

	return NULL;
}

/* Is a transfer that is longer than its first frame nothing but frames? All or none: padding never
 * ends where a frame does, and of frames that nobody sent an echo is not owed.
 */
static noinline bool gs_usb_ng_rx_are_frames(struct gs_usb_ng *dev, const void *buf, size_t len)
{
	struct gs_wire_rx rx;
	size_t size;

	for (; len; buf += size, len -= size) {
		size = gs_wire_next(&rx, buf, len, dev->n_channels, dev->ch_mode);
		/* Pairs as in gs_usb_ng_rx_one() */
		if (!size || !smp_load_acquire(&dev->ch[rx.channel]->running))
			return false;
		if (rx.echo_id != GS_ECHO_ID_RX &&
		    !gs_usb_ng_tx_owes(dev->ch[rx.channel], rx.echo_id))
			return false;
	}

	return true;
}

/* They are: none of them may keep the memory in which the others are. Returns how many. */
static noinline int gs_usb_ng_rx_frames(struct gs_usb_ng *dev, const void *buf, size_t len)
{
	struct gs_channel *ch;
	struct gs_wire_rx rx;
	size_t size;
	int n = 0;

	for (; len; buf += size, len -= size) {
		size = gs_wire_next(&rx, buf, len, dev->n_channels, dev->ch_mode);
		/* Checked, but it is the device's memory, and a channel may stop meanwhile */
		if (!size)
			break;
		ch = gs_usb_ng_rx_one(dev, NULL, &rx, false);
		if (ch)
			gs_usb_ng_tx_tell_bql(ch);
		n++;
	}

	return n;
}

/* Bytes that a transfer brought */
static __always_inline unsigned int gs_usb_ng_rx_begin(struct gs_usb_ng *dev,
						       struct gs_dma_slot *slot)
{
	unsigned int len = slot->urb->actual_length;

	gs_usb_ng_dev_count(dev, GS_DEV_RX_TRANSFERS);
	if (unlikely(READ_ONCE(dev->rx_backoff))) {
		WRITE_ONCE(dev->rx_backoff, 0);
		WRITE_ONCE(dev->rx_good, true);
		gs_usb_ng_look(dev, 1);
	}
	/* CANtact Pro and CANable 2.5 send zero-length packets now and then */
	if (unlikely(!len))
		gs_usb_ng_dev_count(dev, GS_DEV_RX_EMPTY);
	else
		gs_dma_slot_for_cpu(slot, len);

	return len;
}

/* Handle one transfer; returns the channel that an echo completed a frame of, or NULL. Frames
 * beyond the first are added to @work.
 */
static struct gs_channel *gs_usb_ng_rx_transfer(struct gs_usb_ng *dev, struct gs_dma_slot *slot,
						int *work)
{
	unsigned int len = gs_usb_ng_rx_begin(dev, slot);
	enum gs_wire_verdict verdict;
	struct gs_wire_rx rx;
	unsigned int whole;

	if (unlikely(!len))
		return NULL;

	verdict = gs_wire_decode(&rx, slot->buf, len, dev->n_channels, dev->ch_mode);
	if (unlikely(verdict != GS_WIRE_OK)) {
		gs_usb_ng_rx_refuse(dev, &rx, verdict, len);
		return NULL;
	}

	/* One frame a transfer on every firmware known: what follows is padding, or more frames */
	whole = (rx.fd ? GS_FRAME_FD_LEN : GS_FRAME_CC_LEN) + (rx.has_ts ? GS_FRAME_TS_LEN : 0);
	if (unlikely(len > whole)) {
		if (gs_usb_ng_rx_are_frames(dev, slot->buf, len)) {
			*work += gs_usb_ng_rx_frames(dev, slot->buf, len) - 1;
			return NULL;
		}
		atomic64_add(len - whole, &dev->stat[GS_DEV_RX_TRAILING]);
	}

	return gs_usb_ng_rx_one(dev, slot, &rx, true);
}

/* The same for a device that packs many messages into one; returns how many they were */
static noinline int gs_usb_ng_rx_elm(struct gs_usb_ng *dev, struct gs_dma_slot *slot)
{
	unsigned int len = gs_usb_ng_rx_begin(dev, slot);

	return len ? gs_usb_ng_elm_rx(dev->ch[gs_usb_ng_rx_pipe(dev, slot)], slot->buf, len) : 1;
}

/**
 * gs_usb_ng_rx_submit() - give an IN slot to the device
 * @dev: the adapter
 * @slot: not on any list
 * @gfp: by context
 *
 * A slot is never lost: one that can't be submitted is tried again later, one of a stopped
 * pool is parked until the pool is closed.
 *
 * Context: Any.
 */
void gs_usb_ng_rx_submit(struct gs_usb_ng *dev, struct gs_dma_slot *slot, gfp_t gfp)
{
	int err;

	if (unlikely(READ_ONCE(dev->rx_halted)) &&
	    READ_ONCE(dev->rx_halted) & BIT(gs_usb_ng_rx_pipe(dev, slot))) {
		gs_usb_ng_rx_hold(dev, slot);
		return;
	}

	gs_dma_slot_for_device(slot, dev->rx_size);
	err = usb_submit_urb(slot->urb, gfp);
	/* Refused because it is killed for a halt that has just been found */
	if (unlikely(err == -EPERM) &&
	    READ_ONCE(dev->rx_halted) & BIT(gs_usb_ng_rx_pipe(dev, slot))) {
		gs_usb_ng_rx_hold(dev, slot);
		return;
	}
	/* Else -EPERM: the pool is stopped, the slot is parked */
	if (likely(!err) || gs_usb_ng_is_unlink(err))
		return;

	gs_usb_ng_dev_count(dev, GS_DEV_RX_SUBMIT_ERRORS);
	gs_usb_ng_rx_fault(dev, slot, err);
}

static struct gs_dma_slot *gs_usb_ng_rx_next(struct gs_usb_ng *dev)
{
	struct gs_dma_slot *slot;

	if (!dev->rx_backlog)
		dev->rx_backlog = llist_reverse_order(llist_del_all(&dev->rx_done));
	if (!dev->rx_backlog)
		return NULL;

	slot = llist_entry(dev->rx_backlog, struct gs_dma_slot, node);
	dev->rx_backlog = dev->rx_backlog->next;

	return slot;
}

static int gs_usb_ng_poll(struct napi_struct *napi, int budget)
{
	struct gs_usb_ng *dev = container_of(napi, struct gs_usb_ng, napi);
	struct gs_channel *ch, *last = NULL;
	struct gs_dma_slot *slot;
	int work = 0;

	gs_usb_ng_tx_reap_failed(dev);

	while (work < budget) {
		slot = gs_usb_ng_rx_next(dev);
		if (!slot)
			break;

		if (unlikely(dev->elm_on)) {
			work += gs_usb_ng_rx_elm(dev, slot);
			gs_usb_ng_rx_submit(dev, slot, GFP_ATOMIC);
			continue;
		}

		work++;
		ch = gs_usb_ng_rx_transfer(dev, slot, &work);
		if (ch && ch != last) {
			if (last)
				gs_usb_ng_tx_tell_bql(last);
			last = ch;
		}
		gs_usb_ng_rx_submit(dev, slot, GFP_ATOMIC);
	}

	if (last)
		gs_usb_ng_tx_tell_bql(last);

	if (work < budget)
		napi_complete_done(napi, work);

	/* A transfer of many frames is not left in the middle */
	return min(work, budget);
}

/**
 * gs_usb_ng_rx_open() - start to receive, unless that goes on already
 * @dev: the adapter; its lock is held
 *
 * Context: Process, sleeps.
 * Return: 0, -ENOMEM, -ENOSPC or -EBUSY if slots were leaked before, or what usb_submit_urb() says
 * of the first transfer. Later ones that fail are tried again by rx_retry.
 */
int gs_usb_ng_rx_open(struct gs_usb_ng *dev)
{
	struct gs_dma_slot *slot;
	unsigned int i;
	int err;

	lockdep_assert_held(&dev->lock);

	if (dev->rx_up)
		return 0;

	err = gs_dma_pool_warm_up(dev->rx_pool, dev->rx_ring);
	if (err)
		return err;

	for (i = 0; i < dev->rx_ring; i++) {
		slot = gs_dma_pool_get_or_acquire(dev->rx_pool, i, "rx");
		if (!slot) {
			err = -EBUSY;
			goto out_put;
		}
		usb_fill_bulk_urb(slot->urb, dev->udev, dev->pipe_in[gs_usb_ng_rx_pipe(dev, slot)],
				  slot->buf, dev->rx_size, gs_usb_ng_rx_complete, slot);
	}

	/* The device's time may begin anew */
	gs_clock_stop(&dev->clock);
	dev->clock_due = jiffies + GS_USB_NG_CLOCK_INTERVAL;
	dev->rx_since = jiffies;
	dev->rx_fails = 0;
	dev->rx_status = 0;
	dev->rx_halted = 0;
	dev->tx_halted = 0;
	dev->tx_held = false;
	dev->tx_since = jiffies;
	dev->tx_fails = 0;
	napi_enable(&dev->napi);
	gs_dma_pool_start(dev->rx_pool);
	dev->rx_up = true;

	slot = gs_dma_pool_slot(dev->rx_pool, 0);
	err = usb_submit_urb(slot->urb, GFP_KERNEL);
	if (err) {
		gs_usb_ng_rx_close(dev);
		return err;
	}
	for (i = 1; i < dev->rx_ring; i++)
		gs_usb_ng_rx_submit(dev, gs_dma_pool_slot(dev->rx_pool, i), GFP_KERNEL);

	return 0;

out_put:
	while (i--)
		gs_dma_slot_put(gs_dma_pool_slot(dev->rx_pool, i));
	gs_dma_pool_cool_down(dev->rx_pool);
	return err;
}

/**
 * gs_usb_ng_rx_close() - stop receiving and give the memory back; nothing if that is done
 * @dev: the adapter; its lock is held; no channel is running
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_rx_close(struct gs_usb_ng *dev)
{
	unsigned int i;

	lockdep_assert_held(&dev->lock);

	if (!dev->rx_up)
		return;

	dev->rx_up = false;
	gs_dma_pool_stop(dev->rx_pool);
	napi_disable(&dev->napi);
	/* It can't find a transfer that it could submit any more */
	cancel_delayed_work_sync(&dev->rx_retry);

	/* No channel would want it any more, but it came */
	while (gs_usb_ng_rx_next(dev))
		gs_usb_ng_dev_count(dev, GS_DEV_RX_UNREAD);
	llist_del_all(&dev->rx_failed);

	for (i = 0; i < dev->rx_ring; i++)
		gs_dma_slot_put(gs_dma_pool_slot(dev->rx_pool, i));
	gs_dma_pool_cool_down(dev->rx_pool);
}

/* Pages that frames can go up in, if this kernel has a page_pool; else coherent memory */
static struct gs_dma_pool *gs_usb_ng_rx_pool_create(struct gs_usb_ng *dev)
{
	struct usb_hcd *hcd = bus_to_hcd(dev->udev->bus);
	/* What lies in a controller's own memory is copied by the USB core */
	bool by_dma = hcd_uses_dma(hcd) && !hcd->localmem_pool;
	struct gs_dma_pool_params params = {
		.name = dev_name(&dev->intf->dev),
		.size = dev->rx_size,
		.align = GS_ZC_ALIGN,
		.offset = GS_ZC_OFFSET,
		.max = GS_USB_NG_RX_RING_MAX,
		.dir = DMA_FROM_DEVICE,
		.priv = dev,
	};
	struct gs_dma_pool *pool;

	dev->rx_memory = gs_zc_memory_create(by_dma ? dev->udev->bus->sysdev : NULL);
	if (!dev->rx_memory)
		return gs_usb_ng_pool_create(dev, &params);

	params.backend = &gs_zc_backend;
	params.ctx = dev->rx_memory;
	params.release = gs_zc_memory_destroy;
	pool = gs_dma_pool_create(&params);
	if (!pool)
		gs_zc_memory_destroy(dev->rx_memory);

	return pool;
}

/**
 * gs_usb_ng_rx_init() - make the poll and the pool, without memory yet
 * @dev: the adapter
 *
 * Context: Process, sleeps.
 * Return: 0 or -ENOMEM
 */
int gs_usb_ng_rx_init(struct gs_usb_ng *dev)
{
	dev->rx_ring = GS_USB_NG_RX_RING;
	init_llist_head(&dev->rx_done);
	init_llist_head(&dev->rx_failed);

	dev->rx_legacy = gs_usb_ng_rx_pool_create(dev);
	if (!dev->rx_legacy)
		return -ENOMEM;
	dev->rx_pool = dev->rx_legacy;

	dev->napi_dev = gs_compat_alloc_netdev_dummy();
	if (!dev->napi_dev) {
		gs_dma_pool_destroy(dev->rx_legacy);
		return -ENOMEM;
	}
	netif_napi_add(dev->napi_dev, &dev->napi, gs_usb_ng_poll);

	return 0;
}

/**
 * gs_usb_ng_rx_exit() - undo gs_usb_ng_rx_init()
 * @dev: the adapter, all channels closed
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_rx_exit(struct gs_usb_ng *dev)
{
	netif_napi_del(&dev->napi);
	gs_compat_free_netdev_dummy(dev->napi_dev);
	gs_dma_pool_destroy(dev->rx_legacy);
}
