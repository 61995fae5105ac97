// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware acceptance filters: from a list of CAN ids and masks to the registers of a bxCAN.
 *
 * Pure: text and pairs in, the payload of a request out.
 */
#include <linux/bits.h>
#include <linux/can.h>
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/string.h>

#include "filter.h"

/* A standard id in a register half: bits 15..5, and below them */
#define GS_FILTER_STD_SHIFT	5
#define GS_FILTER_STD_RTR	BIT(4)
#define GS_FILTER_STD_IDE	BIT(3)

/* An extended id in a register: bits 31..3, and below them */
#define GS_FILTER_EXT_SHIFT	3
#define GS_FILTER_EXT_IDE	BIT(2)
#define GS_FILTER_EXT_RTR	BIT(1)

/* The four ways to use a bank */
enum gs_filter_kind {
	GS_FILTER_STD_MASK,		/* two halves with an id, two with its mask */
	GS_FILTER_STD_LIST,		/* four ids */
	GS_FILTER_EXT_MASK,		/* id and mask */
	GS_FILTER_EXT_LIST,		/* two ids */
	GS_FILTER_KINDS
};

static const struct {
	u8 places;
	bool wide;			/* FS1R */
	bool list;			/* FM1R */
} gs_filter_kinds[GS_FILTER_KINDS] = {
	[GS_FILTER_STD_MASK] = { .places = 2 },
	[GS_FILTER_STD_LIST] = { .places = 4, .list = true },
	[GS_FILTER_EXT_MASK] = { .places = 1, .wide = true },
	[GS_FILTER_EXT_LIST] = { .places = 2, .wide = true, .list = true },
};

/**
 * struct gs_filter_banks - banks being filled
 * @n: banks in use
 * @wide: FS1R
 * @list: FM1R
 * @fr: the two registers of each
 * @bank: the last bank of each kind
 * @left: places in it that are free
 */
struct gs_filter_banks {
	unsigned int n;
	u32 wide;
	u32 list;
	u32 fr[GS_FILTER_BANKS][2];
	u8 bank[GS_FILTER_KINDS];
	u8 left[GS_FILTER_KINDS];
};

static bool gs_filter_is_separator(char c)
{
	return c == ',' || isspace(c);
}

static const char *gs_filter_skip(const char *text)
{
	while (gs_filter_is_separator(*text))
		text++;

	return text;
}

/* Returns the number of digits, of which the last eight are in the value */
static unsigned int gs_filter_hex(const char **text, u32 *value)
{
	unsigned int digits = 0;

	for (*value = 0; isxdigit(**text); digits++) {
		char c = *(*text)++;

		*value = *value << 4 | (isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
	}

	return digits;
}

static int gs_filter_parse_pair(struct gs_filter_pair *pair, const char **text)
{
	unsigned int digits = gs_filter_hex(text, &pair->id);

	if (digits == 8 && pair->id <= CAN_EFF_MASK)
		pair->id |= CAN_EFF_FLAG;
	else if (digits != 3 || pair->id > CAN_SFF_MASK)
		return -EINVAL;

	if (*(*text)++ != ':')
		return -EINVAL;

	digits = gs_filter_hex(text, &pair->mask);
	if (!digits || digits > 8 || (**text && !gs_filter_is_separator(**text)))
		return -EINVAL;

	return 0;
}

int gs_filter_parse(struct gs_filter *filter, const char *text)
{
	struct gs_filter_pair pair;
	int err;

	filter->n = 0;
	text = gs_filter_skip(text);
	if (!strncmp(text, "all", 3))
		return *gs_filter_skip(text + 3) ? -EINVAL : 0;

	for (; *text; text = gs_filter_skip(text)) {
		err = gs_filter_parse_pair(&pair, &text);
		if (err)
			return err;
		if (filter->n == GS_FILTER_MAX)
			return -ENOSPC;
		filter->pair[filter->n++] = pair;
	}

	return 0;
}

/* A list compares every bit, and that for remote frames, too */
static enum gs_filter_kind gs_filter_kind(const struct gs_filter_pair *pair)
{
	bool ext = pair->id & CAN_EFF_FLAG;
	u32 exact = CAN_RTR_FLAG | (ext ? CAN_EFF_MASK : CAN_SFF_MASK);

	if ((pair->mask & exact) == exact)
		return ext ? GS_FILTER_EXT_LIST : GS_FILTER_STD_LIST;

	return ext ? GS_FILTER_EXT_MASK : GS_FILTER_STD_MASK;
}

static u32 gs_filter_std(u32 id, bool rtr, bool ide)
{
	return (id & CAN_SFF_MASK) << GS_FILTER_STD_SHIFT | (rtr ? GS_FILTER_STD_RTR : 0) |
	       (ide ? GS_FILTER_STD_IDE : 0);
}

static u32 gs_filter_ext(u32 id, bool rtr)
{
	return (id & CAN_EFF_MASK) << GS_FILTER_EXT_SHIFT | GS_FILTER_EXT_IDE |
	       (rtr ? GS_FILTER_EXT_RTR : 0);
}

static void gs_filter_put(u32 *fr, enum gs_filter_kind kind, unsigned int place,
			  const struct gs_filter_pair *pair)
{
	bool rtr = pair->mask & CAN_RTR_FLAG;
	unsigned int shift;

	switch (kind) {
	case GS_FILTER_STD_MASK:
		fr[place] = gs_filter_std(pair->mask, rtr, true) << 16 |
			    gs_filter_std(pair->id, false, false);
		break;
	case GS_FILTER_STD_LIST:
		shift = place % 2 * 16;
		fr[place / 2] &= ~(0xffffU << shift);
		fr[place / 2] |= gs_filter_std(pair->id, false, false) << shift;
		break;
	case GS_FILTER_EXT_MASK:
		fr[0] = gs_filter_ext(pair->id, false);
		fr[1] = gs_filter_ext(pair->mask, rtr);
		break;
	default:
		fr[place] = gs_filter_ext(pair->id, false);
		break;
	}
}

static int gs_filter_add(struct gs_filter_banks *banks, enum gs_filter_kind kind,
			 const struct gs_filter_pair *pair)
{
	unsigned int places = gs_filter_kinds[kind].places;
	unsigned int place;

	if (!banks->left[kind]) {
		if (banks->n == GS_FILTER_BANKS)
			return -ENOSPC;
		banks->bank[kind] = banks->n;
		banks->left[kind] = places;
		if (gs_filter_kinds[kind].wide)
			banks->wide |= BIT(banks->n);
		if (gs_filter_kinds[kind].list)
			banks->list |= BIT(banks->n);
		banks->n++;
	}

	/* The places behind it as well until others need them: an empty one would be id 0 */
	for (place = places - banks->left[kind]; place < places; place++)
		gs_filter_put(banks->fr[banks->bank[kind]], kind, place, pair);
	banks->left[kind]--;

	return 0;
}

static int gs_filter_fill(struct gs_filter_banks *banks, const struct gs_filter *filter, bool list)
{
	enum gs_filter_kind kind;
	unsigned int i;
	int err;

	for (i = 0; i < filter->n; i++) {
		kind = gs_filter_kind(&filter->pair[i]);
		if (gs_filter_kinds[kind].list != list)
			continue;
		/* A mask does for one of these, too, and that place would be lost */
		if (kind == GS_FILTER_STD_LIST && banks->left[GS_FILTER_STD_MASK])
			kind = GS_FILTER_STD_MASK;
		err = gs_filter_add(banks, kind, &filter->pair[i]);
		if (err)
			return err;
	}

	return 0;
}

int gs_filter_compile(struct gs_device_filter *image, const struct gs_filter *filter)
{
	struct gs_filter_banks banks = {};
	unsigned int i;
	int err;

	err = gs_filter_fill(&banks, filter, false);
	if (err)
		return err;
	err = gs_filter_fill(&banks, filter, true);
	if (err)
		return err;

	/* Everything: all bits of a register are compared under a mask without any */
	if (!banks.n) {
		banks.n = 1;
		banks.wide = BIT(0);
	}

	memset(image, 0, sizeof(*image));
	image->info.dev = GS_FILTER_BXCAN;
	image->fs1r = cpu_to_le32(banks.wide);
	image->fm1r = cpu_to_le32(banks.list);
	image->fa1r = cpu_to_le32(BIT(banks.n) - 1);
	for (i = 0; i < banks.n; i++) {
		image->fr1[i] = cpu_to_le32(banks.fr[i][0]);
		image->fr2[i] = cpu_to_le32(banks.fr[i][1]);
	}

	return 0;
}
