// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: what people write becomes registers of a bxCAN, and these let pass what was meant.
 *
 * The judge is a model of the controller after its manual (RM0091, "Identifier filtering"),
 * which sees the registers only.
 */
#include <kunit/test.h>
#include <linux/can.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "filter.h"

#define EFF	0x80000000
#define RTR	0x40000000

struct parse_case {
	const char *name;
	const char *text;
	int ret;
	unsigned int n;
	struct gs_filter_pair last;
};

static const struct parse_case parse_cases[] = {
	{ "nothing", "", 0, 0 },
	{ "a line", "\n", 0, 0 },
	{ "separators", " ,\t\n,", 0, 0 },
	{ "all", "all", 0, 0 },
	{ "a line of all", " all\n", 0, 0 },
	{ "standard", "123:7FF\n", 0, 1, { 0x123, 0x7ff } },
	{ "small letters", "7ab:cdef", 0, 1, { 0x7ab, 0xcdef } },
	{ "extended", "12345678:1FFFFFFF", 0, 1, { 0x12345678 | EFF, 0x1fffffff } },
	{ "extended, small", "00000123:7ff", 0, 1, { 0x123 | EFF, 0x7ff } },
	{ "largest ids", "7ff:0,1fffffff:0", 0, 2, { 0x1fffffff | EFF, 0 } },
	{ "flags in the mask", "123:C00007FF", 0, 1, { 0x123, 0xc00007ff } },
	{ "three", "001:1 002:2,003:3", 0, 3, { 3, 3 } },
	{ "many separators", "\n001:1 , 002:2 ,\n", 0, 2, { 2, 2 } },
	{ "all and more", "all 123:7FF", -EINVAL },
	{ "more and all", "123:7FF all", -EINVAL },
	{ "allowed", "allowed", -EINVAL },
	{ "no mask", "123", -EINVAL },
	{ "no mask, colon", "123:", -EINVAL },
	{ "no id", ":7FF", -EINVAL },
	{ "two digits", "12:7FF", -EINVAL },
	{ "four digits", "0123:7FF", -EINVAL },
	{ "seven digits", "2345678:7FF", -EINVAL },
	{ "nine digits", "012345678:7FF", -EINVAL },
	{ "nine digits that wrap", "900000123:7FF", -EINVAL },
	{ "standard id too large", "800:7FF", -EINVAL },
	{ "extended id too large", "20000000:7FF", -EINVAL },
	{ "flag in the id", "80000123:7FF", -EINVAL },
	{ "mask too long", "123:123456789", -EINVAL },
	{ "mask of many zeros", "123:000000007FF", -EINVAL },
	{ "prefix", "0x1:7FF", -EINVAL },
	{ "negative", "-12:7FF", -EINVAL },
	{ "junk behind", "123:7FFg", -EINVAL },
	{ "another colon", "123:7FF:1", -EINVAL },
	{ "candump's inverse", "123~7FF", -EINVAL },
	{ "candump's error mask", "#FFFFFFFF", -EINVAL },
	{ "second one bad", "123:7FF 12:7FF", -EINVAL },
};

static void parse_name(const struct parse_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(parse, parse_cases, parse_name);

static void filter_parse(struct kunit *test)
{
	const struct parse_case *c = test->param_value;
	struct gs_filter *filter = kunit_kzalloc(test, sizeof(*filter), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, filter);
	filter->n = 99;
	KUNIT_ASSERT_EQ(test, gs_filter_parse(filter, c->text), c->ret);
	if (c->ret)
		return;
	KUNIT_ASSERT_EQ(test, filter->n, c->n);
	if (!c->n)
		return;
	KUNIT_EXPECT_EQ(test, filter->pair[c->n - 1].id, c->last.id);
	KUNIT_EXPECT_EQ(test, filter->pair[c->n - 1].mask, c->last.mask);
}

static void filter_parse_many(struct kunit *test)
{
	struct gs_filter *filter = kunit_kzalloc(test, sizeof(*filter), GFP_KERNEL);
	char *text = kunit_kzalloc(test, 57 * 8 + 1, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, filter);
	KUNIT_ASSERT_NOT_NULL(test, text);
	for (i = 0; i < 56; i++)
		strcat(text, "123:7FF,");
	KUNIT_EXPECT_EQ(test, gs_filter_parse(filter, text), 0);
	KUNIT_EXPECT_EQ(test, filter->n, 56);
	strcat(text, "123:7FF");
	KUNIT_EXPECT_EQ(test, gs_filter_parse(filter, text), -ENOSPC);
}

/* The controller. A frame's id as it is compared, in all bits and in 16: */
static u32 all_bits(u32 id)
{
	u32 rtr = id & RTR ? 2 : 0;

	return id & EFF ? id << 3 | 4 | rtr : id << 21 | rtr;
}

static u16 some_bits(u32 id)
{
	u32 all = all_bits(id);

	/* the upper 11 bits of the id, RTR, IDE, and the next three bits of an extended id */
	return (all >> 21 & 0x7ff) << 5 | (all >> 1 & 1) << 4 | (all >> 2 & 1) << 3 |
	       (all >> 18 & 7);
}

static bool bank_accepts(const u32 *fr, bool wide, bool list, u32 id)
{
	const u16 half[4] = { fr[0], fr[0] >> 16, fr[1], fr[1] >> 16 };
	u32 all = all_bits(id);
	u16 some = some_bits(id);

	if (wide && list)
		return all == fr[0] || all == fr[1];
	if (wide)
		return !((all ^ fr[0]) & fr[1]);
	if (list)
		return some == half[0] || some == half[1] || some == half[2] || some == half[3];

	return !((some ^ half[0]) & half[1]) || !((some ^ half[2]) & half[3]);
}

static bool accepts(const __le32 *image, u32 id)
{
	unsigned int i;

	for (i = 0; i < 14; i++) {
		const u32 fr[2] = { le32_to_cpu(image[5 + i]), le32_to_cpu(image[19 + i]) };

		if (le32_to_cpu(image[4]) >> i & 1 &&
		    bank_accepts(fr, le32_to_cpu(image[1]) >> i & 1,
				 le32_to_cpu(image[2]) >> i & 1, id))
			return true;
	}

	return false;
}

/* What was meant: a filter of a raw socket, but that it sees one format only */
static bool meant(const struct gs_filter *filter, u32 id)
{
	unsigned int i;

	for (i = 0; i < filter->n; i++)
		if (!((id ^ filter->pair[i].id) & (filter->pair[i].mask | EFF)))
			return true;

	return !filter->n;
}

struct image_case {
	const char *name;
	const char *text;
	u32 fs1r;
	u32 fm1r;
	u32 fa1r;
	u32 fr[3][2];
};

static const struct image_case image_cases[] = {
	{ "everything", "all", 1, 0, 1, { { 0, 0 } } },
	{ "one standard", "123:7FF", 0, 0, 1, { { 0xffe82460, 0xffe82460 } } },
	{ "two standard", "123:7FF 7F0:7F0", 0, 0, 1, { { 0xffe82460, 0xfe08fe00 } } },
	{ "three standard", "123:7FF 7F0:7F0 001:0", 0, 0, 3,
	  { { 0xffe82460, 0xfe08fe00 }, { 0x00080020, 0x00080020 } } },
	{ "no remote frames", "123:40000700", 0, 0, 1, { { 0xe0182460, 0xe0182460 } } },
	{ "one exactly", "123:400007FF", 0, 1, 1, { { 0x24602460, 0x24602460 } } },
	{ "three exactly", "001:DFFFFFFF 002:C00007FF 003:400007FF", 0, 1, 1,
	  { { 0x00400020, 0x00600060 } } },
	{ "five exactly", "001:400007FF 002:400007FF 003:400007FF 004:400007FF 005:400007FF",
	  0, 3, 3, { { 0x00400020, 0x00800060 }, { 0x00a000a0, 0x00a000a0 } } },
	{ "extended", "12345678:1FFFFF00", 1, 0, 1, { { 0x91a2b3c4, 0xfffff804 } } },
	{ "extended, no remote frames", "00000001:40000001", 1, 0, 1,
	  { { 0x0000000c, 0x0000000e } } },
	{ "one extended exactly", "12345678:DFFFFFFF", 1, 1, 1, { { 0x91a2b3c4, 0x91a2b3c4 } } },
	{ "two extended exactly", "12345678:5FFFFFFF 00000001:5FFFFFFF", 1, 1, 1,
	  { { 0x91a2b3c4, 0x0000000c } } },
	{ "exactly where a mask left a place", "001:400007FF 123:7FF", 0, 0, 1,
	  { { 0xffe82460, 0xfff80020 } } },
	{ "three kinds", "001:400007FF 00000001:1FFFFFFF 00000001:5FFFFFFF", 5, 6, 7,
	  { { 0x0000000c, 0xfffffffc }, { 0x00200020, 0x00200020 },
	    { 0x0000000c, 0x0000000c } } },
};

static void image_name(const struct image_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(image, image_cases, image_name);

static void filter_image(struct kunit *test)
{
	const struct image_case *c = test->param_value;
	struct gs_filter *filter = kunit_kzalloc(test, sizeof(*filter), GFP_KERNEL);
	__le32 image[33];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, filter);
	memset(image, 0xa5, sizeof(image));
	KUNIT_ASSERT_EQ(test, gs_filter_parse(filter, c->text), 0);
	KUNIT_ASSERT_EQ(test, gs_filter_compile((struct gs_device_filter *)image, filter), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(image[0]), 1);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(image[1]), c->fs1r);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(image[2]), c->fm1r);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(image[3]), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(image[4]), c->fa1r);
	for (i = 0; i < 14; i++) {
		KUNIT_EXPECT_EQ(test, le32_to_cpu(image[5 + i]), i < 3 ? c->fr[i][0] : 0);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(image[19 + i]), i < 3 ? c->fr[i][1] : 0);
	}
}

struct room_case {
	const char *name;
	const char *text;	/* repeated */
	unsigned int n;		/* so often */
	const char *first;
	int ret;
};

static const struct room_case room_cases[] = {
	{ "28 standard", "123:7FF", 28, "", 0 },
	{ "29 standard", "123:7FF", 29, "", -ENOSPC },
	{ "56 exactly", "123:400007FF", 56, "", 0 },
	{ "14 extended", "12345678:1FFFFFFF", 14, "", 0 },
	{ "15 extended", "12345678:1FFFFFFF", 15, "", -ENOSPC },
	{ "28 extended exactly", "12345678:5FFFFFFF", 28, "", 0 },
	{ "29 extended exactly", "12345678:5FFFFFFF", 29, "", -ENOSPC },
	{ "53 exactly and a mask", "123:400007FF", 53, "123:7FF ", 0 },
	{ "54 exactly and a mask", "123:400007FF", 54, "123:7FF ", -ENOSPC },
	{ "13 extended and one standard", "12345678:1FFFFFFF", 13, "123:7FF ", 0 },
	{ "14 extended and one standard", "12345678:1FFFFFFF", 14, "123:7FF ", -ENOSPC },
};

static void room_name(const struct room_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(room, room_cases, room_name);

static void filter_room(struct kunit *test)
{
	const struct room_case *c = test->param_value;
	struct gs_filter *filter = kunit_kzalloc(test, sizeof(*filter), GFP_KERNEL);
	char *text = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct gs_device_filter image;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, filter);
	KUNIT_ASSERT_NOT_NULL(test, text);
	strscpy(text, c->first, PAGE_SIZE);
	for (i = 0; i < c->n; i++) {
		strlcat(text, c->text, PAGE_SIZE);
		strlcat(text, " ", PAGE_SIZE);
	}
	KUNIT_ASSERT_EQ(test, gs_filter_parse(filter, text), 0);
	KUNIT_EXPECT_EQ(test, gs_filter_compile(&image, filter), c->ret);
}

/* Pairs of all kinds, and masks that leave few bits, many and single ones out */
static void random_pair(struct gs_filter_pair *pair, struct rnd_state *rnd)
{
	u32 r = prandom_u32_state(rnd);

	pair->id = prandom_u32_state(rnd) & 0x1fffffff;
	switch (r % 4) {
	case 0:
		pair->mask = 0x1fffffff;
		break;
	case 1:
		pair->mask = ~(1U << (r >> 8) % 29);
		break;
	case 2:
		pair->mask = prandom_u32_state(rnd) | prandom_u32_state(rnd);
		break;
	default:
		pair->mask = 0x1fffffff << (r >> 8) % 20;
		break;
	}
	pair->mask &= 0x1fffffff;
	if (r & BIT(30))
		pair->mask |= RTR;
	if (r & BIT(29))
		pair->id |= EFF;
	else
		pair->id &= 0x7ff;
}

/* Ids that are near to those of pairs, and some that are anywhere */
static u32 random_id(const struct gs_filter *filter, struct rnd_state *rnd)
{
	u32 r = prandom_u32_state(rnd), id = prandom_u32_state(rnd) & 0x1fffffff;

	if (r & BIT(31) && filter->n) {
		id = filter->pair[r % filter->n].id & 0x1fffffff;
		if (r & BIT(30))
			id ^= 1U << (r >> 16) % 29;
	}

	return id;
}

static unsigned int differences(const __le32 *image, const struct gs_filter *filter, u32 id)
{
	return (accepts(image, id) != meant(filter, id)) +
	       (accepts(image, id | RTR) != meant(filter, id | RTR));
}

/* As few banks as the numbers of each kind ask for */
static unsigned int banks_needed(const struct gs_filter *filter)
{
	unsigned int std_mask = 0, std_list = 0, ext_mask = 0, ext_list = 0, i;

	for (i = 0; i < filter->n; i++) {
		u32 mask = filter->pair[i].mask;

		if (filter->pair[i].id & EFF) {
			if ((mask & 0x5fffffff) == 0x5fffffff)
				ext_list++;
			else
				ext_mask++;
		} else {
			if ((mask & 0x400007ff) == 0x400007ff)
				std_list++;
			else
				std_mask++;
		}
	}
	if (std_mask % 2 && std_list) {
		std_mask++;
		std_list--;
	}
	if (!filter->n)
		return 1;

	return std_mask / 2 + std_mask % 2 + DIV_ROUND_UP(std_list, 4) + ext_mask +
	       DIV_ROUND_UP(ext_list, 2);
}

/* What passes is what was meant: all standard ids, many extended ones, remote frames, too */
static void filter_means(struct kunit *test)
{
	struct gs_filter *filter = kunit_kzalloc(test, sizeof(*filter), GFP_KERNEL);
	unsigned int round, i, wrong, fitted = 0;
	struct rnd_state rnd;
	__le32 image[33];
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, filter);
	prandom_seed_state(&rnd, 204);
	for (round = 0; round < 150; round++) {
		filter->n = round % 25;
		for (i = 0; i < filter->n; i++)
			random_pair(&filter->pair[i], &rnd);
		memset(image, 0xa5, sizeof(image));
		ret = gs_filter_compile((struct gs_device_filter *)image, filter);
		KUNIT_ASSERT_EQ_MSG(test, ret, banks_needed(filter) > 14 ? -ENOSPC : 0,
				    "round %u, %u pairs", round, filter->n);
		if (ret)
			continue;
		fitted++;
		KUNIT_ASSERT_EQ(test, hweight32(le32_to_cpu(image[4])), banks_needed(filter));
		KUNIT_ASSERT_EQ(test, le32_to_cpu(image[3]), 0);

		for (i = 0, wrong = 0; i < 0x800; i++)
			wrong += differences(image, filter, i);
		KUNIT_ASSERT_EQ_MSG(test, wrong, 0, "standard ids, round %u", round);
		for (i = 0; i < 4000; i++)
			wrong += differences(image, filter, random_id(filter, &rnd) | EFF);
		KUNIT_ASSERT_EQ_MSG(test, wrong, 0, "extended ids, round %u", round);
	}
	/* else the seed is no good */
	KUNIT_EXPECT_GT(test, fitted, 75);
	KUNIT_EXPECT_LT(test, fitted, 150);
}

static struct kunit_case filter_cases[] = {
	KUNIT_CASE_PARAM(filter_parse, parse_gen_params),
	KUNIT_CASE(filter_parse_many),
	KUNIT_CASE_PARAM(filter_image, image_gen_params),
	KUNIT_CASE_PARAM(filter_room, room_gen_params),
	KUNIT_CASE(filter_means),
	{}
};

static struct kunit_suite filter_suite = {
	.name = "gs_usb_ng_filter",
	.test_cases = filter_cases,
};

kunit_test_suite(filter_suite);
