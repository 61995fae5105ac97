/* SPDX-License-Identifier: GPL-2.0-only */
/* A net device that only carries a NAPI: since 6.10 the core allocates and frees it */
#ifndef GS_USB_NG_COMPAT_NETDEVICE_H
#define GS_USB_NG_COMPAT_NETDEVICE_H

#include_next <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
static inline struct net_device *gs_compat_alloc_netdev_dummy(void)
{
	struct net_device *netdev = kzalloc(sizeof(*netdev), GFP_KERNEL);

	if (netdev)
		init_dummy_netdev(netdev);
	return netdev;
}

static inline void gs_compat_free_netdev_dummy(struct net_device *netdev)
{
	kfree(netdev);
}
#else
#define gs_compat_alloc_netdev_dummy()		alloc_netdev_dummy(0)
#define gs_compat_free_netdev_dummy(netdev)	free_netdev(netdev)
#endif

#endif /* GS_USB_NG_COMPAT_NETDEVICE_H */
