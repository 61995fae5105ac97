// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: CAN sk_buffs
 *
 * The only place where sk_buffs are made, cloned and stamped: CAN sk_buffs changed their
 * shape in Linux 7.0 (headroom became an skb extension), and all that knows of it is here, in
 * compat/ and in the CAN core's helpers.
 *
 * IN buffers are fragments of a page_pool's pages: mapped once, for as long as the pool has them,
 * and cached. A received frame goes up in place: the fragment becomes the head of an sk_buff, the
 * host frame from its CAN id on becomes the CAN frame, and the slot gets a fresh fragment. When the
 * last socket is done with it, the fragment finds its own way back to the pool. Its page belongs to
 * the pool or to sk_buffs, never to both: who counts is the kernel. With no fresh fragment at hand
 * the slot keeps its own and the frame is copied, so sockets that nobody reads can't starve the
 * device.
 *
 * Coherent memory is never an skb head: behind an IOMMU it is a vmalloc address on ordinary PCs,
 * and it is uncached on others. Where there is no page_pool, IN buffers are coherent and every
 * frame is copied. A host controller without DMA gets a page_pool that maps nothing.
 *
 * A frame to send is only read, since packet sockets that listen share its data. It is itself what
 * is echoed to the local sockets.
 */

#include <linux/can/dev.h>
#include <linux/can/skb.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/page_pool/helpers.h>
#include <net/sock.h>

#include "gs_usb_wire.h"
#include "zerocopy.h"

/* Pages that the pool keeps when sockets give back more than it needs, so that readers who lag
 * by some thousands of frames have nothing mapped for them once they have done so before
 */
#define GS_ZC_PAGES	512

/* The host frame becomes the CAN frame: only what lies between id and data has to move */
static_assert(offsetof(struct gs_host_frame, data) - offsetof(struct gs_host_frame, can_id) ==
	      offsetof(struct can_frame, data));
static_assert(offsetof(struct gs_host_frame, data) - offsetof(struct gs_host_frame, can_id) ==
	      offsetof(struct canfd_frame, data));
static_assert(GS_ZC_OFFSET + GS_FRAME_IN_MAX <=
	      SKB_WITH_OVERHEAD(GS_ZC_FRAGMENT));

/**
 * struct gs_zc_memory - where IN buffers come from
 * @pages: the kernel's page_pool
 * @dev: what the pages are mapped for; NULL if the host controller doesn't do DMA
 * @gfp: zone that @dev reaches
 */
struct gs_zc_memory {
	struct page_pool *pages;
	struct device *dev;
	gfp_t gfp;
};

/**
 * gs_zc_memory_create() - make a page_pool for IN buffers, without pages yet
 * @dev: what the USB core maps transfers for, or NULL if the host controller doesn't do DMA
 *
 * Context: Process, sleeps.
 * Return: the memory, or NULL if there is none or the kernel's page_pool can't do this
 */
struct gs_zc_memory *gs_zc_memory_create(struct device *dev)
{
	struct page_pool_params params = {
		.flags = PP_FLAG_PAGE_FRAG,
		.pool_size = GS_ZC_PAGES,
		.nid = NUMA_NO_NODE,
	};
	struct gs_zc_memory *mem;

	if (!IS_ENABLED(CONFIG_PAGE_POOL))
		return NULL;

	mem = kzalloc(sizeof(*mem), GFP_KERNEL);
	if (!mem)
		return NULL;

	if (dev) {
		params.flags |= PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV;
		params.dev = dev;
		params.dma_dir = DMA_FROM_DEVICE;
		params.max_len = PAGE_SIZE;
		/* Pages out of its reach would be mapped to others, and each frame copied */
		if (dma_get_mask(dev) <= DMA_BIT_MASK(32))
			mem->gfp = GFP_DMA32;
	}

	mem->pages = page_pool_create(&params);
	if (IS_ERR(mem->pages)) {
		kfree(mem);
		return NULL;
	}
	mem->dev = get_device(dev);

	return mem;
}

/**
 * gs_zc_memory_destroy() - the pool's gs_dma_pool_params.release
 * @ctx: from gs_zc_memory_create(), all buffers given back
 *
 * Fragments in sockets are left to the kernel, which frees page_pools when the last page is
 * back and needs nothing of this module for it.
 *
 * Context: Process, sleeps.
 */
void gs_zc_memory_destroy(void *ctx)
{
	struct gs_zc_memory *mem = ctx;

	page_pool_destroy(mem->pages);
	put_device(mem->dev);
	kfree(mem);
}

/* Pages that wait in a page_pool's ring; a guess while others put some in or take them out */
static int gs_zc_ring_len(const struct ptr_ring *ring)
{
	int from = READ_ONCE(ring->consumer_head), to = READ_ONCE(ring->producer);

	if (from == to)
		return READ_ONCE(ring->queue[from]) ? ring->size : 0;

	return from < to ? to - from : to - from + ring->size;
}

/**
 * gs_zc_memory_held() - how much do sk_buffs hold?
 * @mem: the memory, or NULL
 * @pool: of slots that have their buffers from @mem
 *
 * Frames are not counted on their way back, which is the kernel's business, but its own count of
 * pages tells how many there are: those that neither lie ready nor have a slot's buffer in them
 * are held for the sake of sk_buffs. One of them may be that which the next buffers are cut from.
 *
 * Context: Process.
 * Return: number of pages, near the truth while frames come and go
 */
unsigned int gs_zc_memory_held(struct gs_zc_memory *mem, struct gs_dma_pool *pool)
{
	const struct page_pool *pages;
	int held;

	if (!IS_ENABLED(CONFIG_PAGE_POOL) || !mem)
		return 0;

	pages = mem->pages;
	held = READ_ONCE(pages->pages_state_hold_cnt);
	held -= atomic_read(&pages->pages_state_release_cnt);
	held -= READ_ONCE(pages->alloc.count) + gs_zc_ring_len(&pages->ring);
	held -= gs_dma_pool_pages(pool);

	return max(held, 0);
}

static void *gs_zc_get(struct gs_zc_memory *mem, dma_addr_t *dma, gfp_t gfp)
{
	unsigned int offset;
	struct page *page;

	if (!IS_ENABLED(CONFIG_PAGE_POOL))
		return NULL;

	page = page_pool_alloc_frag(mem->pages, &offset, GS_ZC_FRAGMENT, gfp | mem->gfp);
	if (unlikely(!page))
		return NULL;

	*dma = mem->dev ? page_pool_get_dma_addr(page) + offset : DMA_MAPPING_ERROR;

	return page_address(page) + offset;
}

static void gs_zc_put(struct gs_zc_memory *mem, void *buf)
{
	page_pool_put_full_page(mem->pages, virt_to_head_page(buf), false);
}

/* The backend: called while the poll is off, which else is the page_pool's one consumer */
static void *gs_zc_alloc(void *ctx, size_t size, dma_addr_t *dma)
{
	if (WARN_ON(size > GS_ZC_FRAGMENT))
		return NULL;

	return gs_zc_get(ctx, dma, GFP_KERNEL);
}

static void gs_zc_free(void *ctx, size_t size, void *buf, dma_addr_t dma)
{
	gs_zc_put(ctx, buf);
}

static void gs_zc_sync(void *ctx, dma_addr_t dma, size_t len, enum dma_data_direction dir,
		       bool for_cpu)
{
	struct gs_zc_memory *mem = ctx;

	if (for_cpu)
		dma_sync_single_for_cpu(mem->dev, dma, len, dir);
	else
		dma_sync_single_for_device(mem->dev, dma, len, dir);
}

/* Not on a coherent device, unless the page had to be bounced */
static bool gs_zc_need_sync(void *ctx, dma_addr_t dma)
{
	struct gs_zc_memory *mem = ctx;

	return dma_need_sync(mem->dev, dma);
}

const struct gs_dma_backend gs_zc_backend = {
	.alloc = gs_zc_alloc,
	.free = gs_zc_free,
	.sync = gs_zc_sync,
	.need_sync = gs_zc_need_sync,
	.per_slot = true,
};

/* What the device wrote is a classic frame but for the bytes between id and data, and those
 * behind the data, which are the socket's to read
 */
static void gs_zc_to_cc(struct can_frame *cf, const struct gs_wire_rx *rx, bool len8_dlc)
{
	cf->can_id = rx->can_id;
	cf->__pad = 0;
	cf->__res0 = 0;
	cf->len8_dlc = 0;
	can_frame_set_cc_len(cf, rx->dlc, len8_dlc ? CAN_CTRLMODE_CC_LEN8_DLC : 0);
	if (rx->len < CAN_MAX_DLEN)
		memset(cf->data + rx->len, 0, CAN_MAX_DLEN - rx->len);
}

static void gs_zc_to_fd(struct canfd_frame *cfd, const struct gs_wire_rx *rx)
{
	cfd->can_id = rx->can_id;
	cfd->len = rx->len;
	cfd->flags = CANFD_FDF;
	if (rx->flags & GS_FLAG_BRS)
		cfd->flags |= CANFD_BRS;
	if (rx->flags & GS_FLAG_ESI)
		cfd->flags |= CANFD_ESI;
	cfd->__res0 = 0;
	cfd->__res1 = 0;
	if (rx->len < CANFD_MAX_DLEN)
		memset(cfd->data + rx->len, 0, CANFD_MAX_DLEN - rx->len);
}

/* An skb whose head is the fragment, which goes back to the page_pool with it; NULL if there is no
 * memory, with the fragment still the caller's
 */
static __always_inline struct sk_buff *gs_zc_build(void *buf)
{
	struct sk_buff *skb = napi_build_skb(buf, GS_ZC_FRAGMENT);

	if (likely(skb))
		skb_mark_for_recycle(skb);

	return skb;
}

/* Make it one for a CAN frame, without the frame. False, and it is gone, if there is no memory. */
static __always_inline bool gs_zc_init(struct sk_buff *skb, struct net_device *netdev, bool fd)
{
	if (unlikely(!gs_compat_can_skb_init(skb, netdev->ifindex))) {
		kfree_skb(skb);
		return false;
	}
	skb->protocol = htons(fd ? ETH_P_CANFD : ETH_P_CAN);
	skb->dev = netdev;
	skb->pkt_type = PACKET_BROADCAST;
	skb->ip_summed = CHECKSUM_UNNECESSARY;

	return true;
}

/**
 * gs_zc_rx_in_place() - make an skb of the buffer that a data frame was received in
 * @mem: where the pool of @slot has its memory from
 * @slot: its transfer is complete; gets a fresh buffer unless this fails
 * @netdev: the channel's net device
 * @rx: the frame in @slot, decoded, without CAN_ERR_FLAG
 * @len8_dlc: keep raw DLC 9..15 of classic frames
 *
 * Context: The poll.
 * Return: the skb; ERR_PTR(-ENOBUFS) if there is no fresh buffer, with nothing changed, so that
 * the frame can be copied; NULL if there is no memory for an skb: the frame is lost.
 */
struct sk_buff *gs_zc_rx_in_place(struct gs_zc_memory *mem, struct gs_dma_slot *slot,
				  struct net_device *netdev, const struct gs_wire_rx *rx,
				  bool len8_dlc)
{
	void *fresh, *buf = slot->buf - GS_ZC_OFFSET;
	struct sk_buff *skb;
	dma_addr_t dma;

	fresh = gs_zc_get(mem, &dma, GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!fresh))
		return ERR_PTR(-ENOBUFS);

	skb = gs_zc_build(buf);
	if (unlikely(!skb)) {
		gs_zc_put(mem, fresh);
		return NULL;
	}

	if (mem->dev) {
		slot->sync = gs_zc_need_sync(mem, dma);
		dma += GS_ZC_OFFSET;
	}
	gs_dma_slot_set_buffer(slot, fresh + GS_ZC_OFFSET, dma);

	if (unlikely(!gs_zc_init(skb, netdev, rx->fd)))
		return NULL;

	if (rx->fd)
		gs_zc_to_fd(__skb_put(skb, CANFD_MTU), rx);
	else
		gs_zc_to_cc(__skb_put(skb, CAN_MTU), rx, len8_dlc);

	return skb;
}

/**
 * gs_zc_rx_copy() - copy a received data frame into an skb
 * @netdev: the channel's net device
 * @rx: decoded frame, without CAN_ERR_FLAG
 * @len8_dlc: keep raw DLC 9..15 of classic frames
 *
 * Context: Any.
 * Return: the skb, or NULL when there is no memory.
 */
struct sk_buff *gs_zc_rx_copy(struct net_device *netdev, const struct gs_wire_rx *rx,
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
 * gs_zc_rx_to_page() - copy a received data frame into an skb of the page_pool's memory
 * @mem: the page_pool, or NULL
 * @netdev: the channel's net device
 * @rx: decoded frame, without CAN_ERR_FLAG
 *
 * For frames that are not alone in their transfer, many of which come at once: a fragment for the
 * head is cheaper than memory of the slab. Without, it is gs_zc_rx_copy().
 *
 * Context: The poll.
 * Return: the skb, or NULL when there is no memory.
 */
struct sk_buff *gs_zc_rx_to_page(struct gs_zc_memory *mem, struct net_device *netdev,
				 const struct gs_wire_rx *rx)
{
	struct sk_buff *skb;
	dma_addr_t dma;
	void *buf;

	buf = mem ? gs_zc_get(mem, &dma, GFP_ATOMIC | __GFP_NOWARN) : NULL;
	if (unlikely(!buf))
		return gs_zc_rx_copy(netdev, rx, false);

	skb = gs_zc_build(buf);
	if (unlikely(!skb)) {
		gs_zc_put(mem, buf);
		return NULL;
	}
	if (unlikely(!gs_zc_init(skb, netdev, rx->fd)))
		return NULL;

	if (rx->fd)
		gs_wire_to_fd(__skb_put_zero(skb, CANFD_MTU), rx);
	else
		gs_wire_to_cc(__skb_put_zero(skb, CAN_MTU), rx, false);

	return skb;
}

/* What can_create_echo_skb() does, without the clone: the sender gets back its place in the send
 * buffer, and the skb holds a reference to the socket instead, since the echo may outlive both. A
 * socket that is closed already only lives by that place, and has nothing to be echoed to.
 */
static struct sk_buff *gs_zc_own(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	if (unlikely(skb_shared(skb)))
		return can_create_echo_skb(skb);

	if (sk && !refcount_inc_not_zero(&sk->sk_refcnt))
		sk = NULL;
	skb_orphan(skb);
	if (sk) {
		skb->sk = sk;
		skb->destructor = sock_efree;
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
	skb = gs_zc_own(skb);
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
