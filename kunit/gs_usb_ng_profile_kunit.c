// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: firmware families are told apart, forged words included, and each gets its limits.
 */
#include <kunit/test.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "elm.h"
#include "gs_usb_wire.h"
#include "profile.h"

struct find_case {
	const char *name;
	struct gs_profile_id id;
	const char *profile;
};

/* Feature words that firmwares are known to send */
#define F_CL_BX		0x430bb		/* bits 0,1,3,4,5,7,12,13,18 */
#define F_CL_FD		0x635b3		/* bits 0,1,4,5,7,8,10,12,13,17,18 */
#define F_CL_OLD	0x000bb		/* bits 0,1,3,4,5,7 */
#define F_CN		0x02533		/* bits 0,1,4,5,8,10,13 */
#define F_ELM		0x0e53b		/* bits 0,1,3,4,5,8,10,13,14,15 */
#define F_CTP		0x00123		/* bits 0,1,5,8 */
#define F_BC		0x005f3		/* bits 0,1,4,5,6,7,8,10 */

#define CL(prod, feat) \
	{ 0x1d50, 0x606f, 0xff, 0xff, "bytewerk", prod, NULL, 2, 1, feat }
#define ELM(sw, hw, feat) \
	{ 0x1d50, 0x606f, 0xff, 0xff, "ElmueSoft (netcult.ch/elmue)", \
	  "Candlelight 2.5 - MKS", "CAN FD Interface", sw, hw, feat }
#define CTP(vid, pid, man, prod, sw) \
	{ vid, pid, 0xff, 0xff, man, prod, NULL, sw, 1, F_CTP }

static const struct find_case find_cases[] = {
	{ "candleLight bxCAN", CL("candleLight USB to CAN adapter", F_CL_BX), "candlelight" },
	{ "candleLight FDCAN", CL("candleLight USB to CAN adapter", F_CL_FD), "candlelight" },
	{ "canable", CL("canable gs_usb", F_CL_BX), "candlelight" },
	{ "cantact", CL("cantact gs_usb", F_CL_OLD), "candlelight-old" },
	{ "candleLight of 2022", CL("candleLight USB to CAN adapter", F_CL_OLD),
	  "candlelight-old" },
	{ "candleLight with USER_ID", CL("candleLight USB to CAN adapter", F_CL_OLD | 0x40),
	  "candlelight-old" },
	{ "bytewerk's id", { 0x1209, 0x2323, 0xff, 0xff, "bytewerk",
	  "candleLight USB to CAN adapter", NULL, 2, 1, F_CL_BX }, "candlelight" },
	{ "clone of a name unknown", CL("Wonder Adapter", F_CL_BX), "candlelight-clone" },
	{ "clone without strings", CL(NULL, F_CL_OLD), "candlelight-clone" },
	{ "budgetcan", CL("budgetcan gs_usb", F_BC), "budgetcan" },
	{ "budgetcan without strings", CL(NULL, F_BC), "budgetcan" },
	{ "CANnectivity", { 0x1209, 0xca01, 0xff, 0x00, "CANnectivity",
	  "CANnectivity USB to CAN adapter", "gs_usb", 2, 1, F_CN }, "cannectivity" },
	{ "CANnectivity by id alone", { 0x1209, 0xca01, 0, 0, NULL, NULL, NULL, 2, 1, F_CN },
	  "cannectivity" },
	{ "CANnectivity of a vendor", { 0x1234, 0x5678, 0xff, 0x00, "Vendor", "Thing", "gs_usb",
	  2, 1, F_CN }, "cannectivity" },
	{ "interface string, other class", { 0x1234, 0x5678, 0xff, 0xff, "Vendor", "Thing",
	  "gs_usb", 2, 1, F_CN }, "unknown" },
	{ "ELM", ELM(0x260803, 0x200, F_ELM), "elm" },
	{ "ELM of 2025", ELM(0x250914, 0x200, F_ELM), "elm" },
	{ "ELM without strings", { 0x1d50, 0x606f, 0xff, 0xff, NULL, NULL, NULL,
	  0x260803, 0x200, F_ELM }, "elm" },
	{ "bit 14, hardware version 1", ELM(0x260803, 1, F_ELM), "unknown" },
	{ "bit 14, software version 2", ELM(2, 0x200, F_ELM), "unknown" },
	{ "bit 14, version of 2024", ELM(0x241231, 0x200, F_ELM), "unknown" },
	{ "bit 14, version not BCD", ELM(0x26080a, 0x200, F_ELM), "unknown" },
	{ "bit 14, version too long", ELM(0x1260803, 0x200, F_ELM), "unknown" },
	{ "bit 14 of candleLight's strings", CL("candleLight USB to CAN adapter", F_CL_BX | 0x4000),
	  "unknown" },
	{ "ELM's strings, no bit 14", ELM(2, 1, F_CL_OLD), "unknown" },
	{ "CANtact Pro", CTP(0x1d50, 0x606f, "LinkLayer Labs", "CANtact Pro", 2), "cantact-pro" },
	{ "CANtact Pro, version 0", CTP(0x1d50, 0x606f, "LinkLayer Labs", "CANtact Pro", 0),
	  "cantact-pro" },
	{ "CANtact Pro, version 3", CTP(0x1d50, 0x606f, "LinkLayer Labs", "CANtact Pro", 3),
	  "unknown" },
	{ "CANtact Pro, other id", CTP(0x1209, 0x2323, "LinkLayer Labs", "CANtact Pro", 2),
	  "candlelight-clone" },
	{ "CANtact Pro, other maker", CTP(0x1d50, 0x606f, "LinkLayer Labs ", "CANtact Pro", 2),
	  "candlelight-clone" },
	{ "CANtact Pro, other product", CTP(0x1d50, 0x606f, "LinkLayer Labs", "CANtact", 2),
	  "candlelight-clone" },
	{ "CANtact Pro, no product", CTP(0x1d50, 0x606f, "LinkLayer Labs", NULL, 2),
	  "candlelight-clone" },
	{ "CANtact Pro, no maker", CTP(0x1d50, 0x606f, NULL, "CANtact Pro", 2),
	  "candlelight-clone" },
	{ "Geschwister Schneider", { 0x1d50, 0x606f, 0xff, 0xff, NULL, NULL, NULL, 1, 1, 0x7 },
	  "gs" },
	{ "CES", { 0x1cd2, 0x606f, 0xff, 0xff, NULL, NULL, NULL, 2, 1, 0x503 }, "gs" },
	{ "ABE", { 0x16d0, 0x10b8, 0xff, 0xff, NULL, NULL, NULL, 2, 1, 0x503 }, "unknown" },
	{ "Xylanta", { 0x16d0, 0x0f30, 0xff, 0xff, NULL, NULL, NULL, 2, 1, 0x503 }, "unknown" },
	{ "class 0", { 0x1d50, 0x606f, 0, 0, NULL, "candleLight", NULL, 2, 1, F_CL_BX },
	  "unknown" },
	{ "nothing", {}, "unknown" },
};

static void find_name(const struct find_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(find, find_cases, find_name);

static void profile_find(struct kunit *test)
{
	const struct find_case *c = test->param_value;

	KUNIT_EXPECT_STREQ(test, gs_profile_find(&c->id)->name, c->profile);
}

/* One device of each family */
static const struct gs_profile_id one_unknown = {};
static const struct gs_profile_id one_gs = { .vid = 0x1cd2, .pid = 0x606f };
static const struct gs_profile_id one_cl = CL("canable gs_usb", F_CL_BX);
static const struct gs_profile_id one_old = CL("canable gs_usb", F_CL_OLD);
static const struct gs_profile_id one_clone = CL(NULL, F_CL_OLD);
static const struct gs_profile_id one_cn = { .vid = 0x1209, .pid = 0xca01 };
static const struct gs_profile_id one_elm = ELM(0x260803, 0x200, F_ELM);
static const struct gs_profile_id one_ctp =
	CTP(0x1d50, 0x606f, "LinkLayer Labs", "CANtact Pro", 2);
static const struct gs_profile_id one_bc = CL(NULL, F_BC);

struct rules_case {
	const char *name;
	const struct gs_profile_id *id;
	u16 channel;
	unsigned int device_of_1;
	unsigned int device_of_3;
	bool turns;
	bool short_cc;
	bool no_raw_dlc;
	bool cantact_pro;
	bool elm;
	bool echo_is_ack;
};

static const struct rules_case rules_cases[] = {
	{ "unknown", &one_unknown, 10, 10, 30, 0, 0, 0, 0, 0, 0 },
	{ "gs", &one_gs, 10, 10, 30, 0, 0, 0, 0, 0, 0 },
	{ "candlelight", &one_cl, 32, 32, 96, 1, 1, 0, 0, 0, 0 },
	{ "candlelight-old", &one_old, 16, 32, 32, 1, 0, 0, 0, 0, 0 },
	{ "candlelight-clone", &one_clone, 10, 10, 30, 0, 0, 0, 0, 0, 0 },
	{ "cannectivity", &one_cn, 8, 10, 10, 1, 1, 1, 0, 0, 1 },
	{ "elm", &one_elm, 32, 32, 32, 1, 1, 1, 0, 1, 0 },
	{ "cantact-pro", &one_ctp, 10, 10, 30, 0, 0, 0, 1, 0, 0 },
	{ "budgetcan", &one_bc, 10, 10, 30, 0, 0, 0, 0, 0, 0 },
};

static void rules_name(const struct rules_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(rules, rules_cases, rules_name);

static void profile_rules(struct kunit *test)
{
	const struct rules_case *c = test->param_value;
	const struct gs_profile *p = gs_profile_find(c->id);

	KUNIT_EXPECT_STREQ(test, p->name, c->name);
	KUNIT_EXPECT_EQ(test, p->in_flight_channel, c->channel);
	KUNIT_EXPECT_EQ(test, gs_profile_device_cap(p, 1), c->device_of_1);
	KUNIT_EXPECT_EQ(test, gs_profile_device_cap(p, 3), c->device_of_3);
	KUNIT_EXPECT_EQ(test, p->turns > 1, c->turns);
	/* slots and turns have bits of their own, and no id means "received" */
	if (p->turns) {
		KUNIT_EXPECT_LE(test, p->in_flight_channel, BIT(p->turn_shift));
		KUNIT_EXPECT_LE(test, (u64)p->turns << p->turn_shift, 1ULL << 32);
		KUNIT_EXPECT_LT(test, gs_profile_echo_id(p, p->in_flight_channel - 1, p->turns - 1),
				GS_ECHO_ID_RX);
	}
	KUNIT_EXPECT_EQ(test, p->short_cc, c->short_cc);
	KUNIT_EXPECT_EQ(test, p->no_raw_dlc, c->no_raw_dlc);
	KUNIT_EXPECT_EQ(test, p->cantact_pro, c->cantact_pro);
	KUNIT_EXPECT_EQ(test, p->elm, c->elm);
	KUNIT_EXPECT_EQ(test, p->echo_is_ack, c->echo_is_ack);
	/* a byte has to do for an echo id of ELM, and for one more */
	if (p->elm) {
		KUNIT_EXPECT_EQ(test, BIT(p->turn_shift), GS_ELM_SLOTS);
		KUNIT_EXPECT_LE(test, p->turns << p->turn_shift, 255);
	}
}

struct features_case {
	const char *name;
	const struct gs_profile_id *id;
	u32 in;
	u32 out;
};

/* Bits 6 and 7 never pass; 15 up are candleLight's, or ELM's, or nobody's */
static const struct features_case features_cases[] = {
	{ "candleLight bxCAN", &one_cl, F_CL_BX, 0x4303b },
	{ "candleLight FDCAN", &one_cl, F_CL_FD, 0x63533 },
	{ "candleLight bxCAN with filters", &one_cl, F_CL_BX | 0x10000, 0x5303b },
	{ "candleLight FDCAN and bit 16", &one_cl, F_CL_FD | 0x10000, 0x63533 },
	{ "candleLight, all but FD", &one_cl, 0xffffbeff, 0x73e3f },
	{ "candleLight, all", &one_cl, 0xffffbfff, 0x63f3f },
	{ "candleLight, all and bit 14", &one_cl, 0xffffffff, 0x03f3f },
	{ "candleLight old, all", &one_old, 0xffffbfff, 0x43f3f },
	{ "candleLight old, all but FD", &one_old, 0xffffbeff, 0x53e3f },
	{ "clone, all but FD", &one_clone, 0xffffbeff, 0x43e3f },
	{ "ELM, all but FD", &one_elm, 0xfffffeff, 0x02e3f },
	{ "CANnectivity, all but FD", &one_cn, 0xffffbeff, 0x03e3f },
	{ "unknown, all but FD", &one_unknown, 0xffffbeff, 0x03e3f },
	{ "clone, all", &one_clone, 0xffffbfff, 0x43f3f },
	{ "CANnectivity, all", &one_cn, 0xffffbfff, 0x03f3f },
	{ "ELM", &one_elm, F_ELM, 0x0253b },
	{ "ELM, all", &one_elm, 0xffffffff, 0x02f3f },
	{ "CANtact Pro", &one_ctp, F_CTP, 0x00123 },
	{ "CANtact Pro, all", &one_ctp, 0xffffffff, 0x03f3f },
	{ "gs, all", &one_gs, 0xffffbfff, 0x03f3f },
	{ "unknown, all", &one_unknown, 0xffffffff, 0x03f3f },
	{ "budgetcan", &one_bc, F_BC, 0x00533 },
};

static void features_name(const struct features_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(features, features_cases, features_name);

static void profile_features(struct kunit *test)
{
	const struct features_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, gs_profile_features(gs_profile_find(c->id), c->in), c->out);
}

struct share_case {
	const char *name;
	const struct gs_profile_id *id;
	unsigned int channels;
	unsigned int open;
	unsigned int share;
};

static const struct share_case share_cases[] = {
	{ "cn 1 of 1", &one_cn, 1, 1, 8 },
	{ "cn 2 of 2", &one_cn, 2, 2, 5 },
	{ "cn 3 of 4", &one_cn, 4, 3, 3 },
	{ "cn 10 of 40", &one_cn, 40, 10, 1 },
	{ "cn 40 of 40", &one_cn, 40, 40, 1 },
	{ "cl 1 of 3", &one_cl, 3, 1, 32 },
	{ "cl 3 of 3", &one_cl, 3, 3, 32 },
	{ "old 1 of 2", &one_old, 2, 1, 16 },
	{ "old 1 of 3", &one_old, 3, 1, 10 },
	{ "old 3 of 3", &one_old, 3, 3, 10 },
	{ "elm 1 of 3", &one_elm, 3, 1, 32 },
	{ "elm 3 of 3", &one_elm, 3, 3, 10 },
	{ "gs 12 of 12", &one_gs, 12, 12, 10 },
	{ "gs 1 of 13", &one_gs, 13, 1, 9 },
	{ "gs 13 of 13", &one_gs, 13, 13, 9 },
	{ "gs 255 of 255", &one_gs, 255, 255, 1 },
	{ "none open", &one_gs, 1, 0, 10 },
	{ "no channels", &one_gs, 0, 1, 10 },
};

static void share_name(const struct share_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(share, share_cases, share_name);

static void profile_share(struct kunit *test)
{
	const struct share_case *c = test->param_value;
	const struct gs_profile *p = gs_profile_find(c->id);

	KUNIT_EXPECT_EQ(test, gs_profile_in_flight(p, c->channels, c->open), c->share);
}

/* Its own protocol needs both bits, and firmware whose faults are mended */
static void profile_speaks_elm(struct kunit *test)
{
	const struct gs_profile *elm = gs_profile_find(&one_elm);

	/* what markers are shared out for */
	KUNIT_EXPECT_LE(test, elm->in_flight_channel, 32);
	KUNIT_EXPECT_TRUE(test, gs_profile_speaks_elm(elm, 0x260803, F_ELM));
	KUNIT_EXPECT_TRUE(test, gs_profile_speaks_elm(elm, 0x270101, 0xc000));
	KUNIT_EXPECT_FALSE(test, gs_profile_speaks_elm(elm, 0x260802, F_ELM));
	KUNIT_EXPECT_FALSE(test, gs_profile_speaks_elm(elm, 0x260803, F_ELM & ~0x8000));
	KUNIT_EXPECT_FALSE(test, gs_profile_speaks_elm(elm, 0x260803, F_ELM & ~0x4000));
	KUNIT_EXPECT_FALSE(test, gs_profile_speaks_elm(gs_profile_find(&one_unknown), 0x260803,
						       F_ELM));
	KUNIT_EXPECT_FALSE(test, gs_profile_speaks_elm(gs_profile_find(&one_cl), 0x260803, F_ELM));
}

/* Suspended when idle is only who is known to wake up */
static void profile_autosuspend(struct kunit *test)
{
	static const struct gs_profile_id * const others[] = {
		&one_unknown, &one_gs, &one_old, &one_clone, &one_cn, &one_elm, &one_ctp, &one_bc,
	};
	unsigned int i;

	KUNIT_EXPECT_TRUE(test, gs_profile_find(&one_cl)->autosuspend);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		KUNIT_EXPECT_FALSE(test, gs_profile_find(others[i])->autosuspend);
}

/* None of a slot's next uses has the same id until the turns are through, nor has another slot's */
static void profile_turns(struct kunit *test)
{
	static const struct gs_profile_id *const ids[] = { &one_elm, &one_cl };
	const struct gs_profile *p;
	u32 turn, id, first;
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		p = gs_profile_find(ids[i]);
		turn = p->turns - 3;
		first = gs_profile_echo_id(p, 31, turn);
		for (n = 1; n < min(p->turns, 1000U); n++) {
			turn = gs_profile_next_turn(p, turn);
			id = gs_profile_echo_id(p, 31, turn);
			KUNIT_EXPECT_NE(test, id, first);
			KUNIT_EXPECT_EQ(test, gs_profile_id_slot(p, id), 31);
		}
	}
	KUNIT_EXPECT_EQ(test, gs_profile_next_turn(gs_profile_find(&one_elm), 6), 0);
	KUNIT_EXPECT_EQ(test, gs_profile_next_turn(gs_profile_find(&one_cl), 0xffffff), 0);
	KUNIT_EXPECT_EQ(test, gs_profile_echo_id(gs_profile_find(&one_elm), 31, 6), 223);
}

static struct kunit_case profile_cases[] = {
	KUNIT_CASE_PARAM(profile_find, find_gen_params),
	KUNIT_CASE_PARAM(profile_rules, rules_gen_params),
	KUNIT_CASE_PARAM(profile_features, features_gen_params),
	KUNIT_CASE_PARAM(profile_share, share_gen_params),
	KUNIT_CASE(profile_turns),
	KUNIT_CASE(profile_speaks_elm),
	KUNIT_CASE(profile_autosuspend),
	{}
};

static struct kunit_suite profile_suite = {
	.name = "gs_usb_ng_profile",
	.test_cases = profile_cases,
};

kunit_test_suite(profile_suite);
