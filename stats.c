// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one table of counters: their names, and what they add to the link statistics.
 *
 * sysfs.c and ethtool.c show it; to add a counter, add it to the enum in gs_usb_ng.h, here, and
 * to the ABI documentation.
 */

#include <linux/netdevice.h>

#include "gs_usb_ng.h"

const struct gs_stat_desc gs_usb_ng_channel_stats[GS_CH_NUM] = {
	[GS_CH_RX_BAD_DLC] = { "rx_bad_dlc", GS_LINK_RX_FRAME },
	[GS_CH_RX_BAD_FLAGS] = { "rx_bad_flags", GS_LINK_RX_FRAME },
	[GS_CH_RX_FD_OFF] = { "rx_fd_off", GS_LINK_RX_DROPPED },
	[GS_CH_RX_STOPPED] = { "rx_stopped", GS_LINK_NONE },
	[GS_CH_RX_IN_PLACE] = { "rx_in_place", GS_LINK_NONE },
	[GS_CH_RX_COPIED] = { "rx_copied", GS_LINK_NONE },
	[GS_CH_RX_NO_PAGE] = { "rx_no_page", GS_LINK_NONE },
	[GS_CH_RX_NO_SKB] = { "rx_no_skb", GS_LINK_RX_DROPPED },
	[GS_CH_RX_OVERFLOW] = { "rx_overflow", GS_LINK_RX_OVER },
	[GS_CH_ECHO_UNKNOWN] = { "echo_unknown", GS_LINK_NONE },
	[GS_CH_ECHO_STALE] = { "echo_stale", GS_LINK_NONE },
	[GS_CH_ECHO_DUPLICATE] = { "echo_duplicate", GS_LINK_NONE },
	[GS_CH_ECHO_LOST] = { "echo_lost", GS_LINK_NONE },
	[GS_CH_TX_URB_ERRORS] = { "tx_urb_errors", GS_LINK_NONE },
	[GS_CH_TX_ASIDE] = { "tx_aside", GS_LINK_NONE },
	[GS_CH_TX_ABANDONED] = { "tx_abandoned", GS_LINK_TX_ABORTED },
	[GS_CH_TX_NO_SLOT] = { "tx_no_slot", GS_LINK_TX_DROPPED },
	[GS_CH_TX_NO_SKB] = { "tx_no_skb", GS_LINK_TX_DROPPED },
	[GS_CH_TX_WAITED] = { "tx_waited", GS_LINK_NONE },
	[GS_CH_TX_DOUBTED] = { "tx_doubted", GS_LINK_NONE },
	[GS_CH_TX_STUCK] = { "tx_stuck", GS_LINK_NONE },
	[GS_CH_TX_HUNG] = { "tx_hung", GS_LINK_NONE },
	[GS_CH_BUS_OFF_MISSED] = { "bus_off_missed", GS_LINK_NONE },
	[GS_CH_BUS_LOAD] = { "bus_load", GS_LINK_NONE },
};

const struct gs_stat_desc gs_usb_ng_device_stats[GS_DEV_NUM] = {
	[GS_DEV_RX_TRANSFERS] = { "transfers" },
	[GS_DEV_RX_EMPTY] = { "empty" },
	[GS_DEV_RX_SHORT] = { "short" },
	[GS_DEV_RX_MALFORMED] = { "malformed" },
	[GS_DEV_RX_BAD_CHANNEL] = { "bad_channel" },
	[GS_DEV_RX_TRAILING] = { "trailing_bytes" },
	[GS_DEV_RX_URB_ERRORS] = { "urb_errors" },
	[GS_DEV_RX_SUBMIT_ERRORS] = { "submit_errors" },
	[GS_DEV_RX_UNREAD] = { "unread" },
	[GS_DEV_NO_ANSWER] = { "no_answer" },
	[GS_DEV_REFUSED] = { "refused" },
	[GS_DEV_BAD_ANSWER] = { "bad_answer" },
	[GS_DEV_CLEARED_HALTS] = { "cleared_halts" },
	[GS_DEV_USB_RESETS] = { "usb_resets" },
	[GS_DEV_GAVE_UP] = { "gave_up" },
};

/**
 * gs_usb_ng_get_stats64() - ndo_get_stats64
 * @netdev: the channel
 * @stats: result
 *
 * The CAN core counts in netdev->stats, so that is where it begins; what the driver counts in
 * detail is added to the total it belongs to.
 *
 * Context: Any, doesn't sleep.
 */
void gs_usb_ng_get_stats64(struct net_device *netdev, struct rtnl_link_stats64 *stats)
{
	const struct gs_channel *ch = netdev_priv(netdev);
	unsigned int i;
	u64 n;

	netdev_stats_to_stats64(stats, &netdev->stats);

	for (i = 0; i < GS_CH_NUM; i++) {
		n = atomic64_read(&ch->stat[i]);

		switch (gs_usb_ng_channel_stats[i].link) {
		case GS_LINK_NONE:
			break;
		case GS_LINK_RX_FRAME:
			stats->rx_frame_errors += n;
			stats->rx_errors += n;
			break;
		case GS_LINK_RX_OVER:
			stats->rx_over_errors += n;
			stats->rx_errors += n;
			break;
		case GS_LINK_RX_DROPPED:
			stats->rx_dropped += n;
			break;
		case GS_LINK_TX_ABORTED:
			stats->tx_aborted_errors += n;
			fallthrough;
		case GS_LINK_TX_DROPPED:
			stats->tx_dropped += n;
			break;
		}
	}
}
