/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Misbehaviour by rule: what goes wrong, where, and how often.
 */
#ifndef EMU_FAULT_H
#define EMU_FAULT_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/queue.h>

#define FAULT_DATA	512

struct device;
struct frame;

/* Where a rule strikes: it is asked at each event there. */
enum fault_at { AT_CTRL, AT_STD, AT_IN, AT_OUT, AT_ECHO, AT_TIME, AT_ANY = -1 };

enum fault_do {
	DO_NOTHING,
	DO_STATUS,		/* the transfer ends with a status */
	DO_SHORT,		/* half of the answer */
	DO_DATA,		/* other bytes, another length */
	DO_HANG,		/* never an answer */
	DO_TAKE,		/* the same status, but the device has taken what came */
	DO_DROP,		/* lost, and nobody is told */
	DO_DUP, DO_LATE, DO_SWAP,	/* of an echo */
	DO_UNPLUG,		/* the cable is pulled */
};

/* What the host is about, as far as the device can tell. */
enum life { LIFE_ANY, LIFE_PROBE, LIFE_OPEN, LIFE_RUN, LIFE_CLOSE, LIFE_RESUME };

/* What becomes of an OUT transfer and of the echoes of its frames; zeros: all as it should be */
struct fate {
	int status;		/* for the host, -errno */
	bool lost;		/* the device has not got it, whatever the host hears */
	__u8 missing;		/* for the host, 256ths of the length */
	__u64 hold_ns;		/* from when it is taken to when it is completed */
	enum fault_do echo;
	__u64 late_ns;		/* the echo, if DO_LATE */
};

struct fault {
	TAILQ_ENTRY(fault) link;
	const char *what;
	enum fault_do action;
	enum fault_at at;
	int req, ch;		/* -1: any */
	enum life during;
	__u32 skip, every, count;
	__u32 seen;
	bool counted;		/* not simply the next one */
	bool until_reset;	/* it ends with the next USB reset */
	__u64 from;		/* not before this time */
	__u64 late_ns;
	int status;		/* -errno */
	int len;		/* -1: as it is */
	unsigned int offset, ndata;
	__u8 data[FAULT_DATA];
};

TAILQ_HEAD(fault_list, fault);

/* The rule that strikes at this event, or NULL. Each call is one event. */
const struct fault *fault_strike(struct device *dev, enum fault_at at, int req, int ch,
				 enum life life);
/* Changes bytes as a DO_SHORT or DO_DATA says; the new length, at most size. */
int fault_bytes(const struct fault *f, __u8 *data, int len, int size);

/* Status of a control request that a rule keeps from being looked at, or 0. */
int fault_refuses(struct device *dev, const struct fault *f);
bool fault_in_idle(struct device *dev, unsigned int pair, int *status);
bool fault_echo(struct device *dev, struct frame *f);
void fault_pull(struct device *dev);

/* A rule as a command words it; -EINVAL if it makes no sense. Copies it. */
int fault_add(struct device *dev, const struct fault *rule, const char *what, const char *at,
	      const char *during, const char *status);
void fault_clear(struct device *dev);
/* After a USB reset: without the rules that end with it. */
void fault_reset(struct device *dev);
void fault_init(struct device *dev);

#endif
