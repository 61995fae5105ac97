// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: CAN sk_buffs
 *
 * The only place where sk_buffs are made, cloned and stamped: CAN sk_buffs changed their
 * shape in Linux 7.0 (headroom became an skb extension), and all that knows of it is here
 * and in the CAN core's helpers.
 *
 * A received frame is copied out of the coherent IN buffer: such memory is never an skb
 * head, since behind an IOMMU it is a vmalloc address on ordinary PCs, and it is uncached
 * on others. A frame to send is only read, since its data is shared with the clone that
 * is echoed to the local sockets.
 */

#include <linux/can/dev.h>
#include <linux/can/skb.h>
#include <linux/skbuff.h>

#include "gs_usb_wire.h"
#include "zerocopy.h"

/**
 * gs_zc_rx_skb() - make an skb of a received data frame
 * @netdev: the channel's net device
 * @rx: decoded frame, without CAN_ERR_FLAG
 * @len8_dlc: keep raw DLC 9..15 of classic frames
 *
 * Context: Any.
 * Return: the skb, or NULL when there is no memory.
 */
struct sk_buff *gs_zc_rx_skb(struct net_device *netdev, const struct gs_wire_rx *rx,
			     bool len8_dlc)
{
	struct canfd_frame *cfd;
	struct can_frame *cf;
	struct sk_buff *skb;

	if (rx->fd) {
		skb = alloc_canfd_skb(netdev, &cfd);
		if (skb)
			gs_wire_to_fd(cfd, rx);
	} else {
		skb = alloc_can_skb(netdev, &cf);
		if (skb)
			gs_wire_to_cc(cf, rx, len8_dlc);
	}

	return skb;
}

/**
 * gs_zc_echo_skb() - turn a frame to send into the skb that is echoed when it is sent
 * @skb: from ndo_start_xmit; consumed in any case
 * @netdev: the channel's net device
 *
 * Context: ndo_start_xmit.
 * Return: the echo skb, or NULL when there is no memory.
 */
struct sk_buff *gs_zc_echo_skb(struct sk_buff *skb, struct net_device *netdev)
{
	skb = can_create_echo_skb(skb);
	if (!skb)
		return NULL;

	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->dev = netdev;

	if (skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP)
		skb_shinfo(skb)->tx_flags |= SKBTX_IN_PROGRESS;
	skb_tx_timestamp(skb);

	return skb;
}

/**
 * gs_zc_echo_done() - the frame was sent: stamp it and see whether anybody wants to see it
 * @skb: from gs_zc_echo_skb(); consumed if the sender didn't want it looped back
 * @hwtstamp: ns, 0 for none
 *
 * Context: Softirq.
 * Return: the skb to deliver, or NULL.
 */
struct sk_buff *gs_zc_echo_done(struct sk_buff *skb, u64 hwtstamp)
{
	gs_zc_set_hwtstamp(skb, hwtstamp);

	if (skb_shinfo(skb)->tx_flags & SKBTX_IN_PROGRESS)
		skb_tstamp_tx(skb, skb_hwtstamps(skb));

	if (skb->pkt_type != PACKET_LOOPBACK) {
		consume_skb(skb);
		return NULL;
	}

	skb->pkt_type = PACKET_BROADCAST;
	return skb;
}
