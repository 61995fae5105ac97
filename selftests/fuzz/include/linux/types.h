/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What wire.c takes from the kernel and a C library does not have. All else
 * comes from the headers that the kernel exports to user space.
 */
#ifndef FUZZ_TYPES_H
#define FUZZ_TYPES_H

#include_next <linux/types.h>

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define U32_MAX			UINT32_MAX
#define le32_to_cpu(v)		le32toh(v)
#define cpu_to_le32(v)		htole32(v)
#define READ_ONCE(x)		(x)
#define unlikely(x)		(x)

#define max(a, b) \
	({ \
		typeof(a) max_a = (a); \
		typeof(b) max_b = (b); \
		max_a > max_b ? max_a : max_b; \
	})

#define min_t(type, a, b) \
	({ \
		type min_a = (a); \
		type min_b = (b); \
		min_a < min_b ? min_a : min_b; \
	})

#endif
