/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CAN core differences: data bit timing moved into can_priv.fd in 6.16, time stamp
 * configuration became two netdev ops and the MTU the core's business in 6.19. Up to 6.6 a restart
 * is counted before it is tried.
 */
#ifndef GS_USB_NG_COMPAT_CAN_DEV_H
#define GS_USB_NG_COMPAT_CAN_DEV_H

#include_next <linux/can/dev.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define gs_compat_can_fd(can)		(can)
#else
#define gs_compat_can_fd(can)		(&(can)->fd)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define GS_COMPAT_CAN_MTU_OPS		.ndo_change_mtu = can_change_mtu
#define GS_COMPAT_CAN_HWTS_OPS		.ndo_eth_ioctl = can_eth_ioctl_hwts
#else
#define GS_COMPAT_CAN_MTU_OPS		.ndo_change_mtu = NULL
#define GS_COMPAT_CAN_HWTS_OPS		.ndo_hwtstamp_get = can_hwtstamp_get, \
					.ndo_hwtstamp_set = can_hwtstamp_set
#endif

#define GS_COMPAT_CAN_COUNTS_FAILED_RESTARTS	(LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0))

#endif /* GS_USB_NG_COMPAT_CAN_DEV_H */
