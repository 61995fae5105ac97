/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event loop of the emulator: file descriptors, timers, end-of-turn work
 * and growable byte buffers. One thread, CLOCK_MONOTONIC, no busy waiting.
 */
#ifndef EMU_LOOP_H
#define EMU_LOOP_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#define NSEC_PER_USEC	1000ULL
#define NSEC_PER_MSEC	1000000ULL
#define NSEC_PER_SEC	1000000000ULL

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define attr(...)	__attribute__((__VA_ARGS__))

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Parameters that a callback has to have but does not need. */
static inline void unused(const void *p, ...)
{
	(void)p;
}

/* A one-shot timer; due is in nanoseconds of CLOCK_MONOTONIC. */
struct timer {
	TAILQ_ENTRY(timer) link;
	__u64 due;
	bool armed;
	void (*fn)(struct timer *t);
};

/* A watched file descriptor. */
struct watch {
	int fd;
	__u32 events;
	void (*fn)(struct watch *w, __u32 events);
};

/* Something to do once before the loop sleeps again, such as a flush. */
struct work {
	TAILQ_ENTRY(work) link;
	bool queued;
	void (*fn)(struct work *w);
};

/* Bytes on their way to a file descriptor, or text being put together. */
struct buf {
	char *data;
	size_t head, len, size;
};

/* Time at the start of this turn of the loop. */
__u64 now_ns(void);
void loop_update_time(void);

/* For tests: lets time pass up to then, with all timers on the way. */
void loop_simulate(__u64 time);

int loop_init(void);
int loop_run(void);
void loop_stop(int status);

int loop_watch(struct watch *w, __u32 events);
void loop_unwatch(struct watch *w);
void loop_defer(struct work *w);
void loop_undefer(struct work *w);
void loop_free(void *p);

void timer_set(struct timer *t, __u64 due);
void timer_cancel(struct timer *t);

void *xzalloc(size_t size);
void buf_put(struct buf *b, const void *data, size_t len);
attr(format(printf, 2, 3))
void buf_printf(struct buf *b, const char *fmt, ...);
int buf_write(struct buf *b, int fd);
void buf_free(struct buf *b);

attr(format(printf, 1, 2))
void emu_log(const char *fmt, ...);
int emu_log_open(const char *path);

#endif
