/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CAN sk_buffs, and the memory that received ones are made of.
 */
#ifndef GS_USB_NG_ZEROCOPY_H
#define GS_USB_NG_ZEROCOPY_H

#include <linux/can/skb.h>
#include <linux/skbuff.h>
#include <linux/types.h>

#include "dma_pool.h"
#include "gs_usb_wire.h"

struct device;
struct gs_zc_memory;
struct net_device;

/* An IN buffer: the fragment of a page that becomes an skb's head if it is handed over.
 *
 *	  0  headroom of the skb; its last bytes are the host frame's echo id
 *	 12  host frame, as the device sends it
 *	 16  host frame + 4 = struct can_frame or canfd_frame
 *	128  struct skb_shared_info, after the transfer; during it the buffer goes on to the end
 *
 * The figures are those of 64-byte cache lines. Data are aligned to 8, as CAN wants it, and the
 * buffer to 4, which controllers that bounce on their own want.
 */
#define GS_ZC_OFFSET	(GS_COMPAT_CAN_HEADROOM - (int)offsetof(struct gs_host_frame, can_id))
#define GS_ZC_ALIGN	GS_COMPAT_CAN_HEADROOM
#define GS_ZC_FRAGMENT	SKB_HEAD_ALIGN(GS_ZC_OFFSET + GS_FRAME_IN_MAX)
#define GS_ZC_BUFFER	(GS_ZC_FRAGMENT - GS_ZC_OFFSET)

extern const struct gs_dma_backend gs_zc_backend;

struct gs_zc_memory *gs_zc_memory_create(struct device *dev);
void gs_zc_memory_destroy(void *ctx);
unsigned int gs_zc_memory_held(struct gs_zc_memory *mem, struct gs_dma_pool *pool);

struct sk_buff *gs_zc_rx_in_place(struct gs_zc_memory *mem, struct gs_dma_slot *slot,
				  struct net_device *netdev, const struct gs_wire_rx *rx,
				  bool len8_dlc);
struct sk_buff *gs_zc_rx_copy(struct net_device *netdev, const struct gs_wire_rx *rx,
			      bool len8_dlc);
struct sk_buff *gs_zc_rx_to_page(struct gs_zc_memory *mem, struct net_device *netdev,
				 const struct gs_wire_rx *rx);
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
