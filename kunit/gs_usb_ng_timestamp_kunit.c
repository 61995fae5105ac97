// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: device time survives wraps, silence and nonsense.
 *
 * All times are made up. The device's clock may run fast or slow against the host's.
 */
#include <kunit/test.h>
#include <linux/bottom_half.h>
#include <linux/time64.h>

#include "timestamp.h"

#define REAL	1700000000000000000ULL	/* CLOCK_REALTIME at the start */
#define MONO	5000000000ULL		/* CLOCK_MONOTONIC at the start */
#define MINUTE	60000000ULL		/* in microseconds */

/**
 * struct world - a host and a device
 * @clk: under test
 * @first: device time at the start
 * @us: microseconds since the start, by the device's clock
 * @ppm: how much faster than the host's it is
 */
struct world {
	struct gs_clock clk;
	u32 first;
	s64 us;
	s64 ppm;
};

static u64 world_mono(const struct world *w)
{
	return MONO + (w->us - div_s64(w->us * w->ppm, 1000000)) * 1000;
}

static u32 world_device(const struct world *w)
{
	return w->first + (u32)w->us;
}

static void world_start(struct world *w, u32 first, s64 ppm)
{
	w->first = first;
	w->us = 0;
	w->ppm = ppm;
	gs_clock_init(&w->clk);
	gs_clock_start(&w->clk, first, MONO, REAL);
}

/* A frame with any timestamp, now */
static u64 frame(struct world *w, u32 us)
{
	unsigned long now = nsecs_to_jiffies(world_mono(w));
	u64 ns;

	local_bh_disable();
	ns = gs_clock_near(&w->clk, us, now);
	if (!ns)
		ns = gs_clock_frame(&w->clk, us, world_mono(w), now);
	local_bh_enable();

	return ns;
}

/* A frame with the right timestamp, which has to get the right time, to the microsecond */
static void expect_frame(struct kunit *test, struct world *w)
{
	KUNIT_EXPECT_EQ(test, frame(w, world_device(w)), REAL + w->us * 1000);
	/* its own, not the host's */
	KUNIT_EXPECT_NE(test, w->clk.near_ns, 0);
}

static void time_not_started(struct kunit *test)
{
	struct world w = {};

	gs_clock_init(&w.clk);
	KUNIT_EXPECT_EQ(test, frame(&w, 1000), 0);
	KUNIT_EXPECT_FALSE(test, gs_clock_sample(&w.clk, 1000, MONO));
	gs_clock_idle(&w.clk, MONO);

	world_start(&w, 1000, 0);
	expect_frame(test, &w);
	gs_clock_stop(&w.clk);
	KUNIT_EXPECT_EQ(test, frame(&w, 1000), 0);

	/* the next start knows nothing of the one before */
	w.first = 77;
	gs_clock_start(&w.clk, 77, world_mono(&w), REAL);
	expect_frame(test, &w);
}

static void time_line(struct kunit *test)
{
	struct world w;
	unsigned int i;

	world_start(&w, 123456, 0);
	for (i = 0; i < 1000; i++) {
		w.us += 111;
		expect_frame(test, &w);
	}
}

static void time_wrap(struct kunit *test)
{
	struct world w;

	world_start(&w, 0xfffffff0, 0);
	expect_frame(test, &w);
	w.us = 0x0f;
	expect_frame(test, &w);
	w.us = 0x10;
	KUNIT_EXPECT_EQ(test, world_device(&w), 0);
	expect_frame(test, &w);
	w.us = 0x40;
	expect_frame(test, &w);
	/* one from before the wrap, late */
	KUNIT_EXPECT_EQ(test, frame(&w, 0xfffffff8), REAL + 8000);
	expect_frame(test, &w);
}

struct drift_case {
	const char *name;
	s64 ppm;
	u64 step;
};

static const struct drift_case drift_cases[] = {
	{ "exact, every minute", 0, MINUTE },
	{ "100 ppm fast, every 30 minutes", 100, 30 * MINUTE },
	{ "1000 ppm fast, every 30 minutes", 1000, 30 * MINUTE },
	{ "1000 ppm slow, every 30 minutes", -1000, 30 * MINUTE },
	{ "1000 ppm slow, every 71 minutes", -1000, 71 * MINUTE },
	{ "1000 ppm fast, every 72 minutes", 1000, 72 * MINUTE },
	{ "exact, every 10 hours", 0, 600 * MINUTE },
	{ "1000 ppm fast, every 10 hours", 1000, 600 * MINUTE },
};

static void drift_name(const struct drift_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(drift, drift_cases, drift_name);

/* Nothing at all happens between two frames, for days */
static void time_silence(struct kunit *test)
{
	const struct drift_case *c = test->param_value;
	struct world w;

	world_start(&w, 0x80000000, c->ppm);
	while (w.us < 100LL * 60 * MINUTE) {
		w.us += c->step;
		expect_frame(test, &w);
		w.us += 50;
		expect_frame(test, &w);
	}
}

/* Requests fail while there are no frames */
static void time_failed_read(struct kunit *test)
{
	struct world w;
	unsigned int i;

	world_start(&w, 0xf0000000, 500);
	for (i = 0; i < 20; i++) {
		w.us += 30 * MINUTE;
		gs_clock_idle(&w.clk, world_mono(&w));
	}
	expect_frame(test, &w);
	w.us += 71 * MINUTE;
	gs_clock_idle(&w.clk, world_mono(&w));
	w.us += 1;
	expect_frame(test, &w);
}

/* candleLight on STM32F4 never latches its timer: the request always answers 0 */
static void time_always_zero(struct kunit *test)
{
	struct world w;
	unsigned int i;

	world_start(&w, 1000000000, -100);
	for (i = 1; i <= 20; i++) {
		w.us += 30 * MINUTE;
		KUNIT_EXPECT_FALSE(test, gs_clock_sample(&w.clk, 0, world_mono(&w)));
		if (i % 5 == 0)
			expect_frame(test, &w);
	}

	/* 0 happens to be right, nearly */
	w.us += 0x100000000LL - world_device(&w) - 200000;
	KUNIT_EXPECT_FALSE(test, gs_clock_sample(&w.clk, 0, world_mono(&w)));
	expect_frame(test, &w);
	w.us += 400000;
	KUNIT_EXPECT_FALSE(test, gs_clock_sample(&w.clk, 0, world_mono(&w)));
	expect_frame(test, &w);

	/* a week without frames, in which a lot is nearly right */
	for (i = 0; i < 24 * 7; i++) {
		w.us += 60 * MINUTE;
		KUNIT_EXPECT_FALSE(test, gs_clock_sample(&w.clk, 0, world_mono(&w)));
	}
	expect_frame(test, &w);
}

static void time_sample(struct kunit *test)
{
	struct world w;
	unsigned int i;

	world_start(&w, 0, 200);
	for (i = 0; i < 20; i++) {
		w.us += 30 * MINUTE;
		/* the device's timer at the last start of frame */
		KUNIT_EXPECT_TRUE(test, gs_clock_sample(&w.clk, world_device(&w) - 999,
							world_mono(&w)));
	}
	expect_frame(test, &w);

	/* one from before the newest frame is right, too */
	w.us += 500;
	KUNIT_EXPECT_TRUE(test, gs_clock_sample(&w.clk, world_device(&w) - 999, world_mono(&w)));
	expect_frame(test, &w);
}

struct tolerance_case {
	const char *name;
	u64 after;
	s32 off;
	bool taken;
};

/* Half a second and 1000 ppm */
static const struct tolerance_case tolerance_cases[] = {
	{ "at once, half a second ahead", 0, 500000, true },
	{ "at once, more", 0, 500001, false },
	{ "at once, half a second behind", 0, -500000, true },
	{ "at once, more behind", 0, -500001, false },
	{ "1000 s, 1.5 s ahead", 1000000000, 1500000, true },
	{ "1000 s, more", 1000000000, 1500001, false },
	{ "1000 s, 1.5 s behind", 1000000000, -1500000, true },
	{ "1000 s, more behind", 1000000000, -1500001, false },
	{ "1000 s, half a wrap ahead", 1000000000, S32_MAX, false },
	{ "1000 s, half a wrap behind", 1000000000, S32_MIN, false },
};

static void tolerance_name(const struct tolerance_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(tolerance, tolerance_cases, tolerance_name);

static void time_tolerance(struct kunit *test)
{
	const struct tolerance_case *c = test->param_value;
	struct world w;

	world_start(&w, 3000000000U, 0);
	w.us = c->after;
	KUNIT_EXPECT_EQ(test, gs_clock_sample(&w.clk, world_device(&w) + c->off, world_mono(&w)),
			c->taken);
	/* believed or not, frames are still on the line */
	expect_frame(test, &w);
	w.us += 70 * MINUTE;
	expect_frame(test, &w);
}

/* A frame that another overtook in the device */
static void time_older(struct kunit *test)
{
	struct world w;

	world_start(&w, 10, 0);
	w.us = 10000000;
	expect_frame(test, &w);
	KUNIT_EXPECT_EQ(test, frame(&w, world_device(&w) - 3000), REAL + (w.us - 3000) * 1000);
	expect_frame(test, &w);
	/* before the start, even */
	w.us = 100;
	world_start(&w, 500, 0);
	KUNIT_EXPECT_EQ(test, frame(&w, 400), REAL - 100 * 1000);
}

/* The device has started its counter again, or sends nonsense */
static void time_jump(struct kunit *test)
{
	static const s64 jumps[] = { -100000000, -1000000, 1000000, 600000000, 0x7fffffff };
	struct world w;
	unsigned int i;

	world_start(&w, 1000, 0);
	w.us = 100000000;
	expect_frame(test, &w);
	for (i = 0; i < ARRAY_SIZE(jumps); i++) {
		w.us += 5000;
		/* the frame gets the time at which it is seen, */
		KUNIT_EXPECT_EQ(test, frame(&w, world_device(&w) + (u32)jumps[i]),
				REAL + w.us * 1000);
		KUNIT_EXPECT_EQ(test, w.clk.near_ns, 0);
		/* and the clock has not moved */
		w.us += 5000;
		expect_frame(test, &w);
	}

	/* for good: host time, all the way, for longer than it takes 1000 ppm to make up 100 s */
	for (i = 0; i < 3000; i++) {
		w.us += MINUTE;
		KUNIT_EXPECT_EQ(test, frame(&w, world_device(&w) - 100000000),
				REAL + w.us * 1000);
	}
}

/* Two CPUs may read the host's clock in another order than they take the lock */
static void time_host_behind(struct kunit *test)
{
	struct world w;

	world_start(&w, 0, 0);
	w.us = 1000;
	expect_frame(test, &w);
	w.us = 900;
	expect_frame(test, &w);
	gs_clock_idle(&w.clk, MONO - 1000);
	w.us = 1100;
	expect_frame(test, &w);
}

static struct kunit_case time_cases[] = {
	KUNIT_CASE(time_not_started),
	KUNIT_CASE(time_line),
	KUNIT_CASE(time_wrap),
	KUNIT_CASE_PARAM(time_silence, drift_gen_params),
	KUNIT_CASE(time_failed_read),
	KUNIT_CASE(time_always_zero),
	KUNIT_CASE(time_sample),
	KUNIT_CASE_PARAM(time_tolerance, tolerance_gen_params),
	KUNIT_CASE(time_older),
	KUNIT_CASE(time_jump),
	KUNIT_CASE(time_host_behind),
	{}
};

static struct kunit_suite time_suite = {
	.name = "gs_usb_ng_timestamp",
	.test_cases = time_cases,
};

kunit_test_suite(time_suite);
