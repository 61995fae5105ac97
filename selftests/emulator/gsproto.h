/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gs_usb wire protocol as the emulator needs it: numbers and layouts.
 * Written from the protocol, not shared with the driver on purpose: a mistake
 * in one of the two is then seen by the other.
 */
#ifndef EMU_GSPROTO_H
#define EMU_GSPROTO_H

#include <linux/types.h>

enum gs_request {
	REQ_HOST_FORMAT = 0,
	REQ_BITTIMING = 1,
	REQ_MODE = 2,
	REQ_BERR = 3,
	REQ_BT_CONST = 4,
	REQ_DEVICE_CONFIG = 5,
	REQ_TIMESTAMP = 6,
	REQ_IDENTIFY = 7,
	REQ_GET_USER_ID = 8,
	REQ_CTP_DATA_BITTIMING = 8,
	REQ_SET_USER_ID = 9,
	REQ_DATA_BITTIMING = 10,
	REQ_BT_CONST_EXT = 11,
	REQ_SET_TERMINATION = 12,
	REQ_GET_TERMINATION = 13,
	REQ_GET_STATE = 14,
	REQ_SET_FILTER = 15,
	REQ_GET_FILTER = 16,
	REQ_GET_TDC_CONST = 17,
	REQ_SET_TDC = 18,
	REQ_GET_TDC = 19,
	REQ_ELM_FIRST = 20,
	REQ_ELM_GET_LASTERROR = 22,
	REQ_ELM_BUSLOADREPORT = 23,
	REQ_ELM_LAST = 31,
	REQ_BUS_OFF_RECOVERY = 32,
};

/* Bits of bt_const.feature and of mode.flags. */
#define F_LISTEN_ONLY		0x00001u
#define F_LOOP_BACK		0x00002u
#define F_TRIPLE_SAMPLE		0x00004u
#define F_ONE_SHOT		0x00008u
#define F_HW_TIMESTAMP		0x00010u
#define F_IDENTIFY		0x00020u
#define F_USER_ID		0x00040u
#define F_PAD_PKTS		0x00080u
#define F_FD			0x00100u
#define F_LPC546XX		0x00200u
#define F_BT_CONST_EXT		0x00400u
#define F_TERMINATION		0x00800u
#define F_BERR_REPORTING	0x01000u
#define F_GET_STATE		0x02000u
#define F_ELM_PROTOCOL		0x04000u
#define F_ELM_BLOBS		0x08000u
#define F_FILTER		0x10000u
#define F_TDC			0x20000u
#define F_BUS_OFF_RECOVERY	0x40000u

/* Those that mean something in mode.flags and that a host may ever set. */
#define MODE_FLAGS	(F_LISTEN_ONLY | F_LOOP_BACK | F_TRIPLE_SAMPLE | \
			 F_ONE_SHOT | F_HW_TIMESTAMP | F_FD | \
			 F_BERR_REPORTING | F_TDC | F_BUS_OFF_RECOVERY)

#define HOST_FORMAT_LE		0x0000beefu

enum { MODE_RESET = 0, MODE_START = 1 };

#define TDC_OFF		1u
#define TDC_AUTO	2u
#define TDC_MANUAL	4u

/* Layout of a host frame. */
#define HF_ECHO_ID	0
#define HF_CAN_ID	4
#define HF_DLC		8
#define HF_CHANNEL	9
#define HF_FLAGS	10
#define HF_RESERVED	11
#define HF_DATA		12
#define HF_CLASSIC	20
#define HF_FD		76
#define HF_TIMESTAMP	4	/* bytes added by a timestamp */
#define HF_MAX		(HF_FD + HF_TIMESTAMP)

#define HF_FLAG_OVERFLOW	0x01
#define HF_FLAGS_OUT		0x0e	/* FD, BRS, ESI */

#define ECHO_ID_RX	0xffffffffu

static inline __u32 get_le32(const __u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (__u32)p[3] << 24;
}

static inline void put_le32(__u8 *p, __u32 v)
{
	p[0] = v;
	p[1] = v >> 8;
	p[2] = v >> 16;
	p[3] = v >> 24;
}

static inline __u16 get_le16(const __u8 *p)
{
	return p[0] | p[1] << 8;
}

static inline void put_le16(__u8 *p, __u16 v)
{
	p[0] = v;
	p[1] = v >> 8;
}

#endif
