// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misbehaviour on demand: the adapter that stalls, is short, loses an echo,
 * sends one twice, late or out of order.
 */
#include "device.h"

#include <errno.h>
#include <string.h>

#include "referee.h"

/* How the next control request of that number goes wrong, if at all. */
int fault_ctrl(struct device *dev, __u8 request)
{
	if (!dev->faults.ctrl[request].count)
		return CTRL_OK;
	dev->faults.ctrl[request].count--;
	return dev->faults.ctrl[request].what;
}

static int take_status(__u32 *count, int status, bool *halted)
{
	if (!*count)
		return 0;
	(*count)--;
	/* a stalled endpoint stays so until the halt is cleared */
	if (status == -EPIPE)
		*halted = true;
	return status;
}

int fault_out(struct device *dev)
{
	return take_status(&dev->faults.out_status_count, dev->faults.out_status,
			   &dev->out_halted);
}

int fault_in(struct device *dev)
{
	return take_status(&dev->faults.in_status_count, dev->faults.in_status,
			   &dev->in_halted);
}

static void send_twice(struct device *dev, const struct frame *e)
{
	struct frame *copy = frame_get();

	copy->ch = e->ch;
	copy->len = e->len;
	memcpy(copy->wire, e->wire, sizeof(copy->wire));
	device_to_host(dev, copy);
}

static void hold_back(struct device *dev, struct frame *e)
{
	e->ready = now_ns() + dev->faults.late_ns;
	TAILQ_INSERT_TAIL(&dev->late, e, link);
	timer_set(&dev->late_timer, TAILQ_FIRST(&dev->late)->ready);
}

void fault_late_timer(struct timer *t)
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
	struct faults *faults = &dev->faults;
	struct frame *held = dev->swap;

	if (faults->drop_echo) {
		faults->drop_echo--;
		referee_gone(e->ch, e->echo_id);
		frame_put(e);
		return false;
	}
	if (faults->late_echo) {
		faults->late_echo--;
		hold_back(dev, e);
		return false;
	}
	if (held) {
		dev->swap = NULL;
		device_to_host(dev, e);
		device_to_host(dev, held);
		return false;
	}
	if (faults->swap_echo) {
		faults->swap_echo--;
		dev->swap = e;
		return false;
	}
	if (faults->dup_echo) {
		faults->dup_echo--;
		send_twice(dev, e);
	}
	return true;
}

static int status_code(const char *name)
{
	static const struct {
		const char *name;
		int code;
	} codes[] = {
		{ "stall", -EPIPE }, { "proto", -EPROTO }, { "babble", -EOVERFLOW },
		{ "crc", -EILSEQ }, { "timeout", -ETIME },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(codes); i++)
		if (name && !strcmp(codes[i].name, name))
			return codes[i].code;
	return 0;
}

static int ctrl_fault_of(const char *what)
{
	static const char * const names[] = { "", "stall", "short", "zero", "timeout" };
	unsigned int i;

	for (i = 1; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], what))
			return i;
	return CTRL_OK;
}

int fault_command(struct device *dev, const char *what, int req, __u32 count, __u64 ns,
		  const char *status)
{
	struct faults *faults = &dev->faults;
	int ctrl = ctrl_fault_of(what), code = status_code(status);

	if (ctrl) {
		if (req < 0 || req > 255)
			return -EINVAL;
		faults->ctrl[req].what = ctrl;
		faults->ctrl[req].count = count;
		return 0;
	}
	if (!strcmp(what, "none")) {
		memset(faults, 0, sizeof(*faults));
	} else if (!strcmp(what, "drop-echo")) {
		faults->drop_echo = count;
	} else if (!strcmp(what, "dup-echo")) {
		faults->dup_echo = count;
	} else if (!strcmp(what, "late-echo")) {
		faults->late_echo = count;
		faults->late_ns = ns;
	} else if (!strcmp(what, "swap-echo")) {
		faults->swap_echo = count;
	} else if (!strcmp(what, "in-status") && code) {
		faults->in_status = code;
		faults->in_status_count = count;
		device_pump(dev);
	} else if (!strcmp(what, "out-status") && code) {
		faults->out_status = code;
		faults->out_status_count = count;
	} else {
		return -EINVAL;
	}
	return 0;
}
