// SPDX-License-Identifier: GPL-2.0-only
/*
 * What to do when something went wrong: failed transfers, halted endpoints, bus-off, echoes that
 * don't come, a device that could not be started or doesn't answer.
 *
 * Whoever notices, in whatever context, only leaves a mark and queues work; the work runs on
 * the device's ordered queue, in process context, one item at a time. What is to be done is
 * decided by the table in decide.c; here is looked and acted.
 */

#include <linux/can/dev.h>
#include <linux/netdevice.h>
#include <linux/timekeeping.h>
#include <linux/usb.h>

#include "gs_usb_ng.h"

/* Half of what RTNL may be held for: who waits for the lock under it waits for these */
#define GS_RX_UNHALT_TIMEOUT	msecs_to_jiffies(500)
#define GS_ASK_TIMEOUT		msecs_to_jiffies(500)

/* Between restarts of a channel that fail, at least, and between those of two channels */
#define GS_RESTART_AGAIN	msecs_to_jiffies(1000)
#define GS_RESTART_TURN		msecs_to_jiffies(500)

/* An echo is overdue after this time. CANable 2.5 drops frames after 500 ms without an ACK, others
 * may wait for a bus that is full of more urgent frames. Together with the look that confirms it,
 * and the restart, it makes less than 2 seconds.
 */
#define GS_ECHO_OVERDUE		msecs_to_jiffies(1000)

/* So many uses of a slot take longer than any echo is late. Seven (CANable 2.5) do not, but they do
 * take longer than what was on its way when a channel was started anew.
 */
#define GS_TURNS_LAST		BIT(16)

/* On a bus that is full the channel is started anew after that time only */
#define GS_STARVED		msecs_to_jiffies(10000)

/* To a device that has left a request without an answer */
#define GS_ASK_AGAIN		msecs_to_jiffies(100)

/* For a request whose answer is not expected. It is not counted as one that was left without. */
#define GS_TELL_TIMEOUT		msecs_to_jiffies(20)

/* Whoever sends frames would acknowledge ours. A few, lest the last one count of a bus that falls
 * silent.
 */
#define GS_PARTNER_FRAMES	3

/* A firmware that leaves GET_STATE without an answer so often in a row, and answers other requests,
 * is asked again after that pause only: asking takes the time that other channels need
 */
#define GS_MUTE			2
#define GS_MUTE_PAUSE		msecs_to_jiffies(10000)

/* So many requests in a row without an answer are not for want of time any more. A USB reset that
 * is due is made sooner.
 */
#define GS_SILENT_FOR_LONG	3

/* Nor is a device given up before that many. The USB resets that it has had may have been for other
 * reasons.
 */
#define GS_SILENT_FOR_GOOD	10

/* When so many starts in a row have failed by the device's fault, no start helps */
#define GS_STARTS_FAULTY	3

/* A channel that is to be started anew loses its carrier when so much of it has failed: starts that
 * are the device's fault count more than those that had too little time. The second may follow at
 * once.
 */
#define GS_START_FAULT		4
#define GS_START_LATE		1
#define GS_STARTS_FAIL		(GS_STARTS_FAULTY * GS_START_FAULT)

/* What a device is reminded of, and doesn't take so often, it goes without */
#define GS_REMIND_TRIES		3

/* A pipe whose transfers only fail gets a USB reset then; hubs take less to see a device go. Not
 * for fewer failures, which may be hours apart if nobody sends meanwhile.
 */
#define GS_ONLY_FAIL		msecs_to_jiffies(3000)
#define GS_FAILS_MANY		4

/**
 * gs_usb_ng_look() - have everything looked at
 * @dev: the adapter
 * @delay: when, jiffies; at most GS_ECHO_OVERDUE
 *
 * Never later than somebody else has asked for since the last look began.
 *
 * Context: Any.
 */
void gs_usb_ng_look(struct gs_usb_ng *dev, unsigned long delay)
{
	unsigned long at = jiffies + delay;
	unsigned long flags;

	spin_lock_irqsave(&dev->look_lock, flags);
	/* It is not pending when it has just begun, or was cancelled */
	if (!dev->watching || !delayed_work_pending(&dev->tick) ||
	    time_before(at, dev->look_at)) {
		WRITE_ONCE(dev->watching, true);
		dev->look_at = at;
		mod_delayed_work(dev->wq, &dev->tick, delay);
	}
	spin_unlock_irqrestore(&dev->look_lock, flags);
}

/**
 * gs_usb_ng_watch() - a frame is in flight, and nobody was going to look
 * @dev: the adapter
 *
 * Context: Any.
 */
void gs_usb_ng_watch(struct gs_usb_ng *dev)
{
	gs_usb_ng_look(dev, GS_ECHO_OVERDUE);
}

/* A request was not answered: find out whether others are */
static void gs_usb_ng_silence(struct gs_usb_ng *dev)
{
	gs_usb_ng_look(dev, GS_ASK_AGAIN);
}

/* Reset the device, unless that was done too often or just now. Never from here: the reset has the
 * channels stopped, and for that our works cancelled.
 */
static bool gs_usb_ng_usb_reset(struct gs_usb_ng *dev, const char *why)
{
	if (gs_decide_reset(&dev->resets, jiffies_to_msecs(jiffies - dev->reset_stamp)) !=
	    GS_LEAVE_NOW)
		return false;

	dev->resets++;
	dev->reset_stamp = jiffies;
	dev->reset_asked = true;
	gs_usb_ng_dev_count(dev, GS_DEV_USB_RESETS);
	if (gs_usb_ng_may_log(dev)) {
		dev_warn(&dev->intf->dev, "%s, USB reset\n", why);
		WRITE_ONCE(dev->reset_told, true);
	}
	usb_queue_reset_device(dev->intf);

	return true;
}

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
	unsigned int pause = gs_decide_backoff(READ_ONCE(dev->rx_backoff));

	if (status == -EPIPE)
		set_bit(gs_usb_ng_rx_pipe(dev, slot), &dev->rx_halted);
	WRITE_ONCE(dev->rx_status, status);
	llist_add(&slot->node, &dev->rx_failed);
	if (queue_delayed_work(dev->wq, &dev->rx_retry, msecs_to_jiffies(pause)))
		WRITE_ONCE(dev->rx_backoff, pause);
}

/* The other endpoints go on */
static void gs_usb_ng_rx_unhalt(struct gs_usb_ng *dev)
{
	unsigned long halted = READ_ONCE(dev->rx_halted);
	struct gs_dma_slot *slot;
	unsigned int i;

	/* No poll submits any more; what is queued still is killed, since the endpoint's data
	 * toggle is reset under it
	 */
	synchronize_net();
	for (i = 0; i < dev->rx_ring; i++) {
		slot = gs_dma_pool_slot(dev->rx_pool, i);
		if (test_bit(gs_usb_ng_rx_pipe(dev, slot), &halted))
			usb_kill_urb(slot->urb);
	}
	for_each_set_bit(i, &halted, GS_USB_NG_PIPES_MAX) {
		gs_usb_ng_clear_halt(dev, dev->pipe_in[i], jiffies + GS_RX_UNHALT_TIMEOUT);
		gs_usb_ng_dev_count(dev, GS_DEV_CLEARED_HALTS);
		clear_bit(i, &dev->rx_halted);
	}
}

static void gs_usb_ng_rx_retry(struct work_struct *work)
{
	struct gs_usb_ng *dev = container_of(to_delayed_work(work), struct gs_usb_ng, rx_retry);
	enum gs_sign sign = GS_SIGN_FAIL;
	struct llist_node *node, *next;
	struct gs_decision then;

	/* Only slots that were held while a halt was cleared may be left, and no failure */
	if (READ_ONCE(dev->rx_status)) {
		if (dev->rx_health == GS_HEALTHY && gs_usb_ng_may_log(dev))
			dev_warn(&dev->intf->dev, "IN transfers fail (%pe), tried again\n",
				 ERR_PTR(READ_ONCE(dev->rx_status)));
		/* For want of memory a device is not reset: that would take more of it */
		if (dev->rx_health == GS_HEALTHY || READ_ONCE(dev->rx_good) ||
		    READ_ONCE(dev->rx_status) == -ENOMEM) {
			dev->rx_since = jiffies;
			dev->rx_fails = 0;
		}
		if (++dev->rx_fails >= GS_FAILS_MANY &&
		    time_after(jiffies, dev->rx_since + GS_ONLY_FAIL))
			sign = GS_SIGN_ONLY_FAIL;
		WRITE_ONCE(dev->rx_good, false);

		then = gs_decide(dev->rx_health, sign);
		dev->rx_health = then.health;
		if (then.action == GS_ACT_USB_RESET)
			gs_usb_ng_usb_reset(dev, "IN transfers do nothing but fail");
		WRITE_ONCE(dev->rx_status, 0);
	}

	if (READ_ONCE(dev->rx_halted)) {
		then = gs_decide(dev->rx_health, GS_SIGN_HALT);
		dev->rx_health = then.health;
		if (then.action == GS_ACT_CLEAR_HALT)
			gs_usb_ng_rx_unhalt(dev);
	}

	llist_for_each_safe(node, next, llist_del_all(&dev->rx_failed))
		gs_usb_ng_rx_submit(dev, llist_entry(node, struct gs_dma_slot, node), GFP_KERNEL);
}

/* The poll has seen a transfer succeed; see gs_usb_ng_rx_begin() */
static void gs_usb_ng_rx_good(struct gs_usb_ng *dev)
{
	struct gs_decision then = gs_decide(dev->rx_health, GS_SIGN_GOOD);

	dev->rx_health = then.health;
	if (then.action == GS_ACT_SAY_GOOD && gs_usb_ng_may_log(dev))
		dev_info(&dev->intf->dev, "IN transfers succeed again\n");
}

/**
 * gs_usb_ng_tx_fault() - an OUT transfer failed
 * @ch: the channel whose it is
 * @status: why; -EPIPE means that the endpoint is halted
 *
 * Its frame has failed. The channel waits a little with the next.
 *
 * Context: Any.
 */
void gs_usb_ng_tx_fault(struct gs_channel *ch, int status)
{
	struct gs_usb_ng *dev = ch->dev;
	unsigned long pause = msecs_to_jiffies(gs_decide_backoff(READ_ONCE(dev->tx_backoff)));

	/* Killed to clear a halt, of which the first one has told */
	if (gs_usb_ng_is_unlink(status))
		return;

	WRITE_ONCE(dev->tx_status, status);
	WRITE_ONCE(dev->tx_stamp, jiffies);
	if (status == -EPIPE)
		set_bit(gs_usb_ng_pipe(ch), &dev->tx_halted);
	/* Pairs with that of gs_usb_ng_tx_look(): it sees the bit, or this sees that it is over */
	smp_mb();
	if (READ_ONCE(dev->tx_held))
		return;

	WRITE_ONCE(dev->tx_again, jiffies + pause);
	WRITE_ONCE(dev->tx_held, true);
	gs_usb_ng_look(dev, pause);
}

/* Has anything been echoed since then (jiffies)? */
static bool gs_usb_ng_tx_is_good(struct gs_usb_ng *dev, unsigned long since)
{
	struct gs_channel *ch;
	unsigned int i;

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		/* START sets the stamp, too */
		if (ch->running && READ_ONCE(ch->echo_seq) != ch->start_seq &&
		    time_after(READ_ONCE(ch->echo_stamp), since))
			return true;
	}

	return false;
}

/* Look at the OUT pipe. Returns jiffies until that is to be done again, or ULONG_MAX. */
static unsigned long gs_usb_ng_tx_look(struct gs_usb_ng *dev, unsigned long until)
{
	enum gs_sign sign = GS_SIGN_FAIL;
	struct gs_decision then;
	unsigned int i;
	bool good;
	long left;

	if (!READ_ONCE(dev->tx_held)) {
		if (dev->tx_health == GS_HEALTHY ||
		    !gs_usb_ng_tx_is_good(dev, READ_ONCE(dev->tx_stamp)))
			return ULONG_MAX;
		then = gs_decide(dev->tx_health, GS_SIGN_GOOD);
		dev->tx_health = then.health;
		WRITE_ONCE(dev->tx_backoff, 0);
		if (then.action == GS_ACT_SAY_GOOD && gs_usb_ng_may_log(dev))
			dev_info(&dev->intf->dev, "OUT transfers succeed again\n");
		return ULONG_MAX;
	}

	left = READ_ONCE(dev->tx_again) - jiffies;
	if (left > 0)
		return left;

	if (dev->tx_health == GS_HEALTHY && gs_usb_ng_may_log(dev))
		dev_warn(&dev->intf->dev, "OUT transfers fail (%pe), their frames are lost\n",
			 ERR_PTR(READ_ONCE(dev->tx_status)));
	good = gs_usb_ng_tx_is_good(dev, dev->tx_seen);
	if (good)
		WRITE_ONCE(dev->tx_backoff, 0);
	/* Not when transfers have succeeded since the failure before this one, nor for want of
	 * memory, of which a reset would take more
	 */
	if (good || dev->tx_health == GS_HEALTHY || READ_ONCE(dev->tx_status) == -ENOMEM) {
		dev->tx_since = jiffies;
		dev->tx_fails = 0;
	}
	dev->tx_seen = READ_ONCE(dev->tx_stamp);
	if (++dev->tx_fails >= GS_FAILS_MANY && time_after(jiffies, dev->tx_since + GS_ONLY_FAIL))
		sign = GS_SIGN_ONLY_FAIL;

	then = gs_decide(dev->tx_health, sign);
	dev->tx_health = then.health;
	if (then.action == GS_ACT_USB_RESET)
		gs_usb_ng_usb_reset(dev, "OUT transfers do nothing but fail");

	if (READ_ONCE(dev->tx_halted)) {
		then = gs_decide(dev->tx_health, GS_SIGN_HALT);
		dev->tx_health = then.health;
		if (then.action == GS_ACT_CLEAR_HALT)
			gs_usb_ng_tx_unhalt(dev, until);
	}

	WRITE_ONCE(dev->tx_backoff, gs_decide_backoff(dev->tx_backoff));
	WRITE_ONCE(dev->tx_held, false);
	/* Another endpoint was halted meanwhile, and left to this look */
	smp_mb();
	if (READ_ONCE(dev->tx_halted)) {
		WRITE_ONCE(dev->tx_again, jiffies);
		WRITE_ONCE(dev->tx_held, true);
		return 1;
	}
	for (i = 0; i < dev->n_channels; i++)
		gs_usb_ng_tx_wake(dev->ch[i]);

	return GS_LOOK_PATIENTLY;
}

/* One of gs_usb_ng.reminded */
static int gs_usb_ng_remind_of(struct gs_usb_ng *dev, unsigned int what, unsigned long until)
{
	struct gs_channel *ch;

	if (!what)
		return gs_usb_ng_host_format(dev, until);

	ch = dev->ch[what - 1];
	if (!(ch->feature & GS_FEATURE_TERMINATION))
		return 0;

	return gs_usb_ng_set_termination(dev, ch->index, ch->can.termination, until);
}

/**
 * gs_usb_ng_remind() - after suspend or reset, what comes before the start of any channel
 * @dev: the adapter; its lock is held
 * @until: deadline, jiffies
 *
 * The device is told what concerns all channels, and the IN pipe is opened if one is open. To be
 * called before a channel is started, since what failed at resume is due until it has succeeded;
 * what has succeeded is not done again, so that a slow device gets there. What it refuses, or
 * leaves unanswered, keeps no channel off the bus.
 *
 * Context: Process, sleeps.
 * Return: 0, also when there was nothing to do, or the errno of a control request or of opening the
 * IN pipe (gs_usb_ng_rx_open())
 */
int gs_usb_ng_remind(struct gs_usb_ng *dev, unsigned long until)
{
	s64 no_answers;
	int err = 0;

	lockdep_assert_held(&dev->lock);

	if (!dev->forgetful)
		return 0;

	for (; dev->reminded <= dev->n_channels; dev->reminded++) {
		no_answers = gs_usb_ng_no_answers(dev);
		err = gs_usb_ng_remind_of(dev, dev->reminded, until);
		if (err && err != -EPIPE) {
			if (!gs_usb_ng_is_its_fault(dev, err, no_answers) ||
			    ++dev->remind_fails < GS_REMIND_TRIES)
				return err;
			if (gs_usb_ng_may_log(dev))
				dev_warn(&dev->intf->dev, "%s not set again: %pe\n",
					 dev->reminded ? "termination" : "host format",
					 ERR_PTR(err));
			/* It would be the same for the other channels */
			if (dev->reminded)
				dev->reminded = dev->n_channels;
		}
		dev->remind_fails = 0;
		err = 0;
	}
	if (dev->n_open)
		err = gs_usb_ng_rx_open(dev);
	dev->forgetful = err != 0;

	return err;
}

/* A channel that is up could not be started. Returns true if that was the device's fault. */
static bool gs_usb_ng_start_failed(struct gs_channel *ch, int err, s64 no_answers)
{
	if (!gs_usb_ng_is_its_fault(ch->dev, err, no_answers))
		return false;

	ch->start_faults++;
	return true;
}

/* Start a channel that is up and stopped. The tick tries again if it can't be. Without carrier the
 * network core throws away what is queued, and counts none of it: not for bad luck.
 */
static int gs_usb_ng_start_again(struct gs_channel *ch, unsigned long until)
{
	s64 no_answers = gs_usb_ng_no_answers(ch->dev);
	int err;

	err = gs_usb_ng_channel_start(ch, until);
	if (!err) {
		gs_usb_ng_channel_wake(ch);
		return 0;
	}

	ch->start_fails += gs_usb_ng_start_failed(ch, err, no_answers) ? GS_START_FAULT :
									 GS_START_LATE;
	if (err == -EPIPE || ch->start_fails >= GS_STARTS_FAIL)
		netif_carrier_off(ch->netdev);
	gs_usb_ng_look(ch->dev, GS_LOOK_PATIENTLY);

	return err;
}

/* Jiffies until a channel whose restart has failed has its turn again, @pause at least. The CAN
 * core writes a line each time, and those of many channels must not come at once.
 */
static unsigned long gs_usb_ng_restart_turn(struct gs_usb_ng *dev, unsigned long pause)
{
	unsigned long now = jiffies, first = now + max(pause, GS_RESTART_AGAIN);
	unsigned long turn = READ_ONCE(dev->restart_turn);

	/* It has passed, or is none: no more wait for theirs than there are channels */
	if (turn - first > dev->n_channels * GS_RESTART_TURN)
		turn = first;
	WRITE_ONCE(dev->restart_turn, turn + GS_RESTART_TURN);

	return turn - now;
}

/**
 * gs_usb_ng_restart_later() - have the CAN core restart a channel in bus-off, if restart-ms is set
 * @ch: the channel
 *
 * Context: Any.
 */
void gs_usb_ng_restart_later(struct gs_channel *ch)
{
	unsigned long pause = msecs_to_jiffies(ch->can.restart_ms);

	if (!ch->can.restart_ms || READ_ONCE(ch->dev->gone))
		return;
	/* The last one failed, or the device has been reset */
	if (!READ_ONCE(ch->running))
		pause = gs_usb_ng_restart_turn(ch->dev, pause);
	schedule_delayed_work(&ch->can.restart_work, pause);
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
 * Return: 0, -EOPNOTSUPP for another mode, -ENETDOWN when the channel isn't open or the device is
 * asleep, being reset or given up, or what gs_usb_ng_remind() or a control request fails with.
 */
int gs_usb_ng_restart(struct net_device *netdev, enum can_mode mode)
{
	struct gs_channel *ch = netdev_priv(netdev);
	struct gs_usb_ng *dev = ch->dev;
	unsigned long until;
	s64 no_answers;
	bool by_hand;
	int err = 0;

	if (mode != CAN_MODE_START)
		return -EOPNOTSUPP;

	/* By hand, which holds RTNL, it is restarted only where no time is set */
	by_hand = !ch->can.restart_ms;
	if (by_hand)
		gs_usb_ng_hurry(dev);
	mutex_lock(&dev->lock);
	until = jiffies + GS_USB_NG_CTRL_TIMEOUT;
	if (!ch->open || dev->paused || dev->health == GS_LOST) {
		err = -ENETDOWN;
		goto out_unlock;
	}

	/* The firmware got there first. That was counted, and this call is so, too. */
	if (ch->running && READ_ONCE(ch->can.state) != CAN_STATE_BUS_OFF) {
		ch->can.can_stats.restarts--;
		goto out_unlock;
	}

	clear_bit(GS_EV_SELF_RECOVERED, &ch->events);
	no_answers = gs_usb_ng_no_answers(dev);
	if (ch->running)
		gs_usb_ng_channel_stop(ch, true, until);
	err = gs_usb_ng_remind(dev, until);
	if (!err) {
		err = gs_usb_ng_channel_start(ch, until);
		if (err && gs_usb_ng_start_failed(ch, err, no_answers))
			gs_usb_ng_look(dev, GS_LOOK_PATIENTLY);
	}
	if (err) {
		/* The CAN core leaves it at that; the next try is ours. Before 6.7 it leaves the
		 * carrier on, too, which it would be surprised to find then.
		 */
		netif_carrier_off(netdev);
		WRITE_ONCE(ch->can.state, CAN_STATE_BUS_OFF);
		gs_usb_ng_restart_later(ch);
	} else {
		gs_usb_ng_channel_wake(ch);
		if (gs_usb_ng_may_log(dev))
			netdev_info(netdev, "restarted after bus-off\n");
	}

out_unlock:
	if (err && GS_COMPAT_CAN_COUNTS_FAILED_RESTARTS)
		ch->can.can_stats.restarts--;
	mutex_unlock(&dev->lock);
	if (by_hand)
		gs_usb_ng_hurry_done(dev);
	return err;
}

/* Stay off the bus with a firmware that would go back by itself; restart starts it anew. Until it
 * has answered the RESET, it will go back.
 */
static void gs_usb_ng_hold_bus_off(struct gs_channel *ch)
{
	struct gs_usb_ng *dev = ch->dev;
	unsigned long until;
	int err;

	mutex_lock(&dev->lock);
	until = jiffies + GS_ASK_TIMEOUT;
	if (!ch->open || dev->paused || READ_ONCE(ch->can.state) != CAN_STATE_BUS_OFF)
		goto out_unlock;

	if (ch->running)
		gs_usb_ng_channel_stop(ch, false, until);
	err = gs_usb_ng_channel_reset(ch, until);
	if (err && err != -EPIPE && !READ_ONCE(dev->gone)) {
		set_bit(GS_EV_HOLD_BUS_OFF, &ch->events);
		gs_usb_ng_look(dev, GS_LOOK_PATIENTLY);
	}

out_unlock:
	mutex_unlock(&dev->lock);
}

/* The firmware left bus-off without being asked: the CAN core must not restart it once more */
static void gs_usb_ng_self_recovered(struct gs_channel *ch)
{
	struct gs_usb_ng *dev = ch->dev;
	struct can_frame *cf = NULL;
	struct sk_buff *skb;
	unsigned long until;

	cancel_delayed_work_sync(&ch->can.restart_work);

	mutex_lock(&dev->lock);
	until = jiffies + GS_USB_NG_CTRL_TIMEOUT;
	if (!ch->running || READ_ONCE(ch->can.state) != CAN_STATE_BUS_OFF) {
		/* A restart that failed while it was cancelled could not have itself repeated */
		if (ch->open && !dev->paused && READ_ONCE(ch->can.state) == CAN_STATE_BUS_OFF)
			gs_usb_ng_restart_later(ch);
		goto out_unlock;
	}

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

/* GET_STATE, if it may be asked for. -EOPNOTSUPP: not */
static int gs_usb_ng_ask_state(struct gs_channel *ch, struct gs_device_state *state,
			       unsigned long until)
{
	s64 no_answers = gs_usb_ng_no_answers(ch->dev);
	int err;

	if (!(ch->feature & GS_FEATURE_GET_STATE) ||
	    (ch->mute >= GS_MUTE && time_before(jiffies, ch->mute_stamp + GS_MUTE_PAUSE)))
		return -EOPNOTSUPP;

	err = gs_usb_ng_get_state(ch->dev, ch->index, state, until);
	if (err != -ETIMEDOUT) {
		ch->mute = 0;
	} else if (gs_usb_ng_is_its_fault(ch->dev, err, no_answers)) {
		ch->mute++;
		ch->mute_stamp = jiffies;
	}
	gs_usb_ng_tell_request(ch, GS_TELL_STATE, err, no_answers);

	return err;
}

/* Where a lost echo can't be told from a bus without partner, a dead device can: there is no
 * firmware that doesn't tell its configuration. Once a look is enough for all channels. Returns
 * false if this device has not answered.
 */
static bool gs_usb_ng_answers(struct gs_usb_ng *dev, unsigned long until)
{
	struct gs_device_config cfg;

	if (!dev->answered)
		dev->answered = gs_usb_ng_device_config(dev, &cfg, until) != -ETIMEDOUT;

	return dev->answered;
}

static void gs_usb_ng_refresh_state(struct gs_channel *ch)
{
	struct gs_usb_ng *dev = ch->dev;
	struct gs_device_state state;

	mutex_lock(&dev->lock);
	/* What answers nothing is asked by the tick alone */
	if (ch->running && !READ_ONCE(dev->silence) &&
	    !gs_usb_ng_ask_state(ch, &state, jiffies + GS_ASK_TIMEOUT))
		gs_usb_ng_set_bec(ch, min(le32_to_cpu(state.txerr), 0xffffU),
				  min(le32_to_cpu(state.rxerr), 0xffffU));
	mutex_unlock(&dev->lock);
}

static void gs_usb_ng_refresh_tdcv(struct gs_channel *ch)
{
	struct gs_usb_ng *dev = ch->dev;
	struct gs_device_tdc tdc;
	s64 no_answers;
	int err;

	mutex_lock(&dev->lock);
	if (!ch->running || READ_ONCE(dev->silence) ||
	    time_after(READ_ONCE(ch->tdcv_stamp), jiffies))
		goto out_unlock;

	WRITE_ONCE(ch->tdcv_stamp, jiffies);
	no_answers = gs_usb_ng_no_answers(dev);
	err = gs_usb_ng_get_tdc(dev, ch->index, &tdc, jiffies + GS_ASK_TIMEOUT);
	gs_usb_ng_tell_request(ch, GS_TELL_TDC, err, no_answers);
	/* candleLight may say "off" because of what an earlier request left in its buffer */
	if (!err && le32_to_cpu(tdc.mode) == GS_TDC_AUTO)
		WRITE_ONCE(ch->tdcv, min(le32_to_cpu(tdc.tdcv), (u32)INT_MAX));
	/* Whoever dumps every second must not have the lock held for half of the time */
	if (err == -ETIMEDOUT && gs_usb_ng_is_its_fault(dev, err, no_answers))
		WRITE_ONCE(ch->tdcv_stamp, jiffies + GS_MUTE_PAUSE);

out_unlock:
	mutex_unlock(&dev->lock);
}

/* Does a channel only wait for a bus that is full of more urgent frames? That may last, but not for
 * ever.
 */
static bool gs_usb_ng_starves(struct gs_channel *ch)
{
	const struct net_device_stats *stats = &ch->netdev->stats;

	if (time_after(jiffies, ch->view.since + GS_STARVED))
		return false;

	return gs_decide_is_full(READ_ONCE(stats->rx_packets) - ch->doubted_frames,
				 READ_ONCE(stats->rx_bytes) - ch->doubted_bytes,
				 ch->can.bittiming.bitrate, ch->wire.fd ?
				 gs_compat_can_fd(&ch->can)->data_bittiming.bitrate : 0,
				 jiffies_to_msecs(jiffies - ch->doubted_since));
}

/* The bus is fine, frames are overdue. Those behind another channel's are doubted anew when that is
 * out of the way.
 */
static enum gs_sign gs_usb_ng_stuck(struct gs_channel *ch)
{
	if (ch->behind)
		ch->doubt_stamp = jiffies;
	/* Others may have wanted a look just after the one that doubted it */
	if (ch->doubted != ch->view.oldest || time_before(jiffies, ch->doubt_stamp + GS_LOOK_AGAIN))
		return GS_SIGN_OVERDUE;
	/* Frames wait for a bus that is full. Transfers should not, but who knows each firmware's
	 * buffers: a USB reset, which is next if a new start has not helped, is put off.
	 */
	if (gs_usb_ng_starves(ch) && (!ch->view.hung || ch->health >= GS_RESTARTED))
		return GS_SIGN_OVERDUE;
	if (ch->view.hung)
		return GS_SIGN_HUNG;
	if (atomic64_read(&ch->dev->stat[GS_DEV_RX_TRANSFERS]) == ch->start_rx)
		return GS_SIGN_DEAF;

	return GS_SIGN_SAME;
}

/* Can a slot have its next frame though an echo of the last one might come late? It can where that
 * is known for what it is, and where a frame has had one chance and missed it.
 */
static bool gs_usb_ng_may_give_up(const struct gs_channel *ch)
{
	const struct gs_usb_ng *dev = ch->dev;

	return (READ_ONCE(dev->generation) == GS_GENERATION_ON &&
		dev->profile->turns >= GS_TURNS_LAST) || gs_usb_ng_one_shot(ch);
}

/* On a device where all frames go through one queue (CANnectivity): which other channel has had a
 * frame in it for longest, and since when? Not one in one-shot mode, where none waits, nor in
 * bus-off, where all were dropped, nor one that waits only because nobody knows better.
 */
static const struct gs_channel *gs_usb_ng_head(const struct gs_channel *ch, unsigned long *since)
{
	const struct gs_usb_ng *dev = ch->dev;
	const struct gs_channel *head = NULL;
	struct gs_channel *other;
	unsigned long oldest;
	unsigned int i;

	if (!dev->profile->one_queue)
		return NULL;
	for (i = 0; i < dev->n_channels; i++) {
		other = dev->ch[i];
		if (other == ch || !other->running || gs_usb_ng_one_shot(other) ||
		    READ_ONCE(other->can.state) == CAN_STATE_BUS_OFF ||
		    (other->health == GS_WAITING && other->last_sign != GS_SIGN_NO_PARTNER) ||
		    !gs_usb_ng_tx_oldest(other, &oldest) ||
		    (head && !time_before(oldest, *since)))
			continue;
		head = other;
		*since = oldest;
	}

	return head;
}

/* Are a channel's overdue frames behind those of one that waits for a partner? */
static bool gs_usb_ng_held_up(const struct gs_channel *ch)
{
	const struct gs_channel *head;
	unsigned long since;

	head = gs_usb_ng_head(ch, &since);

	return head && head->health == GS_WAITING && !time_after(since, ch->view.since);
}

/* Are they behind something that is looked at elsewhere: another channel's transfer that doesn't
 * end, or in one queue another channel's frames? Of two that came in the same jiffy neither is
 * behind the other.
 */
static bool gs_usb_ng_is_behind(const struct gs_channel *ch, const struct gs_channel *first)
{
	const struct gs_channel *head;
	unsigned long since;

	if (ch->view.hung)
		return ch != first;
	head = gs_usb_ng_head(ch, &since);

	return head && time_before(since, ch->view.since);
}

/* In one-shot mode a frame has had its chance when the bus was free for the first time. Returns how
 * old it is then, jiffies: on a device with one queue, too old to be behind another channel's.
 */
static unsigned long gs_usb_ng_one_shot_age(const struct gs_channel *ch)
{
	const struct gs_channel *head;
	unsigned long since;

	head = gs_usb_ng_head(ch, &since);
	if (!head)
		return GS_ECHO_OVERDUE;

	/* As in gs_usb_ng_held_up() and gs_usb_ng_is_behind() */
	return max(GS_ECHO_OVERDUE, jiffies - since + (head->health == GS_WAITING));
}

/* Does a transfer that doesn't end hold up another channel, one that doesn't wait for a partner
 * itself? Where frames of all channels go through one queue, it waits as those do.
 */
static bool gs_usb_ng_blocks(const struct gs_channel *ch, const struct gs_channel *first)
{
	const struct gs_usb_ng *dev = ch->dev;
	const struct gs_channel *other;
	unsigned int i;

	if (ch != first || dev->profile->one_queue)
		return false;
	for (i = 0; i < dev->n_channels; i++) {
		other = dev->ch[i];
		if (other != ch && other->running && other->view.hung &&
		    READ_ONCE(other->can.state) != CAN_STATE_BUS_OFF &&
		    (other->health == GS_DOUBTED || other->health == GS_DOUBTED_AGAIN ||
		     other->health == GS_DOUBTED_STILL))
			return true;
	}

	return false;
}

/* CANable 2.5 throws frames away that nobody has acknowledged for half a second: if one is overdue,
 * the error frame which said so was lost
 */
static bool gs_usb_ng_waits_for_ever(const struct gs_channel *ch)
{
	return !ch->dev->profile->elm;
}

/* Is nobody out there to acknowledge frames? Then they wait rightly, for as long as it takes. Not
 * if the device has none of them.
 */
static bool gs_usb_ng_no_partner(struct gs_channel *ch, const struct gs_device_state *state)
{
	if (le32_to_cpu(state->state) == CAN_STATE_BUS_OFF)
		return true;
	if (!gs_usb_ng_waits_for_ever(ch) || ch->view.hung == ch->view.overdue)
		return false;

	/* One that is stopped, which it was not told to be, has forgotten all */
	if (le32_to_cpu(state->state) == CAN_STATE_ERROR_PASSIVE ||
	    le32_to_cpu(state->txerr) >= CAN_ERROR_PASSIVE_THRESHOLD)
		return true;

	return gs_usb_ng_held_up(ch);
}

/* Keep in mind which frame is overdue, and what of the bus was seen until now */
static void gs_usb_ng_doubt(struct gs_channel *ch)
{
	const struct net_device_stats *stats = &ch->netdev->stats;

	if (ch->doubted == ch->view.oldest)
		return;

	ch->doubted = ch->view.oldest;
	ch->doubted_since = jiffies;
	ch->doubted_frames = READ_ONCE(stats->rx_packets);
	ch->doubted_bytes = READ_ONCE(stats->rx_bytes);
}

/* Is it error passive as far as we know? Where something was echoed since the device said so, the
 * end of it has been lost.
 */
static bool gs_usb_ng_is_passive(const struct gs_channel *ch)
{
	return READ_ONCE(ch->can.state) >= CAN_STATE_ERROR_PASSIVE &&
	       READ_ONCE(ch->echo_seq) == READ_ONCE(ch->passive_seq);
}

/* Where the device can't say why frames are overdue: has somebody sent others while they were? */
static bool gs_usb_ng_has_partner(const struct gs_channel *ch)
{
	return ch->doubted == ch->view.oldest &&
	       READ_ONCE(ch->netdev->stats.rx_packets) - ch->doubted_frames >= GS_PARTNER_FRAMES &&
	       !gs_usb_ng_is_passive(ch) && !gs_usb_ng_held_up(ch);
}

/* What has become of the frames that a channel has in flight? If they are overdue, ask why.
 * Returns false if nothing can be said before the device has answered.
 */
static bool gs_usb_ng_channel_sign(struct gs_channel *ch, const struct gs_channel *first,
				   unsigned long until, enum gs_sign *sign)
{
	struct gs_device_state state;
	int err = -EOPNOTSUPP;
	unsigned long age;

	*sign = GS_SIGN_UNKNOWN;
	/* A firmware that does not tell of frames that failed in one-shot mode (CANnectivity) will
	 * not do so later
	 */
	if (ch->view.age == GS_TX_OLD && !ch->view.hung && gs_usb_ng_one_shot(ch)) {
		age = gs_usb_ng_one_shot_age(ch);
		if (time_after_eq(jiffies, ch->view.since + age)) {
			gs_usb_ng_tx_give_up(ch, age);
			ch->view.age = GS_TX_OVERTAKEN;
		}
	}
	if (ch->view.age == GS_TX_OLD) {
		err = gs_usb_ng_ask_state(ch, &state, until);
		if (err == -ETIMEDOUT ||
		    (err == -EOPNOTSUPP && !ch->view.hung && !gs_usb_ng_answers(ch->dev, until)))
			return false;
		if (!err)
			*sign = le32_to_cpu(state.state) == CAN_STATE_BUS_OFF ? GS_SIGN_BUS_OFF :
										GS_SIGN_NO_PARTNER;
		if (!err && gs_usb_ng_no_partner(ch, &state) &&
		    (*sign == GS_SIGN_BUS_OFF || !gs_usb_ng_blocks(ch, first)))
			return true;
		/* That took its time */
		gs_usb_ng_tx_check_age(ch, GS_ECHO_OVERDUE, gs_usb_ng_may_give_up(ch));
	}

	switch (ch->view.age) {
	case GS_TX_OLD:
		/* Without an answer a frame gets the benefit of the doubt, as long as there may be
		 * nobody else on the bus. A transfer doesn't.
		 */
		if (!err || ch->view.hung || gs_usb_ng_has_partner(ch) ||
		    !gs_usb_ng_waits_for_ever(ch))
			*sign = gs_usb_ng_stuck(ch);
		else
			gs_usb_ng_doubt(ch);
		break;
	case GS_TX_OVERTAKEN:
		/* Given up by the poll. Where a late echo would be taken for that of the slot's
		 * next frame they are kept, and only a reset makes sure that none comes.
		 */
		*sign = gs_usb_ng_may_give_up(ch) ? GS_SIGN_OVERTAKEN : GS_SIGN_MIXED_UP;
		break;
	case GS_TX_FRESH:
		*sign = READ_ONCE(ch->echo_seq) == ch->start_seq ? GS_SIGN_QUIET : GS_SIGN_ECHO;
		break;
	}
	/* Echoes may still come for the slots kept aside. If no slot is left for a newer frame, and
	 * the device can't say why, nothing will ever overtake the others either.
	 */
	if (ch->view.age != GS_TX_OLD ? gs_decide_is_short(ch->view.aside, ch->tx_limit) :
	    *sign == GS_SIGN_UNKNOWN && ch->view.aside && gs_usb_ng_tx_room(ch) <= 0)
		*sign = GS_SIGN_MIXED_UP;

	return true;
}

/* Start a channel anew whose frames are stuck, or can't be told from newer ones */
static void gs_usb_ng_unstick(struct gs_channel *ch, bool again, unsigned long until)
{
	gs_usb_ng_channel_stop(ch, true, until);
	/* It may have gone off the bus in the meantime, and then it is not for us to restart it */
	if (READ_ONCE(ch->can.state) == CAN_STATE_BUS_OFF) {
		ch->health = GS_HEALTHY;
		return;
	}

	gs_usb_ng_count(ch, GS_CH_TX_STUCK);
	atomic64_add(ch->view.hung, &ch->stat[GS_CH_TX_HUNG]);
	if (!again && gs_usb_ng_may_log(ch->dev))
		netdev_warn(ch->netdev, "%s, channel started anew\n",
			    ch->view.hung ? "OUT transfers overdue" :
			    ch->view.age == GS_TX_FRESH ? "half of the slots kept aside" :
							  "echoes overdue");
	/* That took its time, and who holds RTNL cuts this short */
	gs_usb_ng_start_again(ch, jiffies + GS_USB_NG_CTRL_TIMEOUT);
}

/* Look at a channel. Returns jiffies until that is to be done again: 0 for "nothing else now, the
 * device is going to be reset", ULONG_MAX if nothing is in flight.
 */
static unsigned long gs_usb_ng_channel_look(struct gs_channel *ch, const struct gs_channel *first,
					    unsigned long ask, unsigned long until)
{
	enum gs_health before = ch->health;
	struct gs_decision then;
	enum gs_sign sign;
	long left;

	if (!gs_usb_ng_channel_sign(ch, first, ask, &sign))
		return GS_LOOK_AGAIN;

	ch->last_sign = sign;
	then = gs_decide(before, sign);
	ch->health = then.health;
	if (then.action == GS_ACT_USB_RESET &&
	    !gs_usb_ng_usb_reset(ch->dev, sign == GS_SIGN_HUNG ? "OUT transfers don't end" :
								 "nothing comes in"))
		then.action = GS_ACT_RESTART;

	switch (then.action) {
	case GS_ACT_LOOK_AGAIN:
		gs_usb_ng_count(ch, GS_CH_TX_DOUBTED);
		if (then.health != before || ch->doubted != ch->view.oldest)
			ch->doubt_stamp = jiffies;
		gs_usb_ng_doubt(ch);
		left = ch->doubt_stamp + GS_LOOK_AGAIN - jiffies;
		return left > 0 ? left : GS_LOOK_AGAIN;
	case GS_ACT_RESTART:
		gs_usb_ng_unstick(ch, before >= GS_RESTARTED, until);
		return GS_LOOK_PATIENTLY;
	case GS_ACT_USB_RESET:
		return 0;
	case GS_ACT_BUS_OFF:
		gs_usb_ng_count(ch, GS_CH_BUS_OFF_MISSED);
		gs_usb_ng_tx_missed_bus_off(ch);
		break;
	case GS_ACT_SAY_GOOD:
		if (gs_usb_ng_may_log(ch->dev))
			netdev_info(ch->netdev, "frames are echoed again\n");
		break;
	default:
		break;
	}

	return then.health == GS_WAITING ? GS_LOOK_PATIENTLY : ch->view.due;
}

/* Look at all channels; same result */
static unsigned long gs_usb_ng_channels_look(struct gs_usb_ng *dev, unsigned long ask,
					     unsigned long until)
{
	/* Each is the first in turn, since the first has the most time for an answer */
	unsigned int from = dev->look_next++ % dev->n_channels;
	struct gs_channel *ch, *first = NULL;
	unsigned long delay = ULONG_MAX, at;
	unsigned int i;

	dev->answered = false;
	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		/* What could not be done at once */
		if (READ_ONCE(ch->events))
			queue_work(dev->wq, &ch->work);
		if (!ch->running || READ_ONCE(ch->can.state) == CAN_STATE_BUS_OFF)
			continue;
		gs_usb_ng_tx_check_age(ch, GS_ECHO_OVERDUE, gs_usb_ng_may_give_up(ch));
		if (ch->view.hung &&
		    (!first || time_before(ch->view.hung_since, first->view.hung_since)))
			first = ch;
	}
	/* Before any is started anew, which clears the way for others */
	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		ch->behind = ch->running && ch->view.age == GS_TX_OLD &&
			     gs_usb_ng_is_behind(ch, first);
	}

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[(from + i) % dev->n_channels];
		if (!ch->running || READ_ONCE(ch->can.state) == CAN_STATE_BUS_OFF)
			continue;
		/* Others have taken the time that this one would need */
		if (time_after(jiffies, ask))
			return 1;
		at = gs_usb_ng_channel_look(ch, first, ask, until);
		if (!at)
			return GS_LOOK_PATIENTLY;
		delay = min(delay, at);
	}

	return delay;
}

/* The last step. The net devices stay, detached, and with them names, settings and counters: a USB
 * reset by somebody else may help yet.
 */
static void gs_usb_ng_give_up(struct gs_usb_ng *dev)
{
	struct gs_channel *ch;
	unsigned int i;

	gs_usb_ng_dev_count(dev, GS_DEV_GAVE_UP);
	dev_err(&dev->intf->dev, "gave up: no answer to any request, nor after %u USB resets\n",
		dev->resets);

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		if (ch->running)
			gs_usb_ng_channel_stop(ch, false, jiffies);
		if (ch->open && READ_ONCE(ch->can.state) != CAN_STATE_BUS_OFF)
			WRITE_ONCE(ch->can.state, CAN_STATE_STOPPED);
		/* One that is down may just be going with the device: nothing that outlives it */
		if (ch->open)
			netif_carrier_off(ch->netdev);
		netif_device_detach(ch->netdev);
	}
	gs_usb_ng_rx_close(dev);
}

/* Does the device take no frame any more? An OUT transfer doesn't end, as the last look at the
 * channels has found, or nothing has been echoed for long though others are on the bus, or none of
 * the channels that are up could be started anew.
 */
static bool gs_usb_ng_takes_nothing(const struct gs_usb_ng *dev)
{
	const struct gs_channel *ch;
	bool runs = false;
	unsigned int i;

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		if (ch->running && ch->view.age == GS_TX_OLD &&
		    (ch->view.hung || (gs_usb_ng_has_partner(ch) &&
				       time_after(jiffies, ch->view.since + GS_STARVED))))
			return true;
		runs = runs || ch->running;
	}

	return dev->n_open && !runs;
}

/* The device has left a request without an answer: is it still there? It is if frames come in by
 * themselves, whatever has become of the request; but one that takes neither frames nor requests
 * any more is reset all the same. Returns 0 if there is nothing against looking further, or jiffies
 * until it shall be asked again.
 */
static unsigned long gs_usb_ng_alive(struct gs_usb_ng *dev, unsigned long until)
{
	unsigned int silence = READ_ONCE(dev->silence);
	enum gs_sign sign = GS_SIGN_ANSWER;
	struct gs_device_config cfg;
	struct gs_decision then;
	enum gs_leave leave;
	s64 no_answers, rx;
	bool heard;
	int err;

	if (likely(!silence)) {
		/* Others may have asked meanwhile, and got an answer */
		dev->health = gs_decide(dev->health, GS_SIGN_ANSWER).health;
		return 0;
	}

	no_answers = gs_usb_ng_no_answers(dev);
	err = gs_usb_ng_device_config(dev, &cfg, until);
	if (err && !gs_usb_ng_is_its_fault(dev, err, no_answers))
		return GS_ASK_AGAIN;
	if (READ_ONCE(dev->silence)) {
		/* An error is no answer either */
		if (err != -ETIMEDOUT)
			WRITE_ONCE(dev->silence, silence + 1);
		rx = atomic64_read(&dev->stat[GS_DEV_RX_TRANSFERS]);
		heard = rx != READ_ONCE(dev->silence_rx);
		WRITE_ONCE(dev->silence_rx, rx);
		if (heard && (silence < GS_SILENT_FOR_GOOD || !gs_usb_ng_takes_nothing(dev))) {
			/* As good as an answer: the next doubt is the first one */
			dev->health = gs_decide(dev->health, GS_SIGN_ANSWER).health;
			return GS_LOOK_PATIENTLY;
		}
		leave = gs_decide_reset(&dev->resets, jiffies_to_msecs(jiffies - dev->reset_stamp));
		if (leave == GS_LEAVE_LATER)
			return GS_ASK_AGAIN;
		if (leave == GS_LEAVE_NEVER && (heard || silence < GS_SILENT_FOR_GOOD))
			return GS_LOOK_PATIENTLY;
		sign = leave == GS_LEAVE_NOW ? GS_SIGN_NO_ANSWER : GS_SIGN_NO_ANSWER_SPENT;
	}

	then = gs_decide(dev->health, sign);
	dev->health = then.health;
	if (then.action == GS_ACT_USB_RESET)
		gs_usb_ng_usb_reset(dev, "no answer to any request");
	if (then.action == GS_ACT_GIVE_UP)
		gs_usb_ng_give_up(dev);

	return sign == GS_SIGN_ANSWER ? 0 : GS_ASK_AGAIN;
}

/* Nothing but a reset helps a channel that can't be started. Not while another one runs, which
 * would lose frames by it; and if three have not helped, none will: it may be what it is asked for.
 */
static void gs_usb_ng_starts_look(struct gs_usb_ng *dev)
{
	struct gs_decision then;
	struct gs_channel *ch;
	bool faulty = false;
	unsigned int i;

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		if (ch->running)
			return;
		faulty = faulty || (ch->open && ch->start_faults >= GS_STARTS_FAULTY);
	}
	if (!faulty || dev->start_resets >= GS_RESETS_MAX)
		return;

	then = gs_decide(dev->health, GS_SIGN_NO_START);
	if (then.action != GS_ACT_USB_RESET ||
	    !gs_usb_ng_usb_reset(dev, "no channel can be started"))
		return;
	dev->start_resets++;
	for (i = 0; i < dev->n_channels; i++)
		dev->ch[i]->start_faults = 0;
}

/* jiffies come round after 50 days where they have 32 bits, and a stamp that is older than half of
 * that seems to lie ahead. Those that may stay as they are for so long are kept younger.
 */
static void gs_usb_ng_keep_stamps(struct gs_usb_ng *dev)
{
	unsigned long least = jiffies - GS_USB_NG_CLOCK_INTERVAL, stamp;
	struct gs_channel *ch;
	unsigned int i;

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		stamp = READ_ONCE(ch->echo_stamp);
		/* Not if an echo comes right now */
		if (time_before(stamp, least))
			cmpxchg(&ch->echo_stamp, stamp, least);
		if (time_before(READ_ONCE(ch->bec_stamp), least))
			WRITE_ONCE(ch->bec_stamp, least);
		if (time_before(READ_ONCE(ch->tdcv_stamp), least))
			WRITE_ONCE(ch->tdcv_stamp, least);
		if (time_before(ch->mute_stamp, least))
			ch->mute_stamp = least;
		if (time_before(ch->start_stamp, least))
			WRITE_ONCE(ch->start_stamp, least);
	}
}

static void gs_usb_ng_read_clock(struct gs_usb_ng *dev, unsigned long until)
{
	u64 asked = ktime_get_ns();
	u32 us;

	dev->clock_due = jiffies + GS_USB_NG_CLOCK_INTERVAL;
	if (!READ_ONCE(dev->clock.started))
		return;

	if (!gs_usb_ng_timestamp(dev, &us, until))
		gs_clock_sample(&dev->clock, us, asked, ktime_get_ns());
}

/* Program a device anew: after suspend and reset, or when that had failed. No firmware keeps all of
 * its state, and some keeps none. What can't be done now the tick tries again; at the first
 * time-out the rest is left to it, so that whoever waits for the lock under RTNL doesn't wait for
 * each channel.
 */
static int gs_usb_ng_revive(struct gs_usb_ng *dev, unsigned long until)
{
	unsigned int first = dev->revive_next;
	struct gs_channel *ch;
	unsigned int i;
	int ret = 0;
	int err;

	lockdep_assert_held(&dev->lock);

	err = gs_usb_ng_remind(dev, until);
	if (err)
		return err;

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[(first + i) % dev->n_channels];
		if (!ch->open || READ_ONCE(ch->can.state) != CAN_STATE_STOPPED)
			continue;
		err = gs_usb_ng_start_again(ch, until);
		if (err == -ETIMEDOUT) {
			/* The others come first next time */
			dev->revive_next = ch->index + 1;
			return err;
		}
		if (err)
			ret = err;
	}

	if (!ret && !dev->reset_asked && READ_ONCE(dev->reset_told)) {
		WRITE_ONCE(dev->reset_told, false);
		dev_info(&dev->intf->dev, "programmed anew after the USB reset\n");
	}
	if (!ret && dev->late_told) {
		dev->late_told = false;
		dev_info(&dev->intf->dev, "device started\n");
	}

	return ret;
}

/* After a reset what was given up gets another chance. Attaching wakes queues. */
static void gs_usb_ng_take_back(struct gs_usb_ng *dev)
{
	struct gs_decision then = gs_decide(dev->health, GS_SIGN_RESET);
	unsigned int i;

	if (!dev->reset_asked) {
		dev->resets = 0;
		dev->start_resets = 0;
	}
	dev->reset_asked = false;
	for (i = 0; i < dev->n_channels; i++)
		dev->ch[i]->start_faults = 0;
	WRITE_ONCE(dev->silence, 0);
	dev->health = then.health;
	if (then.action != GS_ACT_TAKE_BACK)
		return;

	dev_info(&dev->intf->dev, "taken up again\n");
	for (i = 0; i < dev->n_channels; i++) {
		netif_device_attach(dev->ch[i]->netdev);
		netif_stop_queue(dev->ch[i]->netdev);
	}
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
	WRITE_ONCE(dev->paused, false);
	wake_up(&dev->roused);
	gs_usb_ng_take_back(dev);

	err = gs_usb_ng_revive(dev, jiffies + GS_USB_NG_CTRL_TIMEOUT);
	if (err && gs_usb_ng_may_log(dev)) {
		dev_warn(&dev->intf->dev, "device not started yet: %pe\n", ERR_PTR(err));
		dev->late_told = dev->n_open;
	}

	/* What was in bus-off stays there until it is restarted, and forgot when that would be, so
	 * that nobody waits for a turn
	 */
	WRITE_ONCE(dev->restart_turn, jiffies);
	for (i = 0; i < dev->n_channels; i++)
		if (dev->ch[i]->open && READ_ONCE(dev->ch[i]->can.state) == CAN_STATE_BUS_OFF)
			gs_usb_ng_restart_later(dev->ch[i]);

	gs_usb_ng_look(dev, err ? GS_LOOK_PATIENTLY : GS_ECHO_OVERDUE);
	mutex_unlock(&dev->lock);
}

/* Nothing is to be looked at before the clock is due, unless a frame has been sent meanwhile. The
 * barriers of xmit and of this make sure that at least one side sees the other.
 */
static void gs_usb_ng_rest(struct gs_usb_ng *dev)
{
	unsigned long delay = time_before(jiffies, dev->clock_due) ? dev->clock_due - jiffies : 1;

	/* The tick has cleared "watching" before. Pairs with the barrier of taking a place. */
	smp_mb();
	if (atomic_read(&dev->tx_in_flight))
		gs_usb_ng_watch(dev);
	else
		queue_delayed_work(dev->wq, &dev->tick, delay);
}

/* Requests are not answered: queues that wait for the OUT pipe go on. When that lasts, frames that
 * newer ones have overtaken are given up, whatever the firmware: where a late echo might pass for a
 * newer frame's a new start would be better, but RESET is a request, and without slots the channel
 * would be dead. Returns jiffies until that is to be done again.
 */
static unsigned long gs_usb_ng_mute_look(struct gs_usb_ng *dev, unsigned long until)
{
	bool long_since = READ_ONCE(dev->silence) >= GS_SILENT_FOR_LONG;
	struct gs_channel *ch;
	unsigned int i;

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		/* One that could not be started anew in time won't be soon */
		if (long_since && ch->open && READ_ONCE(ch->can.state) == CAN_STATE_STOPPED)
			netif_carrier_off(ch->netdev);
		if (!ch->running)
			continue;
		gs_usb_ng_tx_check_age(ch, GS_ECHO_OVERDUE,
				       long_since || gs_usb_ng_may_give_up(ch));
		if (ch->view.age == GS_TX_OLD)
			gs_usb_ng_doubt(ch);
		if (long_since && gs_decide_is_short(ch->view.aside, ch->tx_limit))
			gs_usb_ng_tx_free_aside(ch, GS_ECHO_OVERDUE);
	}

	return dev->rx_up ? gs_usb_ng_tx_look(dev, until) : ULONG_MAX;
}

/* A channel that is down, or in bus-off, may be on the bus all the same, if its RESET was not
 * answered, and acknowledge what nobody reads. A device that answers nothing may listen: it is
 * told, but not waited for. Returns jiffies until it is to be asked again.
 */
static unsigned long gs_usb_ng_quieten(struct gs_usb_ng *dev, bool answers, unsigned long until)
{
	struct gs_channel *ch;
	unsigned int i;

	for (i = 0; i < dev->n_channels; i++) {
		ch = dev->ch[i];
		if (ch->running || !ch->started ||
		    (ch->open && READ_ONCE(ch->can.state) != CAN_STATE_BUS_OFF))
			continue;
		gs_usb_ng_channel_reset(ch, answers ? until : jiffies + GS_TELL_TIMEOUT);
		if (ch->started && answers)
			return GS_LOOK_PATIENTLY;
	}

	return ULONG_MAX;
}

/* Look at everything that is in flight or out of order, and come back when something may be next:
 * no timer runs while there is nothing. All requests together get a second, and the new start of a
 * channel that is stuck another one.
 */
static void gs_usb_ng_tick(struct work_struct *work)
{
	struct gs_usb_ng *dev = container_of(to_delayed_work(work), struct gs_usb_ng, tick);
	unsigned long until, ask, delay;

	mutex_lock(&dev->lock);
	until = jiffies + GS_USB_NG_CTRL_TIMEOUT;
	ask = jiffies + GS_ASK_TIMEOUT;
	spin_lock_irq(&dev->look_lock);
	WRITE_ONCE(dev->watching, false);
	spin_unlock_irq(&dev->look_lock);
	if (dev->paused || dev->health == GS_LOST || READ_ONCE(dev->gone))
		goto out_unlock;

	delay = gs_usb_ng_alive(dev, ask);
	if (delay) {
		/* What needs no answer can be done */
		delay = min(delay, gs_usb_ng_mute_look(dev, until));
		if (dev->health != GS_LOST)
			gs_usb_ng_quieten(dev, false, until);
		delay = min(delay, gs_usb_ng_odd_look(dev));
		goto out_again;
	}
	delay = ULONG_MAX;
	if (dev->rx_up) {
		if (dev->rx_health != GS_HEALTHY && !READ_ONCE(dev->rx_backoff))
			gs_usb_ng_rx_good(dev);
		delay = min(delay, gs_usb_ng_tx_look(dev, until));
		delay = min(delay, gs_usb_ng_channels_look(dev, ask, until));
		if (time_after_eq(jiffies, dev->clock_due)) {
			gs_usb_ng_keep_stamps(dev);
			gs_usb_ng_read_clock(dev, ask);
		}
	}
	/* Last: one channel that can't be stopped, or started, takes all the time there is. With
	 * none open the device is told all the same what it has forgotten: others on the bus need
	 * its termination.
	 */
	if ((dev->n_open || dev->forgetful) && gs_usb_ng_revive(dev, until))
		delay = min(delay, GS_LOOK_PATIENTLY);
	gs_usb_ng_starts_look(dev);
	delay = min(delay, gs_usb_ng_quieten(dev, true, until));
	delay = min(delay, gs_usb_ng_odd_look(dev));
	if (!dev->n_open && delay == ULONG_MAX)
		goto out_unlock;

out_again:
	if (delay > GS_ECHO_OVERDUE)
		gs_usb_ng_rest(dev);
	else if (dev->health != GS_LOST)
		gs_usb_ng_look(dev, max(delay, 1UL));
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
	/* The poll may be setting one, which the caller is going to cancel, too */
	WRITE_ONCE(ch->events, 0);
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
	INIT_DELAYED_WORK(&dev->tick, gs_usb_ng_tick);

	dev->wq = alloc_ordered_workqueue("gs_usb_ng_%s", 0, dev_name(&dev->intf->dev));
	if (!dev->wq)
		return -ENOMEM;
	WRITE_ONCE(dev->silent, gs_usb_ng_silence);

	return 0;
}

/**
 * gs_usb_ng_recovery_exit() - undo gs_usb_ng_recovery_init()
 * @dev: the adapter, all channels closed; their work may still be queued
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_recovery_exit(struct gs_usb_ng *dev)
{
	WRITE_ONCE(dev->silent, NULL);
	cancel_delayed_work_sync(&dev->tick);
	destroy_workqueue(dev->wq);
}
