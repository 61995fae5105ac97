/* SPDX-License-Identifier: GPL-2.0-only */
/* struct ethtool_ts_info got its in-kernel name in 6.11 */
#ifndef GS_USB_NG_COMPAT_ETHTOOL_H
#define GS_USB_NG_COMPAT_ETHTOOL_H

#include_next <linux/ethtool.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define kernel_ethtool_ts_info		ethtool_ts_info
#endif

#endif /* GS_USB_NG_COMPAT_ETHTOOL_H */
