/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zerocopy.c includes this first when it is built as for a kernel without page_pool. What kernel
 * headers make of the option has to stay: it changes struct net_device.
 */
#include <linux/can/dev.h>
#include <linux/can/skb.h>
#include <net/page_pool/helpers.h>
#include <net/sock.h>

#undef CONFIG_PAGE_POOL
