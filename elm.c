// SPDX-License-Identifier: GPL-2.0-only
/*
 * Encode, walk and validate transfers of the ELM protocol.
 *
 * Pure: bytes in, values out. Messages follow each other without a gap, each telling only its own
 * size, so one wrong byte makes nonsense of all that follow. Hence an IN transfer is looked through
 * before anything in it is used, and it is taken whole or not at all.
 */
#include <linux/can.h>
#include <linux/can/error.h>
#include <linux/can/netlink.h>
/* needs the two above, but includes them only since 6.2 */
#include <linux/can/length.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "elm.h"

/* Count and type of a blob; size and type of a message */
#define GS_ELM_HDR		2

/* The part of each message before its data or timestamp */
#define GS_ELM_TX_FRAME_LEN	8
#define GS_ELM_TX_ECHO_LEN	3
#define GS_ELM_RX_FRAME_LEN	7
#define GS_ELM_ERROR_LEN	14
#define GS_ELM_BUS_LOAD_LEN	3

#define GS_ELM_TS_LEN		4

/* What a byte can count */
#define GS_ELM_FRAMES_MAX	255

static u32 gs_elm_get_le32(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

static void gs_elm_put_le32(u8 *p, u32 value)
{
	p[0] = value;
	p[1] = value >> 8;
	p[2] = value >> 16;
	p[3] = value >> 24;
}

/**
 * gs_elm_out_begin() - no frames yet
 * @out: to be filled
 * @buf: room for @room bytes; may hold an earlier transfer
 * @room: at least that of a blob with one frame
 */
void gs_elm_out_begin(struct gs_elm_out *out, void *buf, unsigned int room)
{
	out->buf = buf;
	out->room = room;
	out->len = GS_ELM_HDR;
	out->count = 0;
	out->buf[0] = 0;
	out->buf[1] = GS_ELM_TX_BLOB;
}

/**
 * gs_elm_out_add() - add one CAN frame to a transfer
 * @out: after gs_elm_out_begin()
 * @marker: the device's echo brings it back, not 0
 * @cfd: a struct canfd_frame, or a struct can_frame when @is_fd is false; only read
 * @is_fd: what @cfd is
 *
 * The firmware believes every size, so none is sent that is not its frame's: at most 8 or 64 bytes,
 * and lengths that CAN FD has, filled up with zeros. Raw DLCs of classic frames can't be told.
 *
 * Context: Any.
 * Return: true, with @out->buf and @out->len being what can be sent; false if it has no room
 */
bool gs_elm_out_add(struct gs_elm_out *out, u8 marker, const struct canfd_frame *cfd, bool is_fd)
{
	u32 mask = cfd->can_id & CAN_EFF_FLAG ? CAN_EFF_MASK : CAN_SFF_MASK;
	u32 can_id = cfd->can_id & (mask | CAN_EFF_FLAG | CAN_RTR_FLAG);
	u8 *msg = out->buf + out->len;
	unsigned int used, area;
	u8 flags = 0;

	if (is_fd) {
		can_id &= ~CAN_RTR_FLAG;
		used = min_t(unsigned int, cfd->len, CANFD_MAX_DLEN);
		area = can_fd_dlc2len(can_fd_len2dlc(used));
		flags |= GS_FLAG_FD;
		if (cfd->flags & CANFD_BRS)
			flags |= GS_FLAG_BRS;
		if (cfd->flags & CANFD_ESI)
			flags |= GS_FLAG_ESI;
	} else {
		used = min_t(unsigned int, cfd->len, CAN_MAX_DLEN);
		area = used;
		/* What an RTR frame asks for takes the place of data */
		if (can_id & CAN_RTR_FLAG)
			area = 1;
	}

	if (out->count == GS_ELM_FRAMES_MAX || out->len + GS_ELM_TX_FRAME_LEN + area > out->room)
		return false;

	msg[0] = GS_ELM_TX_FRAME_LEN + area;
	msg[1] = GS_ELM_TX_FRAME;
	msg[2] = flags;
	gs_elm_put_le32(msg + 3, can_id);
	msg[7] = marker;
	if (can_id & CAN_RTR_FLAG) {
		msg[GS_ELM_TX_FRAME_LEN] = used;
	} else {
		memcpy(msg + GS_ELM_TX_FRAME_LEN, cfd->data, used);
		memset(msg + GS_ELM_TX_FRAME_LEN + used, 0, area - used);
	}

	out->len += msg[0];
	out->buf[0] = ++out->count;

	return true;
}

/**
 * gs_elm_good_frame() - is a received frame what it can be?
 * @msg: the message, whole
 * @n: bytes behind its fixed part
 *
 * Return: true if its length, flags and kind go together
 */
static bool gs_elm_good_frame(const u8 *msg, unsigned int n)
{
	u32 can_id = gs_elm_get_le32(msg + 3);

	if (can_id & CAN_ERR_FLAG)
		return false;
	if (msg[2] & GS_FLAG_FD)
		return !(can_id & CAN_RTR_FLAG) && n <= CANFD_MAX_DLEN &&
		       can_fd_dlc2len(can_fd_len2dlc(n)) == n;
	if (can_id & CAN_RTR_FLAG)
		return !n || (n == 1 && msg[msg[0] - 1] <= CAN_MAX_DLEN);

	return n <= CAN_MAX_DLEN;
}

/**
 * gs_elm_check() - is there a whole message of the device?
 * @msg: where it should be
 * @left: bytes from there to the end of the transfer
 * @timestamps: whether it has one
 *
 * Return: its size, 0 if there is none
 */
static unsigned int gs_elm_check(const u8 *msg, size_t left, bool timestamps)
{
	unsigned int ts = timestamps ? GS_ELM_TS_LEN : 0;
	unsigned int size;
	bool good;

	if (left < GS_ELM_HDR || msg[0] > left)
		return 0;

	size = msg[0];
	switch (msg[1]) {
	case GS_ELM_TX_ECHO:
		good = size == GS_ELM_TX_ECHO_LEN + ts;
		break;
	case GS_ELM_RX_FRAME:
		good = size >= GS_ELM_RX_FRAME_LEN + ts &&
		       gs_elm_good_frame(msg, size - GS_ELM_RX_FRAME_LEN - ts);
		break;
	case GS_ELM_ERROR:
		good = size == GS_ELM_ERROR_LEN + ts;
		break;
	case GS_ELM_STRING:
		good = size >= GS_ELM_HDR;
		break;
	case GS_ELM_BUS_LOAD:
		good = size == GS_ELM_BUS_LOAD_LEN;
		break;
	default:
		good = false;
	}

	return good ? size : 0;
}

/**
 * gs_elm_in_begin() - look a whole IN transfer through
 * @in: result, for gs_elm_in_next()
 * @buf: bytes as received; stay as they are until the last message was taken
 * @len: how many, not 0
 * @timestamps: the channel was started with HW_TIMESTAMP
 *
 * It is one message, or a blob of as many as its header counts, and nothing after that. Only memory
 * that the device can't write to any more may be passed: it is not looked at twice.
 *
 * Context: Any.
 * Return: true if every message is good; false, and none is to be believed
 */
bool gs_elm_in_begin(struct gs_elm_in *in, const void *buf, size_t len, bool timestamps)
{
	const u8 *pos = buf, *end = pos + len;
	unsigned int i, size;

	in->pos = pos;
	in->left = 1;
	in->timestamps = timestamps;

	if (len < GS_ELM_HDR)
		return false;
	if (pos[1] == GS_ELM_RX_BLOB) {
		in->left = pos[0];
		in->pos += GS_ELM_HDR;
	}

	pos = in->pos;
	for (i = 0; i < in->left; i++) {
		size = gs_elm_check(pos, end - pos, timestamps);
		if (!size)
			return false;
		pos += size;
	}

	return pos == end;
}

/**
 * gs_elm_in_next() - take the next message
 * @in: after gs_elm_in_begin() has found all of them good
 * @msg: result
 *
 * Context: Any.
 * Return: false if there are no more
 */
bool gs_elm_in_next(struct gs_elm_in *in, struct gs_elm_msg *msg)
{
	struct gs_wire_rx *rx = &msg->rx;
	const u8 *raw = in->pos, *ts = NULL;
	unsigned int fixed;

	if (!in->left)
		return false;
	in->left--;
	in->pos += raw[0];

	msg->type = raw[1];
	rx->echo_id = GS_ECHO_ID_RX;
	rx->channel = 0;
	rx->flags = 0;
	rx->fd = false;

	switch (msg->type) {
	case GS_ELM_TX_ECHO:
		msg->marker = raw[2];
		rx->echo_id = gs_elm_echo_id(raw[2]);
		ts = raw + GS_ELM_TX_ECHO_LEN;
		break;
	case GS_ELM_RX_FRAME:
		ts = raw + GS_ELM_RX_FRAME_LEN;
		fixed = GS_ELM_RX_FRAME_LEN + (in->timestamps ? GS_ELM_TS_LEN : 0);
		rx->flags = raw[2];
		rx->fd = raw[2] & GS_FLAG_FD;
		rx->can_id = gs_elm_get_le32(raw + 3);
		rx->can_id &= CAN_RTR_FLAG | (rx->can_id & CAN_EFF_FLAG ?
					      CAN_EFF_FLAG | CAN_EFF_MASK : CAN_SFF_MASK);
		rx->data = raw + fixed;
		rx->len = raw[0] - fixed;
		rx->dlc = rx->fd ? can_fd_len2dlc(rx->len) : rx->len;
		if (rx->can_id & CAN_RTR_FLAG) {
			rx->dlc = rx->len ? rx->data[0] : 0;
			rx->len = 0;
		}
		break;
	case GS_ELM_ERROR:
		ts = raw + GS_ELM_ERROR_LEN;
		rx->can_id = gs_elm_get_le32(raw + 2) | CAN_ERR_FLAG;
		rx->dlc = CAN_ERR_DLC;
		rx->len = CAN_ERR_DLC;
		rx->data = raw + 6;
		break;
	case GS_ELM_BUS_LOAD:
		msg->percent = raw[2];
		break;
	}

	rx->has_ts = in->timestamps && ts;
	rx->ts_us = rx->has_ts ? gs_elm_get_le32(ts) : 0;

	return true;
}

/**
 * gs_elm_parse_error() - normalise an error message
 * @err: result
 * @rx: of the message
 *
 * What the legacy framing has in data[1] and in the id comes in data[5] only: that the firmware
 * lost something, or gave up on frames that nobody acknowledged.
 */
void gs_elm_parse_error(struct gs_wire_error *err, const struct gs_wire_rx *rx)
{
	u8 app = rx->data[5];

	gs_wire_parse_error(err, rx, true);
	err->ctrl_overflow = 0;
	if (app & GS_ELM_APP_TX_OVERFLOW)
		err->ctrl_overflow |= CAN_ERR_CRTL_TX_OVERFLOW;
	if (app & GS_ELM_APP_IN_OVERFLOW)
		err->ctrl_overflow |= CAN_ERR_CRTL_RX_OVERFLOW;
	if (app & GS_ELM_APP_TX_TIMEOUT)
		err->class |= CAN_ERR_TX_TIMEOUT;
}
