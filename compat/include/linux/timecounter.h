/* SPDX-License-Identifier: GPL-2.0-only */
/* The read callback of a cyclecounter may change the counter since 6.16 */
#ifndef GS_USB_NG_COMPAT_TIMECOUNTER_H
#define GS_USB_NG_COMPAT_TIMECOUNTER_H

#include_next <linux/timecounter.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define GS_COMPAT_CC_CONST const
#else
#define GS_COMPAT_CC_CONST
#endif

#endif /* GS_USB_NG_COMPAT_TIMECOUNTER_H */
