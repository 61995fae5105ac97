// SPDX-License-Identifier: GPL-2.0-only
/* The driver's own source, built once more for the tests, with functions that fail on demand */
#include "zc_kernel.h"
#define page_pool_create	gs_kunit_page_pool_create
#define page_pool_alloc_frag	gs_kunit_alloc_frag
#define napi_build_skb		gs_kunit_build_skb
#include "../zerocopy.c"
