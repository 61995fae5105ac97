/* SPDX-License-Identifier: GPL-2.0-only */
/* What travels with a CAN frame lies in the skb's headroom, since 7.0 in an skb extension */
#ifndef GS_USB_NG_COMPAT_CAN_SKB_H
#define GS_USB_NG_COMPAT_CAN_SKB_H

#include_next <linux/can/skb.h>
#include <linux/version.h>

/* Room for it in any case, so that a frame lies at the same place in all kernels */
#define GS_COMPAT_CAN_HEADROOM	16

static inline void gs_compat_can_skb_headers(struct sk_buff *skb)
{
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb_reset_transport_header(skb);
}

/* What the CAN core's own allocation does to an empty skb */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
static_assert(sizeof(struct can_skb_priv) == GS_COMPAT_CAN_HEADROOM);

static inline bool gs_compat_can_skb_init(struct sk_buff *skb, int ifindex)
{
	gs_compat_can_skb_headers(skb);
	can_skb_reserve(skb);
	can_skb_prv(skb)->ifindex = ifindex;
	can_skb_prv(skb)->skbcnt = 0;

	return true;
}

/* Does it say where it came in, and no more? For tests. */
static inline bool gs_compat_can_skb_is_new(const struct sk_buff *skb, int ifindex)
{
	return can_skb_prv((struct sk_buff *)skb)->ifindex == ifindex &&
	       !can_skb_prv((struct sk_buff *)skb)->skbcnt;
}
#else
static inline bool gs_compat_can_skb_init(struct sk_buff *skb, int ifindex)
{
	struct can_skb_ext *csx = can_skb_ext_add(skb);

	skb_reserve(skb, GS_COMPAT_CAN_HEADROOM);
	gs_compat_can_skb_headers(skb);
	if (csx)
		csx->can_iif = ifindex;

	return csx;
}

static inline bool gs_compat_can_skb_is_new(const struct sk_buff *skb, int ifindex)
{
	const struct can_skb_ext *csx = can_skb_ext_find((struct sk_buff *)skb);

	return csx && csx->can_iif == ifindex && !csx->can_gw_hops && !csx->can_skb_uid;
}
#endif

#endif /* GS_USB_NG_COMPAT_CAN_SKB_H */
