/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gs_usb wire protocol: request numbers, feature bits, structures and the
 * pure functions that encode, decode and validate host frames.
 *
 * Nothing here knows of USB transfers, sk_buffs or net devices, so that KUnit
 * can drive all of it. All multi-byte fields are little
 * endian on every firmware known. The echo id comes back as it was sent, but for
 * firmware that keeps some of its low bits only.
 */
#ifndef GS_USB_WIRE_H
#define GS_USB_WIRE_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/can.h>
#include <linux/types.h>

/* Vendor requests (bRequest), recipient interface */
enum gs_breq {
	GS_BREQ_HOST_FORMAT = 0,
	GS_BREQ_BITTIMING = 1,
	GS_BREQ_MODE = 2,
	GS_BREQ_BT_CONST = 4,
	GS_BREQ_DEVICE_CONFIG = 5,
	GS_BREQ_TIMESTAMP = 6,
	GS_BREQ_IDENTIFY = 7,
	/* GET_USER_ID elsewhere, and obsolete; the CANtact Pro's data bit timing */
	GS_BREQ_CANTACT_PRO_DATA_BITTIMING = 8,
	GS_BREQ_DATA_BITTIMING = 10,
	GS_BREQ_BT_CONST_EXT = 11,
	GS_BREQ_SET_TERMINATION = 12,
	GS_BREQ_GET_TERMINATION = 13,
	GS_BREQ_GET_STATE = 14,
	GS_BREQ_SET_FILTER = 15,
	GS_BREQ_GET_FILTER = 16,
	GS_BREQ_GET_TDC_CONST = 17,
	GS_BREQ_SET_TDC = 18,
	GS_BREQ_GET_TDC = 19,
	GS_BREQ_ELM_SET_BUS_LOAD_REPORT = 23,
};

/* bt_const.feature says what a channel offers, mode.flags selects from it */
#define GS_FEATURE_LISTEN_ONLY		BIT(0)
#define GS_FEATURE_LOOP_BACK		BIT(1)
#define GS_FEATURE_TRIPLE_SAMPLE	BIT(2)
#define GS_FEATURE_ONE_SHOT		BIT(3)
#define GS_FEATURE_HW_TIMESTAMP		BIT(4)
#define GS_FEATURE_IDENTIFY		BIT(5)
#define GS_FEATURE_FD			BIT(8)
#define GS_FEATURE_QUIRK_LPC546XX	BIT(9)
#define GS_FEATURE_BT_CONST_EXT		BIT(10)
#define GS_FEATURE_TERMINATION		BIT(11)
#define GS_FEATURE_BERR_REPORTING	BIT(12)
#define GS_FEATURE_GET_STATE		BIT(13)
#define GS_FEATURE_ELM			BIT(14)
#define GS_FEATURE_ELM_BLOBS		BIT(15)	/* ELM's meaning, from firmware 0x260529 on */
#define GS_FEATURE_FILTER		BIT(16)	/* candleLight's meaning */
#define GS_FEATURE_TDC			BIT(17)
#define GS_FEATURE_BUS_OFF_RECOVERY	BIT(18)

/* Bits 0..13 mean the same on every firmware; from 14 on the firmware families
 * use the same bits for different things, see gs_profile_features().
 */
#define GS_FEATURE_COMMON_MASK		GENMASK(13, 0)

/* mode.mode */
#define GS_MODE_RESET			0
#define GS_MODE_START			1

/* host_config.byte_order: asks for little endian where a firmware would swap */
#define GS_HOST_FORMAT_LE		0x0000beef

struct gs_host_config {
	__le32 byte_order;
} __packed;
static_assert(sizeof(struct gs_host_config) == 4);

struct gs_device_config {
	u8 reserved[3];
	u8 icount;			/* channels - 1 */
	__le32 sw_version;
	__le32 hw_version;
} __packed;
static_assert(sizeof(struct gs_device_config) == 12);

struct gs_device_mode {
	__le32 mode;
	__le32 flags;
} __packed;
static_assert(sizeof(struct gs_device_mode) == 8);

struct gs_device_bittiming {
	__le32 prop_seg;
	__le32 phase_seg1;
	__le32 phase_seg2;
	__le32 sjw;
	__le32 brp;
} __packed;
static_assert(sizeof(struct gs_device_bittiming) == 20);

/* Limits of one bit-timing register set; tseg1 is prop_seg + phase_seg1 */
struct gs_device_bt_limits {
	__le32 tseg1_min;
	__le32 tseg1_max;
	__le32 tseg2_min;
	__le32 tseg2_max;
	__le32 sjw_max;
	__le32 brp_min;
	__le32 brp_max;
	__le32 brp_inc;
} __packed;
static_assert(sizeof(struct gs_device_bt_limits) == 32);

struct gs_device_bt_const {
	__le32 feature;
	__le32 fclk_can;		/* Hz */
	struct gs_device_bt_limits nominal;
} __packed;
static_assert(sizeof(struct gs_device_bt_const) == 40);

struct gs_device_bt_const_ext {
	struct gs_device_bt_const bt;
	struct gs_device_bt_limits data;
} __packed;
static_assert(sizeof(struct gs_device_bt_const_ext) == 72);

struct gs_device_identify {
	__le32 mode;			/* 0 off, 1 on */
} __packed;
static_assert(sizeof(struct gs_device_identify) == 4);

struct gs_device_termination {
	__le32 state;			/* 0 off, 1 on */
} __packed;
static_assert(sizeof(struct gs_device_termination) == 4);

struct gs_device_state {
	__le32 state;			/* as enum can_state */
	__le32 rxerr;
	__le32 txerr;
} __packed;
static_assert(sizeof(struct gs_device_state) == 12);

/* filter_info.dev: a bxCAN, the one kind of filter there is, and what it has */
#define GS_FILTER_BXCAN			1
#define GS_FILTER_BANKS			14

struct gs_device_filter_info {
	u8 dev;
	u8 reserved[3];
} __packed;
static_assert(sizeof(struct gs_device_filter_info) == 4);

/* The filter registers of a bxCAN, a bit for each bank, and the banks */
struct gs_device_filter {
	struct gs_device_filter_info info;
	__le32 fs1r;			/* scale: 32 bits, else 16 */
	__le32 fm1r;			/* mode: list, else mask */
	__le32 ffa1r;			/* FIFO 1, which no firmware reads, else 0 */
	__le32 fa1r;			/* active */
	__le32 fr1[GS_FILTER_BANKS];
	__le32 fr2[GS_FILTER_BANKS];
} __packed;
static_assert(sizeof(struct gs_device_filter) == 132);

/* Transmitter delay compensation: one of these in tdc.mode, a mask of them in tdc_const.mode */
#define GS_TDC_OFF			BIT(0)
#define GS_TDC_AUTO			BIT(1)
#define GS_TDC_MANUAL			BIT(2)

/* Periods of the CAN clock, as struct can_tdc has them */
struct gs_device_tdc_const {
	__le32 tdcv_min;
	__le32 tdcv_max;
	__le32 tdco_min;
	__le32 tdco_max;
	__le32 tdcf_min;
	__le32 tdcf_max;
	__le32 mode;
} __packed;
static_assert(sizeof(struct gs_device_tdc_const) == 28);

struct gs_device_tdc {
	__le32 tdcv;
	__le32 tdco;
	__le32 tdcf;
	__le32 mode;
} __packed;
static_assert(sizeof(struct gs_device_tdc) == 16);

struct gs_device_bus_load_report {
	u8 interval;			/* units of 100 ms, 0 for none */
} __packed;
static_assert(sizeof(struct gs_device_bus_load_report) == 1);

/* host_frame.echo_id of a frame that did not come from this host */
#define GS_ECHO_ID_RX			0xffffffff

/* host_frame.flags */
#define GS_FLAG_OVERFLOW		BIT(0)
#define GS_FLAG_FD			BIT(1)
#define GS_FLAG_BRS			BIT(2)
#define GS_FLAG_ESI			BIT(3)

/* One frame on the bulk pipes. The data area is 8 or 64 bytes as GS_FLAG_FD
 * says, not as the DLC says; behind it an IN frame of a channel that was started
 * with HW_TIMESTAMP has a __le32 of microseconds.
 */
struct gs_host_frame {
	__le32 echo_id;			/* some firmware keeps its low bits only */
	__le32 can_id;			/* flags as in struct can_frame */
	u8 can_dlc;			/* raw DLC, 0..15 */
	u8 channel;
	u8 flags;
	u8 reserved;
	u8 data[];
} __packed;
static_assert(sizeof(struct gs_host_frame) == 12);

#define GS_FRAME_HDR_LEN	12	/* the part before data[] */
#define GS_FRAME_CC_LEN		20	/* header + 8 */
#define GS_FRAME_FD_LEN		76	/* header + 64 */
#define GS_FRAME_TS_LEN		4	/* timestamp behind the data area, IN only */
#define GS_FRAME_QUIRK_LEN	1	/* pad byte, OUT only (LPC546xx erratum USB.15) */
#define GS_FRAME_IN_MAX		(GS_FRAME_FD_LEN + GS_FRAME_TS_LEN)
#define GS_FRAME_OUT_MAX	(GS_FRAME_FD_LEN + GS_FRAME_QUIRK_LEN)

/**
 * struct gs_wire_tx - how frames for one channel are encoded
 * @channel: channel number, from 0
 * @fd: the channel was started with FD
 * @short_cc: a classic frame on an FD channel may take 20 bytes instead of 76
 * @pad: append the pad byte of the LPC546xx quirk
 * @no_raw_dlc: the firmware misreads DLC 9..15 of a classic frame: send 8
 */
struct gs_wire_tx {
	u8 channel;
	bool fd;
	bool short_cc;
	bool pad;
	bool no_raw_dlc;
};

/**
 * gs_wire_encode() - write one CAN frame as a host frame
 * @dst: room for GS_FRAME_OUT_MAX bytes; may hold an earlier frame
 * @cfg: the channel's encoding
 * @echo_id: cookie that the device returns
 * @cfd: a struct canfd_frame, or a struct can_frame when @is_fd is false; only read
 * @is_fd: what @cfd is
 *
 * Writes every byte up to the returned length: what is not data is zero.
 *
 * Context: Any.
 * Return: number of bytes to send (20, 21, 76 or 77).
 */
unsigned int gs_wire_encode(void *dst, const struct gs_wire_tx *cfg, u32 echo_id,
			    const struct canfd_frame *cfd, bool is_fd);

/* Why a received frame was refused; each has its counter */
enum gs_wire_verdict {
	GS_WIRE_OK = 0,
	GS_WIRE_SHORT,			/* fewer bytes than the frame needs */
	GS_WIRE_BAD_CHANNEL,		/* channel number not below the count */
	GS_WIRE_BAD_DLC,		/* DLC above 15 */
	GS_WIRE_BAD_FLAGS,		/* RTR or ERR with FD, or ERR with a DLC other than 8 */
	GS_WIRE_FD_OFF,			/* FD frame on a channel started without FD */
};

/**
 * struct gs_wire_rx - one received host frame, decoded
 * @echo_id: GS_ECHO_ID_RX, or the cookie of a frame that this host sent
 * @can_id: id and SocketCAN flags, host order
 * @channel: channel number, below the count that was passed in
 * @dlc: raw DLC, 0..15
 * @len: data bytes of the frame (0 for RTR)
 * @fd: CAN FD frame
 * @flags: GS_FLAG_* as received
 * @has_ts: @ts_us is valid
 * @ts_us: device time, microseconds, wraps
 * @data: the data area inside the transfer
 */
struct gs_wire_rx {
	u32 echo_id;
	u32 can_id;
	u8 channel;
	u8 dlc;
	u8 len;
	bool fd;
	u8 flags;
	bool has_ts;
	u32 ts_us;
	const u8 *data;
};

/* What a channel is up to, for validation of what claims to come from it */
#define GS_WIRE_CH_TIMESTAMPS	BIT(0)	/* started with HW_TIMESTAMP */
#define GS_WIRE_CH_FD		BIT(1)	/* started with FD */

/**
 * gs_wire_decode() - check and decode the frame at the start of a transfer
 * @rx: result; on a verdict other than OK only the fields read so far are valid
 *	(@rx->channel is valid from GS_WIRE_BAD_DLC on)
 * @buf: bytes as received, need not be aligned
 * @len: how many there are
 * @n_channels: channels of the device, 1..255
 * @ch_modes: GS_WIRE_CH_* of each channel, @n_channels entries
 *
 * Keeps the tolerance of the protocol: an echo needs its header only (the
 * timestamp is taken where the length contains it), a received frame without
 * timestamps may end behind its last data byte; with timestamps it must be
 * whole.
 *
 * Context: Any.
 * Return: GS_WIRE_OK or the first thing that is wrong.
 */
enum gs_wire_verdict gs_wire_decode(struct gs_wire_rx *rx, const void *buf, size_t len,
				    unsigned int n_channels, const u8 *ch_modes);

/**
 * gs_wire_next() - check and decode a frame of a transfer that holds several
 * @rx: result, valid if there is a frame
 * @buf: where it begins, need not be aligned
 * @len: bytes from there to the end of the transfer
 * @n_channels: channels of the device, 1..255
 * @ch_modes: GS_WIRE_CH_* of each channel, @n_channels entries
 *
 * No firmware is known to send more than one frame in a transfer, but some pad frames, or send
 * more of one than there is to it. So that nothing of the kind is taken for a frame, this one has
 * to be whole, and nothing may be in it that no firmware has reason to send. The caller looks at
 * all frames of a transfer before it believes any, and whether echoes are owed.
 *
 * Context: Any.
 * Return: bytes of the frame, 0 if it is none.
 */
size_t gs_wire_next(struct gs_wire_rx *rx, const void *buf, size_t len, unsigned int n_channels,
		    const u8 *ch_modes);

/**
 * gs_wire_to_cc() - write a decoded frame as a classic CAN frame
 * @cf: zeroed by the caller
 * @rx: a decoded frame with @rx->fd false
 * @len8_dlc: report raw DLC 9..15 in len8_dlc (CAN_CTRLMODE_CC_LEN8_DLC)
 */
void gs_wire_to_cc(struct can_frame *cf, const struct gs_wire_rx *rx, bool len8_dlc);

/**
 * gs_wire_to_fd() - write a decoded frame as a CAN FD frame
 * @cfd: zeroed by the caller
 * @rx: a decoded frame with @rx->fd true
 */
void gs_wire_to_fd(struct canfd_frame *cfd, const struct gs_wire_rx *rx);

/**
 * struct gs_wire_error - an error frame of the device, in one meaning for all
 * @has_state: the frame tells the controller's state
 * @restarted: the firmware has left bus-off
 * @has_counters: @txerr and @rxerr are valid
 * @tx_state: enum can_state of the transmitter
 * @rx_state: enum can_state of the receiver
 * @txerr: transmit error counter
 * @rxerr: receive error counter
 * @class: of CAN_ERR_PROT, _BUSERROR, _ACK, _TX_TIMEOUT, _LOSTARB, _TRX
 * @ctrl_overflow: CAN_ERR_CRTL_RX_OVERFLOW and _TX_OVERFLOW of data[1]
 * @prot_type: CAN_ERR_PROT_* (data[2])
 * @prot_loc: CAN_ERR_PROT_LOC_* (data[3])
 */
struct gs_wire_error {
	bool has_state;
	bool restarted;
	bool has_counters;
	u8 tx_state;
	u8 rx_state;
	u8 txerr;
	u8 rxerr;
	u32 class;
	u8 ctrl_overflow;
	u8 prot_type;
	u8 prot_loc;
};

/**
 * gs_wire_parse_error() - normalise an error frame
 * @err: result
 * @rx: a decoded frame with CAN_ERR_FLAG in its id (its DLC is 8)
 * @elm: the firmware is of the ELM family, whose bit 9 and data[5] mean other things
 *
 * State comes from BUSOFF first, then RESTARTED, then data[1]. When data[1] blames
 * both sides and counters are there, the counters say which side it is.
 */
void gs_wire_parse_error(struct gs_wire_error *err, const struct gs_wire_rx *rx, bool elm);

/**
 * gs_wire_check_limits() - are bit-timing limits usable by the CAN core?
 * @lim: as the device sent them
 * @fclk: clock in Hz
 *
 * Return: NULL if they are, else what is wrong with them, for a message. brp_inc 0,
 * for one, makes the CAN core divide by zero.
 */
const char *gs_wire_check_limits(const struct gs_device_bt_limits *lim, u32 fclk);

/**
 * gs_wire_check_tdc() - are limits of the delay compensation usable by the CAN core?
 * @tdc: as the device sent them
 *
 * Return: NULL if they are, else what is wrong with them, for a message.
 */
const char *gs_wire_check_tdc(const struct gs_device_tdc_const *tdc);

#endif /* GS_USB_WIRE_H */
