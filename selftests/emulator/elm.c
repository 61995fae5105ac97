// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ELM protocol of CANable 2.5: compact messages, blobs of them in both
 * directions, and reports that the legacy protocol does not have.
 */
#include "elm.h"

#include <string.h>

#include "device.h"
#include "referee.h"

#define TX_FRAME_LEN	8
#define LOAD_MAX	99
#define STRING_MAX	64

static bool any_started(const struct device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nchannels; i++)
		if (dev->channels[i].started)
			return true;
	return false;
}

/*
 * What a MODE request says about the protocol. Looked at before it opens or
 * closes anything: the RESET that stops the last channel does not lead back.
 */
void elm_mode(struct device *dev, __u32 flags)
{
	if (dev->p->family != FAM_ELM || !(dev->features & F_ELM_PROTOCOL))
		return;
	if (flags & F_ELM_PROTOCOL)
		dev->elm = true;
	else if (!any_started(dev))
		dev->elm = false;
}

/* Writes f->wire as the message that it is. */
void elm_encode(struct frame *f, __u8 flags)
{
	bool stamped = f->ch->mode & F_HW_TIMESTAMP;
	unsigned int len, n = msg_len(&f->msg);
	__u8 *w = f->wire, *ts;

	f->elm = true;
	if (f->echo) {
		w[1] = ELM_TX_ECHO;
		w[2] = f->echo_id;
		len = 3;
		n = 0;
	} else if (f->msg.id & CAN_ERR_FLAG) {
		w[1] = ELM_ERROR;
		put_le32(w + 2, f->msg.id);
		memcpy(w + 6, f->msg.data, 8);
		len = 14;
		n = 0;
	} else {
		w[1] = ELM_RX_FRAME;
		w[2] = flags;
		put_le32(w + 3, f->msg.id);
		len = 7;
	}
	ts = w + len;
	if (stamped) {
		put_le32(ts, device_ts(f->ch->dev, f->ready));
		len += 4;
	}
	if (w[1] == ELM_RX_FRAME && f->msg.id & CAN_RTR_FLAG) {
		w[len] = f->msg.dlc;
		n = 1;
	} else {
		memcpy(w + len, f->msg.data, n);
	}
	f->len = len + n;
	w[0] = f->len;
}

/* What goes out instead of f, the first in the queue: it, or a blob with all that fits. */
struct frame *elm_blob(struct device *dev, struct pair *pair, struct frame *f)
{
	struct frame *next = TAILQ_NEXT(f, link), *blob;
	unsigned int count = 0;

	if (!dev->blobs || !f->elm || !next || !next->elm)
		return f;
	blob = frame_get();
	blob->raw = xzalloc(ELM_BLOB_MAX);
	blob->raw[1] = ELM_RX_BLOB;
	blob->len = 2;
	while ((f = TAILQ_FIRST(&pair->in_fifo)) && f->elm && count < ELM_BLOB_COUNT &&
	       blob->len + f->len < ELM_BLOB_MAX) {
		memcpy(blob->raw + blob->len, f->wire, f->len);
		blob->len += f->len;
		blob->raw[0] = ++count;
		if (f->echo)
			referee_gone(f->ch, f->echo_id);
		TAILQ_REMOVE(&pair->in_fifo, f, link);
		pair->in_len--;
		frame_put(f);
	}
	TAILQ_INSERT_HEAD(&pair->in_fifo, blob, link);
	pair->in_len++;
	return blob;
}

static bool good_length(unsigned int n, bool fd)
{
	struct can_msg m = { .flags = fd ? MSG_FD : 0 };

	for (m.dlc = 0; m.dlc <= (fd ? 15 : 8); m.dlc++)
		if (msg_len(&m) == n)
			return true;
	return false;
}

static __u8 dlc_of(unsigned int n)
{
	struct can_msg m = { .flags = MSG_FD };

	for (m.dlc = 0; m.dlc < 15 && msg_len(&m) < n; m.dlc++)
		;
	return m.dlc;
}

/* What the referee has to say of a frame for the bus. */
static void judge(struct channel *ch, const struct frame *f, unsigned int n)
{
	__u32 id = f->msg.id;
	bool fd = f->msg.flags & MSG_FD, rtr = id & CAN_RTR_FLAG;
	unsigned int i;

	if (!ch->started)
		violation(ch->dev, ch->idx, "out-stopped", "marker %u", f->echo_id);
	if (!f->echo_id)
		violation(ch->dev, ch->idx, "elm-marker", "a frame without echo, id 0x%x", id);
	if (f->msg.flags & ~HF_FLAGS_OUT || (!fd && f->msg.flags))
		violation(ch->dev, ch->idx, "out-flags", "flags 0x%x", f->msg.flags);
	if (fd && ch->started && !(ch->mode & F_FD))
		violation(ch->dev, ch->idx, "out-fd-in-classic", "marker %u", f->echo_id);
	if (id & CAN_ERR_FLAG || (fd && rtr) ||
	    (!(id & CAN_EFF_FLAG) && id & CAN_EFF_MASK & ~CAN_SFF_MASK))
		violation(ch->dev, ch->idx, "out-id", "id 0x%x flags 0x%x", id, f->msg.flags);
	if (rtr ? n > 1 || f->msg.dlc > 8 : !good_length(n, fd))
		violation(ch->dev, ch->idx, "elm-data", "%u bytes, id 0x%x flags 0x%x", n, id,
			  f->msg.flags);
	for (i = 0; i < ch->ref.inflight; i++)
		if (ch->ref.outstanding[i] == f->echo_id)
			violation(ch->dev, ch->idx, "echo-id-reused", "marker %u", f->echo_id);
	if (ch->ref.inflight >= ch->dev->p->inflight_channel)
		violation(ch->dev, ch->idx, "too-many-in-flight", "%u", ch->ref.inflight);
}

static void take_frame(struct channel *ch, const __u8 *w, const struct xfer *x)
{
	unsigned int n = w[0] - TX_FRAME_LEN;
	struct frame *f = frame_get();

	f->ch = ch;
	f->echo_id = w[7];
	f->ready = now_ns();
	memset(&f->msg, 0, sizeof(f->msg));
	f->msg.id = get_le32(w + 3);
	f->msg.flags = w[2];
	if (f->msg.id & CAN_RTR_FLAG) {
		f->msg.dlc = n ? w[TX_FRAME_LEN] : 0;
	} else {
		f->msg.dlc = dlc_of(n);
		memcpy(f->msg.data, w + TX_FRAME_LEN, n < 64 ? n : 64);
	}
	judge(ch, f, n);
	f->msg.id &= ~CAN_ERR_FLAG;
	if (f->echo_id)
		out_given(ch, f, x);
	out_queue(ch, f);
}

/* An OUT transfer. The firmware believes the sizes in it; here they are checked. */
void elm_out(struct device *dev, const struct xfer *x)
{
	/* endpoint 0x02 is of the first channel, 0x04 of the second */
	unsigned int idx = x->ep / 2 - 1;
	unsigned int count = 1, pos = 0, len = x->len;
	struct pair *pair = &dev->pair[idx];
	const __u8 *w = x->data;

	/* over usbredir the empty packet that ends a blob is a transfer of its own */
	if (!len && pair->may_end) {
		pair->may_end = false;
		return;
	}
	pair->may_end = len && !(len % descr_mps(dev)) && !x->no_zlp;
	if (len < 2 || len > ELM_BLOB_MAX) {
		violation(dev, idx, "elm-length", "%u bytes", len);
		return;
	}
	if (!(len % dev->p->mps) && x->no_zlp)
		violation(dev, idx, "elm-zlp", "%u bytes and no empty packet behind", len);
	if (w[1] == ELM_TX_BLOB) {
		count = w[0];
		pos = 2;
	}
	for (; count && pos + TX_FRAME_LEN <= len; count--) {
		if (w[pos + 1] != ELM_TX_FRAME || w[pos] < TX_FRAME_LEN || pos + w[pos] > len)
			break;
		take_frame(&dev->channels[idx], w + pos, x);
		pos += w[pos];
	}
	if (count || pos != len)
		violation(dev, idx, "elm-count", "%u messages missing at %u of %u bytes", count,
			  pos, len);
}

static void report(struct channel *ch, __u8 type, const void *data, unsigned int n)
{
	struct frame *f = frame_get();

	f->ch = ch;
	f->elm = true;
	f->len = 2 + n;
	f->wire[0] = f->len;
	f->wire[1] = type;
	memcpy(f->wire + 2, data, n);
	device_to_host(ch->dev, f);
}

/* What the author of the firmware wants to know. */
void elm_string(struct channel *ch, const char *text)
{
	if (ch->dev->elm)
		report(ch, ELM_STRING, text, strlen(text) < STRING_MAX ? strlen(text) : STRING_MAX);
}

static void load_timer(struct timer *t)
{
	struct channel *ch = container_of(t, struct channel, load_timer);
	__u64 ns = ch->load_interval * 100 * NSEC_PER_MSEC;
	__u64 percent = (ch->bus->busy_ns - ch->load_before) * 100 / ns;
	__u8 load = percent < LOAD_MAX ? percent : LOAD_MAX;

	ch->load_before = ch->bus->busy_ns;
	timer_set(t, t->due + ns > now_ns() ? t->due + ns : now_ns() + ns);
	report(ch, ELM_BUS_LOAD, &load, 1);
}

/* Reports of the bus load from now on, every interval times 100 ms; 0 ends them. */
void elm_report_load(struct channel *ch, __u8 interval)
{
	timer_cancel(&ch->load_timer);
	ch->load_timer.fn = load_timer;
	ch->load_interval = interval;
	ch->load_before = ch->bus->busy_ns;
	if (interval)
		timer_set(&ch->load_timer, now_ns() + interval * 100 * NSEC_PER_MSEC);
}
