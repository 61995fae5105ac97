// SPDX-License-Identifier: GPL-2.0-only
/*
 * raw-gadget on dummy_hcd: the one transport that tells of suspend, reset and
 * loss of power, and whose host controller completes transfers in softirqs with
 * interrupts off.
 *
 * Its ioctls block, so each endpoint has a thread that does nothing else. They
 * talk to the loop through sockets: all of them into one, so that what the host
 * did in some order arrives in it, and each listens to one of its own.
 *
 * What differs from the other transports: the host's transfers can't be seen.
 * An OUT transfer is done when the thread has it, before the device finds room
 * for it, so that the host can't take it back. It would have done so before it
 * stops a channel; so the device loses then what it had no room for. One frame
 * for the host has left the device before the host asks. The status stage of a
 * request that brings data has passed before it is looked at. Of all bad ends a
 * transfer on a bulk endpoint can only have a stall.
 */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/usb/ch9.h>
#include <linux/usb/raw_gadget.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define UDC_COUNT	2
#define STACK_SIZE	(128 * 1024)

/* Not in the header before 6.5 */
#define EVENT_SUSPEND		3
#define EVENT_RESET		5
#define EVENT_DISCONNECT	6

/* When to look whether the host still waits for an answer, and how often then */
#define HANG_MS		200
#define HANG_LOOK_MS	10

enum { EP0, IN, OUT, OUT_1, THREADS };

enum msg_type {
	/* to the loop */
	MSG_EVENT,		/* of raw-gadget; status is its type */
	MSG_CONTROL,		/* setup and data */
	MSG_GIVEN_UP,		/* the host has, on a control request */
	MSG_CONFIGURED,		/* the endpoints are enabled */
	MSG_DONE,		/* a bulk thread, with OUT data */
	/* to a thread */
	MSG_REPLY,
	MSG_GO,			/* one bulk transfer */
	MSG_HALT,		/* stall instead */
};

struct msg {
	enum msg_type type;
	int who;
	int status;
	__u32 len;
	unsigned int request;	/* which one a reply is for */
	bool configure;
	__u8 setup[8];
	__u8 data[XFER_DATA];
};

struct thread {
	struct conn *c;
	int who;
	int sock[2];		/* ours, the thread's */
	pthread_t id;
	bool running;
	bool busy;		/* has a transfer; known to the loop only, as is: */
	bool held;		/* the device has what the thread has read */
	pthread_mutex_t lock;	/* held over an OUT transfer and its message; guards msg */
	struct msg msg;		/* OUT: what has been read of a transfer */
	int ep;			/* raw-gadget's handle, -1 before it is enabled */
	unsigned int requests;	/* EP0: how many there were */
	__u8 desc[USB_DT_ENDPOINT_AUDIO_SIZE];	/* as long as raw-gadget takes it to be */
};

struct conn {
	struct watch watch;
	struct work rearm;
	struct device *dev;
	int raw, up;		/* up: where the threads write */
	int udc;
	bool configured;
	atomic_bool stop;
	atomic_bool hold;	/* no OUT transfers now */
	struct thread t[THREADS];
};

/* An ioctl's argument with room for what follows it */
struct io {
	struct usb_raw_ep_io io;
	__u8 data[XFER_DATA];
};

struct event {
	struct usb_raw_event event;
	__u8 setup[8];
};

static bool udc_used[UDC_COUNT];

/* --- threads ----------------------------------------------------------------------- */

static void on_kick(int sig)
{
	(void)sig;
}

static void tell(struct conn *c, const struct msg *m)
{
	while (send(c->up, m, sizeof(*m), 0) < 0 && errno == EINTR && !c->stop)
		;
}

static bool listen_to_loop(struct thread *t, struct msg *m)
{
	ssize_t n;

	do {
		n = recv(t->sock[1], m, sizeof(*m), 0);
	} while (n < 0 && errno == EINTR && !t->c->stop);
	return n == sizeof(*m) && !t->c->stop;
}

static void set_halt(struct thread *t)
{
	/* not while something is queued */
	while (!t->c->stop && ioctl(t->c->raw, USB_RAW_IOCTL_EP_SET_HALT, t->ep) < 0 &&
	       errno == EAGAIN)
		usleep(5000);
}

/* A whole transfer: up to a short packet, or to a frame of the longest kind. */
static int read_out(struct thread *t)
{
	unsigned int mps = get_le16(t->desc + 4);
	struct msg *m = &t->msg;
	struct io io;
	int n;

	do {
		memset(&io.io, 0, sizeof(io.io));
		io.io.ep = t->ep;
		io.io.length = mps;
		n = ioctl(t->c->raw, USB_RAW_IOCTL_EP_READ, &io);
		if (n < 0)
			return -errno;
		if (n > (int)(XFER_DATA - m->len))
			n = XFER_DATA - m->len;
		memcpy(m->data + m->len, io.data, n);
		m->len += n;
	} while (n == (int)mps && m->len < XFER_DATA);
	return 0;
}

static void *out_thread(void *arg)
{
	struct thread *t = arg;
	struct conn *c = t->c;
	struct msg m;
	int status;

	while (listen_to_loop(t, &m)) {
		if (m.type == MSG_HALT)
			set_halt(t);
		do {
			while (c->hold && !c->stop)
				usleep(100);
			pthread_mutex_lock(&t->lock);
			status = read_out(t);
			if (status != -EINTR) {
				t->msg.type = MSG_DONE;
				t->msg.who = t->who;
				t->msg.status = status;
				tell(c, &t->msg);
				t->msg.len = 0;
			}
			pthread_mutex_unlock(&t->lock);
		} while (status == -EINTR && !c->stop);
	}
	return NULL;
}

static void *in_thread(void *arg)
{
	struct thread *t = arg;
	struct io io;
	struct msg m;
	int n;

	while (listen_to_loop(t, &m)) {
		if (m.type == MSG_HALT) {
			set_halt(t);
			n = 0;
		} else {
			memset(&io.io, 0, sizeof(io.io));
			io.io.ep = t->ep;
			io.io.flags = USB_RAW_IO_FLAGS_ZERO;
			io.io.length = m.len;
			memcpy(io.data, m.data, m.len);
			do {
				n = ioctl(t->c->raw, USB_RAW_IOCTL_EP_WRITE, &io);
			} while (n < 0 && errno == EINTR && !t->c->stop);
		}
		m.type = MSG_DONE;
		m.who = t->who;
		m.status = n < 0 ? -errno : 0;
		m.len = 0;
		/* a reset, of which we hear in a moment */
		if (n < 0)
			usleep(2000);
		tell(t->c, &m);
	}
	return NULL;
}

/* Does the host still wait? What it has queued is a file of dummy_hcd's. */
static bool host_waits(const struct conn *c)
{
	char path[64], line[128];
	bool waits = false;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/platform/dummy_hcd.%d/urbs", c->udc);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!waits && fgets(line, sizeof(line), f))
		waits = strstr(line, " ep0 ");
	fclose(f);
	return waits;
}

static bool get_reply(struct thread *t, struct msg *m)
{
	struct pollfd p = { .fd = t->sock[1], .events = POLLIN };
	int wait = HANG_MS;

	for (;;) {
		if (poll(&p, 1, wait) > 0) {
			if (!listen_to_loop(t, m))
				return false;
			/* not one that came when the host had given up already */
			if (m->request == t->requests)
				return true;
			continue;
		}
		if (t->c->stop)
			return false;
		wait = HANG_LOOK_MS;
		if (host_waits(t->c))
			continue;
		/* raw-gadget takes no further request before this one has an end */
		ioctl(t->c->raw, USB_RAW_IOCTL_EP0_STALL, 0);
		m->type = MSG_GIVEN_UP;
		tell(t->c, m);
		return false;
	}
}

static void enable(struct conn *c)
{
	struct msg m = { .type = MSG_CONFIGURED };
	struct thread *t;
	int i;

	for (i = IN; i < THREADS; i++) {
		t = &c->t[i];
		if (!t->running)
			continue;
		if (t->ep < 0)
			t->ep = ioctl(c->raw, USB_RAW_IOCTL_EP_ENABLE, t->desc);
		else
			ioctl(c->raw, USB_RAW_IOCTL_EP_CLEAR_HALT, t->ep);
	}
	ioctl(c->raw, USB_RAW_IOCTL_CONFIGURE, 0);
	tell(c, &m);
}

static void reply(struct conn *c, const struct msg *m, __u16 wlength, bool in)
{
	struct io io = { .io.length = m->len };

	if (m->status < 0) {
		ioctl(c->raw, USB_RAW_IOCTL_EP0_STALL, 0);
		return;
	}
	if (m->configure)
		enable(c);
	if (!in) {
		io.io.length = 0;
		ioctl(c->raw, USB_RAW_IOCTL_EP0_READ, &io);
		return;
	}
	if (m->len < wlength)
		io.io.flags = USB_RAW_IO_FLAGS_ZERO;
	memcpy(io.data, m->data, m->len);
	ioctl(c->raw, USB_RAW_IOCTL_EP0_WRITE, &io);
}

/* What came on the other endpoint before this request is with the loop, and nothing comes
 * there until the loop has dealt with the request.
 */
static void hold_out(struct conn *c)
{
	int i;

	c->hold = true;
	for (i = OUT; i < THREADS; i++) {
		while (pthread_mutex_trylock(&c->t[i].lock)) {
			pthread_kill(c->t[i].id, SIGUSR1);
			usleep(100);
		}
	}
}

static void release_out(struct conn *c)
{
	int i;

	for (i = OUT; i < THREADS; i++)
		pthread_mutex_unlock(&c->t[i].lock);
	c->hold = false;
}

/* The channel that a request stops, -1 for none */
static int stops(const struct msg *m)
{
	if ((m->setup[0] & USB_TYPE_MASK) != USB_TYPE_VENDOR || m->setup[0] & USB_DIR_IN ||
	    m->setup[1] != REQ_MODE || m->len < 4 || get_le32(m->data) != MODE_RESET)
		return -1;
	return get_le16(m->setup + 2);
}

/* Does an OUT transfer, or its beginning, belong to this channel? */
static bool is_of(const struct conn *c, int channel, const __u8 *data, __u32 len)
{
	/* where there is one only, its frames may be of a kind that has no number */
	return c->dev->nchannels == 1 || (len > HF_CHANNEL && data[HF_CHANNEL] == channel);
}

/* With the threads held: the host has stopped its transfers, of one channel or of all (-1). The
 * rest of one that was in the middle will not come.
 */
static void forget_parts(struct conn *c, int channel)
{
	struct msg *m;
	int i;

	for (i = OUT; i < THREADS; i++) {
		m = &c->t[i].msg;
		if (channel < 0 || is_of(c, channel, m->data, m->len))
			m->len = 0;
	}
}

static void control(struct thread *t, const __u8 *setup)
{
	struct msg m = { .type = MSG_CONTROL };
	struct conn *c = t->c;
	struct io io = { .io.length = 0 };
	bool in = setup[0] & USB_DIR_IN;
	__u16 wlength = get_le16(setup + 6);

	memcpy(m.setup, setup, sizeof(m.setup));
	m.request = ++t->requests;
	if (in || !wlength) {
		tell(c, &m);
		if (get_reply(t, &m))
			reply(c, &m, wlength, in && wlength);
		return;
	}

	hold_out(c);
	io.io.length = wlength < XFER_DATA ? wlength : XFER_DATA;
	if (ioctl(c->raw, USB_RAW_IOCTL_EP0_READ, &io) >= 0) {
		memcpy(m.data, io.data, io.io.length);
		m.len = io.io.length;
		if (stops(&m) >= 0)
			forget_parts(c, stops(&m));
		tell(c, &m);
		get_reply(t, &m);
	}
	release_out(c);
}

static void *ep0_thread(void *arg)
{
	struct thread *t = arg;
	struct conn *c = t->c;
	struct event e;
	struct msg m = { .type = MSG_EVENT };

	while (!c->stop) {
		e.event.length = sizeof(e.setup);
		if (ioctl(c->raw, USB_RAW_IOCTL_EVENT_FETCH, &e) < 0) {
			if (errno != EINTR)
				break;
			continue;
		}
		if (e.event.type == USB_RAW_EVENT_CONTROL) {
			control(t, e.setup);
			continue;
		}
		hold_out(c);
		forget_parts(c, -1);
		m.status = e.event.type;
		tell(c, &m);
		release_out(c);
	}
	return NULL;
}

/* --- the loop's side --------------------------------------------------------------- */

static void command(struct thread *t, struct msg *m)
{
	/* never more than one at a time, so that there is room */
	t->busy = true;
	if (send(t->sock[0], m, sizeof(*m), MSG_DONTWAIT) < 0)
		emu_log("%s: thread %d does not listen", t->c->dev->id, t->who);
}

static int thread_of_ep(__u8 ep)
{
	if (ep & USB_DIR_IN)
		return IN;
	return ep == 1 ? OUT_1 : OUT;
}

/* A host that has taken the configuration away sends nothing any more, and that is seen here before
 * the controller says so.
 */
static bool is_configured(const struct conn *c)
{
	return c->configured && c->dev->configuration;
}

/* The host has a transfer for every idle endpoint, as far as the device can tell. */
static void rearm(struct work *w)
{
	struct conn *c = container_of(w, struct conn, rearm);
	struct device *dev = c->dev;
	struct msg m = { .type = MSG_GO };
	struct xfer *x;
	int i;

	if (!is_configured(c))
		return;
	if (!c->t[IN].busy && !dev->pair->in_pending) {
		x = xfer_get();
		x->id = 0;
		x->ep = USB_DIR_IN | 1;
		x->len = XFER_DATA;
		usb_submit(dev, x);
	}
	for (i = OUT; i < THREADS && is_configured(c); i++)
		if (c->t[i].running && !c->t[i].busy)
			command(&c->t[i], &m);
}

static void gadget_complete(struct device *dev, const struct xfer *x, int status,
			    const void *data, __u32 actual)
{
	struct conn *c = dev->conn;
	struct msg m = { .type = MSG_GO, .status = status };
	struct thread *t;

	if (!c)
		return;
	if (data) {
		m.len = actual < XFER_DATA ? actual : XFER_DATA;
		memcpy(m.data, data, m.len);
	}
	if (!(x->ep & 0x0f)) {
		m.type = MSG_REPLY;
		m.request = x->id;
		m.configure = status >= 0 && !x->setup[0] &&
			      x->setup[1] == USB_REQ_SET_CONFIGURATION && x->setup[2];
		command(&c->t[EP0], &m);
		return;
	}

	t = &c->t[thread_of_ep(x->ep)];
	t->held = false;
	loop_defer(&c->rearm);
	if (status == -EPIPE) {
		/* the controller answers CLEAR_FEATURE by itself, and keeps what comes next */
		m.type = MSG_HALT;
		command(t, &m);
		usb_clear_halt(dev, x->ep);
	} else if (status) {
		emu_log("%s: no transfer can end with %d here", dev->id, status);
		t->busy = false;
	} else if (t->who == IN) {
		command(t, &m);
	} else {
		t->busy = false;
	}
}

static void unconfigure(struct conn *c)
{
	int i;

	c->configured = false;
	usb_cancel_all(c->dev);
	for (i = OUT; i < THREADS; i++) {
		if (c->t[i].held)
			c->t[i].busy = false;
		c->t[i].held = false;
	}
}

static void raw_event(struct conn *c, int type)
{
	struct device *dev = c->dev;

	switch (type) {
	case EVENT_SUSPEND:
		emu_log("%s suspended", dev->id);
		if (dev->configuration)
			device_suspended(dev);
		break;
	case EVENT_RESET:
		/* the first ones belong to plugging in */
		unconfigure(c);
		if (dev->configuration)
			device_bus_reset(dev);
		break;
	case EVENT_DISCONNECT:
		emu_log("%s without power", dev->id);
		unconfigure(c);
		device_power_on(dev);
		break;
	default:
		break;
	}
}

/* A host that stops a channel has its transfers back. For those that the device had no room for
 * yet it could not ask.
 */
static void take_back(struct conn *c, int channel)
{
	struct device *dev = c->dev;
	struct xfer *x, *next;
	struct thread *t;

	for (x = TAILQ_FIRST(&dev->pair->out_xfers); x; x = next) {
		next = TAILQ_NEXT(x, link);
		if (!is_of(c, channel, x->data, x->len))
			continue;
		t = &c->t[thread_of_ep(x->ep)];
		t->held = false;
		t->busy = false;
		TAILQ_REMOVE(&dev->pair->out_xfers, x, link);
		dev->pair->out_pending--;
		xfer_put(x);
		loop_defer(&c->rearm);
	}
}

static void take_control(struct conn *c, const struct msg *m)
{
	int channel = stops(m);
	struct xfer *x;

	if (channel >= 0)
		take_back(c, channel);
	x = xfer_get();
	x->id = m->request;
	x->ep = 0;
	x->len = m->len;
	memcpy(x->setup, m->setup, sizeof(x->setup));
	memcpy(x->data, m->data, m->len);
	usb_submit(c->dev, x);
}

static void take_done(struct conn *c, const struct msg *m)
{
	struct thread *t = &c->t[m->who];
	struct xfer *x;

	if (t->who == IN || m->status || !is_configured(c)) {
		t->busy = false;
		loop_defer(&c->rearm);
		return;
	}
	/* busy until the device has taken it */
	t->held = true;
	x = xfer_get();
	x->id = 0;
	x->ep = t->desc[2];
	x->len = m->len;
	memcpy(x->data, m->data, m->len);
	usb_submit(c->dev, x);
}

static void conn_event(struct watch *w, __u32 events)
{
	struct conn *c = container_of(w, struct conn, watch);
	struct xfer *x;
	struct msg m;

	unused(w, events);
	if (recv(w->fd, &m, sizeof(m), MSG_DONTWAIT) != sizeof(m))
		return;
	switch (m.type) {
	case MSG_EVENT:
		raw_event(c, m.status);
		break;
	case MSG_CONTROL:
		take_control(c, &m);
		break;
	case MSG_GIVEN_UP:
		while ((x = TAILQ_FIRST(&c->dev->ctrl_xfers))) {
			TAILQ_REMOVE(&c->dev->ctrl_xfers, x, link);
			xfer_put(x);
		}
		break;
	case MSG_CONFIGURED:
		c->configured = true;
		loop_defer(&c->rearm);
		break;
	case MSG_DONE:
		take_done(c, &m);
		break;
	default:
		break;
	}
}

static int thread_start(struct conn *c, int who, void *(*fn)(void *))
{
	struct thread *t = &c->t[who];
	pthread_attr_t attr;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	t->running = true;
	ret = pthread_create(&t->id, &attr, fn, t);
	pthread_attr_destroy(&attr);
	if (ret)
		t->running = false;
	return -ret;
}

/* A thread may be in an ioctl, or just before it. */
static void thread_stop(struct thread *t)
{
	if (t->running) {
		while (pthread_tryjoin_np(t->id, NULL) == EBUSY) {
			pthread_kill(t->id, SIGUSR1);
			usleep(200);
		}
	}
	if (t->sock[0] >= 0) {
		close(t->sock[0]);
		close(t->sock[1]);
	}
}

static void conn_free(struct conn *c)
{
	int i;

	loop_unwatch(&c->watch);
	loop_undefer(&c->rearm);
	c->stop = true;
	for (i = 0; i < THREADS; i++) {
		if (c->t[i].sock[0] >= 0)
			shutdown(c->t[i].sock[0], SHUT_RDWR);
	}
	if (c->watch.fd >= 0)
		shutdown(c->watch.fd, SHUT_RDWR);
	for (i = 0; i < THREADS; i++)
		thread_stop(&c->t[i]);
	if (c->watch.fd >= 0) {
		close(c->watch.fd);
		close(c->up);
	}
	if (c->raw >= 0)
		close(c->raw);
	if (c->udc >= 0)
		udc_used[c->udc] = false;
	loop_free(c);
}

/* The endpoints as the configuration describes them. */
static void find_endpoints(struct conn *c)
{
	__u8 config[CTRL_MAX], *p;
	int len = descr_config(c->dev, config);
	struct thread *t;

	for (p = config; p < config + len && p[0]; p += p[0]) {
		if (p[1] != USB_DT_ENDPOINT)
			continue;
		t = &c->t[thread_of_ep(p[2])];
		memcpy(t->desc, p, USB_DT_ENDPOINT_SIZE);
	}
}

/* Binds to the first controller that is free. */
static int run(struct conn *c)
{
	struct usb_raw_init init;
	int ret = -EBUSY;

	for (c->udc = 0; c->udc < UDC_COUNT; c->udc++) {
		if (udc_used[c->udc])
			continue;
		c->raw = open("/dev/raw-gadget", O_RDWR | O_CLOEXEC);
		if (c->raw < 0) {
			ret = -errno;
			break;
		}
		memset(&init, 0, sizeof(init));
		sprintf((char *)init.driver_name, "dummy_udc");
		sprintf((char *)init.device_name, "dummy_udc.%d", c->udc);
		init.speed = c->dev->high_speed ? USB_SPEED_HIGH : USB_SPEED_FULL;
		if (!ioctl(c->raw, USB_RAW_IOCTL_INIT, &init) &&
		    !ioctl(c->raw, USB_RAW_IOCTL_RUN, 0)) {
			udc_used[c->udc] = true;
			return 0;
		}
		ret = -errno;
		close(c->raw);
		c->raw = -1;
	}
	c->udc = -1;
	return ret;
}

static int gadget_plug(struct device *dev)
{
	struct sigaction sa = { .sa_handler = on_kick };
	struct conn *c = xzalloc(sizeof(*c));
	int i, sv[2], ret = 0;

	sigaction(SIGUSR1, &sa, NULL);
	c->dev = dev;
	c->rearm.fn = rearm;
	c->watch.fn = conn_event;
	c->watch.fd = -1;
	c->raw = -1;
	c->udc = -1;
	for (i = 0; i < THREADS; i++) {
		c->t[i].c = c;
		c->t[i].who = i;
		c->t[i].ep = -1;
		pthread_mutex_init(&c->t[i].lock, NULL);
		c->t[i].sock[0] = -1;
	}
	for (i = 0; i < THREADS && !ret; i++)
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, c->t[i].sock))
			ret = -errno;
	if (!ret && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		ret = -errno;
	if (!ret) {
		c->watch.fd = sv[0];
		c->up = sv[1];
		find_endpoints(c);
		ret = run(c);
	}
	if (!ret)
		ret = loop_watch(&c->watch, EPOLLIN);
	if (!ret)
		ret = thread_start(c, IN, in_thread);
	if (!ret)
		ret = thread_start(c, OUT, out_thread);
	if (!ret && c->t[OUT_1].desc[0])
		ret = thread_start(c, OUT_1, out_thread);
	if (!ret)
		ret = thread_start(c, EP0, ep0_thread);
	if (ret) {
		conn_free(c);
		return ret;
	}
	dev->conn = c;
	dev->port = c->udc;
	return 0;
}

static void gadget_unplug(struct device *dev)
{
	struct conn *c = dev->conn;

	dev->conn = NULL;
	dev->port = -1;
	if (c)
		conn_free(c);
}

const struct transport gadget_transport = {
	.name = "gadget",
	.plug = gadget_plug,
	.unplug = gadget_unplug,
	.complete = gadget_complete,
};
