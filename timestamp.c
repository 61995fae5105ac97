// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device time: 32 bits of microseconds become nanoseconds of CLOCK_REALTIME.
 *
 * A timecounter ties device time to real time once, when the first channel opens, and goes on by
 * the device's own crystal from there. That line is never bent: frames keep the distances that
 * the device measured, and no value that is believed in error can shift them. What has to be
 * found out is how often the 32 bits have wrapped (every 71 minutes and 35 seconds) and whether a
 * value lies on that line at all. The host's clock tells both, since it is right to within a
 * tolerance that is small against a wrap.
 *
 * Pure: times come as arguments.
 */
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/time64.h>

#include "timestamp.h"

/* How much further than GS_CLOCK_SLACK_US with time: crystals are good for 100 ppm, the internal
 * oscillators from which crystal-less boards run are trimmed by USB to some 1000 ppm.
 */
#define GS_CLOCK_PPM		1000

/* timecounter_read() sees the distance of two readings modulo 2^32 */
#define GS_CLOCK_STEP_US	BIT_ULL(31)

static u64 gs_clock_read(GS_COMPAT_CC_CONST struct cyclecounter *cc)
{
	return container_of(cc, const struct gs_clock, cc)->counter;
}

void gs_clock_init(struct gs_clock *clk)
{
	spin_lock_init(&clk->lock);
	clk->cc.read = gs_clock_read;
	clk->cc.mask = CYCLECOUNTER_MASK(32);
	/* exact: a cycle is a microsecond */
	clk->cc.mult = NSEC_PER_USEC;
	clk->cc.shift = 0;
	clk->counter = 0;
	clk->mono_ns = 0;
	clk->frame_ns = 0;
	clk->sample = 0;
	clk->near_ns = 0;
	clk->started = false;
}

void gs_clock_start(struct gs_clock *clk, u32 us, u64 mono_ns, u64 real_ns)
{
	spin_lock_bh(&clk->lock);
	clk->counter = us;
	clk->mono_ns = mono_ns;
	clk->frame_ns = mono_ns;
	timecounter_init(&clk->tc, &clk->cc, real_ns);
	WRITE_ONCE(clk->started, true);
	spin_unlock_bh(&clk->lock);
}

void gs_clock_stop(struct gs_clock *clk)
{
	spin_lock_bh(&clk->lock);
	clk->near_ns = 0;
	WRITE_ONCE(clk->started, false);
	spin_unlock_bh(&clk->lock);
}

/**
 * gs_clock_since() - host time passed
 * @then_ns: CLOCK_MONOTONIC then
 * @mono_ns: CLOCK_MONOTONIC now; may seem to be earlier if another CPU was faster to the lock
 *
 * Return: nanoseconds
 */
static u64 gs_clock_since(u64 then_ns, u64 mono_ns)
{
	return mono_ns > then_ns ? mono_ns - then_ns : 0;
}

/**
 * gs_clock_advance() - move the known device time ahead along its line
 * @clk: the clock, locked
 * @us: by how much; may be more than a wrap
 */
static void gs_clock_advance(struct gs_clock *clk, u64 us)
{
	while (us > GS_CLOCK_STEP_US) {
		clk->counter += (u32)GS_CLOCK_STEP_US;
		timecounter_read(&clk->tc);
		us -= GS_CLOCK_STEP_US;
	}
	clk->counter += (u32)us;
	timecounter_read(&clk->tc);
}

/**
 * gs_clock_advance_by_host() - move the known device time by the host time passed
 * @clk: the clock, locked
 * @mono_ns: CLOCK_MONOTONIC now
 */
static void gs_clock_advance_by_host(struct gs_clock *clk, u64 mono_ns)
{
	u64 us = div_u64(gs_clock_since(clk->mono_ns, mono_ns), NSEC_PER_USEC);

	gs_clock_advance(clk, us);
	/* not @mono_ns: what is left of a microsecond counts next time */
	clk->mono_ns += us * NSEC_PER_USEC;
}

/**
 * gs_clock_accept() - follow a device time if it lies on the line
 * @clk: the clock, locked and started
 * @us: device time
 * @mono_ns: CLOCK_MONOTONIC now
 *
 * The tolerance grows since the last frame, not since the last answer to a request: an answer may
 * be nonsense that happens to fit, and what it did must not keep frames out.
 *
 * Return: false if @us is further from what the host's clock expects than can be; nothing has
 * changed then
 */
static bool gs_clock_accept(struct gs_clock *clk, u32 us, u64 mono_ns)
{
	u64 elapsed = div_u64(gs_clock_since(clk->mono_ns, mono_ns), NSEC_PER_USEC);
	u64 alone = div_u64(gs_clock_since(clk->frame_ns, mono_ns), NSEC_PER_USEC);
	u64 tolerance = GS_CLOCK_SLACK_US + div_u64(alone, USEC_PER_SEC / GS_CLOCK_PPM);
	/* The nearest of all values that have these 32 bits */
	s64 off = (s32)(us - (clk->counter + (u32)elapsed));
	s64 step = elapsed + off;
	u64 ns;

	if (abs(off) > tolerance)
		return false;

	if (step >= 0) {
		gs_clock_advance(clk, step);
	} else {
		/* The host's clock was ahead, or a frame was overtaken: back along the line */
		ns = timecounter_cyc2time(&clk->tc, us);
		clk->counter = us;
		timecounter_init(&clk->tc, &clk->cc, ns);
	}
	clk->mono_ns = mono_ns;

	return true;
}

bool gs_clock_sample(struct gs_clock *clk, u32 us, u64 mono_ns)
{
	bool taken = false;

	spin_lock_bh(&clk->lock);
	if (clk->started) {
		/* The same as last time: that timer stands still. candleLight on STM32F4 answers 0
		 * always, which would be within the tolerance some day.
		 */
		if (us != clk->sample)
			taken = gs_clock_accept(clk, us, mono_ns);
		clk->sample = us;
		if (!taken)
			gs_clock_advance_by_host(clk, mono_ns);
	}
	spin_unlock_bh(&clk->lock);

	return taken;
}

void gs_clock_idle(struct gs_clock *clk, u64 mono_ns)
{
	spin_lock_bh(&clk->lock);
	if (clk->started)
		gs_clock_advance_by_host(clk, mono_ns);
	spin_unlock_bh(&clk->lock);
}

u64 gs_clock_frame(struct gs_clock *clk, u32 us, u64 mono_ns, unsigned long now)
{
	u64 ns = 0;

	spin_lock(&clk->lock);
	if (clk->started) {
		if (gs_clock_accept(clk, us, mono_ns)) {
			ns = clk->tc.nsec;
			clk->near_ns = ns;
			clk->near_us = us;
			clk->near_until = now + GS_CLOCK_NEAR;
		} else {
			ns = clk->tc.nsec + gs_clock_since(clk->mono_ns, mono_ns);
			clk->near_ns = 0;
		}
		/* Even after one that was refused: a counter that started again must not come
		 * within the tolerance just by going on
		 */
		clk->frame_ns = mono_ns;
	}
	spin_unlock(&clk->lock);

	return ns;
}
