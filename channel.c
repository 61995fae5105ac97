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
	    time_after(jiffies, READ_ONCE(ch->bec_stamp) + HZ))
		gs_usb_ng_recovery_event(ch, GS_EV_REFRESH_STATE);

	return 0;
}

/* As above: the dump asks, memory answers. Of a channel that is down nothing is known. */
static int gs_usb_ng_get_auto_tdcv(const struct net_device *netdev, u32 *tdcv)
{
	struct gs_channel *ch = netdev_priv(netdev);
	int known = READ_ONCE(ch->tdcv);

	if (!READ_ONCE(ch->running))
		return -ENODATA;

	if (known < 0 || time_after(jiffies, READ_ONCE(ch->tdcv_stamp) + HZ))
		gs_usb_ng_recovery_event(ch, GS_EV_REFRESH_TDCV);
	if (known < 0)
		return -ENODATA;

	*tdcv = known;

	return 0;
}

/**
 * gs_usb_ng_share() - divide what the device can hold among the open channels
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

	return gs_usb_ng_set_tdc(ch->dev, ch->index, &gs_compat_can_fd(&ch->can)->tdc, mode, until);
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

	err = gs_usb_ng_reset(dev, ch->index, until);
	if (err)
		goto out_report;

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
	/* BQL minds its lower limit only from the first completion on: before, it would stop the
	 * queue after one frame, for good if that one's echo is lost
	 */
	netdev_sent_queue(ch->netdev, 1);
	netdev_completed_queue(ch->netdev, 1, 1);
	ch->can.state = CAN_STATE_ERROR_ACTIVE;
	gs_dma_pool_start(ch->tx_pool);
	/* Before START: what the bus has to say comes at once. Pairs with the poll's acquire */
	smp_store_release(&ch->running, true);

	what = "start";
	err = gs_usb_ng_start(dev, ch->index, gs_usb_ng_mode_flags(ch),
			      until - GS_UNDO_START_TIMEOUT);
	if (err) {
		/* Lost on the way back, perhaps, so that the channel is on the bus all the same */
		gs_usb_ng_channel_stop(ch, true, until);
		goto out_report;
	}

	return 0;

out_report:
	ch->can.state = CAN_STATE_STOPPED;
	if (!READ_ONCE(dev->gone) && gs_usb_ng_may_log(dev))
		netdev_err(ch->netdev, "%s request failed: %pe\n", what, ERR_PTR(err));
	return err;
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
		gs_usb_ng_reset(dev, ch->index, until);
	/* No poll is looking at this channel any more */
	synchronize_net();
	gs_usb_ng_tx_drop_owed(ch);
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

	mutex_lock(&dev->lock);
	if (dev->paused) {
		err = -EBUSY;
		goto out_unlock;
	}

	err = gs_usb_ng_tx_open(ch);
	if (err)
		goto out_unlock;

	err = gs_usb_ng_rx_open(dev);
	if (err)
		goto out_tx_close;

	dev->n_open++;
	gs_usb_ng_share(dev);

	until = jiffies + GS_USB_NG_CTRL_TIMEOUT;
	err = gs_usb_ng_channel_start(ch, until);
	if (err)
		goto out_unshare;

	ch->open = true;
	netif_start_queue(netdev);
	queue_delayed_work(dev->wq, &dev->tick, HZ);
	mutex_unlock(&dev->lock);

	return 0;

out_unshare:
	dev->n_open--;
	gs_usb_ng_share(dev);
	if (!dev->n_open)
		gs_usb_ng_rx_close(dev);
out_tx_close:
	gs_usb_ng_tx_close(ch);
out_unlock:
	mutex_unlock(&dev->lock);
	close_candev(netdev);
	return err;
}

static int gs_usb_ng_stop(struct net_device *netdev)
{
	struct gs_channel *ch = netdev_priv(netdev);
	struct gs_usb_ng *dev = ch->dev;

	/* Both take the lock */
	gs_usb_ng_recovery_cancel(ch);

	mutex_lock(&dev->lock);
	ch->open = false;
	if (ch->running)
		gs_usb_ng_channel_stop(ch, true, jiffies + GS_USB_NG_CTRL_TIMEOUT);
	ch->can.state = CAN_STATE_STOPPED;
	dev->n_open--;
	gs_usb_ng_share(dev);
	if (!dev->n_open)
		gs_usb_ng_rx_close(dev);
	gs_usb_ng_tx_close(ch);
	mutex_unlock(&dev->lock);

	/* The poll may have asked for recovery until the channel was stopped */
	gs_usb_ng_recovery_cancel(ch);
	close_candev(netdev);

	return 0;
}

static int gs_usb_ng_set_termination_ohm(struct net_device *netdev, u16 ohm)
{
	struct gs_channel *ch = netdev_priv(netdev);
	struct gs_usb_ng *dev = ch->dev;
	int err;

	mutex_lock(&dev->lock);
	err = gs_usb_ng_set_termination(dev, ch->index, ohm == GS_TERMINATION_OHM,
					jiffies + GS_USB_NG_CTRL_TIMEOUT);
	mutex_unlock(&dev->lock);

	return err;
}

/* The controller's state changed or was repeated. True if @cf has become worth sending. */
static bool gs_usb_ng_new_state(struct gs_channel *ch, const struct gs_wire_error *err,
				struct can_frame *cf)
{
	enum can_state state = max(err->tx_state, err->rx_state);
	struct net_device *netdev = ch->netdev;

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

/* Asking on would only take more time: 255 channels have many optional features */
static bool gs_usb_ng_is_dead(int err)
{
	return err == -ETIMEDOUT || err == -ENODEV;
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

	err = gs_usb_ng_bt_const_ext(dev, ch->index, &ext, jiffies + GS_USB_NG_CTRL_TIMEOUT);
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

	err = gs_usb_ng_tdc_const(dev, ch->index, &tdc, jiffies + GS_USB_NG_CTRL_TIMEOUT);
	if (err)
		return err;

	wrong = gs_wire_check_tdc(&tdc);
	if (wrong) {
		if (gs_usb_ng_may_log(dev))
			dev_warn(&dev->intf->dev, "channel %u: delay compensation: %s\n",
				 ch->index, wrong);
		return -EINVAL;
	}

	limits->tdco_min = le32_to_cpu(tdc.tdco_min);
	limits->tdco_max = le32_to_cpu(tdc.tdco_max);
	limits->tdcf_min = le32_to_cpu(tdc.tdcf_min);
	limits->tdcf_max = le32_to_cpu(tdc.tdcf_max);
	if (le32_to_cpu(tdc.mode) & GS_TDC_MANUAL) {
		limits->tdcv_min = le32_to_cpu(tdc.tdcv_min);
		limits->tdcv_max = le32_to_cpu(tdc.tdcv_max);
		ch->can.ctrlmode_supported |= CAN_CTRLMODE_TDC_MANUAL;
	}
	if (le32_to_cpu(tdc.mode) & GS_TDC_AUTO)
		ch->can.ctrlmode_supported |= CAN_CTRLMODE_TDC_AUTO;

	return 0;
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
 * Return: 0, -ENOMEM, -EINVAL for limits that can't be, or -ETIMEDOUT, -ENODEV for a device that
 * doesn't answer any more.
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
	ch->feature = gs_profile_features(dev->profile, le32_to_cpu(bt->feature));
	ch->can.clock.freq = le32_to_cpu(bt->fclk_can);
	gs_usb_ng_copy_limits(&ch->bt_const, &bt->nominal);
	gs_usb_ng_recovery_channel_init(ch);

	if (ch->feature & GS_FEATURE_FD) {
		err = gs_usb_ng_data_limits(ch);
		if (gs_usb_ng_is_dead(err))
			goto out_free;
		if (err) {
			if (gs_usb_ng_may_log(dev))
				dev_warn(&dev->intf->dev, "channel %u: CAN FD left out: %pe\n",
					 index, ERR_PTR(err));
			ch->feature &= ~GS_FEATURE_FD;
		}
	}

	/* Bit 17 is FD's; a device that offers it alone has another meaning in mind */
	if (!(ch->feature & GS_FEATURE_FD))
		ch->feature &= ~GS_FEATURE_TDC;
	if (ch->feature & GS_FEATURE_TDC) {
		err = gs_usb_ng_tdc_limits(ch);
		if (gs_usb_ng_is_dead(err))
			goto out_free;
		if (err) {
			if (gs_usb_ng_may_log(dev))
				dev_warn(&dev->intf->dev,
					 "channel %u: delay compensation left out: %pe\n", index,
					 ERR_PTR(err));
			ch->feature &= ~GS_FEATURE_TDC;
		}
	}

	if (ch->feature & GS_FEATURE_TERMINATION) {
		err = gs_usb_ng_get_termination(dev, index, &on,
						jiffies + GS_USB_NG_CTRL_TIMEOUT);
		if (gs_usb_ng_is_dead(err))
			goto out_free;
		if (err) {
			if (gs_usb_ng_may_log(dev))
				dev_warn(&dev->intf->dev, "channel %u: termination left out: %pe\n",
					 index, ERR_PTR(err));
			ch->feature &= ~GS_FEATURE_TERMINATION;
		} else {
			ch->can.termination = on ? GS_TERMINATION_OHM : CAN_TERMINATION_DISABLED;
		}
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
