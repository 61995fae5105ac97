/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer: what a device says, made up or spoilt from a seed.
 */
#ifndef EMU_FUZZ_H
#define EMU_FUZZ_H

#include <linux/types.h>
#include <stdbool.h>

#define FUZZ_MAX	512	/* bytes of an IN transfer */
#define FUZZ_KINDS	512

struct device;
struct fate;

struct fuzz {
	__u64 seed;
	bool descr, ctrl;
	__u64 in_next, in_left;		/* transfers to make up */
	__u64 out_next, out_left;	/* transfers that end as they like */
	unsigned int turn;
	__u32 asked[FUZZ_KINDS];	/* control requests, each number counts for itself */
};

/* The n-th answer to a request: its new length, or a status as of a fault. */
int fuzz_ctrl(struct device *dev, __u8 request, __u8 *reply, int len, int size);
int fuzz_descr(struct device *dev, __u8 type, __u8 *reply, int len, int size);

/*
 * Makes up IN transfer n of a seed. Nothing else goes in but the echoes that the
 * device owes. Returns a length, or the status of a transfer that fails.
 */
int fuzz_in(struct device *dev, __u64 seed, __u64 n, __u8 *data);

/* What becomes of OUT transfer n of a seed. */
void fuzz_out(__u64 seed, __u64 n, struct fate *fate);

/* For the referee: is this rule's breach the fuzzer's fault? */
bool fuzz_excuses(const struct device *dev, const char *rule);

#endif
