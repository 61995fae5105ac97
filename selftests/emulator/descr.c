// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors and standard requests of chapter 9.
 */
#include "device.h"

#include <errno.h>
#include <linux/usb/ch9.h>
#include <string.h>

#include "referee.h"

#define DFU_CLASS	0xfe
#define DFU_FUNCTIONAL	0x21

enum string_index { STR_LANG, STR_MANUFACTURER, STR_PRODUCT, STR_SERIAL, STR_INTERFACE,
	STR_CONFIG };

static const char *string_of(const struct device *dev, unsigned int index)
{
	switch (index) {
	case STR_MANUFACTURER:
		return dev->manufacturer;
	case STR_PRODUCT:
		return dev->product;
	case STR_SERIAL:
		return dev->serial;
	case STR_INTERFACE:
		return dev->interface;
	case STR_CONFIG:
		return dev->config;
	default:
		return NULL;
	}
}

static __u8 string_index(const struct device *dev, unsigned int index)
{
	return string_of(dev, index) ? index : 0;
}

static int descr_string(const struct device *dev, unsigned int index, __u8 *out)
{
	const char *s = string_of(dev, index);
	unsigned int n = 2;

	if (!s && index != STR_LANG)
		return -EPIPE;
	out[1] = USB_DT_STRING;
	if (index == STR_LANG) {
		out[n++] = 0x09;
		out[n++] = 0x04;
	}
	for (; s && *s && n < 254; s++) {
		out[n++] = *s;
		out[n++] = 0;
	}
	out[0] = n;
	return n;
}

static int descr_device(const struct device *dev, __u8 *out)
{
	memset(out, 0, USB_DT_DEVICE_SIZE);
	out[0] = USB_DT_DEVICE_SIZE;
	out[1] = USB_DT_DEVICE;
	put_le16(out + 2, dev->p->bcd_usb);
	out[7] = 64;
	put_le16(out + 8, dev->vid);
	put_le16(out + 10, dev->pid);
	put_le16(out + 12, dev->p->bcd_device);
	out[14] = string_index(dev, STR_MANUFACTURER);
	out[15] = string_index(dev, STR_PRODUCT);
	out[16] = string_index(dev, STR_SERIAL);
	out[17] = 1;
	return USB_DT_DEVICE_SIZE;
}

static int descr_qualifier(const struct device *dev, __u8 *out)
{
	if (!dev->high_speed)
		return -EPIPE;
	memset(out, 0, 10);
	out[0] = 10;
	out[1] = USB_DT_DEVICE_QUALIFIER;
	put_le16(out + 2, dev->p->bcd_usb);
	out[7] = 64;
	out[8] = 1;
	return 10;
}

static __u8 *put_interface(__u8 *p, __u8 number, __u8 endpoints, const __u8 *class, __u8 str)
{
	const __u8 d[] = {
		USB_DT_INTERFACE_SIZE, USB_DT_INTERFACE, number, 0, endpoints,
		class[0], class[1], class[2], str,
	};

	memcpy(p, d, sizeof(d));
	return p + sizeof(d);
}

/* Packet size of the bulk endpoints. */
__u16 descr_mps(const struct device *dev)
{
	if (dev->high_speed)
		return 512;
	/* a high-speed board on a full-speed port */
	return dev->p->mps > 64 ? 64 : dev->p->mps;
}

static __u8 *put_endpoint(__u8 *p, const struct device *dev, __u8 address)
{
	__u16 mps = descr_mps(dev);

	p[0] = USB_DT_ENDPOINT_SIZE;
	p[1] = USB_DT_ENDPOINT;
	p[2] = address;
	p[3] = USB_ENDPOINT_XFER_BULK;
	put_le16(p + 4, mps);
	p[6] = 0;
	return p + USB_DT_ENDPOINT_SIZE;
}

/* With the endpoints of a further channel, which are used in the ELM protocol only */
static __u8 *put_pair(__u8 *p, const struct device *dev, const __u8 *class, unsigned int i)
{
	p = put_interface(p, 1 + i, 2, class, string_index(dev, STR_INTERFACE));
	p = put_endpoint(p, dev, 0x81 + 2 * i);
	return put_endpoint(p, dev, 0x02 + 2 * i);
}

unsigned int descr_interfaces(const struct device *dev)
{
	return dev->npairs + dev->p->dfu;
}

static __u8 *put_dfu(__u8 *p)
{
	static const __u8 class[] = { DFU_CLASS, 1, 1 };
	static const __u8 functional[] = { 9, DFU_FUNCTIONAL, 0x0b, 0xff, 0, 0, 8, 0x1a, 1 };

	p = put_interface(p, 1, 0, class, 0);
	memcpy(p, functional, sizeof(functional));
	return p + sizeof(functional);
}

int descr_config(struct device *dev, __u8 *out)
{
	const struct personality *personality = dev->p;
	const __u8 class[] = { USB_CLASS_VENDOR_SPEC, personality->subclass,
			       personality->protocol };
	__u8 *p = out + USB_DT_CONFIG_SIZE;
	unsigned int i;

	p = put_interface(p, 0, personality->two_out ? 3 : 2, class,
			  string_index(dev, STR_INTERFACE));
	p = put_endpoint(p, dev, 0x81);
	if (personality->two_out)
		p = put_endpoint(p, dev, 0x01);
	p = put_endpoint(p, dev, 0x02);
	if (personality->dfu)
		p = put_dfu(p);
	for (i = 1; i < dev->npairs; i++)
		p = put_pair(p, dev, class, i);

	out[0] = USB_DT_CONFIG_SIZE;
	out[1] = USB_DT_CONFIG;
	put_le16(out + 2, p - out);
	out[4] = descr_interfaces(dev);
	out[5] = 1;
	out[6] = string_index(dev, STR_CONFIG);
	out[7] = USB_CONFIG_ATT_ONE;
	out[8] = personality->max_power;
	return p - out;
}

/* USB 2.01 devices have one; this says no more than that. */
static int descr_bos(const struct device *dev, __u8 *out)
{
	static const __u8 bos[] = {
		USB_DT_BOS_SIZE, USB_DT_BOS, USB_DT_BOS_SIZE + USB_DT_USB_EXT_CAP_SIZE, 0, 1,
		USB_DT_USB_EXT_CAP_SIZE, USB_DT_DEVICE_CAPABILITY, USB_CAP_TYPE_EXT, 0, 0, 0, 0,
	};

	if (dev->p->bcd_usb < 0x0201)
		return -EPIPE;
	memcpy(out, bos, sizeof(bos));
	return sizeof(bos);
}

static int get_descriptor(struct device *dev, __u16 value, __u8 *reply)
{
	int ret;

	switch (value >> 8) {
	case USB_DT_DEVICE:
		return descr_device(dev, reply);
	case USB_DT_CONFIG:
		return descr_config(dev, reply);
	case USB_DT_OTHER_SPEED_CONFIG:
		ret = dev->high_speed ? descr_config(dev, reply) : -EPIPE;
		if (ret > 0)
			reply[1] = USB_DT_OTHER_SPEED_CONFIG;
		return ret;
	case USB_DT_DEVICE_QUALIFIER:
		return descr_qualifier(dev, reply);
	case USB_DT_BOS:
		return descr_bos(dev, reply);
	case USB_DT_STRING:
		return descr_string(dev, value & 0xff, reply);
	default:
		return -EPIPE;
	}
}

static int set_configuration(struct device *dev, __u16 value)
{
	if (value > 1)
		return -EPIPE;
	/* a second time: the bus was reset before, and nobody told us */
	if (dev->configuration)
		device_bus_reset(dev);
	dev->configuration = value;
	if (value)
		device_configured(dev);
	return 0;
}

static int set_interface(struct device *dev, __u16 alt, __u16 interface)
{
	if (alt || interface >= descr_interfaces(dev)) {
		violation(dev, -1, "set-interface", "interface %u altsetting %u", interface, alt);
		return -EPIPE;
	}
	device_configured(dev);
	return 0;
}

static bool halted(struct device *dev, __u8 ep)
{
	const struct pair *pair = usb_pair(dev, ep);

	if (!pair)
		return false;
	return ep & USB_DIR_IN ? pair->in_halted : pair->out_halted;
}

static int std_answer(struct device *dev, const __u8 *setup, __u8 *reply)
{
	__u16 value = get_le16(setup + 2), index = get_le16(setup + 4);

	switch (setup[0] << 8 | setup[1]) {
	case USB_DIR_IN << 8 | USB_REQ_GET_DESCRIPTOR:
		return get_descriptor(dev, value, reply);
	case USB_DIR_IN << 8 | USB_REQ_GET_CONFIGURATION:
		reply[0] = dev->configuration;
		return 1;
	case USB_DIR_IN << 8 | USB_REQ_GET_STATUS:
	case (USB_DIR_IN | USB_RECIP_INTERFACE) << 8 | USB_REQ_GET_STATUS:
		put_le16(reply, 0);
		return 2;
	case (USB_DIR_IN | USB_RECIP_ENDPOINT) << 8 | USB_REQ_GET_STATUS:
		put_le16(reply, halted(dev, index));
		return 2;
	case (USB_DIR_IN | USB_RECIP_INTERFACE) << 8 | USB_REQ_GET_INTERFACE:
		reply[0] = 0;
		return 1;
	case USB_REQ_SET_ADDRESS:
	case USB_REQ_SET_FEATURE:
	case USB_REQ_CLEAR_FEATURE:
		return 0;
	case USB_REQ_SET_CONFIGURATION:
		return set_configuration(dev, value);
	case USB_RECIP_INTERFACE << 8 | USB_REQ_SET_INTERFACE:
		return set_interface(dev, value, index);
	case USB_RECIP_ENDPOINT << 8 | USB_REQ_CLEAR_FEATURE:
		usb_clear_halt(dev, index);
		device_pump(dev);
		return 0;
	default:
		return -EPIPE;
	}
}

int std_request(struct device *dev, const __u8 *setup, __u8 *reply)
{
	const struct fault *f = fault_strike(dev, AT_STD, setup[1], -1, LIFE_ANY);
	int ret = fault_refuses(dev, f);

	if (ret)
		return ret;
	ret = std_answer(dev, setup, reply);
	if (f && ret >= 0 && setup[0] & USB_DIR_IN)
		ret = fault_bytes(f, reply, ret, CTRL_MAX);
	if (setup[1] == USB_REQ_GET_DESCRIPTOR)
		ret = fuzz_descr(dev, setup[3], reply, ret, CTRL_MAX);
	return ret;
}
