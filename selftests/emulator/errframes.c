// SPDX-License-Identifier: GPL-2.0-only
/*
 * The error frames of each firmware: which bits it sets, when it sends them,
 * and its quirks.
 */
#include "device.h"

#include <linux/can/error.h>

/* ELM's 0x200 is not SocketCAN's CAN_ERR_CNT. */
#define ELM_ERR_CRC		0x200u
#define ELM_MIN_NS		(100 * NSEC_PER_MSEC)
#define ELM_REPEAT_NS		(3 * NSEC_PER_SEC)
#define ELM_TX_FAIL		0x02
#define ELM_TX_OVERFLOW		0x04
#define ELM_TX_TIMEOUT		0x10

static void send(struct channel *ch, __u32 id, const __u8 *data, __u64 t)
{
	struct device *dev = ch->dev;
	struct frame *f;

	/* error status is only read while a buffer is free */
	if (!device_rx_room(ch))
		return;
	f = frame_get();
	f->ch = ch;
	f->pooled = dev->pool_total && device_pool_take(dev);
	f->echo_id = ECHO_ID_RX;
	f->msg = (struct can_msg){ .id = CAN_ERR_FLAG | id, .dlc = CAN_ERR_DLC };
	for (unsigned int i = 0; i < CAN_ERR_DLC; i++)
		f->msg.data[i] = data[i];
	f->ready = t;
	frame_encode(f, 0);
	device_to_host(dev, f);
}

static __u8 counter(unsigned int value)
{
	return value > 255 ? 255 : value;
}

/* What data[1] says about one side or both. */
static __u8 ctrl_bits(enum can_state state, bool tx, bool rx)
{
	switch (state) {
	case CAN_STATE_ERROR_ACTIVE:
		return CAN_ERR_CRTL_ACTIVE;
	case CAN_STATE_ERROR_WARNING:
		return (tx ? CAN_ERR_CRTL_TX_WARNING : 0) | (rx ? CAN_ERR_CRTL_RX_WARNING : 0);
	default:
		return (tx ? CAN_ERR_CRTL_TX_PASSIVE : 0) | (rx ? CAN_ERR_CRTL_RX_PASSIVE : 0);
	}
}

static void put_counters(struct channel *ch, __u8 *data)
{
	data[6] = counter(ch->tec);
	data[7] = counter(ch->rec);
}

static void cl_state(struct channel *ch, __u64 t)
{
	__u32 id = CAN_ERR_CRTL | CAN_ERR_CNT;
	__u8 data[8] = { 0 };

	if (ch->state == CAN_STATE_BUS_OFF) {
		send(ch, CAN_ERR_BUSOFF, data, t);
		return;
	}
	if (ch->tec || ch->rec)
		id |= CAN_ERR_PROT | CAN_ERR_BUSERROR;
	data[1] = ctrl_bits(ch->state, ch->tec >= ch->rec, ch->rec >= ch->tec);
	put_counters(ch, data);
	send(ch, id, data, t);
}

static void cl_old_state(struct channel *ch, __u64 t)
{
	__u32 id = CAN_ERR_CRTL | CAN_ERR_PROT | CAN_ERR_BUSERROR;
	__u8 data[8] = { 0 };

	if (ch->state == CAN_STATE_BUS_OFF)
		id |= CAN_ERR_BUSOFF;
	data[1] = ctrl_bits(ch->state, true, true);
	/* the passive range is in the warning range too */
	if (ch->state == CAN_STATE_ERROR_PASSIVE)
		data[1] |= ctrl_bits(CAN_STATE_ERROR_WARNING, true, true);
	put_counters(ch, data);
	send(ch, id, data, t);
}

static void cn_state(struct channel *ch, __u64 t)
{
	__u8 data[8] = { 0 };

	put_counters(ch, data);
	if (ch->state == CAN_STATE_BUS_OFF) {
		send(ch, CAN_ERR_BUSOFF | CAN_ERR_CNT, data, t);
		return;
	}
	data[1] = ctrl_bits(ch->state, true, true);
	send(ch, CAN_ERR_CRTL | CAN_ERR_CNT, data, t);
}

static void gs_state(struct channel *ch, __u64 t)
{
	__u8 data[8] = { 0 };

	put_counters(ch, data);
	if (ch->state == CAN_STATE_BUS_OFF) {
		send(ch, CAN_ERR_BUSOFF, data, t);
		return;
	}
	data[1] = ctrl_bits(ch->state, ch->tec >= ch->rec, ch->rec >= ch->tec);
	send(ch, CAN_ERR_CRTL, data, t);
}

static void elm_send(struct channel *ch, __u32 id, __u8 app, __u8 extra, __u64 t)
{
	__u8 data[8] = { 0 };

	ch->err_last = t;
	timer_cancel(&ch->err_timer);
	if (ch->state == CAN_STATE_BUS_OFF)
		id |= CAN_ERR_BUSOFF;
	else
		id |= CAN_ERR_CRTL;
	if (ch->state != CAN_STATE_BUS_OFF)
		data[1] = ctrl_bits(ch->state, ch->tec, ch->rec) | (ch->dev->elm ? 0 : extra);
	if (ch->no_ack)
		id |= CAN_ERR_ACK;
	data[5] = app;
	put_counters(ch, data);
	send(ch, id, data, t);
	if (ch->state != CAN_STATE_ERROR_ACTIVE)
		timer_set(&ch->err_timer, t + ELM_REPEAT_NS);
}

/* Changes are reported at most every 100 ms, but bus-off at once. */
static void elm_state(struct channel *ch, __u64 t)
{
	if (ch->state == CAN_STATE_BUS_OFF || t >= ch->err_last + ELM_MIN_NS)
		elm_send(ch, 0, ch->no_ack ? ELM_TX_FAIL : 0, 0, t);
	else
		timer_set(&ch->err_timer, ch->err_last + ELM_MIN_NS);
}

void err_timer_fn(struct timer *t)
{
	struct channel *ch = container_of(t, struct channel, err_timer);

	if (ch->started)
		elm_send(ch, 0, 0, 0, now_ns());
}

void err_stop(struct channel *ch)
{
	timer_cancel(&ch->err_timer);
	ch->err_last = 0;
}

/* The controller's state has changed. */
void err_state(struct channel *ch, __u64 t)
{
	switch (ch->dev->p->family) {
	case FAM_CL:
		cl_state(ch, t);
		break;
	case FAM_CL_OLD:
		cl_old_state(ch, t);
		break;
	case FAM_CN:
		cn_state(ch, t);
		break;
	case FAM_ELM:
		elm_state(ch, t);
		break;
	default:
		gs_state(ch, t);
	}
}

/* An error on the bus: CL only tells if asked to, old CL tells always. */
void err_bus(struct channel *ch, enum bus_error err, bool tx, __u64 t)
{
	__u32 id = CAN_ERR_PROT | CAN_ERR_BUSERROR | CAN_ERR_CNT;
	__u8 data[8] = { 0 };

	if (err == BUS_NO_ACK)
		id |= CAN_ERR_ACK;
	else
		data[2] = tx ? CAN_ERR_PROT_BIT0 : CAN_ERR_PROT_STUFF;
	put_counters(ch, data);
	if (ch->dev->p->family == FAM_CL) {
		if (ch->mode & F_BERR_REPORTING && (ch->tec || ch->rec))
			send(ch, id, data, t);
	} else if (ch->dev->p->family == FAM_CL_OLD) {
		id = (id | CAN_ERR_CRTL) & ~CAN_ERR_CNT;
		data[1] = ctrl_bits(ch->state, true, true) & ~CAN_ERR_CRTL_ACTIVE;
		send(ch, id, data, t);
	} else if (ch->dev->p->family == FAM_ELM && t >= ch->err_last + ELM_MIN_NS) {
		elm_send(ch, CAN_ERR_PROT | (err == BUS_NO_ACK ? 0 : ELM_ERR_CRC),
			 tx ? ELM_TX_FAIL : 1, 0, t);
	}
}

/* Back from bus-off. */
void err_recovered(struct channel *ch, __u64 t)
{
	__u8 data[8] = { 0 };

	switch (ch->dev->p->family) {
	case FAM_CL:
		send(ch, CAN_ERR_RESTARTED, data, t);
		break;
	case FAM_CN:
		data[1] = CAN_ERR_CRTL_ACTIVE;
		send(ch, CAN_ERR_CRTL | CAN_ERR_CNT | CAN_ERR_RESTARTED, data, t);
		break;
	default:
		err_state(ch, t);
	}
}

void err_tx_overflow(struct channel *ch, __u64 t)
{
	elm_send(ch, 0, ELM_TX_OVERFLOW, CAN_ERR_CRTL_TX_OVERFLOW, t);
}

void err_tx_timeout(struct channel *ch, __u64 t)
{
	elm_send(ch, CAN_ERR_TX_TIMEOUT, ELM_TX_TIMEOUT, 0, t);
}
