// SPDX-License-Identifier: GPL-2.0-only
/*
 * The decisions of recovery.c: from what is thought and what is seen to what is thought then and
 * what is done. The steps are, each only when the one before didn't help: count, try again after a
 * pause, clear the halt, ask for the controller's state, start the channel anew, reset the device,
 * give up.
 *
 * Pure: no time is read and nothing is touched.
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "decide.h"

/* Pauses before transfers that failed are tried again, ms: short enough that a glitch costs
 * nothing that a device can't buffer, long enough at the end not to spin on a dying cable.
 */
#define GS_BACKOFF_MIN_MS	10U
#define GS_BACKOFF_MAX_MS	500U

static const struct {
	enum gs_health health;
	enum gs_sign sign;
	struct gs_decision then;
} gs_decisions[] = {
	/* The first "the bus is fine" is only a doubt. A host that didn't run for a second finds
	 * frames without echo, too, because it has not looked yet.
	 */
	{ GS_HEALTHY, GS_SIGN_OVERDUE, { GS_DOUBTED, GS_ACT_LOOK_AGAIN } },
	{ GS_HEALTHY, GS_SIGN_SAME, { GS_DOUBTED, GS_ACT_LOOK_AGAIN } },
	{ GS_HEALTHY, GS_SIGN_DEAF, { GS_DOUBTED, GS_ACT_LOOK_AGAIN } },
	{ GS_HEALTHY, GS_SIGN_HUNG, { GS_DOUBTED, GS_ACT_LOOK_AGAIN } },
	{ GS_HEALTHY, GS_SIGN_MIXED_UP, { GS_RESTARTED, GS_ACT_RESTART } },
	{ GS_HEALTHY, GS_SIGN_NO_PARTNER, { GS_WAITING } },
	{ GS_HEALTHY, GS_SIGN_BUS_OFF, { GS_HEALTHY, GS_ACT_BUS_OFF } },
	{ GS_HEALTHY, GS_SIGN_UNKNOWN, { GS_WAITING } },

	{ GS_DOUBTED, GS_SIGN_QUIET, { GS_HEALTHY } },
	{ GS_DOUBTED, GS_SIGN_ECHO, { GS_HEALTHY } },
	{ GS_DOUBTED, GS_SIGN_OVERTAKEN, { GS_HEALTHY } },
	{ GS_DOUBTED, GS_SIGN_MIXED_UP, { GS_RESTARTED, GS_ACT_RESTART } },
	{ GS_DOUBTED, GS_SIGN_OVERDUE, { GS_DOUBTED, GS_ACT_LOOK_AGAIN } },
	{ GS_DOUBTED, GS_SIGN_SAME, { GS_RESTARTED, GS_ACT_RESTART } },
	{ GS_DOUBTED, GS_SIGN_DEAF, { GS_RESTARTED, GS_ACT_RESTART } },
	{ GS_DOUBTED, GS_SIGN_HUNG, { GS_RESTARTED, GS_ACT_RESTART } },
	{ GS_DOUBTED, GS_SIGN_NO_PARTNER, { GS_WAITING } },
	{ GS_DOUBTED, GS_SIGN_BUS_OFF, { GS_HEALTHY, GS_ACT_BUS_OFF } },
	{ GS_DOUBTED, GS_SIGN_UNKNOWN, { GS_WAITING } },

	/* A partner has just come: the frames get their time again */
	{ GS_WAITING, GS_SIGN_QUIET, { GS_HEALTHY } },
	{ GS_WAITING, GS_SIGN_ECHO, { GS_HEALTHY } },
	{ GS_WAITING, GS_SIGN_OVERTAKEN, { GS_HEALTHY } },
	{ GS_WAITING, GS_SIGN_MIXED_UP, { GS_RESTARTED, GS_ACT_RESTART } },
	{ GS_WAITING, GS_SIGN_OVERDUE, { GS_DOUBTED, GS_ACT_LOOK_AGAIN } },
	{ GS_WAITING, GS_SIGN_SAME, { GS_DOUBTED, GS_ACT_LOOK_AGAIN } },
	{ GS_WAITING, GS_SIGN_DEAF, { GS_DOUBTED, GS_ACT_LOOK_AGAIN } },
	{ GS_WAITING, GS_SIGN_HUNG, { GS_DOUBTED, GS_ACT_LOOK_AGAIN } },
	{ GS_WAITING, GS_SIGN_BUS_OFF, { GS_HEALTHY, GS_ACT_BUS_OFF } },

	{ GS_RESTARTED, GS_SIGN_ECHO, { GS_HEALTHY, GS_ACT_SAY_GOOD } },
	{ GS_RESTARTED, GS_SIGN_OVERTAKEN, { GS_HEALTHY, GS_ACT_SAY_GOOD } },
	{ GS_RESTARTED, GS_SIGN_MIXED_UP, { GS_RESTARTED, GS_ACT_RESTART } },
	{ GS_RESTARTED, GS_SIGN_OVERDUE, { GS_DOUBTED_AGAIN, GS_ACT_LOOK_AGAIN } },
	{ GS_RESTARTED, GS_SIGN_SAME, { GS_DOUBTED_AGAIN, GS_ACT_LOOK_AGAIN } },
	{ GS_RESTARTED, GS_SIGN_DEAF, { GS_DOUBTED_AGAIN, GS_ACT_LOOK_AGAIN } },
	{ GS_RESTARTED, GS_SIGN_HUNG, { GS_DOUBTED_AGAIN, GS_ACT_LOOK_AGAIN } },
	{ GS_RESTARTED, GS_SIGN_NO_PARTNER, { GS_WAITING } },
	{ GS_RESTARTED, GS_SIGN_BUS_OFF, { GS_HEALTHY, GS_ACT_BUS_OFF } },
	{ GS_RESTARTED, GS_SIGN_UNKNOWN, { GS_WAITING } },

	/* An OUT pipe that is stuck is no matter of the channel. That no echo comes may be. */
	{ GS_DOUBTED_AGAIN, GS_SIGN_QUIET, { GS_RESTARTED } },
	{ GS_DOUBTED_AGAIN, GS_SIGN_ECHO, { GS_HEALTHY, GS_ACT_SAY_GOOD } },
	{ GS_DOUBTED_AGAIN, GS_SIGN_OVERTAKEN, { GS_HEALTHY, GS_ACT_SAY_GOOD } },
	{ GS_DOUBTED_AGAIN, GS_SIGN_MIXED_UP, { GS_RESTARTED, GS_ACT_RESTART } },
	{ GS_DOUBTED_AGAIN, GS_SIGN_OVERDUE, { GS_DOUBTED_AGAIN, GS_ACT_LOOK_AGAIN } },
	{ GS_DOUBTED_AGAIN, GS_SIGN_SAME, { GS_RESTARTED_AGAIN, GS_ACT_RESTART } },
	{ GS_DOUBTED_AGAIN, GS_SIGN_DEAF, { GS_RESTARTED_AGAIN, GS_ACT_RESTART } },
	{ GS_DOUBTED_AGAIN, GS_SIGN_HUNG, { GS_RESTARTED_AGAIN, GS_ACT_USB_RESET } },
	{ GS_DOUBTED_AGAIN, GS_SIGN_NO_PARTNER, { GS_WAITING } },
	{ GS_DOUBTED_AGAIN, GS_SIGN_BUS_OFF, { GS_HEALTHY, GS_ACT_BUS_OFF } },
	{ GS_DOUBTED_AGAIN, GS_SIGN_UNKNOWN, { GS_WAITING } },

	{ GS_RESTARTED_AGAIN, GS_SIGN_ECHO, { GS_HEALTHY, GS_ACT_SAY_GOOD } },
	{ GS_RESTARTED_AGAIN, GS_SIGN_OVERTAKEN, { GS_HEALTHY, GS_ACT_SAY_GOOD } },
	{ GS_RESTARTED_AGAIN, GS_SIGN_MIXED_UP, { GS_RESTARTED, GS_ACT_RESTART } },
	{ GS_RESTARTED_AGAIN, GS_SIGN_OVERDUE, { GS_DOUBTED_STILL, GS_ACT_LOOK_AGAIN } },
	{ GS_RESTARTED_AGAIN, GS_SIGN_SAME, { GS_DOUBTED_STILL, GS_ACT_LOOK_AGAIN } },
	{ GS_RESTARTED_AGAIN, GS_SIGN_DEAF, { GS_DOUBTED_STILL, GS_ACT_LOOK_AGAIN } },
	{ GS_RESTARTED_AGAIN, GS_SIGN_HUNG, { GS_DOUBTED_STILL, GS_ACT_LOOK_AGAIN } },
	{ GS_RESTARTED_AGAIN, GS_SIGN_NO_PARTNER, { GS_WAITING } },
	{ GS_RESTARTED_AGAIN, GS_SIGN_BUS_OFF, { GS_HEALTHY, GS_ACT_BUS_OFF } },
	{ GS_RESTARTED_AGAIN, GS_SIGN_UNKNOWN, { GS_WAITING } },

	/* As long as anything comes in, others use the device, and a reset would be their loss */
	{ GS_DOUBTED_STILL, GS_SIGN_QUIET, { GS_RESTARTED_AGAIN } },
	{ GS_DOUBTED_STILL, GS_SIGN_ECHO, { GS_HEALTHY, GS_ACT_SAY_GOOD } },
	{ GS_DOUBTED_STILL, GS_SIGN_OVERTAKEN, { GS_HEALTHY, GS_ACT_SAY_GOOD } },
	{ GS_DOUBTED_STILL, GS_SIGN_MIXED_UP, { GS_RESTARTED, GS_ACT_RESTART } },
	{ GS_DOUBTED_STILL, GS_SIGN_OVERDUE, { GS_DOUBTED_STILL, GS_ACT_LOOK_AGAIN } },
	{ GS_DOUBTED_STILL, GS_SIGN_SAME, { GS_RESTARTED_AGAIN, GS_ACT_RESTART } },
	{ GS_DOUBTED_STILL, GS_SIGN_DEAF, { GS_RESTARTED_AGAIN, GS_ACT_USB_RESET } },
	{ GS_DOUBTED_STILL, GS_SIGN_HUNG, { GS_RESTARTED_AGAIN, GS_ACT_USB_RESET } },
	{ GS_DOUBTED_STILL, GS_SIGN_NO_PARTNER, { GS_WAITING } },
	{ GS_DOUBTED_STILL, GS_SIGN_BUS_OFF, { GS_HEALTHY, GS_ACT_BUS_OFF } },
	{ GS_DOUBTED_STILL, GS_SIGN_UNKNOWN, { GS_WAITING } },

	{ GS_HEALTHY, GS_SIGN_FAIL, { GS_FAILING, GS_ACT_RETRY } },
	{ GS_HEALTHY, GS_SIGN_HALT, { GS_FAILING, GS_ACT_CLEAR_HALT } },
	{ GS_FAILING, GS_SIGN_FAIL, { GS_FAILING, GS_ACT_RETRY } },
	{ GS_FAILING, GS_SIGN_HALT, { GS_FAILING, GS_ACT_CLEAR_HALT } },
	{ GS_FAILING, GS_SIGN_ONLY_FAIL, { GS_FAILING, GS_ACT_USB_RESET } },
	{ GS_FAILING, GS_SIGN_GOOD, { GS_HEALTHY, GS_ACT_SAY_GOOD } },

	{ GS_HEALTHY, GS_SIGN_NO_ANSWER, { GS_SILENT, GS_ACT_LOOK_AGAIN } },
	{ GS_HEALTHY, GS_SIGN_NO_ANSWER_SPENT, { GS_SILENT, GS_ACT_LOOK_AGAIN } },
	{ GS_HEALTHY, GS_SIGN_NO_START, { GS_HEALTHY, GS_ACT_USB_RESET } },
	{ GS_SILENT, GS_SIGN_NO_ANSWER, { GS_HEALTHY, GS_ACT_USB_RESET } },
	{ GS_SILENT, GS_SIGN_NO_ANSWER_SPENT, { GS_LOST, GS_ACT_GIVE_UP } },
	{ GS_SILENT, GS_SIGN_ANSWER, { GS_HEALTHY } },
	{ GS_SILENT, GS_SIGN_RESET, { GS_HEALTHY } },
	{ GS_LOST, GS_SIGN_RESET, { GS_HEALTHY, GS_ACT_TAKE_BACK } },
};

/**
 * gs_decide() - what follows
 * @health: what has been thought so far
 * @sign: what is seen
 *
 * What the table doesn't have changes nothing.
 *
 * Context: Any.
 * Return: what is thought from now on, and what is to be done
 */
struct gs_decision gs_decide(enum gs_health health, enum gs_sign sign)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gs_decisions); i++)
		if (gs_decisions[i].health == health && gs_decisions[i].sign == sign)
			return gs_decisions[i].then;

	return (struct gs_decision){ health, GS_ACT_NONE };
}

/**
 * gs_decide_reset() - may the device be reset now?
 * @n: USB resets of this spell of trouble; 0 again if the last one is long ago
 * @since_ms: since the last of them, ms; unused if there was none
 *
 * Context: Any, one caller at a time.
 * Return: GS_LEAVE_*
 */
enum gs_leave gs_decide_reset(unsigned int *n, unsigned int since_ms)
{
	if (since_ms >= GS_RESET_SPELL_MS)
		*n = 0;
	if (!*n)
		return GS_LEAVE_NOW;
	if (since_ms < GS_RESET_PAUSE_MS)
		return GS_LEAVE_LATER;

	return *n < GS_RESETS_MAX ? GS_LEAVE_NOW : GS_LEAVE_NEVER;
}

/**
 * gs_decide_backoff() - how long to wait before a transfer that failed is tried again
 * @last_ms: the pause before, 0 after one that succeeded
 *
 * Context: Any.
 * Return: ms
 */
unsigned int gs_decide_backoff(unsigned int last_ms)
{
	return clamp(2 * last_ms, GS_BACKOFF_MIN_MS, GS_BACKOFF_MAX_MS);
}

/**
 * gs_decide_is_short() - are too few slots left, beside those kept aside?
 * @aside: slots of frames that failed, whose echo may come nevertheless
 * @limit: slots that the channel may use
 *
 * A new start of the channel makes all of them usable, but costs it the frames on their way. With
 * half of its slots a channel keeps the bus as busy as with all of them.
 *
 * Context: Any.
 * Return: true if it is worth a new start
 */
bool gs_decide_is_short(unsigned int aside, unsigned int limit)
{
	return aside && 2 * aside >= limit;
}

/**
 * gs_decide_is_full() - do the frames of others leave a channel no place on the bus?
 * @frames: received in the time looked at
 * @bytes: data bytes in them
 * @bitrate: nominal, bit/s
 * @data_bitrate: of the data phase, bit/s; 0 for a channel without CAN FD
 * @ms: the time looked at
 *
 * A frame takes 47 bits and its data at least, pauses included and stuff bits not. What is seen of
 * the bus may be late by some of the time looked at, so half of the bus is taken for all of it.
 *
 * Context: Any.
 * Return: true if so
 */
bool gs_decide_is_full(u64 frames, u64 bytes, u32 bitrate, u32 data_bitrate, unsigned int ms)
{
	u64 us;

	if (!bitrate)
		return false;

	us = div_u64(frames * 47 * USEC_PER_SEC, bitrate);
	us += div_u64(bytes * 8 * USEC_PER_SEC, max(bitrate, data_bitrate));

	return us >= (u64)ms * USEC_PER_MSEC / 2;
}
