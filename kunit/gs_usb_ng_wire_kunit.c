// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: host frames, to the byte.
 *
 * Sizes, offsets and numbers are literals from the firmwares' documentation, on purpose not the
 * driver's constants. Received bytes lie at the very end of their allocation, so that KASAN sees
 * each step beyond them.
 */
#include <kunit/test.h>
#include <linux/can.h>
#include <linux/can/error.h>
#include <linux/can/netlink.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/stddef.h>

#include "gs_usb_wire.h"

/* Data bytes by DLC (ISO 11898-1) */
static const u8 cc_len[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 8, 8, 8, 8 };
static const u8 fd_len[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64 };

struct number {
	const char *name;
	size_t is;
	size_t should;
};

#define SIZE(type, n)		{ "sizeof " #type, sizeof(struct type), n }
#define OFFSET(type, member, n)	{ #type "." #member, offsetof(struct type, member), n }
#define VALUE(v, n)		{ #v, v, n }

static const struct number numbers[] = {
	SIZE(gs_host_config, 4),
	OFFSET(gs_host_config, byte_order, 0),
	SIZE(gs_device_config, 12),
	OFFSET(gs_device_config, reserved, 0),
	OFFSET(gs_device_config, icount, 3),
	OFFSET(gs_device_config, sw_version, 4),
	OFFSET(gs_device_config, hw_version, 8),
	SIZE(gs_device_mode, 8),
	OFFSET(gs_device_mode, mode, 0),
	OFFSET(gs_device_mode, flags, 4),
	SIZE(gs_device_bittiming, 20),
	OFFSET(gs_device_bittiming, prop_seg, 0),
	OFFSET(gs_device_bittiming, phase_seg1, 4),
	OFFSET(gs_device_bittiming, phase_seg2, 8),
	OFFSET(gs_device_bittiming, sjw, 12),
	OFFSET(gs_device_bittiming, brp, 16),
	SIZE(gs_device_bt_const, 40),
	OFFSET(gs_device_bt_const, feature, 0),
	OFFSET(gs_device_bt_const, fclk_can, 4),
	OFFSET(gs_device_bt_const, nominal.tseg1_min, 8),
	OFFSET(gs_device_bt_const, nominal.tseg1_max, 12),
	OFFSET(gs_device_bt_const, nominal.tseg2_min, 16),
	OFFSET(gs_device_bt_const, nominal.tseg2_max, 20),
	OFFSET(gs_device_bt_const, nominal.sjw_max, 24),
	OFFSET(gs_device_bt_const, nominal.brp_min, 28),
	OFFSET(gs_device_bt_const, nominal.brp_max, 32),
	OFFSET(gs_device_bt_const, nominal.brp_inc, 36),
	SIZE(gs_device_bt_const_ext, 72),
	OFFSET(gs_device_bt_const_ext, bt, 0),
	OFFSET(gs_device_bt_const_ext, data.tseg1_min, 40),
	OFFSET(gs_device_bt_const_ext, data.tseg1_max, 44),
	OFFSET(gs_device_bt_const_ext, data.tseg2_min, 48),
	OFFSET(gs_device_bt_const_ext, data.tseg2_max, 52),
	OFFSET(gs_device_bt_const_ext, data.sjw_max, 56),
	OFFSET(gs_device_bt_const_ext, data.brp_min, 60),
	OFFSET(gs_device_bt_const_ext, data.brp_max, 64),
	OFFSET(gs_device_bt_const_ext, data.brp_inc, 68),
	SIZE(gs_device_identify, 4),
	OFFSET(gs_device_identify, mode, 0),
	SIZE(gs_device_termination, 4),
	OFFSET(gs_device_termination, state, 0),
	SIZE(gs_device_state, 12),
	OFFSET(gs_device_state, state, 0),
	OFFSET(gs_device_state, rxerr, 4),
	OFFSET(gs_device_state, txerr, 8),
	SIZE(gs_device_filter_info, 4),
	OFFSET(gs_device_filter_info, dev, 0),
	SIZE(gs_device_filter, 132),
	OFFSET(gs_device_filter, info, 0),
	OFFSET(gs_device_filter, fs1r, 4),
	OFFSET(gs_device_filter, fm1r, 8),
	OFFSET(gs_device_filter, ffa1r, 12),
	OFFSET(gs_device_filter, fa1r, 16),
	OFFSET(gs_device_filter, fr1, 20),
	OFFSET(gs_device_filter, fr2, 76),
	SIZE(gs_host_frame, 12),
	OFFSET(gs_host_frame, echo_id, 0),
	OFFSET(gs_host_frame, can_id, 4),
	OFFSET(gs_host_frame, can_dlc, 8),
	OFFSET(gs_host_frame, channel, 9),
	OFFSET(gs_host_frame, flags, 10),
	OFFSET(gs_host_frame, reserved, 11),
	OFFSET(gs_host_frame, data, 12),
	VALUE(GS_BREQ_HOST_FORMAT, 0),
	VALUE(GS_BREQ_BITTIMING, 1),
	VALUE(GS_BREQ_MODE, 2),
	VALUE(GS_BREQ_BT_CONST, 4),
	VALUE(GS_BREQ_DEVICE_CONFIG, 5),
	VALUE(GS_BREQ_TIMESTAMP, 6),
	VALUE(GS_BREQ_IDENTIFY, 7),
	VALUE(GS_BREQ_CANTACT_PRO_DATA_BITTIMING, 8),
	VALUE(GS_BREQ_DATA_BITTIMING, 10),
	VALUE(GS_BREQ_BT_CONST_EXT, 11),
	VALUE(GS_BREQ_SET_TERMINATION, 12),
	VALUE(GS_BREQ_GET_TERMINATION, 13),
	VALUE(GS_BREQ_GET_STATE, 14),
	VALUE(GS_BREQ_SET_FILTER, 15),
	VALUE(GS_BREQ_GET_FILTER, 16),
	VALUE(GS_FEATURE_LISTEN_ONLY, 0x1),
	VALUE(GS_FEATURE_LOOP_BACK, 0x2),
	VALUE(GS_FEATURE_TRIPLE_SAMPLE, 0x4),
	VALUE(GS_FEATURE_ONE_SHOT, 0x8),
	VALUE(GS_FEATURE_HW_TIMESTAMP, 0x10),
	VALUE(GS_FEATURE_IDENTIFY, 0x20),
	VALUE(GS_FEATURE_FD, 0x100),
	VALUE(GS_FEATURE_QUIRK_LPC546XX, 0x200),
	VALUE(GS_FEATURE_BT_CONST_EXT, 0x400),
	VALUE(GS_FEATURE_TERMINATION, 0x800),
	VALUE(GS_FEATURE_BERR_REPORTING, 0x1000),
	VALUE(GS_FEATURE_GET_STATE, 0x2000),
	VALUE(GS_FEATURE_ELM, 0x4000),
	VALUE(GS_FEATURE_FILTER, 0x10000),
	VALUE(GS_FEATURE_BUS_OFF_RECOVERY, 0x40000),
	VALUE(GS_MODE_RESET, 0),
	VALUE(GS_MODE_START, 1),
	VALUE(GS_HOST_FORMAT_LE, 0xbeef),
	VALUE(GS_ECHO_ID_RX, 0xffffffff),
	VALUE(GS_FLAG_OVERFLOW, 1),
	VALUE(GS_FLAG_FD, 2),
	VALUE(GS_FLAG_BRS, 4),
	VALUE(GS_FLAG_ESI, 8),
	VALUE(GS_FRAME_CC_LEN, 20),
	VALUE(GS_FRAME_FD_LEN, 76),
	VALUE(GS_FRAME_IN_MAX, 80),
	VALUE(GS_FRAME_OUT_MAX, 77),
};

static void wire_numbers(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		KUNIT_EXPECT_EQ_MSG(test, numbers[i].is, numbers[i].should, "%s", numbers[i].name);
}

/*
 * Encoding
 */

struct encode_case {
	const char *name;
	struct gs_wire_tx cfg;
	bool is_fd;
	u32 id;
	u8 len;
	u8 len8_dlc;
	u8 cfd_flags;
	/* expected */
	unsigned int total;
	u32 wire_id;
	u8 dlc;
	u8 flags;
	u8 used;
};

static const struct encode_case encode_cases[] = {
	{ "classic 8", { .channel = 0 }, false, 0x123, 8, 0, 0, 20, 0x123, 8, 0, 8 },
	{ "classic 0", { .channel = 2 }, false, 0x7ff, 0, 0, 0, 20, 0x7ff, 0, 0, 0 },
	{ "classic 5, channel 254", { .channel = 254 }, false, 0, 5, 0, 0, 20, 0, 5, 0, 5 },
	{ "extended id", {}, false, 0x9fffffff, 1, 0, 0, 20, 0x9fffffff, 1, 0, 1 },
	{ "standard id with junk bits", {}, false, 0x1ffff123, 1, 0, 0, 20, 0x123, 1, 0, 1 },
	{ "error flag is not sent", {}, false, 0x20000004, 8, 0, 0, 20, 0x4, 8, 0, 8 },
	{ "remote, length 4", {}, false, 0x40000123, 4, 0, 0, 20, 0x40000123, 4, 0, 0 },
	{ "remote, extended", {}, false, 0xc0000123, 8, 0, 0, 20, 0xc0000123, 8, 0, 0 },
	{ "raw DLC 9", {}, false, 1, 8, 9, 0, 20, 1, 9, 0, 8 },
	{ "raw DLC 15", {}, false, 1, 8, 15, 0, 20, 1, 15, 0, 8 },
	{ "raw DLC 15, remote", {}, false, 0x40000001, 8, 15, 0, 20, 0x40000001, 15, 0, 0 },
	{ "raw DLC 16 is none", {}, false, 1, 8, 16, 0, 20, 1, 8, 0, 8 },
	{ "raw DLC needs length 8", {}, false, 1, 7, 15, 0, 20, 1, 7, 0, 7 },
	{ "raw DLC not understood", { .no_raw_dlc = true }, false, 1, 8, 15, 0, 20, 1, 8, 0, 8 },
	{ "classic length 200", {}, false, 1, 200, 0, 0, 20, 1, 8, 0, 8 },
	{ "classic length 200, raw DLC", {}, false, 1, 200, 12, 0, 20, 1, 8, 0, 8 },
	{ "classic, padded", { .pad = true }, false, 1, 8, 0, 0, 21, 1, 8, 0, 8 },
	{ "classic on FD channel", { .fd = true }, false, 1, 8, 0, 0, 76, 1, 8, 0, 8 },
	{ "classic on FD channel, padded", { .fd = true, .pad = true }, false, 1, 8, 0, 0,
	  77, 1, 8, 0, 8 },
	{ "classic on FD channel, short", { .fd = true, .short_cc = true }, false, 1, 8, 0, 0,
	  20, 1, 8, 0, 8 },
	{ "FD 64", { .fd = true }, true, 0x123, 64, 0, 0, 76, 0x123, 15, 2, 64 },
	{ "FD 64, padded", { .fd = true, .pad = true }, true, 0x123, 64, 0, 0,
	  77, 0x123, 15, 2, 64 },
	{ "FD 0", { .fd = true }, true, 0x123, 0, 0, 0, 76, 0x123, 0, 2, 0 },
	{ "FD 3 of a short_cc firmware", { .fd = true, .short_cc = true }, true, 1, 3, 0, 0,
	  76, 1, 3, 2, 3 },
	{ "FD 9 becomes 12", { .fd = true }, true, 1, 9, 0, 0, 76, 1, 9, 2, 9 },
	{ "FD length 255", { .fd = true }, true, 1, 255, 0, 0, 76, 1, 15, 2, 64 },
	{ "FD BRS", { .fd = true }, true, 1, 8, 0, CANFD_BRS, 76, 1, 8, 2 | 4, 8 },
	{ "FD ESI", { .fd = true }, true, 1, 8, 0, CANFD_ESI, 76, 1, 8, 2 | 8, 8 },
	{ "FD BRS ESI FDF and junk", { .fd = true }, true, 1, 8, 0, 0xff, 76, 1, 8, 2 | 4 | 8, 8 },
	{ "FD has no remote frames", { .fd = true }, true, 0x40000001, 8, 0, 0, 76, 1, 8, 2, 8 },
	{ "classic has no BRS", { .fd = true, .short_cc = true }, false, 1, 8, 0, CANFD_BRS,
	  20, 1, 8, 0, 8 },
};

static void encode_name(const struct encode_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(encode, encode_cases, encode_name);

static void wire_encode(struct kunit *test)
{
	const struct encode_case *c = test->param_value;
	struct canfd_frame cfd = { .can_id = c->id, .len = c->len }, copy;
	unsigned int i, n;
	u8 *dst;

	if (c->is_fd)
		cfd.flags = c->cfd_flags;
	else
		((struct can_frame *)&cfd)->len8_dlc = c->len8_dlc;
	for (i = 0; i < sizeof(cfd.data); i++)
		cfd.data[i] = 0x80 + i;
	copy = cfd;

	/* as long as the frame and no longer, and full of somebody else's data */
	dst = kunit_kmalloc(test, c->total, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dst);
	memset(dst, 0xa5, c->total);

	n = gs_wire_encode(dst, &c->cfg, 0x11223344, &cfd, c->is_fd);
	KUNIT_ASSERT_EQ(test, n, c->total);

	KUNIT_EXPECT_EQ(test, *(u32 *)dst, 0x11223344);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(*(__le32 *)(dst + 4)), c->wire_id);
	KUNIT_EXPECT_EQ(test, dst[8], c->dlc);
	KUNIT_EXPECT_EQ(test, dst[9], c->cfg.channel);
	KUNIT_EXPECT_EQ(test, dst[10], c->flags);
	KUNIT_EXPECT_EQ(test, dst[11], 0);
	KUNIT_EXPECT_EQ(test, memcmp(dst + 12, cfd.data, c->used), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(dst + 12 + c->used, 0, n - 12 - c->used));
	/* an skb may be shared with its echo */
	KUNIT_EXPECT_EQ(test, memcmp(&cfd, &copy, sizeof(cfd)), 0);
}

/* Every length of data there is, both ways, then decoded again */
static void wire_dlcs(struct kunit *test)
{
	const struct gs_wire_tx tx = { .channel = 1, .fd = true, .short_cc = true };
	const u8 modes[2] = { 0, GS_WIRE_CH_FD };
	u8 buf[GS_FRAME_OUT_MAX];
	struct gs_wire_rx rx;
	unsigned int dlc, n;

	for (dlc = 0; dlc < 16; dlc++) {
		struct canfd_frame in = { .can_id = 0x42, .len = fd_len[dlc] }, out = {};
		struct can_frame cc_in = { .can_id = 0x42, .len = cc_len[dlc] }, cc_out = {};

		get_random_bytes(in.data, in.len);
		n = gs_wire_encode(buf, &tx, GS_ECHO_ID_RX, &in, true);
		KUNIT_EXPECT_EQ(test, buf[8], dlc);
		KUNIT_ASSERT_EQ(test, gs_wire_decode(&rx, buf, n, 2, modes), GS_WIRE_OK);
		KUNIT_EXPECT_TRUE(test, rx.fd);
		KUNIT_EXPECT_EQ(test, rx.dlc, dlc);
		KUNIT_EXPECT_EQ(test, rx.len, fd_len[dlc]);
		gs_wire_to_fd(&out, &rx);
		in.flags = CANFD_FDF;
		KUNIT_EXPECT_EQ(test, memcmp(&in, &out, sizeof(in)), 0);

		get_random_bytes(cc_in.data, cc_in.len);
		cc_in.len8_dlc = dlc > 8 ? dlc : 0;
		n = gs_wire_encode(buf, &tx, GS_ECHO_ID_RX, (struct canfd_frame *)&cc_in, false);
		KUNIT_EXPECT_EQ(test, buf[8], dlc);
		KUNIT_ASSERT_EQ(test, gs_wire_decode(&rx, buf, n, 2, modes), GS_WIRE_OK);
		KUNIT_EXPECT_FALSE(test, rx.fd);
		KUNIT_EXPECT_EQ(test, rx.len, cc_len[dlc]);
		gs_wire_to_cc(&cc_out, &rx, true);
		KUNIT_EXPECT_EQ(test, memcmp(&cc_in, &cc_out, sizeof(cc_in)), 0);

		memset(&cc_out, 0, sizeof(cc_out));
		gs_wire_to_cc(&cc_out, &rx, false);
		cc_in.len8_dlc = 0;
		KUNIT_EXPECT_EQ(test, memcmp(&cc_in, &cc_out, sizeof(cc_in)), 0);
	}
}

/*
 * Decoding
 */

/* Timestamp behind 8 bytes of data and behind 64 */
#define TS_CC	0x01020304
#define TS_FD	0x05060708

/* Build a frame of any length in an allocation of just that length, and decode it */
static enum gs_wire_verdict decode(struct kunit *test, struct gs_wire_rx *rx, size_t len,
				   u32 echo_id, u32 can_id, u8 dlc, u8 channel, u8 flags,
				   unsigned int n_channels, const u8 *modes)
{
	const __le32 ts_cc = cpu_to_le32(TS_CC), ts_fd = cpu_to_le32(TS_FD);
	const __le32 id = cpu_to_le32(can_id);
	enum gs_wire_verdict verdict;
	u8 full[128];
	u8 *buf;

	memset(full, 0xda, sizeof(full));
	memcpy(full, &echo_id, 4);
	memcpy(full + 4, &id, 4);
	full[8] = dlc;
	full[9] = channel;
	full[10] = flags;
	full[11] = 0x77;
	memcpy(full + (flags & 2 ? 76 : 20), flags & 2 ? &ts_fd : &ts_cc, 4);

	buf = kmemdup(full, len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	verdict = gs_wire_decode(rx, buf, len, n_channels, modes);
	kfree(buf);

	return verdict;
}

static void wire_lengths(struct kunit *test)
{
	unsigned int bits, dlc, len, need;

	for (bits = 0; bits < 8; bits++) {
		bool fd = bits & 1, ts = bits & 2, rtr = bits & 4;
		const u8 modes = (fd ? GS_WIRE_CH_FD : 0) | (ts ? GS_WIRE_CH_TIMESTAMPS : 0);
		u32 id = 0x123 | (rtr ? CAN_RTR_FLAG : 0);

		for (dlc = 0; dlc < 16; dlc++) {
			unsigned int data = fd ? fd_len[dlc] : rtr ? 0 : cc_len[dlc];

			need = ts ? (fd ? 80 : 24) : 12 + data;
			for (len = 0; len <= 100; len++) {
				enum gs_wire_verdict want = GS_WIRE_OK, got;
				struct gs_wire_rx rx;

				if (len < 12)
					want = GS_WIRE_SHORT;
				else if (fd && rtr)
					want = GS_WIRE_BAD_FLAGS;
				else if (len < need)
					want = GS_WIRE_SHORT;

				got = decode(test, &rx, len, GS_ECHO_ID_RX, id, dlc, 0,
					     fd ? GS_FLAG_FD : 0, 1, &modes);
				KUNIT_ASSERT_EQ_MSG(test, got, want,
						    "fd %d ts %d rtr %d dlc %u len %u",
						    fd, ts, rtr, dlc, len);
				if (got != GS_WIRE_OK)
					continue;
				KUNIT_EXPECT_EQ(test, rx.len, data);
				KUNIT_EXPECT_EQ(test, rx.has_ts, ts);
				if (ts)
					KUNIT_EXPECT_EQ(test, rx.ts_us, fd ? TS_FD : TS_CC);
			}
		}
	}
}

static void wire_echo_lengths(struct kunit *test)
{
	unsigned int bits, len;

	for (bits = 0; bits < 4; bits++) {
		bool fd = bits & 1, ts = bits & 2;
		const u8 modes = ts ? GS_WIRE_CH_TIMESTAMPS : 0;

		for (len = 0; len <= 100; len++) {
			enum gs_wire_verdict got;
			struct gs_wire_rx rx;

			/* nothing but the header counts: DLC, id and FD on a classic channel are
			 * what no received frame could have
			 */
			got = decode(test, &rx, len, 7, 0xffffffff, 200, 0, fd ? GS_FLAG_FD : 0,
				     1, &modes);
			KUNIT_ASSERT_EQ(test, got, len < 12 ? GS_WIRE_SHORT : GS_WIRE_OK);
			if (got != GS_WIRE_OK)
				continue;
			KUNIT_EXPECT_EQ(test, rx.echo_id, 7);
			KUNIT_EXPECT_EQ(test, rx.has_ts, ts && len >= (fd ? 80 : 24));
			if (rx.has_ts)
				KUNIT_EXPECT_EQ(test, rx.ts_us, fd ? TS_FD : TS_CC);
		}
	}
}

struct decode_case {
	const char *name;
	u32 echo_id;
	u32 id;
	u8 dlc;
	u8 channel;
	u8 flags;
	enum gs_wire_verdict verdict;
	/* expected if OK */
	u32 id_out;
};

/* 80 bytes, on a device with channels 0 (classic), 1 (FD) and 2 (FD, timestamps) */
static const struct decode_case decode_cases[] = {
	{ "classic", 0xffffffff, 0x123, 8, 0, 0, GS_WIRE_OK, 0x123 },
	{ "extended", 0xffffffff, 0x9abcdef0, 8, 0, 0, GS_WIRE_OK, 0x9abcdef0 },
	{ "standard with junk", 0xffffffff, 0x1abcd123, 8, 0, 0, GS_WIRE_OK, 0x123 },
	{ "remote", 0xffffffff, 0x40000123, 8, 0, 0, GS_WIRE_OK, 0x40000123 },
	{ "raw DLC 15", 0xffffffff, 0x123, 15, 0, 0, GS_WIRE_OK, 0x123 },
	{ "DLC 16", 0xffffffff, 0x123, 16, 0, 0, GS_WIRE_BAD_DLC },
	{ "DLC 255", 0xffffffff, 0x123, 255, 0, 0, GS_WIRE_BAD_DLC },
	{ "DLC 255 of an echo", 0, 0x123, 255, 0, 0, GS_WIRE_OK, 0x123 },
	{ "echo 0xfffffffe", 0xfffffffe, 0, 0, 0, 0, GS_WIRE_OK, 0 },
	{ "overflow", 0xffffffff, 0x123, 8, 0, 1, GS_WIRE_OK, 0x123 },
	{ "unknown flags", 0xffffffff, 0x123, 8, 0, 0xf0, GS_WIRE_OK, 0x123 },
	{ "last channel", 0xffffffff, 0x123, 8, 2, 0, GS_WIRE_OK, 0x123 },
	{ "channel 3", 0xffffffff, 0x123, 8, 3, 0, GS_WIRE_BAD_CHANNEL },
	{ "channel 255", 0xffffffff, 0x123, 8, 255, 0, GS_WIRE_BAD_CHANNEL },
	{ "echo of channel 3", 1, 0x123, 8, 3, 0, GS_WIRE_BAD_CHANNEL },
	{ "FD on a classic channel", 0xffffffff, 0x123, 8, 0, 2, GS_WIRE_FD_OFF },
	{ "FD", 0xffffffff, 0x123, 8, 1, 2, GS_WIRE_OK, 0x123 },
	{ "FD BRS ESI", 0xffffffff, 0x123, 8, 1, 2 | 4 | 8, GS_WIRE_OK, 0x123 },
	{ "FD remote", 0xffffffff, 0x40000123, 8, 1, 2, GS_WIRE_BAD_FLAGS },
	{ "FD error", 0xffffffff, 0x20000004, 8, 1, 2, GS_WIRE_BAD_FLAGS },
	{ "error", 0xffffffff, 0x20000244, 8, 0, 0, GS_WIRE_OK, 0x20000244 },
	{ "error with RTR", 0xffffffff, 0x60000244, 8, 0, 0, GS_WIRE_OK, 0x60000244 },
	{ "error with DLC 7", 0xffffffff, 0x20000244, 7, 0, 0, GS_WIRE_BAD_FLAGS },
	{ "error with DLC 9", 0xffffffff, 0x20000244, 9, 0, 0, GS_WIRE_BAD_FLAGS },
	{ "error with DLC 0", 0xffffffff, 0x20000244, 0, 0, 0, GS_WIRE_BAD_FLAGS },
};

static void decode_name(const struct decode_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(decode, decode_cases, decode_name);

static void wire_decode(struct kunit *test)
{
	const u8 modes[3] = { 0, GS_WIRE_CH_FD, GS_WIRE_CH_FD | GS_WIRE_CH_TIMESTAMPS };
	const struct decode_case *c = test->param_value;
	enum gs_wire_verdict verdict;
	struct gs_wire_rx rx;

	verdict = decode(test, &rx, 80, c->echo_id, c->id, c->dlc, c->channel, c->flags, 3, modes);
	KUNIT_ASSERT_EQ(test, verdict, c->verdict);
	if (verdict != GS_WIRE_OK) {
		if (verdict >= GS_WIRE_BAD_DLC)
			KUNIT_EXPECT_EQ(test, rx.channel, c->channel);
		return;
	}

	KUNIT_EXPECT_EQ(test, rx.echo_id, c->echo_id);
	KUNIT_EXPECT_EQ(test, rx.channel, c->channel);
	KUNIT_EXPECT_EQ(test, rx.flags, c->flags);
	KUNIT_EXPECT_EQ(test, rx.fd, (bool)(c->flags & 2));
	if (c->echo_id == 0xffffffff)
		KUNIT_EXPECT_EQ(test, rx.can_id, c->id_out);
	if (c->id & CAN_ERR_FLAG)
		KUNIT_EXPECT_EQ(test, rx.len, 8);
}

struct next_case {
	const char *name;
	u32 echo_id;
	u32 id;
	u8 dlc;
	u8 channel;
	u8 flags;
	u8 reserved;
	size_t len;
	/* expected; 0: not a frame */
	size_t size;
};

/* On a device with channels 0 (classic), 1 (FD) and 2 (FD, timestamps) */
static const struct next_case next_cases[] = {
	{ "classic", 0xffffffff, 0x123, 8, 0, 0, 0, 20, 20 },
	{ "and something behind it", 0xffffffff, 0x123, 8, 0, 0, 0, 21, 20 },
	{ "one byte less", 0xffffffff, 0x123, 8, 0, 0, 0, 19, 0 },
	{ "as short as a first one may be", 0xffffffff, 0x123, 2, 0, 0, 0, 14, 0 },
	{ "timestamp", 0xffffffff, 0x123, 8, 2, 0, 0, 24, 24 },
	{ "timestamp cut off", 0xffffffff, 0x123, 8, 2, 0, 0, 23, 0 },
	{ "FD", 0xffffffff, 0x123, 15, 1, 2 | 4 | 8, 0, 76, 76 },
	{ "FD cut off", 0xffffffff, 0x123, 15, 1, 2, 0, 75, 0 },
	{ "FD, timestamp", 0xffffffff, 0x123, 1, 2, 2, 0, 80, 80 },
	{ "FD, timestamp cut off", 0xffffffff, 0x123, 1, 2, 2, 0, 79, 0 },
	{ "FD on a classic channel", 0xffffffff, 0x123, 8, 0, 2, 0, 76, 0 },
	{ "extended", 0xffffffff, 0x9abcdef0, 8, 0, 0, 0, 20, 20 },
	{ "error", 0xffffffff, 0x20000244, 8, 0, 0, 0, 20, 20 },
	{ "overflow", 0xffffffff, 0x123, 8, 0, 1, 0, 20, 20 },
	{ "echo", 5, 0x123, 8, 0, 0, 0, 20, 20 },
	{ "echo of header", 5, 0x123, 8, 0, 0, 0, 12, 0 },
	{ "echo of FD", 5, 0x123, 8, 1, 2, 0, 76, 76 },
	{ "echo of FD on a classic channel", 5, 0x123, 8, 0, 2, 0, 76, 0 },
	{ "echo with DLC 16", 5, 0x123, 16, 0, 0, 0, 20, 0 },
	{ "echo with zeros", 0, 0, 0, 0, 0, 0, 20, 20 },
	{ "header cut off", 0, 0, 0, 0, 0, 0, 11, 0 },
	{ "nothing", 0, 0, 0, 0, 0, 0, 0, 0 },
	{ "DLC 16", 0xffffffff, 0x123, 16, 0, 0, 0, 20, 0 },
	{ "channel 3", 0xffffffff, 0x123, 8, 3, 0, 0, 20, 0 },
	{ "reserved byte", 0xffffffff, 0x123, 8, 0, 0, 1, 20, 0 },
	{ "unknown flag", 0xffffffff, 0x123, 8, 0, 0x10, 0, 20, 0 },
	{ "BRS without FD", 0xffffffff, 0x123, 8, 1, 4, 0, 20, 0 },
	{ "ESI without FD", 0xffffffff, 0x123, 8, 1, 8, 0, 20, 0 },
	{ "standard with junk", 0xffffffff, 0x1abcd123, 8, 0, 0, 0, 20, 0 },
	{ "echo, standard with junk", 5, 0x1abcd123, 8, 0, 0, 0, 20, 0 },
};

static void next_name(const struct next_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(next, next_cases, next_name);

static void wire_next(struct kunit *test)
{
	const u8 modes[3] = { 0, GS_WIRE_CH_FD, GS_WIRE_CH_FD | GS_WIRE_CH_TIMESTAMPS };
	const struct next_case *c = test->param_value;
	const __le32 id = cpu_to_le32(c->id);
	struct gs_wire_rx rx;
	u8 full[80] = {};
	u8 *buf;

	memcpy(full, &c->echo_id, 4);
	memcpy(full + 4, &id, 4);
	full[8] = c->dlc;
	full[9] = c->channel;
	full[10] = c->flags;
	full[11] = c->reserved;

	/* so that a byte read behind it is found out */
	buf = kmemdup(full, c->len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, gs_wire_next(&rx, buf, c->len, 3, modes), c->size);
	kfree(buf);
}

static void wire_to_frames(struct kunit *test)
{
	const u8 data[64] = { 0xde, 0xad, 0xbe, 0xef, 5, 6, 7, 8, 9 };
	struct gs_wire_rx rx = { .can_id = 0x123 | CAN_RTR_FLAG, .dlc = 5, .data = data };
	struct canfd_frame cfd = {};
	struct can_frame cf = {};

	/* a remote frame asks for a length and has no data */
	gs_wire_to_cc(&cf, &rx, false);
	KUNIT_EXPECT_EQ(test, cf.can_id, 0x123 | CAN_RTR_FLAG);
	KUNIT_EXPECT_EQ(test, cf.len, 5);
	KUNIT_EXPECT_NULL(test, memchr_inv(cf.data, 0, 8));

	/* alloc_canfd_skb() has set FDF, which has to stay */
	cfd.flags = CANFD_FDF;
	rx = (struct gs_wire_rx){ .can_id = 0x123, .dlc = 9, .len = 12, .fd = true, .data = data,
				  .flags = GS_FLAG_FD | GS_FLAG_BRS | GS_FLAG_OVERFLOW };
	gs_wire_to_fd(&cfd, &rx);
	KUNIT_EXPECT_EQ(test, cfd.flags, CANFD_FDF | CANFD_BRS);
	KUNIT_EXPECT_EQ(test, cfd.len, 12);
	rx.flags = GS_FLAG_FD | GS_FLAG_ESI;
	memset(&cfd, 0, sizeof(cfd));
	gs_wire_to_fd(&cfd, &rx);
	KUNIT_EXPECT_EQ(test, cfd.flags, CANFD_FDF | CANFD_ESI);
}

/* Whatever comes: no step outside, and nothing impossible passes */
static void wire_noise(struct kunit *test)
{
	struct rnd_state rnd;
	unsigned int i, ok = 0;

	prandom_seed_state(&rnd, 42);
	for (i = 0; i < 10000; i++) {
		unsigned int n = 1 + prandom_u32_state(&rnd) % 4;
		size_t len = prandom_u32_state(&rnd) % 84;
		u8 *buf = kmalloc(len, GFP_KERNEL), *modes = kmalloc(n, GFP_KERNEL);
		enum gs_wire_verdict verdict;
		struct gs_wire_error err;
		struct canfd_frame cfd = {};
		struct can_frame cf = {};
		struct gs_wire_rx rx;

		if (!buf || !modes) {
			kfree(buf);
			kfree(modes);
			KUNIT_FAIL_AND_ABORT(test, "no memory");
		}
		prandom_bytes_state(&rnd, buf, len);
		prandom_bytes_state(&rnd, modes, n);
		/* pure noise would stop at its first word nearly always */
		if (len >= 12) {
			memset(buf, i % 4 ? 0xff : 0, 4);
			buf[8] %= 18;
			buf[9] %= 5;
		}

		verdict = gs_wire_decode(&rx, buf, len, n, modes);
		if (verdict == GS_WIRE_OK) {
			ok++;
			KUNIT_EXPECT_LT(test, rx.channel, n);
			KUNIT_EXPECT_PTR_EQ(test, rx.data, (const u8 *)buf + 12);
			KUNIT_EXPECT_LE(test, 12 + rx.len, len);
			if (rx.has_ts)
				KUNIT_EXPECT_TRUE(test, modes[rx.channel] & GS_WIRE_CH_TIMESTAMPS);
			if (rx.echo_id == GS_ECHO_ID_RX) {
				KUNIT_EXPECT_LE(test, rx.dlc, 15);
				if (rx.can_id & CAN_ERR_FLAG)
					gs_wire_parse_error(&err, &rx, i & 1);
				else if (rx.fd)
					gs_wire_to_fd(&cfd, &rx);
				else
					gs_wire_to_cc(&cf, &rx, i & 1);
				KUNIT_EXPECT_LE(test, cf.len, 8);
				KUNIT_EXPECT_LE(test, cfd.len, 64);
			}
		}
		kfree(buf);
		kfree(modes);
	}
	/* or this has been no test of what passes */
	KUNIT_EXPECT_GT(test, ok, 1000);
}

/*
 * Error frames
 */

#define A	CAN_STATE_ERROR_ACTIVE
#define W	CAN_STATE_ERROR_WARNING
#define P	CAN_STATE_ERROR_PASSIVE
#define B	CAN_STATE_BUS_OFF

struct error_case {
	const char *name;
	bool elm;
	u32 id;
	u8 data[8];
	struct gs_wire_error err;
};

#define STATE(tx, rx)		.has_state = true, .tx_state = tx, .rx_state = rx
#define COUNTERS(tec, rec)	.has_counters = true, .txerr = tec, .rxerr = rec

static const struct error_case error_cases[] = {
	/* candleLight since 2026 */
	{ "cl bus-off", false, 0x40, {}, { STATE(B, B) } },
	{ "cl active", false, 0x204, { 0, 0x40 }, { STATE(A, A), COUNTERS(0, 0) } },
	{ "cl tx warning", false, 0x28c, { 0, 0x08, 0, 0, 0, 0, 100, 3 },
	  { STATE(W, A), COUNTERS(100, 3), .class = 0x88 } },
	{ "cl rx warning", false, 0x28c, { 0, 0x04, 0, 0, 0, 0, 3, 100 },
	  { STATE(A, W), COUNTERS(3, 100), .class = 0x88 } },
	{ "cl tx passive, bit 0", false, 0x28c, { 0, 0x20, 8, 0, 0, 0, 128, 0 },
	  { STATE(P, A), COUNTERS(128, 0), .class = 0x88, .prot_type = 8 } },
	{ "cl rx passive", false, 0x28c, { 0, 0x10, 4, 0, 0, 0, 0, 130 },
	  { STATE(A, P), COUNTERS(0, 130), .class = 0x88, .prot_type = 4 } },
	{ "cl both passive", false, 0x28c, { 0, 0x30, 0, 0, 0, 0, 128, 135 },
	  { STATE(P, P), COUNTERS(128, 135), .class = 0x88 } },
	{ "cl both passive, REC stops at 127", false, 0x28c, { 0, 0x30, 0, 0, 0, 0, 20, 127 },
	  { STATE(A, P), COUNTERS(20, 127), .class = 0x88 } },
	{ "cl ACK error", false, 0x2a8, { 0, 0, 0, 0, 0, 0, 8, 0 },
	  { COUNTERS(8, 0), .class = 0xa8 } },
	{ "cl CRC error", false, 0x288, { 0, 0, 0, 8, 0, 0, 0, 9 },
	  { COUNTERS(0, 9), .class = 0x88, .prot_loc = 8 } },
	{ "cl restarted", false, 0x100, {}, { STATE(A, A), .restarted = true } },
	/* candleLight before: no CNT bit, WARNING stays set with PASSIVE, both sides blamed */
	{ "old tx passive", false, 0x8c, { 0, 0x3c, 0, 0, 0, 0, 128, 0 },
	  { STATE(P, A), COUNTERS(128, 0), .class = 0x88 } },
	{ "old rx warning", false, 0x8c, { 0, 0x0c, 0, 0, 0, 0, 0, 96 },
	  { STATE(A, W), COUNTERS(0, 96), .class = 0x88 } },
	{ "old tx warning 95 and 96", false, 0x8c, { 0, 0x0c, 0, 0, 0, 0, 96, 95 },
	  { STATE(W, A), COUNTERS(96, 95), .class = 0x88 } },
	{ "old bus-off", false, 0xcc, { 0, 0x3c, 0, 0, 0, 0, 248, 0 },
	  { STATE(B, B), COUNTERS(248, 0), .class = 0x88 } },
	{ "old nothing new", false, 0x8c, { 0, 0, 2, 0, 0, 0, 5, 0 },
	  { COUNTERS(5, 0), .class = 0x88, .prot_type = 2 } },
	/* CANnectivity */
	{ "cn active", false, 0x204, { 0, 0x40, 0, 0, 0, 0, 1, 2 },
	  { STATE(A, A), COUNTERS(1, 2) } },
	{ "cn warning by tx", false, 0x204, { 0, 0x0c, 0, 0, 0, 0, 96, 0 },
	  { STATE(W, A), COUNTERS(96, 0) } },
	{ "cn passive by rx", false, 0x204, { 0, 0x30, 0, 0, 0, 0, 0, 128 },
	  { STATE(A, P), COUNTERS(0, 128) } },
	{ "cn passive by both", false, 0x204, { 0, 0x30, 0, 0, 0, 0, 255, 255 },
	  { STATE(P, P), COUNTERS(255, 255) } },
	{ "cn bus-off", false, 0x240, { 0, 0, 0, 0, 0, 0, 255, 0 },
	  { STATE(B, B), COUNTERS(255, 0) } },
	{ "cn active after bus-off", false, 0x304, { 0, 0x40 },
	  { STATE(A, A), COUNTERS(0, 0), .restarted = true } },
	/* ELM: bit 9 is "CRC error", data[5] is private, counters always */
	{ "elm tx warning at 60", true, 0x04, { 0, 0x08, 0, 0, 0, 2, 60, 0 },
	  { STATE(W, A), COUNTERS(60, 0) } },
	{ "elm both warning at 60", true, 0x04, { 0, 0x0c, 0, 0, 0, 2, 60, 10 },
	  { STATE(W, A), COUNTERS(60, 10) } },
	{ "elm both warning, equal", true, 0x04, { 0, 0x0c, 0, 0, 0, 2, 60, 60 },
	  { STATE(W, W), COUNTERS(60, 60) } },
	{ "elm both passive", true, 0x04, { 0, 0x30, 0, 0, 0, 0, 136, 128 },
	  { STATE(P, P), COUNTERS(136, 128) } },
	{ "elm active", true, 0x04, { 0, 0x40 }, { STATE(A, A), COUNTERS(0, 0) } },
	{ "elm bus-off", true, 0x40, { 0, 0, 0, 0, 0, 2 }, { STATE(B, B), COUNTERS(0, 0) } },
	{ "elm CRC error", true, 0x200, { 0, 0, 0, 0, 0, 1, 0, 1 },
	  { COUNTERS(0, 1), .class = 0x08, .prot_loc = 8 } },
	{ "elm no ACK, timeout", true, 0x21, { 0, 0, 0, 0, 0, 0x12, 128, 0 },
	  { COUNTERS(128, 0), .class = 0x21 } },
	{ "elm tx overflow", true, 0x04, { 0, 0x02, 0, 0, 0, 4 },
	  { COUNTERS(0, 0), .ctrl_overflow = 2 } },
	{ "elm rx overflow and warning", true, 0x04, { 0, 0x05, 0, 0, 0, 8, 0, 99 },
	  { STATE(A, W), COUNTERS(0, 99), .ctrl_overflow = 1 } },
	/* nobody known */
	{ "both sides, no counters", false, 0x04, { 0, 0x30 }, { STATE(P, P) } },
	{ "data[1] without CRTL", false, 0x08, { 0, 0x20, 1 }, { .class = 8, .prot_type = 1 } },
	{ "data[2] without PROT", false, 0x04, { 0, 0x40, 1, 2 }, { STATE(A, A) } },
	{ "bus-off wins over restarted", false, 0x140, {}, { STATE(B, B) } },
	{ "restarted wins over passive", false, 0x104, { 0, 0x30 },
	  { STATE(A, A), .restarted = true } },
	{ "warning wins over active", false, 0x04, { 0, 0x48 }, { STATE(W, A) } },
	{ "all classes, unknown bits", false, 0x1ffff033, { 1, 0, 0, 0, 0x44, 9 },
	  { .class = 0x33 } },
};

static void error_name(const struct error_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(error, error_cases, error_name);

static void wire_error(struct kunit *test)
{
	const struct error_case *c = test->param_value;
	struct gs_wire_rx rx = { .can_id = c->id | CAN_ERR_FLAG, .dlc = 8, .len = 8,
				 .data = c->data };
	struct gs_wire_error err;

	memset(&err, 0xa5, sizeof(err));
	gs_wire_parse_error(&err, &rx, c->elm);
	KUNIT_EXPECT_EQ(test, err.has_state, c->err.has_state);
	KUNIT_EXPECT_EQ(test, err.restarted, c->err.restarted);
	KUNIT_EXPECT_EQ(test, err.has_counters, c->err.has_counters);
	KUNIT_EXPECT_EQ(test, err.tx_state, c->err.tx_state);
	KUNIT_EXPECT_EQ(test, err.rx_state, c->err.rx_state);
	KUNIT_EXPECT_EQ(test, err.txerr, c->err.txerr);
	KUNIT_EXPECT_EQ(test, err.rxerr, c->err.rxerr);
	KUNIT_EXPECT_EQ(test, err.class, c->err.class);
	KUNIT_EXPECT_EQ(test, err.ctrl_overflow, c->err.ctrl_overflow);
	KUNIT_EXPECT_EQ(test, err.prot_type, c->err.prot_type);
	KUNIT_EXPECT_EQ(test, err.prot_loc, c->err.prot_loc);
}

/*
 * Bit-timing limits
 */

struct limits_case {
	const char *name;
	u32 fclk;
	/* tseg1 min max, tseg2 min max, sjw max, brp min max inc */
	u32 lim[8];
	bool good;
};

static const struct limits_case limits_cases[] = {
	{ "bxCAN", 48000000, { 1, 16, 1, 8, 4, 1, 1024, 1 }, true },
	{ "FDCAN nominal", 40000000, { 1, 256, 1, 128, 128, 1, 512, 1 }, true },
	{ "FDCAN data", 40000000, { 1, 32, 1, 16, 16, 1, 32, 1 }, true },
	{ "one minimum is 0", 40000000, { 1, 32, 0, 16, 16, 1, 32, 1 }, true },
	{ "all zero", 0, {}, false },
	{ "fclk 0", 0, { 1, 16, 1, 8, 4, 1, 1024, 1 }, false },
	{ "tseg1_max 0", 48000000, { 0, 0, 1, 8, 4, 1, 1024, 1 }, false },
	{ "tseg1 reversed", 48000000, { 17, 16, 1, 8, 4, 1, 1024, 1 }, false },
	{ "tseg2_max 0", 48000000, { 1, 16, 0, 0, 4, 1, 1024, 1 }, false },
	{ "tseg2 reversed", 48000000, { 1, 16, 9, 8, 4, 1, 1024, 1 }, false },
	{ "both minima 0", 48000000, { 0, 16, 0, 8, 4, 1, 1024, 1 }, false },
	{ "tseg1_max huge", 48000000, { 1, 0xffffffff, 1, 8, 4, 1, 1024, 1 }, false },
	{ "tseg2_max huge", 48000000, { 1, 16, 1, 0x10000, 4, 1, 1024, 1 }, false },
	{ "sjw_max 0", 48000000, { 1, 16, 1, 8, 0, 1, 1024, 1 }, false },
	{ "brp_min 0", 48000000, { 1, 16, 1, 8, 4, 0, 1024, 1 }, false },
	{ "brp reversed", 48000000, { 1, 16, 1, 8, 4, 2, 1, 1 }, false },
	{ "brp_max 0", 48000000, { 1, 16, 1, 8, 4, 0, 0, 1 }, false },
	{ "brp_inc 0", 48000000, { 1, 16, 1, 8, 4, 1, 1024, 0 }, false },
	{ "brp_inc 2", 48000000, { 1, 16, 1, 8, 4, 2, 1024, 2 }, true },
	/* 25 quanta times this divider is 2^32 - 21 and 2^32 + 4 */
	{ "product just fits", 48000000, { 1, 16, 1, 8, 4, 1, 171798691, 1 }, true },
	{ "product overflows", 48000000, { 1, 16, 1, 8, 4, 1, 171798692, 1 }, false },
};

static void limits_name(const struct limits_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(limits, limits_cases, limits_name);

static void wire_limits(struct kunit *test)
{
	const struct limits_case *c = test->param_value;
	__le32 raw[8];
	unsigned int i;

	for (i = 0; i < 8; i++)
		raw[i] = cpu_to_le32(c->lim[i]);
	KUNIT_EXPECT_EQ(test, !gs_wire_check_limits((struct gs_device_bt_limits *)raw, c->fclk),
			c->good);
}

/* tdcv_min, tdcv_max, tdco_min, tdco_max, tdcf_min, tdcf_max, mode */
struct tdc_case {
	const char *name;
	u32 raw[7];
	bool good;
};

static const struct tdc_case tdc_cases[] = {
	{ "candleLight", { 0, 0, 0, 127, 0, 127, 3 }, true },
	{ "all modes", { 0, 127, 1, 127, 0, 0, 7 }, true },
	{ "manual only", { 1, 1, 1, 1, 0, 0, 5 }, true },
	{ "nothing", { 0, 0, 0, 0, 0, 0, 0 }, false },
	{ "off only", { 0, 0, 0, 127, 0, 127, 1 }, false },
	{ "no off", { 0, 0, 0, 127, 0, 127, 2 }, false },
	{ "no tdco", { 0, 0, 0, 0, 0, 127, 3 }, false },
	{ "tdco reversed", { 0, 0, 8, 7, 0, 127, 3 }, false },
	{ "tdcf reversed", { 0, 0, 0, 127, 8, 7, 3 }, false },
	{ "manual without tdcv", { 0, 0, 0, 127, 0, 127, 7 }, false },
	{ "tdcv reversed", { 8, 7, 0, 127, 0, 127, 7 }, false },
};

static void tdc_name(const struct tdc_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(tdc, tdc_cases, tdc_name);

static void wire_tdc(struct kunit *test)
{
	const struct tdc_case *c = test->param_value;
	__le32 raw[7];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(raw); i++)
		raw[i] = cpu_to_le32(c->raw[i]);
	KUNIT_EXPECT_EQ(test, !gs_wire_check_tdc((struct gs_device_tdc_const *)raw), c->good);
}

static struct kunit_case wire_cases[] = {
	KUNIT_CASE(wire_numbers),
	KUNIT_CASE_PARAM(wire_encode, encode_gen_params),
	KUNIT_CASE(wire_dlcs),
	KUNIT_CASE(wire_lengths),
	KUNIT_CASE(wire_echo_lengths),
	KUNIT_CASE_PARAM(wire_decode, decode_gen_params),
	KUNIT_CASE_PARAM(wire_next, next_gen_params),
	KUNIT_CASE(wire_to_frames),
	KUNIT_CASE(wire_noise),
	KUNIT_CASE_PARAM(wire_error, error_gen_params),
	KUNIT_CASE_PARAM(wire_limits, limits_gen_params),
	KUNIT_CASE_PARAM(wire_tdc, tdc_gen_params),
	{}
};

static struct kunit_suite wire_suite = {
	.name = "gs_usb_ng_wire",
	.test_cases = wire_cases,
};

kunit_test_suite(wire_suite);

MODULE_DESCRIPTION("KUnit suites of gs_usb_ng");
MODULE_LICENSE("GPL");
