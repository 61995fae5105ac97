/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A CAN frame as the emulated bus carries it, how long it is on the wire,
 * and the notation that candump, cansend and canplayer use for it.
 */
#ifndef EMU_CANMSG_H
#define EMU_CANMSG_H

#include <linux/can.h>
#include <linux/types.h>
#include <stdio.h>

/* Same bits as the flags byte of the gs_usb host frame. */
#define MSG_FD		0x02
#define MSG_BRS		0x04
#define MSG_ESI		0x08

/* Room for the text of the longest frame and its NUL. */
#define MSG_TEXT	160

struct can_msg {
	__u32 id;	/* with CAN_EFF_FLAG, CAN_RTR_FLAG, CAN_ERR_FLAG */
	__u8 dlc;	/* raw, 0..15 */
	__u8 flags;
	__u8 data[64];
};

/* Bits on the wire from SOF to the end of the intermission. */
struct can_bits {
	unsigned int nominal;
	unsigned int data;	/* those at the data rate, 0 without BRS */
};

unsigned int msg_len(const struct can_msg *m);
__u32 msg_priority(const struct can_msg *m);
struct can_bits msg_bits(const struct can_msg *m);

int msg_parse(const char *text, struct can_msg *m);
void msg_format(const struct can_msg *m, char *text);

/* One line of a candump log. The time is in nanoseconds. */
int log_parse(const char *line, __u64 *time, struct can_msg *m);
void log_write(FILE *f, __u64 time, const char *name, const struct can_msg *m);

#endif
