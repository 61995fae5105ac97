/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands: one line in, some lines out, then "ok" or "err".
 */
#ifndef EMU_CTL_H
#define EMU_CTL_H

#include "device.h"

#define MAX_ARGS	32

/* A command line, cut into words. */
struct args {
	char *name;
	char *word[MAX_ARGS];
	unsigned int count;
	bool used[MAX_ARGS];
};

/* What "wait" waits for. */
struct wait {
	bool on;
	char id[32], bus[32];
	unsigned int channel;
	enum { WAIT_STARTED, WAIT_STOPPED, WAIT_IDLE, WAIT_FUZZED, WAIT_QUIET } cond;
	__u64 deadline;
};

/*
 * Runs one command. NULL when it went well, else the reason why not; fills
 * wait if the answer has to wait.
 */
const char *cmd_run(char *line, struct buf *out, struct wait *wait);

/* Has it come true? */
bool cmd_wait_done(const struct wait *wait);
/* When it might, with no event to tell. */
__u64 cmd_wait_again(const struct wait *wait);

#endif
