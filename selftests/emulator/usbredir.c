// SPDX-License-Identifier: GPL-2.0-only
/*
 * usbredir, the side that has the device: QEMU's "-device usb-redir" connects
 * to one of our sockets and sees an adapter come and go.
 */
#include "device.h"

#include <errno.h>
#include <linux/usb/ch9.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <usbredirparser.h>

#define MAX_SLOTS	16
#define READ_SIZE	65536

/* One socket: a plug of the guest's machine. */
struct slot {
	struct watch listen, watch;
	struct work flush;
	struct usbredirparser *parser;
	struct device *dev;
	bool connected;		/* QEMU has said hello */
	bool announced;		/* QEMU knows of the device */
	struct buf out;
	char in[READ_SIZE];
	size_t head, have;
};

static struct slot *slots[MAX_SLOTS];
static unsigned int nslots;

static void parser_log(void *priv, int level, const char *msg)
{
	(void)priv;
	if (level <= usbredirparser_warning)
		emu_log("usbredir: %s", msg);
}

static int parser_read(void *priv, __u8 *data, int count)
{
	struct slot *s = priv;
	size_t n = s->have - s->head;

	if (n > (size_t)count)
		n = count;
	memcpy(data, s->in + s->head, n);
	s->head += n;
	return n;
}

static int parser_write(void *priv, __u8 *data, int count)
{
	struct slot *s = priv;

	buf_put(&s->out, data, count);
	return count;
}

static void hang_up(struct slot *s)
{
	emu_log("usbredir: connection closed");
	loop_unwatch(&s->watch);
	loop_undefer(&s->flush);
	close(s->watch.fd);
	s->watch.fd = -1;
	usbredirparser_destroy(s->parser);
	s->parser = NULL;
	s->connected = false;
	s->announced = false;
	s->head = 0;
	s->have = 0;
	s->out.head = 0;
	s->out.len = 0;
	if (s->dev)
		usb_cancel_all(s->dev);
}

static void flush(struct work *w)
{
	struct slot *s = container_of(w, struct slot, flush);
	int ret;

	while (usbredirparser_has_data_to_write(s->parser))
		usbredirparser_do_write(s->parser);
	ret = buf_write(&s->out, s->watch.fd);
	if (ret == -EAGAIN)
		loop_watch(&s->watch, EPOLLIN | EPOLLOUT);
	else if (ret)
		hang_up(s);
	else
		loop_watch(&s->watch, EPOLLIN);
}

static void send_interfaces(struct slot *s)
{
	static struct usb_redir_interface_info_header info;
	unsigned int i;

	memset(&info, 0, sizeof(info));
	info.interface_count = descr_interfaces(s->dev);
	for (i = 0; i < info.interface_count; i++) {
		info.interface[i] = i;
		info.interface_class[i] = USB_CLASS_VENDOR_SPEC;
		info.interface_subclass[i] = s->dev->p->subclass;
		info.interface_protocol[i] = s->dev->p->protocol;
	}
	if (s->dev->p->dfu) {
		info.interface_class[1] = 0xfe;
		info.interface_subclass[1] = 1;
		info.interface_protocol[1] = 1;
	}
	usbredirparser_send_interface_info(s->parser, &info);
}

/* Index of an endpoint: its number, and 16 more for IN. */
static unsigned int ep_index(__u8 address)
{
	return (address & USB_DIR_IN ? 16 : 0) | (address & 0x0f);
}

/* Reads the endpoints out of the configuration descriptor. */
static void send_endpoints(struct slot *s)
{
	static struct usb_redir_ep_info_header info;
	__u8 config[256];
	int i, len = descr_config(s->dev, config);

	memset(&info, 0, sizeof(info));
	memset(info.type, usb_redir_type_invalid, sizeof(info.type));
	info.type[0] = usb_redir_type_control;
	info.type[16] = usb_redir_type_control;
	info.max_packet_size[0] = 64;
	info.max_packet_size[16] = 64;
	for (i = 0; i < len; i += config[i]) {
		unsigned int n = ep_index(config[i + 2]);

		if (config[i + 1] != USB_DT_ENDPOINT)
			continue;
		info.type[n] = usb_redir_type_bulk;
		info.max_packet_size[n] = get_le16(config + i + 4);
	}
	usbredirparser_send_ep_info(s->parser, &info);
}

static void announce(struct slot *s)
{
	struct usb_redir_device_connect_header h = { 0 };

	if (!s->dev || !s->connected || s->announced)
		return;
	send_interfaces(s);
	send_endpoints(s);
	h.speed = s->dev->high_speed ? usb_redir_speed_high : usb_redir_speed_full;
	h.vendor_id = s->dev->vid;
	h.product_id = s->dev->pid;
	h.device_version_bcd = s->dev->p->bcd_device;
	usbredirparser_send_device_connect(s->parser, &h);
	s->announced = true;
	loop_defer(&s->flush);
}

static void on_hello(void *priv, struct usb_redir_hello_header *h)
{
	struct slot *s = priv;

	(void)h;
	s->connected = true;
	announce(s);
}

static void on_reset(void *priv)
{
	struct slot *s = priv;

	if (s->dev && s->dev->configuration)
		device_bus_reset(s->dev);
}

/* A standard request that usbredir has made a message of. */
static int standard(struct slot *s, __u8 type, __u8 request, __u16 value, __u16 index)
{
	__u8 setup[8] = { type, request };
	__u8 reply[8];

	put_le16(setup + 2, value);
	put_le16(setup + 4, index);
	if (!s->dev || std_request(s->dev, setup, reply) < 0)
		return usb_redir_stall;
	return usb_redir_success;
}

static void on_set_configuration(void *priv, uint64_t id,
				 struct usb_redir_set_configuration_header *h)
{
	struct usb_redir_configuration_status_header st = { 0 };
	struct slot *s = priv;

	st.status = standard(s, 0, USB_REQ_SET_CONFIGURATION, h->configuration, 0);
	st.configuration = h->configuration;
	usbredirparser_send_configuration_status(s->parser, id, &st);
}

static void on_get_configuration(void *priv, uint64_t id)
{
	struct usb_redir_configuration_status_header st = { 0 };
	struct slot *s = priv;

	st.configuration = s->dev ? s->dev->configuration : 0;
	usbredirparser_send_configuration_status(s->parser, id, &st);
}

static void on_set_alt_setting(void *priv, uint64_t id,
			       struct usb_redir_set_alt_setting_header *h)
{
	struct usb_redir_alt_setting_status_header st = { 0 };
	struct slot *s = priv;

	st.status = standard(s, USB_RECIP_INTERFACE, USB_REQ_SET_INTERFACE, h->alt,
			     h->interface);
	st.interface = h->interface;
	st.alt = h->alt;
	usbredirparser_send_alt_setting_status(s->parser, id, &st);
}

static void on_get_alt_setting(void *priv, uint64_t id,
			       struct usb_redir_get_alt_setting_header *h)
{
	struct usb_redir_alt_setting_status_header st = { 0 };
	struct slot *s = priv;

	st.interface = h->interface;
	usbredirparser_send_alt_setting_status(s->parser, id, &st);
}

static int redir_status(int status)
{
	switch (status) {
	case 0:
		return usb_redir_success;
	case -EPIPE:
		return usb_redir_stall;
	case -EOVERFLOW:
		return usb_redir_babble;
	case -ECONNRESET:
		return usb_redir_cancelled;
	case -ETIME:
		return usb_redir_timeout;
	default:
		return usb_redir_ioerror;
	}
}

static void reply_control(struct slot *s, const struct xfer *x, int status, const void *data,
			  __u32 actual)
{
	struct usb_redir_control_packet_header h = { 0 };

	h.endpoint = x->ep;
	h.requesttype = x->setup[0];
	h.request = x->setup[1];
	h.value = get_le16(x->setup + 2);
	h.index = get_le16(x->setup + 4);
	h.status = redir_status(status);
	h.length = actual;
	usbredirparser_send_control_packet(s->parser, x->id, &h, (__u8 *)data,
					   data ? actual : 0);
}

static void reply_bulk(struct slot *s, const struct xfer *x, int status, const void *data,
		       __u32 actual)
{
	struct usb_redir_bulk_packet_header h = { 0 };

	h.endpoint = x->ep;
	h.status = redir_status(status);
	h.length = actual;
	h.length_high = actual >> 16;
	usbredirparser_send_bulk_packet(s->parser, x->id, &h, (__u8 *)data,
					data ? actual : 0);
}

static void redir_complete(struct device *dev, const struct xfer *x, int status,
			   const void *data, __u32 actual)
{
	struct slot *s = dev->conn;

	if (!s || !s->parser)
		return;
	if (x->ep & 0x0f)
		reply_bulk(s, x, status, data, actual);
	else
		reply_control(s, x, status, data, actual);
	loop_defer(&s->flush);
}

static void submit(struct slot *s, struct xfer *x, __u8 *data, int data_len)
{
	if (data_len > 0)
		memcpy(x->data, data, data_len < XFER_DATA ? data_len : XFER_DATA);
	usbredirparser_free_packet_data(s->parser, data);
	if (s->dev)
		usb_submit(s->dev, x);
	else
		xfer_put(x);
}

static void on_control(void *priv, uint64_t id, struct usb_redir_control_packet_header *h,
		       __u8 *data, int data_len)
{
	struct xfer *x = xfer_get();

	x->id = id;
	x->ep = h->requesttype & USB_DIR_IN;
	x->len = h->length;
	x->setup[0] = h->requesttype;
	x->setup[1] = h->request;
	put_le16(x->setup + 2, h->value);
	put_le16(x->setup + 4, h->index);
	put_le16(x->setup + 6, h->length);
	submit(priv, x, data, data_len);
}

static void on_bulk(void *priv, uint64_t id, struct usb_redir_bulk_packet_header *h,
		    __u8 *data, int data_len)
{
	struct xfer *x = xfer_get();
	struct slot *s = priv;

	x->id = id;
	x->ep = h->endpoint;
	x->len = h->length | (__u32)h->length_high << 16;
	/* What the host takes back becomes a no-op on its ring, and QEMU's xHCI may be just about
	 * to do it: an empty transfer, of which the driver knows nothing. It has its turn like
	 * others, and is over. (In the ELM protocol the empty packet behind a blob is one, too.)
	 */
	x->noop = !x->len && (x->ep & USB_DIR_IN || !(s->dev && s->dev->elm));
	submit(s, x, data, data_len);
}

static void on_cancel(void *priv, uint64_t id)
{
	struct slot *s = priv;
	struct xfer *x = s->dev ? usb_cancel(s->dev, id) : NULL;

	/* what is done already has been answered */
	if (!x)
		return;
	redir_complete(s->dev, x, -ECONNRESET, NULL, 0);
	xfer_put(x);
}

static void start_parser(struct slot *s)
{
	__u32 caps[USB_REDIR_CAPS_SIZE] = { 0 };
	struct usbredirparser *p = usbredirparser_create();

	if (!p) {
		fputs("gs-usb-emu: out of memory\n", stderr);
		exit(1);
	}
	p->priv = s;
	p->log_func = parser_log;
	p->read_func = parser_read;
	p->write_func = parser_write;
	p->hello_func = on_hello;
	p->reset_func = on_reset;
	p->set_configuration_func = on_set_configuration;
	p->get_configuration_func = on_get_configuration;
	p->set_alt_setting_func = on_set_alt_setting;
	p->get_alt_setting_func = on_get_alt_setting;
	p->control_packet_func = on_control;
	p->bulk_packet_func = on_bulk;
	p->cancel_data_packet_func = on_cancel;
	usbredirparser_caps_set_cap(caps, usb_redir_cap_connect_device_version);
	usbredirparser_caps_set_cap(caps, usb_redir_cap_ep_info_max_packet_size);
	usbredirparser_caps_set_cap(caps, usb_redir_cap_64bits_ids);
	usbredirparser_caps_set_cap(caps, usb_redir_cap_32bits_bulk_length);
	s->parser = p;
	usbredirparser_init(p, "gs-usb-emu", caps, USB_REDIR_CAPS_SIZE,
			    usbredirparser_fl_usb_host);
	loop_defer(&s->flush);
}

static void conn_event(struct watch *w, __u32 events)
{
	struct slot *s = container_of(w, struct slot, watch);
	ssize_t n;

	if (events & EPOLLOUT)
		loop_defer(&s->flush);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = read(w->fd, s->in, READ_SIZE);
	if (n > 0) {
		s->head = 0;
		s->have = n;
		/* what it does not take now it keeps for later */
		while (s->head < s->have)
			usbredirparser_do_read(s->parser);
		loop_defer(&s->flush);
	} else if (!n || (errno != EAGAIN && errno != EINTR)) {
		hang_up(s);
	}
}

static void listen_event(struct watch *w, __u32 events)
{
	struct slot *s = container_of(w, struct slot, listen);
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	if (s->parser) {
		close(fd);
		return;
	}
	s->watch.fd = fd;
	s->watch.fn = conn_event;
	loop_watch(&s->watch, EPOLLIN);
	start_parser(s);
}

static int add_slot(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct slot *s;

	if (nslots == MAX_SLOTS || strlen(path) >= sizeof(addr.sun_path))
		return -EINVAL;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	s = xzalloc(sizeof(*s));
	s->flush.fn = flush;
	s->listen.fn = listen_event;
	s->listen.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(path);
	if (s->listen.fd < 0 || bind(s->listen.fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(s->listen.fd, 4) || loop_watch(&s->listen, EPOLLIN)) {
		free(s);
		return -errno;
	}
	slots[nslots++] = s;
	return 0;
}

/* Paths of sockets, separated by commas. */
int usbredir_listen(const char *paths)
{
	char *copy = strdup(paths), *save = NULL, *p;
	int ret = copy ? 0 : -ENOMEM;

	for (p = ret ? NULL : strtok_r(copy, ",", &save); p && !ret;
	     p = strtok_r(NULL, ",", &save))
		ret = add_slot(p);
	free(copy);
	return ret;
}

static int redir_plug(struct device *dev)
{
	unsigned int i;

	for (i = dev->socket; i < nslots; i++)
		if (!slots[i]->dev)
			break;
	if (i >= nslots)
		return -EBUSY;
	slots[i]->dev = dev;
	dev->conn = slots[i];
	dev->port = i;
	announce(slots[i]);
	return 0;
}

static void redir_unplug(struct device *dev)
{
	struct slot *s = dev->conn;

	dev->conn = NULL;
	dev->port = -1;
	if (!s)
		return;
	s->dev = NULL;
	if (s->announced) {
		usbredirparser_send_device_disconnect(s->parser);
		loop_defer(&s->flush);
	}
	s->announced = false;
}

const struct transport usbredir_transport = {
	.name = "redir",
	.plug = redir_plug,
	.unplug = redir_unplug,
	.complete = redir_complete,
};
