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

	if ((x->setup[0] & USB_TYPE_MASK) == USB_TYPE_STANDARD)
		ret = std_request(dev, x->setup, reply);
	else
		ret = ep0_vendor(dev, x->setup, x->data, reply);
	if (ret == -EINPROGRESS) {
		TAILQ_INSERT_TAIL(&dev->ctrl_xfers, x, link);
		return;
	}
	if (ret < 0) {
		complete(dev, x, -EPIPE, NULL, 0);
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

static struct frame *in_take(struct device *dev)
{
	struct frame *f;

	/* CANtact Pro sends the newest of a backlog first */
	if (dev->p->in_lifo)
		f = TAILQ_LAST(&dev->in_fifo, frame_list);
	else
		f = TAILQ_FIRST(&dev->in_fifo);
	if (f) {
		TAILQ_REMOVE(&dev->in_fifo, f, link);
		dev->in_len--;
	}
	return f;
}

void usb_pump_in(struct device *dev)
{
	struct frame *f;
	struct xfer *x;
	int status;

	while ((x = TAILQ_FIRST(&dev->in_xfers))) {
		status = dev->in_halted ? -EPIPE : fault_in(dev);
		if (status) {
			in_complete(dev, status, NULL, 0);
			continue;
		}
		f = in_take(dev);
		if (!f)
			return;
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

void usb_pump_out(struct device *dev)
{
	struct xfer *x, *next;
	int status;

	for (x = TAILQ_FIRST(&dev->out_xfers); x; x = next) {
		next = TAILQ_NEXT(x, link);
		status = dev->out_halted ? -EPIPE : fault_out(dev);
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
