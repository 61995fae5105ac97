// SPDX-License-Identifier: GPL-2.0-only
/*
 * The adapter as a whole: creation, power, plugging, its buffer pool and the
 * queue of frames for the host.
 */
#include "device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "referee.h"

struct device_list devices = TAILQ_HEAD_INITIALIZER(devices);
const struct transport *transport, *other_transport;

/* How long the host may take to look at what was plugged in */
#define PLUG_QUIET_NS	(1500 * NSEC_PER_MSEC)

static struct frame_list free_frames = TAILQ_HEAD_INITIALIZER(free_frames);

struct frame *frame_get(void)
{
	struct frame *f = TAILQ_FIRST(&free_frames);

	if (!f)
		return xzalloc(sizeof(*f));
	TAILQ_REMOVE(&free_frames, f, link);
	f->ch = NULL;
	f->raw = NULL;
	f->pooled = false;
	f->echo = false;
	f->echoed = false;
	f->elm = false;
	f->fate = (struct fate){ 0 };
	return f;
}

void frame_put(struct frame *f)
{
	if (f->pooled)
		device_pool_give(f->ch->dev);
	free(f->raw);
	f->raw = NULL;
	TAILQ_INSERT_HEAD(&free_frames, f, link);
}

bool device_pool_take(struct device *dev)
{
	if (dev->pool_used >= dev->pool_total)
		return false;
	dev->pool_used++;
	return true;
}

void device_pool_give(struct device *dev)
{
	dev->pool_used--;
}

/* The endpoints of a channel; NULL is none */
struct pair *device_pair(struct device *dev, const struct channel *ch)
{
	return dev->elm && ch && ch->idx < dev->npairs ? &dev->pair[ch->idx] : dev->pair;
}

/* Is there room for one more frame from the bus? */
bool device_rx_room(const struct channel *ch)
{
	struct device *dev = ch->dev;

	if (dev->pool_total)
		return dev->pool_used < dev->pool_total;
	return !dev->p->in_queue || device_pair(dev, ch)->in_len < dev->p->in_queue;
}

/* The adapter's 1 MHz counter, more or less, at a time of ours. */
__u32 device_ts(struct device *dev, __u64 t)
{
	__s64 ns = t - dev->epoch;

	ns += ns / 1000000 * dev->ppm;
	return dev->ts0 + (__u32)(ns / (__s64)NSEC_PER_USEC);
}

void device_to_host(struct device *dev, struct frame *f)
{
	struct pair *pair = device_pair(dev, f->ch);

	if (dev->p->in_queue && !f->raw && pair->in_len >= dev->p->in_queue) {
		if (f->echo)
			referee_gone(f->ch, f->echo_id);
		frame_put(f);
		return;
	}
	TAILQ_INSERT_TAIL(&pair->in_fifo, f, link);
	pair->in_len++;
	device_pump(dev);
}

static void purge_pair(struct pair *pair, struct channel *ch, bool keep_armed)
{
	struct frame *f = TAILQ_FIRST(&pair->in_fifo), *next;

	if (f && keep_armed)
		f = TAILQ_NEXT(f, link);
	for (; f; f = next) {
		next = TAILQ_NEXT(f, link);
		if (ch && f->ch != ch)
			continue;
		TAILQ_REMOVE(&pair->in_fifo, f, link);
		pair->in_len--;
		frame_put(f);
	}
}

/* Drops what waits for the host from one channel, or from all if ch is NULL. */
void device_purge_in(struct device *dev, struct channel *ch, bool keep_armed)
{
	unsigned int i;

	for (i = 0; i < dev->npairs; i++)
		purge_pair(&dev->pair[i], ch, keep_armed);
}

/* Queues bytes as one IN transfer, whatever they mean. */
int device_inject(struct device *dev, const __u8 *data, unsigned int len)
{
	struct frame *f = frame_get();

	f->raw = xzalloc(len + 1);
	memcpy(f->raw, data, len);
	f->len = len;
	device_to_host(dev, f);
	return 0;
}

/* Moves frames and transfers until nothing more fits. */
void device_pump(struct device *dev)
{
	struct bus *b;
	__u64 before;

	if (dev->pumping)
		return;
	dev->pumping = true;
	do {
		before = dev->in_done + dev->out_done;
		if (dev->out_turn)
			usb_pump_out(dev);
		usb_pump_in(dev);
		usb_pump_out(dev);
	} while (dev->in_done + dev->out_done != before);
	dev->pumping = false;
	TAILQ_FOREACH(b, &buses, link)
		if (b->stalled_since)
			bus_kick(b);
}

static void drop_queue(struct frame_list *q, unsigned int *len)
{
	struct frame *f;

	while ((f = TAILQ_FIRST(q))) {
		TAILQ_REMOVE(q, f, link);
		if (len)
			(*len)--;
		frame_put(f);
	}
}

/* CANnectivity keeps one buffer posted on each OUT endpoint. */
static void post_out(struct device *dev)
{
	unsigned int i;

	if (dev->p->when_full != FULL_DEAD)
		return;
	for (i = 0; i < (dev->p->two_out ? 2 : 1); i++)
		if (!dev->out_armed[i])
			dev->out_armed[i] = device_pool_take(dev);
}

static void unpost_out(struct device *dev)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (dev->out_armed[i])
			device_pool_give(dev);
		dev->out_armed[i] = false;
	}
}

/* Everything forgotten, as after power comes on. */
void device_power_on(struct device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nchannels; i++)
		channel_power_on(&dev->channels[i]);
	device_purge_in(dev, NULL, false);
	drop_queue(&dev->tx_fifo, &dev->tx_len);
	drop_queue(&dev->late, NULL);
	if (dev->swap)
		frame_put(dev->swap);
	dev->swap = NULL;
	timer_cancel(&dev->late_timer);
	timer_cancel(&dev->pull_timer);
	dev->pulled = false;
	dev->opened = false;
	dev->resuming = false;
	dev->power_lost = false;
	unpost_out(dev);
	dev->epoch = now_ns();
	dev->configuration = 0;
	for (i = 0; i < dev->npairs; i++) {
		dev->pair[i].in_halted = false;
		dev->pair[i].out_halted = false;
		dev->pair[i].in_live = false;
	}
	dev->identify = false;
	dev->elm = false;
	dev->blobs = false;
	dev->last_error = 2;
	dev->inflight = 0;
	memset(&dev->sleep, 0, sizeof(dev->sleep));
}

/* SET_CONFIGURATION or SET_INTERFACE: the endpoints start anew. */
void device_configured(struct device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->npairs; i++) {
		dev->pair[i].in_halted = false;
		dev->pair[i].out_halted = false;
	}
	post_out(dev);
}

/* A reset of the USB, or the configuration taken away. CAN may well go on. */
void device_bus_reset(struct device *dev)
{
	struct frame *f;
	unsigned int i;

	emu_log("%s bus reset", dev->id);
	dev->resets++;
	fault_reset(dev);
	if (dev->power_lost) {
		device_power_on(dev);
		dev->resuming = true;
		return;
	}
	dev->configuration = 0;
	dev->resuming = true;
	/* what was armed on the endpoints is gone */
	for (i = 0; i < dev->npairs; i++) {
		f = TAILQ_FIRST(&dev->pair[i].in_fifo);
		if (!f)
			continue;
		/* the host may send another once it has missed this one */
		if (f->echo)
			referee_gone(f->ch, f->echo_id);
		TAILQ_REMOVE(&dev->pair[i].in_fifo, f, link);
		dev->pair[i].in_len--;
		frame_put(f);
	}
	if (dev->p->family != FAM_CN)
		return;
	for (i = 0; i < dev->nchannels; i++)
		channel_stop(&dev->channels[i], KEEP_IN);
	unpost_out(dev);
}

/* The bus was suspended: what is left depends on the firmware. */
void device_suspended(struct device *dev)
{
	struct sleep sleep = dev->sleep;
	unsigned int i;

	memset(&dev->sleep, 0, sizeof(dev->sleep));
	emu_log("%s suspended%s%s", dev->id, sleep.power_off ? ", power off" : "",
		sleep.unplug ? ", unplugged" : "");
	dev->suspends++;
	/* a gadget may be told of it by both, the test and the bus */
	dev->power_lost |= sleep.power_off;
	dev->resuming = true;
	if (sleep.unplug)
		fault_pull(dev);
	if (dev->p->family != FAM_CL && dev->p->family != FAM_ELM)
		return;
	for (i = 0; i < dev->nchannels; i++)
		channel_stop(&dev->channels[i], KEEP_ARMED);
	device_purge_in(dev, NULL, false);
}

/* A host that goes to sleep has stopped all channels and taken back its IN transfers; nobody there
 * can tell us any more.
 */
void device_idle(struct device *dev)
{
	unsigned int i;

	if (!dev->sleep.at_idle)
		return;
	for (i = 0; i < dev->npairs; i++)
		if (dev->pair[i].in_pending)
			return;
	for (i = 0; i < dev->nchannels; i++)
		if (dev->channels[i].started)
			return;
	device_suspended(dev);
}

struct device *device_create(const char *id, const struct personality *p)
{
	struct device *dev = xzalloc(sizeof(*dev));
	unsigned int i;

	snprintf(dev->id, sizeof(dev->id), "%s", id);
	dev->p = p;
	dev->transport = transport;
	dev->vid = p->vid;
	dev->pid = p->pid;
	dev->sw_version = p->sw_version;
	dev->hw_version = p->hw_version;
	dev->high_speed = p->high_speed;
	dev->features = p->features;
	dev->fclk = p->fclk;
	dev->nominal = p->nominal;
	/* a classic controller that is said to know FD has to have some */
	dev->data = p->data.brp_max ? p->data : p->nominal;
	dev->interface = p->interface;
	dev->config = p->config;
	dev->manufacturer = p->manufacturer;
	dev->product = p->product;
	dev->serial = p->serial;
	dev->port = -1;
	for (i = 0; i < MAX_PAIRS; i++) {
		TAILQ_INIT(&dev->pair[i].in_xfers);
		TAILQ_INIT(&dev->pair[i].out_xfers);
		TAILQ_INIT(&dev->pair[i].in_fifo);
	}
	TAILQ_INIT(&dev->ctrl_xfers);
	TAILQ_INIT(&dev->tx_fifo);
	TAILQ_INIT(&dev->late);
	fault_init(dev);
	usb_init(dev);
	return dev;
}

/* What holds for the data phase: without BT_CONST_EXT the host knows nominal limits only. */
const struct bt_limits *device_data_limits(const struct device *dev)
{
	const struct personality *p = dev->p;

	return dev->features & F_BT_CONST_EXT && p->data.brp_max ? &p->data : &p->nominal;
}

/* Wires the channels; the last bus of the list serves the rest of them. */
int device_setup(struct device *dev, unsigned int nchannels, char *const *bus_names,
		 unsigned int nbuses)
{
	const struct personality *p = dev->p;
	unsigned int i, last;

	if (!nchannels || nchannels > MAX_CHANNELS)
		return -EINVAL;
	dev->nchannels = nchannels;
	dev->npairs = 1;
	if (p->family == FAM_ELM)
		dev->npairs = nchannels < MAX_PAIRS ? nchannels : MAX_PAIRS;
	dev->channels = xzalloc(nchannels * sizeof(*dev->channels));
	for (i = 0; i < nchannels; i++) {
		last = i < nbuses ? i : nbuses - 1;
		channel_init(&dev->channels[i], dev, i, bus_get(bus_names[last]));
	}
	dev->pool_total = p->pool_base + p->pool_per_channel * nchannels;
	if (p->two_out)
		dev->pool_total++;
	TAILQ_INSERT_TAIL(&devices, dev, link);
	device_power_on(dev);
	return 0;
}

struct device *device_find(const char *id)
{
	struct device *dev;

	TAILQ_FOREACH(dev, &devices, link)
		if (!strcmp(dev->id, id))
			return dev;
	return NULL;
}

int device_plug(struct device *dev)
{
	int ret;

	if (dev->plugged)
		return -EALREADY;
	device_power_on(dev);
	dev->plugged = true;
	dev->quiet_from = now_ns() + PLUG_QUIET_NS;
	ret = dev->transport->plug(dev);
	if (ret)
		dev->plugged = false;
	emu_log("%s plug port=%d busid=%s: %d", dev->id, dev->port, dev->busid, ret);
	return ret;
}

void device_unplug(struct device *dev)
{
	if (!dev->plugged)
		return;
	emu_log("%s unplug", dev->id);
	dev->plugged = false;
	/* the suspend that was announced will not come */
	memset(&dev->sleep, 0, sizeof(dev->sleep));
	dev->transport->unplug(dev);
	usb_cancel_all(dev);
	device_power_on(dev);
	ctl_event();
}

void device_destroy(struct device *dev)
{
	unsigned int i;

	device_unplug(dev);
	device_power_on(dev);
	fault_clear(dev);
	timer_cancel(&dev->pump_timer);
	for (i = 0; i < dev->nchannels; i++)
		if (dev->channels[i].inner)
			bus_free(dev->channels[i].inner);
	TAILQ_REMOVE(&devices, dev, link);
	loop_free(dev->channels);
	loop_free(dev);
}
