// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: transfers of the ELM protocol, to the byte.
 *
 * Bytes and numbers are literals from the firmware's documentation, on purpose not the driver's
 * constants. Received bytes lie at the very end of their allocation, so that KASAN sees each step
 * beyond them.
 */
#include <kunit/test.h>
#include <linux/can.h>
#include <linux/can/error.h>
#include <linux/can/netlink.h>
#include <linux/hex.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "elm.h"

static void elm_markers(struct kunit *test)
{
	u32 id;

	/* 0 asks for no echo, and a byte has no more than 255 */
	for (id = 0; id < GS_ELM_SLOTS * GS_ELM_TURNS; id++) {
		KUNIT_EXPECT_NE(test, gs_elm_marker(id), 0);
		KUNIT_EXPECT_EQ(test, gs_elm_echo_id(gs_elm_marker(id)), id);
	}
	KUNIT_EXPECT_EQ(test, gs_elm_marker(0), 1);
	KUNIT_EXPECT_EQ(test, gs_elm_marker(31 + 32 * 6), 224);
}

struct out_case {
	const char *name;
	u32 id;
	bool is_fd;
	u8 len;
	u8 flags;
	const char *hex;
};

/* Of data that are 81 82 83 ..., with marker 0x2a */
static const struct out_case out_cases[] = {
	{ "classic 3", 0x123, false, 3, 0,
	  "01100b0a00230100002a818283" },
	{ "classic 0", 0x7ff, false, 0, 0, "0110080a00ff0700002a" },
	{ "classic 8", 1, false, 8, 0,
	  "0110100a00010000002a8182838485868788" },
	{ "classic 200", 1, false, 200, 0,
	  "0110100a00010000002a8182838485868788" },
	{ "extended id", 0x92345678, false, 1, 0,
	  "0110090a00785634922a81" },
	{ "standard id with junk bits", 0x1ffff123, false, 1, 0,
	  "0110090a00230100002a81" },
	{ "error flag is not sent", 0x20000004, false, 1, 0,
	  "0110090a00040000002a81" },
	{ "remote, length 4", 0x40000123, false, 4, 0,
	  "0110090a00230100402a04" },
	{ "remote, length 0", 0x40000123, false, 0, 0,
	  "0110090a00230100402a00" },
	{ "FD 0", 1, true, 0, 0, "0110080a02010000002a" },
	{ "FD BRS", 1, true, 1, CANFD_BRS, "0110090a06010000002a81" },
	{ "FD ESI FDF and junk", 1, true, 1, 0xfe,
	  "0110090a0a010000002a81" },
	{ "FD has no remote frames", 0x40000001, true, 1, 0,
	  "0110090a02010000002a81" },
	{ "FD 9 becomes 12", 1, true, 9, 0,
	  "0110140a02010000002a818283848586878889000000" },
};

static void out_name(const struct out_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(out, out_cases, out_name);

static void fill(struct canfd_frame *cfd, u32 id, u8 len, u8 flags)
{
	unsigned int i;

	cfd->can_id = id;
	cfd->len = len;
	cfd->flags = flags;
	for (i = 0; i < sizeof(cfd->data); i++)
		cfd->data[i] = 0x81 + i;
}

static void elm_out(struct kunit *test)
{
	const struct out_case *c = test->param_value;
	struct canfd_frame cfd = {};
	u8 wanted[24], *buf;
	struct gs_elm_out out;
	unsigned int n;

	fill(&cfd, c->id, c->len, c->flags);
	/* room for this frame and no more, and full of somebody else's data */
	n = strlen(c->hex) / 2;
	KUNIT_ASSERT_EQ(test, hex2bin(wanted, c->hex, n), 0);
	buf = kunit_kmalloc(test, n, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	memset(buf, 0xa5, n);

	gs_elm_out_begin(&out, buf, n);
	KUNIT_EXPECT_TRUE(test, gs_elm_out_add(&out, 0x2a, &cfd, c->is_fd));
	KUNIT_EXPECT_EQ(test, out.len, n);
	KUNIT_EXPECT_EQ(test, memcmp(buf, wanted, n), 0);

	/* a byte less is not enough, and changes nothing */
	memset(buf, 0xa5, n);
	gs_elm_out_begin(&out, buf, n - 1);
	KUNIT_EXPECT_FALSE(test, gs_elm_out_add(&out, 0x2a, &cfd, c->is_fd));
	KUNIT_EXPECT_EQ(test, out.len, 2);
	KUNIT_EXPECT_EQ(test, buf[0], 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf + 2, 0xa5, n - 2));
}

static void elm_out_full(struct kunit *test)
{
	struct canfd_frame cfd = {};
	struct gs_elm_out out;
	unsigned int n;
	u8 *buf;

	buf = kunit_kzalloc(test, 2300, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);

	/* the longest ones: 72 bytes each */
	fill(&cfd, 0x123, 64, CANFD_BRS);
	gs_elm_out_begin(&out, buf, 2048);
	for (n = 0; gs_elm_out_add(&out, 1 + n, &cfd, true); n++)
		KUNIT_ASSERT_LT(test, n, 28);
	KUNIT_EXPECT_EQ(test, n, 28);
	KUNIT_EXPECT_EQ(test, buf[0], 28);
	KUNIT_EXPECT_EQ(test, out.len, 2018);
	for (n = 0; n < 28; n++) {
		KUNIT_EXPECT_EQ(test, buf[2 + 72 * n], 72);
		KUNIT_EXPECT_EQ(test, buf[2 + 72 * n + 7], 1 + n);
		KUNIT_EXPECT_EQ(test, buf[2 + 72 * n + 71], 0xc0);
	}

	/* the shortest: 255 is what the count can say */
	fill(&cfd, 0x123, 0, 0);
	gs_elm_out_begin(&out, buf, 2300);
	for (n = 0; gs_elm_out_add(&out, 1, &cfd, false); n++)
		KUNIT_ASSERT_LT(test, n, 255);
	KUNIT_EXPECT_EQ(test, n, 255);
	KUNIT_EXPECT_EQ(test, buf[0], 255);
}

static bool begin(struct kunit *test, struct gs_elm_in *in, const u8 *bytes, size_t n, bool ts)
{
	u8 *buf = kunit_kmalloc(test, n, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	memcpy(buf, bytes, n);

	return gs_elm_in_begin(in, buf, n, ts);
}

static bool begin_hex(struct kunit *test, struct gs_elm_in *in, const char *hex, bool ts)
{
	u8 bytes[80];
	size_t n = strlen(hex) / 2;

	KUNIT_ASSERT_EQ(test, hex2bin(bytes, hex, n), 0);

	return begin(test, in, bytes, n, ts);
}

/* One of each, with a timestamp of 0x04030201 */
static const char * const seven[] = {
	"070b2a01020304",
	"0e0c002301000001020304818283",
	"0c0c00230100400102030408",
	"170c0678563492010203048182838485868788898a8b8c",
	"120d04000020004000000004050601020304",
	"050e616263",
	"030f2a",
};

/* A blob of them, 84 bytes */
static void make_blob(struct kunit *test, u8 *blob)
{
	unsigned int i, n, pos = 2;

	blob[0] = 7;
	blob[1] = 0x11;
	for (i = 0; i < ARRAY_SIZE(seven); i++) {
		n = strlen(seven[i]) / 2;
		KUNIT_ASSERT_EQ(test, hex2bin(blob + pos, seven[i], n), 0);
		pos += n;
	}
}

static void elm_in(struct kunit *test)
{
	struct gs_wire_error err;
	struct gs_elm_msg msg;
	struct gs_elm_in in;
	u8 blob[84];

	make_blob(test, blob);
	KUNIT_ASSERT_TRUE(test, begin(test, &in, blob, sizeof(blob), true));
	KUNIT_EXPECT_EQ(test, in.left, 7);

	KUNIT_ASSERT_TRUE(test, gs_elm_in_next(&in, &msg));
	KUNIT_EXPECT_EQ(test, msg.type, 0x0b);
	KUNIT_EXPECT_EQ(test, msg.marker, 0x2a);
	KUNIT_EXPECT_TRUE(test, msg.rx.has_ts);
	KUNIT_EXPECT_EQ(test, msg.rx.ts_us, 0x04030201);

	KUNIT_ASSERT_TRUE(test, gs_elm_in_next(&in, &msg));
	KUNIT_EXPECT_EQ(test, msg.type, 0x0c);
	KUNIT_EXPECT_EQ(test, msg.rx.echo_id, 0xffffffff);
	KUNIT_EXPECT_EQ(test, msg.rx.can_id, 0x123);
	KUNIT_EXPECT_EQ(test, msg.rx.channel, 0);
	KUNIT_EXPECT_EQ(test, msg.rx.dlc, 3);
	KUNIT_EXPECT_EQ(test, msg.rx.len, 3);
	KUNIT_EXPECT_FALSE(test, msg.rx.fd);
	KUNIT_EXPECT_EQ(test, msg.rx.ts_us, 0x04030201);
	KUNIT_EXPECT_EQ(test, memcmp(msg.rx.data, "\x81\x82\x83", 3), 0);

	KUNIT_ASSERT_TRUE(test, gs_elm_in_next(&in, &msg));
	KUNIT_EXPECT_EQ(test, msg.rx.can_id, 0x40000123);
	KUNIT_EXPECT_EQ(test, msg.rx.dlc, 8);
	KUNIT_EXPECT_EQ(test, msg.rx.len, 0);

	KUNIT_ASSERT_TRUE(test, gs_elm_in_next(&in, &msg));
	KUNIT_EXPECT_EQ(test, msg.rx.can_id, 0x92345678);
	KUNIT_EXPECT_EQ(test, msg.rx.flags, 6);
	KUNIT_EXPECT_TRUE(test, msg.rx.fd);
	KUNIT_EXPECT_EQ(test, msg.rx.dlc, 9);
	KUNIT_EXPECT_EQ(test, msg.rx.len, 12);
	KUNIT_EXPECT_EQ(test, msg.rx.data[11], 0x8c);

	KUNIT_ASSERT_TRUE(test, gs_elm_in_next(&in, &msg));
	KUNIT_EXPECT_EQ(test, msg.type, 0x0d);
	KUNIT_EXPECT_EQ(test, msg.rx.can_id, 0x20000004);
	KUNIT_EXPECT_FALSE(test, msg.rx.fd);
	KUNIT_EXPECT_EQ(test, msg.rx.ts_us, 0x04030201);
	gs_elm_parse_error(&err, &msg.rx);
	KUNIT_EXPECT_TRUE(test, err.has_state);
	KUNIT_EXPECT_EQ(test, err.tx_state, CAN_STATE_ERROR_ACTIVE);
	KUNIT_EXPECT_EQ(test, err.txerr, 5);
	KUNIT_EXPECT_EQ(test, err.rxerr, 6);
	/* data[5], where the legacy framing has data[1] */
	KUNIT_EXPECT_EQ(test, err.ctrl_overflow, 2);

	KUNIT_ASSERT_TRUE(test, gs_elm_in_next(&in, &msg));
	KUNIT_EXPECT_EQ(test, msg.type, 0x0e);
	KUNIT_EXPECT_FALSE(test, msg.rx.has_ts);

	KUNIT_ASSERT_TRUE(test, gs_elm_in_next(&in, &msg));
	KUNIT_EXPECT_EQ(test, msg.type, 0x0f);
	KUNIT_EXPECT_EQ(test, msg.percent, 42);
	KUNIT_EXPECT_FALSE(test, gs_elm_in_next(&in, &msg));

	/* Alone, and without a timestamp */
	KUNIT_ASSERT_TRUE(test, begin_hex(test, &in, "080c002301000099", false));
	KUNIT_ASSERT_TRUE(test, gs_elm_in_next(&in, &msg));
	KUNIT_EXPECT_EQ(test, msg.rx.len, 1);
	KUNIT_EXPECT_EQ(test, msg.rx.data[0], 0x99);
	KUNIT_EXPECT_FALSE(test, msg.rx.has_ts);
	KUNIT_EXPECT_FALSE(test, gs_elm_in_next(&in, &msg));

	/* A remote frame that asks for nothing may leave the byte out */
	KUNIT_ASSERT_TRUE(test, begin_hex(test, &in, "070c0023010040", false));
	KUNIT_ASSERT_TRUE(test, gs_elm_in_next(&in, &msg));
	KUNIT_EXPECT_EQ(test, msg.rx.dlc, 0);
}

struct bad_case {
	const char *name;
	bool ts;
	const char *hex;
};

static const struct bad_case bad_cases[] = {
	{ "one byte", true, "01" },
	{ "size 0", true, "000e" },
	{ "size 1", true, "010e" },
	{ "zeros", true, "0000000000000000" },
	{ "no such type", true, "031200" },
	{ "a frame to send", true, "090a00230100002a81" },
	{ "a blob to send", true, "0110070b2a01020304" },
	{ "longer than its transfer", true, "060e616263" },
	{ "shorter than its transfer", true, "040e616263" },
	{ "padding behind it", true, "070b2a0102030400" },
	{ "one more than counted", true, "0211070b2a01020304070b2a01020304070b2a01020304" },
	{ "one less than counted", true, "0311070b2a01020304070b2a01020304" },
	{ "padding behind a blob", true, "0211070b2a01020304070b2a010203040000" },
	{ "padding counted as a message", true, "0311070b2a01020304070b2a010203040000" },
	{ "a blob in a blob", true, "01110111070b2a01020304" },
	{ "the last one is bad", true, "0311070b2a01020304070b2a01020304030b2a" },
	{ "echo without timestamp", true, "030b2a" },
	{ "echo with a timestamp", false, "070b2a01020304" },
	{ "frame without timestamp", true, "080c002301000099" },
	{ "frame of 6 bytes", false, "060c00230100" },
	{ "error of 13 bytes", false, "0d0d0000002000000000000000" },
	{ "load without a value", true, "020f" },
	{ "load with a timestamp", true, "070f2a01020304" },
	{ "classic 9", false, "100c0023010000313233343536373839" },
	{ "FD 9", false, "100c0223010000313233343536373839" },
	{ "remote with two bytes", false, "090c00230100400101" },
	{ "remote asks for 9", false, "080c002301004009" },
	{ "remote FD", false, "080c022301004001" },
	{ "error flag in a frame", false, "080c002301002001" },
	/* what the legacy framing has: a frame, and an echo with id 0x0a18 */
	{ "legacy frame", true, "ffffffff2301000008000000313233343536373801020304" },
	{ "legacy echo", true, "180a00002301000008000000313233343536373801020304" },
};

static void bad_name(const struct bad_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bad, bad_cases, bad_name);

static void elm_bad(struct kunit *test)
{
	const struct bad_case *c = test->param_value;
	struct gs_elm_in in;

	KUNIT_EXPECT_FALSE(test, begin_hex(test, &in, c->hex, c->ts));
}

/* Lengths of data that there are (ISO 11898-1), and no others */
static void elm_lengths(struct kunit *test)
{
	static const u8 fd_len[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64 };
	unsigned int n, kind;
	struct gs_elm_in in;
	bool good;
	u8 *buf;

	buf = kunit_kzalloc(test, 256, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (n = 0; n < 249; n++) {
		for (kind = 0; kind <= 2; kind += 2) {
			buf[0] = 7 + n;
			buf[1] = 0x0c;
			buf[2] = kind;
			good = kind ? !!memchr(fd_len, n, sizeof(fd_len)) : n <= 8;
			KUNIT_EXPECT_EQ_MSG(test, begin(test, &in, buf, 7 + n, false), good,
					    "flags %u, %u bytes", kind, n);
		}
	}
}

/* No beginning of a transfer is one, nor is one with any one size wrong */
static void elm_cut(struct kunit *test)
{
	struct gs_elm_in in;
	unsigned int n, pos;
	u8 blob[84], size;

	make_blob(test, blob);
	for (n = 1; n < sizeof(blob); n++)
		KUNIT_EXPECT_FALSE_MSG(test, begin(test, &in, blob, n, true), "%u bytes", n);

	for (pos = 2; pos < sizeof(blob); pos += size) {
		size = blob[pos];
		for (n = 0; n < 256; n++) {
			blob[pos] = n;
			KUNIT_EXPECT_EQ_MSG(test, begin(test, &in, blob, sizeof(blob), true),
					    n == size, "size %u at %u", n, pos);
		}
		blob[pos] = size;
	}
}

/* Whatever passes is within the transfer */
static void elm_noise(struct kunit *test)
{
	struct gs_elm_msg msg;
	struct rnd_state rnd;
	unsigned int i, n, good = 0;
	struct gs_elm_in in;
	u8 *buf;

	prandom_seed_state(&rnd, 20261129);
	for (i = 0; i < 20000; i++) {
		n = 1 + prandom_u32_state(&rnd) % 40;
		buf = kmalloc(n, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, buf);
		prandom_bytes_state(&rnd, buf, n);
		/* some that are not quite noise */
		if (n > 1 && i & 1) {
			buf[0] = n;
			buf[1] = 0x0b + buf[1] % 5;
		}
		if (gs_elm_in_begin(&in, buf, n, i & 2)) {
			good++;
			while (gs_elm_in_next(&in, &msg)) {
				if (msg.type != 0x0c && msg.type != 0x0d)
					continue;
				KUNIT_EXPECT_TRUE(test, msg.rx.data + msg.rx.len <= buf + n);
				KUNIT_EXPECT_LE(test, msg.rx.len, 64);
			}
			KUNIT_EXPECT_TRUE(test, in.pos == buf + n);
		}
		kfree(buf);
	}
	KUNIT_EXPECT_GT(test, good, 100);
}

struct error_case {
	const char *name;
	u32 id;
	u8 data[8];
	u32 class;
	u8 overflow;
	bool has_state;
	u8 state;
};

static const struct error_case error_cases[] = {
	{ "TX timeout", 0x4, { [1] = 0x20, [5] = 0x10, [6] = 128 }, CAN_ERR_TX_TIMEOUT, 0, true,
	  CAN_STATE_ERROR_PASSIVE },
	{ "TX overflow", 0x4, { [1] = 0x40, [5] = 4 }, 0, 2, true, CAN_STATE_ERROR_ACTIVE },
	{ "overflow towards the host", 0x4, { [1] = 0x40, [5] = 8 }, 0, 1, true,
	  CAN_STATE_ERROR_ACTIVE },
	/* these bits are the legacy framing's */
	{ "overflow bits of data[1]", 0x4, { [1] = 0x43 }, 0, 0, true, CAN_STATE_ERROR_ACTIVE },
	{ "RX and TX fail", 0x4, { [1] = 0x40, [5] = 3 }, 0, 0, true, CAN_STATE_ERROR_ACTIVE },
	{ "bus-off", 0x40, { [5] = 2 }, 0, 0, true, CAN_STATE_BUS_OFF },
	{ "CRC, not counters", 0x204, { [1] = 0x40 }, CAN_ERR_PROT, 0, true,
	  CAN_STATE_ERROR_ACTIVE },
	{ "no ACK", 0x24, { [1] = 0x08, [5] = 2, [6] = 100 }, CAN_ERR_ACK, 0, true,
	  CAN_STATE_ERROR_WARNING },
};

static void error_name(const struct error_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(error, error_cases, error_name);

static void elm_error(struct kunit *test)
{
	const struct error_case *c = test->param_value;
	const struct gs_wire_rx rx = { .can_id = c->id | CAN_ERR_FLAG, .data = c->data };
	struct gs_wire_error err;

	gs_elm_parse_error(&err, &rx);
	KUNIT_EXPECT_EQ(test, err.class, c->class);
	KUNIT_EXPECT_EQ(test, err.ctrl_overflow, c->overflow);
	KUNIT_EXPECT_EQ(test, err.has_state, c->has_state);
	KUNIT_EXPECT_EQ(test, max(err.tx_state, err.rx_state), c->state);
	KUNIT_EXPECT_TRUE(test, err.has_counters);
	KUNIT_EXPECT_EQ(test, err.txerr, c->data[6]);
}

static struct kunit_case elm_cases[] = {
	KUNIT_CASE(elm_markers),
	KUNIT_CASE_PARAM(elm_out, out_gen_params),
	KUNIT_CASE(elm_out_full),
	KUNIT_CASE(elm_in),
	KUNIT_CASE_PARAM(elm_bad, bad_gen_params),
	KUNIT_CASE(elm_lengths),
	KUNIT_CASE(elm_cut),
	KUNIT_CASE(elm_noise),
	KUNIT_CASE_PARAM(elm_error, error_gen_params),
	{}
};

static struct kunit_suite elm_suite = {
	.name = "gs_usb_ng_elm",
	.test_cases = elm_cases,
};

kunit_test_suite(elm_suite);
