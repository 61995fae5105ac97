// SPDX-License-Identifier: GPL-2.0-only
/*
 * The acceptance filter of a bxCAN: 14 banks of two registers, as its manual has them. What
 * the host has set counts from the next START on, and nothing but power takes it away.
 */
#include "device.h"

#include <errno.h>
#include <string.h>

#include "referee.h"

#define BXCAN		1	/* filter_info.dev */
#define ALL_BANKS	((1u << FILTER_BANKS) - 1)

void filter_accept_all(struct filter *f)
{
	memset(f, 0, sizeof(*f));
	f->fs1r = 1;
	f->fa1r = 1;
}

static bool is_accept_all(const struct filter *f)
{
	struct filter all;

	filter_accept_all(&all);
	return !memcmp(f, &all, sizeof(all));
}

/* What can be said against it without knowing what is wanted, or NULL */
static const char *wrong(const struct channel *ch, const __u8 *data, const struct filter *f)
{
	unsigned int i;

	if (data[0] != BXCAN)
		return "kind";
	if (ch->started)
		return "while started";
	if (f->ffa1r)
		return "FIFO 1";
	if (!f->fa1r)
		return "no bank";
	if ((f->fs1r | f->fm1r | f->fa1r) & ~ALL_BANKS)
		return "no such bank";
	if ((f->fs1r | f->fm1r) & ~f->fa1r)
		return "unused bank";
	for (i = 0; i < FILTER_BANKS; i++)
		if (!(f->fa1r >> i & 1) && (f->fr1[i] || f->fr2[i]))
			return "unused register";
	return NULL;
}

int filter_set(struct channel *ch, const __u8 *data)
{
	struct filter f = {
		.fs1r = get_le32(data + 4), .fm1r = get_le32(data + 8),
		.ffa1r = get_le32(data + 12), .fa1r = get_le32(data + 16),
	};
	const char *why;
	unsigned int i;

	for (i = 0; i < FILTER_BANKS; i++) {
		f.fr1[i] = get_le32(data + 20 + 4 * i);
		f.fr2[i] = get_le32(data + 76 + 4 * i);
	}
	why = wrong(ch, data, &f);
	if (why)
		violation(ch->dev, ch->idx, "filter", "%s: %u %x/%x/%x/%x", why, data[0], f.fs1r,
			  f.fm1r, f.ffa1r, f.fa1r);
	ch->filters_set++;
	if (data[0] != BXCAN)
		return -EINVAL;
	if (ch->started)
		return -EBUSY;
	ch->filter = f;
	return 0;
}

/* STDID, EXID, IDE, RTR from bit 31 down */
static __u32 wide_id(const struct can_msg *m)
{
	__u32 rtr = m->id & CAN_RTR_FLAG ? 2 : 0;

	if (m->id & CAN_EFF_FLAG)
		return (m->id & CAN_EFF_MASK) << 3 | 4 | rtr;
	return (m->id & CAN_SFF_MASK) << 21 | rtr;
}

/* STDID, RTR, IDE, and three bits of EXID */
static __u16 narrow_id(__u32 wide)
{
	return (wide >> 16 & 0xffe0) | (wide << 3 & 0x10) | (wide << 1 & 8) | (wide >> 18 & 7);
}

static bool bank_matches(const struct filter *f, unsigned int i, __u32 wide)
{
	__u16 narrow = narrow_id(wide), half[4] = {
		f->fr1[i], f->fr1[i] >> 16, f->fr2[i], f->fr2[i] >> 16
	};
	bool list = f->fm1r >> i & 1;

	if (f->fs1r >> i & 1)
		return list ? wide == f->fr1[i] || wide == f->fr2[i] :
			      (wide & f->fr2[i]) == (f->fr1[i] & f->fr2[i]);
	if (list)
		return narrow == half[0] || narrow == half[1] || narrow == half[2] ||
		       narrow == half[3];
	return (narrow & half[1]) == (half[0] & half[1]) ||
	       (narrow & half[3]) == (half[2] & half[3]);
}

/* Into FIFO 0; what goes to FIFO 1 is never read. */
bool filter_accepts(const struct channel *ch, const struct can_msg *m)
{
	const struct filter *f = &ch->filter_used;
	__u32 wide = wide_id(m);
	unsigned int i;

	if (!(ch->dev->features & F_FILTER))
		return true;
	for (i = 0; i < FILTER_BANKS; i++)
		if (f->fa1r >> i & 1 && bank_matches(f, i, wide))
			return !(f->ffa1r >> i & 1);
	return false;
}

void filter_print(const struct filter *f, struct buf *out)
{
	if (is_accept_all(f))
		buf_printf(out, " filter=all");
	else
		buf_printf(out, " filter=%x/%x/%x", f->fs1r, f->fm1r, f->fa1r);
}
