// SPDX-License-Identifier: GPL-2.0-only
/*
 * The referee. It looks at what the host sends, without regard to how
 * forgiving the emulated firmware is, and writes down each broken rule. The
 * same rule broken again by the same channel is counted, not repeated.
 */
#include "referee.h"

#include <linux/usb/ch9.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ep0.h"

struct entry {
	TAILQ_ENTRY(entry) link;
	char who[48];
	const char *rule;
	char text[160];
	unsigned int count;
};

static TAILQ_HEAD(, entry) entries = TAILQ_HEAD_INITIALIZER(entries);

void violation(struct device *dev, int ch, const char *rule, const char *fmt, ...)
{
	struct entry *e;
	char who[48];
	va_list ap;

	if (dev->unjudged || fuzz_excuses(dev, rule))
		return;
	if (ch < 0)
		snprintf(who, sizeof(who), "%s", dev->id);
	else
		snprintf(who, sizeof(who), "%s:%d", dev->id, ch);
	TAILQ_FOREACH(e, &entries, link) {
		if (!strcmp(e->rule, rule) && !strcmp(e->who, who)) {
			e->count++;
			return;
		}
	}
	e = xzalloc(sizeof(*e));
	snprintf(e->who, sizeof(e->who), "%s", who);
	e->rule = rule;
	e->count = 1;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	TAILQ_INSERT_TAIL(&entries, e, link);
	emu_log("VIOLATION %s %s: %s", who, rule, e->text);
}

void violations_print(struct buf *out)
{
	struct entry *e;

	TAILQ_FOREACH(e, &entries, link)
		buf_printf(out, " %s %s: %s (x%u)\n", e->who, e->rule, e->text, e->count);
}

void violations_clear(void)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&entries))) {
		TAILQ_REMOVE(&entries, e, link);
		free(e);
	}
}

/* How often a rule was broken by anybody; all rules if it is NULL. */
unsigned int violations_count(const char *rule)
{
	struct entry *e;
	unsigned int n = 0;

	TAILQ_FOREACH(e, &entries, link)
		if (!rule || !strcmp(e->rule, rule))
			n += e->count;
	return n;
}

/*
 * Advertised bits that are somebody else's: 16 to 18 are candleLight's, and mean
 * something else, or nothing, where 14 is set; ELM's 12 is no berr-reporting. 16 is
 * about a controller that does not know FD.
 */
static __u32 foreign_features(const struct device *dev)
{
	const struct personality *p = dev->p;
	bool elm = dev->features & F_ELM_PROTOCOL;
	__u32 foreign = 0;

	if (elm || (p->family != FAM_CL && p->family != FAM_CL_OLD))
		foreign |= F_FILTER | F_TDC | F_BUS_OFF_RECOVERY;
	if (dev->features & F_FD)
		foreign |= F_FILTER;
	if (elm && p->family == FAM_ELM)
		foreign |= F_BERR_REPORTING;
	return foreign;
}

void referee_request(struct device *dev, const __u8 *setup, const struct request *r)
{
	__u16 value = get_le16(setup + 2), index = get_le16(setup + 4);
	__u16 length = get_le16(setup + 6);
	bool in = setup[0] & USB_DIR_IN;

	if (!r) {
		violation(dev, -1, "unadvertised-request", "request %u (0x%02x)", setup[1],
			  setup[0]);
		return;
	}
	if (r->feature & foreign_features(dev))
		violation(dev, -1, "foreign-request", "%s with features 0x%x", r->name,
			  dev->features);
	if (in != r->in)
		violation(dev, -1, "direction", "%s sent as 0x%02x", r->name, setup[0]);
	if ((setup[0] & ~USB_DIR_IN) != (USB_TYPE_VENDOR | USB_RECIP_INTERFACE))
		violation(dev, -1, "recipient", "%s sent as 0x%02x", r->name, setup[0]);
	if (length != r->size)
		violation(dev, -1, "wlength", "%s with wLength %u", r->name, length);
	if (index)
		violation(dev, -1, "windex", "%s with wIndex %u", r->name, index);
	if (r->per_channel && value >= dev->nchannels)
		violation(dev, -1, "channel", "%s for channel %u of %u", r->name, value,
			  dev->nchannels);
	if (!r->per_channel && value != 1)
		violation(dev, -1, "wvalue", "%s with wValue %u", r->name, value);
}

void referee_bittiming(struct channel *ch, const struct bittiming *bt,
		       const struct bt_limits *lim, bool data)
{
	__u32 tseg1 = bt->prop + bt->ps1;
	const char *what = data ? "data" : "nominal";

	if (tseg1 < lim->tseg1_min || tseg1 > lim->tseg1_max ||
	    bt->ps2 < lim->tseg2_min || bt->ps2 > lim->tseg2_max ||
	    !bt->sjw || bt->sjw > lim->sjw_max ||
	    bt->brp < lim->brp_min || bt->brp > lim->brp_max)
		violation(ch->dev, ch->idx, "bittiming-range", "%s %u/%u/%u/%u brp %u", what,
			  bt->prop, bt->ps1, bt->ps2, bt->sjw, bt->brp);
	if (ch->started)
		violation(ch->dev, ch->idx, "bittiming-started", "%s timing while started", what);
	if (data)
		ch->ref.dbt_seen = true;
	else
		ch->ref.bt_seen = true;
}

/* Does the firmware take it? Anything else is a violation. */
bool referee_tdc(struct channel *ch, const struct tdc *tdc)
{
	bool off = tdc->mode == TDC_OFF && !tdc->tdcv;
	bool automatic = tdc->mode == TDC_AUTO && !tdc->tdcv && tdc->tdco;
	bool manual = ch->dev->tdcm && tdc->mode == TDC_MANUAL && tdc->tdcv && tdc->tdco;

	ch->ref.tdc_seen = true;
	if ((off || automatic || manual) && tdc->tdcv <= 127 && tdc->tdco <= 127 &&
	    tdc->tdcf <= 127 && !ch->started)
		return true;
	violation(ch->dev, ch->idx, "tdc", "mode %u tdcv %u tdco %u tdcf %u%s", tdc->mode,
		  tdc->tdcv, tdc->tdco, tdc->tdcf, ch->started ? " while started" : "");
	return false;
}

/* What a channel must have been told before START, as one table. */
struct start_ctx {
	const struct channel *ch;
	__u32 flags;
};

static bool no_reset(const struct start_ctx *c)
{
	return !c->ch->ref.reset_seen;
}

static bool twice(const struct start_ctx *c)
{
	return c->ch->started;
}

static bool no_bittiming(const struct start_ctx *c)
{
	return !c->ch->ref.bt_seen;
}

static bool no_data_bittiming(const struct start_ctx *c)
{
	return c->flags & F_FD && !c->ch->ref.dbt_seen;
}

static bool stray_data_bittiming(const struct start_ctx *c)
{
	return !(c->flags & F_FD) && c->ch->ref.dbt_seen && c->ch->dev->p->family == FAM_ELM;
}

static bool no_tdc(const struct start_ctx *c)
{
	return c->flags & F_TDC && !c->ch->ref.tdc_seen;
}

static bool unadvertised_flag(const struct start_ctx *c)
{
	return c->flags & ~c->ch->dev->features;
}

static bool forbidden_flag(const struct start_ctx *c)
{
	const struct device *dev = c->ch->dev;
	__u32 allowed = MODE_FLAGS & ~foreign_features(dev);

	if (dev->p->family == FAM_ELM && c->flags & F_ELM_PROTOCOL)
		allowed |= F_ELM_PROTOCOL | F_ELM_BLOBS;
	return c->flags & dev->features & ~allowed;
}

/* Who has channels without endpoints of their own, or firmware with faults that cost frames. */
static bool elm_unfit(const struct start_ctx *c)
{
	const struct device *dev = c->ch->dev;

	return c->flags & F_ELM_PROTOCOL &&
	       (dev->nchannels > MAX_PAIRS || dev->hw_version != 0x200 ||
		dev->sw_version < 0x260803);
}

static bool no_in_transfer(const struct start_ctx *c)
{
	const struct channel *ch = c->ch;
	const struct pair *pair = ch->dev->pair;

	if (c->flags & F_ELM_PROTOCOL && ch->idx < ch->dev->npairs)
		pair += ch->idx;

	return !pair->in_live;
}

static bool mixed_timestamps(const struct start_ctx *c)
{
	const struct device *dev = c->ch->dev;
	unsigned int i;

	for (i = 0; i < dev->nchannels; i++)
		if (dev->channels[i].started &&
		    (dev->channels[i].mode ^ c->flags) & F_HW_TIMESTAMP)
			return true;
	return false;
}

static const struct {
	const char *rule;
	bool (*broken)(const struct start_ctx *c);
} start_rules[] = {
	{ "start-without-reset", no_reset },
	{ "start-twice", twice },
	{ "start-without-bittiming", no_bittiming },
	{ "start-without-data-bittiming", no_data_bittiming },
	{ "data-bittiming-for-classic", stray_data_bittiming },
	{ "start-without-tdc", no_tdc },
	{ "unadvertised-flag", unadvertised_flag },
	{ "forbidden-flag", forbidden_flag },
	{ "elm-unfit", elm_unfit },
	{ "start-without-in", no_in_transfer },
	{ "mixed-timestamps", mixed_timestamps },
};

void referee_mode(struct channel *ch, __u32 mode, __u32 flags)
{
	const struct start_ctx c = { ch, flags };
	unsigned int i;

	if (mode > MODE_START)
		violation(ch->dev, ch->idx, "mode", "mode %u", mode);
	if (mode == MODE_RESET) {
		if (flags & F_ELM_PROTOCOL)
			violation(ch->dev, ch->idx, "forbidden-flag", "RESET flags 0x%x", flags);
		referee_forget(ch);
		ch->ref.reset_seen = true;
		return;
	}
	for (i = 0; i < ARRAY_SIZE(start_rules); i++)
		if (start_rules[i].broken(&c))
			violation(ch->dev, ch->idx, start_rules[i].rule, "START flags 0x%x",
				  flags);
	ch->ref.reset_seen = false;
}

/* What an OUT transfer must look like, as one table. */
struct out_ctx {
	const struct device *dev;
	const struct channel *ch;	/* NULL if there is none */
	const struct xfer *x;
	const __u8 *hf;
	__u32 id;
	bool fd;			/* the frame has the FD flag */
	unsigned int want, want_short;	/* right lengths */
};

static bool two_frames(const struct out_ctx *c)
{
	return c->x->len >= 2 * HF_CLASSIC && c->x->len != HF_FD && c->x->len != HF_FD + 1;
}

static bool wrong_length(const struct out_ctx *c)
{
	return !two_frames(c) && c->x->len != c->want && c->x->len != c->want_short;
}

static bool bad_channel(const struct out_ctx *c)
{
	return !c->ch;
}

static bool stopped(const struct out_ctx *c)
{
	return c->ch && !c->ch->started;
}

static bool bad_flags(const struct out_ctx *c)
{
	return c->hf[HF_FLAGS] & ~HF_FLAGS_OUT ||
	       (!c->fd && c->hf[HF_FLAGS] & (MSG_BRS | MSG_ESI));
}

static bool fd_in_classic(const struct out_ctx *c)
{
	return c->fd && c->ch && c->ch->started && !(c->ch->mode & F_FD);
}

static bool bad_reserved(const struct out_ctx *c)
{
	return c->hf[HF_RESERVED];
}

static bool bad_id(const struct out_ctx *c)
{
	if (c->id & CAN_ERR_FLAG || (c->fd && c->id & CAN_RTR_FLAG))
		return true;
	return !(c->id & CAN_EFF_FLAG) && c->id & CAN_EFF_MASK & ~CAN_SFF_MASK;
}

static bool bad_dlc(const struct out_ctx *c)
{
	return c->hf[HF_DLC] > 15 || (!c->fd && c->hf[HF_DLC] > 8 && !c->dev->p->raw_dlc_ok);
}

static bool dirty_tail(const struct out_ctx *c)
{
	struct can_msg m = { .id = c->id, .dlc = c->hf[HF_DLC] & 15, .flags = c->hf[HF_FLAGS] };
	unsigned int i = HF_DATA + msg_len(&m);

	for (; i < c->x->len && i < HF_FD + 1; i++)
		if (c->hf[i])
			return true;
	return false;
}

static bool bad_echo_id(const struct out_ctx *c)
{
	return get_le32(c->hf + HF_ECHO_ID) >= c->dev->p->echo_limit;
}

static bool reused_echo_id(const struct out_ctx *c)
{
	__u32 id = get_le32(c->hf + HF_ECHO_ID);
	unsigned int i;

	if (!c->ch)
		return false;
	for (i = 0; i < c->ch->ref.inflight; i++)
		if (c->ch->ref.outstanding[i] == (id & c->dev->p->echo_mask))
			return true;
	return false;
}

static bool too_many(const struct out_ctx *c)
{
	const struct personality *p = c->dev->p;
	unsigned int limit = p->inflight_device;

	if (!limit)
		limit = p->inflight_device_per_channel * c->dev->nchannels;
	return c->ch && (c->ch->ref.inflight >= p->inflight_channel ||
			 c->dev->inflight >= limit);
}

static const struct {
	const char *rule;
	bool (*broken)(const struct out_ctx *c);
} out_rules[] = {
	{ "out-two-frames", two_frames },
	{ "out-length", wrong_length },
	{ "out-channel", bad_channel },
	{ "out-stopped", stopped },
	{ "out-flags", bad_flags },
	{ "out-fd-in-classic", fd_in_classic },
	{ "out-reserved", bad_reserved },
	{ "out-id", bad_id },
	{ "out-dlc", bad_dlc },
	{ "out-tail", dirty_tail },
	{ "echo-id-range", bad_echo_id },
	{ "echo-id-reused", reused_echo_id },
	{ "too-many-in-flight", too_many },
};

/* Which lengths are right for this frame on this channel. */
static void out_lengths(struct out_ctx *c)
{
	const struct device *dev = c->dev;
	bool pad = dev->features & F_LPC546XX || dev->p->family == FAM_CTP;
	bool fd_mode = c->ch && c->ch->mode & F_FD;

	c->want = (c->fd || fd_mode ? HF_FD : HF_CLASSIC) + pad;
	c->want_short = c->want;
	if (!c->fd && dev->p->short_out_ok)
		c->want_short = HF_CLASSIC + pad;
}

void referee_out(struct device *dev, const struct xfer *x)
{
	struct out_ctx c = { .dev = dev, .x = x, .hf = x->data };
	unsigned int i;

	if (x->len < HF_DATA) {
		violation(dev, -1, "out-length", "%u bytes", x->len);
		return;
	}
	if (c.hf[HF_CHANNEL] < dev->nchannels)
		c.ch = &dev->channels[c.hf[HF_CHANNEL]];
	c.id = get_le32(c.hf + HF_CAN_ID);
	c.fd = c.hf[HF_FLAGS] & MSG_FD;
	out_lengths(&c);
	for (i = 0; i < ARRAY_SIZE(out_rules); i++)
		if (out_rules[i].broken(&c))
			violation(dev, c.ch ? (int)c.ch->idx : -1, out_rules[i].rule,
				  "%u bytes, echo id 0x%x, id 0x%x, dlc %u, flags 0x%x, channel %u, in flight %u",
				  x->len, get_le32(c.hf), c.id, c.hf[HF_DLC], c.hf[HF_FLAGS],
				  c.hf[HF_CHANNEL], c.ch ? c.ch->ref.inflight : 0);
}

/* A frame was given to the device: its echo is owed. */
void referee_given(struct channel *ch, __u32 echo_id)
{
	struct referee *ref = &ch->ref;

	if (ref->inflight == OUTSTANDING_MAX)
		return;
	ref->outstanding[ref->inflight++] = echo_id & ch->dev->p->echo_mask;
	if (ref->inflight > ref->inflight_max)
		ref->inflight_max = ref->inflight;
	if (++ch->dev->inflight > ch->dev->inflight_max)
		ch->dev->inflight_max = ch->dev->inflight;
}

/* The echo is on its way to the host, or will never come. */
void referee_gone(struct channel *ch, __u32 echo_id)
{
	struct referee *ref = &ch->ref;
	unsigned int i;

	echo_id &= ch->dev->p->echo_mask;
	for (i = 0; i < ref->inflight; i++) {
		if (ref->outstanding[i] == echo_id) {
			ref->outstanding[i] = ref->outstanding[--ref->inflight];
			ch->dev->inflight--;
			return;
		}
	}
}

/* RESET: nothing is owed any more, and everything has to be sent again. */
void referee_forget(struct channel *ch)
{
	unsigned int max = ch->ref.inflight_max;

	ch->dev->inflight -= ch->ref.inflight;
	memset(&ch->ref, 0, sizeof(ch->ref));
	ch->ref.inflight_max = max;
}
