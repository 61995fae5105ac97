/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ELM protocol of CANable 2.5: compact messages, many of them in one transfer.
 *
 * Pure, like the legacy framing of gs_usb_wire.h, and meeting it in struct gs_wire_rx: what is done
 * with a frame does not depend on how it came. Layouts and numbers are those of
 * https://github.com/Elmue/CANable-2.5-firmware-Slcan-and-Candlelight
 */
#ifndef GS_USB_NG_ELM_H
#define GS_USB_NG_ELM_H

#include <linux/can.h>
#include <linux/types.h>

#include "gs_usb_wire.h"

/* Message types; the size byte before them counts the message from itself on */
#define GS_ELM_TX_FRAME		0x0a
#define GS_ELM_TX_ECHO		0x0b
#define GS_ELM_RX_FRAME		0x0c
#define GS_ELM_ERROR		0x0d
#define GS_ELM_STRING		0x0e
#define GS_ELM_BUS_LOAD		0x0f
/* These are headers of many messages, and the byte before counts them */
#define GS_ELM_TX_BLOB		0x10
#define GS_ELM_RX_BLOB		0x11

/* Bytes of a transfer, both directions */
#define GS_ELM_BLOB_MAX		2048

/* data[5] of an error message, what the firmware itself has to report */
#define GS_ELM_APP_TX_OVERFLOW	BIT(2)
#define GS_ELM_APP_IN_OVERFLOW	BIT(3)
#define GS_ELM_APP_TX_TIMEOUT	BIT(4)

/* Frames in flight at most, a power of 2: the firmware queues 64. And how many markers a slot has
 * in turn: 7 * 32 is what 255 markers are enough for.
 */
#define GS_ELM_SLOTS		32U
#define GS_ELM_TURNS		7U

/**
 * gs_elm_marker() - the marker that a frame bears
 * @echo_id: slot + GS_ELM_SLOTS * turn, below GS_ELM_SLOTS * GS_ELM_TURNS
 *
 * 0 is not used: it means "no echo".
 *
 * Return: 1..224
 */
static inline u8 gs_elm_marker(u32 echo_id)
{
	return echo_id + 1;
}

/**
 * gs_elm_echo_id() - whose marker is it?
 * @marker: of an echo
 *
 * Return: the echo id; of 0, which no frame bears, one that is never out
 */
static inline u32 gs_elm_echo_id(u8 marker)
{
	return marker - 1;
}

/**
 * struct gs_elm_out - frames on their way into one OUT transfer
 * @buf: the transfer's buffer
 * @room: its size, bytes
 * @len: bytes written
 * @count: frames in it
 */
struct gs_elm_out {
	u8 *buf;
	unsigned int room;
	unsigned int len;
	unsigned int count;
};

void gs_elm_out_begin(struct gs_elm_out *out, void *buf, unsigned int room);
bool gs_elm_out_add(struct gs_elm_out *out, u8 marker, const struct canfd_frame *cfd, bool is_fd);

/**
 * struct gs_elm_in - messages in one IN transfer
 * @pos: the next one
 * @left: messages left
 * @timestamps: the channel was started with HW_TIMESTAMP
 */
struct gs_elm_in {
	const u8 *pos;
	unsigned int left;
	bool timestamps;
};

/**
 * struct gs_elm_msg - one message of the device
 * @type: GS_ELM_RX_FRAME, _TX_ECHO, _ERROR, _BUS_LOAD or _STRING
 * @marker: of an echo
 * @percent: of a bus load report
 * @rx: a received frame as the legacy framing has it; an error as its error frame; echo_id, has_ts
 *	and ts_us of an echo. Its channel is 0.
 */
struct gs_elm_msg {
	u8 type;
	u8 marker;
	u8 percent;
	struct gs_wire_rx rx;
};

bool gs_elm_in_begin(struct gs_elm_in *in, const void *buf, size_t len, bool timestamps);
bool gs_elm_in_next(struct gs_elm_in *in, struct gs_elm_msg *msg);
void gs_elm_parse_error(struct gs_wire_error *err, const struct gs_wire_rx *rx);

#endif /* GS_USB_NG_ELM_H */
