/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DLC and length, written from the standard: 0 to 8 mean themselves, 9 to 15
 * mean 12, 16, 20, 24, 32, 48, 64 in CAN FD and 8 in classic CAN.
 */
#ifndef FUZZ_CAN_LENGTH_H
#define FUZZ_CAN_LENGTH_H

#include <linux/can.h>
#include <linux/can/netlink.h>

static inline u8 can_cc_dlc2len(u8 dlc)
{
	return dlc < CAN_MAX_DLEN ? dlc : CAN_MAX_DLEN;
}

static inline u8 can_fd_dlc2len(u8 dlc)
{
	dlc &= 15;
	if (dlc <= 8)
		return dlc;
	if (dlc <= 12)
		return 8 + 4 * (dlc - 8);
	return 32 + 16 * (dlc - 13);
}

static inline u8 can_fd_len2dlc(u8 len)
{
	u8 dlc = 0;

	while (dlc < 15 && can_fd_dlc2len(dlc) < len)
		dlc++;
	return dlc;
}

static inline u8 can_get_cc_dlc(const struct can_frame *cf, u32 mode)
{
	if (mode & CAN_CTRLMODE_CC_LEN8_DLC && cf->len == CAN_MAX_DLEN && cf->len8_dlc > 8 &&
	    cf->len8_dlc <= 15)
		return cf->len8_dlc;
	return cf->len;
}

static inline void can_frame_set_cc_len(struct can_frame *cf, u8 dlc, u32 mode)
{
	cf->len = can_cc_dlc2len(dlc);
	if (mode & CAN_CTRLMODE_CC_LEN8_DLC && dlc > CAN_MAX_DLEN)
		cf->len8_dlc = dlc;
}

#endif
