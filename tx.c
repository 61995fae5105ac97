// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames to send: from the queue into a slot, out through the bulk OUT pipe, and done when
 * the device echoes them.
 *
 * A slot has two independent owners, the OUT transfer and the echo that is owed; each holds
 * a reference, and they finish in either order. What makes a frame complete exactly once is
 * GS_TX_OWED: whoever clears it owns the skb and the bytes that BQL counts. That is the
 * poll for an echo and for a failed transfer, and process context for a channel that was
 * stopped, once the queue is off and no poll is looking at it (gs_usb_ng_tx_drop_owed()).
 *
 * A transfer that failed on the wire may have brought the device its frame, and one that the device
 * says it has dropped may have been sent after that. Such a frame has failed, but until the echo
 * comes, or the channel is reset, its slot and its place in the device are nobody else's: see
 * GS_TX_ASIDE.
 *
 * Nothing is allocated and nothing is mapped per frame.
 */

#include <linux/can/dev.h>
#include <linux/can/length.h>
#include <linux/can/skb.h>
#include <linux/netdevice.h>
#include <linux/usb.h>
#include <net/netdev_queues.h>

#include "gs_usb_ng.h"
#include "zerocopy.h"

/* A frame that was overtaken is given up after so many times its age even if IN transfers fail; and
 * that it was missed so long ago says nothing any more
 */
#define GS_TX_PATIENCE	4

/* The id of a slot's next frame */
static inline u32 gs_usb_ng_tx_new_id(const struct gs_usb_ng *dev, struct gs_tx_frame *frame,
				      unsigned int slot)
{
	if (READ_ONCE(dev->generation) == GS_GENERATION_OFF)
		return slot;

	frame->turn = gs_profile_next_turn(dev->profile, frame->turn);

	return gs_profile_echo_id(dev->profile, slot, frame->turn);
}

/**
 * gs_usb_ng_tx_room() - how many more frames may a channel send now?
 * @ch: the channel
 *
 * Context: Any.
 * Return: slots; less than 0 if the limit has been lowered since
 */
int gs_usb_ng_tx_room(const struct gs_channel *ch)
{
	return (int)READ_ONCE(ch->tx_limit) - (int)gs_dma_pool_in_use(ch->tx_pool);
}

/**
 * gs_usb_ng_tx_wake() - let the queue go on if there is room
 * @ch: the channel
 *
 * Called after a slot has come back or the limit has grown. Never wakes a channel that is not
 * running, in bus-off or held: those are woken when that is over.
 *
 * Context: Any.
 */
void gs_usb_ng_tx_wake(struct gs_channel *ch)
{
	/* The slot's return before the look at the queue state; pairs with the barrier in
	 * netif_txq_try_stop()
	 */
	smp_mb();
	if (netif_queue_stopped(ch->netdev) && READ_ONCE(ch->running) &&
	    READ_ONCE(ch->can.state) != CAN_STATE_BUS_OFF && !READ_ONCE(ch->dev->tx_held) &&
	    gs_usb_ng_tx_room(ch) > 0)
		netif_wake_queue(ch->netdev);
}

static inline void gs_usb_ng_tx_put(struct gs_channel *ch, struct gs_dma_slot *slot)
{
	if (gs_dma_slot_put(slot))
		gs_usb_ng_tx_wake(ch);
}

/* The next slot in use, from number *@i on; with a reference to put. NULL after the last. */
static struct gs_dma_slot *gs_usb_ng_tx_next(struct gs_channel *ch, unsigned int *i)
{
	struct gs_dma_slot *slot = NULL;

	while (!slot && *i < ch->dev->profile->in_flight_channel)
		slot = gs_dma_pool_lookup(ch->tx_pool, (*i)++);

	return slot;
}

static void gs_usb_ng_tx_mark_failed(struct gs_channel *ch, struct gs_tx_frame *frame)
{
	set_bit(GS_TX_FAILED, &frame->state);
	/* The frame's mark before the channel's, the channel's before the device's; the poll
	 * takes them in the reverse order
	 */
	atomic_set_release(&ch->tx_failed, 1);
	atomic_set_release(&ch->dev->tx_failed, 1);
}

/* Can the device have got a frame whose transfer ended like that? Not behind a halt: it refuses all
 * until that is cleared, and what was queued is killed before.
 */
static bool gs_usb_ng_tx_may_be_there(int status)
{
	return status != -EPIPE && !gs_usb_ng_is_unlink(status);
}

/* A transfer failed on its way */
static void gs_usb_ng_tx_failed(struct gs_channel *ch, struct gs_tx_frame *frame, int status)
{
	if (gs_usb_ng_tx_may_be_there(status))
		set_bit(GS_TX_DOUBTFUL, &frame->state);
	gs_usb_ng_tx_mark_failed(ch, frame);
}

/* No echo is to be waited for any more: the poll drops it */
static void gs_usb_ng_tx_lose(struct gs_channel *ch, struct gs_tx_frame *frame)
{
	gs_usb_ng_count(ch, GS_CH_ECHO_LOST);
	gs_usb_ng_tx_mark_failed(ch, frame);
}

static void gs_usb_ng_tx_complete(struct urb *urb)
{
	struct gs_dma_slot *slot = urb->context;
	struct gs_channel *ch = slot->priv;
	struct gs_usb_ng *dev = ch->dev;
	int status = urb->status;

	if (likely(!status)) {
		gs_usb_ng_tx_put(ch, slot);
		return;
	}

	/* Unlinked: whoever stops the channel drops what is owed, but that a halted endpoint is
	 * cleared stops no channel
	 */
	if (gs_usb_ng_is_unlink(status) && !READ_ONCE(dev->tx_halted)) {
		gs_dma_slot_put(slot);
		return;
	}

	gs_usb_ng_count(ch, GS_CH_TX_URB_ERRORS);
	gs_usb_ng_tx_failed(ch, &ch->frame[slot->index], status);
	gs_usb_ng_tx_put(ch, slot);
	gs_usb_ng_tx_fault(ch, status);
	gs_usb_ng_poll_soon(dev);
}

static noinline void gs_usb_ng_tx_refused(struct gs_channel *ch, struct gs_dma_slot *slot, int err)
{
	gs_usb_ng_count(ch, GS_CH_TX_URB_ERRORS);
	gs_usb_ng_tx_mark_failed(ch, &ch->frame[slot->index]);
	gs_usb_ng_tx_put(ch, slot);
	gs_usb_ng_tx_fault(ch, err);
}

/**
 * gs_usb_ng_tx_transferred() - the transfer is over that carried a frame among others
 * @ch: the channel
 * @index: the frame's slot
 * @status: 0, also if it was unlinked to stop the channel, or why it failed; -EPERM: it was never
 *	submitted. The caller has the poll drop the frames of one that failed.
 *
 * Context: Any.
 */
void gs_usb_ng_tx_transferred(struct gs_channel *ch, unsigned int index, int status)
{
	if (unlikely(status))
		gs_usb_ng_tx_failed(ch, &ch->frame[index], status);
	gs_usb_ng_tx_put(ch, gs_dma_pool_slot(ch->tx_pool, index));
}

/* Give an encoded frame to the device. The transfer's reference is held. If it is refused, the
 * frame has been marked and the caller has the poll drop it.
 */
static inline bool gs_usb_ng_tx_submit(struct gs_channel *ch, struct gs_dma_slot *slot)
{
	int err = usb_submit_urb(slot->urb, GFP_ATOMIC);

	if (likely(!err))
		return true;

	gs_usb_ng_tx_refused(ch, slot, err);
	return false;
}

/* Take one of the device's places; false when it holds as many frames as its firmware can take */
static bool gs_usb_ng_tx_take_place(struct gs_usb_ng *dev)
{
	int n = atomic_read(&dev->tx_in_flight);

	do {
		if (unlikely(n >= (int)dev->tx_cap))
			return false;
	} while (!atomic_try_cmpxchg(&dev->tx_in_flight, &n, n + 1));

	return true;
}

/* Submit frames that waited for a place, oldest first. Frames wait when there are more open
 * channels than places, and while a channel has more in flight than its share since another was
 * opened. Else the shares add up to no more than the cap.
 */
static void gs_usb_ng_tx_submit_waiting(struct gs_usb_ng *dev)
{
	struct gs_tx_frame *frame;
	struct gs_dma_slot *slot;
	struct gs_channel *ch;
	unsigned long flags;
	bool failed = false;

	spin_lock_irqsave(&dev->tx_wait_lock, flags);
	while (!list_empty(&dev->tx_waiting) && gs_usb_ng_tx_take_place(dev)) {
		frame = list_first_entry(&dev->tx_waiting, struct gs_tx_frame, waiting);
		ch = dev->ch[frame->channel];
		slot = gs_dma_pool_slot(ch->tx_pool, frame - ch->frame);
		WRITE_ONCE(frame->sent, jiffies);
		failed |= !gs_usb_ng_tx_submit(ch, slot);
		/* Not before: while the list isn't empty no later frame overtakes */
		list_del_init(&frame->waiting);
	}
	spin_unlock_irqrestore(&dev->tx_wait_lock, flags);

	if (unlikely(failed))
		gs_usb_ng_poll_soon(dev);
}

/* Does a frame wait for a place? */
static bool gs_usb_ng_tx_waits(const struct gs_tx_frame *frame)
{
	/* Without the lock: where it matters is who looks for frames that have been out for long,
	 * and one that just began or ceased to wait is none
	 */
	return data_race(!list_empty(&frame->waiting));
}

static void gs_usb_ng_tx_leave_place(struct gs_usb_ng *dev)
{
	/* Full barrier: pairs with the one in gs_usb_ng_tx_wait() */
	if (atomic_dec_return(&dev->tx_in_flight) < (int)dev->tx_cap &&
	    unlikely(!list_empty(&dev->tx_waiting)))
		gs_usb_ng_tx_submit_waiting(dev);
}

static void gs_usb_ng_tx_wait(struct gs_channel *ch, struct gs_tx_frame *frame)
{
	struct gs_usb_ng *dev = ch->dev;
	unsigned long flags;

	gs_usb_ng_count(ch, GS_CH_TX_WAITED);
	spin_lock_irqsave(&dev->tx_wait_lock, flags);
	list_add_tail(&frame->waiting, &dev->tx_waiting);
	spin_unlock_irqrestore(&dev->tx_wait_lock, flags);

	/* The list before the count: a place left meanwhile must not be missed */
	smp_mb();
	gs_usb_ng_tx_submit_waiting(dev);
}

/* The rest of gs_usb_ng_tx() for the protocol that has many frames in a transfer */
static noinline void gs_usb_ng_tx_elm(struct gs_channel *ch, struct gs_dma_slot *slot,
				      struct sk_buff *skb, bool is_fd)
{
	gs_usb_ng_elm_tx(ch, slot, skb, is_fd);
	if (!netif_subqueue_maybe_stop(ch->netdev, 0, gs_usb_ng_tx_room(ch), 1, 1))
		gs_usb_ng_elm_flush(ch);

	/* The frame in flight before the look: see gs_usb_ng_rest() */
	smp_mb();
	if (unlikely(!READ_ONCE(ch->dev->watching)))
		gs_usb_ng_watch(ch->dev);
}

/**
 * gs_usb_ng_tx() - ndo_start_xmit
 * @skb: a CAN frame; consumed
 * @netdev: the channel
 *
 * The queue is stopped when the last slot is taken, so there always is one; should there be
 * none all the same the frame is dropped and counted.
 *
 * Context: BHs disabled, one at a time (__netif_tx_lock).
 * Return: NETDEV_TX_OK
 */
netdev_tx_t gs_usb_ng_tx(struct sk_buff *skb, struct net_device *netdev)
{
	struct gs_channel *ch = netdev_priv(netdev);
	struct gs_usb_ng *dev = ch->dev;
	struct gs_tx_frame *frame;
	struct gs_dma_slot *slot;
	bool is_fd;

	if (can_dev_dropped_skb(netdev, skb))
		goto out_none;

	/* A wake that crossed with gs_usb_ng_channel_stop(), whose netif_tx_disable() waited for
	 * us or saw to it that we see this. Pairs with the release in gs_usb_ng_channel_start(): of
	 * a running channel gs_channel.wire is complete.
	 */
	if (unlikely(!smp_load_acquire(&ch->running))) {
		netif_stop_queue(netdev);
		/* It may have been started, and woken, since that look */
		gs_usb_ng_tx_wake(ch);
		netdev->stats.tx_dropped++;
		kfree_skb(skb);
		return NETDEV_TX_OK;
	}

	/* The core drops these from 6.19 on; before, a packet socket gets them this far. One with
	 * a TX ring still does with frames that are not where the others are.
	 */
	is_fd = can_is_canfd_skb(skb);
	if (unlikely(skb_is_nonlinear(skb)) || !(is_fd ? ch->wire.fd : can_is_can_skb(skb))) {
		netdev->stats.tx_dropped++;
		kfree_skb(skb);
		goto out_none;
	}

	slot = gs_dma_pool_acquire(ch->tx_pool, "tx");
	if (unlikely(!slot)) {
		gs_usb_ng_count(ch, GS_CH_TX_NO_SLOT);
		netif_stop_queue(netdev);
		gs_usb_ng_tx_wake(ch);
		kfree_skb(skb);
		goto out_none;
	}

	frame = &ch->frame[slot->index];
	frame->echo_id = gs_usb_ng_tx_new_id(dev, frame, slot->index);
	frame->frame_len = can_skb_get_frame_len(skb);
	frame->data_len = can_skb_get_data_len(skb);

	if (unlikely(dev->elm_on)) {
		gs_usb_ng_tx_elm(ch, slot, skb, is_fd);
		return NETDEV_TX_OK;
	}

	slot->urb->transfer_buffer_length =
		gs_wire_encode(slot->buf, &ch->wire, frame->echo_id,
			       (const struct canfd_frame *)skb->data, is_fd);
	gs_dma_slot_for_device(slot, slot->urb->transfer_buffer_length);

	skb = gs_zc_echo_skb(skb, netdev);
	if (unlikely(!skb)) {
		gs_usb_ng_count(ch, GS_CH_TX_NO_SKB);
		gs_dma_slot_put(slot);
		return NETDEV_TX_OK;
	}
	frame->skb = skb;

	/* Whether more frames follow (netdev_xmit_more()) makes no difference: that would be to
	 * ring a device's doorbell once for all of them, and here each is a transfer of its own,
	 * on its way when usb_submit_urb() returns. And BQL stops the queue at the frame that fills
	 * it, not at the last one of a batch, which may be dropped above.
	 */
	netdev_sent_queue(netdev, frame->frame_len);
	gs_dma_slot_get(slot);
	WRITE_ONCE(frame->sent, jiffies);
	/* All of the frame before it can be completed, by an honest device or another one; pairs
	 * with the acquire in gs_usb_ng_tx_echo()
	 */
	smp_store_release(&frame->state, BIT(GS_TX_OWED));

	if (unlikely(!list_empty(&dev->tx_waiting)) || !gs_usb_ng_tx_take_place(dev))
		gs_usb_ng_tx_wait(ch, frame);
	else if (!gs_usb_ng_tx_submit(ch, slot))
		gs_usb_ng_poll_soon(dev);

	netif_subqueue_maybe_stop(netdev, 0, gs_usb_ng_tx_room(ch), 1, 1);

	/* Behind the full barrier of taking a place, or of waiting for one: see gs_usb_ng_rest() */
	if (unlikely(!READ_ONCE(dev->watching)))
		gs_usb_ng_watch(dev);

	return NETDEV_TX_OK;

out_none:
	/* No frame joins those that wait for one, and perhaps none will before they are done */
	if (unlikely(dev->elm_on))
		gs_usb_ng_elm_flush(ch);
	return NETDEV_TX_OK;
}

/* The device has done with a frame: its place and its slot are free. The caller has cleared what
 * made it its own, GS_TX_OWED or GS_TX_ASIDE.
 */
static void gs_usb_ng_tx_release(struct gs_channel *ch, struct gs_dma_slot *slot)
{
	gs_usb_ng_tx_leave_place(ch->dev);
	gs_usb_ng_tx_put(ch, slot);
}

static void gs_usb_ng_tx_complete_bql(struct gs_channel *ch, const struct gs_tx_frame *frame)
{
	ch->bql_pkts++;
	ch->bql_bytes += frame->frame_len;
}

/* The caller has cleared GS_TX_OWED and so owns the frame: give back all but the skb */
static void gs_usb_ng_tx_settle(struct gs_channel *ch, struct gs_dma_slot *slot,
				struct gs_tx_frame *frame)
{
	gs_usb_ng_tx_complete_bql(ch, frame);
	gs_usb_ng_tx_release(ch, slot);
}

/* The same for a frame that failed, and that the device may have */
static void gs_usb_ng_tx_put_aside(struct gs_channel *ch, struct gs_tx_frame *frame)
{
	gs_usb_ng_count(ch, GS_CH_TX_ASIDE);
	kfree_skb(frame->skb);
	gs_usb_ng_tx_complete_bql(ch, frame);
	/* The last that is done to it here: who clears this has the slot */
	set_bit(GS_TX_ASIDE, &frame->state);
}

/**
 * gs_usb_ng_tx_tell_bql() - report what was completed since the last call
 * @ch: the channel
 *
 * Context: The poll, or process context with the poll synchronised.
 */
void gs_usb_ng_tx_tell_bql(struct gs_channel *ch)
{
	if (!ch->bql_pkts)
		return;

	netdev_completed_queue(ch->netdev, ch->bql_pkts, ch->bql_bytes);
	ch->bql_pkts = 0;
	ch->bql_bytes = 0;
}

static void gs_usb_ng_tx_drop(struct gs_channel *ch, struct gs_dma_slot *slot,
			      struct gs_tx_frame *frame)
{
	kfree_skb(frame->skb);
	gs_usb_ng_tx_settle(ch, slot, frame);
}

/* Is it the id that was sent? A firmware that keeps less of it than thought is found out by its
 * first echo; late echoes are not told apart on such a device from then on.
 */
static bool gs_usb_ng_tx_same_id(struct gs_channel *ch, u32 sent, u32 got)
{
	struct gs_usb_ng *dev = ch->dev;

	if (likely(sent == got)) {
		if (unlikely(dev->generation == GS_GENERATION_TRYING) &&
		    got != gs_profile_id_slot(dev->profile, got))
			WRITE_ONCE(dev->generation, GS_GENERATION_ON);
		return true;
	}

	if (!dev->profile->turns || gs_profile_id_slot(dev->profile, sent) != got)
		return false;

	if (dev->generation == GS_GENERATION_TRYING) {
		dev_info(&dev->intf->dev,
			 "firmware truncates echo ids, late echoes can't be told apart\n");
		WRITE_ONCE(dev->generation, GS_GENERATION_OFF);
	}

	return dev->generation == GS_GENERATION_OFF;
}

/* Was the slot kept aside for this echo? Then the device had the frame, and has it no more. */
static bool gs_usb_ng_tx_back(struct gs_channel *ch, struct gs_dma_slot *slot, u32 echo_id)
{
	struct gs_tx_frame *frame = &ch->frame[slot->index];

	if (!test_bit(GS_TX_ASIDE, &frame->state) ||
	    !gs_usb_ng_tx_same_id(ch, frame->echo_id, echo_id) ||
	    !test_and_clear_bit(GS_TX_ASIDE, &frame->state))
		return false;

	/* It is a sign of life like any other echo, but may come late */
	if ((long)((unsigned long)slot->seq - READ_ONCE(ch->echo_seq)) > 0)
		WRITE_ONCE(ch->echo_seq, (unsigned long)slot->seq);
	WRITE_ONCE(ch->echo_stamp, jiffies);
	gs_usb_ng_tx_release(ch, slot);
	return true;
}

/* Firmware that keeps what it had over a new start echoes it for that long after */
#define GS_ECHO_FROM_BEFORE	msecs_to_jiffies(2000)

static void gs_usb_ng_tx_odd_echo(struct gs_channel *ch, enum gs_odd kind, const char *what,
				  u32 echo_id)
{
	if (time_after(jiffies, READ_ONCE(ch->start_stamp) + GS_ECHO_FROM_BEFORE) &&
	    gs_usb_ng_odd(ch->dev, kind))
		netdev_warn(ch->netdev, "%s, echo id %#x\n", what, echo_id);
}

/* An echo that nobody waits for: of a slot that is free, or that has been completed and only waits
 * for the end of its transfer
 */
static noinline void gs_usb_ng_tx_not_owed(struct gs_channel *ch, u32 id, u32 echo_id)
{
	struct gs_dma_slot *slot = gs_dma_pool_lookup(ch->tx_pool, id);

	if (slot) {
		gs_usb_ng_count(ch, GS_CH_ECHO_DUPLICATE);
		if (!gs_usb_ng_tx_back(ch, slot, echo_id))
			gs_usb_ng_tx_odd_echo(ch, GS_ODD_ECHO_DONE, "echo of a frame that is done",
					      echo_id);
		gs_usb_ng_tx_put(ch, slot);
		return;
	}

	gs_usb_ng_count(ch, GS_CH_ECHO_UNKNOWN);
	gs_usb_ng_tx_odd_echo(ch, GS_ODD_ECHO_UNKNOWN, "echo of a frame that is not out", echo_id);
}

/**
 * gs_usb_ng_tx_echo() - the device says that a frame was sent
 * @ch: the channel, running
 * @rx: the echo; nothing but its id can be relied on
 * @hwtstamp: ns, 0 for none
 *
 * An echo for a slot that isn't in use, of another generation, or of a frame that was
 * completed before is counted and dropped.
 *
 * Context: The poll.
 */
void gs_usb_ng_tx_echo(struct gs_channel *ch, const struct gs_wire_rx *rx, u64 hwtstamp)
{
	u32 id = rx->echo_id;
	struct gs_tx_frame *frame;
	struct gs_dma_slot *slot;
	struct sk_buff *skb;

	if (READ_ONCE(ch->dev->generation) != GS_GENERATION_OFF)
		id = gs_profile_id_slot(ch->dev->profile, id);

	slot = gs_dma_pool_slot(ch->tx_pool, id);
	/* No reference is needed: a frame that is owed has one for its echo, and while the channel
	 * runs nobody but the poll settles frames. OWED is the last thing that xmit sets (its
	 * release pairs with this acquire).
	 */
	if (unlikely(!slot || !(smp_load_acquire(&ch->frame[id].state) & BIT(GS_TX_OWED)))) {
		gs_usb_ng_tx_not_owed(ch, id, rx->echo_id);
		return;
	}

	frame = &ch->frame[id];
	if (unlikely(!gs_usb_ng_tx_same_id(ch, frame->echo_id, rx->echo_id))) {
		gs_usb_ng_count(ch, GS_CH_ECHO_STALE);
		gs_usb_ng_tx_odd_echo(ch, GS_ODD_ECHO_STALE, "stale echo", rx->echo_id);
		return;
	}
	/* The completion of the transfer and gs_usb_ng_tx_check_age() may set FAILED meanwhile */
	clear_bit(GS_TX_OWED, &frame->state);

	WRITE_ONCE(ch->echo_seq, (unsigned long)slot->seq);
	WRITE_ONCE(ch->echo_stamp, jiffies);
	ch->netdev->stats.tx_packets++;
	ch->netdev->stats.tx_bytes += frame->data_len;

	skb = gs_zc_echo_done(frame->skb, hwtstamp);
	gs_usb_ng_tx_settle(ch, slot, frame);
	if (skb)
		netif_receive_skb(skb);
}

/**
 * gs_usb_ng_tx_owes() - is this the echo of a frame that is out, or may be?
 * @ch: the channel, running
 * @echo_id: as received, all of it
 *
 * Context: The poll.
 * Return: true for a frame that is owed, or whose slot is kept aside
 */
bool gs_usb_ng_tx_owes(const struct gs_channel *ch, u32 echo_id)
{
	struct gs_dma_slot *slot;
	u32 id = echo_id;

	if (READ_ONCE(ch->dev->generation) != GS_GENERATION_OFF)
		id = gs_profile_id_slot(ch->dev->profile, id);
	slot = gs_dma_pool_slot(ch->tx_pool, id);
	/* Pairs as in gs_usb_ng_tx_echo() */
	return slot && smp_load_acquire(&ch->frame[slot->index].state) &
	       (BIT(GS_TX_OWED) | BIT(GS_TX_ASIDE)) &&
	       ch->frame[slot->index].echo_id == echo_id;
}

/**
 * gs_usb_ng_tx_missed_bus_off() - a channel is in bus-off, and no error frame has told
 * @ch: the channel, running
 *
 * What an error frame does is done by the poll. It looks at this channel as if a frame of it had
 * failed.
 *
 * Context: Any.
 */
void gs_usb_ng_tx_missed_bus_off(struct gs_channel *ch)
{
	set_bit(GS_EV_MISSED_BUS_OFF, &ch->events);
	atomic_set_release(&ch->tx_failed, 1);
	atomic_set_release(&ch->dev->tx_failed, 1);
	gs_usb_ng_poll_soon(ch->dev);
}

/**
 * gs_usb_ng_tx_reap_failed() - drop the frames whose OUT transfers failed, or were given up
 * @dev: the adapter
 *
 * Context: The poll.
 */
void gs_usb_ng_tx_reap_failed(struct gs_usb_ng *dev)
{
	static const struct gs_wire_error bus_off = {
		.has_state = true,
		.tx_state = CAN_STATE_BUS_OFF,
		.rx_state = CAN_STATE_BUS_OFF,
	};
	const unsigned long failed = BIT(GS_TX_FAILED) | BIT(GS_TX_OWED);
	struct gs_tx_frame *frame;
	struct gs_dma_slot *slot;
	struct gs_channel *ch;
	unsigned int i, next;

	if (likely(!atomic_read(&dev->tx_failed)) || !atomic_xchg(&dev->tx_failed, 0))
		return;

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		/* Pairs with the release that let the channel run */
		if (!smp_load_acquire(&ch->running) || !atomic_xchg(&ch->tx_failed, 0))
			continue;	/* a stopped channel drops all that is owed */

		for (next = 0; (slot = gs_usb_ng_tx_next(ch, &next));
		     gs_usb_ng_tx_put(ch, slot)) {
			frame = &ch->frame[slot->index];
			/* Both at once: FAILED may be the last frame's, OWED the next one's */
			if ((READ_ONCE(frame->state) & failed) == failed &&
			    test_and_clear_bit(GS_TX_OWED, &frame->state)) {
				ch->netdev->stats.tx_errors++;
				if (test_bit(GS_TX_DOUBTFUL, &frame->state))
					gs_usb_ng_tx_put_aside(ch, frame);
				else
					gs_usb_ng_tx_drop(ch, slot, frame);
			}
		}
		gs_usb_ng_tx_tell_bql(ch);
		if (test_and_clear_bit(GS_EV_MISSED_BUS_OFF, &ch->events))
			gs_usb_ng_channel_error(ch, &bus_off, 0);
		/* Don't spin on a pipe that fails. Wakes it if that is over already. */
		if (READ_ONCE(dev->tx_held)) {
			netif_stop_queue(ch->netdev);
			gs_usb_ng_tx_wake(ch);
		}
	}
}

/* A frame that has been in flight for too long, and nothing has come back for as long */
static void gs_usb_ng_tx_add_overdue(struct gs_tx_view *view, const struct gs_dma_slot *slot,
				     const struct gs_tx_frame *frame, bool owed)
{
	unsigned long sent = READ_ONCE(frame->sent);

	if (view->age != GS_TX_OLD || (long)(view->oldest - (unsigned long)slot->seq) > 0) {
		view->oldest = slot->seq;
		view->since = sent;
	}
	view->age = GS_TX_OLD;
	view->overdue++;

	/* The caller's reference, the echo's, and one more: the transfer's */
	if (atomic_read(&slot->ref) <= 1 + owed)
		return;
	if (!view->hung++ || time_before(sent, view->hung_since))
		view->hung_since = sent;
}

/**
 * gs_usb_ng_tx_lost() - the device says that it has dropped the frames it had
 * @ch: the channel, running
 *
 * A frame whose transfer is not over was not among them. Neither were those that were sent
 * since: it says so 100 ms later at most (protocol.md 4.8), and behind all that waits for the
 * host. So each fails, but its slot is kept aside.
 *
 * Context: The poll.
 */
void gs_usb_ng_tx_lost(struct gs_channel *ch)
{
	struct gs_tx_frame *frame;
	struct gs_dma_slot *slot;
	unsigned int next = 0;
	unsigned long state;

	for (; (slot = gs_usb_ng_tx_next(ch, &next)); gs_usb_ng_tx_put(ch, slot)) {
		frame = &ch->frame[slot->index];
		/* Then it is this frame's reference; pairs with the release in xmit */
		state = smp_load_acquire(&frame->state);
		/* One reference for the echo, and ours. It may say so twice before the poll
		 * comes to it.
		 */
		if (!(state & BIT(GS_TX_OWED)) || state & BIT(GS_TX_FAILED) ||
		    atomic_read(&slot->ref) != 2)
			continue;
		set_bit(GS_TX_DOUBTFUL, &frame->state);
		gs_usb_ng_tx_lose(ch, frame);
	}
	gs_usb_ng_poll_soon(ch->dev);
}

/* A frame is about to be given up. Not before it was missed for a while: a host, or a device, that
 * stood still for a second may be just about to come to its echo. While IN transfers that failed
 * wait to be tried again nothing can be missed, but that is no reason to wait for ever.
 */
static bool gs_usb_ng_tx_is_sure(struct gs_channel *ch, struct gs_tx_frame *frame,
				 unsigned long age)
{
	unsigned long patience = GS_TX_PATIENCE * age;
	unsigned long left = GS_LOOK_AGAIN;

	if (delayed_work_pending(&ch->dev->rx_retry) &&
	    time_before(jiffies, READ_ONCE(frame->sent) + patience)) {
		clear_bit(GS_TX_MISSED, &frame->state);
	} else if (!test_and_set_bit(GS_TX_MISSED, &frame->state) ||
		   time_after(jiffies, frame->missed + patience)) {
		frame->missed = jiffies;
	} else {
		/* Others may have wanted a look in the meantime */
		left = frame->missed + GS_LOOK_AGAIN - jiffies;
		if ((long)left <= 0)
			return true;
	}

	ch->view.due = min(ch->view.due, left);
	return false;
}

/* A slot that has been kept aside for the time in which an echo is due. Has a newer frame been
 * echoed, it is free where a late echo would be known for what it is, and on CANable 2.5, which
 * keeps the order. That echoes one frame after the other or drops them all (protocol.md 4.5, 4.9):
 * after a while without an echo there is none left.
 */
static void gs_usb_ng_tx_check_aside(struct gs_channel *ch, struct gs_dma_slot *slot,
				     struct gs_tx_frame *frame, unsigned long age, bool give_up)
{
	bool overtaken = (long)(READ_ONCE(ch->echo_seq) - (unsigned long)slot->seq) > 0;
	unsigned long now = jiffies, echo = READ_ONCE(ch->echo_stamp) + age;
	bool elm = ch->dev->profile->elm;

	if (elm && !overtaken && time_before(now, echo))
		ch->view.due = min(ch->view.due, echo - now);
	else if (!elm && !(give_up && overtaken))
		ch->view.aside++;
	else if (gs_usb_ng_tx_is_sure(ch, frame, age) &&
		 test_and_clear_bit(GS_TX_ASIDE, &frame->state))
		gs_usb_ng_tx_release(ch, slot);
}

/**
 * gs_usb_ng_tx_check_age() - is an echo overdue? The answer is in gs_channel.view
 * @ch: the channel, running; lock held
 * @age: since when an echo is overdue, jiffies
 * @give_up: the slot of a frame that is owed may be used again though its echo might come late
 *
 * A frame whose successor has come back will not be echoed any more. With @give_up it is marked for
 * the poll, which drops it, when a look GS_LOOK_AGAIN later finds it still there. As long as frames
 * come back at all, the others wait for their turn on a busy bus.
 *
 * Context: Process.
 */
void gs_usb_ng_tx_check_age(struct gs_channel *ch, unsigned long age, bool give_up)
{
	unsigned long now = jiffies, echo = READ_ONCE(ch->echo_stamp) + age, due;
	struct gs_tx_frame *frame;
	struct gs_dma_slot *slot;
	struct gs_tx_view *view = &ch->view;
	unsigned int next = 0;
	bool owed;

	*view = (struct gs_tx_view){ .age = GS_TX_FRESH, .due = ULONG_MAX };

	for (; (slot = gs_usb_ng_tx_next(ch, &next)); gs_usb_ng_tx_put(ch, slot)) {
		frame = &ch->frame[slot->index];
		/* One that waits for a place has not been sent yet */
		if (gs_usb_ng_tx_waits(frame))
			continue;

		owed = test_bit(GS_TX_OWED, &frame->state);
		due = READ_ONCE(frame->sent) + age;
		if (time_before(now, due)) {
			view->due = min(view->due, due - now);
		} else if (test_bit(GS_TX_ASIDE, &frame->state)) {
			gs_usb_ng_tx_check_aside(ch, slot, frame, age, give_up);
		} else if (owed &&
			   (long)(READ_ONCE(ch->echo_seq) - (unsigned long)slot->seq) > 0) {
			view->age = max(view->age, GS_TX_OVERTAKEN);
			/* The poll may not have come round to it since the last look */
			if (!give_up || test_bit(GS_TX_FAILED, &frame->state) ||
			    !gs_usb_ng_tx_is_sure(ch, frame, age))
				continue;
			gs_usb_ng_tx_lose(ch, frame);
			/* In one-shot mode it may be that of a frame that was not sent */
			if (!gs_usb_ng_one_shot(ch) &&
			    gs_usb_ng_odd(ch->dev, GS_ODD_ECHO_LOST))
				netdev_warn(ch->netdev, "frame given up without an echo, echo id %#x\n",
					    frame->echo_id);
		} else if (time_before(now, echo)) {
			view->due = min(view->due, echo - now);
		} else {
			gs_usb_ng_tx_add_overdue(view, slot, frame, owed);
		}
	}

	if (view->age != GS_TX_FRESH)
		gs_usb_ng_poll_soon(ch->dev);
}

/**
 * gs_usb_ng_tx_free_aside() - have the slots back that are kept aside
 * @ch: the channel, running; lock held
 * @age: since when, jiffies
 *
 * For want of anything better: a late echo may pass for that of a newer frame.
 *
 * Context: Process.
 */
void gs_usb_ng_tx_free_aside(struct gs_channel *ch, unsigned long age)
{
	struct gs_tx_frame *frame;
	struct gs_dma_slot *slot;
	unsigned int next = 0;

	for (; (slot = gs_usb_ng_tx_next(ch, &next)); gs_usb_ng_tx_put(ch, slot)) {
		frame = &ch->frame[slot->index];
		if (time_after_eq(jiffies, READ_ONCE(frame->sent) + age) &&
		    test_and_clear_bit(GS_TX_ASIDE, &frame->state))
			gs_usb_ng_tx_release(ch, slot);
	}
}

/**
 * gs_usb_ng_tx_oldest() - since when is a channel's oldest frame with the device?
 * @ch: the channel, running; lock held
 * @since: then set, jiffies
 *
 * Context: Process.
 * Return: false if it has none there that is owed
 */
bool gs_usb_ng_tx_oldest(struct gs_channel *ch, unsigned long *since)
{
	struct gs_tx_frame *frame;
	struct gs_dma_slot *slot;
	unsigned int next = 0;
	unsigned long sent;
	bool any = false;

	for (; (slot = gs_usb_ng_tx_next(ch, &next)); gs_usb_ng_tx_put(ch, slot)) {
		frame = &ch->frame[slot->index];
		if (gs_usb_ng_tx_waits(frame) || !test_bit(GS_TX_OWED, &frame->state) ||
		    test_bit(GS_TX_FAILED, &frame->state))
			continue;
		sent = READ_ONCE(frame->sent);
		if (!any || time_before(sent, *since))
			*since = sent;
		any = true;
	}

	return any;
}

static void gs_usb_ng_tx_block(struct gs_channel *ch)
{
	gs_dma_pool_stop(ch->tx_pool);
	if (ch->dev->elm_on)
		gs_usb_ng_elm_tx_block(ch);
}

/**
 * gs_usb_ng_tx_unblock() - let OUT transfers be submitted
 * @ch: the channel
 *
 * Context: Process.
 */
void gs_usb_ng_tx_unblock(struct gs_channel *ch)
{
	gs_dma_pool_start(ch->tx_pool);
	if (ch->dev->elm_on)
		gs_usb_ng_elm_tx_unblock(ch);
}

/**
 * gs_usb_ng_tx_give_up() - no echo will come for what is overdue
 * @ch: the channel, running; lock held
 * @age: since when an echo is overdue, jiffies
 *
 * The poll drops these frames and counts them as errors, when a look GS_LOOK_AGAIN later finds them
 * still there.
 *
 * Context: Process.
 */
void gs_usb_ng_tx_give_up(struct gs_channel *ch, unsigned long age)
{
	struct gs_tx_frame *frame;
	struct gs_dma_slot *slot;
	unsigned int next = 0;

	for (; (slot = gs_usb_ng_tx_next(ch, &next)); gs_usb_ng_tx_put(ch, slot)) {
		frame = &ch->frame[slot->index];
		if (gs_usb_ng_tx_waits(frame) || !test_bit(GS_TX_OWED, &frame->state) ||
		    test_bit(GS_TX_FAILED, &frame->state) ||
		    time_before(jiffies, READ_ONCE(frame->sent) + age) ||
		    !gs_usb_ng_tx_is_sure(ch, frame, age))
			continue;
		gs_usb_ng_tx_lose(ch, frame);
	}

	gs_usb_ng_poll_soon(ch->dev);
}

/**
 * gs_usb_ng_tx_unhalt() - clear the OUT endpoints that are halted
 * @dev: the adapter; lock held
 * @until: deadline, jiffies
 *
 * The frames queued on them are lost: their transfers are killed first, since the endpoint's data
 * toggle is reset under them, and the poll drops them. The caller wakes the queues.
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_tx_unhalt(struct gs_usb_ng *dev, unsigned long until)
{
	unsigned long halted = READ_ONCE(dev->tx_halted);
	struct gs_channel *ch;
	unsigned int i;

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		if (ch->running && test_bit(gs_usb_ng_pipe(ch), &halted)) {
			netif_tx_disable(ch->netdev);
			gs_usb_ng_tx_block(ch);
		}
	}

	for_each_set_bit(i, &halted, GS_USB_NG_PIPES_MAX) {
		gs_usb_ng_clear_halt(dev, dev->pipe_out[i], until);
		gs_usb_ng_dev_count(dev, GS_DEV_CLEARED_HALTS);
		clear_bit(i, &dev->tx_halted);
	}

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		if (ch->running && test_bit(gs_usb_ng_pipe(ch), &halted))
			gs_usb_ng_tx_unblock(ch);
	}
	gs_usb_ng_poll_soon(dev);
}

/**
 * gs_usb_ng_tx_stop() - no OUT transfer of this channel is under way any more
 * @ch: the channel; its queue is off
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_tx_stop(struct gs_channel *ch)
{
	struct gs_usb_ng *dev = ch->dev;
	struct gs_tx_frame *frame, *next;
	LIST_HEAD(mine);

	gs_usb_ng_tx_block(ch);
	if (dev->elm_on)
		gs_usb_ng_elm_tx_forget(ch);

	/* What waits for a place never became a transfer, but holds a transfer's reference */
	spin_lock_irq(&dev->tx_wait_lock);
	list_for_each_entry_safe(frame, next, &dev->tx_waiting, waiting) {
		if (frame->channel != ch->index)
			continue;
		list_move_tail(&frame->waiting, &mine);
		/* Dropping what is owed leaves a place for each frame */
		atomic_inc(&dev->tx_in_flight);
	}
	spin_unlock_irq(&dev->tx_wait_lock);

	list_for_each_entry_safe(frame, next, &mine, waiting) {
		list_del_init(&frame->waiting);
		gs_dma_slot_put(gs_dma_pool_slot(ch->tx_pool, frame - ch->frame));
	}
}

/**
 * gs_usb_ng_tx_drop_owed() - give up on every echo that is still owed
 * @ch: the channel: not running, queue off, transfers stopped, polls synchronised
 *
 * The one place where a stopped channel's frames are dropped; BQL is reset with nothing in
 * flight, since completing more than was sent is a BUG() there.
 *
 * Context: Process.
 */
void gs_usb_ng_tx_drop_owed(struct gs_channel *ch)
{
	struct gs_tx_frame *frame;
	struct gs_dma_slot *slot;
	unsigned int next = 0;

	for (; (slot = gs_usb_ng_tx_next(ch, &next)); gs_usb_ng_tx_put(ch, slot)) {
		frame = &ch->frame[slot->index];
		if (test_and_clear_bit(GS_TX_OWED, &frame->state)) {
			gs_usb_ng_count(ch, GS_CH_TX_ABANDONED);
			gs_usb_ng_tx_drop(ch, slot, frame);
		}
		if (test_and_clear_bit(GS_TX_ASIDE, &frame->state))
			gs_usb_ng_tx_release(ch, slot);
	}

	atomic_set(&ch->tx_failed, 0);
	gs_usb_ng_tx_tell_bql(ch);
	netdev_reset_queue(ch->netdev);
}

/**
 * gs_usb_ng_tx_open() - get the memory for a channel that opens
 * @ch: the channel
 *
 * Context: Process, sleeps.
 * Return: 0 or -ENOMEM
 */
int gs_usb_ng_tx_open(struct gs_channel *ch)
{
	struct gs_usb_ng *dev = ch->dev;
	struct gs_dma_slot *slot;
	unsigned int s;
	int err;

	err = gs_dma_pool_warm_up(ch->tx_pool, ch->tx_ring);
	if (err)
		return err;

	for (s = 0; s < ch->tx_ring; s++) {
		slot = gs_dma_pool_slot(ch->tx_pool, s);
		usb_fill_bulk_urb(slot->urb, dev->udev, dev->pipe_out[0], slot->buf, 0,
				  gs_usb_ng_tx_complete, slot);
	}

	if (dev->elm_on) {
		err = gs_usb_ng_elm_tx_open(ch);
		if (err)
			gs_dma_pool_cool_down(ch->tx_pool);
	}

	return err;
}

/**
 * gs_usb_ng_tx_close() - give the memory back
 * @ch: the channel, with nothing in flight
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_tx_close(struct gs_channel *ch)
{
	if (ch->dev->elm_on)
		gs_usb_ng_elm_tx_close(ch);
	gs_dma_pool_cool_down(ch->tx_pool);
}

/**
 * gs_usb_ng_tx_init() - make the channel's pool, without memory yet
 * @ch: the channel, its profile known
 *
 * Context: Process, sleeps.
 * Return: 0 or -ENOMEM
 */
int gs_usb_ng_tx_init(struct gs_channel *ch)
{
	struct gs_usb_ng *dev = ch->dev;
	char name[48];
	struct gs_dma_pool_params params = {
		.name = name,
		.size = GS_FRAME_OUT_MAX,
		/* for host controllers that copy what isn't aligned to 4 (dwc2, musb) */
		.align = 4,
		.max = dev->profile->in_flight_channel,
		.dir = DMA_TO_DEVICE,
		.priv = ch,
	};
	unsigned int s;

	ch->tx_ring = params.max;
	snprintf(name, sizeof(name), "%s tx %u", dev_name(&dev->intf->dev), ch->index);
	for (s = 0; s < dev->profile->in_flight_channel; s++) {
		INIT_LIST_HEAD(&ch->frame[s].waiting);
		ch->frame[s].channel = ch->index;
	}

	ch->tx_pool = gs_usb_ng_pool_create(dev, &params);

	return ch->tx_pool ? 0 : -ENOMEM;
}

/**
 * gs_usb_ng_tx_exit() - undo gs_usb_ng_tx_init()
 * @ch: the channel, closed
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_tx_exit(struct gs_channel *ch)
{
	gs_dma_pool_destroy(ch->tx_pool);
	ch->tx_pool = NULL;
}
