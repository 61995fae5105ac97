// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device time: 32 bits of microseconds become nanoseconds of CLOCK_REALTIME.
 *
 * Device time is tied to real time once, when the first frame comes after open. From there on it
 * is a line that is steered: its slope follows the host's clock, but it never jumps, so that what
 * the device measured a moment apart stays apart, to within GS_CLOCK_PPM and GS_CLOCK_SLEW_PPM.
 *
 * What steers it are moments known by both clocks. A value of the device is always seen later than
 * it was true, by a transfer, a poll, a USB frame, or a queue; never earlier, but for the echoes of
 * one firmware, which steer nothing. So of all values in a window of time the most punctual one is
 * taken for a mark. The drift is the slope from an old mark to the newest, and what the line is off
 * at the newest is made up for slowly.
 *
 * How often the 32 bits have wrapped (every 71 minutes and 35 seconds), and whether a value is to
 * be believed at all, is told by the host's clock, which is right to within a tolerance that is
 * small against a wrap.
 *
 * How good it is: Documentation/gs_usb_ng.rst, "Time". Pure: times come as arguments.
 */
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "timestamp.h"

/* How much further than GS_CLOCK_SLACK_US with time, and how wrong a device's clock can be:
 * crystals are good for 100 ppm, the internal oscillators from which crystal-less boards run are
 * trimmed by USB to some 1000 ppm.
 */
#define GS_CLOCK_PPM		1000

/* An error is made up for no faster than that: as good as a crystal is */
#define GS_CLOCK_SLEW_PPM	100

/* ... and in so many seconds if that suffices, as one mark may be off by a millisecond */
#define GS_CLOCK_SLEW_S		256

/* A window is an eighth of the time that the drift has been measured for, within these. Shorter,
 * and a millisecond at either end would be more than crystals are off. Longer, and a drift that
 * changes with temperature would be followed late.
 */
#define GS_CLOCK_WINDOW_MIN	(16ULL * NSEC_PER_SEC)
#define GS_CLOCK_WINDOW_MAX	(64ULL * NSEC_PER_SEC)

/* The drift is measured over one to two times that */
#define GS_CLOCK_BASELINE	(512ULL * NSEC_PER_SEC)

/* A request that took longer says too little about when it was answered */
#define GS_CLOCK_REQUEST	(10 * NSEC_PER_MSEC)

/* Without a frame for that long gs_clock_near() is over: see GS_CLOCK_NEAR */
#define GS_CLOCK_QUIET		NSEC_PER_SEC

#define GS_CLOCK_RATE		((u64)NSEC_PER_USEC << GS_CLOCK_SHIFT)
#define GS_PPB			NSEC_PER_SEC

void gs_clock_init(struct gs_clock *clk)
{
	memset(clk, 0, sizeof(*clk));
	spin_lock_init(&clk->lock);
}

/**
 * gs_clock_line() - what the line says
 * @clk: the clock, locked
 * @us: device time, not far before the line's begin
 *
 * Return: CLOCK_REALTIME, ns
 */
static u64 gs_clock_line(const struct gs_clock *clk, u64 us)
{
	if (us < clk->base_us)
		return clk->base_ns - mul_u64_u32_shr(clk->base_us - us, clk->rate, GS_CLOCK_SHIFT);

	return clk->base_ns + mul_u64_u32_shr(us - clk->base_us, clk->rate, GS_CLOCK_SHIFT);
}

/* The line begins anew at a point of its own: the slope may change there */
static void gs_clock_rebase(struct gs_clock *clk, u64 us)
{
	clk->base_ns = gs_clock_line(clk, us);
	clk->base_us = us;
}

/* More than this an honest clock is never off; the products that are made of it fit into 64 bits */
#define GS_CLOCK_OFF_MAX	(3600LL * NSEC_PER_SEC)

/**
 * gs_clock_set_rate() - slope of the line from here on
 * @clk: the clock, locked; @drift_ppb is up to date
 * @late: by how much the line is behind, ns
 */
static void gs_clock_set_rate(struct gs_clock *clk, s64 late)
{
	s64 slew;

	late = clamp_t(s64, late, -GS_CLOCK_OFF_MAX, GS_CLOCK_OFF_MAX);
	/* nanoseconds per second are ppb */
	slew = clamp_t(s64, div_s64(late, GS_CLOCK_SLEW_S), -GS_CLOCK_SLEW_PPM * 1000,
		       GS_CLOCK_SLEW_PPM * 1000);

	gs_clock_rebase(clk, clk->known.us);
	clk->steady_rate = div64_u64(GS_CLOCK_RATE * GS_PPB, GS_PPB + clk->drift_ppb);
	clk->rate = div64_u64(GS_CLOCK_RATE * GS_PPB, GS_PPB + clk->drift_ppb - slew);
	/* Not longer than it takes, whether or not another mark comes until then */
	clk->slew_end = clk->base_us;
	if (slew)
		clk->slew_end += div64_s64(late * USEC_PER_SEC, slew);
}

void gs_clock_start(struct gs_clock *clk, u32 us, u64 mono_ns, u64 real_ns)
{
	spin_lock_bh(&clk->lock);
	/* so that a frame from just before is not before 0 */
	clk->known.us = BIT_ULL(32) + us;
	clk->known.mono_ns = mono_ns;
	clk->frame_ns = mono_ns;
	clk->exact_ns = mono_ns;
	clk->real_ns = real_ns - mono_ns;
	clk->base_us = clk->known.us;
	clk->base_ns = real_ns;
	gs_clock_set_rate(clk, 0);
	clk->has_best = false;
	clk->marks = 0;
	WRITE_ONCE(clk->started, true);
	spin_unlock_bh(&clk->lock);
}

void gs_clock_stop(struct gs_clock *clk)
{
	spin_lock_bh(&clk->lock);
	WRITE_ONCE(clk->near, false);
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
 * gs_clock_accept() - follow a device time if it is plausible
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
	u64 alone = div_u64(gs_clock_since(clk->frame_ns, mono_ns), NSEC_PER_USEC);
	u64 tolerance = GS_CLOCK_SLACK_US + div_u64(alone, USEC_PER_SEC / GS_CLOCK_PPM);
	u64 expected = clk->known.us +
		       div_u64(gs_clock_since(clk->known.mono_ns, mono_ns), NSEC_PER_USEC);
	/* The nearest of all values that have these 32 bits */
	s64 off = (s32)(us - (u32)expected);

	if (abs(off) > tolerance)
		return false;

	clk->known.us = expected + off;
	clk->known.mono_ns = mono_ns;

	return true;
}

/**
 * gs_clock_measure() - a window is over: what does its mark say of the drift?
 * @clk: the clock, locked; @best is the mark
 *
 * Return: false if the mark came too late to say anything
 */
static bool gs_clock_measure(struct gs_clock *clk)
{
	s64 span = clk->best.mono_ns - clk->old.mono_ns;
	s64 ahead = (clk->best.us - clk->old.us) * NSEC_PER_USEC - span;
	s64 drift;

	if (!clk->marks)
		goto begin;
	/* The most punctual values of two windows may be neighbours */
	if (span < (s64)GS_CLOCK_WINDOW_MIN)
		return true;

	ahead = clamp_t(s64, ahead, -GS_CLOCK_OFF_MAX, GS_CLOCK_OFF_MAX);
	drift = div64_s64(ahead * USEC_PER_SEC, div_s64(span, GS_PPB / USEC_PER_SEC));
	/* More than can be: one of the two marks was late, the new one or the old one */
	if (drift < -GS_CLOCK_PPM * 1000)
		return false;
	if (drift > GS_CLOCK_PPM * 1000)
		goto begin;

	WRITE_ONCE(clk->drift_ppb, drift);
	if (gs_clock_since(clk->recent.mono_ns, clk->best.mono_ns) >= GS_CLOCK_BASELINE) {
		clk->old = clk->recent;
		clk->recent = clk->best;
	}

	return true;

begin:
	clk->old = clk->best;
	clk->recent = clk->best;
	clk->marks = 2;
	return true;
}

/* An error has been made up for: the slope is that of the drift again. Shortly before, frames were
 * measured by the old one.
 */
static void gs_clock_end_slew(struct gs_clock *clk)
{
	if (likely(clk->rate == clk->steady_rate || clk->known.us < clk->slew_end))
		return;

	if (clk->known.us - clk->slew_end > USEC_PER_SEC)
		gs_clock_rebase(clk, clk->slew_end);
	else
		gs_clock_rebase(clk, clk->known.us);
	clk->rate = clk->steady_rate;
}

/**
 * gs_clock_steer() - bend the line, if it is time to
 * @clk: the clock, locked; @known is of now, and was noted
 */
static void gs_clock_steer(struct gs_clock *clk)
{
	u64 now = clk->known.mono_ns, window = GS_CLOCK_WINDOW_MIN;
	u64 host;

	if (clk->marks)
		window = clamp(gs_clock_since(clk->old.mono_ns, now) / 8, GS_CLOCK_WINDOW_MIN,
			       GS_CLOCK_WINDOW_MAX);
	if (gs_clock_since(clk->window_ns, now) < window || clk->known.us < clk->best.us)
		return;

	clk->has_best = false;
	if (!gs_clock_measure(clk))
		return;

	gs_clock_set_rate(clk, 0);
	host = clk->real_ns + clk->best.mono_ns +
	       mul_u64_u32_shr(clk->known.us - clk->best.us, clk->rate, GS_CLOCK_SHIFT);
	gs_clock_set_rate(clk, host - clk->base_ns);
}

/**
 * gs_clock_note() - a value that was believed may be the mark of its window
 * @clk: the clock, locked; @known is of now
 */
static void gs_clock_note(struct gs_clock *clk)
{
	s64 late = clk->real_ns + clk->known.mono_ns - gs_clock_line(clk, clk->known.us);

	/* A window begins with its first value, which may be the first one for long */
	if (!clk->has_best)
		clk->window_ns = clk->known.mono_ns;
	else if (late >= clk->best_late)
		return;

	clk->best = clk->known;
	clk->best_late = late;
	clk->has_best = true;
}

bool gs_clock_sample(struct gs_clock *clk, u32 us, u64 asked_ns, u64 mono_ns)
{
	bool taken = false;

	spin_lock_bh(&clk->lock);
	if (clk->started) {
		/* The same as last time: that timer stands still. candleLight on STM32F4 answers 0
		 * always, which would be within the tolerance some day.
		 */
		taken = us != clk->sample && gs_clock_accept(clk, us, mono_ns);
		clk->sample = us;
	}
	if (taken && gs_clock_since(asked_ns, mono_ns) <= GS_CLOCK_REQUEST) {
		/* The line is not bent while frames are measured from one another */
		if (gs_clock_since(clk->exact_ns, mono_ns) > GS_CLOCK_QUIET) {
			gs_clock_end_slew(clk);
			gs_clock_note(clk);
			gs_clock_steer(clk);
		}
	}
	spin_unlock_bh(&clk->lock);

	return taken;
}

u64 gs_clock_frame(struct gs_clock *clk, u32 us, bool exact, u64 mono_ns, unsigned long now)
{
	u64 ns = 0;

	spin_lock(&clk->lock);
	if (clk->started) {
		if (gs_clock_accept(clk, us, mono_ns)) {
			gs_clock_end_slew(clk);
			if (likely(exact)) {
				gs_clock_note(clk);
				gs_clock_steer(clk);
			}
			ns = gs_clock_line(clk, clk->known.us);
			clk->near_ns = ns;
			clk->near_us = us;
			clk->near_rate = clk->rate;
			clk->near_until = now + GS_CLOCK_NEAR;
			WRITE_ONCE(clk->near, true);
		} else {
			ns = clk->real_ns + mono_ns;
			WRITE_ONCE(clk->near, false);
		}
		/* Even after one that was refused: a counter that started again must not come
		 * within the tolerance just by going on
		 */
		clk->frame_ns = mono_ns;
		if (likely(exact))
			clk->exact_ns = mono_ns;
	}
	spin_unlock(&clk->lock);

	return ns;
}
