// SPDX-License-Identifier: GPL-2.0-only
/*
 * Feeds the fuzz target where there is no libFuzzer: inputs that resemble
 * frames, from a seed. The number of an input and the seed bring it back.
 */
#include <linux/can.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gs_usb_wire.h"

int fuzz_one(const u8 *data, size_t size);

/* splitmix64 */
static u64 next(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static u32 small(u64 v)
{
	static const u32 edges[] = {
		0, 1, 2, 8, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
	};

	return v & 1 ? edges[(v >> 8) % 11] : (v >> 8) % 1024;
}

static void put(u8 *p, u32 v)
{
	v = cpu_to_le32(v);
	memcpy(p, &v, sizeof(v));
}

/* A blob of the ELM protocol, or one message, in which now and then a byte is another. */
static size_t messages(u8 *out, u64 *state)
{
	static const u8 sizes[] = { 3, 7, 10, 11, 14, 15, 18, 19, 23 };
	static const u8 by_type[] = { 7, 19, 18, 5, 3 };
	u64 r = next(state);
	unsigned int n = 1 + r % 4, pos = n > 1 ? 2 : 0, i;

	for (i = 0; i < n; i++) {
		u64 m = next(state);

		out[pos] = sizes[m % 9];
		out[pos + 1] = 0x0b + (m >> 8) % 5;
		/* as sizes go by type, so that some get through */
		if (m >> 16 & 1)
			out[pos] = by_type[out[pos + 1] - 0x0b];
		out[pos + 2] &= m >> 17 & 1 ? 2 : 0;
		out[pos + 6] &= ~(CAN_ERR_FLAG >> 24);
		pos += out[pos];
	}
	if (n > 1) {
		out[0] = n;
		out[1] = 0x11;
	}
	if (!(r >> 8 & 3))
		out[(r >> 16) % pos] = r >> 32;
	if (!(r >> 10 & 7))
		pos = (r >> 24) % pos;
	return pos;
}

static size_t one(u8 *in, u64 state)
{
	static const u8 sizes[] = { 20, 24, 24, 76, 80, 80, 12, 13 };
	u64 how = next(&state), r = next(&state);
	size_t size = 2 + sizes[how % 8], i;

	if (how >> 8 & 1)
		size = 2 + (how >> 16) % 96;
	for (i = 0; i < size; i++)
		in[i] = next(&state);
	if (in[0] % 8 == 0) {
		for (i = 2; i + 4 <= size; i += 4)
			put(in + i, small(next(&state)));
		return size;
	}
	if (size < 2 + GS_FRAME_HDR_LEN || (how >> 9 & 7) == 0)
		return size;
	if (in[0] % 8 <= 2 || in[0] % 8 == 4) {
		/* a struct canfd_frame: id, len, flags, data */
		in[6] = (r >> 8) % 80;
		return size;
	}
	if (in[0] % 8 == 3)
		return 2 + messages(in + 2, &state);
	if (r & 3)
		put(in + 2, GS_ECHO_ID_RX);
	if (r & 4)
		in[5] &= ~(CAN_ERR_FLAG >> 24);
	if (r & 8)
		in[10] = (r >> 8) % 18;
	in[11] = (r >> 16) % 4;
	if (r & 16)
		in[12] &= 0x0f;
	return size;
}

int main(int argc, char **argv)
{
	u64 count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	u64 first = argc > 3 ? strtoull(argv[3], NULL, 0) : 0, i;
	u8 in[128];

	/* seen when it ends in the middle: the last block, and which seed */
	for (i = first; i < first + count; i++) {
		if (i % 100000 == 0 || count == 1) {
			printf("# wire, seed %llu, inputs from %llu on\n",
			       (unsigned long long)seed, (unsigned long long)i);
			fflush(stdout);
		}
		fuzz_one(in, one(in, seed * 0x100000001b3 + i));
	}
	printf("# %llu inputs\n", (unsigned long long)count);
	return 0;
}
