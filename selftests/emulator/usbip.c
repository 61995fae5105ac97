// SPDX-License-Identifier: GPL-2.0-only
/*
 * USB/IP into the kernel's vhci_hcd: one end of a socket pair is handed to the
 * kernel through sysfs, no daemon is needed.
 */
#include "device.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/usb/ch9.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define VHCI		"/sys/devices/platform/vhci_hcd.0"
#define VHCI_ATTACH	VHCI "/attach"
#define PORT_FREE	4

#define CMD_SUBMIT	1
#define CMD_UNLINK	2
#define RET_SUBMIT	3
#define RET_UNLINK	4

#define READ_SIZE	65536

#define ZERO_PACKET	0x40	/* URB_ZERO_PACKET */

/* All fields are big-endian on the wire. */
struct usbip_header {
	__u32 command, seqnum, devid, direction, ep;
	union {
		struct {
			__u32 flags, length, start_frame, packets, interval;
			__u8 setup[8];
		} submit;
		struct {
			__u32 status, actual, start_frame, packets, errors;
			__u8 pad[8];
		} ret;
		struct {
			__u32 seqnum;
			__u8 pad[24];
		} unlink;
	};
};

static_assert(sizeof(struct usbip_header) == 48, "USB/IP header");

struct conn {
	struct watch watch;
	struct work flush;
	struct device *dev;
	struct buf out;
	__u32 devid;
	size_t have;
	char in[READ_SIZE];
};

/* A free port of a hub that takes full and high speed. */
static int find_port(char *hub_file, size_t size)
{
	char line[160], speed[8];
	unsigned int port, state;
	FILE *f;
	int i;

	for (i = 0; i < 16; i++) {
		if (i)
			snprintf(hub_file, size, VHCI "/status.%d", i);
		else
			snprintf(hub_file, size, VHCI "/status");
		f = fopen(hub_file, "re");
		if (!f)
			return i ? -EBUSY : -errno;
		while (fgets(line, sizeof(line), f)) {
			if (sscanf(line, "%7s %u %u", speed, &port, &state) == 3 &&
			    !strcmp(speed, "hs") && state == PORT_FREE) {
				fclose(f);
				return port;
			}
		}
		fclose(f);
	}
	return -EBUSY;
}

static int write_sysfs(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Number of the USB bus whose root hub has this port. */
static void find_busid(struct device *dev)
{
	char path[128];
	int bus, speed;
	FILE *f;

	dev->busid[0] = 0;
	for (bus = 1; bus < 64; bus++) {
		snprintf(path, sizeof(path), VHCI "/usb%d/speed", bus);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%d", &speed) == 1 && speed == 480)
			snprintf(dev->busid, sizeof(dev->busid), "%d-%d", bus, dev->port + 1);
		fclose(f);
		if (dev->busid[0])
			return;
	}
}

static void put_header(struct conn *c, const struct usbip_header *h)
{
	buf_put(&c->out, h, sizeof(*h));
	loop_defer(&c->flush);
}

static void usbip_complete(struct device *dev, const struct xfer *x, int status,
			   const void *data, __u32 actual)
{
	struct conn *c = dev->conn;
	struct usbip_header h = { .command = htonl(RET_SUBMIT), .seqnum = htonl(x->id) };

	if (!c)
		return;
	h.ret.status = htonl(status);
	h.ret.actual = htonl(actual);
	put_header(c, &h);
	if (data && actual)
		buf_put(&c->out, data, actual);
}

static void gone(struct conn *c)
{
	struct device *dev = c->dev;

	/* the kernel let go, as after "usbip detach" */
	emu_log("%s detached by the host", dev->id);
	device_unplug(dev);
}

static void conn_free(struct conn *c)
{
	loop_unwatch(&c->watch);
	loop_undefer(&c->flush);
	close(c->watch.fd);
	buf_free(&c->out);
	loop_free(c);
}

static void flush(struct work *w)
{
	struct conn *c = container_of(w, struct conn, flush);
	int ret = buf_write(&c->out, c->watch.fd);

	if (ret == -EAGAIN)
		loop_watch(&c->watch, EPOLLIN | EPOLLOUT);
	else if (ret)
		gone(c);
	else
		loop_watch(&c->watch, EPOLLIN);
}

static void do_unlink(struct conn *c, const struct usbip_header *cmd)
{
	struct usbip_header h = { .command = htonl(RET_UNLINK), .seqnum = cmd->seqnum };
	struct xfer *x = usb_cancel(c->dev, ntohl(cmd->unlink.seqnum));

	/* a transfer that is done has had its RET_SUBMIT before */
	if (x) {
		h.ret.status = htonl(-ECONNRESET);
		xfer_put(x);
	}
	put_header(c, &h);
}

static void do_submit(struct conn *c, const struct usbip_header *h, const char *data)
{
	bool in = ntohl(h->direction);
	struct xfer *x = xfer_get();

	x->id = ntohl(h->seqnum);
	x->ep = ntohl(h->ep) | (in ? USB_DIR_IN : 0);
	x->len = ntohl(h->submit.length);
	memcpy(x->setup, h->submit.setup, sizeof(x->setup));
	x->no_zlp = !(ntohl(h->submit.flags) & ZERO_PACKET);
	if (!in)
		memcpy(x->data, data, x->len < XFER_DATA ? x->len : XFER_DATA);
	usb_submit(c->dev, x);
}

/* Takes one message; how long it was, or 0 if it is not complete yet. */
static size_t take_message(struct conn *c, const char *p, size_t left)
{
	struct usbip_header h;
	size_t need = sizeof(h);

	if (left < need)
		return 0;
	memcpy(&h, p, sizeof(h));
	if (ntohl(h.command) == CMD_UNLINK) {
		do_unlink(c, &h);
		return need;
	}
	if (!ntohl(h.direction))
		need += ntohl(h.submit.length);
	if (need > READ_SIZE) {
		gone(c);
		return 0;
	}
	if (left < need)
		return 0;
	do_submit(c, &h, p + sizeof(h));
	return need;
}

static void take_input(struct conn *c)
{
	size_t pos = 0, n;

	/* a handler may unplug us */
	while (c->dev->conn == c) {
		n = take_message(c, c->in + pos, c->have - pos);
		if (!n)
			break;
		pos += n;
	}
	c->have -= pos;
	memmove(c->in, c->in + pos, c->have);
}

static void conn_event(struct watch *w, __u32 events)
{
	struct conn *c = container_of(w, struct conn, watch);
	ssize_t n;

	if (events & EPOLLOUT)
		loop_defer(&c->flush);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = read(w->fd, c->in + c->have, READ_SIZE - c->have);
	if (n > 0) {
		c->have += n;
		take_input(c);
	} else if (!n || (errno != EAGAIN && errno != EINTR)) {
		gone(c);
	}
}

static int attach(struct device *dev, int fd, __u32 devid)
{
	char hub_file[64], text[64];

	dev->port = find_port(hub_file, sizeof(hub_file));
	if (dev->port < 0)
		return dev->port;
	snprintf(text, sizeof(text), "%d %d %u %d", dev->port, fd, devid,
		 dev->high_speed ? USB_SPEED_HIGH : USB_SPEED_FULL);
	return write_sysfs(VHCI_ATTACH, text);
}

static int usbip_plug(struct device *dev)
{
	static __u32 next_devid = 0x10001;
	struct conn *c;
	int sv[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return -errno;
	fcntl(sv[0], F_SETFL, O_NONBLOCK);
	c = xzalloc(sizeof(*c));
	c->dev = dev;
	c->watch.fd = sv[0];
	c->watch.fn = conn_event;
	c->flush.fn = flush;
	c->devid = next_devid++;
	ret = attach(dev, sv[1], c->devid);
	close(sv[1]);
	if (!ret)
		ret = loop_watch(&c->watch, EPOLLIN);
	if (ret) {
		conn_free(c);
		return ret;
	}
	dev->conn = c;
	find_busid(dev);
	return 0;
}

/* The kernel notices that the other end is closed. */
static void usbip_unplug(struct device *dev)
{
	struct conn *c = dev->conn;

	dev->conn = NULL;
	dev->port = -1;
	dev->busid[0] = 0;
	if (!c)
		return;
	/* what was answered before the cable was pulled arrives */
	buf_write(&c->out, c->watch.fd);
	conn_free(c);
}

const struct transport usbip_transport = {
	.name = "vhci",
	.plug = usbip_plug,
	.unplug = usbip_unplug,
	.complete = usbip_complete,
};
