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

/* A frame with any timestamp, or an echo that may be wrong, now */
static u64 stamped(struct world *w, u32 us, bool exact)
{
	unsigned long now = nsecs_to_jiffies(world_mono(w));
	u64 ns;

	local_bh_disable();
	ns = gs_clock_near(&w->clk, us, now);
	if (!ns)
		ns = gs_clock_frame(&w->clk, us, exact, world_mono(w), now);
	local_bh_enable();

	return ns;
}

static u64 frame(struct world *w, u32 us)
{
	return stamped(w, us, true);
}

static u64 echo(struct world *w, u32 us)
{
	return stamped(w, us, false);
}

/* CLOCK_REALTIME now */
static u64 world_real(const struct world *w)
{
	return REAL + world_mono(w) - MONO;
}

/* A frame with the right timestamp, which has to get the right time, to the microsecond where both
 * clocks agree
 */
static void expect_frame(struct kunit *test, struct world *w)
{
	u64 ns = frame(w, world_device(w));

	if (!w->ppm)
		KUNIT_EXPECT_EQ(test, ns, world_real(w));
	/* its own, not the host's */
	KUNIT_EXPECT_TRUE(test, w->clk.near);
}

/* The same, to within @most nanoseconds */
static void expect_within(struct kunit *test, struct world *w, s64 most)
{
	s64 off = frame(w, world_device(w)) - world_real(w);

	KUNIT_EXPECT_LE(test, abs(off), most);
	KUNIT_EXPECT_TRUE(test, w->clk.near);
}

/* The TIMESTAMP request, answered at once with any time */
static bool sample(struct world *w, u32 us)
{
	return gs_clock_sample(&w->clk, us, world_mono(w), world_mono(w));
}

static void time_not_started(struct kunit *test)
{
	struct world w = {};

	gs_clock_init(&w.clk);
	KUNIT_EXPECT_EQ(test, frame(&w, 1000), 0);
	KUNIT_EXPECT_FALSE(test, gs_clock_sample(&w.clk, 1000, MONO, MONO));

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

/* Nothing at all happens between two frames, for days: the wraps are counted, and the time is as
 * wrong as the crystal was since, but for what an earlier frame has told of it
 */
static void time_silence(struct kunit *test)
{
	const struct drift_case *c = test->param_value;
	struct world w;

	world_start(&w, 0x80000000, c->ppm);
	while (w.us < 100LL * 60 * MINUTE) {
		w.us += c->step;
		expect_within(test, &w, abs(c->ppm) * w.us / 1000);
		w.us += 50;
		expect_within(test, &w, abs(c->ppm) * w.us / 1000);
	}
}

/* candleLight on STM32F4 never latches its timer: the request always answers 0 */
static void time_always_zero(struct kunit *test)
{
	struct world w;
	unsigned int i;

	world_start(&w, 1000000000, -100);
	for (i = 1; i <= 20; i++) {
		w.us += 30 * MINUTE;
		KUNIT_EXPECT_FALSE(test, sample(&w, 0));
		if (i % 5 == 0)
			expect_frame(test, &w);
	}

	/* 0 happens to be right, nearly */
	w.us += 0x100000000LL - world_device(&w) - 200000;
	KUNIT_EXPECT_FALSE(test, sample(&w, 0));
	expect_frame(test, &w);
	w.us += 400000;
	KUNIT_EXPECT_FALSE(test, sample(&w, 0));
	expect_frame(test, &w);

	/* a week without frames, in which a lot is nearly right */
	for (i = 0; i < 24 * 7; i++) {
		w.us += 60 * MINUTE;
		KUNIT_EXPECT_FALSE(test, sample(&w, 0));
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
		KUNIT_EXPECT_TRUE(test, sample(&w, world_device(&w) - 999));
	}
	expect_frame(test, &w);

	/* one from before the newest frame is right, too */
	w.us += 500;
	KUNIT_EXPECT_TRUE(test, sample(&w, world_device(&w) - 999));
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
	KUNIT_EXPECT_EQ(test, sample(&w, world_device(&w) + c->off), c->taken);
	/* Believed or not, frames are still where they belong. An answer that is the first thing
	 * heard for long bends the line, but no faster than by 100 ppm.
	 */
	expect_within(test, &w, c->taken ? abs(c->off) / 5 : 0);
	w.us += 70 * MINUTE;
	expect_within(test, &w, c->taken ? abs(c->off) * 1000LL : 0);
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
		KUNIT_EXPECT_FALSE(test, w.clk.near);
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
	w.us = 1100;
	expect_frame(test, &w);
}

/**
 * struct life_case - a device that runs for a day and more
 * @name: what is special
 * @ppm: how much faster than the host's its clock is at first
 * @wander: by how much that goes up and down with temperature in an hour
 * @late_us: frames are seen up to so much late, every 100th ten times as much
 * @failing: so many of 16 requests fail
 */
struct life_case {
	const char *name;
	s64 ppm;
	s64 wander;
	u32 late_us;
	u32 failing;
};

static const struct life_case life_cases[] = {
	{ "exact", 0, 0, 2000, 1 },
	{ "100 ppm fast", 100, 0, 2000, 1 },
	{ "100 ppm slow", -100, 0, 2000, 1 },
	{ "100 ppm fast, half of the requests fail", 100, 0, 2000, 8 },
	{ "100 ppm slow, a host under load", -100, 0, 20000, 1 },
	{ "30 ppm fast, 5 ppm with temperature", 30, 5, 2000, 1 },
	{ "900 ppm fast", 900, 0, 2000, 1 },
	{ "900 ppm slow", -900, 0, 2000, 1 },
};

static void life_name(const struct life_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(life, life_cases, life_name);

/* Any generator will do, as long as it says the same each time */
static u32 life_random(u32 *state, u32 below)
{
	*state = *state * 1664525 + 1013904223;

	return (u64)*state * below >> 32;
}

#define LIFE_HOURS	30

/* Frames for an hour; silence for an hour, in which the device is asked every 64 s for its time and
 * answers late, with that of the last start of a USB frame, with an old one, or not at all; and an
 * hour in which nothing is heard of it. Again and again. The 32 bits wrap 25 times.
 */
static void time_life(struct kunit *test)
{
	const struct life_case *c = test->param_value;
	u64 host_us, device_ns = 0, ns, mono, last = 0;
	s64 off, most, worst = 0, ppb;
	u32 seed = 1, stamp, late, old = 0;
	struct gs_clock clk;
	unsigned int hour;

	gs_clock_init(&clk);
	gs_clock_start(&clk, 0xff000000, MONO, REAL);

	for (host_us = 250000; host_us < LIFE_HOURS * 60 * MINUTE; host_us += 250000) {
		hour = div_u64(host_us, 60 * MINUTE);
		ppb = c->ppm * 1000;
		/* up in one hour, down in the next */
		ppb += c->wander * 1000 * (hour & 1 ? -1 : 1);
		device_ns += 250000 * (1000000000 + ppb) / 1000000;
		stamp = 0xff000000 + (u32)div_u64(device_ns, 1000);
		mono = MONO + host_us * 1000;

		if (hour % 3 == 2)
			continue;
		if (hour % 3 == 1) {
			if (host_us % 64000000)
				continue;
			if (life_random(&seed, 16) < c->failing)
				continue;
			late = 200 + life_random(&seed, 3000);
			if (!life_random(&seed, 20))
				late = 40000;
			if (life_random(&seed, 20))
				old = stamp - (u32)div_u64(device_ns, 1000) % 1000;
			gs_clock_sample(&clk, old, mono - 100000, mono + late * 1000);
			continue;
		}

		late = life_random(&seed, c->late_us);
		if (!life_random(&seed, 100))
			late *= 10;
		local_bh_disable();
		ns = gs_clock_frame(&clk, stamp, true, mono + late * 1000,
				    nsecs_to_jiffies(mono));
		local_bh_enable();
		KUNIT_ASSERT_TRUE(test, clk.near);
		KUNIT_ASSERT_GT(test, ns, last);
		last = ns;

		/* What the documentation promises: a quarter of an hour after the first frame, or
		 * after the first one for long, 5 ms, and what a crystal that has changed makes of
		 * a baseline. Before, what it makes of two minutes in which nothing is known of
		 * it, or of an hour at 10 ppm.
		 */
		off = abs((s64)(ns - (REAL + host_us * 1000)));
		most = 5000000 + c->wander * 2 * 512 * 1000;
		if (host_us - hour * 60 * MINUTE < 15 * MINUTE)
			most += 40000000 + (abs(c->ppm) * 120 + c->wander * 2 * 3600) * 1000;
		else
			worst = max(worst, off);
		KUNIT_ASSERT_LE_MSG(test, off, most, "after %llu s", host_us / 1000000);
	}

	kunit_info(test, "%s: off by %lld us at most, drift %d ppb\n", c->name, worst / 1000,
		   clk.drift_ppb);
	KUNIT_EXPECT_LE(test, abs(clk.drift_ppb - (s64)c->ppm * 1000),
			2000 + c->wander * 2000);
}

/* Echoes that are 65.5 ms ahead now and then have their place on the line, and don't bend it; what
 * else comes does, among them and alone
 */
static void time_echoes(struct kunit *test)
{
	struct world w;
	unsigned int s;
	u64 ns, to;

	world_start(&w, 5000, 50);
	for (s = 1; s <= 3600; s++) {
		w.us += USEC_PER_SEC;
		ns = echo(&w, world_device(&w) + (s % 7 ? 0 : 65536));
		to = world_real(&w) + (s % 7 ? 0 : 65536 * NSEC_PER_USEC);
		KUNIT_ASSERT_LE_MSG(test, abs((s64)(ns - to)), 5 * NSEC_PER_MSEC, "after %u s", s);
		/* frames for a quarter of an hour, then requests only */
		if (s < 900)
			expect_within(test, &w, 5 * NSEC_PER_MSEC);
		else if (s % 64 == 0)
			KUNIT_EXPECT_TRUE(test, sample(&w, world_device(&w)));
	}
	KUNIT_EXPECT_LE(test, abs(w.clk.drift_ppb - 50000), 2000);
}

static struct kunit_case time_cases[] = {
	KUNIT_CASE(time_not_started),
	KUNIT_CASE(time_line),
	KUNIT_CASE(time_wrap),
	KUNIT_CASE_PARAM(time_silence, drift_gen_params),
	KUNIT_CASE(time_always_zero),
	KUNIT_CASE(time_sample),
	KUNIT_CASE_PARAM(time_tolerance, tolerance_gen_params),
	KUNIT_CASE(time_older),
	KUNIT_CASE(time_jump),
	KUNIT_CASE(time_host_behind),
	KUNIT_CASE(time_echoes),
	KUNIT_CASE_PARAM(time_life, life_gen_params),
	{}
};

static struct kunit_suite time_suite = {
	.name = "gs_usb_ng_timestamp",
	.test_cases = time_cases,
};

kunit_test_suite(time_suite);
