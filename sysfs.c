// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics in sysfs, one value a file, and settings that have no other place
 * (Documentation/ABI/testing/sysfs-driver-gs_usb_ng):
 *
 *   /sys/class/net/<interface>/gs_usb_ng/            a channel's counters, its TX pool, filters
 *   /sys/bus/usb/drivers/gs_usb_ng/<usb interface>/
 *       protocol                                     legacy or elm, to be chosen
 *       firmware/                                    what the device is
 *       rx/                                          what came in on the bulk IN pipe
 *       recovery/                                    what was done about trouble
 *       pool_rx/                                     the IN slots, and pages that sk_buffs hold
 *
 * The attributes are made from the tables that name the counters.
 */

#include <linux/device.h>
#include <linux/netdevice.h>
#include <linux/stat.h>
#include <linux/sysfs.h>
#include <linux/usb.h>

#include "gs_usb_ng.h"
#include "zerocopy.h"

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
	{ GS_TX_POOL_PREFIX "free", offsetof(struct gs_dma_pool_info, free) },
	{ GS_TX_POOL_PREFIX "in_use", offsetof(struct gs_dma_pool_info, in_use) },
	{ GS_TX_POOL_PREFIX "in_flight", offsetof(struct gs_dma_pool_info, in_flight) },
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

/* More for tx_limit, filters and held_pages, and the NULL at the end of each */
static struct attribute *gs_usb_ng_channel_attrs[GS_CH_NUM + GS_POOL_NUM + 3];
static struct attribute *gs_usb_ng_rx_attrs[GS_DEV_RX_NUM + 1];
static struct attribute *gs_usb_ng_recovery_attrs[GS_DEV_NUM - GS_DEV_RX_NUM + 1];
static struct attribute *gs_usb_ng_pool_rx_attrs[GS_POOL_NUM + 2];

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

static ssize_t filters_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct gs_channel *ch = netdev_priv(to_net_dev(d));
	const struct gs_filter *filter = &ch->filter;
	unsigned int i;
	int len = 0;

	mutex_lock(&ch->dev->lock);
	if (!filter->n)
		len = sysfs_emit(buf, "all\n");
	for (i = 0; i < filter->n; i++) {
		/* As many digits as tell what kind of id it is */
		int digits = filter->pair[i].id & CAN_EFF_FLAG ? 8 : 3;

		len += sysfs_emit_at(buf, len, "%0*X:%0*X%c", digits,
				     filter->pair[i].id & CAN_EFF_MASK, digits,
				     filter->pair[i].mask, i + 1 < filter->n ? ' ' : '\n');
	}
	mutex_unlock(&ch->dev->lock);

	return len;
}

static ssize_t filters_store(struct device *d, struct device_attribute *attr, const char *buf,
			     size_t count)
{
	struct gs_channel *ch = netdev_priv(to_net_dev(d));
	struct gs_filter filter;
	int err;

	/* As for what is set by netlink: who writes the file may be root of a container only */
	if (!ns_capable(dev_net(to_net_dev(d))->user_ns, CAP_NET_ADMIN))
		return -EPERM;

	err = gs_filter_parse(&filter, buf);
	if (!err)
		err = gs_usb_ng_choose_filter(ch, &filter);

	return err ? err : count;
}
static DEVICE_ATTR_RW(filters);

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
	return gs_usb_ng_emit_pool(READ_ONCE(gs_usb_ng_of(d)->rx_pool), to_gs_attr(attr)->id, buf);
}

static ssize_t held_pages_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct gs_usb_ng *dev = gs_usb_ng_of(d);

	return sysfs_emit(buf, "%u\n", gs_zc_memory_held(dev->rx_memory, dev->rx_legacy));
}
static DEVICE_ATTR_RO(held_pages);

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
	struct gs_usb_ng *dev = gs_usb_ng_of(d);

	return sysfs_emit(buf, "%s\n",
			  dev->profile->echo_is_ack || READ_ONCE(dev->elm_on) ? "transmitted" :
										"accepted");
}
static DEVICE_ATTR_RO(echo);

static ssize_t clock_drift_ppb_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(gs_usb_ng_of(d)->clock.drift_ppb));
}
static DEVICE_ATTR_RO(clock_drift_ppb);

static ssize_t protocol_show(struct device *d, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", READ_ONCE(gs_usb_ng_of(d)->elm_on) ? "elm" : "legacy");
}

static ssize_t protocol_store(struct device *d, struct device_attribute *attr, const char *buf,
			      size_t count)
{
	bool elm = sysfs_streq(buf, "elm");
	int err;

	if (!elm && !sysfs_streq(buf, "legacy"))
		return -EINVAL;

	err = gs_usb_ng_elm_switch(gs_usb_ng_of(d), elm);

	return err ? err : count;
}
static DEVICE_ATTR_RW(protocol);

static struct attribute *gs_usb_ng_protocol_attrs[] = {
	&dev_attr_protocol.attr,
	NULL
};

static struct attribute *gs_usb_ng_firmware_attrs[] = {
	&dev_attr_profile.attr,
	&dev_attr_sw_version.attr,
	&dev_attr_hw_version.attr,
	&dev_attr_in_flight.attr,
	&dev_attr_in_flight_max.attr,
	&dev_attr_echo.attr,
	&dev_attr_clock_drift_ppb.attr,
	NULL
};

/* Where there are no hardware filters, there is no file for them */
static umode_t gs_usb_ng_channel_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	struct gs_channel *ch = netdev_priv(to_net_dev(kobj_to_dev(kobj)));

	if (attr == &dev_attr_filters.attr && !(ch->feature & GS_FEATURE_FILTER))
		return 0;

	return attr->mode;
}

const struct attribute_group gs_usb_ng_channel_group = {
	.name = "gs_usb_ng",
	.is_visible = gs_usb_ng_channel_visible,
	.attrs = gs_usb_ng_channel_attrs,
};

static const struct attribute_group gs_usb_ng_protocol_group = {
	.attrs = gs_usb_ng_protocol_attrs,
};

static const struct attribute_group gs_usb_ng_firmware_group = {
	.name = "firmware",
	.attrs = gs_usb_ng_firmware_attrs,
};

static const struct attribute_group gs_usb_ng_rx_group = {
	.name = "rx",
	.attrs = gs_usb_ng_rx_attrs,
};

static const struct attribute_group gs_usb_ng_recovery_group = {
	.name = "recovery",
	.attrs = gs_usb_ng_recovery_attrs,
};

static const struct attribute_group gs_usb_ng_pool_rx_group = {
	.name = "pool_rx",
	.attrs = gs_usb_ng_pool_rx_attrs,
};

const struct attribute_group *gs_usb_ng_device_groups[] = {
	&gs_usb_ng_protocol_group,
	&gs_usb_ng_firmware_group,
	&gs_usb_ng_rx_group,
	&gs_usb_ng_recovery_group,
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
	for (i = 0; i < GS_DEV_NUM; i++) {
		struct attribute *attr = gs_usb_ng_make_attr(&gs_usb_ng_device_attr[i], i,
							     gs_usb_ng_device_stats[i].name,
							     gs_usb_ng_device_show);

		if (i < GS_DEV_RX_NUM)
			gs_usb_ng_rx_attrs[i] = attr;
		else
			gs_usb_ng_recovery_attrs[i - GS_DEV_RX_NUM] = attr;
	}
	for (i = 0; i < GS_POOL_NUM; i++) {
		const char *name = gs_usb_ng_pool_stats[i].name;

		*channel++ = gs_usb_ng_make_attr(&gs_usb_ng_tx_pool_attr[i], i, name,
						 gs_usb_ng_tx_pool_show);
		name += strlen(GS_TX_POOL_PREFIX);
		gs_usb_ng_pool_rx_attrs[i] = gs_usb_ng_make_attr(&gs_usb_ng_rx_pool_attr[i], i,
								 name, gs_usb_ng_rx_pool_show);
	}
	*channel++ = &dev_attr_tx_limit.attr;
	*channel = &dev_attr_filters.attr;
	gs_usb_ng_pool_rx_attrs[GS_POOL_NUM] = &dev_attr_held_pages.attr;
}
