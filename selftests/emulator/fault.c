// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misbehaviour on demand: the adapter that stalls, is short, loses an echo,
 * sends one twice, late or out of order, fails a transfer, says what it likes,
 * or is pulled out of its socket at that very moment.
 */
#include "fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "referee.h"

/* at: -1 where the command has to say */
static const struct {
	const char *what;
	enum fault_do action;
	int at;
	int status;
} kinds[] = {
	{ "stall", DO_STATUS, AT_CTRL, -EPIPE },
	{ "status", DO_STATUS, AT_CTRL, 0 },
	{ "short", DO_SHORT, AT_CTRL, 0 },
	{ "zero", DO_DATA, AT_CTRL, 0 },
	{ "reply", DO_DATA, AT_CTRL, 0 },
	{ "timeout", DO_HANG, AT_CTRL, 0 },
	{ "in-status", DO_STATUS, AT_IN, 0 },
	{ "in-data", DO_DATA, AT_IN, 0 },
	{ "in-drop", DO_DROP, AT_IN, 0 },
	{ "out-status", DO_STATUS, AT_OUT, 0 },
	{ "out-hang", DO_HANG, AT_OUT, 0 },
	{ "out-taken", DO_TAKE, AT_OUT, 0 },
	{ "drop-echo", DO_DROP, AT_ECHO, 0 },
	{ "dup-echo", DO_DUP, AT_ECHO, 0 },
	{ "late-echo", DO_LATE, AT_ECHO, 0 },
	{ "swap-echo", DO_SWAP, AT_ECHO, 0 },
	{ "unplug", DO_UNPLUG, AT_ANY, 0 },
};

static bool ripe(const struct fault *f)
{
	return f->count && f->from <= now_ns();
}

static bool applies(const struct fault *f, enum fault_at at, int req, int ch, enum life life)
{
	return f->at == at && (f->req < 0 || f->req == req) && (f->ch < 0 || f->ch == ch) &&
	       (f->during == LIFE_ANY || f->during == life);
}

const struct fault *fault_strike(struct device *dev, enum fault_at at, int req, int ch,
				 enum life life)
{
	struct fault *f;

	TAILQ_FOREACH(f, &dev->faults, link) {
		if (!ripe(f) || !applies(f, at, req, ch, life))
			continue;
		if (f->skip) {
			f->skip--;
			continue;
		}
		if (f->seen++ % f->every)
			continue;
		f->count--;
		return f;
	}
	return NULL;
}

int fault_bytes(const struct fault *f, __u8 *data, int len, int size)
{
	if (f->action == DO_SHORT)
		return len / 2;
	if ((int)(f->offset + f->ndata) <= size) {
		memcpy(data + f->offset, f->data, f->ndata);
		if (len < (int)(f->offset + f->ndata))
			len = f->offset + f->ndata;
	}
	if (f->len >= 0 && f->len <= size) {
		if (f->len > len)
			memset(data + len, 0, f->len - len);
		len = f->len;
	}
	return len;
}

int fault_refuses(struct device *dev, const struct fault *f)
{
	switch (f ? (int)f->action : -1) {
	case DO_STATUS:
		return f->status;
	case DO_UNPLUG:
		fault_pull(dev);
		return -EINPROGRESS;
	case DO_HANG:
		return -EINPROGRESS;
	default:
		return 0;
	}
}

/* A transfer that waits for data fails at once, unless the rule counts them. */
bool fault_in_idle(struct device *dev, unsigned int pair, int *status)
{
	struct fault *f;

	TAILQ_FOREACH(f, &dev->faults, link) {
		if (!ripe(f) || f->at != AT_IN || f->action != DO_STATUS || f->counted)
			continue;
		/* one of a channel waits for its frames, unless it has the endpoint for itself */
		if (f->ch >= 0 && (!dev->elm || f->ch != (int)pair))
			continue;
		f->count--;
		*status = f->status;
		return true;
	}
	return false;
}

/* The cable is pulled at the end of this turn; until then nobody answers. */
void fault_pull(struct device *dev)
{
	if (dev->pulled)
		return;
	dev->pulled = true;
	emu_log("%s pulled", dev->id);
	timer_set(&dev->pull_timer, now_ns());
}

static void pull_timer(struct timer *t)
{
	device_unplug(container_of(t, struct device, pull_timer));
}

/* The time of a rule has come. */
static void fault_timer(struct timer *t)
{
	struct device *dev = container_of(t, struct device, fault_timer);

	if (fault_strike(dev, AT_TIME, -1, -1, LIFE_ANY))
		fault_pull(dev);
	device_pump(dev);
}

static void send_twice(struct device *dev, struct frame *e)
{
	struct frame *copy = frame_get();

	copy->ch = e->ch;
	copy->len = e->len;
	copy->elm = e->elm;
	memcpy(copy->wire, e->wire, sizeof(copy->wire));
	/* The host is done with the frame at the first of them, and so is the referee. If the
	 * second passes for that of another frame, it does so for both.
	 */
	copy->echo = true;
	copy->echo_id = e->echo_id;
	device_to_host(dev, copy);
}

static void hold_back(struct device *dev, struct frame *e, __u64 ns)
{
	e->ready = now_ns() + ns;
	TAILQ_INSERT_TAIL(&dev->late, e, link);
	timer_set(&dev->late_timer, TAILQ_FIRST(&dev->late)->ready);
}

static void late_timer(struct timer *t)
{
	struct device *dev = container_of(t, struct device, late_timer);
	struct frame *f;

	while ((f = TAILQ_FIRST(&dev->late)) && f->ready <= now_ns()) {
		TAILQ_REMOVE(&dev->late, f, link);
		device_to_host(dev, f);
	}
	if (f)
		timer_set(t, f->ready);
}

/* False if the echo was dealt with here. */
bool fault_echo(struct device *dev, struct frame *e)
{
	struct frame *held = dev->swap;
	enum fault_do action = e->fate.echo;
	__u64 late_ns = e->fate.late_ns;
	const struct fault *f;

	/* the next echo brings the one that was held back along */
	f = held ? NULL : fault_strike(dev, AT_ECHO, -1, e->ch->idx, LIFE_RUN);
	if (f) {
		action = f->action;
		late_ns = f->late_ns;
	}
	switch (action) {
	case DO_DROP:
		referee_gone(e->ch, e->echo_id);
		frame_put(e);
		return false;
	case DO_LATE:
		hold_back(dev, e, late_ns);
		return false;
	case DO_SWAP:
		if (held)
			break;
		dev->swap = e;
		return false;
	case DO_DUP:
		send_twice(dev, e);
		break;
	case DO_UNPLUG:
		fault_pull(dev);
		break;
	default:
		break;
	}
	if (!held)
		return true;
	dev->swap = NULL;
	device_to_host(dev, e);
	device_to_host(dev, held);
	return false;
}

/* Those that a device, or the wire, can cause; also as a number. */
static int status_code(const char *name)
{
	static const struct {
		const char *name;
		int code;
	} codes[] = {
		{ "stall", -EPIPE }, { "proto", -EPROTO }, { "babble", -EOVERFLOW },
		{ "crc", -EILSEQ }, { "timeout", -ETIME }, { "overrun", -ECOMM },
		{ "underrun", -ENOSR }, { "short", -EREMOTEIO }, { "nospc", -ENOSPC },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(codes); i++)
		if (name && !strcmp(codes[i].name, name))
			return codes[i].code;
	return name && *name == '-' ? atoi(name) : 0;
}

/* Index of a name, or -1. */
static int name_index(const char *name, const char *const *names, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

static bool same_place(const struct fault *a, const struct fault *b)
{
	return !strcmp(a->what, b->what) && a->at == b->at && a->req == b->req &&
	       a->ch == b->ch && a->during == b->during;
}

/* Which event a rule is about, and is that one where it can do its work? */
static bool place(struct fault *f, int preset, const char *at)
{
	static const char * const names[] = { "ctrl", "std", "in", "out", "echo", "time" };
	int n = at ? name_index(at, names, ARRAY_SIZE(names)) : preset;

	if (n < 0)
		return false;
	f->at = n;
	/* what befalls a vendor request may befall a standard one */
	return preset < 0 || n == preset || (preset == AT_CTRL && n == AT_STD);
}

int fault_add(struct device *dev, const struct fault *rule, const char *what, const char *at,
	      const char *during, const char *status)
{
	static const char * const lives[] = {
		"any", "probe", "open", "run", "close", "resume",
	};
	struct fault *f, *old, *next;
	unsigned int i;
	int life;

	for (i = 0; i < ARRAY_SIZE(kinds) && strcmp(kinds[i].what, what); i++)
		;
	life = during ? name_index(during, lives, ARRAY_SIZE(lives)) : LIFE_ANY;
	if (i == ARRAY_SIZE(kinds) || life < 0 || !rule->every)
		return -EINVAL;
	f = xzalloc(sizeof(*f));
	*f = *rule;
	f->what = kinds[i].what;
	f->action = kinds[i].action;
	f->during = life;
	f->counted = f->skip || f->every > 1;
	f->status = kinds[i].status ? kinds[i].status : status_code(status);
	if (!strcmp(what, "zero"))
		f->len = 0;
	if (!place(f, kinds[i].at, at) || f->req > 255 ||
	    ((f->action == DO_STATUS || f->action == DO_TAKE) && f->status >= 0)) {
		free(f);
		return -EINVAL;
	}
	for (old = TAILQ_FIRST(&dev->faults); old; old = next) {
		next = TAILQ_NEXT(old, link);
		if (old->count && !same_place(old, f))
			continue;
		TAILQ_REMOVE(&dev->faults, old, link);
		free(old);
	}
	TAILQ_INSERT_TAIL(&dev->faults, f, link);
	if (f->from > now_ns())
		timer_set(&dev->fault_timer, f->from);
	else if (f->at == AT_TIME)
		fault_pull(dev);
	else if (f->at == AT_IN)
		device_pump(dev);
	return 0;
}

void fault_clear(struct device *dev)
{
	struct fault *f;

	while ((f = TAILQ_FIRST(&dev->faults))) {
		TAILQ_REMOVE(&dev->faults, f, link);
		free(f);
	}
	timer_cancel(&dev->fault_timer);
}

void fault_reset(struct device *dev)
{
	struct fault *f, *next;

	for (f = TAILQ_FIRST(&dev->faults); f; f = next) {
		next = TAILQ_NEXT(f, link);
		if (!f->until_reset)
			continue;
		TAILQ_REMOVE(&dev->faults, f, link);
		free(f);
	}
}

void fault_init(struct device *dev)
{
	TAILQ_INIT(&dev->faults);
	dev->late_timer.fn = late_timer;
	dev->fault_timer.fn = fault_timer;
	dev->pull_timer.fn = pull_timer;
}
