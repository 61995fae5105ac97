/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two marks that the guest's program makes and the plugin looks for.
 */
#ifndef GS_BENCH_MARK_H
#define GS_BENCH_MARK_H

#define GS_MARK_START	0x67735f6d61726b31ull
#define GS_MARK_STOP	0x67735f6d61726b32ull

#endif /* GS_BENCH_MARK_H */
