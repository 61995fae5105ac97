// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control protocol: every vendor request, as this firmware would take it.
 */
#include "ep0.h"

#include <errno.h>
#include <linux/usb/ch9.h>
#include <string.h>

#include "elm.h"
#include "referee.h"

#define ELM_LOAD_MAX	100	/* intervals of 100 ms */

static void put_limits(__u8 *p, const struct bt_limits *lim)
{
	const __u32 v[] = {
		lim->tseg1_min, lim->tseg1_max, lim->tseg2_min, lim->tseg2_max,
		lim->sjw_max, lim->brp_min, lim->brp_max, lim->brp_inc,
	};
	unsigned int i;

	for (i = 0; i < 8; i++)
		put_le32(p + 4 * i, v[i]);
}

static struct bittiming get_bittiming(const __u8 *p)
{
	return (struct bittiming){
		.prop = get_le32(p), .ps1 = get_le32(p + 4), .ps2 = get_le32(p + 8),
		.sjw = get_le32(p + 12), .brp = get_le32(p + 16),
	};
}

static int do_host_format(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	unused(ch, reply);
	if (get_le32(data) == HOST_FORMAT_LE)
		return 0;
	violation(dev, -1, "host-format", "0x%08x", get_le32(data));
	return dev->p->family == FAM_CN ? -EINVAL : 0;
}

static int set_timing(struct channel *ch, const __u8 *data, bool is_data)
{
	const struct personality *p = ch->dev->p;
	const struct bt_limits *lim = is_data ? device_data_limits(ch->dev) : &p->nominal;
	struct bittiming bt = get_bittiming(data);

	ch->dev->opened = true;
	referee_bittiming(ch, &bt, lim, is_data);
	if (ch->started && (p->family == FAM_CN || p->family == FAM_ELM))
		return -EBUSY;
	if (!bt.brp || bt.brp > lim->brp_max || !bt.ps2 || bt.ps2 > lim->tseg2_max ||
	    !(bt.prop + bt.ps1) || bt.prop + bt.ps1 > lim->tseg1_max)
		return -EINVAL;
	if (is_data) {
		ch->dbt = bt;
		ch->has_dbt = true;
	} else {
		ch->bt = bt;
		ch->has_bt = true;
	}
	return 0;
}

static int do_bittiming(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	unused(dev, reply);
	return set_timing(ch, data, false);
}

static int do_data_bittiming(struct device *dev, struct channel *ch, const __u8 *data,
			     __u8 *reply)
{
	unused(dev, reply);
	return set_timing(ch, data, true);
}

static bool any_started(const struct device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nchannels; i++)
		if (dev->channels[i].started)
			return true;
	return false;
}

static int start(struct channel *ch, __u32 flags)
{
	struct device *dev = ch->dev;
	const struct personality *p = dev->p;

	if (ch->started && p->family == FAM_CN)
		return -EALREADY;
	if (ch->started && p->family == FAM_ELM)
		return -EBUSY;
	if (p->checks_flags && flags & ~dev->features)
		return -EOPNOTSUPP;
	if (!ch->has_bt || (flags & F_FD && !ch->has_dbt))
		return -EINVAL;
	if (flags & dev->features & F_TDC && !ch->has_tdc)
		return -EINVAL;
	/* candleLight FD builds know one-shot without saying so */
	flags &= dev->features | (p->family == FAM_CL ? F_ONE_SHOT : 0);
	if (p->family == FAM_ELM) {
		dev->blobs = dev->elm && flags & F_ELM_BLOBS;
		flags &= ~(F_ELM_PROTOCOL | F_ELM_BLOBS);
		/* a data bit timing is what turns FD on here */
		flags = ch->has_dbt ? flags | F_FD : flags & ~F_FD;
		if (!any_started(dev)) {
			dev->epoch = now_ns();
			dev->ts0 = 0;
		}
	}
	channel_start(ch, flags);
	dev->resuming = false;
	return 0;
}

static int do_mode(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	__u32 mode = get_le32(data), flags = get_le32(data + 4);

	(void)reply;
	referee_mode(ch, mode, flags);
	elm_mode(dev, flags);
	if (mode == MODE_START)
		return start(ch, flags);
	if (mode != MODE_RESET)
		return -EINVAL;
	channel_stop(ch, dev->p->reset_keeps);
	return 0;
}

static int do_bt_const(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	unused(ch, data);
	put_le32(reply, dev->features);
	put_le32(reply + 4, dev->fclk);
	put_limits(reply + 8, &dev->nominal);
	return 0;
}

static int do_bt_const_ext(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	do_bt_const(dev, ch, data, reply);
	put_limits(reply + 40, &dev->data);
	return 0;
}

static int do_device_config(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	unused(ch, data);
	memcpy(reply, dev->p->reserved, 3);
	reply[3] = dev->nchannels - 1;
	put_le32(reply + 4, dev->sw_version);
	put_le32(reply + 8, dev->hw_version);
	return 0;
}

static int do_timestamp(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	__u64 t = now_ns();

	unused(ch, data);
	if (dev->p->timestamp_at_sof)
		t -= (t - dev->epoch) % NSEC_PER_MSEC;
	put_le32(reply, device_ts(dev, t));
	return 0;
}

static int do_identify(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	(void)reply;
	if (get_le32(data) > 1) {
		violation(dev, ch->idx, "identify", "mode %u", get_le32(data));
		return -EINVAL;
	}
	dev->identify = get_le32(data);
	return 0;
}

static int do_set_termination(struct device *dev, struct channel *ch, const __u8 *data,
			      __u8 *reply)
{
	(void)reply;
	if (get_le32(data) > 1) {
		violation(dev, ch->idx, "termination", "state %u", get_le32(data));
		return -EINVAL;
	}
	ch->termination = get_le32(data);
	return 0;
}

static int do_get_termination(struct device *dev, struct channel *ch, const __u8 *data,
			      __u8 *reply)
{
	unused(dev, data);
	put_le32(reply, ch->termination);
	return 0;
}

static int do_get_state(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	__u32 state = ch->state;

	(void)data;
	if (state == CAN_STATE_STOPPED && !dev->p->reports_stopped)
		state = CAN_STATE_ERROR_ACTIVE;
	put_le32(reply, state);
	put_le32(reply + 4, ch->rec);
	put_le32(reply + 8, ch->tec > 255 ? 255 : ch->tec);
	return 0;
}

static int do_set_filter(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	unused(dev, reply);
	return filter_set(ch, data);
}

static int do_get_filter(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	unused(dev, ch, data);
	put_le32(reply, 1);
	return 0;
}

static int do_get_tdc_const(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	unused(ch, data);
	memset(reply, 0, 28);
	if (dev->tdcm) {
		put_le32(reply, 1);
		put_le32(reply + 4, 127);
	}
	put_le32(reply + 12, 127);
	put_le32(reply + 20, 127);
	put_le32(reply + 24, TDC_OFF | TDC_AUTO | (dev->tdcm ? TDC_MANUAL : 0));
	return 0;
}

static int do_set_tdc(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	struct tdc t = {
		.tdcv = get_le32(data), .tdco = get_le32(data + 4),
		.tdcf = get_le32(data + 8), .mode = get_le32(data + 12),
	};

	unused(dev, reply);
	if (!referee_tdc(ch, &t))
		return -EINVAL;
	ch->tdc = t;
	ch->has_tdc = true;
	return 0;
}

static int do_get_tdc(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	unused(data);
	memset(reply, 0, 16);
	put_le32(reply + 12, TDC_OFF);
	/* the firmware looks at what the last request left in its buffer */
	if (ch->has_tdc && ch->tdc.mode == TDC_AUTO && dev->leftover != TDC_OFF) {
		put_le32(reply, 5);	/* the measured delay */
		put_le32(reply + 4, ch->tdc.tdco);
		put_le32(reply + 8, ch->tdc.tdcf);
		put_le32(reply + 12, TDC_AUTO);
	}
	return 0;
}

static int do_get_lasterror(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	unused(ch, data);
	reply[0] = dev->last_error;
	return 0;
}

static int do_busloadreport(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply)
{
	unused(dev, reply);
	if (data[0] > ELM_LOAD_MAX || !ch->started)
		return -EINVAL;
	elm_report_load(ch, data[0]);
	return 0;
}

static int do_bus_off_recovery(struct device *dev, struct channel *ch, const __u8 *data,
			       __u8 *reply)
{
	unused(dev, data, reply);
	if (ch->started && ch->state == CAN_STATE_BUS_OFF)
		channel_recover(ch);
	return 0;
}

static const struct request requests[] = {
	[REQ_HOST_FORMAT] = { "HOST_FORMAT", false, false, 4, 0, do_host_format },
	[REQ_BITTIMING] = { "BITTIMING", false, true, 20, 0, do_bittiming },
	[REQ_MODE] = { "MODE", false, true, 8, 0, do_mode },
	[REQ_BT_CONST] = { "BT_CONST", true, true, 40, 0, do_bt_const },
	[REQ_DEVICE_CONFIG] = { "DEVICE_CONFIG", true, false, 12, 0, do_device_config },
	[REQ_TIMESTAMP] = { "TIMESTAMP", true, true, 4, F_HW_TIMESTAMP, do_timestamp },
	[REQ_IDENTIFY] = { "IDENTIFY", false, true, 4, F_IDENTIFY, do_identify },
	[REQ_DATA_BITTIMING] = { "DATA_BITTIMING", false, true, 20, F_FD, do_data_bittiming },
	[REQ_BT_CONST_EXT] = { "BT_CONST_EXT", true, true, 72, F_BT_CONST_EXT, do_bt_const_ext },
	[REQ_SET_TERMINATION] = { "SET_TERMINATION", false, true, 4, F_TERMINATION,
				  do_set_termination },
	[REQ_GET_TERMINATION] = { "GET_TERMINATION", true, true, 4, F_TERMINATION,
				  do_get_termination },
	[REQ_GET_STATE] = { "GET_STATE", true, true, 12, F_GET_STATE, do_get_state },
	[REQ_SET_FILTER] = { "SET_FILTER", false, true, 132, F_FILTER, do_set_filter },
	[REQ_GET_FILTER] = { "GET_FILTER", true, true, 4, F_FILTER, do_get_filter },
	[REQ_GET_TDC_CONST] = { "GET_TDC_CONST", true, true, 28, F_TDC, do_get_tdc_const },
	[REQ_SET_TDC] = { "SET_TDC", false, true, 16, F_TDC, do_set_tdc },
	[REQ_GET_TDC] = { "GET_TDC", true, true, 16, F_TDC, do_get_tdc },
	[REQ_ELM_GET_LASTERROR] = { "ELM_GET_LASTERROR", true, true, 1, F_ELM_PROTOCOL,
				    do_get_lasterror },
	[REQ_ELM_BUSLOADREPORT] = { "ELM_SET_BUSLOADREPORT", false, true, 1, F_ELM_PROTOCOL,
				    do_busloadreport },
	[REQ_BUS_OFF_RECOVERY] = { "BUS_OFF_RECOVERY", false, true, 4, F_BUS_OFF_RECOVERY,
				   do_bus_off_recovery },
};

/* CANtact Pro has other numbers for the data phase. */
static const struct request ctp_data_bittiming = {
	"DATA_BITTIMING(8)", false, true, 20, F_FD, do_data_bittiming
};

const struct request *ep0_lookup(const struct device *dev, const __u8 *setup)
{
	const struct request *r;
	__u8 number = setup[1];

	if (dev->p->breq8_is_dbt && number == REQ_CTP_DATA_BITTIMING)
		return &ctp_data_bittiming;
	if (dev->p->breq8_is_dbt && number == REQ_DATA_BITTIMING)
		return NULL;
	if (number >= ARRAY_SIZE(requests))
		return NULL;
	/* most of ELM's own are there while its protocol is in use */
	if (number == REQ_ELM_BUSLOADREPORT && !dev->elm)
		return NULL;
	r = &requests[number];
	if (!r->fn || (r->feature & dev->features) != r->feature)
		return NULL;
	return r;
}

/* Would this firmware stall the SETUP stage? */
static bool setup_refused(const struct device *dev, const __u8 *setup, const struct request *r)
{
	const struct personality *p = dev->p;
	__u16 wlength = get_le16(setup + 6);

	if (!r || r->in != !!(setup[0] & USB_DIR_IN))
		return true;
	if (p->interface_only &&
	    (setup[0] & ~USB_DIR_IN) != (USB_TYPE_VENDOR | USB_RECIP_INTERFACE))
		return true;
	if (p->len_rule != LEN_UNCHECKED && r->per_channel &&
	    get_le16(setup + 2) >= dev->nchannels)
		return true;
	if (r->fn == do_bus_off_recovery && !wlength)
		return false;
	if (p->max_wlength && wlength > p->max_wlength)
		return true;
	if (p->len_rule == LEN_EXACT)
		return wlength != r->size;
	return p->len_rule == LEN_MIN && wlength < r->size;
}

/* What is the host doing, going by this request? */
static enum life life_of(const struct device *dev, const __u8 *setup, const __u8 *data,
			 const struct request *r)
{
	__u16 channel = get_le16(setup + 2);
	bool started = r && r->per_channel && channel < dev->nchannels &&
		       dev->channels[channel].started;

	if (dev->resuming)
		return LIFE_RESUME;
	if (started && r->fn == do_mode && get_le32(data) == MODE_RESET)
		return LIFE_CLOSE;
	if (!dev->opened && !(r && r->fn == do_bittiming))
		return LIFE_PROBE;
	return started ? LIFE_RUN : LIFE_OPEN;
}

int ep0_vendor(struct device *dev, const __u8 *setup, const __u8 *data, __u8 *reply)
{
	const struct request *r = ep0_lookup(dev, setup);
	__u16 channel = get_le16(setup + 2), wlength = get_le16(setup + 6);
	__u8 payload[CTRL_MAX] = { 0 };
	const struct fault *fault;
	struct channel *ch;
	int ret;

	fault = fault_strike(dev, AT_CTRL, setup[1], r && !r->per_channel ? -1 : channel,
			     life_of(dev, setup, data, r));
	dev->requests++;
	referee_request(dev, setup, r);
	ret = fault_refuses(dev, fault);
	if (ret)
		return ret;
	if (setup_refused(dev, setup, r))
		return -EPIPE;
	/* with wLength 0 there is no data stage, and nothing happens */
	if (r->fn == do_bus_off_recovery && !wlength)
		return 0;
	/* old firmware writes past its tables here: pretend it did no harm */
	if (r->per_channel && channel >= dev->nchannels)
		return r->in ? r->size : 0;
	ch = &dev->channels[r->per_channel ? channel : 0];
	if (!r->in)
		memcpy(payload, data, wlength < CTRL_MAX ? wlength : CTRL_MAX);
	if (!r->in && wlength >= 16)
		dev->leftover = get_le32(payload + 12);
	ret = r->fn(dev, ch, payload, reply);
	dev->last_error = ret ? '1' : 2;
	if (ret && dev->p->stall_bad_content)
		return -EPIPE;
	ret = r->in ? r->size : 0;
	if (fault && r->in)
		ret = fault_bytes(fault, reply, ret, CTRL_MAX);
	return fuzz_ctrl(dev, setup[1], reply, ret, CTRL_MAX);
}
