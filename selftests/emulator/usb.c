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

#include "referee.h"

#define EP_IN	0x81

static struct xfer_list free_xfers = TAILQ_HEAD_INITIALIZER(free_xfers);

struct xfer *xfer_get(void)
{
	struct xfer *x = TAILQ_FIRST(&free_xfers);

	if (!x)
		return xzalloc(sizeof(*x));
	TAILQ_REMOVE(&free_xfers, x, link);
	x->seen = false;
	x->hung = false;
	return x;
}

void xfer_put(struct xfer *x)
{
	TAILQ_INSERT_HEAD(&free_xfers, x, link);
}

static void complete(struct device *dev, struct xfer *x, int status, const void *data,
		     __u32 actual)
{
	transport->complete(dev, x, status, data, actual);
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

static bool out_endpoint(const struct device *dev, __u8 ep)
{
	return ep == 0x02 || (ep == 0x01 && dev->p->two_out);
}

void usb_submit(struct device *dev, struct xfer *x)
{
	if (!(x->ep & 0x0f)) {
		submit_control(dev, x);
		return;
	}
	if (!dev->configuration || (x->ep != EP_IN && !out_endpoint(dev, x->ep))) {
		violation(dev, -1, "endpoint", "transfer on endpoint 0x%02x", x->ep);
		complete(dev, x, -EPIPE, NULL, 0);
		return;
	}
	if (x->ep == EP_IN) {
		TAILQ_INSERT_TAIL(&dev->in_xfers, x, link);
		dev->in_pending++;
		dev->in_live = true;
	} else {
		TAILQ_INSERT_TAIL(&dev->out_xfers, x, link);
		dev->out_pending++;
	}
	device_pump(dev);
}

static void in_complete(struct device *dev, int status, const void *data, __u32 len)
{
	struct xfer *x = TAILQ_FIRST(&dev->in_xfers);

	TAILQ_REMOVE(&dev->in_xfers, x, link);
	dev->in_pending--;
	complete(dev, x, status, data, len);
}

static struct frame *in_next(struct device *dev)
{
	/* CANtact Pro sends the newest of a backlog first */
	if (dev->p->in_lifo)
		return TAILQ_LAST(&dev->in_fifo, frame_list);
	return TAILQ_FIRST(&dev->in_fifo);
}

static void in_fail(struct device *dev, int status)
{
	/* a stalled endpoint stays so until the halt is cleared */
	if (status == -EPIPE)
		dev->in_halted = true;
	in_complete(dev, status, NULL, 0);
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
static bool in_strike(struct device *dev, struct frame *f)
{
	const struct fault *fault;

	fault = fault_strike(dev, AT_IN, -1, f->ch ? (int)f->ch->idx : -1, LIFE_RUN);
	if (!fault)
		return false;
	switch (fault->action) {
	case DO_STATUS:
		in_fail(dev, fault->status);
		return true;
	case DO_UNPLUG:
		fault_pull(dev);
		return true;
	case DO_DROP:
		if (f->echo)
			referee_gone(f->ch, f->echo_id);
		TAILQ_REMOVE(&dev->in_fifo, f, link);
		dev->in_len--;
		frame_put(f);
		return true;
	default:
		in_forge(f, fault);
		return false;
	}
}

/* One transfer of the fuzzer's; of four that go in, one is left to the others. */
static bool in_fuzz(struct device *dev, const struct xfer *x)
{
	struct fuzz *fuzz = &dev->fuzz;
	__u8 data[FUZZ_MAX];
	int len;

	if (!fuzz->in_left || (!(++fuzz->turn & 3) && in_next(dev)))
		return false;
	len = fuzz_in(dev, fuzz->seed, fuzz->in_next++, data);
	dev->in_done++;
	if (len < 0)
		in_fail(dev, len);
	else if (len > (int)x->len)
		in_complete(dev, -EOVERFLOW, data, x->len);
	else
		in_complete(dev, 0, data, len);
	if (!--fuzz->in_left)
		ctl_event();
	return true;
}

void usb_pump_in(struct device *dev)
{
	struct frame *f;
	struct xfer *x;
	int status;

	while (!dev->pulled && (x = TAILQ_FIRST(&dev->in_xfers))) {
		if (dev->in_halted) {
			in_complete(dev, -EPIPE, NULL, 0);
			continue;
		}
		if (in_fuzz(dev, x))
			continue;
		f = in_next(dev);
		if (!f && fault_in_idle(dev, &status)) {
			in_fail(dev, status);
			continue;
		}
		if (!f)
			return;
		if (in_strike(dev, f))
			continue;
		TAILQ_REMOVE(&dev->in_fifo, f, link);
		dev->in_len--;
		dev->in_done++;
		/* gone for the referee before the host can use the id again */
		if (f->echo)
			referee_gone(f->ch, f->echo_id);
		if (f->len > x->len)
			in_complete(dev, -EOVERFLOW, f->raw ? f->raw : f->wire, x->len);
		else
			in_complete(dev, 0, f->raw ? f->raw : f->wire, f->len);
		frame_put(f);
	}
}

/* What a rule makes of an OUT transfer: a status, or 0 */
static int out_strike(struct device *dev, struct xfer *x)
{
	const struct fault *fault;

	/* one that the device had no room for has been looked at */
	if (x->seen)
		return 0;
	x->seen = true;
	fault = fault_strike(dev, AT_OUT, -1, x->data[HF_CHANNEL], LIFE_RUN);
	if (!fault)
		return 0;
	if (fault->action == DO_UNPLUG)
		fault_pull(dev);
	else if (fault->action == DO_HANG)
		x->hung = true;
	else if (fault->status == -EPIPE)
		dev->out_halted = true;
	return fault->status;
}

void usb_pump_out(struct device *dev)
{
	struct xfer *x, *next;
	int status;

	for (x = TAILQ_FIRST(&dev->out_xfers); x && !dev->pulled; x = next) {
		next = TAILQ_NEXT(x, link);
		status = dev->out_halted ? -EPIPE : out_strike(dev, x);
		/* who does not take one does not take those behind it either */
		if (x->hung || dev->pulled)
			return;
		if (!status && out_transfer(dev, x) == OUT_NAK) {
			/* two endpoints, each with its own posted buffer */
			if (dev->p->two_out)
				continue;
			return;
		}
		TAILQ_REMOVE(&dev->out_xfers, x, link);
		dev->out_pending--;
		complete(dev, x, status, NULL, status ? 0 : x->len);
	}
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

/* Takes a pending transfer away from the device; NULL if it is done. */
struct xfer *usb_cancel(struct device *dev, __u64 id)
{
	struct xfer *x;

	x = take_id(&dev->in_xfers, id);
	if (x) {
		dev->in_pending--;
		if (!dev->in_pending)
			dev->in_live = false;
		return x;
	}
	x = take_id(&dev->out_xfers, id);
	if (x) {
		dev->out_pending--;
		return x;
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
	drop_list(&dev->in_xfers);
	drop_list(&dev->out_xfers);
	drop_list(&dev->ctrl_xfers);
	dev->in_pending = 0;
	dev->out_pending = 0;
	dev->in_live = false;
}

void usb_clear_halt(struct device *dev, __u8 ep)
{
	if (ep & USB_DIR_IN)
		dev->in_halted = false;
	else
		dev->out_halted = false;
}
