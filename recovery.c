// SPDX-License-Identifier: GPL-2.0-only
/*
 * What to do when something went wrong: failed transfers, halted endpoints, bus-off, echoes that
 * don't come, a device that could not be started.
 *
 * Whoever notices, in whatever context, only leaves a mark and queues work; the work runs on
 * the device's ordered queue, in process context, one item at a time.
 */

#include <linux/can/dev.h>
#include <linux/netdevice.h>
#include <linux/timekeeping.h>
#include <linux/usb.h>

#include "gs_usb_ng.h"

/* Pauses before failed IN transfers are submitted again, ms: short enough that a glitch costs
 * nothing that a device can't buffer, long enough at the end not to spin on a dying cable.
 */
#define GS_RX_BACKOFF_MIN	10
#define GS_RX_BACKOFF_MAX	1000

/* Half of what RTNL may be held for: closing waits for this request */
#define GS_RX_UNHALT_TIMEOUT	msecs_to_jiffies(500)

/* An echo is overdue after this time. CANable 2.5 drops frames after 500 ms without an ACK, others
 * may wait for a bus that is full of more urgent frames.
 */
#define GS_ECHO_OVERDUE		msecs_to_jiffies(3000)

/**
 * gs_usb_ng_rx_fault() - an IN transfer failed; try it again later
 * @dev: the adapter
 * @slot: on no list
 * @status: why; -EPIPE means that the endpoint is halted
 *
 * Context: Any.
 */
void gs_usb_ng_rx_fault(struct gs_usb_ng *dev, struct gs_dma_slot *slot, int status)
{
	unsigned int pause = READ_ONCE(dev->rx_backoff);

	if (gs_usb_ng_may_log(dev))
		dev_warn(&dev->intf->dev, "IN transfer failed: %pe, next try in %u ms\n",
			 ERR_PTR(status), max_t(unsigned int, pause, GS_RX_BACKOFF_MIN));

	if (status == -EPIPE)
		WRITE_ONCE(dev->rx_halted, true);
	llist_add(&slot->node, &dev->rx_failed);

	pause = clamp_t(unsigned int, pause, GS_RX_BACKOFF_MIN, GS_RX_BACKOFF_MAX);
	if (queue_delayed_work(dev->wq, &dev->rx_retry, msecs_to_jiffies(pause)))
		WRITE_ONCE(dev->rx_backoff, min(pause * 2, GS_RX_BACKOFF_MAX));
}

static void gs_usb_ng_rx_retry(struct work_struct *work)
{
	struct gs_usb_ng *dev = container_of(to_delayed_work(work), struct gs_usb_ng, rx_retry);
	struct llist_node *node, *next;
	unsigned int i;

	if (READ_ONCE(dev->rx_halted)) {
		/* No poll submits any more; what is queued still is killed, since the endpoint's
		 * data toggle is reset under it
		 */
		synchronize_net();
		for (i = 0; i < dev->rx_ring; i++)
			usb_kill_urb(gs_dma_pool_slot(dev->rx_pool, i)->urb);
		gs_usb_ng_clear_halt(dev, dev->pipe_in, jiffies + GS_RX_UNHALT_TIMEOUT);
		WRITE_ONCE(dev->rx_halted, false);
	}

	llist_for_each_safe(node, next, llist_del_all(&dev->rx_failed))
		gs_usb_ng_rx_submit(dev, llist_entry(node, struct gs_dma_slot, node), GFP_KERNEL);
}

/**
 * gs_usb_ng_tx_fault() - an OUT transfer failed
 * @dev: the adapter
 * @status: why; -EPIPE means that the endpoint is halted
 *
 * Context: Any.
 */
void gs_usb_ng_tx_fault(struct gs_usb_ng *dev, int status)
{
	/* Killed to clear a halt, of which the first one has told */
	if (gs_usb_ng_is_unlink(status))
		return;

	if (gs_usb_ng_may_log(dev))
		dev_warn(&dev->intf->dev, "OUT transfer failed: %pe\n", ERR_PTR(status));

	if (status == -EPIPE) {
		WRITE_ONCE(dev->tx_halted, true);
		queue_work(dev->wq, &dev->tx_unhalt);
	}
}

static void gs_usb_ng_tx_unhalt_work(struct work_struct *work)
{
	struct gs_usb_ng *dev = container_of(work, struct gs_usb_ng, tx_unhalt);

	mutex_lock(&dev->lock);
	if (READ_ONCE(dev->tx_halted))
		gs_usb_ng_tx_unhalt(dev, jiffies + GS_USB_NG_CTRL_TIMEOUT);
	mutex_unlock(&dev->lock);
}

/* Start a channel that is up and stopped. The tick tries again if it can't be. */
static int gs_usb_ng_start_again(struct gs_channel *ch, unsigned long until)
{
	int err;

	err = gs_usb_ng_channel_start(ch, until);
	if (err) {
		netif_carrier_off(ch->netdev);
	} else {
		netif_carrier_on(ch->netdev);
		netif_wake_queue(ch->netdev);
	}

	return err;
}

/**
 * gs_usb_ng_restart_later() - have the CAN core restart a channel in bus-off, if restart-ms is set
 * @ch: the channel
 *
 * Context: Any.
 */
void gs_usb_ng_restart_later(struct gs_channel *ch)
{
	if (ch->can.restart_ms && !READ_ONCE(ch->dev->gone))
		schedule_delayed_work(&ch->can.restart_work,
				      msecs_to_jiffies(ch->can.restart_ms));
}

/**
 * gs_usb_ng_restart() - do_set_mode: leave bus-off, on request of the CAN core
 * @netdev: the channel
 * @mode: CAN_MODE_START
 *
 * The channel is reset and started anew, whatever the firmware. candleLight of 2026 has a request
 * to leave bus-off, but would then send the frames that it still had, which the host has dropped,
 * and hold twice as many frames as it should. The queue wakes here and nowhere else: the CAN core
 * turns the carrier on before it calls.
 *
 * Context: Process, sleeps; with RTNL (ip link ... restart) or without (restart-ms).
 * Return: 0, -EOPNOTSUPP for another mode, -ENETDOWN when the channel isn't running, or the errno
 * of a control request.
 */
int gs_usb_ng_restart(struct net_device *netdev, enum can_mode mode)
{
	unsigned long until = jiffies + GS_USB_NG_CTRL_TIMEOUT;
	struct gs_channel *ch = netdev_priv(netdev);
	struct gs_usb_ng *dev = ch->dev;
	int err = 0;

	if (mode != CAN_MODE_START)
		return -EOPNOTSUPP;

	mutex_lock(&dev->lock);
	if (!ch->open || dev->paused) {
		err = -ENETDOWN;
		goto out_unlock;
	}

	/* The firmware got there first, and the recovery work has told everybody */
	if (ch->running && ch->can.state != CAN_STATE_BUS_OFF)
		goto out_unlock;

	clear_bit(GS_EV_SELF_RECOVERED, &ch->events);
	if (ch->running)
		gs_usb_ng_channel_stop(ch, true, until);
	err = gs_usb_ng_channel_start(ch, until);
	if (err) {
		/* The CAN core leaves it at that; the next try is ours */
		ch->can.state = CAN_STATE_BUS_OFF;
		gs_usb_ng_restart_later(ch);
	} else {
		netif_wake_queue(netdev);
	}

out_unlock:
	mutex_unlock(&dev->lock);
	return err;
}

/* Stay off the bus with a firmware that would go back by itself; restart starts it anew */
static void gs_usb_ng_hold_bus_off(struct gs_channel *ch)
{
	struct gs_usb_ng *dev = ch->dev;

	mutex_lock(&dev->lock);
	if (ch->running && ch->can.state == CAN_STATE_BUS_OFF)
		gs_usb_ng_channel_stop(ch, true, jiffies + GS_USB_NG_CTRL_TIMEOUT);
	mutex_unlock(&dev->lock);
}

/* The firmware left bus-off without being asked: the CAN core must not restart it once more */
static void gs_usb_ng_self_recovered(struct gs_channel *ch)
{
	struct gs_usb_ng *dev = ch->dev;
	unsigned long until = jiffies + GS_USB_NG_CTRL_TIMEOUT;
	struct can_frame *cf = NULL;
	struct sk_buff *skb;

	cancel_delayed_work_sync(&ch->can.restart_work);

	mutex_lock(&dev->lock);
	if (!ch->running || ch->can.state != CAN_STATE_BUS_OFF)
		goto out_unlock;

	/* The firmware may have kept frames, whose places here are free now */
	gs_usb_ng_channel_stop(ch, true, until);
	skb = alloc_can_err_skb(ch->netdev, &cf);
	if (cf)
		cf->can_id |= CAN_ERR_RESTARTED;
	can_change_state(ch->netdev, cf, CAN_STATE_ERROR_ACTIVE, CAN_STATE_ERROR_ACTIVE);
	ch->can.can_stats.restarts++;
	if (gs_usb_ng_may_log(dev))
		netdev_info(ch->netdev, "firmware recovered from bus-off\n");
	gs_usb_ng_start_again(ch, until);
	if (skb)
		netif_rx(skb);

out_unlock:
	mutex_unlock(&dev->lock);
}

static void gs_usb_ng_refresh_state(struct gs_channel *ch)
{
	struct gs_usb_ng *dev = ch->dev;
	struct gs_device_state state;

	mutex_lock(&dev->lock);
	if (ch->running && !gs_usb_ng_get_state(dev, ch->index, &state,
						jiffies + GS_USB_NG_CTRL_TIMEOUT))
		gs_usb_ng_set_bec(ch, min(le32_to_cpu(state.txerr), 0xffffU),
				  min(le32_to_cpu(state.rxerr), 0xffffU));
	mutex_unlock(&dev->lock);
}

static void gs_usb_ng_refresh_tdcv(struct gs_channel *ch)
{
	struct gs_usb_ng *dev = ch->dev;
	struct gs_device_tdc tdc;

	mutex_lock(&dev->lock);
	WRITE_ONCE(ch->tdcv_stamp, jiffies);
	/* candleLight may say "off" because of what an earlier request left in its buffer */
	if (ch->running && !gs_usb_ng_get_tdc(dev, ch->index, &tdc,
					      jiffies + GS_USB_NG_CTRL_TIMEOUT) &&
	    le32_to_cpu(tdc.mode) == GS_TDC_AUTO)
		WRITE_ONCE(ch->tdcv, min(le32_to_cpu(tdc.tdcv), (u32)INT_MAX));
	mutex_unlock(&dev->lock);
}

/* Is nobody out there to acknowledge frames? Then they wait rightly, for as long as it takes. A
 * firmware that can't be asked gets the benefit of the doubt, and so do frames behind those of a
 * channel without a partner on a device where all frames go through one queue (CANnectivity).
 */
static bool gs_usb_ng_may_wait(struct gs_channel *ch, unsigned long until)
{
	struct gs_usb_ng *dev = ch->dev;
	struct gs_device_state state;
	unsigned int i;

	if (!(ch->feature & GS_FEATURE_GET_STATE))
		return true;
	if (gs_usb_ng_get_state(dev, ch->index, &state, until))
		return true;
	if (le32_to_cpu(state.state) > CAN_STATE_ERROR_WARNING ||
	    le32_to_cpu(state.txerr) >= CAN_ERROR_PASSIVE_THRESHOLD)
		return true;

	if (dev->profile->cap_per_channel)
		return false;
	for (i = 0; i < dev->n_channels; i++)
		if (dev->ch[i]->running && dev->ch[i]->can.state >= CAN_STATE_ERROR_PASSIVE)
			return true;

	return false;
}

/* Frames of the channel are overdue; start it anew if that may help */
static void gs_usb_ng_unstick(struct gs_channel *ch, enum gs_tx_age age, unsigned long until)
{
	struct gs_usb_ng *dev = ch->dev;

	/* Given up by the poll. Where a late echo would be taken for that of the slot's next frame,
	 * only a reset makes sure that none comes.
	 */
	if (age == GS_TX_OVERTAKEN && READ_ONCE(dev->generation) == GS_GENERATION_ON)
		return;
	if (age == GS_TX_OLD && gs_usb_ng_may_wait(ch, until))
		return;

	gs_usb_ng_count(ch, GS_CH_TX_STUCK);
	if (gs_usb_ng_may_log(dev))
		netdev_warn(ch->netdev, "echoes overdue, channel started anew\n");
	gs_usb_ng_channel_stop(ch, true, until);
	gs_usb_ng_start_again(ch, until);
}

static void gs_usb_ng_read_clock(struct gs_usb_ng *dev, unsigned long until)
{
	u32 us;

	dev->clock_due = jiffies + GS_USB_NG_CLOCK_INTERVAL;
	if (!gs_usb_ng_timestamp(dev, &us, until))
		gs_clock_sample(&dev->clock, us, ktime_get_ns());
	else
		gs_clock_idle(&dev->clock, ktime_get_ns());
}

/* Program a device anew: after suspend and reset, or when that had failed. No firmware keeps all of
 * its state, and some keeps none. What can't be done now the tick tries again; at the first
 * time-out the rest is left to it, so that whoever waits for the lock under RTNL doesn't wait for
 * each channel.
 */
static int gs_usb_ng_revive(struct gs_usb_ng *dev)
{
	unsigned long until = jiffies + GS_USB_NG_CTRL_TIMEOUT;
	struct gs_channel *ch;
	unsigned int i;
	int err = 0;

	lockdep_assert_held(&dev->lock);

	if (!dev->rx_up) {
		err = gs_usb_ng_host_format(dev, until);
		for (i = 0; !err && i < dev->n_channels; i++)
			if (dev->ch[i]->feature & GS_FEATURE_TERMINATION)
				err = gs_usb_ng_set_termination(dev, i,
								dev->ch[i]->can.termination,
								until);
		if (!err && dev->n_open)
			err = gs_usb_ng_rx_open(dev);
		if (err)
			return err;
	}

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		if (!ch->open || ch->can.state != CAN_STATE_STOPPED)
			continue;
		err = gs_usb_ng_start_again(ch, until);
		if (err == -ETIMEDOUT)
			return err;
	}

	return err;
}

/**
 * gs_usb_ng_resume_channels() - after suspend or reset
 * @dev: the adapter
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_resume_channels(struct gs_usb_ng *dev)
{
	unsigned int i;
	int err;

	mutex_lock(&dev->lock);
	dev->paused = false;

	err = gs_usb_ng_revive(dev);
	if (err && gs_usb_ng_may_log(dev))
		dev_warn(&dev->intf->dev, "device not started yet: %pe\n", ERR_PTR(err));

	/* What was in bus-off stays there until it is restarted, and forgot when that would be */
	for (i = 0; i < dev->n_channels; i++)
		if (dev->ch[i]->open && dev->ch[i]->can.state == CAN_STATE_BUS_OFF)
			gs_usb_ng_restart_later(dev->ch[i]);

	if (dev->n_open)
		queue_delayed_work(dev->wq, &dev->tick, HZ);
	mutex_unlock(&dev->lock);
}

static void gs_usb_ng_tick(struct work_struct *work)
{
	struct gs_usb_ng *dev = container_of(to_delayed_work(work), struct gs_usb_ng, tick);
	unsigned long until = jiffies + GS_USB_NG_CTRL_TIMEOUT;
	enum gs_tx_age age;
	struct gs_channel *ch;
	unsigned int i;

	mutex_lock(&dev->lock);
	if (!dev->n_open || dev->paused || READ_ONCE(dev->gone))
		goto out_unlock;

	if (!gs_usb_ng_revive(dev)) {
		for (i = 0; i < dev->n_channels; i++) {
			ch = dev->ch[i];
			if (!ch->running || ch->can.state == CAN_STATE_BUS_OFF)
				continue;
			age = gs_usb_ng_tx_check_age(ch, GS_ECHO_OVERDUE);
			if (unlikely(age != GS_TX_FRESH))
				gs_usb_ng_unstick(ch, age, until);
		}
		if (READ_ONCE(dev->clock.started) && time_after(jiffies, dev->clock_due))
			gs_usb_ng_read_clock(dev, until);
	}
	queue_delayed_work(dev->wq, &dev->tick, HZ);

out_unlock:
	mutex_unlock(&dev->lock);
}

static void gs_usb_ng_channel_work(struct work_struct *work)
{
	struct gs_channel *ch = container_of(work, struct gs_channel, work);

	if (test_and_clear_bit(GS_EV_HOLD_BUS_OFF, &ch->events))
		gs_usb_ng_hold_bus_off(ch);
	if (test_and_clear_bit(GS_EV_SELF_RECOVERED, &ch->events))
		gs_usb_ng_self_recovered(ch);
	if (test_and_clear_bit(GS_EV_REFRESH_STATE, &ch->events))
		gs_usb_ng_refresh_state(ch);
	if (test_and_clear_bit(GS_EV_REFRESH_TDCV, &ch->events))
		gs_usb_ng_refresh_tdcv(ch);
}

/**
 * gs_usb_ng_recovery_event() - something on a channel needs process context
 * @ch: the channel
 * @event: GS_EV_*
 *
 * Context: Any.
 */
void gs_usb_ng_recovery_event(struct gs_channel *ch, unsigned int event)
{
	set_bit(event, &ch->events);
	queue_work(ch->dev->wq, &ch->work);
}

/**
 * gs_usb_ng_recovery_cancel() - no recovery or restart of this channel is under way any more
 * @ch: the channel
 *
 * Context: Process, sleeps. The device's lock must not be held, both works take it.
 */
void gs_usb_ng_recovery_cancel(struct gs_channel *ch)
{
	cancel_delayed_work_sync(&ch->can.restart_work);
	cancel_work_sync(&ch->work);
	ch->events = 0;
}

void gs_usb_ng_recovery_channel_init(struct gs_channel *ch)
{
	INIT_WORK(&ch->work, gs_usb_ng_channel_work);
}

/**
 * gs_usb_ng_recovery_init() - make the device's work queue
 * @dev: the adapter
 *
 * Context: Process, sleeps.
 * Return: 0 or -ENOMEM
 */
int gs_usb_ng_recovery_init(struct gs_usb_ng *dev)
{
	INIT_DELAYED_WORK(&dev->rx_retry, gs_usb_ng_rx_retry);
	INIT_WORK(&dev->tx_unhalt, gs_usb_ng_tx_unhalt_work);
	INIT_DELAYED_WORK(&dev->tick, gs_usb_ng_tick);

	dev->wq = alloc_ordered_workqueue("gs_usb_ng_%s", 0, dev_name(&dev->intf->dev));

	return dev->wq ? 0 : -ENOMEM;
}

/**
 * gs_usb_ng_recovery_exit() - undo gs_usb_ng_recovery_init()
 * @dev: the adapter, all channels closed; their work may still be queued
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_recovery_exit(struct gs_usb_ng *dev)
{
	cancel_delayed_work_sync(&dev->tick);
	destroy_workqueue(dev->wq);
}
