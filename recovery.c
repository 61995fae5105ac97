// SPDX-License-Identifier: GPL-2.0-only
/*
 * What to do when something went wrong: failed transfers, halted endpoints, bus-off.
 *
 * Whoever notices, in whatever context, only leaves a mark and queues work; the work runs on
 * the device's ordered queue, in process context, one item at a time.
 */

#include <linux/can/dev.h>
#include <linux/usb.h>

#include "gs_usb_ng.h"

/* Pauses before failed IN transfers are submitted again, ms: short enough that a glitch costs
 * nothing that a device can't buffer, long enough at the end not to spin on a dying cable.
 */
#define GS_RX_BACKOFF_MIN	10
#define GS_RX_BACKOFF_MAX	1000

/* The firmware reports the restart that it was asked for within this time */
#define GS_RESTART_REPORT	msecs_to_jiffies(1000)

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

	dev_warn_ratelimited(&dev->intf->dev, "IN transfer failed: %pe, next try in %u ms\n",
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

	if (xchg(&dev->rx_halted, false))
		usb_clear_halt(dev->udev, dev->pipe_in);

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
	dev_warn_ratelimited(&dev->intf->dev, "OUT transfer failed: %pe\n", ERR_PTR(status));

	if (status == -EPIPE) {
		WRITE_ONCE(dev->tx_halted, true);
		queue_work(dev->wq, &dev->tx_unhalt);
	}
}

static void gs_usb_ng_tx_unhalt(struct work_struct *work)
{
	struct gs_usb_ng *dev = container_of(work, struct gs_usb_ng, tx_unhalt);

	if (xchg(&dev->tx_halted, false))
		usb_clear_halt(dev->udev, dev->pipe_out);
}

/* The host's half of a start, for a device that has gone on by itself */
static void gs_usb_ng_go_on(struct gs_channel *ch)
{
	gs_dma_pool_start(ch->tx_pool);
	/* Pairs with the poll's acquire */
	smp_store_release(&ch->running, true);
}

/**
 * gs_usb_ng_restart() - do_set_mode: leave bus-off, on request of the CAN core
 * @netdev: the channel
 * @mode: CAN_MODE_START
 *
 * Firmware that leaves recovery to the host is asked to recover; any other is reset and
 * started anew. The queue wakes here and nowhere else: the CAN core turns the carrier on
 * before it calls.
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

	WRITE_ONCE(ch->restart_requested, jiffies);
	if (ch->running && ch->feature & GS_FEATURE_BUS_OFF_RECOVERY) {
		gs_usb_ng_channel_stop(ch, false, until);
		ch->can.state = CAN_STATE_ERROR_ACTIVE;
		gs_usb_ng_go_on(ch);
		err = gs_usb_ng_bus_off_recovery(dev, ch->index, until);
	} else {
		if (ch->running)
			gs_usb_ng_channel_stop(ch, true, until);
		err = gs_usb_ng_channel_start(ch, until);
	}
	if (!err)
		netif_wake_queue(netdev);

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
	struct can_frame *cf = NULL;
	struct sk_buff *skb;

	cancel_delayed_work_sync(&ch->can.restart_work);

	mutex_lock(&dev->lock);
	if (!ch->running || ch->can.state != CAN_STATE_BUS_OFF)
		goto out_unlock;

	gs_usb_ng_channel_stop(ch, false, 0);
	skb = alloc_can_err_skb(ch->netdev, &cf);
	if (cf)
		cf->can_id |= CAN_ERR_RESTARTED;
	can_change_state(ch->netdev, cf, CAN_STATE_ERROR_ACTIVE, CAN_STATE_ERROR_ACTIVE);
	ch->can.can_stats.restarts++;
	netdev_info(ch->netdev, "firmware recovered from bus-off\n");
	gs_usb_ng_go_on(ch);
	netif_carrier_on(ch->netdev);
	netif_wake_queue(ch->netdev);
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

static void gs_usb_ng_channel_work(struct work_struct *work)
{
	struct gs_channel *ch = container_of(work, struct gs_channel, work);

	if (test_and_clear_bit(GS_EV_HOLD_BUS_OFF, &ch->events))
		gs_usb_ng_hold_bus_off(ch);
	if (test_and_clear_bit(GS_EV_SELF_RECOVERED, &ch->events))
		gs_usb_ng_self_recovered(ch);
	if (test_and_clear_bit(GS_EV_REFRESH_STATE, &ch->events))
		gs_usb_ng_refresh_state(ch);
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
	/* What the firmware reports about a restart that was asked for is no news */
	if (event == GS_EV_SELF_RECOVERED && ch->restart_requested &&
	    time_before(jiffies, READ_ONCE(ch->restart_requested) + GS_RESTART_REPORT))
		return;

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
	INIT_WORK(&dev->tx_unhalt, gs_usb_ng_tx_unhalt);

	dev->wq = alloc_ordered_workqueue("gs_usb_ng_%s", 0, dev_name(&dev->intf->dev));

	return dev->wq ? 0 : -ENOMEM;
}

/**
 * gs_usb_ng_recovery_exit() - undo gs_usb_ng_recovery_init()
 * @dev: the adapter, all channels closed
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_recovery_exit(struct gs_usb_ng *dev)
{
	destroy_workqueue(dev->wq);
}
