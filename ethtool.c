// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ethtool shows and does: the driver's counters (-S), ring sizes (-g, -G), timestamping
 * abilities (-T), blinking (-p), and which frames are copied (--set-tunable rx-copybreak).
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

static void gs_usb_ng_get_ringparam(struct net_device *netdev, struct ethtool_ringparam *ring,
				    struct kernel_ethtool_ringparam *kernel_ring,
				    struct netlink_ext_ack *extack)
{
	struct gs_channel *ch = netdev_priv(netdev);

	ring->rx_max_pending = GS_USB_NG_RX_RING_MAX;
	ring->rx_pending = READ_ONCE(ch->dev->rx_ring);
	ring->tx_max_pending = ch->dev->profile->in_flight_channel;
	ring->tx_pending = READ_ONCE(ch->tx_ring);
}

/**
 * gs_usb_ng_set_ringparam() - ethtool -G: how many slots there will be after the next open
 * @netdev: the channel
 * @ring: the sizes wanted, not above the limits that gs_usb_ng_get_ringparam() gave
 * @kernel_ring: unused, the core refuses what it knows of
 * @extack: the reason of a refusal
 *
 * The TX ring is the channel's own, the RX ring serves all channels of the device. A pool has no
 * memory while it isn't used, so nothing is allocated here and nothing can fail half way.
 *
 * Context: Process, RTNL.
 * Return: 0, -EINVAL for a ring that is too small, or -EBUSY for one that is in use, with nothing
 * changed.
 */
static int gs_usb_ng_set_ringparam(struct net_device *netdev, struct ethtool_ringparam *ring,
				   struct kernel_ethtool_ringparam *kernel_ring,
				   struct netlink_ext_ack *extack)
{
	struct gs_channel *ch = netdev_priv(netdev);
	struct gs_usb_ng *dev = ch->dev;
	int err = 0;

	if (ring->rx_pending < GS_USB_NG_RX_RING_MIN) {
		NL_SET_ERR_MSG_MOD(extack, "the RX ring has at least 2 entries");
		return -EINVAL;
	}
	/* Which has an endpoint for each channel */
	if (dev->elm && ring->rx_pending < dev->n_channels) {
		NL_SET_ERR_MSG_MOD(extack, "the ELM protocol takes an RX entry a channel");
		return -EINVAL;
	}
	if (!ring->tx_pending) {
		NL_SET_ERR_MSG_MOD(extack, "the TX ring has at least 1 entry");
		return -EINVAL;
	}

	gs_usb_ng_hurry(dev);
	mutex_lock(&dev->lock);
	if (ring->rx_pending != dev->rx_ring && dev->n_open) {
		NL_SET_ERR_MSG_MOD(extack, "the RX ring serves all channels, take them down first");
		err = -EBUSY;
	} else if (ring->tx_pending != ch->tx_ring && ch->open) {
		NL_SET_ERR_MSG_MOD(extack, "the TX ring is in use, take the interface down first");
		err = -EBUSY;
	} else {
		WRITE_ONCE(dev->rx_ring, ring->rx_pending);
		WRITE_ONCE(ch->tx_ring, ring->tx_pending);
		gs_usb_ng_share(dev);
	}
	mutex_unlock(&dev->lock);
	gs_usb_ng_hurry_done(dev);

	return err;
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
	struct gs_usb_ng *dev = ch->dev;
	unsigned long until;
	int err;

	/* Firmware of the first version advertises nothing, and knows no such request */
	if (!(ch->feature & GS_FEATURE_IDENTIFY) || dev->sw_version < 2)
		return -EOPNOTSUPP;

	switch (state) {
	case ETHTOOL_ID_ACTIVE:
		/* Awake as long as it blinks */
		until = gs_usb_ng_hurry(dev);
		err = gs_usb_ng_rouse(dev);
		if (!err) {
			mutex_lock(&dev->lock);
			err = dev->paused ? -EBUSY :
			      gs_usb_ng_identify(dev, ch->index, true, until);
			mutex_unlock(&dev->lock);
			if (err)
				usb_autopm_put_interface_async(dev->intf);
		}
		gs_usb_ng_hurry_done(dev);
		if (err)
			return err;
		ch->identifying = true;
		return 1;
	case ETHTOOL_ID_ON:
	case ETHTOOL_ID_OFF:
		return READ_ONCE(dev->gone) ? -ENODEV : 0;
	case ETHTOOL_ID_INACTIVE:
		/* Nothing of ours need be there any more; disconnect gives back what is held */
		if (netdev->reg_state != NETREG_REGISTERED)
			return 0;
		ch->identifying = false;
		until = gs_usb_ng_hurry(dev);
		mutex_lock(&dev->lock);
		/* A reset has ended it */
		err = dev->paused ? 0 : gs_usb_ng_identify(dev, ch->index, false, until);
		mutex_unlock(&dev->lock);
		gs_usb_ng_hurry_done(dev);
		usb_autopm_put_interface_async(dev->intf);
		return err;
	default:
		return -EINVAL;
	}
}

static int gs_usb_ng_get_tunable(struct net_device *netdev, const struct ethtool_tunable *tuna,
				 void *data)
{
	const struct gs_channel *ch = netdev_priv(netdev);

	if (tuna->id != ETHTOOL_RX_COPYBREAK)
		return -EOPNOTSUPP;

	*(u32 *)data = ch->rx_copybreak;

	return 0;
}

/* 0: no frame is copied; 16: classic ones; 72: all */
static int gs_usb_ng_set_tunable(struct net_device *netdev, const struct ethtool_tunable *tuna,
				 const void *data)
{
	struct gs_channel *ch = netdev_priv(netdev);
	u32 bytes;

	if (tuna->id != ETHTOOL_RX_COPYBREAK)
		return -EOPNOTSUPP;

	bytes = *(const u32 *)data;
	if (bytes > CANFD_MTU)
		return -EINVAL;
	WRITE_ONCE(ch->rx_copybreak, bytes);

	return 0;
}

const struct ethtool_ops gs_usb_ng_ethtool_ops = {
	.get_link = ethtool_op_get_link,
	.get_sset_count = gs_usb_ng_get_sset_count,
	.get_strings = gs_usb_ng_get_strings,
	.get_ethtool_stats = gs_usb_ng_get_ethtool_stats,
	.get_ringparam = gs_usb_ng_get_ringparam,
	.set_ringparam = gs_usb_ng_set_ringparam,
	.get_ts_info = gs_usb_ng_get_ts_info,
	.set_phys_id = gs_usb_ng_set_phys_id,
	.get_tunable = gs_usb_ng_get_tunable,
	.set_tunable = gs_usb_ng_set_tunable,
};
