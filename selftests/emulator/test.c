// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator's own tests: no kernel, no USB, and time that the test sets.
 * The host is played by a transport that keeps what it is given. Prints TAP.
 */
#include <errno.h>
#include <linux/can/error.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "ep0.h"
#include "referee.h"

#define USEC(n)		((n) * NSEC_PER_USEC)
#define DONE_MAX	512

/* What the host got back. */
struct done {
	__u64 id;
	__u8 ep;
	int status;
	__u32 len;
	__u8 data[HF_MAX + 44];
};

static struct done done[DONE_MAX];
static unsigned int ndone, tests, failures;
static __u64 next_id = 1;
static __u64 now = NSEC_PER_SEC;

attr(format(printf, 2, 3))
static void ok(bool good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %u - ", good ? "" : "not ", ++tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	failures += !good;
}

static int host_plug(struct device *dev)
{
	dev->port = 0;
	return 0;
}

static void host_unplug(struct device *dev)
{
	dev->port = -1;
}

static void host_complete(struct device *dev, const struct xfer *x, int status,
			  const void *data, __u32 actual)
{
	struct done *d = &done[ndone % DONE_MAX];

	(void)dev;
	ndone++;
	d->id = x->id;
	d->ep = x->ep;
	d->status = status;
	d->len = actual;
	if (data)
		memcpy(d->data, data, actual < sizeof(d->data) ? actual : sizeof(d->data));
}

static const struct transport host = {
	.name = "test", .plug = host_plug, .unplug = host_unplug, .complete = host_complete,
};

static void pass(__u64 ns)
{
	now += ns;
	loop_simulate(now);
}

/* Runs a command that must go well. */
static void command(const char *text)
{
	struct buf out = { 0 };
	struct wait wait = { 0 };
	char line[256];
	const char *error;

	snprintf(line, sizeof(line), "%s", text);
	error = cmd_run(line, &out, &wait);
	if (error)
		ok(false, "%s: %s", text, error);
	buf_free(&out);
}

static struct done *last(void)
{
	return &done[(ndone - 1) % DONE_MAX];
}

static int control(struct device *dev, __u8 type, __u8 request, __u16 value, __u16 index,
		   const void *data, __u16 len)
{
	struct xfer *x = xfer_get();

	x->id = next_id++;
	x->ep = type & 0x80;
	x->len = len;
	x->setup[0] = type;
	x->setup[1] = request;
	put_le16(x->setup + 2, value);
	put_le16(x->setup + 4, index);
	put_le16(x->setup + 6, len);
	if (data)
		memcpy(x->data, data, len);
	usb_submit(dev, x);
	return last()->status ? last()->status : (int)last()->len;
}

static int set(struct device *dev, __u8 request, __u16 channel, const __u32 *v, unsigned int n)
{
	__u8 data[CTRL_MAX];
	unsigned int i;

	for (i = 0; i < n; i++)
		put_le32(data + 4 * i, v[i]);
	return control(dev, 0x41, request, channel, 0, data, 4 * n);
}

static int get(struct device *dev, __u8 request, __u16 channel, __u16 len)
{
	return control(dev, 0xc1, request, channel, 0, NULL, len);
}

static __u64 submit(struct device *dev, __u8 ep, const void *data, __u32 len)
{
	struct xfer *x = xfer_get();

	x->id = next_id++;
	x->ep = ep;
	x->len = len;
	if (data)
		memcpy(x->data, data, len < XFER_DATA ? len : XFER_DATA);
	usb_submit(dev, x);
	return next_id - 1;
}

static void in_transfers(struct device *dev, unsigned int n)
{
	while (n--)
		submit(dev, 0x81, NULL, 512);
}

static void cancel_in(struct device *dev)
{
	while (dev->pair->in_pending)
		xfer_put(usb_cancel(dev, TAILQ_FIRST(&dev->pair->in_xfers)->id));
}

static int reset_channel(struct device *dev, unsigned int ch)
{
	const __u32 mode[] = { MODE_RESET, 0 };

	return set(dev, REQ_MODE, ch, mode, 2);
}

static int start_channel(struct device *dev, unsigned int ch, __u32 flags)
{
	const __u32 mode[] = { MODE_START, flags };

	return set(dev, REQ_MODE, ch, mode, 2);
}

/* 500 kbit/s and 2 Mbit/s, whatever the clock. */
static void set_timings(struct device *dev, unsigned int ch, bool fd)
{
	__u32 brp = dev->p->fclk / (500000 * 16);
	__u32 bt[] = { 5, 6, 4, 1, brp };
	__u32 dbt[] = { 2, 4, 3, 1, dev->p->fclk / (2000000 * 10) };

	if (brp * 16 * 500000 != dev->p->fclk) {
		bt[4] = dev->p->fclk / (500000 * 8);
		bt[0] = 1;
		bt[1] = 3;
		bt[2] = 3;
	}
	set(dev, REQ_BITTIMING, ch, bt, 5);
	if (fd)
		set(dev, dev->p->breq8_is_dbt ? 8 : REQ_DATA_BITTIMING, ch, dbt, 5);
}

static struct device *plug(const char *id, const char *words)
{
	char line[256];
	struct device *dev;

	snprintf(line, sizeof(line), "add id=%s %s", id, words);
	command(line);
	dev = device_find(id);
	control(dev, 0x00, 9, 1, 0, NULL, 0);
	return dev;
}

static struct device *open_device(const char *id, const char *words, __u32 flags)
{
	struct device *dev = plug(id, words);

	reset_channel(dev, 0);
	in_transfers(dev, 30);
	set_timings(dev, 0, flags & F_FD);
	start_channel(dev, 0, flags);
	return dev;
}

static void make_frame(__u8 *hf, __u32 echo_id, __u32 id, __u8 dlc, __u8 ch, __u8 flags)
{
	memset(hf, 0, HF_MAX);
	put_le32(hf, echo_id);
	put_le32(hf + HF_CAN_ID, id);
	hf[HF_DLC] = dlc;
	hf[HF_CHANNEL] = ch;
	hf[HF_FLAGS] = flags;
}

static __u64 send_frame(struct device *dev, __u32 echo_id, __u32 id)
{
	__u8 hf[HF_MAX];

	make_frame(hf, echo_id, id, 0, 0, 0);
	return submit(dev, 0x02, hf, HF_CLASSIC);
}

static unsigned int echoes(unsigned int from, __u32 echo_id)
{
	unsigned int n = 0;

	for (; from < ndone; from++)
		n += done[from % DONE_MAX].ep == 0x81 && !done[from % DONE_MAX].status &&
		     get_le32(done[from % DONE_MAX].data) == echo_id;
	return n;
}

/* Error frames with all of these bits of can_id. */
static unsigned int error_frames(unsigned int from, __u32 bits)
{
	unsigned int n = 0;
	struct done *d;

	for (; from < ndone; from++) {
		d = &done[from % DONE_MAX];
		n += d->ep == 0x81 && d->len >= 20 && get_le32(d->data) == ECHO_ID_RX &&
		     (get_le32(d->data + 4) & (CAN_ERR_FLAG | bits)) == (CAN_ERR_FLAG | bits);
	}
	return n;
}

static void test_bits(void)
{
	/* counted from whole bit strings by a program of its own */
	static const struct {
		const char *text;
		unsigned int nominal, data;
	} t[] = {
		{ "123#1122334455667788", 112, 0 },
		{ "7FF#", 50, 0 },
		{ "000#0000000000000000", 127, 0 },
		{ "12345678#R", 69, 0 },
		{ "1FFFFFFF#FFFFFFFFFFFFFFFF", 149, 0 },
		{ "321##3112233445566778899AABBCC", 29, 129 },
		{ "321##2112233445566778899AABBCC", 29 + 129, 0 },
	};
	struct can_msg m = { .id = 0x100, .dlc = 15, .flags = MSG_FD | MSG_BRS };
	struct can_bits b;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		struct can_msg parsed;

		msg_parse(t[i].text, &parsed);
		b = msg_bits(&parsed);
		ok(b.nominal == t[i].nominal && b.data == t[i].data, "bits of %s: %u + %u",
		   t[i].text, b.nominal, b.data);
	}
	b = msg_bits(&m);
	ok(b.nominal == 31 && b.data == 652, "bits of 64 zero bytes: %u + %u", b.nominal, b.data);
	ok(bus_duration(&m, 500000, 2000000) == USEC(62) + USEC(326), "duration in both phases");
}

static void test_notation(void)
{
	static const char * const same[] = {
		"123#1122334455667788", "12345678#R", "7FF#", "123#R4", "123##311223344",
		"00000123#01", "123#1122334455667788_F", "2000008C#0000000000000000",
	};
	static const char * const bad[] = {
		"", "12#00", "123", "123#1", "123#112233445566778899", "800#00", "123#R9", "123##",
		"1234#00",
	};
	struct can_msg m;
	char text[MSG_TEXT];
	unsigned int i;
	__u64 time;

	for (i = 0; i < ARRAY_SIZE(same); i++) {
		text[0] = 0;
		if (!msg_parse(same[i], &m))
			msg_format(&m, text);
		ok(!strcmp(text, same[i]), "notation %s gives %s", same[i], text);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ok(msg_parse(bad[i], &m), "notation '%s' is refused", bad[i]);
	ok(!msg_parse("123##0112233445566778899", &m) && m.dlc == 9, "9 bytes are padded to 12");
	ok(!log_parse("(1700000001.500002) can0 123#11\n", &time, &m) &&
	   time == 1700000001500002000ULL && m.id == 0x123 && m.data[0] == 0x11, "log line");
	ok(log_parse("1.5 can0 123#11", &time, &m), "log line without time is refused");
}

static void test_codec(void)
{
	static const struct {
		__u32 mode;
		__u8 flags;
		unsigned int len;
	} t[] = {
		{ 0, 0, 20 }, { F_HW_TIMESTAMP, 0, 24 }, { F_FD, MSG_FD, 76 },
		{ F_FD | F_HW_TIMESTAMP, MSG_FD | MSG_BRS, 80 },
	};
	struct device *dev = plug("a", "personality=candlelight-fd ts0=4294967000");
	struct frame f = { .ch = &dev->channels[0], .echo_id = 0x01020304 };
	const __u8 *w = f.wire;
	struct frame back = { 0 };
	unsigned int i;

	f.msg = (struct can_msg){ .id = 0x92345678, .dlc = 8 };
	memcpy(f.msg.data, "\x11\x12\x13\x14\x15\x16\x17\x18", 8);
	f.ready = dev->epoch + USEC(1000);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		f.ch->mode = t[i].mode;
		frame_encode(&f, t[i].flags);
		ok(f.len == t[i].len, "length %u for mode 0x%x", f.len, t[i].mode);
	}
	ok(!memcmp(w, "\x04\x03\x02\x01\x78\x56\x34\x92\x08\x00\x06\x00\x11\x12", 14), "header");
	ok(get_le32(w + 76) == 704, "timestamp wraps: %u", get_le32(w + 76));
	f.ch->mode = F_HW_TIMESTAMP;
	frame_encode(&f, 0);
	ok(get_le32(w + 20) == 704, "timestamp after classic data");
	frame_decode(&back, w, 20);
	ok(back.echo_id == f.echo_id && back.msg.id == f.msg.id && back.msg.dlc == 8 &&
	   back.msg.data[7] == 0x18, "decode what was encoded");
	f.ch->mode = 0;
	command("reset");
}

static void test_control(void)
{
	struct device *cl = plug("cl", "personality=candlelight-bx");
	struct device *cn = plug("cn", "personality=cannectivity");
	struct device *old = plug("old", "personality=candlelight-old");
	struct device *ctp = plug("ctp", "personality=cantact-pro");
	struct device *elm = plug("elm", "personality=canable25");
	const __u32 bad_bt[] = { 500, 500, 4, 1, 1 }, bt[] = { 2, 4, 3, 1, 2 };
	const __u32 format[] = { HOST_FORMAT_LE }, bad_format[] = { 0xefbe0000 };

	ok(get(cl, REQ_BT_CONST, 0, 40) == 40 && get_le32(last()->data) == 0x430bb &&
	   get_le32(last()->data + 4) == 48000000, "candlelight-bx BT_CONST");
	ok(get(cl, REQ_BT_CONST, 0, 64) == 40, "CL gives a short reply");
	ok(get(cl, REQ_BT_CONST, 0, 39) == -EPIPE, "CL stalls a short wLength");
	ok(get(cl, REQ_BT_CONST, 1, 40) == -EPIPE, "CL stalls a bad channel");
	ok(get(old, REQ_BT_CONST, 7, 39) == 39, "old CL does not check");
	ok(get(cn, REQ_BT_CONST, 0, 41) == -EPIPE, "CN wants the exact wLength");
	ok(get(cn, REQ_BT_CONST_EXT, 1, 72) == 72, "CN BT_CONST_EXT");
	ok(control(cn, 0xc0, REQ_BT_CONST, 0, 0, NULL, 40) == -EPIPE, "CN wants the interface");
	ok(get(cl, REQ_BT_CONST_EXT, 0, 72) == -EPIPE, "no BT_CONST_EXT without the bit");
	ok(control(cl, 0xc1, REQ_DEVICE_CONFIG, 1, 0, NULL, 12) == 12 && !last()->data[3] &&
	   get_le32(last()->data + 4) == 2, "DEVICE_CONFIG");
	control(elm, 0xc1, REQ_DEVICE_CONFIG, 1, 0, NULL, 12);
	ok(last()->data[0] && get_le32(last()->data + 4) == 0x260803, "ELM versions");
	ok(set(cn, REQ_BITTIMING, 0, bad_bt, 5) == -EPIPE, "CN stalls bad content");
	ok(set(cl, REQ_BITTIMING, 0, bad_bt, 5) == 20 && !cl->channels[0].has_bt,
	   "CL ACKs bad content and ignores it");
	ok(set(ctp, 8, 0, bt, 5) == 20 && ctp->channels[0].has_dbt, "CTP data timing is request 8");
	ok(set(ctp, REQ_DATA_BITTIMING, 0, bt, 5) == -EPIPE, "CTP has no request 10");
	set_timings(cn, 0, false);
	ok(start_channel(cn, 0, F_BERR_REPORTING) == -EPIPE, "CN checks the flags");
	ok(start_channel(cn, 0, 0) == 8 && start_channel(cn, 0, 0) == -EPIPE, "CN starts once");
	ok(control(cn, 0x41, 0, 1, 0, bad_format, 4) == -EPIPE, "CN wants 0xbeef");
	ok(control(cl, 0x41, 0, 1, 0, format, 4) == 4, "HOST_FORMAT");
	get(cn, REQ_GET_STATE, 1, 12);
	ok(get_le32(last()->data) == CAN_STATE_STOPPED, "CN reports STOPPED");
	get(cl, REQ_GET_STATE, 0, 12);
	ok(get_le32(last()->data) == CAN_STATE_ERROR_ACTIVE, "CL never does");
	pass(USEC(1700));
	get(cl, REQ_TIMESTAMP, 0, 4);
	ok(get_le32(last()->data) % 1000 == 0, "CL time is that of the last SOF");
	get(cn, REQ_TIMESTAMP, 0, 4);
	ok(get_le32(last()->data) % 1000 == 700, "CN time is not");
	command("fault id=cl what=stall req=4");
	ok(get(cl, 4, 0, 40) == -EPIPE && get(cl, 4, 0, 40) == 40, "fault stall, once");
	command("fault id=cl what=short req=4");
	ok(get(cl, 4, 0, 40) == 20, "fault short");
	command("reset");
}

static void test_descriptors(void)
{
	unsigned int i;
	__u8 d[256];

	for (i = 0; i < personality_count; i++) {
		const struct personality *p = &personalities[i];
		char words[64];
		struct device *dev;
		int len;

		snprintf(words, sizeof(words), "personality=%s", p->name);
		dev = plug("a", words);
		len = descr_config(dev, d);
		ok(get_le16(d + 2) == len && d[4] == 1 + p->dfu && d[13] == 2 + p->two_out &&
		   d[20] == 0x81 && get_le16(d + 22) == p->mps, "%s descriptors", p->name);
		command("reset");
	}
}

static void test_echo(void)
{
	static const struct {
		const char *name;
		unsigned int at_once, later;
	} t[] = {
		{ "candlelight-bx", 1, 1 }, { "candlelight-fd", 1, 1 }, { "candlelight-old", 1, 1 },
		{ "cannectivity", 0, 1 }, { "gs", 0, 1 }, { "ces", 0, 1 }, { "cantact-pro", 1, 1 },
		{ "budgetcan", 1, 1 }, { "canable25", 1, 1 },
	};
	unsigned int i, from, once;
	struct device *dev;
	char words[64];

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		command("bus name=x ack=on");
		snprintf(words, sizeof(words), "personality=%s bus=x", t[i].name);
		dev = open_device("a", words, 0);
		from = ndone;
		send_frame(dev, 5, 0x123);
		once = echoes(from, 5);
		pass(USEC(1000));
		ok(once == t[i].at_once && echoes(from, 5) == t[i].later &&
		   dev->channels[0].tx == 1, "%s echo: %u at once, %u in all", t[i].name, once,
		   echoes(from, 5));
		command("reset");
	}
	dev = open_device("a", "personality=canable25 bus=x", 0);
	from = ndone;
	send_frame(dev, 0x10105, 0x123);
	ok(echoes(from, 5) == 1, "ELM keeps 8 bits of the echo id");
	command("reset");
}

static void test_ack(void)
{
	struct device *a = open_device("a", "personality=candlelight-fd bus=x",
				       F_BERR_REPORTING);
	struct channel *ch = a->channels;
	unsigned int from = ndone;
	struct device *b;

	send_frame(a, 0, 0x123);
	pass(NSEC_PER_SEC);
	ok(ch->tec == 128 && ch->state == CAN_STATE_ERROR_PASSIVE && !ch->tx,
	   "without ACK: passive, TEC %u, no bus-off", ch->tec);
	ok(error_frames(from, CAN_ERR_CRTL) == 2, "two changes of state told");
	ok(error_frames(from, CAN_ERR_ACK) == 16, "BERR: a frame for each missing ACK, %u",
	   error_frames(from, CAN_ERR_ACK));
	ok(!ch->bus->timer.armed, "nothing runs while nothing can change");
	reset_channel(a, 0);
	set_timings(a, 0, false);
	start_channel(a, 0, 0);
	command("errors id=a ch=0 tec=250");
	send_frame(a, 9, 0x100);
	pass(NSEC_PER_SEC);
	ok(ch->tec == 250 && !ch->tx, "an error passive node stays below bus-off");
	b = open_device("b", "personality=candlelight-bx bus=x", F_LISTEN_ONLY);
	pass(NSEC_PER_SEC);
	ok(!ch->tx && !b->channels[0].rx, "listen-only does not acknowledge");
	from = ndone;
	send_frame(b, 0, 0x1);
	pass(NSEC_PER_SEC);
	ok(!b->channels[0].tx, "listen-only does not send");
	reset_channel(b, 0);
	set_timings(b, 0, false);
	start_channel(b, 0, 0);
	pass(NSEC_PER_SEC);
	ok(ch->tx == 1 && b->channels[0].rx == 1 && ch->tec == 249, "a partner comes, it goes out");
	command("bus name=x ack=off");
	reset_channel(a, 0);
	set_timings(a, 0, false);
	start_channel(a, 0, F_ONE_SHOT | F_BERR_REPORTING);
	send_frame(a, 1, 0x123);
	pass(NSEC_PER_SEC);
	ok(ch->tec == 8 && !ch->mbox_len, "one-shot tries once");
	command("reset");
}

static void test_arbitration(void)
{
	struct device *a, *b, *c;
	struct bus *x;

	command("bus name=x ack=on");
	x = bus_find("x");
	a = open_device("a", "personality=candlelight-bx bus=x", F_HW_TIMESTAMP);
	b = open_device("b", "personality=candlelight-bx bus=x", F_HW_TIMESTAMP);
	c = open_device("c", "personality=candlelight-bx bus=x", F_HW_TIMESTAMP);
	send_frame(c, 0, 0x7ff);	/* first on the idle bus */
	send_frame(a, 0, 0x300);
	send_frame(b, 0, 0x100);
	send_frame(a, 1, 0x001);	/* behind 0x300 in the same mailboxes */
	pass(USEC(10000));
	ok(x->frames == 4 && x->log[0].msg.id == 0x7ff && x->log[1].msg.id == 0x100 &&
	   x->log[2].msg.id == 0x300 && x->log[3].msg.id == 0x001, "lowest id of all heads wins");
	ok(x->log[1].time - x->log[1].duration == x->log[0].time, "frames are back to back");
	ok(x->log[0].duration == USEC(100), "50 bits at 500 kbit/s are 100 us");
	ok(c->channels[0].rx == 3 && b->channels[0].rx == 3 && a->channels[0].rx == 2, "all hear");
	ok(get_le32(last()->data + 20) == (__u32)((x->log[3].time - c->epoch) / 1000),
	   "timestamp is that of the end of the frame");
	send_frame(c, 1, 0x12);		/* keeps the bus busy */
	send_frame(a, 2, 0x80000000 | 0x100 << 18);
	send_frame(b, 1, 0x100);
	pass(USEC(10000));
	ok(x->log[5].msg.id == 0x100, "a standard id wins over an extended one");
	command("reset");
}

static void test_rates(void)
{
	const __u32 slow[] = { 5, 6, 4, 1, 12 };
	struct device *a = open_device("a", "personality=candlelight-bx bus=x", 0);
	struct device *b = plug("b", "personality=candlelight-bx bus=x");
	unsigned int from = ndone;

	reset_channel(b, 0);
	in_transfers(b, 30);
	set(b, REQ_BITTIMING, 0, slow, 5);
	start_channel(b, 0, 0);
	send_frame(a, 0, 0x123);
	pass(50 * NSEC_PER_MSEC);
	ok(a->channels[0].state == CAN_STATE_BUS_OFF && b->channels[0].rec == 32,
	   "different rates: sender bus-off, receiver counts %u", b->channels[0].rec);
	ok(error_frames(from, CAN_ERR_BUSOFF) == 1, "told once");
	command("reset");
	a = open_device("a", "personality=candlelight-fd bus=x", F_FD);
	b = open_device("b", "personality=candlelight-bx bus=x", 0);
	{
		__u8 hf[HF_MAX];

		make_frame(hf, 0, 0x123, 9, 0, MSG_FD);
		submit(a, 0x02, hf, HF_FD);
	}
	pass(50 * NSEC_PER_MSEC);
	ok(!a->channels[0].tx && b->channels[0].rec, "a classic node destroys FD frames");
	command("reset");
}

static void test_bus_off(void)
{
	const __u32 zero[] = { 0 };
	struct device *a = open_device("a", "personality=candlelight-fd bus=x",
				       F_BUS_OFF_RECOVERY);
	unsigned int from = ndone;

	command("busoff id=a ch=0");
	pass(NSEC_PER_SEC);
	ok(a->channels[0].state == CAN_STATE_BUS_OFF, "bit 18: stays off");
	set(a, REQ_BUS_OFF_RECOVERY, 0, zero, 0);
	ok(a->channels[0].state == CAN_STATE_BUS_OFF, "wLength 0 does nothing");
	set(a, REQ_BUS_OFF_RECOVERY, 0, zero, 1);
	ok(a->channels[0].state == CAN_STATE_ERROR_ACTIVE &&
	   error_frames(from, CAN_ERR_RESTARTED) == 1, "request 32 brings it back");
	command("reset");
	a = open_device("a", "personality=candlelight-fd bus=x", 0);
	command("busoff id=a ch=0");
	pass(99 * NSEC_PER_MSEC);
	ok(a->channels[0].state == CAN_STATE_BUS_OFF, "without bit 18: off for 100 ms");
	pass(2 * NSEC_PER_MSEC);
	ok(a->channels[0].state == CAN_STATE_ERROR_ACTIVE, "and back by itself");
	command("reset");
	a = open_device("a", "personality=cannectivity bus=x", 0);
	from = ndone;
	send_frame(a, 3, 0x1);
	command("busoff id=a ch=0");
	pass(NSEC_PER_SEC);
	ok(!echoes(from, 3) && error_frames(from, CAN_ERR_RESTARTED) == 1,
	   "CN: no echo for what was pending, recovers by itself");
	command("reset");
}

static void test_queues(void)
{
	struct device *a = open_device("a", "personality=candlelight-bx bus=x", 0);
	unsigned int i, from;
	struct xfer *x;
	__u64 id = 0;

	cancel_in(a);
	for (i = 0; i < 66; i++)
		id = send_frame(a, i, 0x100);
	ok(a->pair->out_pending == 2 && a->pool_used == 64, "CL: NAK when 64 buffers are used");
	x = usb_cancel(a, id);
	ok(x && a->pair->out_pending == 1, "a NAKed transfer can be cancelled");
	xfer_put(x);
	in_transfers(a, 3);
	ok(!a->pair->out_pending, "echoes taken away make room");
	reset_channel(a, 0);
	ok(!a->pool_used && !a->pair->in_len, "RESET gives all back");
	send_frame(a, 0, 0x100);
	ok(a->pool_used == 1 && !a->channels[0].mbox_len, "CL queues on a stopped channel");
	command("reset");

	a = open_device("a", "personality=cannectivity bus=x", 0);
	for (i = 0; i < 20; i++)
		send_frame(a, i, 0x100);
	ok(!a->out_armed[0] && a->pair->out_pending == 0 && a->pool_used == 21,
	   "CN: the last buffer is taken and OUT is dead");
	send_frame(a, 30, 0x100);
	reset_channel(a, 0);
	ok(a->pair->out_pending == 1, "RESET does not revive it");
	command("usbreset id=a");
	ok(a->out_armed[0], "a bus reset does");
	command("reset");

	a = open_device("a", "personality=canable25 bus=x", 0);
	from = ndone;
	for (i = 0; i < 68; i++)
		send_frame(a, i, 0x100);
	ok(!a->pair->out_pending && a->channels[0].tx_lost == 1, "ELM: drops the 68th");
	pass(600 * NSEC_PER_MSEC);
	ok(!a->channels[0].txq_len && error_frames(from, CAN_ERR_TX_TIMEOUT) == 1,
	   "ELM: gives up after 500 ms without ACK");
	command("reset");
}

static void test_reset_keeps(void)
{
	static const struct {
		const char *name;
		unsigned int in, tx;
	} t[] = {
		{ "candlelight-fd", 1, 0 }, { "candlelight-old", 3, 2 }, { "canable25", 3, 0 },
	};
	struct device *dev;
	char words[64];
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		snprintf(words, sizeof(words), "personality=%s bus=x", t[i].name);
		dev = plug("a", words);
		reset_channel(dev, 0);
		set_timings(dev, 0, false);
		start_channel(dev, 0, 0);
		for (n = 0; n < 5; n++)
			send_frame(dev, n, 0x100);
		reset_channel(dev, 0);
		ok(dev->pair->in_len == t[i].in && dev->channels[0].txq_len == t[i].tx,
		   "%s RESET keeps %u for the host, %u for the bus", t[i].name, dev->pair->in_len,
		   dev->channels[0].txq_len);
		command("reset");
	}
}

static void test_loopback(void)
{
	struct device *a = open_device("a", "personality=candlelight-fd bus=x", F_LOOP_BACK);
	struct device *b = open_device("b", "personality=candlelight-fd bus=x", 0);

	send_frame(a, 0, 0x123);
	pass(USEC(1000));
	ok(a->channels[0].rx == 1 && b->channels[0].rx == 1, "loopback drives the bus");
	reset_channel(a, 0);
	set_timings(a, 0, false);
	start_channel(a, 0, F_LOOP_BACK | F_LISTEN_ONLY);
	send_frame(a, 0, 0x123);
	pass(USEC(1000));
	ok(a->channels[0].rx == 2 && b->channels[0].rx == 1, "internal loopback does not");
	command("reset");
}

static void test_faults(void)
{
	struct device *a;
	unsigned int from;

	command("bus name=x ack=on");
	a = open_device("a", "personality=candlelight-fd bus=x", 0);
	from = ndone;
	command("fault id=a what=drop-echo");
	send_frame(a, 0, 1);
	ok(!echoes(from, 0), "drop-echo");
	command("fault id=a what=dup-echo");
	send_frame(a, 1, 1);
	ok(echoes(from, 1) == 2, "dup-echo");
	command("fault id=a what=late-echo us=5000");
	send_frame(a, 2, 1);
	pass(USEC(4000));
	ok(!echoes(from, 2), "late-echo is not there yet");
	pass(USEC(1500));
	ok(echoes(from, 2) == 1, "late-echo comes");
	command("fault id=a what=drop-echo count=1000 until=reset");
	send_frame(a, 2, 1);
	ok(echoes(from, 2) == 1, "until=reset: before it");
	fault_reset(a);
	send_frame(a, 2, 1);
	ok(echoes(from, 2) == 2, "until=reset: not after it");
	pass(USEC(1500));
	command("fault id=a what=swap-echo");
	send_frame(a, 3, 1);
	ok(!echoes(from, 3), "swap-echo is held back");
	send_frame(a, 4, 1);
	ok(echoes(from, 4) == 1 && echoes(from, 3) == 1, "swap-echo comes after the next");
	command("fault id=a what=in-status status=stall");
	ok(a->pair->in_halted && !a->pair->in_pending, "a stalled endpoint fails all");
	control(a, 0x02, 1, 0, 0x81, NULL, 0);
	in_transfers(a, 2);
	ok(a->pair->in_pending == 2, "CLEAR_FEATURE ends the halt");
	submit(a, 0x81, NULL, 10);
	command("inject id=a hex=00112233445566778899aabb");
	command("inject id=a hex=00112233445566778899aabb");
	command("inject id=a hex=00112233445566778899aabb");
	ok(last()->status == -EOVERFLOW, "a transfer that is too small babbles");
	command("reset");
}

/* Which of the next n requests for the state fail, as a mask. */
static unsigned int failures_of(struct device *a, unsigned int n)
{
	unsigned int i, mask = 0;

	for (i = 0; i < n; i++)
		if (get(a, REQ_GET_STATE, 0, 12) != 12)
			mask |= 1 << i;
	return mask;
}

/* A host that sleeps can't tell us when. */
static void test_sleep(void)
{
	struct device *a;

	a = open_device("a", "personality=candlelight-fd bus=x channels=2", 0);
	command("suspend id=a at=idle");
	reset_channel(a, 0);
	ok(!a->suspends && a->pair->in_pending, "not suspended while IN transfers wait");
	set_timings(a, 1, false);
	start_channel(a, 1, 0);
	cancel_in(a);
	ok(!a->suspends, "nor while a channel is started");
	reset_channel(a, 1);
	in_transfers(a, 2);
	cancel_in(a);
	ok(a->suspends == 1 && a->resuming, "suspended when neither is so");
	in_transfers(a, 2);
	cancel_in(a);
	ok(a->suspends == 1, "and only once");
	ok(a->channels[0].has_bt, "bit timing is kept");
	command("suspend id=a at=idle power=off");
	command("usbreset id=a");
	ok(a->suspends == 2 && !a->channels[0].has_bt && a->plugged, "but not without power");
	command("suspend id=a at=idle unplug=1");
	pass(1);
	ok(!a->plugged, "unplugged in its sleep");
	command("reset");
}

/* Counting, in time and by what the host is about. */
static void test_rules(void)
{
	struct device *a;

	a = plug("a", "personality=candlelight-fd bus=x channels=2");
	command("fault id=a what=stall req=14 count=2");
	ok(failures_of(a, 4) == 0x3, "the next two");
	command("fault id=a what=stall req=14 skip=2");
	ok(failures_of(a, 5) == 0x4, "the third");
	command("fault id=a what=stall req=14 every=2 count=3");
	ok(failures_of(a, 8) == 0x15, "every second, three times");
	command("fault id=a what=stall count=1");
	ok(get(a, REQ_BT_CONST, 0, 40) == -EPIPE, "any request");
	command("fault id=a what=stall ch=1 count=2");
	ok(failures_of(a, 2) == 0, "not that of another channel");
	ok(get(a, REQ_GET_STATE, 1, 12) == -EPIPE, "that of this channel");
	command("fault id=a what=none");
	command("fault id=a what=stall req=14 after=2000 count=9");
	ok(failures_of(a, 2) == 0, "not yet");
	pass(USEC(2000));
	ok(failures_of(a, 2) == 0x3, "from then on");
	command("fault id=a what=none");
	ok(failures_of(a, 2) == 0, "what=none");

	command("fault id=a what=stall req=2 during=close");
	ok(reset_channel(a, 0) >= 0, "RESET of a stopped channel is no close");
	set_timings(a, 0, false);
	in_transfers(a, 30);
	start_channel(a, 0, 0);
	ok(reset_channel(a, 0) == -EPIPE, "that of a started one is");
	reset_channel(a, 0);
	command("fault id=a what=stall req=1 during=open");
	set_timings(a, 0, false);
	ok(last()->status == -EPIPE, "bit timing is open");
	command("fault id=a what=stall during=resume");
	ok(reset_channel(a, 0) >= 0, "not asleep");
	command("suspend id=a");
	ok(reset_channel(a, 0) == -EPIPE, "after a suspend");
	command("unplug id=a");
	command("plug id=a");
	command("fault id=a what=stall during=probe count=1");
	ok(get(a, REQ_BT_CONST, 0, 40) == -EPIPE, "before all bit timings is probe");
	command("reset");
}

static struct done *in_bytes(const char *bytes)
{
	char line[256];

	snprintf(line, sizeof(line), "inject id=a hex=%s", bytes);
	command(line);
	return last();
}

/* What rules can do to a transfer. */
static void test_rule_content(void)
{
	static const char * const statuses[] = {
		"proto", "crc", "babble", "timeout", "overrun", "underrun", "short", "nospc",
	};
	static const int codes[] = {
		-EPROTO, -EILSEQ, -EOVERFLOW, -ETIME, -ECOMM, -ENOSR, -EREMOTEIO, -ENOSPC,
	};
	struct device *a = open_device("a", "personality=candlelight-fd bus=x", 0);
	unsigned int i, from;
	char line[128];

	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		snprintf(line, sizeof(line), "fault id=a what=in-status status=%s", statuses[i]);
		command(line);
		ok(last()->status == codes[i] && !a->pair->in_halted, "IN status %s", statuses[i]);
		snprintf(line, sizeof(line), "fault id=a what=status req=14 status=%d", codes[i]);
		command(line);
		ok(get(a, REQ_GET_STATE, 0, 12) == codes[i], "control status %d", codes[i]);
	}
	command("fault id=a what=in-status status=proto skip=1");
	ok(!in_bytes("aa")->status && last()->len == 1, "not the first");
	ok(!in_bytes("bb")->status && last()->len == 1, "the second's data comes");
	ok(done[(ndone - 2) % DONE_MAX].status == -EPROTO, "with the transfer after it");
	command("fault id=a what=in-data offset=1 hex=ccdd len=5");
	in_bytes("aa");
	ok(last()->len == 5 && !memcmp(last()->data, "\xaa\xcc\xdd\0\0", 5), "other data");
	command("fault id=a what=in-data len=1");
	ok(in_bytes("aabbcc")->len == 1, "cut");
	from = ndone;
	command("fault id=a what=in-drop");
	in_bytes("aa");
	ok(ndone == from, "lost");
	command("fault id=a what=reply req=14 offset=4 hex=ff len=100");
	ok(get(a, REQ_GET_STATE, 0, 120) == 100 && last()->data[4] == 0xff, "another reply");
	command("fault id=a what=reply at=std req=6 len=9");
	ok(control(a, 0x80, 6, 0x100, 0, NULL, 64) == 9, "another descriptor");
	command("fault id=a what=stall at=std req=6");
	ok(control(a, 0x80, 6, 0x100, 0, NULL, 64) == -EPIPE, "none at all");
	command("fault id=a what=out-hang");
	from = ndone;
	send_frame(a, 0, 1);
	send_frame(a, 1, 2);
	ok(ndone == from && a->pair->out_pending == 2, "OUT that hangs, and what is behind it");
	xfer_put(usb_cancel(a, TAILQ_FIRST(&a->pair->out_xfers)->id));
	pass(0);
	ok(!a->pair->out_pending, "goes on when that is taken back");
	command("fault id=a what=out-taken status=proto");
	send_frame(a, 2, 3);
	ok(done[(ndone - 1) % DONE_MAX].status == -EPROTO ||
	   done[(ndone - 2) % DONE_MAX].status == -EPROTO, "OUT that fails for the host");
	ok(a->channels[0].tx || a->channels[0].mbox_len, "and not for the device");
	command("reset");
}

static void pulled(const char *words, bool before)
{
	struct device *a = device_find("a");

	ok(before == a->plugged, "%s: %s", words, before ? "still there" : "gone");
}

static void test_pull(void)
{
	struct device *a = open_device("a", "personality=candlelight-fd bus=x", 0);
	unsigned int from;

	command("fault id=a what=unplug at=ctrl skip=1");
	get(a, REQ_GET_STATE, 0, 12);
	pass(0);
	pulled("first request", true);
	from = ndone;
	get(a, REQ_GET_STATE, 0, 12);
	send_frame(a, 0, 1);
	ok(ndone == from, "nothing is answered any more");
	pass(0);
	pulled("second request", false);
	command("reset");

	a = open_device("a", "personality=candlelight-fd bus=x", 0);
	command("fault id=a what=unplug at=out skip=1");
	send_frame(a, 0, 1);
	send_frame(a, 1, 1);
	pass(0);
	pulled("second OUT", false);
	command("reset");

	open_device("a", "personality=candlelight-fd bus=x", 0);
	command("fault id=a what=unplug at=in");
	in_bytes("aa");
	pass(0);
	pulled("first IN", false);
	command("plug id=a");
	pulled("plugged in again", true);
	command("fault id=a what=unplug at=time after=3000");
	pass(USEC(2000));
	pulled("2 ms", true);
	pass(USEC(1000));
	pulled("3 ms", false);
	command("reset");
}

/* A sum over n transfers that a seed makes up, and over n answers. */
static __u64 fuzz_sum(struct device *a, __u64 seed, __u64 first, unsigned int n)
{
	__u8 data[FUZZ_MAX];
	__u64 sum = 0;
	int len;

	while (n--) {
		memset(data, 0, sizeof(data));
		len = fuzz_in(a, seed, first++, data);
		sum = sum * 31 + len;
		while (len-- > 0)
			sum = sum * 31 + data[len];
	}
	return sum;
}

static __u64 probe_sum(unsigned int seed)
{
	struct device *a;
	__u64 sum = 0;
	char line[80];
	int i, ret;

	command("add id=a personality=candlelight-fd plug=0");
	a = device_find("a");
	snprintf(line, sizeof(line), "fuzz id=a what=descr seed=%u", seed);
	command(line);
	command("fuzz id=a what=ctrl");
	command("plug id=a");
	for (i = 0; i < 60; i++) {
		memset(last()->data, 0, sizeof(last()->data));
		if (i & 1)
			ret = get(a, REQ_BT_CONST, 0, 40);
		else
			ret = control(a, 0x80, 6, i & 2 ? 0x100 : 0x200, 0, NULL, 64);
		sum = sum * 31 + ret;
		for (ret = ret < 0 ? 0 : ret; ret--;)
			sum = sum * 31 + last()->data[ret];
	}
	ok(!violations_count(NULL), "the host is excused");
	command("reset");
	return sum;
}

static void test_fuzz(void)
{
	struct device *a = open_device("a", "personality=candlelight-fd bus=x", 0);
	__u64 whole = fuzz_sum(a, 1, 0, 1000);
	unsigned int from = ndone;

	ok(whole == fuzz_sum(a, 1, 0, 1000), "the same from a seed");
	ok(whole != fuzz_sum(a, 2, 0, 1000), "not from another");
	ok(fuzz_sum(a, 1, 700, 1) == fuzz_sum(a, 1, 700, 1), "one by its number");
	command("reset");
	ok(probe_sum(5) == probe_sum(5), "a probe the same from a seed");
	ok(probe_sum(5) != probe_sum(6), "not from another");

	a = open_device("a", "personality=candlelight-fd bus=x", 0);
	command("fuzz id=a seed=9 what=in count=200");
	while (a->fuzz.in_left) {
		control(a, 0x02, 1, 0, 0x81, NULL, 0);
		in_transfers(a, 8);
	}
	ok(ndone - from >= 200 && a->fuzz.in_next == 200, "as many as asked for");
	command("fuzz id=a what=none");
	command("reset");
}

static struct done *done_of(__u64 id)
{
	unsigned int i;

	for (i = 0; i < DONE_MAX; i++)
		if (done[i].id == id)
			return &done[i];
	return NULL;
}

/* Each OUT transfer has the fate that its number says. Returns the statuses, as a mask. */
static __u64 fates(struct device *a, __u64 seed, unsigned int n)
{
	unsigned int i, held = 0, wrong = 0, taken = 0;
	__u64 id, seen = 0, echoed = 0, before = a->in_done;
	struct fate fate;

	for (i = 0; i < n; i++) {
		fuzz_out(seed, i, &fate);
		id = send_frame(a, i, 1);
		held += fate.hold_ns != 0;
		wrong += !done_of(id) != !!fate.hold_ns;
		/* longer than anything is held */
		pass(2 * NSEC_PER_SEC);
		wrong += !done_of(id) || done_of(id)->status != fate.status ||
			 (done_of(id)->len == HF_CLASSIC) != (!fate.status && !fate.missing);
		if (!fate.lost && fate.echo != DO_DROP)
			echoed += fate.echo == DO_DUP ? 2 : 1;
		taken += !fate.lost;
		seen |= 1ULL << (fate.status & 63);
		in_transfers(a, 2);
		control(a, 0x02, 1, 0, 0x02, NULL, 0);
	}
	ok(!wrong && held, "OUT transfers end as they should, %u of them late", held);
	ok(!a->fuzz.out_left, "as many as asked for");
	send_frame(a, n, 1);
	pass(NSEC_PER_SEC);
	ok(a->channels[0].tx == taken + 1, "frames that were taken are on the bus");
	ok(a->in_done - before == echoed + 1, "and echoed as they should");
	ok(!a->channels[0].ref.inflight && !violations_count(NULL), "the host is not blamed");
	return seen;
}

static void test_fuzz_out(void)
{
	struct device *a = open_device("a", "personality=candlelight-fd bus=x", 0);
	unsigned int n = 0;
	struct fate one, other;
	char line[80];
	__u64 id;

	command("bus name=x ack=on fast=1");
	command("fuzz id=a what=out seed=3 count=1000");
	ok(__builtin_popcountll(fates(a, 3, 1000)) == 9, "success and eight failures");
	do
		fuzz_out(3, n++, &one);
	while (one.status != -EPIPE || one.lost || one.hold_ns || one.late_ns < NSEC_PER_MSEC);
	fuzz_out(4, n - 1, &other);
	ok(memcmp(&one, &other, sizeof(one)), "another fate from another seed");
	snprintf(line, sizeof(line), "fuzz id=a what=out first=%u count=1", n - 1);
	command(line);
	ok(done_of(send_frame(a, 1000, 1))->status == -EPIPE && a->pair->out_halted,
	   "one by its number: a halt");
	ok(!a->channels[0].ref.inflight, "behind which no host expects the echo that will come");
	command("reset");
	a = open_device("a", "personality=candlelight-fd bus=x", 0);
	for (n = 0; !one.hold_ns || one.lost || one.status == -EPIPE; n++)
		fuzz_out(3, n, &one);
	snprintf(line, sizeof(line), "fuzz id=a what=out seed=3 first=%u count=1", n - 1);
	command(line);
	id = send_frame(a, 1000, 1);
	ok(!done_of(id) && a->out_done == 1, "taken, and held back");
	ok(!usb_cancel(a, id) && done_of(id)->status == one.status,
	   "a host can't take it back any more");
	command("reset");
}

static void check_rule(const char *rule)
{
	ok(violations_count(rule) == 1, "rule %s", rule);
}

static void test_packets(void)
{
	struct device *a = open_device("pa", "personality=candlelight-fd bus=p", F_FD);
	char bytes[200];
	__u8 hf[HF_MAX];
	__u64 n;

	command("bus name=p ack=on");
	n = a->packets;
	send_frame(a, 1, 0x123);
	pass(NSEC_PER_MSEC);
	ok(a->packets - n == 2, "a classic frame is a packet out and one back");
	ok(bus_find("p")->busy_ns > 90 * NSEC_PER_USEC, "and keeps the bus busy");
	n = a->packets;
	make_frame(hf, 2, 0x123, 15, 0, MSG_FD);
	submit(a, 0x02, hf, HF_FD);
	pass(NSEC_PER_MSEC);
	ok(a->packets - n == 4, "an FD frame two of each");
	n = a->packets;
	command("inject id=pa hex=");
	ok(a->packets - n == 1, "an empty transfer is a packet");
	cancel_in(a);
	submit(a, 0x81, NULL, 80);
	n = a->packets;
	snprintf(bytes, sizeof(bytes), "inject id=pa hex=%0160d", 0);
	command(bytes);
	ok(a->packets - n == 2, "80 bytes are two, also if that is all that fits");
}

static void test_clock(void)
{
	struct device *a = plug("ca", "personality=cannectivity bus=c ppm=1000 ts0=7");
	__u64 start = now;

	ok(device_ts(a, now) == 7, "a clock starts");
	pass(NSEC_PER_SEC);
	ok(device_ts(a, now) == 7 + 1001000, "and is too fast");
	command("set id=ca ts=4294967295");
	ok(device_ts(a, now) == 4294967295U, "it is set");
	pass(2 * NSEC_PER_USEC);
	ok(device_ts(a, now) == 1, "and wraps");
	ok(now == start + NSEC_PER_SEC + 2 * NSEC_PER_USEC, "the host's is right");
}

/* Each rule, and the least that breaks it. */
static void test_referee(void)
{
	static const __u8 junk[200];
	struct device *a = plug("a", "personality=candlelight-fd bus=x channels=2");
	struct device *g = open_device("g", "personality=gs bus=y", 0);
	struct device *elm, *ctp;
	const __u32 bad[] = { 500, 0, 4, 1, 1 }, tdc[] = { 1, 2, 3, TDC_AUTO }, two[] = { 2 };
	const __u32 mode2[] = { 2, 0 };
	__u8 hf[HF_MAX];
	unsigned int i;

#define BREAKS(rule, ...) (violations_clear(), __VA_ARGS__, check_rule(rule))
#define OUT(dev, len) submit(dev, 0x02, hf, len)

	violations_clear();
	reset_channel(a, 0);
	reset_channel(a, 1);
	in_transfers(a, 30);
	set_timings(a, 0, true);
	ok(!violations_count(NULL), "a good host breaks no rule");
	BREAKS("unadvertised-request", get(a, 3, 0, 4));
	BREAKS("unadvertised-request", get(a, REQ_GET_TERMINATION, 0, 4));
	BREAKS("direction", control(a, 0x41, REQ_BT_CONST, 0, 0, junk, 40));
	BREAKS("recipient", control(a, 0xc0, REQ_BT_CONST, 0, 0, NULL, 40));
	BREAKS("wlength", get(a, REQ_BT_CONST, 0, 41));
	BREAKS("windex", control(a, 0xc1, REQ_BT_CONST, 0, 1, NULL, 40));
	BREAKS("channel", get(a, REQ_BT_CONST, 2, 40));
	BREAKS("wvalue", get(a, REQ_DEVICE_CONFIG, 0, 12));
	BREAKS("host-format", control(a, 0x41, 0, 1, 0, junk, 4));
	BREAKS("identify", set(a, REQ_IDENTIFY, 0, two, 1));
	BREAKS("bittiming-range", set(a, REQ_BITTIMING, 0, bad, 5));
	BREAKS("tdc", set(a, REQ_SET_TDC, 0, tdc, 4));
	BREAKS("mode", set(a, REQ_MODE, 0, mode2, 2));
	BREAKS("set-interface", control(a, 0x01, 11, 1, 0, NULL, 0));
	BREAKS("endpoint", submit(a, 0x03, junk, 20));
	a->features |= F_ELM_PROTOCOL;
	BREAKS("foreign-request", set(a, REQ_BUS_OFF_RECOVERY, 0, two, 1));
	BREAKS("forbidden-flag", start_channel(a, 1, F_BUS_OFF_RECOVERY));
	a->features &= ~F_ELM_PROTOCOL;
	reset_channel(a, 1);
	BREAKS("start-without-bittiming", start_channel(a, 1, 0));
	reset_channel(a, 1);
	set_timings(a, 1, false);
	BREAKS("start-without-data-bittiming", start_channel(a, 1, F_FD));
	reset_channel(a, 1);
	set_timings(a, 1, false);
	BREAKS("unadvertised-flag", start_channel(a, 1, F_TRIPLE_SAMPLE));
	reset_channel(a, 1);
	set_timings(a, 1, false);
	BREAKS("forbidden-flag", start_channel(a, 1, F_PAD_PKTS));
	reset_channel(a, 1);
	set_timings(a, 1, true);
	BREAKS("start-without-tdc", start_channel(a, 1, F_FD | F_TDC));
	reset_channel(a, 1);
	reset_channel(a, 0);
	set_timings(a, 0, true);
	set_timings(a, 1, false);
	start_channel(a, 0, F_FD | F_HW_TIMESTAMP);
	BREAKS("mixed-timestamps", start_channel(a, 1, 0));
	BREAKS("bittiming-started", set_timings(a, 1, false));
	BREAKS("start-twice", start_channel(a, 0, F_FD | F_HW_TIMESTAMP));
	violations_clear();
	ok(start_channel(a, 0, 0) && violations_count("start-without-reset") == 1,
	   "rule start-without-reset");
	reset_channel(a, 0);
	reset_channel(a, 1);
	set_timings(a, 0, true);
	start_channel(a, 0, F_FD);

	violations_clear();
	make_frame(hf, 1, 0x123, 9, 0, MSG_FD | MSG_BRS);
	OUT(a, HF_FD);
	make_frame(hf, 2, 0x80000123, 8, 0, 0);
	OUT(a, HF_CLASSIC);
	make_frame(hf, 3, 0x123, 15, 0, 0);
	OUT(a, HF_FD);
	ok(!violations_count(NULL), "good frames break no rule");
	BREAKS("out-length", OUT(a, 21));
	BREAKS("out-two-frames", OUT(a, 40));
	hf[HF_CHANNEL] = 2;
	BREAKS("out-channel", OUT(a, HF_CLASSIC));
	hf[HF_CHANNEL] = 1;
	BREAKS("out-stopped", OUT(a, HF_CLASSIC));
	make_frame(hf, 4, 0x123, 1, 0, MSG_BRS);
	BREAKS("out-flags", OUT(a, HF_CLASSIC));
	make_frame(hf, 5, 0x123, 1, 0, 0);
	hf[HF_RESERVED] = 1;
	BREAKS("out-reserved", OUT(a, HF_CLASSIC));
	make_frame(hf, 6, 0x923, 1, 0, 0);
	BREAKS("out-id", OUT(a, HF_CLASSIC));
	make_frame(hf, 7, 0x123, 1, 0, 0);
	hf[13] = 1;
	BREAKS("out-tail", OUT(a, HF_CLASSIC));
	make_frame(hf, 7, 0x123, 1, 0, 0);
	BREAKS("echo-id-reused", OUT(a, HF_CLASSIC));
	make_frame(hf, ECHO_ID_RX, 0x123, 1, 0, 0);
	BREAKS("echo-id-range", OUT(a, HF_CLASSIC));
	violations_clear();
	for (i = 0; i < 33; i++) {
		make_frame(hf, 100 + i, 0x123, 1, 0, 0);
		OUT(a, HF_CLASSIC);
	}
	ok(violations_count("too-many-in-flight"), "rule too-many-in-flight");

	make_frame(hf, 1, 0x123, 9, 0, 0);
	BREAKS("out-dlc", OUT(g, HF_CLASSIC));
	make_frame(hf, 2, 0x123, 1, 0, MSG_FD);
	BREAKS("out-fd-in-classic", OUT(g, HF_FD));
	make_frame(hf, 10, 0x123, 1, 0, 0);
	BREAKS("echo-id-range", OUT(g, HF_CLASSIC));

	elm = plug("e", "personality=canable25 bus=z");
	reset_channel(elm, 0);
	set_timings(elm, 0, true);
	BREAKS("start-without-in", start_channel(elm, 0, F_FD));
	reset_channel(elm, 0);
	in_transfers(elm, 4);
	set_timings(elm, 0, true);
	BREAKS("data-bittiming-for-classic", start_channel(elm, 0, 0));
	reset_channel(elm, 0);
	set_timings(elm, 0, false);
	BREAKS("forbidden-flag", start_channel(elm, 0, F_ELM_BLOBS));

	ctp = open_device("c", "personality=cantact-pro bus=w", F_FD);
	make_frame(hf, 0, 0x123, 1, 0, 0);
	BREAKS("out-length", OUT(ctp, HF_FD));
	violations_clear();
	OUT(ctp, HF_FD + 1);
	ok(!violations_count("out-length"), "CTP wants one byte more");
	BREAKS("direction", get(ctp, 8, 0, 4));
	command("reset");
}

/* A TxFrame with n bytes of data, behind what is there; its end. */
static __u8 *put_message(__u8 *w, __u8 marker, __u32 id, __u8 flags, unsigned int n)
{
	memset(w, 0x55, 8 + n);
	w[0] = 8 + n;
	w[1] = 0x0a;
	w[2] = flags;
	put_le32(w + 3, id);
	w[7] = marker;
	return w + w[0];
}

static struct device *elm_open(const char *words)
{
	struct device *dev = plug("e", words);

	reset_channel(dev, 0);
	set_timings(dev, 0, true);
	in_transfers(dev, 8);
	start_channel(dev, 0, F_FD | F_HW_TIMESTAMP | F_ELM_PROTOCOL | F_ELM_BLOBS);
	return dev;
}

static void test_elm(void)
{
	static const __u8 second[] = { 10 };
	__u8 blob[2100] = { 2, 0x10 }, *end;
	struct device *dev;
	unsigned int from;

	command("bus name=z ack=on");
	dev = elm_open("personality=canable25 bus=z");
	end = done[(ndone - 2) % DONE_MAX].data;
	ok(dev->elm && dev->channels[0].started && end[0] == 16 && end[1] == 0x0e &&
	   !memcmp(end + 2, "channel opened", 14), "ELM mode, and a string to begin with");
	ok(control(dev, 0x41, 23, 0, 0, second, 1) == 1, "bus load request");

	end = put_message(blob + 2, 7, 0x123, 0, 8);
	end = put_message(end, 8, 0x80001234, MSG_FD | MSG_BRS, 64);
	from = ndone;
	submit(dev, 0x02, blob, end - blob);
	ok(ndone == from + 1, "no echo before the frame is sent");
	pass(20 * NSEC_PER_MSEC);
	ok(ndone == from + 3 && done[(from + 1) % DONE_MAX].len == 7 &&
	   !memcmp(done[(from + 1) % DONE_MAX].data, "\x07\x0b\x07", 3) &&
	   !memcmp(last()->data, "\x07\x0b\x08", 3), "echoes, one by one");

	cancel_in(dev);
	submit(dev, 0x02, blob, end - blob);
	command("send bus=z frame=7FF#1122");
	pass(20 * NSEC_PER_MSEC);
	submit(dev, 0x81, NULL, 2048);
	ok(last()->len == 2 + 7 + 7 + 13 && !memcmp(last()->data, "\x03\x11\x07\x0b\x07", 5) &&
	   !memcmp(last()->data + 16, "\x0d\x0c\x00\xff\x07\x00\x00", 7) &&
	   !memcmp(last()->data + 27, "\x11\x22", 2), "a blob of two echoes and a frame");
	ok(!dev->inflight && !violations_count(NULL), "a good host");

	in_transfers(dev, 4);
	command("send bus=z frame=7FF#1122 count=2000");
	pass(900 * NSEC_PER_MSEC);
	from = ndone;
	cancel_in(dev);
	submit(dev, 0x81, NULL, 2048);
	pass(200 * NSEC_PER_MSEC);
	ok(dev->pair->in_len <= 70, "the queue has an end");
	command("bus name=z ack=off");

	violations_clear();
	reset_channel(dev, 0);
	ok(dev->elm, "the RESET that stops the channel leaves ELM mode on");
	reset_channel(dev, 0);
	ok(!dev->elm, "the next one ends it");
	command("reset");

#define BLOB(n) submit(dev, 0x02, blob, n)
	dev = elm_open("personality=canable25 bus=z packets_s=19000");
	pass(NSEC_PER_MSEC);
	blob[0] = 1;
	end = put_message(blob + 2, 1, 0x123, 0, 8);
	blob[0] = 2;
	BREAKS("elm-count", BLOB(end - blob));
	blob[0] = 1;
	BREAKS("echo-id-reused", pass(NSEC_PER_MSEC), BLOB(end - blob));
	put_message(blob + 2, 2, 0x123, 0, 9);
	BREAKS("elm-data", pass(NSEC_PER_MSEC), BLOB(19));
	put_message(blob + 2, 0, 0x123, 0, 8);
	BREAKS("elm-marker", pass(NSEC_PER_MSEC), BLOB(18));
	put_message(blob + 2, 3, 0x123, 1, 8);
	BREAKS("out-flags", pass(NSEC_PER_MSEC), BLOB(18));
	put_message(blob + 2, 4, 0x823, 0, 8);
	BREAKS("out-id", pass(NSEC_PER_MSEC), BLOB(18));
	BREAKS("elm-length", pass(200 * NSEC_PER_MSEC), BLOB(2050));
	ok(dev->packets > 33, "packets are counted: %llu", dev->packets);
	command("set id=e referee=0");
	violations_clear();
	BLOB(2050);
	ok(!violations_count(NULL), "a host that nobody judges");
	command("reset");

	command("bus name=z ack=off");
	dev = plug("e", "personality=canable25 bus=z");
	reset_channel(dev, 0);
	set_timings(dev, 0, false);
	in_transfers(dev, 8);
	start_channel(dev, 0, F_ONE_SHOT | F_ELM_PROTOCOL);
	blob[0] = 1;
	put_message(blob + 2, 1, 0x123, 0, 8);
	BLOB(18);
	pass(10 * NSEC_PER_MSEC);
	ok(dev->channels[0].tx_lost == 1 && !dev->inflight && !dev->channels[0].tx,
	   "a one-shot frame that fails has no echo");
	ok(!dev->channels[0].flush.armed, "and does not make the next one late");
	command("reset");
	dev = elm_open("personality=canable25 bus=z sw=260618");
	check_rule("elm-unfit");
	command("reset");
}

static const __u32 banks_all[33] = { 1, 1, 0, 0, 1 };

/* 0x123, and all extended frames but remote ones */
static const __u32 banks_two[33] = {
	1, 2, 0, 0, 3,
	0xffe82460, 0x00000004, [19] = 0xffe82460, 0x00000006,
};

/* How many of four kinds of frames are received. */
static unsigned int received(struct device *dev)
{
	__u64 before = dev->channels[0].rx;

	command("send bus=x frame=123#11");
	command("send bus=x frame=124#11");
	command("send bus=x frame=12345678#11");
	command("send bus=x frame=12345678#R");
	pass(NSEC_PER_MSEC);
	return dev->channels[0].rx - before;
}

static void start_again(struct device *dev)
{
	reset_channel(dev, 0);
	set_timings(dev, 0, false);
	in_transfers(dev, 30);
	start_channel(dev, 0, 0);
}

static void test_filter(void)
{
	__u32 bad[33];
	struct device *a;

	command("bus name=x fast=1");
	a = open_device("a", "personality=candlelight-bx bus=x filter=1", 0);
	ok(get(a, REQ_GET_FILTER, 0, 4) == 4 && last()->data[0] == 1, "it is a bxCAN");
	ok(received(a) == 4, "everything is received at first");
	set(a, REQ_SET_FILTER, 0, banks_two, 33);
	check_rule("filter");
	ok(received(a) == 4, "a filter that comes while started is ignored");
	start_again(a);
	ok(received(a) == 4, "and forgotten");
	command("reset");

	command("bus name=x fast=1");
	a = plug("a", "personality=candlelight-bx bus=x filter=1");
	ok(set(a, REQ_SET_FILTER, 0, banks_two, 33) == 132, "a filter is taken");
	start_again(a);
	ok(received(a) == 2 && a->channels[0].rx_filtered == 2, "two kinds are received");
	start_again(a);
	ok(received(a) == 2, "RESET doesn't change that");
	reset_channel(a, 0);
	set(a, REQ_SET_FILTER, 0, banks_all, 33);
	start_again(a);
	ok(received(a) == 4, "a filter for everything does");
	reset_channel(a, 0);
	ok(!violations_count(NULL), "no rule was broken");
	memcpy(bad, banks_two, sizeof(bad));
	bad[3] = 1;
	BREAKS("filter", set(a, REQ_SET_FILTER, 0, bad, 33));
	start_again(a);
	ok(received(a) == 1, "nobody reads FIFO 1");
	reset_channel(a, 0);
	memcpy(bad, banks_all, sizeof(bad));
	bad[0] = 2;
	BREAKS("filter", set(a, REQ_SET_FILTER, 0, bad, 33));
	start_again(a);
	ok(received(a) == 1, "another kind of filter is ignored");
	command("reset");
}

static void test_elm_pairs(void)
{
	__u8 blob[64] = { 1, 0x10 }, *end, reply[CTRL_MAX];
	struct device *dev;
	unsigned int from, n;

	command("bus name=z ack=on");
	command("bus name=y ack=on");
	dev = plug("e", "personality=canable25 channels=2 bus=z,y");
	n = descr_config(dev, reply);
	ok(reply[4] == 3 && get_le16(reply + 2) == n && reply[n - 23 + 2] == 2 &&
	   reply[n - 14 + 2] == 0x83 && reply[n - 7 + 2] == 0x04, "an interface more");
	for (n = 0; n < 2; n++) {
		reset_channel(dev, n);
		set_timings(dev, n, true);
	}
	in_transfers(dev, 2);
	for (n = 0; n < 8; n++)
		submit(dev, 0x83, NULL, 2048);
	for (n = 0; n < 2; n++)
		start_channel(dev, n, F_FD | F_HW_TIMESTAMP | F_ELM_PROTOCOL | F_ELM_BLOBS);
	end = put_message(blob + 2, 7, 0x123, 0, 8);
	submit(dev, 0x04, blob, end - blob);
	pass(20 * NSEC_PER_MSEC);
	ok(last()->ep == 0x83 && last()->data[1] == 0x0b && !dev->channels[0].tx &&
	   dev->channels[1].tx == 1, "the second channel by its own endpoints");
	command("send bus=y frame=7FF#1122");
	pass(20 * NSEC_PER_MSEC);
	ok(last()->ep == 0x83 && last()->data[1] == 0x0c, "and from its bus");
	from = ndone;
	command("fault id=e what=in-status status=stall ch=1");
	ok(dev->pair[1].in_halted && !dev->pair[0].in_halted && ndone > from &&
	   !dev->pair[1].in_pending && dev->pair[0].in_pending, "one endpoint stalls");
	control(dev, 0x02, 1, 0, 0x83, NULL, 0);
	ok(!dev->pair[1].in_halted && !violations_count(NULL), "and goes on");
	command("reset");
}

static void test_stall(void)
{
	struct device *a;
	struct bus *x;

	command("bus name=x fast=1");
	a = open_device("a", "personality=budgetcan bus=x", 0);
	x = bus_find("x");
	cancel_in(a);
	command("send bus=x frame=123#11 count=100");
	pass(20 * NSEC_PER_MSEC);
	ok(a->pair->in_len == 32 && !a->channels[0].rx_lost, "a full receiver delays the bus");
	in_transfers(a, 100);
	pass(NSEC_PER_MSEC);
	ok(x->frames == 100 && a->channels[0].rx == 100 && bus_idle(x), "and nothing is lost");
	cancel_in(a);
	command("send bus=x frame=123#11 count=100");
	pass(NSEC_PER_SEC);
	ok(a->channels[0].rx_lost == 0 && !bus_idle(x), "for as long as nobody else minds");
	pass(5 * NSEC_PER_SEC);
	ok(a->channels[0].rx_lost == 68 && bus_idle(x), "but not for ever");
	command("reset");
}

int main(void)
{
	static void (* const all[])(void) = {
		test_bits, test_notation, test_codec, test_control, test_descriptors, test_echo,
		test_ack, test_arbitration, test_rates, test_bus_off, test_queues,
		test_reset_keeps, test_loopback, test_faults, test_sleep, test_rules,
		test_rule_content, test_pull, test_fuzz,
		test_fuzz_out, test_packets, test_clock, test_referee,
		test_elm, test_elm_pairs, test_filter, test_stall,
	};
	unsigned int i;

	transport = &host;
	puts("TAP version 13");
	loop_simulate(now);
	for (i = 0; i < ARRAY_SIZE(all); i++)
		all[i]();
	printf("1..%u\n", tests);
	return failures ? 1 : 0;
}
