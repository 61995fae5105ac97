/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel functions as zerocopy.c sees them under test: they do what the kernel's do, or fail on
 * demand.
 */
#ifndef GS_USB_NG_KUNIT_ZC_KERNEL_H
#define GS_USB_NG_KUNIT_ZC_KERNEL_H

#include <linux/skbuff.h>
#include <net/page_pool/helpers.h>

struct page_pool *gs_kunit_page_pool_create(const struct page_pool_params *params);
struct page *gs_kunit_alloc_frag(struct page_pool *pool, unsigned int *offset,
				 unsigned int size, gfp_t gfp);
struct sk_buff *gs_kunit_build_skb(void *data, unsigned int frag_size);

#endif /* GS_USB_NG_KUNIT_ZC_KERNEL_H */
