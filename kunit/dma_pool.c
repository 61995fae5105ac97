// SPDX-License-Identifier: GPL-2.0-only
/* The driver's own source, built once more for the tests, with URB functions that they watch */
#define usb_alloc_urb	gs_kunit_alloc_urb
#define usb_free_urb	gs_kunit_free_urb
#define usb_kill_urb	gs_kunit_kill_urb
#include "../dma_pool.c"
