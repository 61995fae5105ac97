// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CAN bus. Time on the bus is exact: when the emulator wakes up late, it
 * works through what should have happened meanwhile with the times at which it
 * should have happened.
 */
#include "bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device.h"

#define DEFAULT_RATE		500000
#define DEFAULT_DATA_RATE	2000000
#define ERROR_FRAME_BITS	20

/* Frames in one go before USB gets its turn: on a bus without bit times, or when late. */
#define BATCH			32

/*
 * The machine that runs us is not a real-time one. A receiver without room
 * holds the bus up for this long before frames are lost.
 */
/* A receiver without room holds the bus up. A host takes frames for stuck after a second. */
#define STALL_NS		(500 * NSEC_PER_MSEC)
#define STALL_NOBODY_NS		(5 * NSEC_PER_SEC)

struct bus_list buses = TAILQ_HEAD_INITIALIZER(buses);

static __u64 bits_ns(unsigned int bits, __u32 rate)
{
	return bits * NSEC_PER_SEC / rate;
}

__u64 bus_duration(const struct can_msg *m, __u32 rate, __u32 data_rate)
{
	struct can_bits bits = msg_bits(m);

	return bits_ns(bits.nominal, rate) + bits_ns(bits.data, data_rate);
}

/* The rates of the sender; a source uses those of the first node. */
static void bus_rates(struct bus *b, const struct channel *from, __u32 *rate, __u32 *data_rate)
{
	if (!from)
		from = TAILQ_FIRST(&b->nodes);
	*rate = from ? channel_rate(from) : DEFAULT_RATE;
	*data_rate = from ? channel_data_rate(from) : DEFAULT_DATA_RATE;
	if (!*rate)
		*rate = DEFAULT_RATE;
	if (!*data_rate)
		*data_rate = *rate;
}

static bool bus_acked(struct bus *b, const struct channel *from, const struct can_msg *m)
{
	__u32 rate, data_rate;
	struct channel *ch;

	if (!from || from->mode & F_LOOP_BACK || b->ack == ACK_ON)
		return true;
	if (b->ack == ACK_OFF)
		return false;
	bus_rates(b, from, &rate, &data_rate);
	TAILQ_FOREACH(ch, &b->nodes, link)
		if (ch != from && channel_acks(ch) &&
		    channel_understands(ch, m, rate, data_rate))
			return true;
	return false;
}

/* The next frame of a channel, unless trying again can change nothing. */
static struct frame *bus_candidate(struct bus *b, struct channel *ch)
{
	struct frame *f;

	if (!channel_sends(ch))
		return NULL;
	f = channel_next(ch);
	if (f && ch->no_ack && ch->tec >= 128 && !(ch->mode & F_ONE_SHOT) &&
	    !bus_acked(b, ch, &f->msg))
		return NULL;
	return f;
}

/* Earliest time at which anybody wants to send. */
static bool bus_next_start(struct bus *b, __u64 *start)
{
	__u64 first = ~0ULL;
	struct channel *ch;
	struct source *src;
	struct frame *f;

	TAILQ_FOREACH(ch, &b->nodes, link) {
		f = bus_candidate(b, ch);
		if (f && f->ready < first)
			first = f->ready;
	}
	TAILQ_FOREACH(src, &b->sources, link)
		if (src->due < first)
			first = src->due;
	if (first == ~0ULL)
		return false;
	*start = first > b->free_at ? first : b->free_at;
	return true;
}

/* Arbitration: of all that are ready at the start, the lowest id goes out. */
static void bus_arbitrate(struct bus *b, __u64 start)
{
	struct channel *ch;
	struct source *src;
	struct frame *f;
	__u64 prio, best = ~0ULL;

	b->tx_channel = NULL;
	b->tx_source = NULL;
	TAILQ_FOREACH(ch, &b->nodes, link) {
		f = bus_candidate(b, ch);
		if (!f || f->ready > start)
			continue;
		prio = msg_priority(&f->msg);
		if (prio < best) {
			best = prio;
			b->tx_channel = ch;
			b->tx_frame = f;
			b->msg = f->msg;
		}
	}
	TAILQ_FOREACH(src, &b->sources, link) {
		prio = msg_priority(&src->msg);
		if (src->due <= start && prio < best) {
			best = prio;
			b->tx_channel = NULL;
			b->tx_source = src;
			b->msg = src->msg;
		}
	}
}

/* Those that were ready, too, hear that they have lost. */
static void bus_tell_losers(struct bus *b, __u64 start)
{
	struct channel *ch;
	struct frame *f;

	TAILQ_FOREACH(ch, &b->nodes, link) {
		f = ch == b->tx_channel ? NULL : bus_candidate(b, ch);
		if (f && f->ready <= start)
			channel_lost_arbitration(ch, f, start);
	}
}

static void bus_begin(struct bus *b, __u64 start)
{
	__u32 rate, data_rate;

	bus_arbitrate(b, start);
	bus_tell_losers(b, start);
	b->busy = true;
	b->start = start;
	b->end = start;
	if (b->fast)
		return;
	bus_rates(b, b->tx_channel, &rate, &data_rate);
	b->end += bus_duration(&b->msg, rate, data_rate);
	if (!bus_acked(b, b->tx_channel, &b->msg))
		b->end += bits_ns(ERROR_FRAME_BITS, rate);
}

/* Does a node that cannot make sense of the frame destroy it? */
static bool bus_disturbed(struct bus *b, __u32 rate, __u32 data_rate)
{
	struct channel *ch;

	TAILQ_FOREACH(ch, &b->nodes, link)
		if (ch != b->tx_channel && channel_acks(ch) &&
		    ch->state < CAN_STATE_ERROR_PASSIVE &&
		    !channel_understands(ch, &b->msg, rate, data_rate))
			return true;
	return false;
}

static void bus_log(struct bus *b, enum bus_error err)
{
	struct bus_log_entry *e = &b->log[b->logged++ % BUS_LOG_SIZE];

	e->time = b->end;
	e->duration = b->end - b->start;
	e->msg = b->msg;
	e->error = err;
	if (b->tx_channel)
		snprintf(e->who, sizeof(e->who), "%s:%u", b->tx_channel->dev->id,
			 b->tx_channel->idx);
	else
		snprintf(e->who, sizeof(e->who), "ext");
	if (b->record && !err) {
		struct timespec mono, real;

		clock_gettime(CLOCK_MONOTONIC, &mono);
		clock_gettime(CLOCK_REALTIME, &real);
		log_write(b->record, b->end + (real.tv_sec - mono.tv_sec) * NSEC_PER_SEC +
			  real.tv_nsec - mono.tv_nsec, b->name, &b->msg);
	}
}

static void source_free(struct bus *b, struct source *src)
{
	TAILQ_REMOVE(&b->sources, src, link);
	if (src->log)
		fclose(src->log);
	free(src);
}

/* Reads on to the next frame of the log; false at its end. */
static bool source_read(struct source *src)
{
	char line[256];
	__u64 time;

	while (fgets(line, sizeof(line), src->log)) {
		if (log_parse(line, &time, &src->msg))
			continue;
		if (!src->log_start)
			src->log_start = time;
		if (src->speed > 0 && time > src->log_start)
			src->due = src->start + (time - src->log_start) / src->speed;
		return true;
	}
	return false;
}

static void source_sent(struct bus *b, struct source *src, __u64 t)
{
	if (src->log) {
		if (!source_read(src))
			source_free(b, src);
		return;
	}
	src->due = t + src->gap;
	if (!--src->left)
		source_free(b, src);
}

static void bus_deliver(struct bus *b, enum bus_error err, __u32 rate, __u32 data_rate)
{
	struct channel *ch, *next;
	bool clear;

	for (ch = TAILQ_FIRST(&b->nodes); ch; ch = next) {
		next = TAILQ_NEXT(ch, link);
		if (!channel_hears(ch, b->tx_channel))
			continue;
		clear = channel_understands(ch, &b->msg, rate, data_rate);
		if (!err && clear)
			channel_rx(ch, &b->msg, b->end);
		else if (!clear)
			channel_rx_error(ch, b->end);
	}
}

static void bus_finish(struct bus *b)
{
	struct channel *ch = b->tx_channel;
	struct source *src = b->tx_source;
	enum bus_error err = BUS_OK;
	__u32 rate, data_rate;

	b->busy = false;
	b->busy_ns += b->end - b->start;
	b->free_at = b->end;
	if (!ch && !src)	/* the sender was stopped meanwhile */
		return;
	bus_rates(b, ch, &rate, &data_rate);
	if (bus_disturbed(b, rate, data_rate))
		err = BUS_DISTURBED;
	else if (!bus_acked(b, ch, &b->msg))
		err = BUS_NO_ACK;
	bus_log(b, err);
	if (err)
		b->errors++;
	else
		b->frames++;
	if (src)
		source_sent(b, src, b->end);
	if (err != BUS_NO_ACK)
		bus_deliver(b, err, rate, data_rate);
	/* a receiver's reaction can stop the sender */
	if (ch && b->tx_channel)
		channel_tx_done(ch, b->tx_frame, err, b->end);
	b->tx_channel = NULL;
	b->tx_source = NULL;
}

/* When the bus goes on though a receiver has no room. */
static __u64 stall_end(struct bus *b)
{
	struct channel *ch;

	TAILQ_FOREACH(ch, &b->nodes, link)
		if (bus_candidate(b, ch))
			return b->stalled_since + STALL_NS;
	return b->stalled_since + STALL_NOBODY_NS;
}

/* True while the bus has to wait for a receiver that has no room. */
static bool bus_stalled(struct bus *b)
{
	struct channel *ch;
	bool full = false;

	TAILQ_FOREACH(ch, &b->nodes, link)
		if (ch->started && !device_rx_room(ch))
			full = true;
	if (!full) {
		if (b->stalled_since && b->free_at < now_ns())
			b->free_at = now_ns();
		b->stalled_since = 0;
		return false;
	}
	if (!b->stalled_since)
		b->stalled_since = now_ns();
	return now_ns() < stall_end(b);
}

static void bus_run(struct bus *b)
{
	unsigned int batch = 0;
	__u64 start;

	timer_cancel(&b->timer);
	for (;;) {
		if (b->busy) {
			if (b->end > now_ns()) {
				timer_set(&b->timer, b->end);
				return;
			}
			bus_finish(b);
			continue;
		}
		if (!bus_next_start(b, &start)) {
			ctl_event();
			return;
		}
		if (start > now_ns()) {
			timer_set(&b->timer, start);
			return;
		}
		if (bus_stalled(b)) {
			timer_set(&b->timer, stall_end(b));
			return;
		}
		if (batch++ == BATCH) {
			timer_set(&b->timer, now_ns());
			return;
		}
		/* waiting for room may have moved the time at which it is free */
		bus_begin(b, start > b->free_at ? start : b->free_at);
	}
}

/* Something changed: a frame is ready, a node came or went, a queue has room. */
void bus_kick(struct bus *b)
{
	if (b->running)
		return;
	b->running = true;
	bus_run(b);
	b->running = false;
}

static void bus_timer(struct timer *t)
{
	bus_kick(container_of(t, struct bus, timer));
}

bool bus_idle(struct bus *b)
{
	__u64 start;

	return TAILQ_EMPTY(&b->sources) && !b->busy && !bus_next_start(b, &start);
}

void bus_join(struct bus *b, struct channel *ch)
{
	ch->joined = b;
	TAILQ_INSERT_TAIL(&b->nodes, ch, link);
	bus_kick(b);
}

void bus_leave(struct bus *b, struct channel *ch)
{
	if (b->tx_channel == ch)
		b->tx_channel = NULL;
	TAILQ_REMOVE(&b->nodes, ch, link);
	ch->joined = NULL;
	bus_kick(b);
}

void bus_send(struct bus *b, const struct can_msg *m, __u64 count, __u64 gap)
{
	struct source *src = xzalloc(sizeof(*src));

	src->msg = *m;
	src->due = now_ns();
	src->left = count;
	src->gap = gap;
	TAILQ_INSERT_TAIL(&b->sources, src, link);
	bus_kick(b);
}

int bus_replay(struct bus *b, const char *path, double speed)
{
	struct source *src;
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	src = xzalloc(sizeof(*src));
	src->log = f;
	src->speed = speed;
	src->start = now_ns();
	src->due = now_ns();
	if (!source_read(src)) {
		fclose(f);
		free(src);
		return -ENODATA;
	}
	TAILQ_INSERT_TAIL(&b->sources, src, link);
	bus_kick(b);
	return 0;
}

/* A NULL path ends the recording. */
int bus_record(struct bus *b, const char *path)
{
	int ret = 0;

	if (b->record && fclose(b->record))
		ret = -errno;
	b->record = NULL;
	if (!path)
		return ret;
	b->record = fopen(path, "we");
	return b->record ? 0 : -errno;
}

void bus_print_log(struct bus *b, struct buf *out)
{
	static const char * const errors[] = { "", " err=ack", " err=bus" };
	__u64 i = b->logged > BUS_LOG_SIZE ? b->logged - BUS_LOG_SIZE : 0;
	char text[MSG_TEXT];

	for (; i < b->logged; i++) {
		const struct bus_log_entry *e = &b->log[i % BUS_LOG_SIZE];

		msg_format(&e->msg, text);
		buf_printf(out, " %llu %s %s dur=%llu%s\n", e->time / NSEC_PER_USEC,
			   e->who, text, e->duration / NSEC_PER_USEC, errors[e->error]);
	}
}

struct bus *bus_alloc(const char *name)
{
	struct bus *b = xzalloc(sizeof(*b));

	snprintf(b->name, sizeof(b->name), "%s", name);
	TAILQ_INIT(&b->nodes);
	TAILQ_INIT(&b->sources);
	b->timer.fn = bus_timer;
	b->log = xzalloc(BUS_LOG_SIZE * sizeof(*b->log));
	return b;
}

struct bus *bus_find(const char *name)
{
	struct bus *b;

	TAILQ_FOREACH(b, &buses, link)
		if (!strcmp(b->name, name))
			return b;
	return NULL;
}

/* The bus of that name, made if there is none. */
struct bus *bus_get(const char *name)
{
	struct bus *b = bus_find(name);

	if (!b) {
		b = bus_alloc(name);
		TAILQ_INSERT_TAIL(&buses, b, link);
	}
	return b;
}

/* No channel may be wired to it any more. */
void bus_free(struct bus *b)
{
	struct source *src;

	timer_cancel(&b->timer);
	while ((src = TAILQ_FIRST(&b->sources)))
		source_free(b, src);
	bus_record(b, NULL);
	free(b->log);
	free(b);
}

void bus_free_all(void)
{
	struct bus *b;

	while ((b = TAILQ_FIRST(&buses))) {
		TAILQ_REMOVE(&buses, b, link);
		bus_free(b);
	}
}
