// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vendor control requests, one function each: sizes, byte order, timeouts.
 *
 * Every function takes the jiffy after which it must not wait any more, so that a
 * caller under RTNL can give one deadline to all of its requests; a request past the
 * deadline is not sent. All of them sleep. All return
 *
 *   0            done; the status stage says nothing about whether the firmware liked the
 *                content, candleLight and CANable 2.5 acknowledge nonsense too
 *   -EPIPE       the device stalled: request, channel or length unknown to it
 *   -EREMOTEIO   the answer was shorter than the structure
 *   -ETIMEDOUT   no answer until the deadline, or the deadline had passed
 *   -ENODEV      the device is gone
 *   -ENOMEM      no memory for the request
 *   or what the host controller makes of a broken transfer (-EPROTO, -EILSEQ, ...).
 */

#include <linux/jiffies.h>
#include <linux/usb.h>

#include "gs_usb_ng.h"

#define GS_REQ_OUT	(USB_DIR_OUT | USB_TYPE_VENDOR | USB_RECIP_INTERFACE)
#define GS_REQ_IN	(USB_DIR_IN | USB_TYPE_VENDOR | USB_RECIP_INTERFACE)

/**
 * gs_usb_ng_hurry() - RTNL is held, and its holder begins to wait for the device
 * @dev: the adapter
 *
 * Until gs_usb_ng_hurry_done() nobody's requests may wait beyond the deadline that this returns.
 * So whatever work the holder has to wait for, and how many requests that still makes, RTNL is
 * held for no longer.
 *
 * Context: Process, RTNL.
 * Return: the deadline, jiffies
 */
unsigned long gs_usb_ng_hurry(struct gs_usb_ng *dev)
{
	unsigned long until = jiffies + GS_USB_NG_CTRL_TIMEOUT;

	/* 0 is for nobody; a jiffy less doesn't matter */
	WRITE_ONCE(dev->hurry, until ?: -1UL);

	return until;
}

/**
 * gs_usb_ng_hurry_done() - RTNL's holder does not wait any more
 * @dev: the adapter
 *
 * Context: Process, RTNL.
 */
void gs_usb_ng_hurry_done(struct gs_usb_ng *dev)
{
	WRITE_ONCE(dev->hurry, 0);
}

/* Milliseconds left, at least 1, or 0 when there are none */
static int gs_usb_ng_time_left(const struct gs_usb_ng *dev, unsigned long until)
{
	unsigned long hurry = READ_ONCE(dev->hurry);
	long left;

	if (unlikely(hurry) && time_before(hurry, until))
		until = hurry;
	/* Read once: a negative number would be no limit at all */
	left = until - jiffies;
	if (READ_ONCE(dev->hung) || left <= 0)
		return 0;

	return max(jiffies_to_msecs(left), 1U);
}

/* A request that had less time may have been without an answer for want of it */
#define GS_SILENCE_MS	250

static void gs_usb_ng_unanswered(struct gs_usb_ng *dev)
{
	void (*silent)(struct gs_usb_ng *dev) = READ_ONCE(dev->silent);

	gs_usb_ng_dev_count(dev, GS_DEV_NO_ANSWER);
	if (!READ_ONCE(dev->silence))
		WRITE_ONCE(dev->silence_rx, atomic64_read(&dev->stat[GS_DEV_RX_TRANSFERS]));
	WRITE_ONCE(dev->silence, dev->silence + 1);
	if (silent)
		silent(dev);
}

/* Keep in mind whether the device answers. One that is being unbound and doesn't isn't waited for
 * once for each channel.
 */
static int gs_usb_ng_note(struct gs_usb_ng *dev, int err, int timeout)
{
	if (err == -ETIMEDOUT) {
		if (timeout < GS_SILENCE_MS)
			return err;
		if (READ_ONCE(dev->gone))
			WRITE_ONCE(dev->hung, true);
		else
			gs_usb_ng_unanswered(dev);
		return err;
	}

	if (err == -EPIPE)
		gs_usb_ng_dev_count(dev, GS_DEV_REFUSED);
	else if (err && err != -ENOMEM && !gs_usb_ng_is_unlink(err))
		gs_usb_ng_dev_count(dev, GS_DEV_BAD_ANSWER);

	if (unlikely(READ_ONCE(dev->silence)) && (!err || err == -EPIPE || err == -EREMOTEIO))
		WRITE_ONCE(dev->silence, 0);

	return err;
}

static int gs_usb_ng_send(struct gs_usb_ng *dev, u8 request, u16 value, u16 index,
			  const void *data, u16 size, unsigned long until)
{
	int timeout = gs_usb_ng_time_left(dev, until);

	if (!timeout)
		return -ETIMEDOUT;

	return gs_usb_ng_note(dev, usb_control_msg_send(dev->udev, 0, request, GS_REQ_OUT, value,
							index, data, size, timeout, GFP_KERNEL),
			      timeout);
}

static int gs_usb_ng_recv_once(struct gs_usb_ng *dev, u8 request, u16 value, u16 index, void *data,
			       u16 size, unsigned long until)
{
	int timeout = gs_usb_ng_time_left(dev, until);

	if (!timeout)
		return -ETIMEDOUT;

	return gs_usb_ng_note(dev, usb_control_msg_recv(dev->udev, 0, request, GS_REQ_IN, value,
							index, data, size, timeout, GFP_KERNEL),
			      timeout);
}

static int gs_usb_ng_recv(struct gs_usb_ng *dev, u8 request, u16 value, u16 index, void *data,
			  u16 size, unsigned long until)
{
	int err = gs_usb_ng_recv_once(dev, request, value, index, data, size, until);

	/* In probe one answer that comes too late would cost a feature, or the device, for good */
	if (err == -ETIMEDOUT && dev->probing)
		err = gs_usb_ng_recv_once(dev, request, value, index, data, size,
					  gs_usb_ng_probe_until(dev));

	return err;
}

/**
 * gs_usb_ng_no_answers() - requests that had their time and were not answered
 * @dev: the adapter
 *
 * Context: Any.
 * Return: their number since probe
 */
s64 gs_usb_ng_no_answers(const struct gs_usb_ng *dev)
{
	return atomic64_read(&dev->stat[GS_DEV_NO_ANSWER]);
}

/**
 * gs_usb_ng_is_its_fault() - is it the device's doing that requests failed?
 * @dev: the adapter
 * @err: of the last of them
 * @no_answers: gs_usb_ng_no_answers() before the first
 *
 * Context: Any.
 * Return: false if it was cut short or could not be sent, which says nothing of the device
 */
bool gs_usb_ng_is_its_fault(const struct gs_usb_ng *dev, int err, s64 no_answers)
{
	if (err == -ETIMEDOUT)
		return gs_usb_ng_no_answers(dev) != no_answers;

	return err != -ENOMEM && !gs_usb_ng_is_unlink(err);
}

/**
 * gs_usb_ng_host_format() - announce little endian
 * @dev: the adapter
 * @until: deadline, jiffies
 *
 * The first request after plugging in. wValue 1 and wIndex = interface number are what the
 * original firmware expects here and in DEVICE_CONFIG.
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_host_format(struct gs_usb_ng *dev, unsigned long until)
{
	const struct gs_host_config cfg = { .byte_order = cpu_to_le32(GS_HOST_FORMAT_LE) };

	return gs_usb_ng_send(dev, GS_BREQ_HOST_FORMAT, 1,
			      dev->intf->cur_altsetting->desc.bInterfaceNumber,
			      &cfg, sizeof(cfg), until);
}

/**
 * gs_usb_ng_device_config() - versions and number of channels
 * @dev: the adapter
 * @cfg: result
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_device_config(struct gs_usb_ng *dev, struct gs_device_config *cfg,
			    unsigned long until)
{
	return gs_usb_ng_recv(dev, GS_BREQ_DEVICE_CONFIG, 1,
			      dev->intf->cur_altsetting->desc.bInterfaceNumber,
			      cfg, sizeof(*cfg), until);
}

/**
 * gs_usb_ng_bt_const() - features, clock and nominal limits of a channel
 * @dev: the adapter
 * @channel: channel number
 * @bt: result
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_bt_const(struct gs_usb_ng *dev, u8 channel, struct gs_device_bt_const *bt,
		       unsigned long until)
{
	return gs_usb_ng_recv(dev, GS_BREQ_BT_CONST, channel, 0, bt, sizeof(*bt), until);
}

/**
 * gs_usb_ng_bt_const_ext() - the same with the limits of the data phase
 * @dev: the adapter
 * @channel: channel number; must offer BT_CONST_EXT
 * @bt: result
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_bt_const_ext(struct gs_usb_ng *dev, u8 channel, struct gs_device_bt_const_ext *bt,
			   unsigned long until)
{
	return gs_usb_ng_recv(dev, GS_BREQ_BT_CONST_EXT, channel, 0, bt, sizeof(*bt), until);
}

static int gs_usb_ng_mode(struct gs_usb_ng *dev, u8 channel, u32 mode, u32 flags,
			  unsigned long until)
{
	const struct gs_device_mode dm = {
		.mode = cpu_to_le32(mode),
		.flags = cpu_to_le32(flags),
	};

	return gs_usb_ng_send(dev, GS_BREQ_MODE, channel, 0, &dm, sizeof(dm), until);
}

/**
 * gs_usb_ng_reset() - stop a channel, also one that is stopped
 * @dev: the adapter
 * @channel: channel number
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_reset(struct gs_usb_ng *dev, u8 channel, unsigned long until)
{
	return gs_usb_ng_mode(dev, channel, GS_MODE_RESET, 0, until);
}

/**
 * gs_usb_ng_start() - go on the bus; the bit timing was sent after the last reset
 * @dev: the adapter
 * @channel: channel number
 * @flags: GS_FEATURE_* bits, all of them offered by the channel
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_start(struct gs_usb_ng *dev, u8 channel, u32 flags, unsigned long until)
{
	return gs_usb_ng_mode(dev, channel, GS_MODE_START, flags, until);
}

static int gs_usb_ng_send_bittiming(struct gs_usb_ng *dev, u8 request, u8 channel,
				    const struct can_bittiming *bt, unsigned long until)
{
	const struct gs_device_bittiming dbt = {
		.prop_seg = cpu_to_le32(bt->prop_seg),
		.phase_seg1 = cpu_to_le32(bt->phase_seg1),
		.phase_seg2 = cpu_to_le32(bt->phase_seg2),
		.sjw = cpu_to_le32(bt->sjw),
		.brp = cpu_to_le32(bt->brp),
	};

	return gs_usb_ng_send(dev, request, channel, 0, &dbt, sizeof(dbt), until);
}

/**
 * gs_usb_ng_bittiming() - set the nominal bit timing of a stopped channel
 * @dev: the adapter
 * @channel: channel number
 * @bt: within the channel's limits
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_bittiming(struct gs_usb_ng *dev, u8 channel, const struct can_bittiming *bt,
			unsigned long until)
{
	return gs_usb_ng_send_bittiming(dev, GS_BREQ_BITTIMING, channel, bt, until);
}

/**
 * gs_usb_ng_data_bittiming() - set the data bit timing of a stopped channel
 * @dev: the adapter
 * @channel: channel number
 * @bt: within the channel's limits
 * @until: deadline, jiffies
 *
 * Only for a start with FD: CANable 2.5 turns FD on by this very request.
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_data_bittiming(struct gs_usb_ng *dev, u8 channel, const struct can_bittiming *bt,
			     unsigned long until)
{
	u8 request = dev->profile->cantact_pro ? GS_BREQ_CANTACT_PRO_DATA_BITTIMING :
						 GS_BREQ_DATA_BITTIMING;

	return gs_usb_ng_send_bittiming(dev, request, channel, bt, until);
}

/**
 * gs_usb_ng_timestamp() - device time
 * @dev: the adapter; must offer HW_TIMESTAMP
 * @us: result, microseconds; candleLight answers with the time of the last SOF
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_timestamp(struct gs_usb_ng *dev, u32 *us, unsigned long until)
{
	__le32 timestamp;
	int err;

	err = gs_usb_ng_recv(dev, GS_BREQ_TIMESTAMP, 0, 0, &timestamp, sizeof(timestamp), until);
	if (err)
		return err;

	*us = le32_to_cpu(timestamp);
	return 0;
}

/**
 * gs_usb_ng_identify() - blink
 * @dev: the adapter
 * @channel: channel number; must offer IDENTIFY
 * @on: start or stop
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_identify(struct gs_usb_ng *dev, u8 channel, bool on, unsigned long until)
{
	const struct gs_device_identify id = { .mode = cpu_to_le32(on) };

	return gs_usb_ng_send(dev, GS_BREQ_IDENTIFY, channel, 0, &id, sizeof(id), until);
}

/**
 * gs_usb_ng_get_termination() - is the 120 ohm resistor on?
 * @dev: the adapter
 * @channel: channel number; must offer TERMINATION
 * @on: result
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_get_termination(struct gs_usb_ng *dev, u8 channel, bool *on, unsigned long until)
{
	struct gs_device_termination term;
	int err;

	err = gs_usb_ng_recv(dev, GS_BREQ_GET_TERMINATION, channel, 0, &term, sizeof(term), until);
	if (err)
		return err;

	*on = term.state;
	return 0;
}

/**
 * gs_usb_ng_set_termination() - switch the 120 ohm resistor
 * @dev: the adapter
 * @channel: channel number; must offer TERMINATION
 * @on: on or off
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_set_termination(struct gs_usb_ng *dev, u8 channel, bool on, unsigned long until)
{
	const struct gs_device_termination term = { .state = cpu_to_le32(on) };

	return gs_usb_ng_send(dev, GS_BREQ_SET_TERMINATION, channel, 0, &term, sizeof(term),
			      until);
}

/**
 * gs_usb_ng_get_state() - controller state and error counters
 * @dev: the adapter
 * @channel: channel number; must offer GET_STATE
 * @state: result, as received
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_get_state(struct gs_usb_ng *dev, u8 channel, struct gs_device_state *state,
			unsigned long until)
{
	return gs_usb_ng_recv(dev, GS_BREQ_GET_STATE, channel, 0, state, sizeof(*state), until);
}

/**
 * gs_usb_ng_get_filter() - what kind of filter a channel has
 * @dev: the adapter
 * @channel: channel number; must offer FILTER
 * @info: result, as received; the filters themselves can't be read
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_get_filter(struct gs_usb_ng *dev, u8 channel, struct gs_device_filter_info *info,
			 unsigned long until)
{
	return gs_usb_ng_recv(dev, GS_BREQ_GET_FILTER, channel, 0, info, sizeof(*info), until);
}

/**
 * gs_usb_ng_set_filter() - say which frames a stopped channel shall receive
 * @dev: the adapter
 * @channel: channel number; must offer FILTER
 * @filter: registers, for the kind of filter that the channel has
 * @until: deadline, jiffies
 *
 * From the next start on, and until the next of these requests: RESET keeps it. Of a channel that
 * is started the firmware acknowledges and ignores it.
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_set_filter(struct gs_usb_ng *dev, u8 channel, const struct gs_device_filter *filter,
			 unsigned long until)
{
	return gs_usb_ng_send(dev, GS_BREQ_SET_FILTER, channel, 0, filter, sizeof(*filter), until);
}

/**
 * gs_usb_ng_tdc_const() - limits of a channel's transmitter delay compensation
 * @dev: the adapter
 * @channel: channel number; must offer TDC
 * @tdc: result, as received
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_tdc_const(struct gs_usb_ng *dev, u8 channel, struct gs_device_tdc_const *tdc,
			unsigned long until)
{
	return gs_usb_ng_recv(dev, GS_BREQ_GET_TDC_CONST, channel, 0, tdc, sizeof(*tdc), until);
}

/**
 * gs_usb_ng_set_tdc() - set the transmitter delay compensation of a stopped channel
 * @dev: the adapter
 * @channel: channel number; must offer TDC
 * @tdc: within the channel's limits; not used for GS_TDC_OFF, and its tdcv for MANUAL only
 * @mode: one of GS_TDC_*
 * @until: deadline, jiffies
 *
 * RESET forgets it.
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_set_tdc(struct gs_usb_ng *dev, u8 channel, const struct can_tdc *tdc, u32 mode,
		      unsigned long until)
{
	struct gs_device_tdc set = { .mode = cpu_to_le32(mode) };

	if (mode == GS_TDC_MANUAL)
		set.tdcv = cpu_to_le32(tdc->tdcv);
	if (mode != GS_TDC_OFF) {
		set.tdco = cpu_to_le32(tdc->tdco);
		set.tdcf = cpu_to_le32(tdc->tdcf);
	}

	return gs_usb_ng_send(dev, GS_BREQ_SET_TDC, channel, 0, &set, sizeof(set), until);
}

/**
 * gs_usb_ng_get_tdc() - what the compensation of a running channel is now
 * @dev: the adapter
 * @channel: channel number; must offer TDC
 * @tdc: result, as received; candleLight says GS_TDC_OFF now and then when it is not
 * @until: deadline, jiffies
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_get_tdc(struct gs_usb_ng *dev, u8 channel, struct gs_device_tdc *tdc,
		      unsigned long until)
{
	return gs_usb_ng_recv(dev, GS_BREQ_GET_TDC, channel, 0, tdc, sizeof(*tdc), until);
}

/**
 * gs_usb_ng_bus_load_report() - have the device tell how busy the bus is
 * @dev: the adapter, in ELM mode
 * @channel: channel number, started
 * @interval: in units of 100 ms; 0 for never
 * @until: deadline, jiffies
 *
 * RESET forgets it.
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_bus_load_report(struct gs_usb_ng *dev, u8 channel, u8 interval, unsigned long until)
{
	const struct gs_device_bus_load_report set = { .interval = interval };

	return gs_usb_ng_send(dev, GS_BREQ_ELM_SET_BUS_LOAD_REPORT, channel, 0, &set, sizeof(set),
			      until);
}

/**
 * gs_usb_ng_clear_halt() - have a halted bulk endpoint go on
 * @dev: the adapter
 * @pipe: the endpoint's, with no transfer queued on it
 * @until: deadline, jiffies; usb_clear_halt() has one of its own, of 5 s
 *
 * Context: Process, sleeps.
 * Return: 0 or an errno as listed at the top.
 */
int gs_usb_ng_clear_halt(struct gs_usb_ng *dev, unsigned int pipe, unsigned long until)
{
	unsigned int endpoint = usb_pipeendpoint(pipe) | (usb_pipein(pipe) ? USB_DIR_IN : 0);
	int timeout = gs_usb_ng_time_left(dev, until);
	int err;

	if (!timeout)
		return -ETIMEDOUT;

	err = usb_control_msg_send(dev->udev, 0, USB_REQ_CLEAR_FEATURE, USB_RECIP_ENDPOINT,
				   USB_ENDPOINT_HALT, endpoint, NULL, 0, timeout, GFP_KERNEL);
	/* Both ends begin with DATA0 again */
	if (!err)
		usb_reset_endpoint(dev->udev, endpoint);

	return err;
}
