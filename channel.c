// SPDX-License-Identifier: GPL-2.0-only
/*
 * One CAN channel is one net device: what the network stack and the CAN core ask of it.
 */

#include <linux/can/dev.h>
#include <linux/can/error.h>
#include <linux/can/length.h>
#include <linux/netdevice.h>

#include "gs_usb_ng.h"
#include "zerocopy.h"

/* Error counters in gs_channel.bec */
#define GS_BEC_RX_SHIFT		16
#define GS_BEC_TX_MASK		0xffff

/* Frames that BQL lets a device have at least; the smallest limit of any firmware is 8 */
#define GS_BQL_MIN_FRAMES	8

/* Kept back of a deadline for the RESET after a START that failed */
#define GS_UNDO_START_TIMEOUT	msecs_to_jiffies(250)

/* A device that answers, but not to RESET, is asked that often: others wait for it each time */
#define GS_RESET_TRIES		3

/* Ohm; the wire knows "on" */
#define GS_TERMINATION_OHM	120

static const u16 gs_usb_ng_termination[] = { CAN_TERMINATION_DISABLED, GS_TERMINATION_OHM };

/* CAN_CTRLMODE_* that a feature bit offers and a mode flag of the same value selects */
static const struct {
	u32 ctrlmode;
	u32 feature;
} gs_usb_ng_modes[] = {
	{ CAN_CTRLMODE_LISTENONLY, GS_FEATURE_LISTEN_ONLY },
	{ CAN_CTRLMODE_LOOPBACK, GS_FEATURE_LOOP_BACK },
	{ CAN_CTRLMODE_3_SAMPLES, GS_FEATURE_TRIPLE_SAMPLE },
	{ CAN_CTRLMODE_ONE_SHOT, GS_FEATURE_ONE_SHOT },
	{ CAN_CTRLMODE_BERR_REPORTING, GS_FEATURE_BERR_REPORTING },
	{ CAN_CTRLMODE_FD, GS_FEATURE_FD },
};

/**
 * gs_usb_ng_set_bec() - remember error counters
 * @ch: the channel
 * @txerr: transmit error counter
 * @rxerr: receive error counter
 *
 * Context: Any.
 */
void gs_usb_ng_set_bec(struct gs_channel *ch, u16 txerr, u16 rxerr)
{
	atomic_set(&ch->bec, (u32)rxerr << GS_BEC_RX_SHIFT | txerr);
	WRITE_ONCE(ch->bec_stamp, jiffies);
}

/* The netlink dump of every interface calls this under RTNL: answer from memory, and have fresh
 * numbers fetched for the next reader
 */
static int gs_usb_ng_get_berr_counter(const struct net_device *netdev,
				      struct can_berr_counter *bec)
{
	struct gs_channel *ch = netdev_priv(netdev);
	u32 raw = atomic_read(&ch->bec);

	bec->txerr = raw & GS_BEC_TX_MASK;
	bec->rxerr = raw >> GS_BEC_RX_SHIFT;

	if (READ_ONCE(ch->running) && ch->feature & GS_FEATURE_GET_STATE &&
	    time_after(jiffies, READ_ONCE(ch->bec_stamp) + HZ)) {
		/* Whatever comes of it: a request that fails isn't made for every dump */
		WRITE_ONCE(ch->bec_stamp, jiffies);
		gs_usb_ng_recovery_event(ch, GS_EV_REFRESH_STATE);
	}

	return 0;
}

/* As above: the dump asks, memory answers. Of a channel that is down nothing is known. */
static int gs_usb_ng_get_auto_tdcv(const struct net_device *netdev, u32 *tdcv)
{
	struct gs_channel *ch = netdev_priv(netdev);
	int known = READ_ONCE(ch->tdcv);

	if (!READ_ONCE(ch->running))
		return -ENODATA;

	if (time_after(jiffies, READ_ONCE(ch->tdcv_stamp) + HZ)) {
		WRITE_ONCE(ch->tdcv_stamp, jiffies);
		gs_usb_ng_recovery_event(ch, GS_EV_REFRESH_TDCV);
	}
	if (known < 0)
		return -ENODATA;

	*tdcv = known;

	return 0;
}

/**
 * gs_usb_ng_share() - divide what the device can hold, see gs_profile_in_flight()
 * @dev: the adapter; its lock is held
 *
 * Context: Process.
 */
void gs_usb_ng_share(struct gs_usb_ng *dev)
{
	unsigned int limit, i;

	lockdep_assert_held(&dev->lock);

	limit = gs_profile_in_flight(dev->profile, dev->n_channels, max(dev->n_open, 1U));
	for (i = 0; i < dev->n_channels; i++) {
		WRITE_ONCE(dev->ch[i]->tx_limit, min(limit, dev->ch[i]->tx_ring));
		gs_usb_ng_tx_wake(dev->ch[i]);
	}
}

static u32 gs_usb_ng_mode_flags(const struct gs_channel *ch)
{
	u32 flags = ch->feature & GS_FEATURE_BUS_OFF_RECOVERY;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gs_usb_ng_modes); i++)
		if (ch->can.ctrlmode & gs_usb_ng_modes[i].ctrlmode)
			flags |= gs_usb_ng_modes[i].feature;

	/* Also when it is off: without the bit firmware compensates as it sees fit */
	if (ch->can.ctrlmode & CAN_CTRLMODE_FD)
		flags |= ch->feature & GS_FEATURE_TDC;

	/* One setting for all channels: older candleLight keeps it device-wide */
	if (ch->dev->hw_timestamps)
		flags |= GS_FEATURE_HW_TIMESTAMP;

	if (ch->dev->elm_on)
		flags |= GS_FEATURE_ELM | GS_FEATURE_ELM_BLOBS;

	return flags;
}

static int gs_usb_ng_start_tdc(struct gs_channel *ch, unsigned long until)
{
	u32 mode = GS_TDC_OFF;

	if (ch->can.ctrlmode & CAN_CTRLMODE_TDC_AUTO)
		mode = GS_TDC_AUTO;
	else if (ch->can.ctrlmode & CAN_CTRLMODE_TDC_MANUAL)
		mode = GS_TDC_MANUAL;
	WRITE_ONCE(ch->tdcv, -1);
	/* The first dump asks */
	WRITE_ONCE(ch->tdcv_stamp, jiffies - HZ - 1);

	return gs_usb_ng_set_tdc(ch->dev, ch->index, &gs_compat_can_fd(&ch->can)->tdc, mode, until);
}

static int gs_usb_ng_send_filter(struct gs_channel *ch, unsigned long until)
{
	struct gs_device_filter image;
	int err;

	err = gs_filter_compile(&image, &ch->filter);
	if (err)
		return err;

	return gs_usb_ng_set_filter(ch->dev, ch->index, &image, until);
}

static bool gs_usb_ng_is_alone(const struct gs_channel *ch)
{
	const struct gs_usb_ng *dev = ch->dev;
	unsigned int i;

	for (i = 0; i < dev->n_channels; i++)
		if (dev->ch[i] != ch && dev->ch[i]->running)
			return false;

	return true;
}

/* Without a word in the log: a start has its own, see gs_usb_ng_channel_reset() */
static int gs_usb_ng_channel_try_reset(struct gs_channel *ch, unsigned long until)
{
	struct gs_usb_ng *dev = ch->dev;
	s64 no_answers = gs_usb_ng_no_answers(dev);
	int err;

	err = gs_usb_ng_reset(dev, ch->index, until);
	/* Once the channel is stopped the device returns to legacy framing, for the next driver */
	if (!err && ch->started && dev->elm_on)
		err = gs_usb_ng_reset(dev, ch->index, until);

	/* Refused: it will be so the next time, too */
	if (!err || err == -EPIPE || gs_usb_ng_is_unlink(err))
		ch->started = 0;
	else if (ch->started && gs_usb_ng_is_its_fault(dev, err, no_answers))
		ch->started--;

	if (ch->started)
		gs_usb_ng_watch(dev);

	return err;
}

/**
 * gs_usb_ng_channel_reset() - have the device take a channel off the bus
 * @ch: the channel; lock held
 * @until: deadline, jiffies
 *
 * If that isn't answered the tick asks again, as long as nothing else is done with the channel.
 * In the ELM protocol a channel that was started gets a second one, which ends that mode.
 *
 * Context: Process, sleeps.
 * Return: 0 or the errno of the control request
 */
int gs_usb_ng_channel_reset(struct gs_channel *ch, unsigned long until)
{
	s64 no_answers = gs_usb_ng_no_answers(ch->dev);
	int err;

	lockdep_assert_held(&ch->dev->lock);

	err = gs_usb_ng_channel_try_reset(ch, until);
	gs_usb_ng_tell_request(ch, GS_TELL_RESET, err, no_answers);

	return err;
}

/**
 * gs_usb_ng_channel_start() - configure a channel and put it on the bus
 * @ch: the channel, open and stopped; transfers on the IN pipe are running; lock held
 * @until: deadline, jiffies
 *
 * Everything is sent every time: some firmware forgets bit timing when a channel is stopped.
 * Data bit timing is sent for FD only, since CANable 2.5 takes it as the order to turn FD on.
 *
 * Context: Process, sleeps.
 * Return: 0 or the errno of the control request that failed; the channel is stopped then.
 */
int gs_usb_ng_channel_start(struct gs_channel *ch, unsigned long until)
{
	bool fd = ch->can.ctrlmode & CAN_CTRLMODE_FD;
	struct gs_usb_ng *dev = ch->dev;
	const char *what = "reset";
	u8 mode = 0;
	int err;

	lockdep_assert_held(&dev->lock);

	err = gs_usb_ng_channel_try_reset(ch, until);
	if (err)
		goto out_report;
	gs_usb_ng_tell_request(ch, GS_TELL_RESET, 0, 0);

	if (ch->filter_sent) {
		what = "filter";
		err = gs_usb_ng_send_filter(ch, until);
		if (err)
			goto out_report;
	}

	what = "bit timing";
	err = gs_usb_ng_bittiming(dev, ch->index, &ch->can.bittiming, until);
	if (err)
		goto out_report;

	if (fd) {
		what = "data bit timing";
		err = gs_usb_ng_data_bittiming(dev, ch->index,
					       &gs_compat_can_fd(&ch->can)->data_bittiming,
					       until);
		if (err)
			goto out_report;
	}

	if (fd && ch->feature & GS_FEATURE_TDC) {
		what = "delay compensation";
		err = gs_usb_ng_start_tdc(ch, until);
		if (err)
			goto out_report;
	}

	if (fd)
		mode |= GS_WIRE_CH_FD;
	if (dev->hw_timestamps)
		mode |= GS_WIRE_CH_TIMESTAMPS;
	WRITE_ONCE(dev->ch_mode[ch->index], mode);

	ch->wire.channel = ch->index;
	ch->wire.fd = fd;
	ch->wire.short_cc = dev->profile->short_cc;
	ch->wire.pad = dev->profile->cantact_pro || ch->feature & GS_FEATURE_QUIRK_LPC546XX;
	ch->wire.no_raw_dlc = dev->profile->no_raw_dlc ||
			      !(ch->can.ctrlmode & CAN_CTRLMODE_CC_LEN8_DLC);

	gs_usb_ng_set_bec(ch, 0, 0);
	ch->echo_stamp = jiffies;
	ch->start_seq = ch->echo_seq;
	ch->start_rx = atomic64_read(&dev->stat[GS_DEV_RX_TRANSFERS]);
	WRITE_ONCE(ch->start_stamp, jiffies);
	ch->doubted = 0;
	ch->mute = 0;
	/* BQL minds its lower limit only from the first completion on: before, it would stop the
	 * queue after one frame, for good if that one's echo is lost
	 */
	netdev_sent_queue(ch->netdev, 1);
	netdev_completed_queue(ch->netdev, 1, 1);
	WRITE_ONCE(ch->can.state, CAN_STATE_ERROR_ACTIVE);
	gs_usb_ng_tx_unblock(ch);
	/* Of a bus-off before this start; not waited for, we may be in it */
	cancel_delayed_work(&ch->can.restart_work);
	/* Before START: what the bus has to say comes at once, and bus-off turns it off. But each
	 * start that fails would have the network core take frames, and throw them away.
	 */
	if (!ch->start_fails)
		netif_carrier_on(ch->netdev);
	/* For the same reason. Pairs with the poll's acquire */
	smp_store_release(&ch->running, true);

	what = "start";
	ch->started = GS_RESET_TRIES;
	err = gs_usb_ng_start(dev, ch->index, gs_usb_ng_mode_flags(ch),
			      until - GS_UNDO_START_TIMEOUT);
	if (err) {
		/* Lost on the way back, perhaps, so that the channel is on the bus all the same */
		gs_usb_ng_channel_stop(ch, true, until);
		goto out_report;
	}

	/* CANable 2.5's clock begins at 0 when the first of its channels is started */
	if (dev->profile->elm && gs_usb_ng_is_alone(ch))
		gs_clock_stop(&dev->clock);

	if (dev->elm_on)
		gs_usb_ng_elm_started(ch, until);

	if (ch->start_fails) {
		netif_carrier_on(ch->netdev);
		/* That before the look: the poll sets the state, then turns it off */
		smp_mb();
		if (READ_ONCE(ch->can.state) == CAN_STATE_BUS_OFF)
			netif_carrier_off(ch->netdev);
		ch->start_fails = 0;
	}
	ch->start_faults = 0;
	ch->start_error = 0;
	dev->start_resets = 0;
	return 0;

out_report:
	WRITE_ONCE(ch->can.state, CAN_STATE_STOPPED);
	/* Not each time that it is tried again */
	if (err != ch->start_error && !READ_ONCE(dev->gone) && gs_usb_ng_may_log(dev))
		netdev_err(ch->netdev, "%s request failed: %pe\n", what, ERR_PTR(err));
	ch->start_error = err;
	return err;
}

/**
 * gs_usb_ng_channel_wake() - let the queue of a channel go that was started
 * @ch: the channel; lock held
 *
 * Not if it has been in bus-off since.
 *
 * Context: Process.
 */
void gs_usb_ng_channel_wake(struct gs_channel *ch)
{
	gs_usb_ng_tx_wake(ch);
	/* The wake before the look: the poll sets the state, then stops the queue */
	smp_mb();
	if (READ_ONCE(ch->can.state) == CAN_STATE_BUS_OFF)
		netif_stop_queue(ch->netdev);
}

/**
 * gs_usb_ng_channel_stop() - take a channel off the bus and forget what it was sending
 * @ch: the channel, running; lock held
 * @reset: tell the device; false when it need not know or is not there
 * @until: deadline of that, jiffies
 *
 * OUT transfers stop before RESET, since some firmware queues frames for a stopped channel and
 * sends them after the next start.
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_channel_stop(struct gs_channel *ch, bool reset, unsigned long until)
{
	struct gs_usb_ng *dev = ch->dev;

	lockdep_assert_held(&dev->lock);

	WRITE_ONCE(ch->running, false);
	netif_tx_disable(ch->netdev);
	gs_usb_ng_tx_stop(ch);
	if (reset)
		gs_usb_ng_channel_reset(ch, until);
	/* No poll is looking at this channel any more */
	synchronize_net();
	gs_usb_ng_tx_drop_owed(ch);
}

/* The part of open that needs the device */
static int gs_usb_ng_open_start(struct gs_channel *ch, unsigned long until)
{
	struct gs_usb_ng *dev = ch->dev;
	int err;

	err = gs_usb_ng_remind(dev, until);
	if (err)
		return err;

	err = gs_usb_ng_rx_open(dev);
	if (err)
		return err;

	err = gs_usb_ng_channel_start(ch, until);
	if (err)
		return err;

	netif_start_queue(ch->netdev);
	/* If it has gone off the bus already */
	gs_usb_ng_channel_wake(ch);
	gs_usb_ng_watch(dev);

	return 0;
}

static int gs_usb_ng_open(struct net_device *netdev)
{
	struct gs_channel *ch = netdev_priv(netdev);
	struct gs_usb_ng *dev = ch->dev;
	unsigned long until;
	int err;

	err = open_candev(netdev);
	if (err)
		return err;

	until = gs_usb_ng_hurry(dev);
	/* Awake as long as it is open. Before the lock, which resume takes */
	err = gs_usb_ng_rouse(dev);
	if (err)
		goto out_close;

	mutex_lock(&dev->lock);
	if (dev->health == GS_LOST) {
		err = -EBUSY;
		goto out_unlock;
	}

	err = gs_usb_ng_tx_open(ch);
	if (err)
		goto out_unlock;

	dev->n_open++;
	gs_usb_ng_share(dev);

	ch->start_error = 0;
	ch->start_fails = 0;
	ch->start_faults = 0;
	if (dev->paused) {
		/* A reset, or waking up, may take longer than RTNL may be held for. The end of it
		 * starts what is open, whether it was so before or not.
		 */
		netif_carrier_off(netdev);
		netif_stop_queue(netdev);
	} else {
		err = gs_usb_ng_open_start(ch, until);
		if (err)
			goto out_unshare;
	}

	ch->open = true;
	ch->health = GS_HEALTHY;
	mutex_unlock(&dev->lock);
	gs_usb_ng_hurry_done(dev);

	return 0;

out_unshare:
	dev->n_open--;
	gs_usb_ng_share(dev);
	if (!dev->n_open)
		gs_usb_ng_rx_close(dev);
	gs_usb_ng_tx_close(ch);
out_unlock:
	mutex_unlock(&dev->lock);
	usb_autopm_put_interface_async(dev->intf);
out_close:
	gs_usb_ng_hurry_done(dev);
	close_candev(netdev);
	return err;
}

static int gs_usb_ng_stop(struct net_device *netdev)
{
	struct gs_channel *ch = netdev_priv(netdev);
	struct gs_usb_ng *dev = ch->dev;
	unsigned long until = gs_usb_ng_hurry(dev);

	/* Both take the lock */
	gs_usb_ng_recovery_cancel(ch);

	mutex_lock(&dev->lock);
	/* All channels may be taken down under one RTNL. A device that doesn't answer is asked by
	 * gs_usb_ng_quieten(), not by each of them.
	 */
	if (READ_ONCE(dev->silence))
		until = jiffies;
	ch->open = false;
	if (ch->running)
		gs_usb_ng_channel_stop(ch, true, until);
	else if (ch->started && !dev->paused && dev->health != GS_LOST)
		gs_usb_ng_channel_reset(ch, until);
	WRITE_ONCE(ch->can.state, CAN_STATE_STOPPED);
	dev->n_open--;
	gs_usb_ng_share(dev);
	if (!dev->n_open) {
		gs_usb_ng_rx_close(dev);
		dev->late_told = false;
	}
	gs_usb_ng_tx_close(ch);
	mutex_unlock(&dev->lock);

	/* The poll may have asked for recovery until the channel was stopped */
	gs_usb_ng_recovery_cancel(ch);
	gs_usb_ng_hurry_done(dev);
	usb_autopm_put_interface_async(dev->intf);
	close_candev(netdev);

	return 0;
}

static int gs_usb_ng_set_termination_ohm(struct net_device *netdev, u16 ohm)
{
	struct gs_channel *ch = netdev_priv(netdev);
	struct gs_usb_ng *dev = ch->dev;
	unsigned long until = gs_usb_ng_hurry(dev);
	int err;

	err = gs_usb_ng_rouse(dev);
	if (err)
		goto out_done;

	mutex_lock(&dev->lock);
	/* Not while it is being reset: what was set last is what it is told afterwards */
	err = dev->paused ? -EBUSY :
	      gs_usb_ng_set_termination(dev, ch->index, ohm == GS_TERMINATION_OHM, until);
	mutex_unlock(&dev->lock);
	usb_autopm_put_interface_async(dev->intf);
out_done:
	gs_usb_ng_hurry_done(dev);

	return err;
}

/**
 * gs_usb_ng_choose_filter() - have the device drop frames that nobody wants
 * @ch: the channel; must offer FILTER
 * @filter: what it shall receive
 *
 * The device is told at once, to hear whether it agrees, and again at each start. If it does not,
 * what was chosen before stays.
 *
 * Context: Process, sleeps.
 * Return: 0, -EBUSY for a channel that is up or while the device is being reset, -ENOSPC for more
 * than the device has room for, or the errno of the control request or of waking the device.
 */
int gs_usb_ng_choose_filter(struct gs_channel *ch, const struct gs_filter *filter)
{
	struct gs_usb_ng *dev = ch->dev;
	struct gs_device_filter image;
	int err;

	err = gs_filter_compile(&image, filter);
	if (err)
		return err;

	err = usb_autopm_get_interface(dev->intf);
	if (err)
		return err;

	mutex_lock(&dev->lock);
	if (ch->open || dev->paused) {
		err = -EBUSY;
		goto out_unlock;
	}

	/* Whatever comes of it: a request that was not answered may have been heard */
	ch->filter_sent = true;
	err = gs_usb_ng_set_filter(dev, ch->index, &image, jiffies + GS_USB_NG_CTRL_TIMEOUT);
	if (!err)
		ch->filter = *filter;

out_unlock:
	mutex_unlock(&dev->lock);
	usb_autopm_put_interface(dev->intf);
	return err;
}

/**
 * gs_usb_ng_forget_filter() - leave the device as it was found
 * @ch: the channel, unregistered; lock held
 * @until: deadline, jiffies
 *
 * RESET does not do that, and the driver that comes next may not know of filters.
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_forget_filter(struct gs_channel *ch, unsigned long until)
{
	struct gs_usb_ng *dev = ch->dev;
	int err;

	if (!ch->filter_sent)
		return;

	ch->filter.n = 0;
	err = gs_usb_ng_send_filter(ch, until);
	if (err && !gs_usb_ng_is_unlink(err) && gs_usb_ng_may_log(dev))
		dev_warn(&dev->intf->dev, "channel %u: filter left in the device: %pe\n",
			 ch->index, ERR_PTR(err));
}

/* The controller's state changed or was repeated. True if @cf has become worth sending. */
static bool gs_usb_ng_new_state(struct gs_channel *ch, const struct gs_wire_error *err,
				struct can_frame *cf)
{
	enum can_state state = max(err->tx_state, err->rx_state);
	struct net_device *netdev = ch->netdev;

	if (state == CAN_STATE_ERROR_PASSIVE)
		WRITE_ONCE(ch->passive_seq, ch->echo_seq);
	if (state == ch->can.state)
		return false;

	/* Bus-off ends by a restart, ours or the firmware's own, which makes the error frame */
	if (ch->can.state == CAN_STATE_BUS_OFF) {
		/* A firmware that leaves it to the host says so in words; any other state frame of
		 * it is a late one
		 */
		if (err->restarted || !(ch->feature & GS_FEATURE_BUS_OFF_RECOVERY))
			gs_usb_ng_recovery_event(ch, GS_EV_SELF_RECOVERED);
		return false;
	}

	can_change_state(netdev, cf, err->tx_state, err->rx_state);
	if (state != CAN_STATE_BUS_OFF)
		return true;

	/* The CAN core writes a line each time. A device that is in bus-off with every other frame
	 * gets what else that call does.
	 */
	if (gs_usb_ng_may_log(ch->dev)) {
		can_bus_off(netdev);
	} else {
		netif_carrier_off(netdev);
		gs_usb_ng_restart_later(ch);
	}
	netif_stop_queue(netdev);
	if (!ch->can.restart_ms && !(ch->feature & GS_FEATURE_BUS_OFF_RECOVERY))
		gs_usb_ng_recovery_event(ch, GS_EV_HOLD_BUS_OFF);

	return true;
}

/* Count bus errors, and report them where they were asked for; other news always */
static bool gs_usb_ng_bus_error(struct gs_channel *ch, const struct gs_wire_error *err,
				struct can_frame *cf)
{
	u32 class = err->class;

	if (class & CAN_ERR_BUSERROR) {
		ch->can.can_stats.bus_error++;
		if (err->prot_type & CAN_ERR_PROT_TX)
			ch->netdev->stats.tx_errors++;
		else
			ch->netdev->stats.rx_errors++;
	}

	if (class & CAN_ERR_LOSTARB)
		ch->can.can_stats.arbitration_lost++;

	if (!(ch->can.ctrlmode & CAN_CTRLMODE_BERR_REPORTING)) {
		class &= CAN_ERR_LOSTARB | CAN_ERR_TX_TIMEOUT | CAN_ERR_TRX;
		if (cf)
			cf->can_id |= class;
		return class != 0;
	}

	if (cf) {
		cf->can_id |= class;
		cf->data[2] |= err->prot_type;
		cf->data[3] |= err->prot_loc;
	}

	return true;
}

/**
 * gs_usb_ng_channel_error() - act on an error frame of the device
 * @ch: the channel, running
 * @err: what it says
 * @hwtstamp: ns, 0 for none
 *
 * Without memory only the error frame that user space sees is missing.
 *
 * Context: The poll.
 */
void gs_usb_ng_channel_error(struct gs_channel *ch, const struct gs_wire_error *err, u64 hwtstamp)
{
	struct can_frame *cf = NULL;
	bool report = false;
	struct sk_buff *skb;

	if (err->has_counters)
		gs_usb_ng_set_bec(ch, err->txerr, err->rxerr);

	/* For half a second nobody has acknowledged anything, and CANable 2.5 threw all away,
	 * whatever the protocol
	 */
	if (ch->dev->profile->elm && err->class & CAN_ERR_TX_TIMEOUT)
		gs_usb_ng_tx_lost(ch);

	skb = alloc_can_err_skb(ch->netdev, &cf);

	if (err->has_state)
		report |= gs_usb_ng_new_state(ch, err, cf);

	if (err->class)
		report |= gs_usb_ng_bus_error(ch, err, cf);

	if (err->ctrl_overflow) {
		report = true;
		if (cf) {
			cf->can_id |= CAN_ERR_CRTL;
			cf->data[1] |= err->ctrl_overflow;
		}
	}

	if (!skb)
		return;
	if (!report) {
		consume_skb(skb);
		return;
	}

	if (err->has_counters) {
		cf->can_id |= CAN_ERR_CNT;
		cf->data[6] = err->txerr;
		cf->data[7] = err->rxerr;
	}
	gs_zc_set_hwtstamp(skb, hwtstamp);
	netif_receive_skb(skb);
}

static const struct net_device_ops gs_usb_ng_netdev_ops = {
	.ndo_open = gs_usb_ng_open,
	.ndo_stop = gs_usb_ng_stop,
	.ndo_start_xmit = gs_usb_ng_tx,
	.ndo_get_stats64 = gs_usb_ng_get_stats64,
	GS_COMPAT_CAN_MTU_OPS,
};

static const struct net_device_ops gs_usb_ng_netdev_hwts_ops = {
	.ndo_open = gs_usb_ng_open,
	.ndo_stop = gs_usb_ng_stop,
	.ndo_start_xmit = gs_usb_ng_tx,
	.ndo_get_stats64 = gs_usb_ng_get_stats64,
	GS_COMPAT_CAN_MTU_OPS,
	GS_COMPAT_CAN_HWTS_OPS,
};

static void gs_usb_ng_copy_limits(struct can_bittiming_const *btc,
				  const struct gs_device_bt_limits *lim)
{
	strscpy(btc->name, KBUILD_MODNAME, sizeof(btc->name));
	btc->tseg1_min = le32_to_cpu(lim->tseg1_min);
	btc->tseg1_max = le32_to_cpu(lim->tseg1_max);
	btc->tseg2_min = le32_to_cpu(lim->tseg2_min);
	btc->tseg2_max = le32_to_cpu(lim->tseg2_max);
	btc->sjw_max = le32_to_cpu(lim->sjw_max);
	btc->brp_min = le32_to_cpu(lim->brp_min);
	btc->brp_max = le32_to_cpu(lim->brp_max);
	btc->brp_inc = le32_to_cpu(lim->brp_inc);
}

/* These say nothing about a feature: a device that is gone lacks all of them, and a moment without
 * memory must not cost one for good.
 */
static bool gs_usb_ng_is_fatal(int err)
{
	return err == -ENODEV || err == -ENOMEM;
}

/* An optional feature whose request failed. One that was not even answered isn't tried with the
 * channels that follow: for 255 of them it would take as many seconds.
 */
static void gs_usb_ng_leave_out(struct gs_channel *ch, u32 feature, const char *name, int err)
{
	struct gs_usb_ng *dev = ch->dev;

	ch->feature &= ~feature;
	if (err == -ETIMEDOUT)
		dev->unanswered |= feature;
	if (gs_usb_ng_may_log(dev))
		dev_warn(&dev->intf->dev, "channel %u: %s left out: %pe\n", ch->index, name,
			 ERR_PTR(err));
}

/* Limits of the data phase: their own where the device has them, else the nominal ones */
static int gs_usb_ng_data_limits(struct gs_channel *ch)
{
	struct gs_device_bt_const_ext ext;
	struct gs_usb_ng *dev = ch->dev;
	const char *wrong;
	int err;

	ch->data_bt_const = ch->bt_const;
	if (!(ch->feature & GS_FEATURE_BT_CONST_EXT))
		return 0;

	err = gs_usb_ng_bt_const_ext(dev, ch->index, &ext, gs_usb_ng_probe_until(dev));
	if (err)
		return err;

	wrong = gs_wire_check_limits(&ext.data, ch->can.clock.freq);
	if (wrong) {
		if (gs_usb_ng_may_log(dev))
			dev_warn(&dev->intf->dev, "channel %u: data bit timing limits: %s\n",
				 ch->index, wrong);
		return -EINVAL;
	}
	gs_usb_ng_copy_limits(&ch->data_bt_const, &ext.data);

	return 0;
}

static int gs_usb_ng_tdc_limits(struct gs_channel *ch)
{
	struct can_tdc_const *limits = &ch->tdc_const;
	struct gs_usb_ng *dev = ch->dev;
	struct gs_device_tdc_const tdc;
	const char *wrong;
	int err;

	err = gs_usb_ng_tdc_const(dev, ch->index, &tdc, gs_usb_ng_probe_until(dev));
	if (err)
		return err;

	wrong = gs_wire_check_tdc(&tdc);
	if (wrong) {
		if (gs_usb_ng_may_log(dev))
			dev_warn(&dev->intf->dev, "channel %u: delay compensation: %s\n",
				 ch->index, wrong);
		return -EINVAL;
	}

	/* candleLight's ranges begin at 0, which it takes for "off" alone: with automatic or manual
	 * compensation it ignores the request, and then START (protocol.md 7.3)
	 */
	limits->tdco_min = max(le32_to_cpu(tdc.tdco_min), 1U);
	limits->tdco_max = le32_to_cpu(tdc.tdco_max);
	limits->tdcf_min = le32_to_cpu(tdc.tdcf_min);
	limits->tdcf_max = le32_to_cpu(tdc.tdcf_max);
	if (le32_to_cpu(tdc.mode) & GS_TDC_MANUAL) {
		limits->tdcv_min = max(le32_to_cpu(tdc.tdcv_min), 1U);
		limits->tdcv_max = le32_to_cpu(tdc.tdcv_max);
		ch->can.ctrlmode_supported |= CAN_CTRLMODE_TDC_MANUAL;
	}
	if (le32_to_cpu(tdc.mode) & GS_TDC_AUTO)
		ch->can.ctrlmode_supported |= CAN_CTRLMODE_TDC_AUTO;

	return 0;
}

/* Is it a filter that the driver knows, and does it let everything pass? A host that went without
 * a word may have left another one.
 */
static int gs_usb_ng_init_filter(struct gs_channel *ch)
{
	struct gs_device_filter_info info;
	int err;

	err = gs_usb_ng_get_filter(ch->dev, ch->index, &info, gs_usb_ng_probe_until(ch->dev));
	if (err)
		return err;
	if (info.dev != GS_FILTER_BXCAN)
		return -EOPNOTSUPP;

	return gs_usb_ng_send_filter(ch, gs_usb_ng_probe_until(ch->dev));
}

static void gs_usb_ng_init_can(struct gs_channel *ch)
{
	struct can_priv *can = &ch->can;
	unsigned int i;

	can->bittiming_const = &ch->bt_const;
	can->do_set_mode = gs_usb_ng_restart;
	can->do_get_berr_counter = gs_usb_ng_get_berr_counter;
	can->ctrlmode_supported |= CAN_CTRLMODE_CC_LEN8_DLC;
	for (i = 0; i < ARRAY_SIZE(gs_usb_ng_modes); i++)
		if (ch->feature & gs_usb_ng_modes[i].feature)
			can->ctrlmode_supported |= gs_usb_ng_modes[i].ctrlmode;

	if (ch->feature & GS_FEATURE_FD)
		gs_compat_can_fd(can)->data_bittiming_const = &ch->data_bt_const;

	if (ch->feature & GS_FEATURE_TDC) {
		gs_compat_can_fd(can)->tdc_const = &ch->tdc_const;
		gs_compat_can_fd(can)->do_get_auto_tdcv = gs_usb_ng_get_auto_tdcv;
	}

	if (ch->feature & GS_FEATURE_TERMINATION) {
		can->termination_const = gs_usb_ng_termination;
		can->termination_const_cnt = ARRAY_SIZE(gs_usb_ng_termination);
		can->do_set_termination = gs_usb_ng_set_termination_ohm;
	}
}

/**
 * gs_usb_ng_channel_create() - make a channel, complete but not registered
 * @dev: the adapter, its profile known
 * @index: channel number
 * @bt: the channel's BT_CONST answer
 *
 * Optional features whose requests fail are left out; nonsense that the CAN core would choke on
 * is refused.
 *
 * Context: Process, sleeps.
 * Return: 0, -ENOMEM, -EINVAL for limits that can't be, or -ENODEV for a device that is gone.
 */
int gs_usb_ng_channel_create(struct gs_usb_ng *dev, u8 index, const struct gs_device_bt_const *bt)
{
	struct net_device *netdev;
	struct gs_channel *ch;
	const char *wrong;
	bool on;
	int err;

	wrong = gs_wire_check_limits(&bt->nominal, le32_to_cpu(bt->fclk_can));
	if (wrong) {
		dev_err(&dev->intf->dev, "channel %u: bit timing limits: %s\n", index, wrong);
		return -EINVAL;
	}

	netdev = alloc_candev(struct_size(ch, frame, dev->profile->in_flight_channel), 0);
	if (!netdev)
		return -ENOMEM;

	ch = netdev_priv(netdev);
	ch->dev = dev;
	ch->netdev = netdev;
	ch->index = index;
	ch->feature = gs_profile_features(dev->profile, le32_to_cpu(bt->feature)) &
		      ~dev->unanswered;
	ch->can.clock.freq = le32_to_cpu(bt->fclk_can);
	gs_usb_ng_copy_limits(&ch->bt_const, &bt->nominal);
	gs_usb_ng_recovery_channel_init(ch);

	if (ch->feature & GS_FEATURE_FD) {
		err = gs_usb_ng_data_limits(ch);
		if (gs_usb_ng_is_fatal(err))
			goto out_free;
		if (err)
			gs_usb_ng_leave_out(ch, GS_FEATURE_FD, "CAN FD", err);
	}

	/* Bit 17 is FD's; a device that offers it alone has another meaning in mind */
	if (!(ch->feature & GS_FEATURE_FD))
		ch->feature &= ~GS_FEATURE_TDC;
	if (ch->feature & GS_FEATURE_TDC) {
		err = gs_usb_ng_tdc_limits(ch);
		if (gs_usb_ng_is_fatal(err))
			goto out_free;
		if (err)
			gs_usb_ng_leave_out(ch, GS_FEATURE_TDC, "delay compensation", err);
	}

	if (ch->feature & GS_FEATURE_FILTER) {
		err = gs_usb_ng_init_filter(ch);
		if (gs_usb_ng_is_fatal(err))
			goto out_free;
		if (err)
			gs_usb_ng_leave_out(ch, GS_FEATURE_FILTER, "hardware filters", err);
	}

	if (ch->feature & GS_FEATURE_TERMINATION) {
		err = gs_usb_ng_get_termination(dev, index, &on,
						gs_usb_ng_probe_until(dev));
		if (gs_usb_ng_is_fatal(err))
			goto out_free;
		if (err)
			gs_usb_ng_leave_out(ch, GS_FEATURE_TERMINATION, "termination", err);
		else
			ch->can.termination = on ? GS_TERMINATION_OHM : CAN_TERMINATION_DISABLED;
	}

	gs_usb_ng_init_can(ch);

	netdev->ethtool_ops = &gs_usb_ng_ethtool_ops;
	netdev->sysfs_groups[0] = &gs_usb_ng_channel_group;
	netdev->flags |= IFF_ECHO;
	netdev->dev_id = index;
	netdev->dev_port = index;
	SET_NETDEV_DEV(netdev, &dev->intf->dev);

	err = gs_usb_ng_tx_init(ch);
	if (err)
		goto out_free;

	dev->ch[index] = ch;
	return 0;

out_free:
	free_candev(netdev);
	return err;
}

/**
 * gs_usb_ng_channel_finish() - what depends on all channels, before the first is registered
 * @ch: the channel
 *
 * Context: Process.
 */
void gs_usb_ng_channel_finish(struct gs_channel *ch)
{
	ch->netdev->netdev_ops = ch->dev->hw_timestamps ? &gs_usb_ng_netdev_hwts_ops :
							  &gs_usb_ng_netdev_ops;
	/* Else BQL learns from echoes that come one by one to let no more than one frame out */
	netdev_queue_set_dql_min_limit(netdev_get_tx_queue(ch->netdev, 0),
				       GS_BQL_MIN_FRAMES * CANFD_FRAME_LEN_MAX);
}

/**
 * gs_usb_ng_channel_free() - undo gs_usb_ng_channel_create()
 * @ch: the channel, not registered
 *
 * Context: Process, sleeps.
 */
void gs_usb_ng_channel_free(struct gs_channel *ch)
{
	gs_usb_ng_tx_exit(ch);
	free_candev(ch->netdev);
}
