// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: what recovery decides. Every cell of the table, and the stories that it is made of.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "decide.h"

/* A letter for each state and each action, in the order of the enums */
#define STATES	"HDW1234FSL"
#define ACTIONS	".ltcBRUGgb"

/* The whole table: what follows from each sign, in the order of the enum, in each state */
static const struct {
	enum gs_health health;
	const char *channel;
	const char *pipe;
	const char *device;
} rows[] = {
	/* quiet echo overtaken mixed-up overdue same deaf hung no-partner bus-off unknown,
	 * fail halt only-fail good, no-answer no-answer-spent answer no-start reset
	 */
	{ GS_HEALTHY,
	  "H. H. H. 1R Dl Dl Dl Dl W. HB W. ", "Ft Fc H. H. ", "Sl Sl H. HU H." },
	{ GS_DOUBTED,
	  "H. H. H. 1R Dl 1R 1R 1R W. HB W. ", "D. D. D. D. ", "D. D. D. D. D." },
	{ GS_WAITING,
	  "H. H. H. 1R Dl Dl Dl Dl W. HB W. ", "W. W. W. W. ", "W. W. W. W. W." },
	{ GS_RESTARTED,
	  "1. Hg Hg 1R 2l 2l 2l 2l W. HB W. ", "1. 1. 1. 1. ", "1. 1. 1. 1. 1." },
	{ GS_DOUBTED_AGAIN,
	  "1. Hg Hg 1R 2l 3R 3R 3U W. HB W. ", "2. 2. 2. 2. ", "2. 2. 2. 2. 2." },
	{ GS_RESTARTED_AGAIN,
	  "3. Hg Hg 1R 4l 4l 4l 4l W. HB W. ", "3. 3. 3. 3. ", "3. 3. 3. 3. 3." },
	{ GS_DOUBTED_STILL,
	  "3. Hg Hg 1R 4l 3R 3U 3U W. HB W. ", "4. 4. 4. 4. ", "4. 4. 4. 4. 4." },
	{ GS_FAILING,
	  "F. F. F. F. F. F. F. F. F. F. F. ", "Ft Fc FU Hg ", "F. F. F. F. F." },
	{ GS_SILENT,
	  "S. S. S. S. S. S. S. S. S. S. S. ", "S. S. S. S. ", "HU LG H. S. H." },
	{ GS_LOST,
	  "L. L. L. L. L. L. L. L. L. L. L. ", "L. L. L. L. ", "L. L. L. L. Hb" },
};

static void decide_table(struct kunit *test)
{
	struct gs_decision then;
	unsigned int i, sign;
	char want[64];

	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(rows), GS_HEALTH_NUM);
	KUNIT_ASSERT_EQ(test, strlen(STATES), GS_HEALTH_NUM);

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		KUNIT_ASSERT_EQ(test, rows[i].health, i);
		snprintf(want, sizeof(want), "%s%s%s", rows[i].channel, rows[i].pipe,
			 rows[i].device);
		KUNIT_ASSERT_EQ(test, strlen(want), 3 * GS_SIGN_NUM - 1);

		for (sign = 0; sign < GS_SIGN_NUM; sign++) {
			then = gs_decide(i, sign);
			KUNIT_EXPECT_EQ_MSG(test, STATES[then.health], want[3 * sign],
					    "state %c, sign %u", STATES[i], sign);
			KUNIT_EXPECT_EQ_MSG(test, ACTIONS[then.action], want[3 * sign + 1],
					    "state %c, sign %u", STATES[i], sign);
		}
	}
}

/* What becomes of a state by a series of signs, and the actions on the way */
static enum gs_health follow(enum gs_health health, const enum gs_sign *signs, unsigned int n,
			     char *actions)
{
	struct gs_decision then;

	while (n--) {
		then = gs_decide(health, *signs++);
		health = then.health;
		*actions++ = ACTIONS[then.action];
	}
	*actions = '\0';

	return health;
}

#define STORY(t, from, to, acts, ...) do {						\
	struct kunit *_t = (t);								\
	static const enum gs_sign signs[] = { __VA_ARGS__ };				\
	char actions[ARRAY_SIZE(signs) + 1];						\
											\
	KUNIT_EXPECT_EQ(_t, follow(from, signs, ARRAY_SIZE(signs), actions), to);	\
	KUNIT_EXPECT_STREQ(_t, actions, acts);						\
} while (0)

/* The host slept for a second: the frames come back as soon as it looks for them */
static void decide_paused_host(struct kunit *test)
{
	STORY(test, GS_HEALTHY, GS_HEALTHY, "l.", GS_SIGN_OVERDUE, GS_SIGN_ECHO);
	/* twice, with other frames */
	STORY(test, GS_HEALTHY, GS_HEALTHY, "ll.", GS_SIGN_OVERDUE, GS_SIGN_OVERDUE,
	      GS_SIGN_ECHO);
}

static void decide_lost_echo(struct kunit *test)
{
	STORY(test, GS_HEALTHY, GS_HEALTHY, "lR.g", GS_SIGN_OVERDUE, GS_SIGN_SAME, GS_SIGN_QUIET,
	      GS_SIGN_ECHO);
	STORY(test, GS_HEALTHY, GS_HEALTHY, "..", GS_SIGN_OVERTAKEN, GS_SIGN_ECHO);
}

/* A channel without a partner is never started anew, however long that lasts */
static void decide_no_partner(struct kunit *test)
{
	STORY(test, GS_HEALTHY, GS_HEALTHY, "....", GS_SIGN_NO_PARTNER, GS_SIGN_NO_PARTNER,
	      GS_SIGN_NO_PARTNER, GS_SIGN_ECHO);
	/* nor in the moment when one has come */
	STORY(test, GS_HEALTHY, GS_HEALTHY, ".l.", GS_SIGN_NO_PARTNER, GS_SIGN_SAME,
	      GS_SIGN_ECHO);
	STORY(test, GS_HEALTHY, GS_WAITING, "..", GS_SIGN_UNKNOWN, GS_SIGN_UNKNOWN);
}

/* The error frame got lost */
static void decide_bus_off(struct kunit *test)
{
	STORY(test, GS_WAITING, GS_HEALTHY, "B", GS_SIGN_BUS_OFF);
	STORY(test, GS_HEALTHY, GS_HEALTHY, "lB", GS_SIGN_OVERDUE, GS_SIGN_BUS_OFF);
}

/* What a USB reset is for, and what it isn't: echoes alone that don't come */
static void decide_stuck(struct kunit *test)
{
	STORY(test, GS_HEALTHY, GS_HEALTHY, "lRlU.g", GS_SIGN_OVERDUE, GS_SIGN_HUNG,
	      GS_SIGN_OVERDUE, GS_SIGN_HUNG, GS_SIGN_QUIET, GS_SIGN_ECHO);
	STORY(test, GS_HEALTHY, GS_RESTARTED_AGAIN, "lRlRlU", GS_SIGN_OVERDUE, GS_SIGN_DEAF,
	      GS_SIGN_OVERDUE, GS_SIGN_DEAF, GS_SIGN_OVERDUE, GS_SIGN_DEAF);
	STORY(test, GS_HEALTHY, GS_RESTARTED_AGAIN, "lRlRlRlR", GS_SIGN_OVERDUE, GS_SIGN_SAME,
	      GS_SIGN_OVERDUE, GS_SIGN_SAME, GS_SIGN_OVERDUE, GS_SIGN_SAME, GS_SIGN_OVERDUE,
	      GS_SIGN_SAME);
}

static void decide_dead(struct kunit *test)
{
	STORY(test, GS_HEALTHY, GS_HEALTHY, "l.", GS_SIGN_NO_ANSWER, GS_SIGN_ANSWER);
	STORY(test, GS_HEALTHY, GS_LOST, "lU.lU.lU.lG.", GS_SIGN_NO_ANSWER, GS_SIGN_NO_ANSWER,
	      GS_SIGN_RESET, GS_SIGN_NO_ANSWER, GS_SIGN_NO_ANSWER, GS_SIGN_RESET,
	      GS_SIGN_NO_ANSWER, GS_SIGN_NO_ANSWER, GS_SIGN_RESET, GS_SIGN_NO_ANSWER_SPENT,
	      GS_SIGN_NO_ANSWER_SPENT, GS_SIGN_NO_ANSWER_SPENT);
	STORY(test, GS_LOST, GS_HEALTHY, "b", GS_SIGN_RESET);
}

static void decide_reset(struct kunit *test)
{
	unsigned int n = 0;

	/* the first, whenever the last one was */
	KUNIT_EXPECT_EQ(test, gs_decide_reset(&n, 0), GS_LEAVE_NOW);
	n = 1;
	KUNIT_EXPECT_EQ(test, gs_decide_reset(&n, 1999), GS_LEAVE_LATER);
	KUNIT_EXPECT_EQ(test, gs_decide_reset(&n, 2000), GS_LEAVE_NOW);
	n = 3;
	KUNIT_EXPECT_EQ(test, gs_decide_reset(&n, 1999), GS_LEAVE_LATER);
	KUNIT_EXPECT_EQ(test, gs_decide_reset(&n, 2000), GS_LEAVE_NEVER);
	KUNIT_EXPECT_EQ(test, gs_decide_reset(&n, 59999), GS_LEAVE_NEVER);
	KUNIT_EXPECT_EQ(test, n, 3);
	/* a spell is over after a minute */
	KUNIT_EXPECT_EQ(test, gs_decide_reset(&n, 60000), GS_LEAVE_NOW);
	KUNIT_EXPECT_EQ(test, n, 0);
}

static void decide_backoff(struct kunit *test)
{
	static const unsigned int pauses[] = { 10, 20, 40, 80, 160, 320, 500, 500 };
	unsigned int i, last = 0;

	for (i = 0; i < ARRAY_SIZE(pauses); i++) {
		last = gs_decide_backoff(last);
		KUNIT_EXPECT_EQ(test, last, pauses[i]);
	}
}

static void decide_short(struct kunit *test)
{
	static const struct {
		unsigned int aside;
		unsigned int limit;
		bool is;
	} cases[] = {
		{ 0, 0, false }, { 0, 1, false }, { 1, 1, true }, { 1, 2, true }, { 1, 3, false },
		{ 2, 3, true }, { 4, 10, false }, { 5, 10, true }, { 15, 32, false },
		{ 16, 32, true }, { 32, 32, true },
		/* the share has shrunk, since others were opened */
		{ 5, 1, true },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ_MSG(test, gs_decide_is_short(cases[i].aside, cases[i].limit),
				    cases[i].is, "%u of %u", cases[i].aside, cases[i].limit);
}

/* Slots that are kept aside lead to a new start, whatever else is thought of the channel */
static void decide_aside(struct kunit *test)
{
	static const enum gs_health channel[] = {
		GS_HEALTHY, GS_DOUBTED, GS_WAITING, GS_RESTARTED, GS_DOUBTED_AGAIN,
		GS_RESTARTED_AGAIN, GS_DOUBTED_STILL,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(channel); i++)
		STORY(test, channel[i], GS_HEALTHY, "Rg", GS_SIGN_MIXED_UP, GS_SIGN_ECHO);
}

static void decide_full(struct kunit *test)
{
	/* 8 bytes at 500 kbit/s: 111 bits, 222 us; half of 200 ms is 451 of them */
	KUNIT_EXPECT_FALSE(test, gs_decide_is_full(450, 3600, 500000, 0, 200));
	KUNIT_EXPECT_TRUE(test, gs_decide_is_full(451, 3608, 500000, 0, 200));
	/* 64 bytes at 1 and 8 Mbit/s: 47 us and 64 us; half of 111 ms is 500 of them */
	KUNIT_EXPECT_FALSE(test, gs_decide_is_full(499, 499 * 64, 1000000, 8000000, 111));
	KUNIT_EXPECT_TRUE(test, gs_decide_is_full(500, 500 * 64, 1000000, 8000000, 111));
	KUNIT_EXPECT_FALSE(test, gs_decide_is_full(0, 0, 1000000, 0, 1));
	KUNIT_EXPECT_FALSE(test, gs_decide_is_full(1000, 8000, 0, 0, 1));
	/* days of it */
	KUNIT_EXPECT_TRUE(test, gs_decide_is_full(4000000000U, 32000000000ULL, 1000000, 0,
						  UINT_MAX / 8));
}

static struct kunit_case decide_cases[] = {
	KUNIT_CASE(decide_table),
	KUNIT_CASE(decide_paused_host),
	KUNIT_CASE(decide_lost_echo),
	KUNIT_CASE(decide_no_partner),
	KUNIT_CASE(decide_bus_off),
	KUNIT_CASE(decide_stuck),
	KUNIT_CASE(decide_dead),
	KUNIT_CASE(decide_reset),
	KUNIT_CASE(decide_backoff),
	KUNIT_CASE(decide_short),
	KUNIT_CASE(decide_aside),
	KUNIT_CASE(decide_full),
	{}
};

static struct kunit_suite decide_suite = {
	.name = "gs_usb_ng_decide",
	.test_cases = decide_cases,
};

kunit_test_suite(decide_suite);
