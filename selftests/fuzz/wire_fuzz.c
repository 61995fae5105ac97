// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target for wire.c: any bytes in, and what must hold of what comes out.
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
	default:
		fuzz_decode(data + 2, size - 2, data[1]);
	}
	return 0;
}
