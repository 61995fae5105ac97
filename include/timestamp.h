/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device time: 32 bits of microseconds become nanoseconds of CLOCK_REALTIME.
 */
#ifndef GS_USB_NG_TIMESTAMP_H
#define GS_USB_NG_TIMESTAMP_H

#include <linux/jiffies.h>
#include <linux/spinlock.h>
#include <linux/time64.h>
#include <linux/timecounter.h>
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

/**
 * struct gs_clock - the one clock of a device
 * @lock: guards all but @near_ns, @near_us, @near_until; taken in softirq and process context
 * @cc: 32-bit microsecond counter
 * @tc: its extension to 64 bits of nanoseconds
 * @counter: latest known device time, what @cc reads
 * @mono_ns: CLOCK_MONOTONIC at which @counter was known
 * @frame_ns: CLOCK_MONOTONIC of the last frame
 * @sample: latest answer to the TIMESTAMP request
 * @started: gs_clock_start() has been called; before that frames get no time
 * @near_ns: CLOCK_REALTIME of a frame that lay on the line, 0 for none; the poll's, as the next two
 * @near_us: its device time
 * @near_until: jiffies until which other frames may be measured from it
 */
struct gs_clock {
	spinlock_t lock; /* guards all fields but near_* */
	struct cyclecounter cc;
	struct timecounter tc;
	u32 counter;
	u64 mono_ns;
	u64 frame_ns;
	u32 sample;
	bool started;
	u64 near_ns;
	u32 near_us;
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
 * Context: Softirq or process. Takes and releases clk->lock.
 */
void gs_clock_start(struct gs_clock *clk, u32 us, u64 mono_ns, u64 real_ns);

/**
 * gs_clock_stop() - no time for frames until the next start
 * @clk: the clock
 *
 * Context: Process, with no gs_clock_frame() under way. Takes and releases clk->lock.
 */
void gs_clock_stop(struct gs_clock *clk);

/**
 * gs_clock_sample() - offer an answer to the TIMESTAMP request, so that the 32 bits don't wrap
 *	unseen while no frames come
 * @clk: the clock
 * @us: device time as answered (may be stale by a USB frame; may be nonsense)
 * @mono_ns: CLOCK_MONOTONIC now
 *
 * Believes @us only if it is within a tolerance of what the host's clock expects, and goes on by
 * the host's clock otherwise. A failed request is simply not offered: gs_clock_idle() is called
 * instead.
 *
 * Context: Process. Takes and releases clk->lock.
 * Return: true if it was believed.
 */
bool gs_clock_sample(struct gs_clock *clk, u32 us, u64 mono_ns);

/**
 * gs_clock_idle() - no answer could be had: go on by the host's clock
 * @clk: the clock
 * @mono_ns: CLOCK_MONOTONIC now
 *
 * Advances the latest known device time by the host time passed, so that a wrap in between is
 * still counted.
 *
 * Context: Process. Takes and releases clk->lock.
 */
void gs_clock_idle(struct gs_clock *clk, u64 mono_ns);

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
		   clk->near_ns))
		return clk->near_ns + (u64)since * NSEC_PER_USEC;

	return 0;
}

/**
 * gs_clock_frame() - time of a frame
 * @clk: the clock
 * @us: timestamp of the frame; may be a little older than one seen before
 * @mono_ns: CLOCK_MONOTONIC now
 * @now: jiffies
 *
 * The clock follows a frame that is plausible by the host's clock. A jump (device restarted its
 * counter) doesn't move the clock; that frame gets the time at which the host sees it.
 *
 * Context: softirq, one at a time. Takes and releases clk->lock.
 * Return: nanoseconds of CLOCK_REALTIME, 0 when the clock is not started.
 */
u64 gs_clock_frame(struct gs_clock *clk, u32 us, u64 mono_ns, unsigned long now);

#endif /* GS_USB_NG_TIMESTAMP_H */
