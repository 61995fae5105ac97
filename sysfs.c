// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics in sysfs, one value a file (Documentation/ABI/testing/sysfs-driver-gs_usb_ng):
 *
 *   /sys/class/net/<interface>/gs_usb_ng/            a channel's counters and its TX pool
 *   /sys/bus/usb/drivers/gs_usb_ng/<usb interface>/
 *       firmware/                                    what the device is
 *       rx/                                          what came in on the bulk IN pipe
 *       pool_rx/                                     the IN slots
 *
 * The attributes are made from the tables that name the counters.
 */

#include <linux/device.h>
#include <linux/netdevice.h>
#include <linux/stat.h>
#include <linux/sysfs.h>
#include <linux/usb.h>

#include "gs_usb_ng.h"

/* A file that shows entry @id of a table */
struct gs_attr {
	struct device_attribute attr;
	unsigned int id;
};

#define to_gs_attr(a)	container_of(a, struct gs_attr, attr)

/* What a pool tells: the names carry the prefix that they have among a channel's files */
#define GS_TX_POOL_PREFIX	"tx_pool_"

static const struct {
	const char *name;
	size_t offset;
} gs_usb_ng_pool_stats[] = {
	{ GS_TX_POOL_PREFIX "capacity", offsetof(struct gs_dma_pool_info, capacity) },
	{ GS_TX_POOL_PREFIX "in_use", offsetof(struct gs_dma_pool_info, in_use) },
	{ GS_TX_POOL_PREFIX "high_water", offsetof(struct gs_dma_pool_info, high_water) },
	{ GS_TX_POOL_PREFIX "acquires", offsetof(struct gs_dma_pool_info, acquires) },
	{ GS_TX_POOL_PREFIX "reuses", offsetof(struct gs_dma_pool_info, reuses) },
	{ GS_TX_POOL_PREFIX "exhaustions", offsetof(struct gs_dma_pool_info, exhaustions) },
	{ GS_TX_POOL_PREFIX "over_releases", offsetof(struct gs_dma_pool_info, over_releases) },
};

#define GS_POOL_NUM	ARRAY_SIZE(gs_usb_ng_pool_stats)

static struct gs_attr gs_usb_ng_channel_attr[GS_CH_NUM];
static struct gs_attr gs_usb_ng_tx_pool_attr[GS_POOL_NUM];
static struct gs_attr gs_usb_ng_device_attr[GS_DEV_NUM];
static struct gs_attr gs_usb_ng_rx_pool_attr[GS_POOL_NUM];

/* One more for tx_limit, and the NULL at the end of each */
static struct attribute *gs_usb_ng_channel_attrs[GS_CH_NUM + GS_POOL_NUM + 2];
static struct attribute *gs_usb_ng_rx_attrs[GS_DEV_NUM + 1];
static struct attribute *gs_usb_ng_pool_rx_attrs[GS_POOL_NUM + 1];

static ssize_t gs_usb_ng_emit_pool(struct gs_dma_pool *pool, unsigned int id, char *buf)
{
	struct gs_dma_pool_info info;

	gs_dma_pool_get_info(pool, &info);
	return sysfs_emit(buf, "%llu\n",
			  *(u64 *)((void *)&info + gs_usb_ng_pool_stats[id].offset));
}

static ssize_t gs_usb_ng_channel_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct gs_channel *ch = netdev_priv(to_net_dev(d));

	return sysfs_emit(buf, "%lld\n",
			  (long long)atomic64_read(&ch->stat[to_gs_attr(attr)->id]));
}

static ssize_t gs_usb_ng_tx_pool_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct gs_channel *ch = netdev_priv(to_net_dev(d));

	return gs_usb_ng_emit_pool(ch->tx_pool, to_gs_attr(attr)->id, buf);
}

static ssize_t tx_limit_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct gs_channel *ch = netdev_priv(to_net_dev(d));

	return sysfs_emit(buf, "%u\n", READ_ONCE(ch->tx_limit));
}
static DEVICE_ATTR_RO(tx_limit);

/* The interface's files come after probe and go before disconnect */
static struct gs_usb_ng *gs_usb_ng_of(struct device *d)
{
	return usb_get_intfdata(to_usb_interface(d));
}

static ssize_t gs_usb_ng_device_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct gs_usb_ng *dev = gs_usb_ng_of(d);

	return sysfs_emit(buf, "%lld\n",
			  (long long)atomic64_read(&dev->stat[to_gs_attr(attr)->id]));
}

static ssize_t gs_usb_ng_rx_pool_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return gs_usb_ng_emit_pool(gs_usb_ng_of(d)->rx_pool, to_gs_attr(attr)->id, buf);
}

static ssize_t profile_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", gs_usb_ng_of(d)->profile->name);
}
static DEVICE_ATTR_RO(profile);

static ssize_t sw_version_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%#x\n", gs_usb_ng_of(d)->sw_version);
}
static DEVICE_ATTR_RO(sw_version);

static ssize_t hw_version_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%#x\n", gs_usb_ng_of(d)->hw_version);
}
static DEVICE_ATTR_RO(hw_version);

static ssize_t in_flight_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&gs_usb_ng_of(d)->tx_in_flight));
}
static DEVICE_ATTR_RO(in_flight);

static ssize_t in_flight_max_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", gs_usb_ng_of(d)->tx_cap);
}
static DEVICE_ATTR_RO(in_flight_max);

static ssize_t echo_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  gs_usb_ng_of(d)->profile->echo_is_ack ? "transmitted" : "accepted");
}
static DEVICE_ATTR_RO(echo);

static struct attribute *gs_usb_ng_firmware_attrs[] = {
	&dev_attr_profile.attr,
	&dev_attr_sw_version.attr,
	&dev_attr_hw_version.attr,
	&dev_attr_in_flight.attr,
	&dev_attr_in_flight_max.attr,
	&dev_attr_echo.attr,
	NULL
};

const struct attribute_group gs_usb_ng_channel_group = {
	.name = "gs_usb_ng",
	.attrs = gs_usb_ng_channel_attrs,
};

static const struct attribute_group gs_usb_ng_firmware_group = {
	.name = "firmware",
	.attrs = gs_usb_ng_firmware_attrs,
};

static const struct attribute_group gs_usb_ng_rx_group = {
	.name = "rx",
	.attrs = gs_usb_ng_rx_attrs,
};

static const struct attribute_group gs_usb_ng_pool_rx_group = {
	.name = "pool_rx",
	.attrs = gs_usb_ng_pool_rx_attrs,
};

const struct attribute_group *gs_usb_ng_device_groups[] = {
	&gs_usb_ng_firmware_group,
	&gs_usb_ng_rx_group,
	&gs_usb_ng_pool_rx_group,
	NULL
};

static struct attribute *gs_usb_ng_make_attr(struct gs_attr *attr, unsigned int id,
					     const char *name,
					     ssize_t (*show)(struct device *d,
							     struct device_attribute *attr,
							     char *buf))
{
	attr->id = id;
	attr->attr.attr.name = name;
	attr->attr.attr.mode = 0444;
	attr->attr.show = show;

	return &attr->attr.attr;
}

/**
 * gs_usb_ng_sysfs_init() - make the attributes; before the driver is registered
 *
 * Context: Module initialisation.
 */
void gs_usb_ng_sysfs_init(void)
{
	struct attribute **channel = gs_usb_ng_channel_attrs;
	unsigned int i;

	for (i = 0; i < GS_CH_NUM; i++)
		*channel++ = gs_usb_ng_make_attr(&gs_usb_ng_channel_attr[i], i,
						 gs_usb_ng_channel_stats[i].name,
						 gs_usb_ng_channel_show);
	for (i = 0; i < GS_DEV_NUM; i++)
		gs_usb_ng_rx_attrs[i] = gs_usb_ng_make_attr(&gs_usb_ng_device_attr[i], i,
							    gs_usb_ng_device_stats[i].name,
							    gs_usb_ng_device_show);
	for (i = 0; i < GS_POOL_NUM; i++) {
		const char *name = gs_usb_ng_pool_stats[i].name;

		*channel++ = gs_usb_ng_make_attr(&gs_usb_ng_tx_pool_attr[i], i, name,
						 gs_usb_ng_tx_pool_show);
		name += strlen(GS_TX_POOL_PREFIX);
		gs_usb_ng_pool_rx_attrs[i] = gs_usb_ng_make_attr(&gs_usb_ng_rx_pool_attr[i], i,
								 name, gs_usb_ng_rx_pool_show);
	}
	*channel = &dev_attr_tx_limit.attr;
}
