// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: a frame in place is the frame that a copy would be, its memory is nobody else's until the
 * skb is freed, and it costs a socket no more than a frame of the CAN core's. A frame that is sent
 * becomes its own echo.
 *
 * The page_pool is the kernel's, with a device that does DMA and without one.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/bottom_half.h>
#include <linux/can/dev.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "dma_pool.h"
#include "gs_usb_wire.h"
#include "zc_kernel.h"
#include "zerocopy.h"

#define POISON	0xa5
#define SLOTS	4
#define UNREAD	1000

static bool no_pool;			/* page_pool_create() fails */
static bool no_page;			/* page_pool_alloc_frag() fails */
static bool no_skb;			/* napi_build_skb() fails */
static gfp_t page_gfp;			/* what page_pool_alloc_frag() was last called with */

struct page_pool *gs_kunit_page_pool_create(const struct page_pool_params *params)
{
	return no_pool ? ERR_PTR(-ENOMEM) : page_pool_create(params);
}

struct page *gs_kunit_alloc_frag(struct page_pool *pool, unsigned int *offset,
				 unsigned int size, gfp_t gfp)
{
	page_gfp = gfp;

	return no_page ? NULL : page_pool_alloc_frag(pool, offset, size, gfp);
}

struct sk_buff *gs_kunit_build_skb(void *data, unsigned int frag_size)
{
	return no_skb ? NULL : napi_build_skb(data, frag_size);
}

/**
 * struct zc_test - what a test has
 * @dev: does DMA, or NULL
 * @mem: pages
 * @pool: @SLOTS slots made of them
 * @netdev: never registered
 */
struct zc_test {
	struct device *dev;
	struct gs_zc_memory *mem;
	struct gs_dma_pool *pool;
	struct net_device *netdev;
};

static struct gs_dma_pool_params zc_params(struct gs_zc_memory *mem)
{
	return (struct gs_dma_pool_params){
		.name = "kunit",
		.size = GS_ZC_BUFFER,
		.align = GS_ZC_ALIGN,
		.offset = GS_ZC_OFFSET,
		.max = SLOTS,
		.dir = DMA_FROM_DEVICE,
		.backend = &gs_zc_backend,
		.ctx = mem,
		.release = gs_zc_memory_destroy,
	};
}

/* A device that does DMA, and reaches so many bits of addresses */
static void zc_device(struct kunit *test, unsigned int bits)
{
	struct zc_test *zc = test->priv;

	zc->dev = kunit_device_register(test, "gs_usb_ng_zc");
	KUNIT_ASSERT_FALSE(test, IS_ERR(zc->dev));
	KUNIT_ASSERT_EQ(test, dma_coerce_mask_and_coherent(zc->dev, DMA_BIT_MASK(bits)), 0);
}

static void zc_open(struct kunit *test, bool dma)
{
	struct zc_test *zc = test->priv;
	struct gs_dma_pool_params params;

	if (dma && !zc->dev)
		zc_device(test, 64);
	zc->mem = gs_zc_memory_create(zc->dev);
	KUNIT_ASSERT_NOT_NULL(test, zc->mem);
	params = zc_params(zc->mem);
	zc->pool = gs_dma_pool_create(&params);
	KUNIT_ASSERT_NOT_NULL(test, zc->pool);
	KUNIT_ASSERT_EQ(test, gs_dma_pool_warm_up(zc->pool, SLOTS), 0);
}

static int zc_test_init(struct kunit *test)
{
	struct zc_test *zc = kunit_kzalloc(test, sizeof(*zc), GFP_KERNEL);

	if (!zc)
		return -ENOMEM;
	test->priv = zc;
	no_pool = false;
	no_page = false;
	no_skb = false;
	zc->netdev = alloc_candev(sizeof(struct can_priv), 0);
	if (!zc->netdev)
		return -ENOMEM;
	zc->netdev->ifindex = 4711;

	return 0;
}

static void zc_test_exit(struct kunit *test)
{
	struct zc_test *zc = test->priv;

	gs_dma_pool_destroy(zc->pool);
	if (zc->netdev)
		free_candev(zc->netdev);
}

/* A transfer has come in: @data in a buffer that held something else */
static unsigned int zc_receive(struct gs_dma_slot *slot, const void *data, unsigned int len)
{
	memset(slot->buf, POISON, GS_ZC_BUFFER);
	/* what the CAN core knew of a frame that was there before */
	memset(slot->buf + 4 - GS_COMPAT_CAN_HEADROOM, POISON, GS_COMPAT_CAN_HEADROOM);
	memcpy(slot->buf, data, len);
	gs_dma_slot_for_cpu(slot, len);

	return len;
}

/* In place, where the poll runs: softirq */
static struct sk_buff *zc_in_place(struct zc_test *zc, struct gs_dma_slot *slot,
				   const struct gs_wire_rx *rx, bool len8_dlc)
{
	struct sk_buff *skb;

	local_bh_disable();
	skb = gs_zc_rx_in_place(zc->mem, slot, zc->netdev, rx, len8_dlc);
	local_bh_enable();

	return skb;
}

static void zc_decode(struct kunit *test, struct gs_wire_rx *rx, struct gs_dma_slot *slot,
		      unsigned int len, u8 mode)
{
	KUNIT_ASSERT_EQ(test, gs_wire_decode(rx, slot->buf, len, 1, &mode), GS_WIRE_OK);
}

static void zc_layout(struct kunit *test)
{
	struct zc_test *zc = test->priv;
	struct gs_dma_slot *slot;
	unsigned int i, j;

	KUNIT_EXPECT_EQ(test, GS_ZC_OFFSET, 12);
	/* the longest frame ends before the shared info begins */
	KUNIT_EXPECT_LE(test, GS_ZC_OFFSET + 80, SKB_WITH_OVERHEAD(GS_ZC_FRAGMENT));
	KUNIT_EXPECT_EQ(test, GS_ZC_BUFFER % 4, 0);
	KUNIT_EXPECT_GE(test, GS_ZC_BUFFER, 80);
	if (SMP_CACHE_BYTES == 64 && sizeof(struct skb_shared_info) == 320)
		KUNIT_EXPECT_EQ(test, GS_ZC_FRAGMENT, 448);

	zc_open(test, true);
	for (i = 0; i < SLOTS; i++) {
		slot = gs_dma_pool_slot(zc->pool, i);
		KUNIT_EXPECT_EQ(test, (unsigned long)slot->buf % 16, 12);
		KUNIT_EXPECT_EQ(test, slot->dma % 16, 12);
		KUNIT_EXPECT_PTR_EQ(test, slot->urb->transfer_buffer, slot->buf);
		KUNIT_EXPECT_EQ(test, slot->urb->transfer_dma, slot->dma);
		KUNIT_EXPECT_TRUE(test, slot->urb->transfer_flags & URB_NO_TRANSFER_DMA_MAP);
		/* a host controller that checks, as the skb will: linear memory with pages */
		KUNIT_EXPECT_TRUE(test, virt_addr_valid(slot->buf));
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_GE(test, abs(slot->buf - gs_dma_pool_slot(zc->pool, j)->buf),
					(long)GS_ZC_FRAGMENT);
	}
}

struct frame_case {
	const char *name;
	u8 mode;
	bool len8_dlc;
	unsigned int len;
	u8 in[8];		/* what comes between echo id and data */
	u8 head[8];		/* and what becomes of it */
	u8 data;		/* bytes of data that the frame has */
};

static const struct frame_case frame_cases[] = {
	{ "classic", 0, false, 20,
	  { 0x23, 0x01, 0, 0, 8, 0, 0, 0 }, { 0x23, 0x01, 0, 0, 8, 0, 0, 0 }, 8 },
	{ "classic, reserved byte set", 0, false, 20,
	  { 0x23, 0x01, 0, 0, 8, 0, 0, 0xee }, { 0x23, 0x01, 0, 0, 8, 0, 0, 0 }, 8 },
	{ "classic with timestamp", GS_WIRE_CH_TIMESTAMPS, false, 24,
	  { 0x78, 0x56, 0x34, 0x92, 5, 0, 0, 0 },
	  { 0x78, 0x56, 0x34, 0x92, 5, 0, 0, 0 }, 5 },
	{ "classic, ends with its data", 0, false, 15,
	  { 0x23, 0x01, 0, 0, 3, 0, 0, 0 }, { 0x23, 0x01, 0, 0, 3, 0, 0, 0 }, 3 },
	{ "classic, no data", 0, false, 20,
	  { 0x23, 0x01, 0, 0, 0, 0, 0, 0 }, { 0x23, 0x01, 0, 0, 0, 0, 0, 0 }, 0 },
	{ "RTR, length 4", 0, false, 20,
	  { 0x23, 0x01, 0, 0x40, 4, 0, 0, 0 }, { 0x23, 0x01, 0, 0x40, 4, 0, 0, 0 }, 0 },
	{ "DLC 12 unknown", 0, false, 20,
	  { 0x23, 0x01, 0, 0, 12, 0, 0, 0 }, { 0x23, 0x01, 0, 0, 8, 0, 0, 0 }, 8 },
	{ "DLC 12 kept", 0, true, 20,
	  { 0x23, 0x01, 0, 0, 12, 0, 0, 0 }, { 0x23, 0x01, 0, 0, 8, 0, 0, 12 }, 8 },
	{ "overflow flag", 0, false, 20,
	  { 0x23, 0x01, 0, 0, 8, 0, 1, 0 }, { 0x23, 0x01, 0, 0, 8, 0, 0, 0 }, 8 },
	{ "FD, 64 bytes, BRS", GS_WIRE_CH_FD, false, 76,
	  { 0x23, 0x01, 0, 0, 15, 0, 6, 0 }, { 0x23, 0x01, 0, 0, 64, 5, 0, 0 }, 64 },
	{ "FD, 12 bytes, ESI, timestamp", GS_WIRE_CH_FD | GS_WIRE_CH_TIMESTAMPS, false, 80,
	  { 0x23, 0x01, 0, 0, 9, 0, 10, 0x77 }, { 0x23, 0x01, 0, 0, 12, 6, 0, 0 }, 12 },
	{ "FD, no data, ends with its header", GS_WIRE_CH_FD, false, 12,
	  { 0x23, 0x01, 0, 0, 0, 0, 2, 0 }, { 0x23, 0x01, 0, 0, 0, 4, 0, 0 }, 0 },
};

static void frame_name(const struct frame_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(frame, frame_cases, frame_name);

/* What came in, and the frame that it is, with zeros behind the data */
static void frame_make(const struct frame_case *c, u8 *in, u8 *out)
{
	unsigned int i;

	memset(in, 0xff, 4);
	memcpy(in + 4, c->in, 8);
	memcpy(out, c->head, 8);
	/* the id in the host's order, as the case has it in the device's */
	*(u32 *)out = le32_to_cpu(*(__le32 *)(in + 4));
	for (i = 0; i < 64; i++) {
		in[12 + i] = 0x11 + i;
		out[8 + i] = i < c->data ? 0x11 + i : 0;
	}
}

/* A copy in a fragment of a page is one like the other, and without pages there is the other */
static void zc_to_page(struct kunit *test, const struct gs_wire_rx *rx, const struct sk_buff *copy)
{
	struct zc_test *zc = test->priv;
	struct sk_buff *skb;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		local_bh_disable();
		skb = gs_zc_rx_to_page(i ? NULL : zc->mem, zc->netdev, rx);
		local_bh_enable();
		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_EQ(test, (int)skb->pp_recycle, !i);
		KUNIT_EXPECT_EQ(test, skb->len, copy->len);
		KUNIT_EXPECT_MEMEQ(test, skb->data, copy->data, copy->len);
		KUNIT_EXPECT_EQ(test, (unsigned long)skb->data % 8, 0);
		KUNIT_EXPECT_EQ(test, ntohs(skb->protocol), ntohs(copy->protocol));
		KUNIT_EXPECT_EQ(test, (int)skb->pkt_type, (int)copy->pkt_type);
		KUNIT_EXPECT_PTR_EQ(test, skb->dev, copy->dev);
		KUNIT_EXPECT_TRUE(test, gs_compat_can_skb_is_new(skb, zc->netdev->ifindex));
		KUNIT_EXPECT_LE(test, skb->truesize, copy->truesize);
		KUNIT_EXPECT_EQ(test, skb_mac_header(skb) - skb->data,
				skb_mac_header(copy) - copy->data);
		/* what is left in it is not in the next frame */
		memset(skb->data, 0xa5, skb->len);
		kfree_skb(skb);
	}
}

static void zc_frame(struct kunit *test)
{
	const struct frame_case *c = test->param_value;
	u8 in[80] __aligned(4) = { }, out[72] __aligned(8);
	struct zc_test *zc = test->priv;
	struct sk_buff *skb, *copy;
	struct gs_dma_slot *slot;
	struct gs_wire_rx rx;
	unsigned int mtu;
	void *buf;

	zc_open(test, true);
	frame_make(c, in, out);
	mtu = c->mode & GS_WIRE_CH_FD ? CANFD_MTU : CAN_MTU;
	slot = gs_dma_pool_slot(zc->pool, 2);
	buf = slot->buf;
	zc_receive(slot, in, c->len);
	zc_decode(test, &rx, slot, c->len, c->mode);

	copy = gs_zc_rx_copy(zc->netdev, &rx, c->len8_dlc);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	if (!c->len8_dlc)
		zc_to_page(test, &rx, copy);
	skb = zc_in_place(zc, slot, &rx, c->len8_dlc);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_ASSERT_FALSE(test, IS_ERR(skb));

	/* no copy, and not the slot's any more */
	KUNIT_EXPECT_PTR_EQ(test, (void *)skb->data, buf + 4);
	KUNIT_EXPECT_EQ(test, (unsigned long)skb->data % 8, 0);
	KUNIT_EXPECT_PTR_NE(test, slot->buf, buf);
	KUNIT_EXPECT_PTR_EQ(test, slot->urb->transfer_buffer, slot->buf);
	KUNIT_EXPECT_EQ(test, slot->urb->transfer_dma, slot->dma);
	KUNIT_EXPECT_TRUE(test, skb->pp_recycle);

	KUNIT_ASSERT_EQ(test, skb->len, mtu);
	KUNIT_EXPECT_MEMEQ(test, skb->data, out, mtu);
	/* a socket can't tell */
	KUNIT_ASSERT_EQ(test, copy->len, mtu);
	KUNIT_EXPECT_MEMEQ(test, skb->data, copy->data, mtu);
	KUNIT_EXPECT_EQ(test, ntohs(skb->protocol), ntohs(copy->protocol));
	KUNIT_EXPECT_EQ(test, (int)skb->pkt_type, (int)copy->pkt_type);
	KUNIT_EXPECT_EQ(test, (int)skb->ip_summed, (int)copy->ip_summed);
	KUNIT_EXPECT_PTR_EQ(test, skb->dev, zc->netdev);
	KUNIT_EXPECT_TRUE(test, gs_compat_can_skb_is_new(skb, zc->netdev->ifindex));
	KUNIT_EXPECT_TRUE(test, gs_compat_can_skb_is_new(copy, zc->netdev->ifindex));
	KUNIT_EXPECT_EQ(test, skb_mac_header(skb) - skb->data,
			skb_mac_header(copy) - copy->data);
	KUNIT_EXPECT_EQ(test, skb_network_offset(skb), skb_network_offset(copy));
	KUNIT_EXPECT_EQ(test, skb_transport_offset(skb), skb_transport_offset(copy));
	KUNIT_EXPECT_GE(test, skb_headroom(skb), 16);
	KUNIT_EXPECT_EQ(test, skb_hwtstamps(skb)->hwtstamp, 0);

	/* a receive buffer holds as many as of the CAN core's, which are mainline's */
	KUNIT_EXPECT_LE(test, skb->truesize, copy->truesize);
	/* and it is what the skb takes, not less */
	KUNIT_EXPECT_EQ(test, skb->truesize,
			GS_ZC_FRAGMENT + SKB_DATA_ALIGN(sizeof(struct sk_buff)));

	kfree_skb(skb);
	kfree_skb(copy);
}

static void zc_classic(u8 *in, u8 n)
{
	const u8 head[8] = { n, 1, 0, 0, 8 };

	memset(in, 0xff, 4);
	memcpy(in + 4, head, 8);
	memset(in + 12, n, 8);
}

/* Frames that nobody reads: each keeps its memory, while the slot goes on receiving */
static void zc_unread(struct kunit *test, bool dma)
{
	struct zc_test *zc = test->priv;
	struct gs_dma_slot *slot;
	struct gs_wire_rx rx;
	struct sk_buff **skb;
	unsigned int i, full;
	u8 in[20];

	zc_open(test, dma);
	skb = kunit_kcalloc(test, UNREAD, sizeof(*skb), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	slot = gs_dma_pool_slot(zc->pool, 0);
	KUNIT_EXPECT_LE(test, gs_zc_memory_held(zc->mem, zc->pool), 1);
	for (i = 0; i < UNREAD; i++) {
		zc_classic(in, i);
		zc_receive(slot, in, sizeof(in));
		zc_decode(test, &rx, slot, sizeof(in), 0);
		skb[i] = zc_in_place(zc, slot, &rx, false);
		KUNIT_ASSERT_NOT_NULL(test, skb[i]);
		KUNIT_ASSERT_FALSE(test, IS_ERR(skb[i]));
	}
	memset(slot->buf, POISON, GS_ZC_BUFFER);
	/* as many pages as the frames fill, but for the ends */
	full = UNREAD / (PAGE_SIZE / GS_ZC_FRAGMENT);
	KUNIT_EXPECT_GE(test, gs_zc_memory_held(zc->mem, zc->pool), full - SLOTS);
	KUNIT_EXPECT_LE(test, gs_zc_memory_held(zc->mem, zc->pool), full + SLOTS);
	/* The adapter goes. Not where pages are mapped: UML's page_pool unmaps the last of them
	 * when the test's device has gone, too; a host controller stays.
	 */
	if (!dma) {
		gs_dma_pool_destroy(zc->pool);
		zc->pool = NULL;
	}

	for (i = 0; i < UNREAD; i++) {
		const struct can_frame *cf = (struct can_frame *)skb[i]->data;

		KUNIT_ASSERT_EQ(test, cf->can_id, 0x100 + (i & 0xff));
		KUNIT_ASSERT_NULL(test, memchr_inv(cf->data, i, 8));
		kfree_skb(skb[i]);
	}
	if (zc->pool)
		KUNIT_EXPECT_LE(test, gs_zc_memory_held(zc->mem, zc->pool), 1);
}

static void zc_unread_dma(struct kunit *test)
{
	zc_unread(test, true);
}

static void zc_unread_plain(struct kunit *test)
{
	zc_unread(test, false);
}

/* Without DMA the host controller takes the CPU's address */
static void zc_no_dma(struct kunit *test)
{
	struct zc_test *zc = test->priv;
	struct gs_dma_slot *slot;
	struct gs_wire_rx rx;
	struct sk_buff *skb;
	u8 in[20];

	zc_open(test, false);
	slot = gs_dma_pool_slot(zc->pool, 0);
	KUNIT_EXPECT_EQ(test, slot->dma, DMA_MAPPING_ERROR);
	KUNIT_EXPECT_FALSE(test, slot->urb->transfer_flags & URB_NO_TRANSFER_DMA_MAP);
	zc_classic(in, 7);
	zc_receive(slot, in, sizeof(in));
	zc_decode(test, &rx, slot, sizeof(in), 0);
	skb = zc_in_place(zc, slot, &rx, false);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_ASSERT_FALSE(test, IS_ERR(skb));
	KUNIT_EXPECT_EQ(test, slot->dma, DMA_MAPPING_ERROR);
	KUNIT_EXPECT_FALSE(test, slot->sync);
	kfree_skb(skb);
}

/* Pages are mapped where the device reaches them, not to others */
static void zc_narrow(struct kunit *test)
{
	zc_device(test, 32);
	zc_open(test, true);
	KUNIT_EXPECT_TRUE(test, !!(page_gfp & GFP_DMA32));
}

static void zc_wide(struct kunit *test)
{
	zc_open(test, true);
	KUNIT_EXPECT_FALSE(test, !!(page_gfp & GFP_DMA32));
}

/* Then there is coherent memory, as without page_pool */
static void zc_no_pool(struct kunit *test)
{
	no_pool = true;
	KUNIT_EXPECT_NULL(test, gs_zc_memory_create(NULL));
}

/* What can't be had changes nothing */
static void zc_fails(struct kunit *test)
{
	struct zc_test *zc = test->priv;
	struct gs_dma_slot *slot;
	struct gs_wire_rx rx;
	struct sk_buff *skb;
	dma_addr_t dma;
	u8 in[20];
	void *buf;

	zc_open(test, true);
	slot = gs_dma_pool_slot(zc->pool, 1);
	buf = slot->buf;
	dma = slot->dma;
	zc_classic(in, 9);
	zc_receive(slot, in, sizeof(in));
	zc_decode(test, &rx, slot, sizeof(in), 0);

	no_page = true;
	skb = zc_in_place(zc, slot, &rx, false);
	no_page = false;
	KUNIT_EXPECT_PTR_EQ(test, skb, ERR_PTR(-ENOBUFS));
	KUNIT_EXPECT_PTR_EQ(test, slot->buf, buf);
	KUNIT_EXPECT_EQ(test, slot->dma, dma);

	no_skb = true;
	skb = zc_in_place(zc, slot, &rx, false);
	no_skb = false;
	KUNIT_EXPECT_NULL(test, skb);
	KUNIT_EXPECT_PTR_EQ(test, slot->buf, buf);
	KUNIT_EXPECT_EQ(test, slot->dma, dma);

	/* the frame is still there to be copied */
	KUNIT_EXPECT_MEMEQ(test, buf, in, sizeof(in));
	skb = gs_zc_rx_copy(zc->netdev, &rx, false);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_EQ(test, ((struct can_frame *)skb->data)->can_id, 0x109);
	KUNIT_EXPECT_EQ(test, ((struct can_frame *)skb->data)->data[7], 9);
	KUNIT_EXPECT_FALSE(test, skb->pp_recycle);
	kfree_skb(skb);
}

/* Frames that are read at once go round in few pages */
static void zc_recycled(struct kunit *test)
{
	struct zc_test *zc = test->priv;
	unsigned int i, j, n = 0;
	struct gs_dma_slot *slot;
	struct page *seen[128];
	struct gs_wire_rx rx;
	struct sk_buff *skb;
	u8 in[20];

	zc_open(test, true);
	for (i = 0; i < 5000; i++) {
		slot = gs_dma_pool_slot(zc->pool, i % SLOTS);
		zc_classic(in, i);
		zc_receive(slot, in, sizeof(in));
		zc_decode(test, &rx, slot, sizeof(in), 0);
		skb = zc_in_place(zc, slot, &rx, false);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_ASSERT_FALSE(test, IS_ERR(skb));
		for (j = 0; j < n && seen[j] != virt_to_head_page(skb->data); j++)
			;
		KUNIT_ASSERT_LT(test, j, ARRAY_SIZE(seen));
		if (j == n)
			seen[n++] = virt_to_head_page(skb->data);
		kfree_skb(skb);
	}
	/* one refill of the page_pool */
	KUNIT_EXPECT_LE(test, n, 64);
}

static struct proto zc_proto = {
	.name = "KUNIT",
	.obj_size = sizeof(struct sock),
};

/* A frame of 8 bytes that @sk sends, or nobody */
static struct sk_buff *zc_sent(struct kunit *test, struct sock *sk)
{
	struct zc_test *zc = test->priv;
	struct can_frame *cf;
	struct sk_buff *skb;

	skb = alloc_can_skb(zc->netdev, &cf);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	cf->len = 8;
	if (sk)
		skb_set_owner_w(skb, sk);

	return skb;
}

static struct sock *zc_socket(struct kunit *test)
{
	struct sock *sk = sk_alloc(&init_net, PF_CAN, GFP_KERNEL, &zc_proto, 1);

	KUNIT_ASSERT_NOT_NULL(test, sk);
	sock_init_data(NULL, sk);

	return sk;
}

/* The echo keeps the socket, but no place in its send buffer; what is empty counts one there */
static void zc_echo(struct kunit *test)
{
	struct zc_test *zc = test->priv;
	struct sock *sk = zc_socket(test);
	struct sk_buff *skb, *echo;

	skb = zc_sent(test, sk);
	echo = gs_zc_echo_skb(skb, zc->netdev);
	KUNIT_EXPECT_PTR_EQ(test, echo, skb);
	KUNIT_EXPECT_PTR_EQ(test, echo->sk, sk);
	KUNIT_EXPECT_EQ(test, refcount_read(&sk->sk_wmem_alloc), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&sk->sk_refcnt), 2);
	kfree_skb(echo);
	KUNIT_EXPECT_EQ(test, refcount_read(&sk->sk_refcnt), 1);

	/* an skb that others hold can't change its owner */
	skb = skb_get(zc_sent(test, sk));
	echo = gs_zc_echo_skb(skb, zc->netdev);
	KUNIT_ASSERT_NOT_NULL(test, echo);
	KUNIT_EXPECT_PTR_NE(test, echo, skb);
	KUNIT_EXPECT_PTR_EQ(test, echo->data, skb->data);
	KUNIT_EXPECT_PTR_EQ(test, echo->sk, sk);
	KUNIT_EXPECT_GT(test, refcount_read(&sk->sk_wmem_alloc), 1);
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, refcount_read(&sk->sk_wmem_alloc), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&sk->sk_refcnt), 2);

	/* closed before the echo is back: the echo still has it */
	sock_put(sk);
	KUNIT_EXPECT_EQ(test, refcount_read(&echo->sk->sk_refcnt), 1);
	kfree_skb(echo);

	/* closed before the frame is sent: it goes with the place in its send buffer */
	sk = zc_socket(test);
	skb = zc_sent(test, sk);
	sock_put(sk);
	echo = gs_zc_echo_skb(skb, zc->netdev);
	KUNIT_EXPECT_PTR_EQ(test, echo, skb);
	KUNIT_EXPECT_NULL(test, echo->sk);
	kfree_skb(echo);

	/* of no socket: sent by the kernel */
	skb = zc_sent(test, NULL);
	echo = gs_zc_echo_skb(skb, zc->netdev);
	KUNIT_EXPECT_PTR_EQ(test, echo, skb);
	KUNIT_EXPECT_NULL(test, echo->sk);
	kfree_skb(echo);
}

/* Stamped, and delivered if the sender's socket wanted it looped back */
static void zc_echo_done(struct kunit *test)
{
	struct zc_test *zc = test->priv;
	struct sk_buff *skb, *echo;

	skb = zc_sent(test, NULL);
	skb->pkt_type = PACKET_LOOPBACK;
	skb_shinfo(skb)->tx_flags |= SKBTX_HW_TSTAMP;
	echo = gs_zc_echo_skb(skb, zc->netdev);
	KUNIT_ASSERT_NOT_NULL(test, echo);
	KUNIT_EXPECT_TRUE(test, skb_shinfo(echo)->tx_flags & SKBTX_IN_PROGRESS);
	KUNIT_EXPECT_PTR_EQ(test, gs_zc_echo_done(echo, 4711), echo);
	KUNIT_EXPECT_TRUE(test, echo->pkt_type == PACKET_BROADCAST);
	KUNIT_EXPECT_EQ(test, skb_hwtstamps(echo)->hwtstamp, 4711);
	kfree_skb(echo);

	skb = zc_sent(test, NULL);
	skb->pkt_type = PACKET_HOST;
	echo = gs_zc_echo_skb(skb, zc->netdev);
	KUNIT_ASSERT_NOT_NULL(test, echo);
	KUNIT_EXPECT_FALSE(test, skb_shinfo(echo)->tx_flags & SKBTX_IN_PROGRESS);
	KUNIT_EXPECT_NULL(test, gs_zc_echo_done(echo, 0));
}

static struct kunit_case zc_cases[] = {
	KUNIT_CASE(zc_layout),
	KUNIT_CASE_PARAM(zc_frame, frame_gen_params),
	KUNIT_CASE(zc_unread_dma),
	KUNIT_CASE(zc_unread_plain),
	KUNIT_CASE(zc_no_dma),
	KUNIT_CASE(zc_narrow),
	KUNIT_CASE(zc_wide),
	KUNIT_CASE(zc_no_pool),
	KUNIT_CASE(zc_fails),
	KUNIT_CASE(zc_recycled),
	KUNIT_CASE(zc_echo),
	KUNIT_CASE(zc_echo_done),
	{}
};

static struct kunit_suite zc_suite = {
	.name = "gs_usb_ng_zerocopy",
	.init = zc_test_init,
	.exit = zc_test_exit,
	.test_cases = zc_cases,
};

kunit_test_suite(zc_suite);
