/* SPDX-License-Identifier: GPL-2.0-only */
/* page_pool had one header up to 6.5, and a flag for pools of fragments up to 6.6. 6.1 knows
 * nothing of recycling where it is left out.
 */
#ifndef GS_USB_NG_COMPAT_PAGE_POOL_HELPERS_H
#define GS_USB_NG_COMPAT_PAGE_POOL_HELPERS_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#include <net/page_pool.h>
#else
#include_next <net/page_pool/helpers.h>
#endif

#ifndef PP_FLAG_PAGE_FRAG
#define PP_FLAG_PAGE_FRAG	0
#endif

#ifndef CONFIG_PAGE_POOL
#define skb_mark_for_recycle(skb)	((void)(skb))
#endif

#endif /* GS_USB_NG_COMPAT_PAGE_POOL_HELPERS_H */
