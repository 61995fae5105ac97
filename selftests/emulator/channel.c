// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CAN controller of one channel: mailboxes, error counters, bus-off, and
 * what it makes of a frame on the bus.
 */
#include "device.h"

#include <stdlib.h>
#include <string.h>

#include "elm.h"
#include "referee.h"

#define TEC_PASSIVE	128
#define TEC_WARNING	96
#define TEC_BUS_OFF	256

/* Recovery from bus-off takes 128 times 11 recessive bits. */
#define RECOVERY_BITS	(128 * 11)

#define ELM_FLUSH_NS	(500 * NSEC_PER_MSEC)

static __u32 rate_of(__u32 fclk, const struct bittiming *bt)
{
	__u64 q = (__u64)bt->brp * (1 + bt->prop + bt->ps1 + bt->ps2);

	return q ? fclk / q : 0;
}

__u32 channel_rate(const struct channel *ch)
{
	return rate_of(ch->dev->p->fclk, &ch->bt);
}

__u32 channel_data_rate(const struct channel *ch)
{
	return ch->has_dbt ? rate_of(ch->dev->p->fclk, &ch->dbt) : channel_rate(ch);
}

static bool on_bus(const struct channel *ch)
{
	return ch->started && ch->state < CAN_STATE_BUS_OFF;
}

bool channel_sends(const struct channel *ch)
{
	bool inner = ch->mode & F_LOOP_BACK;

	return on_bus(ch) && (inner || !(ch->mode & F_LISTEN_ONLY));
}

/* Takes an active part when others send: ACK or error flag. */
bool channel_acks(const struct channel *ch)
{
	return on_bus(ch) && !(ch->mode & (F_LISTEN_ONLY | F_LOOP_BACK));
}

bool channel_hears(const struct channel *ch, const struct channel *from)
{
	if (!on_bus(ch))
		return false;
	return ch->mode & F_LOOP_BACK ? ch == from : ch != from;
}

static bool same_rate(__u32 a, __u32 b)
{
	return (a > b ? a - b : b - a) <= b / 200;
}

bool channel_understands(const struct channel *ch, const struct can_msg *m,
			 __u32 rate, __u32 data_rate)
{
	if (!same_rate(channel_rate(ch), rate))
		return false;
	if (!(m->flags & MSG_FD))
		return true;
	if (!(ch->mode & F_FD))
		return false;
	return !(m->flags & MSG_BRS) || same_rate(channel_data_rate(ch), data_rate);
}

/* The frame that the controller would send next. */
struct frame *channel_next(struct channel *ch)
{
	struct frame *f, *best = TAILQ_FIRST(&ch->mbox);

	if (!ch->dev->p->tx_by_priority)
		return best;
	TAILQ_FOREACH(f, &ch->mbox, link)
		if (msg_priority(&f->msg) < msg_priority(&best->msg))
			best = f;
	return best;
}

void channel_mbox_add(struct channel *ch, struct frame *f, __u64 ready)
{
	f->ready = ready;
	TAILQ_INSERT_TAIL(&ch->mbox, f, link);
	ch->mbox_len++;
	if (ch->dev->p->family == FAM_ELM && !ch->flush.armed)
		timer_set(&ch->flush, now_ns() + ELM_FLUSH_NS);
	if (ch->joined)
		bus_kick(ch->joined);
}

static void mbox_remove(struct channel *ch, struct frame *f)
{
	TAILQ_REMOVE(&ch->mbox, f, link);
	ch->mbox_len--;
	/* what has left in one-shot mode does not make the next one late */
	if (!ch->mbox_len)
		timer_cancel(&ch->flush);
}

/* Frames given up: nobody will send them. */
static void mbox_clear(struct channel *ch)
{
	struct frame *f;

	if (ch->joined && ch->joined->tx_channel == ch)
		ch->joined->tx_channel = NULL;
	while ((f = TAILQ_FIRST(&ch->mbox))) {
		mbox_remove(ch, f);
		out_lost(f);
	}
}

static void txq_clear(struct channel *ch)
{
	struct frame *f;

	while ((f = TAILQ_FIRST(&ch->txq))) {
		TAILQ_REMOVE(&ch->txq, f, link);
		ch->txq_len--;
		out_lost(f);
	}
}

static enum can_state state_of(const struct channel *ch)
{
	unsigned int worst = ch->tec > ch->rec ? ch->tec : ch->rec;

	if (ch->tec >= TEC_BUS_OFF)
		return CAN_STATE_BUS_OFF;
	if (worst >= TEC_PASSIVE)
		return CAN_STATE_ERROR_PASSIVE;
	return worst >= TEC_WARNING ? CAN_STATE_ERROR_WARNING : CAN_STATE_ERROR_ACTIVE;
}

static void enter_bus_off(struct channel *ch, __u64 t)
{
	const struct personality *p = ch->dev->p;
	__u32 rate = channel_rate(ch);

	ch->state = CAN_STATE_BUS_OFF;
	emu_log("%s:%u bus-off", ch->dev->id, ch->idx);
	err_state(ch, t);
	mbox_clear(ch);
	if (p->family == FAM_CN || p->family == FAM_ELM)
		txq_clear(ch);
	if (p->family == FAM_CL && ch->mode & F_BUS_OFF_RECOVERY)
		return;
	if (p->recovery == RECOVER_100MS)
		timer_set(&ch->recover, t + 100 * NSEC_PER_MSEC);
	else if (p->recovery == RECOVER_BUS)
		timer_set(&ch->recover,
			  t + RECOVERY_BITS * NSEC_PER_SEC / (rate ? rate : 125000));
}

static void counters_changed(struct channel *ch, __u64 t)
{
	enum can_state state = state_of(ch);

	if (state == ch->state || ch->state == CAN_STATE_BUS_OFF)
		return;
	if (state == CAN_STATE_BUS_OFF) {
		enter_bus_off(ch, t);
		return;
	}
	ch->state = state;
	err_state(ch, t);
}

void channel_set_counters(struct channel *ch, unsigned int tec, unsigned int rec)
{
	ch->tec = tec;
	ch->rec = rec;
	counters_changed(ch, now_ns());
}

void channel_force_bus_off(struct channel *ch)
{
	if (on_bus(ch))
		channel_set_counters(ch, TEC_BUS_OFF, ch->rec);
}

/* Out of bus-off, by itself or because the host asked. */
void channel_recover(struct channel *ch)
{
	timer_cancel(&ch->recover);
	ch->tec = 0;
	ch->rec = 0;
	ch->no_ack = false;
	ch->state = CAN_STATE_ERROR_ACTIVE;
	emu_log("%s:%u recovered", ch->dev->id, ch->idx);
	err_recovered(ch, now_ns());
	out_load(ch, now_ns());
	if (ch->joined)
		bus_kick(ch->joined);
}

static void recover_timer(struct timer *t)
{
	channel_recover(container_of(t, struct channel, recover));
}

/* ELM gives up on frames that nobody acknowledges. */
static void flush_timer(struct timer *t)
{
	struct channel *ch = container_of(t, struct channel, flush);

	if (!ch->mbox_len)
		return;
	mbox_clear(ch);
	txq_clear(ch);
	err_tx_timeout(ch, now_ns());
}

static void tx_success(struct channel *ch, struct frame *f, __u64 t)
{
	ch->tx++;
	ch->no_ack = false;
	if (ch->tec)
		ch->tec--;
	mbox_remove(ch, f);
	timer_cancel(&ch->flush);
	if (ch->mbox_len && ch->dev->p->family == FAM_ELM)
		timer_set(&ch->flush, t + ELM_FLUSH_NS);
	if (ch->dev->p->echo_when == ECHO_AT_DONE || ch->dev->elm)
		out_echo(ch, f, t);
	frame_put(f);
}

static void tx_failure(struct channel *ch, struct frame *f, enum bus_error err, __u64 t)
{
	ch->no_ack = err == BUS_NO_ACK;
	/* a missing ACK does not take an error passive node off the bus */
	if (err == BUS_DISTURBED || ch->tec < TEC_PASSIVE)
		ch->tec += 8;
	err_bus(ch, err, true, t);
	f->ready = t;
	if (!(ch->mode & F_ONE_SHOT))
		return;
	mbox_remove(ch, f);
	/* original GS firmware owes an echo for every frame */
	if (ch->dev->p->family == FAM_GS)
		out_echo(ch, f, t);
	out_lost(f);
}

/* Another frame was more urgent: in one-shot mode that was it. */
void channel_lost_arbitration(struct channel *ch, struct frame *f, __u64 t)
{
	if (!(ch->mode & F_ONE_SHOT))
		return;
	mbox_remove(ch, f);
	/* as above */
	if (ch->dev->p->family == FAM_GS)
		out_echo(ch, f, t);
	out_lost(f);
	out_load(ch, t);
}

void channel_tx_done(struct channel *ch, struct frame *f, enum bus_error err, __u64 t)
{
	if (err)
		tx_failure(ch, f, err, t);
	else
		tx_success(ch, f, t);
	counters_changed(ch, t);
	out_load(ch, t);
}

void channel_rx(struct channel *ch, const struct can_msg *m, __u64 t)
{
	const struct personality *p = ch->dev->p;
	bool overflow = false;
	struct frame *f;

	if (ch->rec) {
		ch->rec = ch->rec > 127 ? 120 : ch->rec - 1;
		counters_changed(ch, t);
	}
	if (!filter_accepts(ch, m)) {
		ch->rx_filtered++;
		return;
	}
	if (!device_rx_room(ch)) {
		ch->rx_lost++;
		ch->overflow++;
		return;
	}
	ch->rx++;
	f = frame_get();
	f->pooled = ch->dev->pool_total && device_pool_take(ch->dev);
	f->ch = ch;
	f->echo_id = ECHO_ID_RX;
	f->msg = *m;
	f->ready = t;
	if (p->family == FAM_CN && ch->overflow) {
		ch->overflow--;
		overflow = true;
	}
	frame_encode(f, m->flags | (overflow ? HF_FLAG_OVERFLOW : 0));
	device_to_host(ch->dev, f);
}

/* A frame that this node could not make sense of. */
void channel_rx_error(struct channel *ch, __u64 t)
{
	if (ch->rec < 200)
		ch->rec++;
	err_bus(ch, BUS_DISTURBED, false, t);
	counters_changed(ch, t);
}

void channel_start(struct channel *ch, __u32 mode)
{
	const __u32 inner = F_LISTEN_ONLY | F_LOOP_BACK;

	if (ch->joined)
		bus_leave(ch->joined, ch);
	ch->mode = mode;
	ch->filter_used = ch->filter;
	ch->tec = 0;
	ch->rec = 0;
	ch->overflow = 0;
	ch->no_ack = false;
	ch->state = CAN_STATE_ERROR_ACTIVE;
	ch->started = true;
	emu_log("%s:%u start mode=0x%x rate=%u/%u", ch->dev->id, ch->idx, mode,
		channel_rate(ch), channel_data_rate(ch));
	if ((mode & inner) == inner && !ch->inner)
		ch->inner = bus_alloc("inner");
	bus_join((mode & inner) == inner ? ch->inner : ch->bus, ch);
	out_load(ch, now_ns());
	if (ch->bus_off_at_start)
		channel_force_bus_off(ch);
	ch->bus_off_at_start = false;
	elm_string(ch, "channel opened");
	ctl_event();
}

void channel_stop(struct channel *ch, enum reset_keeps keep)
{
	if (ch->started)
		emu_log("%s:%u stop", ch->dev->id, ch->idx);
	mbox_clear(ch);
	if (keep != KEEP_ALL)
		txq_clear(ch);
	if (keep == KEEP_ARMED)
		device_purge_in(ch->dev, ch, true);
	if (ch->joined)
		bus_leave(ch->joined, ch);
	timer_cancel(&ch->recover);
	timer_cancel(&ch->flush);
	elm_report_load(ch, 0);
	err_stop(ch);
	ch->started = false;
	ch->mode = 0;
	ch->state = CAN_STATE_STOPPED;
	ch->tec = 0;
	ch->rec = 0;
	ch->has_tdc = false;
	if (ch->dev->p->forgets_timing) {
		ch->has_bt = false;
		ch->has_dbt = false;
	}
	ctl_event();
}

/* As after power comes on. */
void channel_power_on(struct channel *ch)
{
	channel_stop(ch, KEEP_ARMED);
	ch->has_bt = false;
	ch->has_dbt = false;
	memset(&ch->bt, 0, sizeof(ch->bt));
	memset(&ch->dbt, 0, sizeof(ch->dbt));
	ch->termination = ch->dev->p->family == FAM_CN;
	filter_accept_all(&ch->filter);
	filter_accept_all(&ch->filter_used);
	memset(&ch->ref, 0, sizeof(ch->ref));
}

void channel_init(struct channel *ch, struct device *dev, unsigned int idx, struct bus *b)
{
	ch->dev = dev;
	ch->idx = idx;
	ch->bus = b;
	ch->state = CAN_STATE_STOPPED;
	TAILQ_INIT(&ch->txq);
	TAILQ_INIT(&ch->mbox);
	ch->recover.fn = recover_timer;
	ch->flush.fn = flush_timer;
	ch->err_timer.fn = err_timer_fn;
}
