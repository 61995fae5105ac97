/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What to do about a channel, a pipe or a device that seems to be in trouble. One table for all
 * three; recovery.c looks, asks it, and acts. Documentation/reliability.rst shows it.
 */
#ifndef GS_USB_NG_DECIDE_H
#define GS_USB_NG_DECIDE_H

#include <linux/types.h>

/* What is thought of a channel, a bulk pipe or the device as a whole */
enum gs_health {
	GS_HEALTHY,

	/* channels */
	GS_DOUBTED,			/* frames overdue, bus fine; or the host is late */
	GS_WAITING,			/* frames overdue, and rightly, or nobody can tell */
	GS_RESTARTED,			/* started anew, nothing echoed since */
	GS_DOUBTED_AGAIN,		/* that, and frames overdue again */
	GS_RESTARTED_AGAIN,		/* a second time, or more often */
	GS_DOUBTED_STILL,

	/* pipes */
	GS_FAILING,			/* transfers fail; they are tried again after pauses */

	/* the device */
	GS_SILENT,			/* it has left a request without an answer */
	GS_LOST,			/* given up */

	GS_HEALTH_NUM
};

/* What was seen */
enum gs_sign {
	/* channels, at a look at what is in flight */
	GS_SIGN_QUIET,			/* nothing overdue, and no echo since START */
	GS_SIGN_ECHO,			/* nothing overdue, echoes have come */
	GS_SIGN_OVERTAKEN,		/* later ones came; a late echo would be known */
	GS_SIGN_MIXED_UP,		/* the same, but it would pass for a newer one's; or too
					 * many slots are kept aside lest that happens
					 */
	GS_SIGN_OVERDUE,		/* nothing comes back, the bus is said to be fine */
	GS_SIGN_SAME,			/* and those are the frames of the look before */
	GS_SIGN_DEAF,			/* and nothing at all has come in since START */
	GS_SIGN_HUNG,			/* and OUT transfers have not even ended */
	GS_SIGN_NO_PARTNER,		/* overdue; the device says that nobody acknowledges */
	GS_SIGN_BUS_OFF,		/* overdue; it is in bus-off and has not told */
	GS_SIGN_UNKNOWN,		/* overdue; the device has no way to say why */

	/* pipes */
	GS_SIGN_FAIL,			/* a transfer failed */
	GS_SIGN_HALT,			/* the endpoint is halted */
	GS_SIGN_ONLY_FAIL,		/* none has succeeded for long */
	GS_SIGN_GOOD,			/* one succeeded */

	/* the device */
	GS_SIGN_NO_ANSWER,		/* nor does anything come in by itself */
	GS_SIGN_NO_ANSWER_SPENT,	/* and all the USB resets that it gets have been made */
	GS_SIGN_ANSWER,
	GS_SIGN_NO_START,		/* it answers, but no channel can be started */
	GS_SIGN_RESET,			/* a USB reset was made, by whomever */

	GS_SIGN_NUM
};

enum gs_action {
	GS_ACT_NONE,
	GS_ACT_LOOK_AGAIN,		/* soon, and not before the poll had a chance to run */
	GS_ACT_RETRY,			/* after a pause */
	GS_ACT_CLEAR_HALT,
	GS_ACT_BUS_OFF,			/* as if it had told */
	GS_ACT_RESTART,			/* the channel: RESET, configuration, START */
	GS_ACT_USB_RESET,
	GS_ACT_GIVE_UP,
	GS_ACT_SAY_GOOD,		/* the trouble is over */
	GS_ACT_TAKE_BACK,		/* what was given up */
};

/**
 * struct gs_decision - what follows from a sign
 * @health: what is thought now
 * @action: what is to be done
 */
struct gs_decision {
	enum gs_health health;
	enum gs_action action;
};

struct gs_decision gs_decide(enum gs_health health, enum gs_sign sign);

/* May the device be reset once more? */
enum gs_leave {
	GS_LEAVE_NOW,
	GS_LEAVE_LATER,
	GS_LEAVE_NEVER,			/* until the last one is GS_RESET_SPELL_MS ago */
};

/* USB resets of a spell of trouble, the least pause between two, and how long the device must do
 * without one for the spell to be over. Three, because the first may come at a bad moment for the
 * firmware and the second is what helps then; a device that needs one a minute is still of use.
 */
#define GS_RESETS_MAX		3
#define GS_RESET_PAUSE_MS	2000
#define GS_RESET_SPELL_MS	60000

enum gs_leave gs_decide_reset(unsigned int *n, unsigned int since_ms);

unsigned int gs_decide_backoff(unsigned int last_ms);
bool gs_decide_is_short(unsigned int aside, unsigned int limit);
bool gs_decide_is_full(u64 frames, u64 bytes, u32 bitrate, u32 data_bitrate, unsigned int ms);

#endif /* GS_USB_NG_DECIDE_H */
