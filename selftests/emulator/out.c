// SPDX-License-Identifier: GPL-2.0-only
/*
 * From an OUT transfer to a mailbox, and the echo back, in the ways of the
 * various firmwares.
 */
#include <errno.h>

#include "device.h"
#include "elm.h"
#include "referee.h"

#define CTP_MAX_ID	32

/* Long enough for this firmware, and for a channel that exists? */
static bool well_formed(const struct device *dev, const struct xfer *x)
{
	struct can_msg m;

	if (x->len < HF_DATA || x->data[HF_CHANNEL] >= dev->nchannels)
		return false;
	if (dev->p->family != FAM_CN)
		return x->len >= (x->data[HF_FLAGS] & MSG_FD ? HF_FD : HF_CLASSIC);
	m.id = get_le32(x->data + HF_CAN_ID);
	m.dlc = x->data[HF_DLC];
	m.flags = x->data[HF_FLAGS];
	return x->len >= HF_DATA + msg_len(&m);
}

static bool has_room(const struct device *dev, const struct xfer *x)
{
	const struct personality *p = dev->p;

	if (p->when_full == FULL_DEAD)
		return dev->out_armed[(x->ep & 0x0f) == 1];
	if (p->when_full == FULL_DROP)
		return true;
	if (dev->pool_total)
		return dev->pool_used < dev->pool_total;
	return !well_formed(dev, x) ||
	       dev->channels[x->data[HF_CHANNEL]].txq_len < p->txq;
}

/* A frame that will never be sent; its echo, if still owed, neither. */
void out_lost(struct frame *f)
{
	struct channel *ch = f->ch;

	ch->tx_lost++;
	if (!f->echoed)
		referee_gone(ch, f->echo_id);
	frame_put(f);
}

/* Tells the host that f was sent, or whatever this firmware means by it. */
void out_echo(struct channel *ch, struct frame *f, __u64 t)
{
	const struct personality *p = ch->dev->p;
	struct frame *e;
	__u8 flags = f->msg.flags;

	/* a frame without marker has none */
	if (ch->dev->elm && !f->echo_id)
		return;
	e = frame_get();
	e->ch = ch;
	e->echo = true;
	e->echo_id = f->echo_id & p->echo_mask;
	e->msg = f->msg;
	e->fate = f->fate;
	e->ready = t;
	/* the buffer goes on with the echo */
	e->pooled = f->pooled;
	f->pooled = false;
	f->echoed = true;
	if (p->family == FAM_CN && ch->overflow) {
		ch->overflow--;
		flags |= HF_FLAG_OVERFLOW;
	}
	frame_encode(e, flags);
	if (fault_echo(ch->dev, e))
		device_to_host(ch->dev, e);
}

/* Fills mailboxes from the queue that feeds this channel, at time t, past if we are late. */
void out_load(struct channel *ch, __u64 t)
{
	struct device *dev = ch->dev;
	bool fifo = dev->p->one_fifo;
	struct frame_list *q = fifo ? &dev->tx_fifo : &ch->txq;
	struct frame *f;

	while ((f = TAILQ_FIRST(q))) {
		ch = f->ch;
		if (fifo && (!ch->started || ch->state == CAN_STATE_BUS_OFF)) {
			TAILQ_REMOVE(q, f, link);
			dev->tx_len--;
			out_lost(f);
			continue;
		}
		if (!ch->started || ch->state == CAN_STATE_BUS_OFF ||
		    ch->mbox_len >= dev->p->mailboxes)
			return;
		TAILQ_REMOVE(q, f, link);
		if (fifo)
			dev->tx_len--;
		else
			ch->txq_len--;
		if (dev->p->echo_when == ECHO_AT_MAILBOX && !dev->elm)
			out_echo(ch, f, now_ns());
		/* not before it arrived */
		channel_mbox_add(ch, f, f->ready > t ? f->ready : t);
	}
}

/* CANtact Pro: the echo id selects one of the controller's TX buffers. */
static void ctp_send(struct channel *ch, struct frame *f)
{
	struct frame *other;
	bool taken = false;

	out_echo(ch, f, now_ns());
	TAILQ_FOREACH(other, &ch->mbox, link)
		taken |= other->echo_id == f->echo_id;
	if (!ch->started || ch->state == CAN_STATE_BUS_OFF || taken ||
	    f->echo_id >= CTP_MAX_ID || ch->mbox_len >= ch->dev->p->mailboxes)
		out_lost(f);
	else
		channel_mbox_add(ch, f, now_ns());
}

/* Frames that the firmware throws away at once. */
static bool refused(struct channel *ch, const struct frame *f)
{
	const struct personality *p = ch->dev->p;
	bool raw_dlc = !(f->msg.flags & MSG_FD) && f->msg.dlc > 8;

	switch (p->family) {
	case FAM_CN:
		return !ch->started || raw_dlc;
	case FAM_ELM:
		return !ch->started || ch->state == CAN_STATE_BUS_OFF ||
		       (ch->mode & (F_LISTEN_ONLY | F_LOOP_BACK)) == F_LISTEN_ONLY ||
		       (raw_dlc && !(ch->mode & F_FD));
	case FAM_GS:
		return !ch->started;
	default:
		return false;
	}
}

/* To the mailboxes, when it is its turn. */
void out_queue(struct channel *ch, struct frame *f)
{
	struct device *dev = ch->dev;
	const struct personality *p = dev->p;

	if (refused(ch, f) || (p->txq && p->when_full == FULL_DROP && ch->txq_len >= p->txq)) {
		if (p->family == FAM_ELM && ch->started)
			err_tx_overflow(ch, now_ns());
		out_lost(f);
		return;
	}
	/* only candleLight FD builds send ESI */
	if (p->family != FAM_CL)
		f->msg.flags &= ~MSG_ESI;
	if (p->family == FAM_ELM && channel_rate(ch) == channel_data_rate(ch))
		f->msg.flags &= ~MSG_BRS;
	/* ELM takes a long classic dlc for that of an FD frame */
	if (p->family == FAM_ELM && f->msg.dlc > 8)
		f->msg.flags |= MSG_FD;
	if (p->one_fifo) {
		TAILQ_INSERT_TAIL(&dev->tx_fifo, f, link);
		dev->tx_len++;
	} else {
		TAILQ_INSERT_TAIL(&ch->txq, f, link);
		ch->txq_len++;
	}
	out_load(ch, now_ns());
}

/* Of a transfer x, and the echo is owed. Not to a host that was told of a halt: behind one nothing
 * is taken.
 */
void out_given(struct channel *ch, struct frame *f, const struct xfer *x)
{
	f->fate = x->fate;
	if (x->fate.status != -EPIPE)
		referee_given(ch, f->echo_id);
}

enum out_verdict out_transfer(struct device *dev, const struct xfer *x)
{
	struct channel *ch;
	struct frame *f;

	if (!has_room(dev, x))
		return OUT_NAK;
	dev->out_done++;
	dev->out_len = x->len;
	if (dev->elm) {
		elm_out(dev, x);
		return OUT_TAKEN;
	}
	referee_out(dev, x);
	f = frame_get();
	f->pooled = dev->pool_total;
	if (dev->p->when_full == FULL_DEAD) {
		/* the posted buffer is used up; without another one it is over */
		dev->out_armed[(x->ep & 0x0f) == 1] = device_pool_take(dev);
		if (!dev->out_armed[(x->ep & 0x0f) == 1])
			emu_log("%s OUT 0x%02x is dead", dev->id, x->ep);
	} else if (dev->pool_total) {
		device_pool_take(dev);
	}
	f->ch = dev->channels;	/* for its pool, until it is known better */
	if (!well_formed(dev, x)) {
		frame_put(f);
		return OUT_TAKEN;
	}
	ch = &dev->channels[x->data[HF_CHANNEL]];
	f->ch = ch;
	frame_decode(f, x->data, x->len < XFER_DATA ? x->len : XFER_DATA);
	f->ready = now_ns();
	out_given(ch, f, x);
	if (dev->p->echo_when == ECHO_AT_ONCE)
		ctp_send(ch, f);
	else
		out_queue(ch, f);
	return OUT_TAKEN;
}
