// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ethtool shows and does: the driver's counters (-S), timestamping abilities (-T),
 * and blinking (-p).
 */

#include <linux/can/dev.h>
#include <linux/ethtool.h>

#include "gs_usb_ng.h"

static int gs_usb_ng_get_sset_count(struct net_device *netdev, int sset)
{
	return sset == ETH_SS_STATS ? GS_CH_NUM : -EOPNOTSUPP;
}

static void gs_usb_ng_get_strings(struct net_device *netdev, u32 sset, u8 *buf)
{
	unsigned int i;

	if (sset != ETH_SS_STATS)
		return;

	for (i = 0; i < GS_CH_NUM; i++)
		strscpy(buf + i * ETH_GSTRING_LEN, gs_usb_ng_channel_stats[i].name,
			ETH_GSTRING_LEN);
}

static void gs_usb_ng_get_ethtool_stats(struct net_device *netdev, struct ethtool_stats *stats,
					u64 *data)
{
	struct gs_channel *ch = netdev_priv(netdev);
	unsigned int i;

	for (i = 0; i < GS_CH_NUM; i++)
		data[i] = atomic64_read(&ch->stat[i]);
}

static int gs_usb_ng_get_ts_info(struct net_device *netdev, struct kernel_ethtool_ts_info *info)
{
	struct gs_channel *ch = netdev_priv(netdev);

	if (ch->dev->hw_timestamps)
		return can_ethtool_op_get_ts_info_hwts(netdev, info);

	return ethtool_op_get_ts_info(netdev, info);
}

/* The device blinks by itself. All the same the core is told to look in now and then: otherwise it
 * would sleep with a reference to the net device, and unplugging the device would wait for it.
 */
static int gs_usb_ng_set_phys_id(struct net_device *netdev, enum ethtool_phys_id_state state)
{
	struct gs_channel *ch = netdev_priv(netdev);
	unsigned long until = jiffies + GS_USB_NG_CTRL_TIMEOUT;
	int err;

	/* Firmware of the first version advertises nothing, and knows no such request */
	if (!(ch->feature & GS_FEATURE_IDENTIFY) || ch->dev->sw_version < 2)
		return -EOPNOTSUPP;

	switch (state) {
	case ETHTOOL_ID_ACTIVE:
		err = gs_usb_ng_identify(ch->dev, ch->index, true, until);
		return err ? err : 1;
	case ETHTOOL_ID_ON:
	case ETHTOOL_ID_OFF:
		return READ_ONCE(ch->dev->gone) ? -ENODEV : 0;
	case ETHTOOL_ID_INACTIVE:
		if (netdev->reg_state != NETREG_REGISTERED)
			return 0;
		return gs_usb_ng_identify(ch->dev, ch->index, false, until);
	default:
		return -EINVAL;
	}
}

const struct ethtool_ops gs_usb_ng_ethtool_ops = {
	.get_link = ethtool_op_get_link,
	.get_sset_count = gs_usb_ng_get_sset_count,
	.get_strings = gs_usb_ng_get_strings,
	.get_ethtool_stats = gs_usb_ng_get_ethtool_stats,
	.get_ts_info = gs_usb_ng_get_ts_info,
	.set_phys_id = gs_usb_ng_set_phys_id,
};
