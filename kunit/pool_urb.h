/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * URB functions as the pool sees them under test: they do what the USB core's do, and besides
 * count, fail on demand and remember the order of kills.
 */
#ifndef GS_USB_NG_KUNIT_POOL_URB_H
#define GS_USB_NG_KUNIT_POOL_URB_H

#include <linux/usb.h>

struct urb *gs_kunit_alloc_urb(int iso_packets, gfp_t gfp);
void gs_kunit_free_urb(struct urb *urb);
void gs_kunit_kill_urb(struct urb *urb);

#endif /* GS_USB_NG_KUNIT_POOL_URB_H */
