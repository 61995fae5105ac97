// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target for wire.c and elm.c: any bytes in, and what must hold of what comes out.
 *
 * Every buffer is allocated in its exact size, so that AddressSanitizer sees a
 * byte read or written beyond it.
 */
#include <linux/can.h>
#include <linux/can/error.h>
#include <linux/can/netlink.h>
#include <linux/can/length.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elm.h"
#include "gs_usb_wire.h"

#define CHANNELS	3
#define FILL		0xa5

/* The only checks there are: a false one ends the program, and is a finding. */
#define must(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __func__, __LINE__, #cond); \
			abort(); \
		} \
	} while (0)

int fuzz_one(const u8 *data, size_t size);

static void *exactly(const void *from, size_t size)
{
	void *p = malloc(size ? size : 1);

	must(p);
	if (from && size)
		memcpy(p, from, size);
	return p;
}

static u32 known_id(u32 id)
{
	u32 mask = id & CAN_EFF_FLAG ? CAN_EFF_MASK : CAN_SFF_MASK;

	return id & (mask | CAN_EFF_FLAG | CAN_RTR_FLAG);
}

static bool all(const u8 *p, size_t n, u8 value)
{
	while (n--)
		if (p[n] != value)
			return false;
	return true;
}

/* Encodes, decodes again as a received frame, and as an echo. */
static void round_trip(const struct gs_wire_tx *cfg, const struct canfd_frame *cfd, bool is_fd)
{
	u8 *dst = exactly(NULL, GS_FRAME_OUT_MAX), modes[CHANNELS], *copy;
	struct canfd_frame fd = { 0 };
	struct can_frame cc = { 0 };
	unsigned int len, want, n;
	struct gs_wire_rx rx;

	memset(modes, is_fd || cfg->fd ? GS_WIRE_CH_FD : 0, sizeof(modes));
	memset(dst, FILL, GS_FRAME_OUT_MAX);
	len = gs_wire_encode(dst, cfg, GS_ECHO_ID_RX, cfd, is_fd);
	want = is_fd || (cfg->fd && !cfg->short_cc) ? GS_FRAME_FD_LEN : GS_FRAME_CC_LEN;
	must(len == want + cfg->pad);
	must(all(dst + len, GS_FRAME_OUT_MAX - len, FILL));

	/* the same bytes again: nothing of an earlier frame is left in them */
	copy = exactly(dst, len);
	memset(dst, ~FILL, GS_FRAME_OUT_MAX);
	must(gs_wire_encode(dst, cfg, GS_ECHO_ID_RX, cfd, is_fd) == len);
	must(!memcmp(copy, dst, len));

	must(gs_wire_decode(&rx, copy, len, CHANNELS, modes) == GS_WIRE_OK);
	must(rx.channel == cfg->channel && rx.fd == is_fd && !rx.has_ts);
	n = cfd->len;
	if (is_fd) {
		n = n < CANFD_MAX_DLEN ? n : CANFD_MAX_DLEN;
		must(rx.can_id == (known_id(cfd->can_id) & ~CAN_RTR_FLAG));
		must(rx.len == can_fd_dlc2len(can_fd_len2dlc(n)));
		gs_wire_to_fd(&fd, &rx);
		must(fd.can_id == rx.can_id && fd.len == rx.len && fd.flags & CANFD_FDF);
		must(!((fd.flags ^ cfd->flags) & (CANFD_BRS | CANFD_ESI)));
		must(!memcmp(fd.data, cfd->data, n) && all(fd.data + n, CANFD_MAX_DLEN - n, 0));
	} else {
		const struct can_frame *cf = (const struct can_frame *)cfd;

		n = n < CAN_MAX_DLEN ? n : CAN_MAX_DLEN;
		must(rx.can_id == known_id(cfd->can_id));
		gs_wire_to_cc(&cc, &rx, true);
		must(cc.can_id == rx.can_id && cc.len == n);
		if (!cfg->no_raw_dlc && cf->len == CAN_MAX_DLEN && cf->len8_dlc > 8 &&
		    cf->len8_dlc <= 15)
			must(cc.len8_dlc == cf->len8_dlc);
		else
			must(!cc.len8_dlc);
		if (rx.can_id & CAN_RTR_FLAG)
			n = 0;
		must(!memcmp(cc.data, cfd->data, n) && all(cc.data + n, CAN_MAX_DLEN - n, 0));
	}

	must(gs_wire_encode(dst, cfg, 0x12345678, cfd, is_fd) == len);
	must(gs_wire_decode(&rx, dst, GS_FRAME_HDR_LEN, CHANNELS, modes) == GS_WIRE_OK);
	must(rx.echo_id == 0x12345678 && rx.channel == cfg->channel);
	free(copy);
	free(dst);
}

static void check_error(const struct gs_wire_rx *rx, bool elm)
{
	struct gs_wire_error err;

	memset(&err, FILL, sizeof(err));
	gs_wire_parse_error(&err, rx, elm);
	must(err.tx_state <= CAN_STATE_BUS_OFF && err.rx_state <= CAN_STATE_BUS_OFF);
	must(err.has_state || (!err.tx_state && !err.rx_state && !err.restarted));
	must((err.tx_state == CAN_STATE_BUS_OFF) == (err.rx_state == CAN_STATE_BUS_OFF));
	must((err.tx_state == CAN_STATE_BUS_OFF) == !!(rx->can_id & CAN_ERR_BUSOFF));
	must(!(err.class & ~(CAN_ERR_PROT | CAN_ERR_BUSERROR | CAN_ERR_ACK | CAN_ERR_TX_TIMEOUT |
			     CAN_ERR_LOSTARB | CAN_ERR_TRX)));
	must(!(err.ctrl_overflow & ~(CAN_ERR_CRTL_RX_OVERFLOW | CAN_ERR_CRTL_TX_OVERFLOW)));
	must(err.class & CAN_ERR_PROT || (!err.prot_type && !err.prot_loc));
	must(err.has_counters || (!err.txerr && !err.rxerr));
}

static void check_received(const struct gs_wire_rx *rx, const u8 *buf, size_t len, u8 mode)
{
	struct gs_wire_tx cfg = { .channel = rx->channel, .fd = rx->fd };
	struct canfd_frame fd = { 0 };
	struct can_frame cc = { 0 };

	must(rx->dlc <= 15 && rx->data == buf + GS_FRAME_HDR_LEN);
	must((size_t)GS_FRAME_HDR_LEN + rx->len <= len);
	must(!!(mode & GS_WIRE_CH_TIMESTAMPS) == rx->has_ts);
	must(!rx->fd || (mode & GS_WIRE_CH_FD &&
			 !(rx->can_id & (CAN_RTR_FLAG | CAN_ERR_FLAG))));
	if (rx->can_id & CAN_ERR_FLAG) {
		must(rx->len == CAN_ERR_DLC);
		check_error(rx, false);
		check_error(rx, true);
		return;
	}
	must(rx->can_id == known_id(rx->can_id));
	if (rx->fd) {
		must(rx->len == can_fd_dlc2len(rx->dlc));
		gs_wire_to_fd(&fd, rx);
		must(!memcmp(fd.data, rx->data, rx->len));
		must(all(fd.data + rx->len, CANFD_MAX_DLEN - rx->len, 0));
		round_trip(&cfg, &fd, true);
	} else {
		must(rx->len == (rx->can_id & CAN_RTR_FLAG ? 0 : can_cc_dlc2len(rx->dlc)));
		gs_wire_to_cc(&cc, rx, false);
		must(cc.len == can_cc_dlc2len(rx->dlc) && !cc.len8_dlc);
		must(!memcmp(cc.data, rx->data, rx->len));
		must(all(cc.data + rx->len, CAN_MAX_DLEN - rx->len, 0));
		/* the encoder is given the larger structure, as by the driver */
		memcpy(&fd, &cc, sizeof(cc));
		round_trip(&cfg, &fd, false);
	}
}

/* Frame after frame, each with all of its bytes in what is left. */
static void fuzz_walk(const u8 *buf, size_t left, const u8 *modes)
{
	struct gs_wire_rx rx;
	size_t size;

	while ((size = gs_wire_next(&rx, buf, left, CHANNELS, modes))) {
		must(size <= left && rx.channel < CHANNELS && !buf[11] && rx.dlc <= 15);
		must(size == (size_t)(rx.fd ? GS_FRAME_FD_LEN : GS_FRAME_CC_LEN) +
			     (modes[rx.channel] & GS_WIRE_CH_TIMESTAMPS ? GS_FRAME_TS_LEN : 0));
		must(!rx.fd || modes[rx.channel] & GS_WIRE_CH_FD);
		must(rx.data == buf + GS_FRAME_HDR_LEN);
		buf += size;
		left -= size;
	}
}

static void fuzz_decode(const u8 *data, size_t size, u8 choice)
{
	u8 modes[CHANNELS] = { choice & 3, choice >> 2 & 3, choice >> 4 & 3 };
	u8 *m = exactly(modes, CHANNELS), *buf = exactly(data, size);
	enum gs_wire_verdict verdict;
	struct gs_wire_rx rx;

	memset(&rx, FILL, sizeof(rx));
	verdict = gs_wire_decode(&rx, buf, size, CHANNELS, m);
	must((verdict == GS_WIRE_SHORT) >= (size < GS_FRAME_HDR_LEN));
	if (verdict >= GS_WIRE_BAD_DLC || verdict == GS_WIRE_OK)
		must(rx.channel < CHANNELS);
	if (verdict == GS_WIRE_BAD_CHANNEL)
		must(rx.channel >= CHANNELS);
	if (verdict == GS_WIRE_OK && rx.echo_id == GS_ECHO_ID_RX)
		check_received(&rx, buf, size, modes[rx.channel]);
	fuzz_walk(buf, size, m);
	free(buf);
	free(m);
}

static void fuzz_encode(const u8 *data, size_t size, u8 choice)
{
	struct gs_wire_tx cfg = {
		.channel = choice % CHANNELS,
		.fd = choice & 4, .short_cc = choice & 8, .pad = choice & 16,
		.no_raw_dlc = choice & 32,
	};
	struct canfd_frame *cfd = exactly(NULL, sizeof(*cfd));
	struct can_frame *cf;

	memset(cfd, 0, sizeof(*cfd));
	memcpy(cfd, data, size < sizeof(*cfd) ? size : sizeof(*cfd));
	/* error frames are never sent */
	cfd->can_id &= ~CAN_ERR_FLAG;
	if (choice & 64) {
		cfg.fd = true;
		round_trip(&cfg, cfd, true);
		free(cfd);
		return;
	}
	cf = exactly(cfd, sizeof(*cf));
	round_trip(&cfg, (struct canfd_frame *)cf, false);
	free(cf);
	free(cfd);
}

static void fuzz_limits(const u8 *data, size_t size)
{
	struct gs_device_bt_limits lim = { 0 };
	u32 fclk = 0, seg, inc;

	if (size < sizeof(lim) + sizeof(fclk))
		return;
	memcpy(&lim, data, sizeof(lim));
	memcpy(&fclk, data + sizeof(lim), sizeof(fclk));
	if (gs_wire_check_limits(&lim, fclk))
		return;
	inc = le32_to_cpu(lim.brp_inc);
	seg = 1 + le32_to_cpu(lim.tseg1_max) + le32_to_cpu(lim.tseg2_max);
	must(fclk && inc && le32_to_cpu(lim.sjw_max));
	must(le32_to_cpu(lim.brp_max) * (u64)seg <= U32_MAX && seg < 1 << 18);
	must(le32_to_cpu(lim.tseg1_min) + le32_to_cpu(lim.tseg2_min));
}

/* A transfer is taken whole or not at all; whole, its messages are all of its bytes. */
static void fuzz_elm_in(const u8 *data, size_t size, bool timestamps)
{
	size_t used = size > 1 && data[1] == GS_ELM_RX_BLOB ? 2 : 0;
	u8 *buf = exactly(data, size);
	struct gs_wire_error err;
	struct canfd_frame fd;
	struct gs_elm_msg msg;
	struct can_frame cc;
	struct gs_elm_in in;
	const u8 *at;

	if (size && gs_elm_in_begin(&in, buf, size, timestamps)) {
		must(in.left == (used ? buf[0] : 1));
		for (at = in.pos; gs_elm_in_next(&in, &msg); at = in.pos) {
			must(in.pos > at && in.pos <= buf + size);
			must(msg.type == at[1]);
			used += in.pos - at;
			if (msg.type == GS_ELM_ERROR)
				gs_elm_parse_error(&err, &msg.rx);
			if (msg.type != GS_ELM_RX_FRAME)
				continue;
			must(msg.rx.data + msg.rx.len <= in.pos && msg.rx.has_ts == timestamps);
			must(msg.rx.can_id == known_id(msg.rx.can_id));
			memset(&fd, 0, sizeof(fd));
			memset(&cc, 0, sizeof(cc));
			if (msg.rx.fd)
				gs_wire_to_fd(&fd, &msg.rx);
			else
				gs_wire_to_cc(&cc, &msg.rx, false);
		}
		must(used == size);
	}
	free(buf);
}

/* Frames into a blob of any size: what fits is told by their sizes, and nothing goes behind. */
static void fuzz_elm_out(const u8 *data, size_t size, u8 choice)
{
	unsigned int room = 2 + 8 + 64 + choice * 2, pos, n;
	struct canfd_frame cfd = { 0 };
	struct gs_elm_out out;
	bool fd = choice & 1;
	u8 *buf;

	memcpy(&cfd, data, size < sizeof(cfd) ? size : sizeof(cfd));
	buf = exactly(NULL, room);
	gs_elm_out_begin(&out, buf, room);
	for (n = 0; gs_elm_out_add(&out, 1 + n, &cfd, fd); n++)
		must(out.len <= room && buf[0] == n + 1);
	must(n && buf[1] == GS_ELM_TX_BLOB);
	for (pos = 2; n--; pos += buf[pos]) {
		must(buf[pos] >= 8 && buf[pos] <= (fd ? 72 : 16));
		must(buf[pos + 1] == GS_ELM_TX_FRAME && buf[pos + 7]);
	}
	must(pos == out.len);
	free(buf);
}

int fuzz_one(const u8 *data, size_t size)
{
	if (size < 2)
		return 0;
	switch (data[0] % 8) {
	case 0:
		fuzz_limits(data + 2, size - 2);
		break;
	case 1:
	case 2:
		fuzz_encode(data + 2, size - 2, data[1]);
		break;
	case 3:
		fuzz_elm_in(data + 2, size - 2, data[1] & 1);
		break;
	case 4:
		fuzz_elm_out(data + 2, size - 2, data[1]);
		break;
	default:
		fuzz_decode(data + 2, size - 2, data[1]);
	}
	return 0;
}
