/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CAN sk_buffs for received frames.
 */
#ifndef GS_USB_NG_ZEROCOPY_H
#define GS_USB_NG_ZEROCOPY_H

#include <linux/skbuff.h>
#include <linux/types.h>

struct gs_wire_rx;
struct net_device;

struct sk_buff *gs_zc_rx_skb(struct net_device *netdev, const struct gs_wire_rx *rx,
			     bool len8_dlc);
struct sk_buff *gs_zc_echo_skb(struct sk_buff *skb, struct net_device *netdev);
struct sk_buff *gs_zc_echo_done(struct sk_buff *skb, u64 hwtstamp);

/**
 * gs_zc_set_hwtstamp() - set the hardware timestamp
 * @skb: any CAN skb
 * @hwtstamp: ns, 0 for none
 */
static inline void gs_zc_set_hwtstamp(struct sk_buff *skb, u64 hwtstamp)
{
	if (hwtstamp)
		skb_hwtstamps(skb)->hwtstamp = ns_to_ktime(hwtstamp);
}

#endif /* GS_USB_NG_ZEROCOPY_H */
