/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device time: 32 bits of microseconds become nanoseconds of CLOCK_REALTIME.
 */
#ifndef GS_USB_NG_TIMESTAMP_H
#define GS_USB_NG_TIMESTAMP_H

#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/spinlock.h>
#include <linux/time64.h>
#include <linux/types.h>

/* How far a value may be from the host's expectation if the last frame was a moment ago. The
 * TIMESTAMP request is answered with the time of the last USB start of frame, up to 1 ms old, and
 * a control transfer takes some ms. A frame may wait as long in the device behind 64 others, and
 * on a loaded host until its poll comes to it. All that is far below half a second, and half a
 * second far below a wrap.
 */
#define GS_CLOCK_SLACK_US	(USEC_PER_SEC / 2)

/* For so long, jiffies, a frame that was believed stands in for the host's clock */
#define GS_CLOCK_NEAR		(HZ / 4)

/* gs_clock.rate is nanoseconds per microsecond with so many bits behind the point: one part in
 * 4e9, with room for 2.4 % above 1000 in 32 bits
 */
#define GS_CLOCK_SHIFT		22

/**
 * struct gs_clock_mark - a moment by both clocks
 * @us: device time, microseconds
 * @mono_ns: CLOCK_MONOTONIC
 */
struct gs_clock_mark {
	u64 us;
	u64 mono_ns;
};

/**
 * struct gs_clock - the one clock of a device
 * @lock: guards all but near and near_*; taken in softirq and process context
 * @known: latest known device time, extended from 32 bits, and when it was known
 * @frame_ns: CLOCK_MONOTONIC of the last frame
 * @exact_ns: the same of the last one that may steer
 * @sample: latest answer to the TIMESTAMP request
 * @started: gs_clock_start() has been called; before that frames get no time
 * @real_ns: CLOCK_REALTIME minus CLOCK_MONOTONIC when it was
 * @base_us: device time at which the line begins
 * @base_ns: CLOCK_REALTIME there
 * @rate: its slope, nanoseconds per microsecond << GS_CLOCK_SHIFT
 * @steady_rate: what becomes of @rate at @slew_end
 * @slew_end: device time until which the line makes up for an error
 * @drift_ppb: how much faster than CLOCK_MONOTONIC the device's clock is; 0 until it is known
 * @window_ns: CLOCK_MONOTONIC of the first value that may become the next mark
 * @best_late: by how much @best came late, ns
 * @has_best: there is one
 * @best: the most punctual value since @window_ns
 * @marks: how many of @old and @recent there are: 0 or 2
 * @old: where the measurement of the drift begins
 * @recent: where it will begin when it is old enough
 * @near: the next four may be used; cleared by others than the poll, too (READ_ONCE/WRITE_ONCE)
 * @near_ns: CLOCK_REALTIME of a frame that lay on the line; the poll's, as the next three
 * @near_us: its device time
 * @near_rate: @rate then
 * @near_until: jiffies until which other frames may be measured from it
 */
struct gs_clock {
	spinlock_t lock; /* guards all fields but near, near_* */
	struct gs_clock_mark known;
	u64 frame_ns;
	u64 exact_ns;
	u32 sample;
	bool started;
	u64 real_ns;
	u64 base_us;
	u64 base_ns;
	u32 rate;
	u32 steady_rate;
	u64 slew_end;
	int drift_ppb;

	u64 window_ns;
	s64 best_late;
	bool has_best;
	struct gs_clock_mark best;
	unsigned int marks;
	struct gs_clock_mark old;
	struct gs_clock_mark recent;

	bool near;
	u64 near_ns;
	u32 near_us;
	u32 near_rate;
	unsigned long near_until;
};

/**
 * gs_clock_init() - make a clock that is not started
 * @clk: the clock
 */
void gs_clock_init(struct gs_clock *clk);

/**
 * gs_clock_start() - tie device time to host time, dropping any earlier tie
 * @clk: the clock
 * @us: device time now
 * @mono_ns: CLOCK_MONOTONIC now
 * @real_ns: CLOCK_REALTIME now
 *
 * The drift that was measured before is kept: it is the same crystal.
 *
 * Context: Softirq or process. Takes and releases clk->lock.
 */
void gs_clock_start(struct gs_clock *clk, u32 us, u64 mono_ns, u64 real_ns);

/**
 * gs_clock_stop() - no time for frames until the next start
 * @clk: the clock
 *
 * A frame that is looked at meanwhile may still get the time that it had before.
 *
 * Context: Process. Takes and releases clk->lock.
 */
void gs_clock_stop(struct gs_clock *clk);

/**
 * gs_clock_sample() - offer an answer to the TIMESTAMP request, so that the 32 bits don't wrap
 *	unseen and the clock is steered while no frames come
 * @clk: the clock
 * @us: device time as answered (may be stale by a USB frame; may be nonsense)
 * @asked_ns: CLOCK_MONOTONIC before the request
 * @mono_ns: CLOCK_MONOTONIC now
 *
 * Believes @us only if it is within a tolerance of what the host's clock expects, and goes on by
 * the host's clock otherwise. A failed request is simply not offered.
 *
 * Context: Process. Takes and releases clk->lock.
 * Return: true if it was believed.
 */
bool gs_clock_sample(struct gs_clock *clk, u32 us, u64 asked_ns, u64 mono_ns);

/**
 * gs_clock_near() - time of a frame that came shortly after another one
 * @clk: the clock
 * @us: timestamp of the frame
 * @now: jiffies
 *
 * Device and host both went less than GS_CLOCK_SLACK_US since a frame that lay on the line, so they
 * can't differ by more: this one lies on it too, and nobody has to be asked.
 *
 * Context: the one user of gs_clock_frame().
 * Return: nanoseconds of CLOCK_REALTIME, 0 when gs_clock_frame() has to find it out.
 */
static inline u64 gs_clock_near(const struct gs_clock *clk, u32 us, unsigned long now)
{
	u32 since = us - clk->near_us;

	if (likely(since < GS_CLOCK_SLACK_US && time_before(now, clk->near_until) &&
		   READ_ONCE(clk->near)))
		return clk->near_ns + (((u64)since * clk->near_rate) >> GS_CLOCK_SHIFT);

	return 0;
}

/**
 * gs_clock_frame() - time of a frame
 * @clk: the clock
 * @us: timestamp of the frame; may be a little older than one seen before
 * @exact: it was true when the device had the frame; otherwise it has its place on the line, which
 *	other frames and answers to requests steer
 * @mono_ns: CLOCK_MONOTONIC now
 * @now: jiffies
 *
 * The clock follows a frame that is plausible by the host's clock. A jump (device restarted its
 * counter) doesn't move the clock; that frame gets the time at which the host sees it.
 *
 * Context: softirq, one at a time. Takes and releases clk->lock.
 * Return: nanoseconds of CLOCK_REALTIME, 0 when the clock is not started.
 */
u64 gs_clock_frame(struct gs_clock *clk, u32 us, bool exact, u64 mono_ns, unsigned long now);

#endif /* GS_USB_NG_TIMESTAMP_H */
