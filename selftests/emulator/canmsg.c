// SPDX-License-Identifier: GPL-2.0-only
/*
 * CAN frames: length, priority in arbitration, and exact number of bits on
 * the wire, stuff bits included.
 */
#include "canmsg.h"

#include <stdbool.h>

/* CRC delimiter, ACK slot and delimiter, end of frame, intermission. */
#define CLASSIC_TRAILER	(1 + 1 + 1 + 7 + 3)
#define FD_TRAILER	(1 + 1 + 7 + 3)

static const __u8 fd_lengths[16] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64
};

unsigned int msg_len(const struct can_msg *m)
{
	if (m->flags & MSG_FD)
		return fd_lengths[m->dlc & 15];
	if (m->id & CAN_RTR_FLAG)
		return 0;
	return m->dlc > 8 ? 8 : m->dlc;
}

/*
 * The arbitration field as a number, the lower one wins: 11 bits of id, RTR or
 * SRR, IDE, 18 bits of extended id, RTR.
 */
__u32 msg_priority(const struct can_msg *m)
{
	__u32 rtr = !!(m->id & CAN_RTR_FLAG);

	if (!(m->id & CAN_EFF_FLAG))
		return (m->id & CAN_SFF_MASK) << 21 | rtr << 20;
	return (m->id & CAN_EFF_MASK) >> 18 << 21 | 3u << 19 |
	       (m->id & 0x3ffff) << 1 | rtr;
}

/* Counts bits as they go out, with a stuff bit after five equal ones. */
struct stuffer {
	unsigned int bits;
	unsigned int run;
	unsigned int last;
	__u16 crc;
};

static void put_stuff(struct stuffer *s)
{
	if (s->run < 5)
		return;
	s->bits++;
	s->last = !s->last;
	s->run = 1;
}

static void put_bit(struct stuffer *s, unsigned int bit)
{
	put_stuff(s);
	s->bits++;
	s->run = bit == s->last ? s->run + 1 : 1;
	s->last = bit;
	s->crc = (s->crc << 1 ^ ((bit ^ (s->crc >> 14 & 1)) ? 0x4599 : 0)) & 0x7fff;
}

static void put_bits(struct stuffer *s, __u32 value, unsigned int count)
{
	while (count--)
		put_bit(s, value >> count & 1);
}

/* SOF to the bit after the identifier's IDE or RTR bit. */
static void put_id(struct stuffer *s, const struct can_msg *m)
{
	unsigned int rtr = !!(m->id & CAN_RTR_FLAG);

	put_bit(s, 0);
	if (!(m->id & CAN_EFF_FLAG)) {
		put_bits(s, m->id & CAN_SFF_MASK, 11);
		put_bit(s, rtr);
		put_bit(s, 0);
		return;
	}
	put_bits(s, (m->id & CAN_EFF_MASK) >> 18, 11);
	put_bits(s, 3, 2);
	put_bits(s, m->id & 0x3ffff, 18);
	put_bit(s, rtr);
}

static void put_data(struct stuffer *s, const struct can_msg *m)
{
	unsigned int i, n = msg_len(m);

	put_bits(s, m->dlc & 15, 4);
	for (i = 0; i < n; i++)
		put_bits(s, m->data[i], 8);
}

static struct can_bits classic_bits(const struct can_msg *m)
{
	struct stuffer s = { .last = 1 };

	put_id(&s, m);
	/* r0, and r1 before it in an extended frame */
	put_bits(&s, 0, m->id & CAN_EFF_FLAG ? 2 : 1);
	put_data(&s, m);
	put_bits(&s, s.crc, 15);
	put_stuff(&s);
	return (struct can_bits){ .nominal = s.bits + CLASSIC_TRAILER };
}

/*
 * The CRC field of an FD frame has stuff bits at fixed places: its length does
 * not depend on its value.
 */
static struct can_bits fd_bits(const struct can_msg *m)
{
	struct stuffer s = { .last = 1 };
	struct can_bits bits;

	put_id(&s, m);
	put_bits(&s, 2, 2);				/* FDF, res */
	put_bit(&s, !!(m->flags & MSG_BRS));
	bits.nominal = s.bits + FD_TRAILER;
	put_bit(&s, !!(m->flags & MSG_ESI));
	put_data(&s, m);
	/* stuff count, CRC, fixed stuff bits, delimiter */
	s.bits += msg_len(m) > 16 ? 4 + 21 + 7 + 1 : 4 + 17 + 6 + 1;
	bits.data = s.bits + FD_TRAILER - bits.nominal;
	if (!(m->flags & MSG_BRS)) {
		bits.nominal += bits.data;
		bits.data = 0;
	}
	return bits;
}

struct can_bits msg_bits(const struct can_msg *m)
{
	return m->flags & MSG_FD ? fd_bits(m) : classic_bits(m);
}
