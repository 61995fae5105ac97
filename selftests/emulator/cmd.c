// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands. Each one picks the key=value words it knows; a word that none
 * knows is an error, so that a misspelt test fails.
 */
#include "ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "referee.h"

#define MAX_INJECT	4096
#define DEFAULT_WAIT_MS	5000
/* To look again whether a request that is never answered has been given up */
#define LOOK_MS		150

static char *arg(struct args *a, const char *key)
{
	size_t n = strlen(key);
	unsigned int i;

	for (i = 0; i < a->count; i++) {
		if (!strncmp(a->word[i], key, n) && a->word[i][n] == '=') {
			a->used[i] = true;
			return a->word[i] + n + 1;
		}
	}
	return NULL;
}

static __u64 arg_number(struct args *a, const char *key, __u64 preset)
{
	const char *v = arg(a, key);

	return v ? strtoull(v, NULL, 0) : preset;
}

/* Like id=0x1d50 and id=1d50, both. */
static __u32 arg_hex(struct args *a, const char *key, __u32 preset)
{
	const char *v = arg(a, key);

	return v ? strtoul(v, NULL, 16) : preset;
}

static bool arg_off(struct args *a)
{
	unsigned int i;

	for (i = 0; i < a->count; i++) {
		if (!strcmp(a->word[i], "off")) {
			a->used[i] = true;
			return true;
		}
	}
	return false;
}

static struct device *arg_device(struct args *a)
{
	const char *id = arg(a, "id");

	return id ? device_find(id) : NULL;
}

static struct bus *arg_bus(struct args *a)
{
	const char *name = arg(a, "bus");

	return name ? bus_get(name) : NULL;
}

static struct channel *arg_channel(struct args *a)
{
	struct device *dev = arg_device(a);
	unsigned int ch = arg_number(a, "ch", 0);

	return dev && ch < dev->nchannels ? &dev->channels[ch] : NULL;
}

static const char *cmd_reset(struct args *a, struct buf *out, struct wait *wait)
{
	struct device *dev;

	unused(a, out, wait);
	while ((dev = TAILQ_FIRST(&devices)))
		device_destroy(dev);
	bus_free_all();
	violations_clear();
	return NULL;
}

static void print_port(const struct device *dev, struct buf *out)
{
	buf_printf(out, " port=%d", dev->port);
	if (dev->busid[0])
		buf_printf(out, " busid=%s", dev->busid);
	buf_printf(out, "\n");
}

static const char *plug(struct device *dev, struct buf *out)
{
	int ret = device_plug(dev);

	if (ret)
		return strerror(-ret);
	print_port(dev, out);
	return NULL;
}

/* Limits that can't be, for a driver that must not believe them. */
static void add_limits(struct device *dev, struct args *a)
{
	const struct {
		const char *word;
		__u32 *value;
	} limits[] = {
		{ "fclk", &dev->fclk },
		{ "tseg1_max", &dev->nominal.tseg1_max },
		{ "tseg2_max", &dev->nominal.tseg2_max },
		{ "sjw_max", &dev->nominal.sjw_max },
		{ "brp_min", &dev->nominal.brp_min },
		{ "brp_max", &dev->nominal.brp_max },
		{ "brp_inc", &dev->nominal.brp_inc },
		{ "dtseg1_max", &dev->data.tseg1_max },
		{ "dbrp_inc", &dev->data.brp_inc },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(limits); i++)
		*limits[i].value = arg_number(a, limits[i].word, *limits[i].value);
}

static bool add_transport(struct device *dev, struct args *a)
{
	const char *name = arg(a, "transport");

	if (!name || !strcmp(name, transport->name))
		return true;
	if (!other_transport || strcmp(name, other_transport->name))
		return false;
	dev->transport = other_transport;
	return true;
}

/* What the command line changes of the personality. */
static void add_overrides(struct device *dev, struct args *a)
{
	const char *serial = arg(a, "serial");

	/* lives as long as the program: adapters are few */
	if (serial)
		dev->serial = *serial ? strdup(serial) : NULL;
	dev->vid = arg_hex(a, "vid", dev->vid);
	dev->pid = arg_hex(a, "pid", dev->pid);
	dev->high_speed = arg_number(a, "hs", dev->high_speed);
	dev->features = arg_hex(a, "features", dev->features);
	if (arg_number(a, "term", 0))
		dev->features |= F_TERMINATION;
	if (arg_number(a, "filter", 0))
		dev->features |= F_FILTER;
	dev->tdcm = arg_number(a, "tdcm", 0);
	dev->sw_version = arg_hex(a, "sw", dev->sw_version);
	dev->hw_version = arg_hex(a, "hw", dev->hw_version);
	dev->ts0 = arg_number(a, "ts0", 0);
	dev->ppm = arg_number(a, "ppm", 0);
	dev->packets_s = arg_number(a, "packets_s", 0);
	dev->socket = arg_number(a, "socket", 0);
	add_limits(dev, a);
	if (!arg_number(a, "strings", 1)) {
		dev->manufacturer = NULL;
		dev->product = NULL;
		dev->serial = NULL;
		dev->interface = NULL;
		dev->config = NULL;
	}
}

static const char *cmd_add(struct args *a, struct buf *out, struct wait *wait)
{
	const char *id = arg(a, "id"), *name = arg(a, "personality");
	char *names[MAX_CHANNELS], *save = NULL, own[40];
	char *list = arg(a, "bus");
	const struct personality *p;
	unsigned int n = 0;
	struct device *dev;
	const char *error;

	(void)wait;
	if (!id || !name)
		return "id= and personality= are needed";
	if (device_find(id))
		return "there is an adapter of that name";
	p = personality_find(name);
	if (!p)
		return "no such personality";
	snprintf(own, sizeof(own), "b%s", id);
	for (list = strtok_r(list ? list : own, ",", &save); list && n < MAX_CHANNELS;
	     list = strtok_r(NULL, ",", &save))
		names[n++] = list;
	dev = device_create(id, p);
	add_overrides(dev, a);
	if (!add_transport(dev, a)) {
		free(dev);
		return "no such transport";
	}
	if (!n || device_setup(dev, arg_number(a, "channels", p->channels), names, n)) {
		free(dev);
		return "bad number of channels or buses";
	}
	if (arg_number(a, "plug", 1)) {
		error = plug(dev, out);
		if (error) {
			device_destroy(dev);
			return error;
		}
	}
	return NULL;
}

/* What may change under a host: features for a driver that binds anew, the time, and whether it is
 * held to the protocol.
 */
static const char *cmd_set(struct args *a, struct buf *out, struct wait *wait)
{
	struct device *dev = arg_device(a);

	unused(out, wait);
	if (!dev)
		return "no such adapter";
	dev->features = arg_hex(a, "features", dev->features);
	dev->ts0 = arg_number(a, "ts", device_ts(dev, now_ns()));
	dev->epoch = now_ns();
	dev->unjudged = !arg_number(a, "referee", !dev->unjudged);
	return NULL;
}

static const char *cmd_del(struct args *a, struct buf *out, struct wait *wait)
{
	struct device *dev = arg_device(a);

	unused(out, wait);
	if (!dev)
		return "no such adapter";
	device_destroy(dev);
	return NULL;
}

static const char *cmd_unplug(struct args *a, struct buf *out, struct wait *wait)
{
	struct device *dev = arg_device(a);

	unused(out, wait);
	if (!dev)
		return "no such adapter";
	device_unplug(dev);
	return NULL;
}

static const char *cmd_plug(struct args *a, struct buf *out, struct wait *wait)
{
	struct device *dev = arg_device(a);

	(void)wait;
	return dev ? plug(dev, out) : "no such adapter";
}

/* Out of band: the transport does not tell us of a bus reset. */
static const char *cmd_usbreset(struct args *a, struct buf *out, struct wait *wait)
{
	struct device *dev = arg_device(a);

	unused(out, wait);
	if (!dev)
		return "no such adapter";
	device_bus_reset(dev);
	dev->configuration = 1;
	device_configured(dev);
	return NULL;
}

static const char *cmd_suspend(struct args *a, struct buf *out, struct wait *wait)
{
	struct device *dev = arg_device(a);
	const char *power = arg(a, "power"), *at = arg(a, "at");

	unused(out, wait);
	if (!dev)
		return "no such adapter";
	if ((power && strcmp(power, "on") && strcmp(power, "off")) || (at && strcmp(at, "idle")))
		return "power=on|off and at=idle are all there is";
	dev->sleep.power_off = power && !strcmp(power, "off");
	dev->sleep.unplug = arg_number(a, "unplug", 0);
	dev->sleep.at_idle = at;
	if (at)
		device_idle(dev);
	else
		device_suspended(dev);
	return NULL;
}

static const char *cmd_bus(struct args *a, struct buf *out, struct wait *wait)
{
	static const char * const acks[] = { "auto", "on", "off" };
	const char *name = arg(a, "name"), *ack = arg(a, "ack");
	struct bus *b;
	unsigned int i;

	(void)wait;
	if (!name)
		return "name= is needed";
	b = bus_get(name);
	b->fast = arg_number(a, "fast", b->fast);
	for (i = 0; ack && i < 3; i++) {
		if (!strcmp(ack, acks[i])) {
			b->ack = i;
			ack = NULL;
		}
	}
	if (ack)
		return "ack= is auto, on or off";
	bus_kick(b);
	buf_printf(out, " bus=%s fast=%d ack=%s frames=%llu errors=%llu busy=%llu idle=%d\n",
		   b->name, b->fast, acks[b->ack], b->frames, b->errors,
		   b->busy_ns / NSEC_PER_USEC, bus_idle(b));
	return NULL;
}

static const char *cmd_send(struct args *a, struct buf *out, struct wait *wait)
{
	struct bus *b = arg_bus(a);
	const char *text = arg(a, "frame");
	__u64 count = arg_number(a, "count", 1);
	struct can_msg m;

	unused(out, wait);
	if (!b || !text || msg_parse(text, &m))
		return "bus= and a good frame= are needed";
	if (count)
		bus_send(b, &m, count, arg_number(a, "gap", 0) * NSEC_PER_USEC);
	return NULL;
}

static const char *cmd_replay(struct args *a, struct buf *out, struct wait *wait)
{
	struct bus *b = arg_bus(a);
	const char *path = arg(a, "file"), *speed = arg(a, "speed");
	int ret;

	unused(out, wait);
	if (!b || !path)
		return "bus= and file= are needed";
	ret = bus_replay(b, path, speed ? atof(speed) : 1);
	return ret ? strerror(-ret) : NULL;
}

static const char *cmd_record(struct args *a, struct buf *out, struct wait *wait)
{
	struct bus *b = arg_bus(a);
	const char *path = arg(a, "file");
	int ret;

	unused(out, wait);
	if (!b || !path == !arg_off(a))
		return "bus=, and file= or off, are needed";
	ret = bus_record(b, path);
	return ret ? strerror(-ret) : NULL;
}

static const char *cmd_buslog(struct args *a, struct buf *out, struct wait *wait)
{
	struct bus *b = arg_bus(a);

	(void)wait;
	if (!b)
		return "bus= is needed";
	bus_print_log(b, out);
	return NULL;
}

static void print_bt(struct buf *out, const char *name, const struct bittiming *bt)
{
	buf_printf(out, " %s=%u/%u/%u/%u/%u", name, bt->prop, bt->ps1, bt->ps2, bt->sjw, bt->brp);
}

static void print_channel(const struct channel *ch, struct buf *out)
{
	static const char * const states[] = {
		"active", "warning", "passive", "bus-off", "stopped", "sleeping",
	};

	buf_printf(out, " %s:%u bus=%s started=%d mode=0x%x", ch->dev->id, ch->idx, ch->bus->name,
		   ch->started, ch->mode);
	print_bt(out, "bt", &ch->bt);
	buf_printf(out, " rate=%u", channel_rate(ch));
	print_bt(out, "dbt", &ch->dbt);
	buf_printf(out, " drate=%u", ch->has_dbt ? channel_data_rate(ch) : 0);
	if (ch->has_tdc)
		buf_printf(out, " tdc=%u/%u/%u tdcv=%u", ch->tdc.mode, ch->tdc.tdco, ch->tdc.tdcf,
			   ch->tdc.tdcv);
	filter_print(&ch->filter, out);
	buf_printf(out, " filters_set=%u rx_filtered=%llu", ch->filters_set, ch->rx_filtered);
	buf_printf(out, " state=%s tec=%u rec=%u rx=%llu tx=%llu rx_lost=%llu tx_lost=%llu",
		   states[ch->state], ch->tec, ch->rec, ch->rx, ch->tx, ch->rx_lost, ch->tx_lost);
	buf_printf(out, " txq=%u mbox=%u inflight=%u inflight_max=%u termination=%u\n",
		   ch->txq_len, ch->mbox_len, ch->ref.inflight, ch->ref.inflight_max,
		   ch->termination);
}

static void print_device(const struct device *dev, struct buf *out)
{
	unsigned int i, in_pending = 0, out_pending = 0, in_queue = 0;

	for (i = 0; i < dev->npairs; i++) {
		in_pending += dev->pair[i].in_pending;
		out_pending += dev->pair[i].out_pending;
		in_queue += dev->pair[i].in_len;
	}

	buf_printf(out, " %s personality=%s plugged=%d port=%d busid=%s speed=%s", dev->id,
		   dev->p->name, dev->plugged, dev->port, dev->busid[0] ? dev->busid : "-",
		   dev->high_speed ? "high" : "full");
	buf_printf(out, " configured=%u channels=%u features=0x%x identify=%d", dev->configuration,
		   dev->nchannels, dev->features, dev->identify);
	buf_printf(out, " in_pending=%u out_pending=%u in_queue=%u tx_fifo=%u pool=%u/%u",
		   in_pending, out_pending, in_queue, dev->tx_len, dev->pool_used,
		   dev->pool_total);
	buf_printf(out, " in=%llu out=%llu out_len=%u inflight=%u inflight_max=%u ts=%u",
		   dev->in_done, dev->out_done, dev->out_len, dev->inflight, dev->inflight_max,
		   device_ts((struct device *)dev, now_ns()));
	buf_printf(out, " requests=%u packets=%llu elm=%d suspends=%u resets=%u\n", dev->requests,
		   dev->packets, dev->elm, dev->suspends, dev->resets);
	for (i = 0; i < dev->nchannels; i++)
		print_channel(&dev->channels[i], out);
}

static const char *cmd_status(struct args *a, struct buf *out, struct wait *wait)
{
	const char *id = arg(a, "id");
	struct device *dev;

	(void)wait;
	if (id && !device_find(id))
		return "no such adapter";
	TAILQ_FOREACH(dev, &devices, link)
		if (!id || !strcmp(dev->id, id))
			print_device(dev, out);
	return NULL;
}

static const char *cmd_violations(struct args *a, struct buf *out, struct wait *wait)
{
	unused(a, wait);
	violations_print(out);
	return NULL;
}

static int parse_hex(const char *text, __u8 *data, int max)
{
	int n = 0, pos;
	unsigned int byte;

	while (*text) {
		if (n == max || sscanf(text, "%2x%n", &byte, &pos) != 1 || pos != 2)
			return -1;
		data[n++] = byte;
		text += 2;
	}
	return n;
}

static const char *cmd_inject(struct args *a, struct buf *out, struct wait *wait)
{
	struct device *dev = arg_device(a);
	__u64 count = arg_number(a, "count", 1);
	const char *text = arg(a, "hex");
	__u8 data[MAX_INJECT];
	int len;

	unused(out, wait);
	len = text ? parse_hex(text, data, sizeof(data)) : -1;
	if (!dev || len < 0)
		return "id= and a good hex= are needed";
	while (count--)
		device_inject(dev, data, len);
	return NULL;
}

static const char *cmd_fault(struct args *a, struct buf *out, struct wait *wait)
{
	struct device *dev = arg_device(a);
	const char *what = arg(a, "what"), *hex = arg(a, "hex"), *until = arg(a, "until");
	struct fault f = {
		.req = (int)arg_number(a, "req", -1),
		.ch = (int)arg_number(a, "ch", -1),
		.skip = arg_number(a, "skip", 0),
		.every = arg_number(a, "every", 1),
		.count = arg_number(a, "count", arg_number(a, "n", 1)),
		.from = now_ns() + arg_number(a, "after", 0) * NSEC_PER_USEC,
		.late_ns = arg_number(a, "us", 1000) * NSEC_PER_USEC,
		.len = (int)arg_number(a, "len", -1),
		.offset = arg_number(a, "offset", 0),
		.until_reset = until,
	};
	int ret;

	unused(out, wait);
	if (!dev || !what)
		return "id= and what= are needed";
	if (until && strcmp(until, "reset"))
		return "a rule lasts until=reset";
	ret = hex ? parse_hex(hex, f.data, FAULT_DATA) : 0;
	if (ret < 0)
		return "a good hex= is needed";
	f.ndata = ret;
	if (!strcmp(what, "none")) {
		fault_clear(dev);
		return NULL;
	}
	ret = fault_add(dev, &f, what, arg(a, "at"), arg(a, "during"), arg(a, "status"));
	return ret ? "no such fault" : NULL;
}

static const char *cmd_fuzz(struct args *a, struct buf *out, struct wait *wait)
{
	struct device *dev = arg_device(a);
	const char *what = arg(a, "what");
	struct fuzz *fuzz;

	unused(out, wait);
	if (!dev || !what)
		return "id= and what= are needed";
	fuzz = &dev->fuzz;
	if (!strcmp(what, "none")) {
		memset(fuzz, 0, sizeof(*fuzz));
		return NULL;
	}
	fuzz->seed = arg_number(a, "seed", fuzz->seed);
	if (!strcmp(what, "descr")) {
		fuzz->descr = true;
	} else if (!strcmp(what, "ctrl")) {
		fuzz->ctrl = true;
	} else if (!strcmp(what, "in")) {
		fuzz->in_left = arg_number(a, "count", 1);
		fuzz->in_next = arg_number(a, "first", fuzz->in_next);
		device_pump(dev);
	} else if (!strcmp(what, "out")) {
		fuzz->out_left = arg_number(a, "count", 1);
		fuzz->out_next = arg_number(a, "first", fuzz->out_next);
	} else {
		return "what= is descr, ctrl, in, out or none";
	}
	return NULL;
}

static const char *cmd_busoff(struct args *a, struct buf *out, struct wait *wait)
{
	struct channel *ch = arg_channel(a);
	const char *at = arg(a, "at");

	unused(out, wait);
	if (ch && at && !strcmp(at, "start")) {
		ch->bus_off_at_start = true;
		return NULL;
	}
	if (!ch || !ch->started || at)
		return "no such channel, or it is stopped";
	channel_force_bus_off(ch);
	return NULL;
}

static const char *cmd_errors(struct args *a, struct buf *out, struct wait *wait)
{
	struct channel *ch = arg_channel(a);

	unused(out, wait);
	if (!ch || !ch->started)
		return "no such channel, or it is stopped";
	channel_set_counters(ch, arg_number(a, "tec", ch->tec), arg_number(a, "rec", ch->rec));
	return NULL;
}

static const char *cmd_wait(struct args *a, struct buf *out, struct wait *wait)
{
	const char *id = arg(a, "id"), *bus = arg(a, "bus"), *cond = arg(a, "cond");

	(void)out;
	memset(wait, 0, sizeof(*wait));
	wait->channel = arg_number(a, "ch", 0);
	wait->deadline = now_ns() + arg_number(a, "timeout", DEFAULT_WAIT_MS) * NSEC_PER_MSEC;
	if (!cond)
		return "cond= is needed";
	if (!strcmp(cond, "idle") && bus) {
		wait->cond = WAIT_IDLE;
		snprintf(wait->bus, sizeof(wait->bus), "%s", bus);
	} else if (id && (!strcmp(cond, "fuzzed") || !strcmp(cond, "quiet"))) {
		wait->cond = strcmp(cond, "fuzzed") ? WAIT_QUIET : WAIT_FUZZED;
		snprintf(wait->id, sizeof(wait->id), "%s", id);
	} else if (id && (!strcmp(cond, "started") || !strcmp(cond, "stopped"))) {
		wait->cond = strcmp(cond, "started") ? WAIT_STOPPED : WAIT_STARTED;
		snprintf(wait->id, sizeof(wait->id), "%s", id);
	} else {
		return "cond= is started, stopped, fuzzed or quiet with id=, or idle with bus=";
	}
	wait->on = true;
	return NULL;
}

/* The end of the silence that is long enough, if there will be one. */
static __u64 quiet_at(const struct device *dev)
{
	if (!TAILQ_EMPTY(&dev->ctrl_xfers))
		return ~0ULL;
	return dev->quiet_from;
}

__u64 cmd_wait_again(const struct wait *wait)
{
	const struct device *dev = wait->cond == WAIT_QUIET ? device_find(wait->id) : NULL;
	__u64 t = dev ? quiet_at(dev) : wait->deadline;

	/* a request that is never answered ends with no event of ours */
	if (t == ~0ULL)
		t = now_ns() + LOOK_MS * NSEC_PER_MSEC;
	return t < wait->deadline ? t : wait->deadline;
}

bool cmd_wait_done(const struct wait *wait)
{
	struct device *dev;
	struct bus *b;

	if (wait->cond == WAIT_IDLE) {
		b = bus_find(wait->bus);
		return !b || bus_idle(b);
	}
	dev = device_find(wait->id);
	if (wait->cond == WAIT_FUZZED)
		return !dev || (!dev->fuzz.in_left && !dev->fuzz.out_left);
	if (wait->cond == WAIT_QUIET)
		return !dev || !dev->plugged || now_ns() >= quiet_at(dev);
	if (!dev || wait->channel >= dev->nchannels)
		return wait->cond == WAIT_STOPPED;
	return dev->channels[wait->channel].started == (wait->cond == WAIT_STARTED);
}

static const struct {
	const char *name;
	const char *(*fn)(struct args *a, struct buf *out, struct wait *wait);
} commands[] = {
	{ "reset", cmd_reset },
	{ "add", cmd_add },
	{ "set", cmd_set },
	{ "del", cmd_del },
	{ "plug", cmd_plug },
	{ "unplug", cmd_unplug },
	{ "usbreset", cmd_usbreset },
	{ "suspend", cmd_suspend },
	{ "bus", cmd_bus },
	{ "send", cmd_send },
	{ "replay", cmd_replay },
	{ "record", cmd_record },
	{ "buslog", cmd_buslog },
	{ "status", cmd_status },
	{ "violations", cmd_violations },
	{ "inject", cmd_inject },
	{ "fault", cmd_fault },
	{ "fuzz", cmd_fuzz },
	{ "busoff", cmd_busoff },
	{ "errors", cmd_errors },
	{ "wait", cmd_wait },
};

/* All words there are; a command checks them off as it picks them. */
static const char * const known_words[] = {
	"id", "personality", "channels", "bus", "serial", "vid", "pid", "hs", "features", "term",
	"filter", "tdcm",
	"sw", "hw", "ts0", "plug", "name", "fast", "ack", "frame", "count", "gap", "file",
	"strings", "fclk", "tseg1_max", "tseg2_max", "sjw_max", "brp_min", "brp_max", "brp_inc",
	"dtseg1_max", "dbrp_inc", "packets_s", "ppm", "ts", "referee",
	"seed", "first", "skip", "every", "after", "len", "offset", "at", "during",
	"speed", "hex", "what", "req", "n", "us", "status", "ch", "tec", "rec", "cond", "timeout",
	"transport", "socket", "power", "unplug", "until",
};

static bool word_known(const char *word)
{
	size_t n = strcspn(word, "=");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known_words); i++)
		if (strlen(known_words[i]) == n && !strncmp(known_words[i], word, n))
			return word[n] == '=';
	return !strcmp(word, "off");
}

const char *cmd_run(char *line, struct buf *out, struct wait *wait)
{
	struct args a = { 0 };
	char *save = NULL, *word;
	const char *error;
	unsigned int i;

	emu_log("> %s", line);
	a.name = strtok_r(line, " \t", &save);
	while ((word = strtok_r(NULL, " \t", &save))) {
		if (a.count == MAX_ARGS || !word_known(word))
			return "unknown word";
		a.word[a.count++] = word;
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, a.name))
			continue;
		error = commands[i].fn(&a, out, wait);
		while (!error && a.count--)
			if (!a.used[a.count])
				error = "a word that this command does not know";
		return error;
	}
	return "no such command";
}
