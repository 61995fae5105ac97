// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event loop: epoll for descriptors, a sorted list of timers, and work
 * that is done once at the end of a turn.
 */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS	32

struct garbage {
	struct garbage *next;
	void *p;
};

static struct garbage *garbage;
static int epoll_fd = -1;
static bool stopping;
static int exit_status;
static __u64 turn_time;
static FILE *log_file;
static TAILQ_HEAD(, timer) timers = TAILQ_HEAD_INITIALIZER(timers);
static TAILQ_HEAD(, work) works = TAILQ_HEAD_INITIALIZER(works);

__u64 now_ns(void)
{
	return turn_time;
}

void loop_update_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	turn_time = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int loop_init(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return -errno;
	prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
	loop_update_time();
	return 0;
}

int loop_watch(struct watch *w, __u32 events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };
	int op = w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (w->events == events)
		return 0;
	if (epoll_ctl(epoll_fd, op, w->fd, &ev))
		return -errno;
	w->events = events;
	return 0;
}

void loop_unwatch(struct watch *w)
{
	if (w->events)
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	w->events = 0;
}

void loop_defer(struct work *w)
{
	if (w->queued)
		return;
	w->queued = true;
	TAILQ_INSERT_TAIL(&works, w, link);
}

void loop_undefer(struct work *w)
{
	if (!w->queued)
		return;
	w->queued = false;
	TAILQ_REMOVE(&works, w, link);
}

void timer_cancel(struct timer *t)
{
	if (!t->armed)
		return;
	t->armed = false;
	TAILQ_REMOVE(&timers, t, link);
}

void timer_set(struct timer *t, __u64 due)
{
	struct timer *pos;

	if (t->armed && t->due == due)
		return;
	timer_cancel(t);
	t->due = due;
	t->armed = true;
	TAILQ_FOREACH(pos, &timers, link) {
		if (pos->due > due) {
			TAILQ_INSERT_BEFORE(pos, t, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&timers, t, link);
}

/* Frees memory that events of this turn may still point to, after the turn. */
void loop_free(void *p)
{
	struct garbage *g = xzalloc(sizeof(*g));

	g->p = p;
	g->next = garbage;
	garbage = g;
}

static void free_garbage(void)
{
	struct garbage *g;

	while ((g = garbage)) {
		garbage = g->next;
		free(g->p);
		free(g);
	}
}

static void run_timers(void)
{
	struct timer *t;

	while ((t = TAILQ_FIRST(&timers)) && t->due <= turn_time) {
		timer_cancel(t);
		t->fn(t);
	}
}

void loop_simulate(__u64 time)
{
	struct timer *t;

	while ((t = TAILQ_FIRST(&timers)) && t->due <= time) {
		if (t->due > turn_time)
			turn_time = t->due;
		timer_cancel(t);
		t->fn(t);
	}
	turn_time = time;
}

static void run_works(void)
{
	struct work *w;

	while ((w = TAILQ_FIRST(&works))) {
		loop_undefer(w);
		w->fn(w);
	}
}

/* Sleeps until a descriptor or the first timer is due. */
static int wait_events(struct epoll_event *ev)
{
	struct timer *t = TAILQ_FIRST(&timers);
	struct timespec ts, *tp = NULL;
	__u64 ns;

	if (t) {
		loop_update_time();
		ns = t->due > turn_time ? t->due - turn_time : 0;
		ts.tv_sec = ns / NSEC_PER_SEC;
		ts.tv_nsec = ns % NSEC_PER_SEC;
		tp = &ts;
	}
	return epoll_pwait2(epoll_fd, ev, MAX_EVENTS, tp, NULL);
}

int loop_run(void)
{
	struct epoll_event ev[MAX_EVENTS];
	int i, n;

	signal(SIGPIPE, SIG_IGN);
	while (!stopping) {
		run_works();
		free_garbage();
		n = wait_events(ev);
		if (n < 0 && errno != EINTR)
			return 1;
		loop_update_time();
		for (i = 0; i < n; i++) {
			struct watch *w = ev[i].data.ptr;

			/* an earlier handler of this turn may have dropped it */
			if (w->events)
				w->fn(w, ev[i].events);
		}
		run_timers();
	}
	return exit_status;
}

void loop_stop(int status)
{
	stopping = true;
	exit_status = status;
}

void *xzalloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p) {
		fputs("gs-usb-emu: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

static void buf_reserve(struct buf *b, size_t len)
{
	if (b->head == b->len) {
		b->head = 0;
		b->len = 0;
	}
	if (b->size - b->len >= len)
		return;
	if (b->head) {
		memmove(b->data, b->data + b->head, b->len - b->head);
		b->len -= b->head;
		b->head = 0;
	}
	while (b->size - b->len < len) {
		b->size = b->size ? 2 * b->size : 16384;
		b->data = realloc(b->data, b->size);
		if (!b->data) {
			fputs("gs-usb-emu: out of memory\n", stderr);
			exit(1);
		}
	}
}

void buf_put(struct buf *b, const void *data, size_t len)
{
	buf_reserve(b, len);
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	if (n > 0)
		buf_put(b, line, n);
}

/* Returns 0 when all is written, -EAGAIN when some is left, or an error. */
int buf_write(struct buf *b, int fd)
{
	ssize_t n;

	while (b->head < b->len) {
		n = write(fd, b->data + b->head, b->len - b->head);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		b->head += n;
	}
	b->head = 0;
	b->len = 0;
	return 0;
}

void buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

int emu_log_open(const char *path)
{
	log_file = fopen(path, "we");
	if (!log_file)
		return -errno;
	setlinebuf(log_file);
	return 0;
}

void emu_log(const char *fmt, ...)
{
	va_list ap;

	if (!log_file)
		return;
	fprintf(log_file, "%llu.%06llu ", turn_time / NSEC_PER_SEC,
		turn_time % NSEC_PER_SEC / NSEC_PER_USEC);
	va_start(ap, fmt);
	vfprintf(log_file, fmt, ap);
	va_end(ap);
	fputc('\n', log_file);
}
