/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A CAN bus: who may send next, how long a frame takes, who acknowledges it,
 * who hears it. Adapter channels and invisible sources are its nodes.
 */
#ifndef EMU_BUS_H
#define EMU_BUS_H

#include <stdio.h>

#include "canmsg.h"
#include "loop.h"

struct channel;
struct frame;

enum ack_mode { ACK_AUTO, ACK_ON, ACK_OFF };

enum bus_error { BUS_OK, BUS_NO_ACK, BUS_DISTURBED };

/* An invisible sender: repeats one frame, or replays a log. */
struct source {
	TAILQ_ENTRY(source) link;
	struct can_msg msg;
	__u64 due;
	__u64 gap;		/* repeat: ns from end to next start */
	__u64 left;		/* repeat: frames still to send */
	FILE *log;		/* replay */
	__u64 log_start, start;
	double speed;		/* 0: as fast as the bus allows */
};

struct bus_log_entry {
	__u64 time;		/* end of frame */
	__u64 duration;
	char who[48];
	struct can_msg msg;
	enum bus_error error;
};

#define BUS_LOG_SIZE	4096

TAILQ_HEAD(channel_list, channel);
TAILQ_HEAD(source_list, source);

struct bus {
	TAILQ_ENTRY(bus) link;
	char name[32];
	bool fast;
	enum ack_mode ack;
	struct channel_list nodes;
	struct source_list sources;

	struct timer timer;
	bool running;		/* guards against recursion */
	bool busy;		/* a frame is on the wire */
	struct channel *tx_channel;
	struct frame *tx_frame;	/* the one that the channel sends */
	struct source *tx_source;
	struct can_msg msg;
	__u64 start, end;
	__u64 free_at;		/* end of the last frame */
	__u64 stalled_since;	/* fast mode: a receiver has no room */
	unsigned int stalled_on;

	__u64 frames, errors;
	__u64 busy_ns;		/* how long there was something on it */
	struct bus_log_entry *log;
	__u64 logged;
	FILE *record;
};

TAILQ_HEAD(bus_list, bus);
extern struct bus_list buses;

struct bus *bus_get(const char *name);
struct bus *bus_find(const char *name);
struct bus *bus_alloc(const char *name);
void bus_free(struct bus *b);
void bus_free_all(void);

void bus_join(struct bus *b, struct channel *ch);
void bus_leave(struct bus *b, struct channel *ch);
void bus_kick(struct bus *b);
bool bus_idle(struct bus *b);

void bus_send(struct bus *b, const struct can_msg *m, __u64 count, __u64 gap);
int bus_replay(struct bus *b, const char *path, double speed);
int bus_record(struct bus *b, const char *path);
void bus_print_log(struct bus *b, struct buf *out);

/* Duration in nanoseconds at the given rates. */
__u64 bus_duration(const struct can_msg *m, __u32 rate, __u32 data_rate);

#endif
