// SPDX-License-Identifier: GPL-2.0-only
/*
 * Encode, decode and validate gs_usb host frames.
 *
 * Pure: bytes in, values out. A device may send anything at all, so nothing in here believes
 * a length, a number or a flag before it has looked at it.
 *
 * What the firmwares do is taken from their sources, which are quoted as "candleLight",
 * "CANnectivity" and "ELM" (https://github.com/candle-usb/candleLight_fw,
 * https://github.com/CANnectivity/cannectivity and
 * https://github.com/Elmue/CANable-2.5-firmware-Slcan-and-Candlelight).
 */
#include <linux/can.h>
#include <linux/can/error.h>
#include <linux/can/netlink.h>
/* needs the two above, but includes them only since 6.2 */
#include <linux/can/length.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "gs_usb_wire.h"

/* Highest data length code that fits into its four bits */
#define GS_WIRE_MAX_DLC		15

/* A bit has fewer time quanta than this in every CAN controller, the largest count 385; it keeps
 * the CAN core's search over all segment lengths short and its products within 32 bits.
 */
#define GS_WIRE_TSEG_MAX	0xffff

/* The timestamp follows the data area and need not be aligned in the transfer */
struct gs_wire_ts {
	__le32 us;
} __packed;
static_assert(sizeof(struct gs_wire_ts) == GS_FRAME_TS_LEN);

static_assert(sizeof(struct gs_host_frame) == GS_FRAME_HDR_LEN);
static_assert(GS_FRAME_HDR_LEN + CAN_MAX_DLEN == GS_FRAME_CC_LEN);
static_assert(GS_FRAME_HDR_LEN + CANFD_MAX_DLEN == GS_FRAME_FD_LEN);

/**
 * gs_wire_mask_id() - clear the id bits that an identifier of its kind doesn't have
 * @can_id: id and SocketCAN flags, host order; not an error frame
 *
 * Return: @can_id with 11 or 29 bits of identifier, EFF and RTR
 */
static u32 gs_wire_mask_id(u32 can_id)
{
	u32 mask = can_id & CAN_EFF_FLAG ? CAN_EFF_MASK : CAN_SFF_MASK;

	return can_id & (mask | CAN_EFF_FLAG | CAN_RTR_FLAG);
}

unsigned int gs_wire_encode(void *dst, const struct gs_wire_tx *cfg, u32 echo_id,
			    const struct canfd_frame *cfd, bool is_fd)
{
	struct gs_host_frame *hf = dst;
	unsigned int area, used, len;
	u32 can_id = gs_wire_mask_id(cfd->can_id);

	hf->echo_id = cpu_to_le32(echo_id);
	hf->channel = cfg->channel;
	hf->flags = 0;
	hf->reserved = 0;

	if (is_fd) {
		/* FD frames have no RTR bit, and firmware drops one that claims it */
		can_id &= ~CAN_RTR_FLAG;
		used = min_t(unsigned int, cfd->len, CANFD_MAX_DLEN);
		hf->can_dlc = can_fd_len2dlc(used);
		hf->flags |= GS_FLAG_FD;
		if (cfd->flags & CANFD_BRS)
			hf->flags |= GS_FLAG_BRS;
		if (cfd->flags & CANFD_ESI)
			hf->flags |= GS_FLAG_ESI;
	} else {
		const struct can_frame *cf = (const struct can_frame *)cfd;
		u32 mode = cfg->no_raw_dlc ? 0 : CAN_CTRLMODE_CC_LEN8_DLC;

		used = min_t(unsigned int, cf->len, CAN_MAX_DLEN);
		hf->can_dlc = used == cf->len ? can_get_cc_dlc(cf, mode) : used;
		/* An RTR frame's length asks for data, it has none */
		if (can_id & CAN_RTR_FLAG)
			used = 0;
	}
	hf->can_id = cpu_to_le32(can_id);

	/* Firmware of old takes whole FD frames only, once a channel was started with FD */
	if (is_fd || (cfg->fd && !cfg->short_cc))
		area = CANFD_MAX_DLEN;
	else
		area = CAN_MAX_DLEN;

	/* The most frequent cases where speed matters: a constant makes it a few moves */
	if (used == CAN_MAX_DLEN)
		memcpy(hf->data, cfd->data, CAN_MAX_DLEN);
	else if (used == CANFD_MAX_DLEN)
		memcpy(hf->data, cfd->data, CANFD_MAX_DLEN);
	else
		memcpy(hf->data, cfd->data, used);
	/* The buffer held another frame, whose data are nobody's business */
	if (used < area)
		memset(hf->data + used, 0, area - used);
	len = GS_FRAME_HDR_LEN + area;

	if (cfg->pad) {
		((u8 *)dst)[len] = 0;
		len += GS_FRAME_QUIRK_LEN;
	}

	return len;
}

enum gs_wire_verdict gs_wire_decode(struct gs_wire_rx *rx, const void *buf, size_t len,
				    unsigned int n_channels, const u8 *ch_modes)
{
	const struct gs_host_frame *hf = buf;
	size_t whole, need;
	u8 modes;

	if (len < GS_FRAME_HDR_LEN)
		return GS_WIRE_SHORT;

	rx->echo_id = le32_to_cpu(hf->echo_id);
	rx->can_id = le32_to_cpu(hf->can_id);
	rx->channel = hf->channel;
	rx->dlc = hf->can_dlc;
	rx->flags = hf->flags;
	rx->fd = hf->flags & GS_FLAG_FD;
	rx->len = 0;
	rx->has_ts = false;
	rx->ts_us = 0;
	rx->data = hf->data;

	if (rx->channel >= n_channels)
		return GS_WIRE_BAD_CHANNEL;
	modes = READ_ONCE(ch_modes[rx->channel]);

	/* By the flag, not by the DLC: a timestamp follows the data area in its full size */
	whole = rx->fd ? GS_FRAME_FD_LEN : GS_FRAME_CC_LEN;
	/* Of an echo only the header counts. CANnectivity leaves the rest zero, others return what
	 * was sent, with flags rebuilt or not; the frame itself is still here.
	 */
	need = GS_FRAME_HDR_LEN;

	if (rx->echo_id == GS_ECHO_ID_RX) {
		if (unlikely(rx->dlc > GS_WIRE_MAX_DLC))
			return GS_WIRE_BAD_DLC;

		if (unlikely(rx->can_id & CAN_ERR_FLAG)) {
			if (rx->fd || rx->dlc != CAN_ERR_DLC)
				return GS_WIRE_BAD_FLAGS;
			rx->len = CAN_ERR_DLC;
		} else if (rx->fd) {
			if (unlikely(rx->can_id & CAN_RTR_FLAG))
				return GS_WIRE_BAD_FLAGS;
			if (unlikely(!(modes & GS_WIRE_CH_FD)))
				return GS_WIRE_FD_OFF;
			rx->len = can_fd_dlc2len(rx->dlc);
			rx->can_id = gs_wire_mask_id(rx->can_id);
		} else {
			if (!(rx->can_id & CAN_RTR_FLAG))
				rx->len = can_cc_dlc2len(rx->dlc);
			rx->can_id = gs_wire_mask_id(rx->can_id);
		}

		need += rx->len;
		if (modes & GS_WIRE_CH_TIMESTAMPS)
			need = whole + GS_FRAME_TS_LEN;
		if (unlikely(len < need))
			return GS_WIRE_SHORT;
	}

	if ((modes & GS_WIRE_CH_TIMESTAMPS) && len >= whole + GS_FRAME_TS_LEN) {
		const struct gs_wire_ts *ts = buf + whole;

		rx->has_ts = true;
		rx->ts_us = le32_to_cpu(ts->us);
	}

	return GS_WIRE_OK;
}

size_t gs_wire_next(struct gs_wire_rx *rx, const void *buf, size_t len, unsigned int n_channels,
		    const u8 *ch_modes)
{
	const struct gs_host_frame *hf = buf;
	size_t size;
	u8 modes;
	u32 id;

	if (gs_wire_decode(rx, buf, len, n_channels, ch_modes) != GS_WIRE_OK)
		return 0;

	modes = READ_ONCE(ch_modes[rx->channel]);
	size = rx->fd ? GS_FRAME_FD_LEN : GS_FRAME_CC_LEN;
	if (modes & GS_WIRE_CH_TIMESTAMPS)
		size += GS_FRAME_TS_LEN;
	if (len < size)
		return 0;

	if (hf->reserved || rx->dlc > GS_WIRE_MAX_DLC)
		return 0;
	if (rx->flags & ~(GS_FLAG_OVERFLOW | GS_FLAG_FD | GS_FLAG_BRS | GS_FLAG_ESI))
		return 0;
	if (rx->fd ? !(modes & GS_WIRE_CH_FD) : rx->flags & (GS_FLAG_BRS | GS_FLAG_ESI))
		return 0;
	id = le32_to_cpu(hf->can_id);
	if (!(id & (CAN_ERR_FLAG | CAN_EFF_FLAG)) && id & CAN_EFF_MASK & ~CAN_SFF_MASK)
		return 0;

	return size;
}

void gs_wire_to_cc(struct can_frame *cf, const struct gs_wire_rx *rx, bool len8_dlc)
{
	cf->can_id = rx->can_id;
	can_frame_set_cc_len(cf, rx->dlc, len8_dlc ? CAN_CTRLMODE_CC_LEN8_DLC : 0);
	/* As below */
	if (rx->len == CAN_MAX_DLEN)
		memcpy(cf->data, rx->data, CAN_MAX_DLEN);
	else
		memcpy(cf->data, rx->data, min_t(unsigned int, rx->len, CAN_MAX_DLEN));
}

void gs_wire_to_fd(struct canfd_frame *cfd, const struct gs_wire_rx *rx)
{
	cfd->can_id = rx->can_id;
	cfd->len = rx->len;
	cfd->flags |= CANFD_FDF;
	if (rx->flags & GS_FLAG_BRS)
		cfd->flags |= CANFD_BRS;
	if (rx->flags & GS_FLAG_ESI)
		cfd->flags |= CANFD_ESI;
	/* The most frequent length where speed matters: a constant makes it a few moves */
	if (rx->len == CANFD_MAX_DLEN)
		memcpy(cfd->data, rx->data, CANFD_MAX_DLEN);
	else
		memcpy(cfd->data, rx->data, min_t(unsigned int, rx->len, CANFD_MAX_DLEN));
}

/**
 * gs_wire_count_state() - state of one side by its error counter
 * @count: error counter
 *
 * Return: enum can_state, up to error passive
 */
static u8 gs_wire_count_state(u8 count)
{
	if (count >= CAN_ERROR_PASSIVE_THRESHOLD)
		return CAN_STATE_ERROR_PASSIVE;
	if (count >= CAN_ERROR_WARNING_THRESHOLD)
		return CAN_STATE_ERROR_WARNING;
	return CAN_STATE_ERROR_ACTIVE;
}

/**
 * gs_wire_flag_state() - state of one side by the flags in data[1]
 * @ctrl: data[1]
 * @passive: the side's CAN_ERR_CRTL_*_PASSIVE
 * @warning: the side's CAN_ERR_CRTL_*_WARNING
 *
 * The worst flag counts: candleLight up to 2026 leaves WARNING set when it sets PASSIVE.
 *
 * Return: enum can_state, up to error passive
 */
static u8 gs_wire_flag_state(u8 ctrl, u8 passive, u8 warning)
{
	if (ctrl & passive)
		return CAN_STATE_ERROR_PASSIVE;
	if (ctrl & warning)
		return CAN_STATE_ERROR_WARNING;
	return CAN_STATE_ERROR_ACTIVE;
}

/**
 * gs_wire_ctrl_state() - which side is in which state
 * @err: in: counters; out: has_state, tx_state, rx_state
 * @ctrl: data[1] of a frame that has CAN_ERR_CRTL
 */
static void gs_wire_ctrl_state(struct gs_wire_error *err, u8 ctrl)
{
	u8 tx = gs_wire_flag_state(ctrl, CAN_ERR_CRTL_TX_PASSIVE, CAN_ERR_CRTL_TX_WARNING);
	u8 rx = gs_wire_flag_state(ctrl, CAN_ERR_CRTL_RX_PASSIVE, CAN_ERR_CRTL_RX_WARNING);
	u8 worst = max(tx, rx);

	/* An overflow alone, or nothing: no word about the state */
	if (worst == CAN_STATE_ERROR_ACTIVE && !(ctrl & CAN_ERR_CRTL_ACTIVE))
		return;

	/* candleLight up to 2026 and CANnectivity blame both sides for what one of them did. The
	 * counters know better, but for two that stay behind the flags: FDCAN stops counting
	 * receive errors at 127 and ELM warns from about 60. There the larger counter is to blame.
	 */
	if (tx != CAN_STATE_ERROR_ACTIVE && rx != CAN_STATE_ERROR_ACTIVE && err->has_counters) {
		tx = gs_wire_count_state(err->txerr);
		rx = gs_wire_count_state(err->rxerr);
		if (max(tx, rx) < worst) {
			if (err->txerr >= err->rxerr)
				tx = worst;
			if (err->rxerr >= err->txerr)
				rx = worst;
		}
	}

	err->has_state = true;
	err->tx_state = tx;
	err->rx_state = rx;
}

void gs_wire_parse_error(struct gs_wire_error *err, const struct gs_wire_rx *rx, bool elm)
{
	u32 id = rx->can_id;
	u8 ctrl = rx->data[1];

	memset(err, 0, sizeof(*err));

	err->txerr = rx->data[6];
	err->rxerr = rx->data[7];
	/* CAN_ERR_CNT is younger than most firmware: counters that aren't zero speak for
	 * themselves. ELM always sends them, and its bit 9 says "CRC error".
	 */
	err->has_counters = elm || (id & CAN_ERR_CNT) || err->txerr || err->rxerr;

	err->class = id & (CAN_ERR_PROT | CAN_ERR_BUSERROR | CAN_ERR_ACK | CAN_ERR_TX_TIMEOUT |
			   CAN_ERR_LOSTARB | CAN_ERR_TRX);
	if (id & CAN_ERR_PROT) {
		err->prot_type = rx->data[2];
		err->prot_loc = rx->data[3];
	}
	if (elm && (id & CAN_ERR_CNT)) {
		err->class |= CAN_ERR_PROT;
		err->prot_loc = CAN_ERR_PROT_LOC_CRC_SEQ;
	}
	if (id & CAN_ERR_CRTL)
		err->ctrl_overflow = ctrl & (CAN_ERR_CRTL_RX_OVERFLOW | CAN_ERR_CRTL_TX_OVERFLOW);

	if (id & CAN_ERR_BUSOFF) {
		err->has_state = true;
		err->tx_state = CAN_STATE_BUS_OFF;
		err->rx_state = CAN_STATE_BUS_OFF;
	} else if (id & CAN_ERR_RESTARTED) {
		err->has_state = true;
		err->restarted = true;
		err->tx_state = CAN_STATE_ERROR_ACTIVE;
		err->rx_state = CAN_STATE_ERROR_ACTIVE;
	} else if (id & CAN_ERR_CRTL) {
		gs_wire_ctrl_state(err, ctrl);
	}
}

const char *gs_wire_check_limits(const struct gs_device_bt_limits *lim, u32 fclk)
{
	u32 tseg1_min = le32_to_cpu(lim->tseg1_min);
	u32 tseg1_max = le32_to_cpu(lim->tseg1_max);
	u32 tseg2_min = le32_to_cpu(lim->tseg2_min);
	u32 tseg2_max = le32_to_cpu(lim->tseg2_max);
	u32 brp_min = le32_to_cpu(lim->brp_min);
	u32 brp_max = le32_to_cpu(lim->brp_max);

	if (!fclk)
		return "clock of 0 Hz";
	if (!tseg1_max || tseg1_min > tseg1_max)
		return "tseg1 range is empty";
	if (!tseg2_max || tseg2_min > tseg2_max)
		return "tseg2 range is empty";
	if (tseg1_max > GS_WIRE_TSEG_MAX || tseg2_max > GS_WIRE_TSEG_MAX)
		return "tseg range is absurd";
	/* can_calc_bittiming() counts an unsigned number down to below twice their sum */
	if (!tseg1_min && !tseg2_min)
		return "tseg1_min and tseg2_min are 0";
	if (!le32_to_cpu(lim->sjw_max))
		return "sjw_max is 0";
	if (!brp_min || brp_min > brp_max)
		return "brp range is empty";
	if (!le32_to_cpu(lim->brp_inc))
		return "brp_inc is 0";
	/* The CAN core divides by this product, of 32 bits */
	if ((u64)brp_max * (1 + tseg1_max + tseg2_max) > U32_MAX)
		return "brp range is absurd";

	return NULL;
}

const char *gs_wire_check_tdc(const struct gs_device_tdc_const *tdc)
{
	u32 mode = le32_to_cpu(tdc->mode);

	/* "off" has to be said: without it firmware chooses a value of its own */
	if (!(mode & GS_TDC_OFF))
		return "can't be switched off";
	if (!(mode & (GS_TDC_AUTO | GS_TDC_MANUAL)))
		return "no mode but off";
	if (!le32_to_cpu(tdc->tdco_max) ||
	    le32_to_cpu(tdc->tdco_min) > le32_to_cpu(tdc->tdco_max))
		return "tdco range is empty";
	if (le32_to_cpu(tdc->tdcf_min) > le32_to_cpu(tdc->tdcf_max))
		return "tdcf range is empty";
	if ((mode & GS_TDC_MANUAL) &&
	    (!le32_to_cpu(tdc->tdcv_max) ||
	     le32_to_cpu(tdc->tdcv_min) > le32_to_cpu(tdc->tdcv_max)))
		return "tdcv range is empty";

	return NULL;
}
