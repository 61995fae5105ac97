// SPDX-License-Identifier: GPL-2.0-only
/*
 * Endpoints: matches the host's transfers with what the device has to give and
 * takes. An endpoint that has nothing to say or no room just does not complete
 * a transfer, which is what a NAK looks like from above the host controller.
 */
#include "device.h"

#include <errno.h>
#include <linux/usb/ch9.h>
#include <stdlib.h>
#include <string.h>

#include "elm.h"
#include "referee.h"

static struct xfer_list free_xfers = TAILQ_HEAD_INITIALIZER(free_xfers);

struct xfer *xfer_get(void)
{
	struct xfer *x = TAILQ_FIRST(&free_xfers);

	if (!x)
		return xzalloc(sizeof(*x));
	TAILQ_REMOVE(&free_xfers, x, link);
	x->seen = false;
	x->hung = false;
	x->taken = false;
	x->fate = (struct fate){ 0 };
	x->no_zlp = false;
	x->noop = false;
	return x;
}

void xfer_put(struct xfer *x)
{
	TAILQ_INSERT_HEAD(&free_xfers, x, link);
}

static void complete(struct device *dev, struct xfer *x, int status, const void *data,
		     __u32 actual)
{
	dev->transport->complete(dev, x, status, data, actual);
	xfer_put(x);
}

static void submit_control(struct device *dev, struct xfer *x)
{
	__u8 reply[CTRL_MAX] = { 0 };
	bool in = x->setup[0] & USB_DIR_IN;
	__u32 wlength = get_le16(x->setup + 6);
	int ret;

	/* enumeration has pauses, drivers have none */
	dev->quiet_from = now_ns() + (dev->configuration ? 200 : 600) * NSEC_PER_MSEC;
	if (dev->pulled)
		ret = -EINPROGRESS;
	else if ((x->setup[0] & USB_TYPE_MASK) == USB_TYPE_STANDARD)
		ret = std_request(dev, x->setup, reply);
	else
		ret = ep0_vendor(dev, x->setup, x->data, reply);
	if (ret == -EINPROGRESS) {
		TAILQ_INSERT_TAIL(&dev->ctrl_xfers, x, link);
		return;
	}
	if (ret < 0) {
		complete(dev, x, ret, NULL, 0);
		return;
	}
	if (in)
		complete(dev, x, 0, reply, (__u32)ret < wlength ? (__u32)ret : wlength);
	else
		complete(dev, x, 0, NULL, x->len);
}

/* A transfer of @n packets has been on the wire */
static void wire_take(struct device *dev, unsigned int n, bool in)
{
	dev->packets += n;
	if (!dev->packets_s)
		return;
	/* woken late, we make up for it; after a pause there is nothing to make up for */
	if (dev->wire_free + 5 * NSEC_PER_MSEC < now_ns())
		dev->wire_free = now_ns();
	dev->wire_free += n * NSEC_PER_SEC / dev->packets_s;
	dev->out_turn = in;
}

/* Looks again then, if not before */
static void pump_at(struct device *dev, __u64 t)
{
	if (!dev->pump_timer.armed || t < dev->pump_timer.due)
		timer_set(&dev->pump_timer, t);
}

/* Are earlier transfers still on the wire? */
static bool wire_busy(struct device *dev)
{
	if (!dev->packets_s || dev->wire_free <= now_ns())
		return false;
	pump_at(dev, dev->wire_free);
	return true;
}

static void pump_timer(struct timer *t)
{
	device_pump(container_of(t, struct device, pump_timer));
}

void usb_init(struct device *dev)
{
	dev->pump_timer.fn = pump_timer;
}

/* Whose endpoint is it? NULL: nobody's. 0x81 and 0x02 are the first pair, 0x83 and 0x04 the next */
struct pair *usb_pair(struct device *dev, __u8 ep)
{
	unsigned int n = ep & 0x0f, i = (n - 1) / 2;

	if (ep == 0x01 && dev->p->two_out)
		return dev->pair;
	if (!n || i >= dev->npairs || !(ep & USB_DIR_IN) != !(n % 2))
		return NULL;
	return &dev->pair[i];
}

void usb_submit(struct device *dev, struct xfer *x)
{
	struct pair *pair = usb_pair(dev, x->ep);

	if (!(x->ep & 0x0f)) {
		submit_control(dev, x);
		return;
	}
	if (!dev->configuration || !pair) {
		violation(dev, -1, "endpoint", "transfer on endpoint 0x%02x", x->ep);
		complete(dev, x, -EPIPE, NULL, 0);
		return;
	}
	if (pair != dev->pair && !dev->elm && !(x->ep & USB_DIR_IN) && !x->noop)
		violation(dev, -1, "endpoint", "legacy frame on endpoint 0x%02x", x->ep);
	if (x->ep & USB_DIR_IN) {
		TAILQ_INSERT_TAIL(&pair->in_xfers, x, link);
		pair->in_pending++;
		pair->in_live = true;
	} else {
		TAILQ_INSERT_TAIL(&pair->out_xfers, x, link);
		pair->out_pending++;
	}
	device_pump(dev);
}

static void in_complete(struct device *dev, struct pair *pair, int status, const void *data,
			__u32 len)
{
	struct xfer *x = TAILQ_FIRST(&pair->in_xfers);
	unsigned int mps = descr_mps(dev);

	/* ended by a packet that is not full, perhaps empty, or by filling the host's buffer */
	if (!status && !x->noop)
		wire_take(dev, len / mps + (len % mps || len < x->len), true);
	TAILQ_REMOVE(&pair->in_xfers, x, link);
	pair->in_pending--;
	complete(dev, x, status, data, len);
}

static struct frame *in_next(struct device *dev, struct pair *pair)
{
	/* CANtact Pro sends the newest of a backlog first */
	if (dev->p->in_lifo)
		return TAILQ_LAST(&pair->in_fifo, frame_list);
	return TAILQ_FIRST(&pair->in_fifo);
}

static void in_fail(struct device *dev, struct pair *pair, int status)
{
	/* a stalled endpoint stays so until the halt is cleared */
	if (status == -EPIPE)
		pair->in_halted = true;
	in_complete(dev, pair, status, NULL, 0);
}

/* Another content: any length, so that it lives in memory of its own. */
static void in_forge(struct frame *f, const struct fault *fault)
{
	__u8 *data = xzalloc(XFER_DATA);
	unsigned int len = f->len < XFER_DATA ? f->len : XFER_DATA;

	memcpy(data, f->raw ? f->raw : f->wire, len);
	free(f->raw);
	f->raw = data;
	f->len = fault_bytes(fault, data, len, XFER_DATA);
}

/* What a rule makes of the transfer that is next; true if it is not to be sent. */
static bool in_strike(struct device *dev, struct pair *pair, struct frame *f)
{
	const struct fault *fault;

	fault = fault_strike(dev, AT_IN, -1, f->ch ? (int)f->ch->idx : -1, LIFE_RUN);
	if (!fault)
		return false;
	switch (fault->action) {
	case DO_STATUS:
		in_fail(dev, pair, fault->status);
		return true;
	case DO_UNPLUG:
		fault_pull(dev);
		return true;
	case DO_DROP:
		if (f->echo)
			referee_gone(f->ch, f->echo_id);
		TAILQ_REMOVE(&pair->in_fifo, f, link);
		pair->in_len--;
		frame_put(f);
		return true;
	default:
		in_forge(f, fault);
		return false;
	}
}

/* One transfer of the fuzzer's; of four that go in, one is left to the others. */
static bool in_fuzz(struct device *dev, struct pair *pair, const struct xfer *x)
{
	struct fuzz *fuzz = &dev->fuzz;
	__u8 data[FUZZ_MAX];
	int len;

	if (!fuzz->in_left || (!(++fuzz->turn & 3) && in_next(dev, pair)))
		return false;
	len = fuzz_in(dev, fuzz->seed, fuzz->in_next++, data);
	dev->in_done++;
	if (len < 0)
		in_fail(dev, pair, len);
	else if (len > (int)x->len)
		in_complete(dev, pair, -EOVERFLOW, data, x->len);
	else
		in_complete(dev, pair, 0, data, len);
	if (!--fuzz->in_left)
		ctl_event();
	return true;
}

static void pump_in(struct device *dev, struct pair *pair)
{
	struct frame *f;
	struct xfer *x;
	int status;

	while (!dev->pulled && !wire_busy(dev) && (x = TAILQ_FIRST(&pair->in_xfers))) {
		if (pair->in_halted || x->noop) {
			in_complete(dev, pair, x->noop ? 0 : -EPIPE, NULL, 0);
			continue;
		}
		if (in_fuzz(dev, pair, x))
			continue;
		f = in_next(dev, pair);
		if (!f && fault_in_idle(dev, pair - dev->pair, &status)) {
			in_fail(dev, pair, status);
			continue;
		}
		if (!f)
			return;
		f = elm_blob(dev, pair, f);
		if (in_strike(dev, pair, f))
			continue;
		TAILQ_REMOVE(&pair->in_fifo, f, link);
		pair->in_len--;
		dev->in_done++;
		/* gone for the referee before the host can use the id again */
		if (f->echo)
			referee_gone(f->ch, f->echo_id);
		if (f->len > x->len)
			in_complete(dev, pair, -EOVERFLOW, f->raw ? f->raw : f->wire, x->len);
		else
			in_complete(dev, pair, 0, f->raw ? f->raw : f->wire, f->len);
		frame_put(f);
	}
}

/* As on a real bus each endpoint is the first in its turn: one that has always more would keep the
 * others from what little of the wire there is.
 */
void usb_pump_in(struct device *dev)
{
	unsigned int i, first = dev->in_first++;

	for (i = 0; i < dev->npairs; i++)
		pump_in(dev, &dev->pair[(first + i) % dev->npairs]);
}

/* What the fuzzer, or a rule, makes of an OUT transfer */
static void out_strike(struct device *dev, struct pair *pair, struct xfer *x)
{
	const struct fault *fault;

	/* one that the device had no room for has been looked at */
	if (x->seen)
		return;
	x->seen = true;
	if (dev->fuzz.out_left) {
		fuzz_out(dev->fuzz.seed, dev->fuzz.out_next++, &x->fate);
		if (!--dev->fuzz.out_left)
			ctl_event();
	}
	fault = fault_strike(dev, AT_OUT, -1, dev->elm ? pair - dev->pair : x->data[HF_CHANNEL],
			     LIFE_RUN);
	if (!fault)
		return;
	if (fault->action == DO_UNPLUG)
		fault_pull(dev);
	else if (fault->action == DO_HANG)
		x->hung = true;
	else
		x->fate = (struct fate){ .status = fault->status,
					 .lost = fault->action != DO_TAKE };
}

/* Is it still held? */
static bool out_held(struct device *dev, struct xfer *x)
{
	if (x->until <= now_ns())
		return false;
	pump_at(dev, x->until);
	return true;
}

/* The device gets it, unless it is lost on the way. */
static enum out_verdict out_take(struct device *dev, struct xfer *x)
{
	if (x->taken)
		return OUT_TAKEN;
	if (!x->fate.lost && out_transfer(dev, x) == OUT_NAK)
		return OUT_NAK;
	x->taken = true;
	x->until = now_ns() + x->fate.hold_ns;
	return OUT_TAKEN;
}

static void out_complete(struct device *dev, struct pair *pair, struct xfer *x, int status)
{
	TAILQ_REMOVE(&pair->out_xfers, x, link);
	pair->out_pending--;
	/* a stalled endpoint stays so until the halt is cleared */
	if (status == -EPIPE)
		pair->out_halted = true;
	complete(dev, x, status, NULL, status ? 0 : x->len * (256 - x->fate.missing) / 256);
}

static void pump_out(struct device *dev, struct pair *pair)
{
	struct xfer *x, *next;

	for (x = TAILQ_FIRST(&pair->out_xfers); x && !dev->pulled && !wire_busy(dev); x = next) {
		next = TAILQ_NEXT(x, link);
		if (pair->out_halted || x->noop) {
			out_complete(dev, pair, x, x->noop ? 0 : -EPIPE);
			continue;
		}
		out_strike(dev, pair, x);
		/* who does not take one does not take those behind it either */
		if (x->hung || dev->pulled)
			return;
		if (out_take(dev, x) == OUT_NAK) {
			/* two endpoints, each with its own posted buffer */
			if (dev->p->two_out)
				continue;
			return;
		}
		if (out_held(dev, x))
			return;
		if (!x->fate.lost)
			wire_take(dev, (x->len + descr_mps(dev) - 1) / descr_mps(dev), false);
		out_complete(dev, pair, x, x->fate.status);
	}
}

void usb_pump_out(struct device *dev)
{
	unsigned int i, first = dev->out_first++;

	for (i = 0; i < dev->npairs; i++)
		pump_out(dev, &dev->pair[(first + i) % dev->npairs]);
}

static struct xfer *take_id(struct xfer_list *list, __u64 id)
{
	struct xfer *x;

	TAILQ_FOREACH(x, list, link) {
		if (x->id == id) {
			TAILQ_REMOVE(list, x, link);
			return x;
		}
	}
	return NULL;
}

/* What the device has taken can't be taken away from it: that is done now, however long its end was
 * to be held back.
 */
static void hurry(struct device *dev, struct pair *pair, __u64 id)
{
	struct xfer *x;

	TAILQ_FOREACH(x, &pair->out_xfers, link) {
		if (x->id == id && x->taken) {
			out_complete(dev, pair, x, x->fate.status);
			return;
		}
	}
}

/* Takes a pending transfer away from the device; NULL if it is done. */
struct xfer *usb_cancel(struct device *dev, __u64 id)
{
	struct pair *pair;
	struct xfer *x;

	for (pair = dev->pair; pair < dev->pair + dev->npairs; pair++) {
		hurry(dev, pair, id);
		x = take_id(&pair->in_xfers, id);
		if (x) {
			pair->in_pending--;
			if (!pair->in_pending)
				pair->in_live = false;
			device_idle(dev);
			return x;
		}
		x = take_id(&pair->out_xfers, id);
		if (x) {
			pair->out_pending--;
			/* those behind one that hung go on */
			pump_at(dev, now_ns());
			return x;
		}
	}
	return take_id(&dev->ctrl_xfers, id);
}

static void drop_list(struct xfer_list *list)
{
	struct xfer *x;

	while ((x = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, x, link);
		xfer_put(x);
	}
}

/* The host is gone: nobody wants an answer. */
void usb_cancel_all(struct device *dev)
{
	struct pair *pair;

	for (pair = dev->pair; pair < dev->pair + dev->npairs; pair++) {
		drop_list(&pair->in_xfers);
		drop_list(&pair->out_xfers);
		pair->in_pending = 0;
		pair->out_pending = 0;
		pair->in_live = false;
	}
	drop_list(&dev->ctrl_xfers);
}

void usb_clear_halt(struct device *dev, __u8 ep)
{
	struct pair *pair = usb_pair(dev, ep);

	if (!pair)
		return;
	if (ep & USB_DIR_IN)
		pair->in_halted = false;
	else
		pair->out_halted = false;
}
