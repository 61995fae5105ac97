// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer. Every answer and every transfer has random numbers of its own,
 * which begin from the seed, what it is, and how many of the kind there were
 * before; so the n-th is the same again whatever happened in between, and a
 * seed is all that it takes to see a finding again.
 */
#include "fuzz.h"

#include <errno.h>
#include <linux/can/error.h>
#include <linux/usb/ch9.h>
#include <string.h>

#include "device.h"
#include "elm.h"

/* Numbers at which arithmetic goes wrong. */
static const __u32 edges[] = {
	0, 1, 2, 3, 7, 8, 9, 15, 16, 63, 64, 65, 127, 128, 254, 255, 256, 257, 511, 512, 1023,
	1024, 4095, 4096, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x10000, 0x7ffffffe, 0x7fffffff,
	0x80000000, 0x80000001, 0xfffffffe, 0xffffffff,
};

static const int statuses[] = {
	-EPROTO, -EILSEQ, -ETIME, -EOVERFLOW, -ECOMM, -ENOSR, -EREMOTEIO, -EPIPE,
};

/* How long an OUT transfer may take, and its echo; some of these come too late for any host */
#define HOLD_MS		30
#define LATE_MS		1500

struct rng {
	__u64 state;
};

/* splitmix64 */
static __u64 next(struct rng *r)
{
	__u64 z = (r->state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static unsigned int below(struct rng *r, unsigned int n)
{
	return next(r) % n;
}

static bool one_in(struct rng *r, unsigned int n)
{
	return !below(r, n);
}

static struct rng begin(__u64 seed, __u32 kind, __u64 n)
{
	struct rng r = { seed };

	r.state = next(&r) ^ kind;
	r.state = next(&r) ^ n;
	return r;
}

static __u32 edge(struct rng *r)
{
	return edges[below(r, ARRAY_SIZE(edges))];
}

static void fill(struct rng *r, __u8 *data, unsigned int len)
{
	while (len--)
		data[len] = next(r);
}

/* A few bytes, bits or words become others. */
static void spoil(struct rng *r, __u8 *data, unsigned int len)
{
	unsigned int n = 1 + below(r, 4);

	while (len && n--) {
		switch (below(r, 4)) {
		case 0:
			data[below(r, len)] = next(r);
			break;
		case 1:
			data[below(r, len)] ^= 1 << below(r, 8);
			break;
		case 2:
			data[below(r, len)] = edge(r);
			break;
		default:
			if (len >= 4)
				put_le32(data + 4 * below(r, len / 4), edge(r));
		}
	}
}

/* Another length: cut, or padded with what was not there. */
static int stretch(struct rng *r, __u8 *data, int len, int size)
{
	int n = one_in(r, 2) ? below(r, len + 1) : below(r, size + 1);

	if (n > len)
		fill(r, data + len, n - len);
	return n;
}

int fuzz_ctrl(struct device *dev, __u8 request, __u8 *reply, int len, int size)
{
	struct fuzz *fuzz = &dev->fuzz;
	struct rng r;

	if (!fuzz->ctrl)
		return len;
	r = begin(fuzz->seed, request, fuzz->asked[request]++);
	/* most are good, else nothing would get far */
	if (!one_in(&r, 5))
		return len;
	switch (below(&r, 16)) {
	case 0:
		return statuses[below(&r, ARRAY_SIZE(statuses))];
	case 1:
		return -EPIPE;
	case 2:
		/* no answer takes a second each time */
		return one_in(&r, 4) ? -EINPROGRESS : -EPIPE;
	case 3:
	case 4:
		return stretch(&r, reply, len, size);
	case 5:
		fill(&r, reply, len);
		return len;
	default:
		spoil(&r, reply, len);
		return len;
	}
}

/* Where the endpoints are in a configuration: the fields that a driver goes by. */
static void spoil_endpoint(struct rng *r, __u8 *data, int len)
{
	static const __u16 sizes[] = {
		0, 1, 2, 7, 8, 31, 32, 63, 64, 65, 511, 512, 513, 1024, 0x1400, 0xffff,
	};
	unsigned int pick = below(r, 3);
	int pos = 0;

	while (pos + USB_DT_ENDPOINT_SIZE <= len && data[pos]) {
		if (data[pos + 1] == USB_DT_ENDPOINT && !pick--) {
			if (one_in(r, 2))
				put_le16(data + pos + 4, sizes[below(r, ARRAY_SIZE(sizes))]);
			if (one_in(r, 4))
				data[pos + 3] = below(r, 4);
			if (one_in(r, 4))
				data[pos + 2] = next(r) & 0x8f;
			return;
		}
		pos += data[pos];
	}
}

int fuzz_descr(struct device *dev, __u8 type, __u8 *reply, int len, int size)
{
	struct fuzz *fuzz = &dev->fuzz;
	__u8 id[4];
	struct rng r;

	if (!fuzz->descr || len < 0)
		return len;
	r = begin(fuzz->seed, 256 + type, fuzz->asked[256 + type]++);
	if (!one_in(&r, 3))
		return len;
	switch (type) {
	case USB_DT_DEVICE:
		/* whose adapter it is has to stay, else nobody would look at it */
		memcpy(id, reply + 8, sizeof(id));
		spoil(&r, reply, len);
		memcpy(reply + 8, id, sizeof(id));
		return len;
	case USB_DT_CONFIG:
		if (one_in(&r, 2)) {
			spoil_endpoint(&r, reply, len);
			return len;
		}
		break;
	case USB_DT_STRING:
		if (one_in(&r, 2)) {
			fill(&r, reply + 2, size - 2);
			reply[0] = edge(&r);
			return reply[0];
		}
		break;
	default:
		break;
	}
	spoil(&r, reply, len);
	return one_in(&r, 4) ? stretch(&r, reply, len, size) : len;
}

/* An id that an echo might have, of a frame that is out if there is one. */
static __u32 echo_id(struct rng *r, const struct device *dev, unsigned int ch)
{
	const struct referee *ref = &dev->channels[ch % dev->nchannels].ref;
	__u64 n = next(r);

	switch (n & 3) {
	case 0:
		return ref->inflight ? ref->outstanding[(n >> 8) % ref->inflight] : 0;
	case 1:
		return (n >> 8) % 40;
	case 2:
		return n >> 8 & 0xff1f;
	default:
		return n >> 8;
	}
}

/* The host frame of a device that is not quite right. */
static int frame(struct rng *r, const struct device *dev, __u8 *data)
{
	unsigned int ch = below(r, dev->nchannels);
	__u32 id = next(r) & (one_in(r, 2) ? CAN_SFF_MASK : CAN_EFF_MASK | CAN_EFF_FLAG);
	__u8 flags = one_in(r, 3) ? next(r) & 0x0f : 0;
	int len;

	if (one_in(r, 8))
		id |= CAN_RTR_FLAG;
	fill(r, data, HF_MAX);
	put_le32(data, ECHO_ID_RX);
	data[HF_DLC] = below(r, one_in(r, 4) ? 16 : 9);
	data[HF_CHANNEL] = ch;
	data[HF_FLAGS] = flags;
	data[HF_RESERVED] = 0;
	switch (below(r, 4)) {
	case 0:
		put_le32(data, echo_id(r, dev, ch));
		break;
	case 1:
		id = CAN_ERR_FLAG | (next(r) & CAN_ERR_MASK & (one_in(r, 2) ? 0x3ff : ~0u));
		data[HF_DLC] = CAN_ERR_DLC;
		data[HF_FLAGS] &= ~MSG_FD;
		break;
	default:
		break;
	}
	put_le32(data + HF_CAN_ID, id);
	len = data[HF_FLAGS] & MSG_FD ? HF_FD : HF_CLASSIC;
	return dev->channels[ch].mode & F_HW_TIMESTAMP ? len + HF_TIMESTAMP : len;
}

/* One message of the ELM protocol, that is mostly right. */
static unsigned int message(struct rng *r, const struct device *dev, __u8 *data)
{
	bool stamped = dev->channels[0].mode & F_HW_TIMESTAMP;
	unsigned int fixed, len, n = 0;

	fill(r, data, 80);
	data[1] = ELM_TX_ECHO + below(r, 5);
	switch (data[1]) {
	case ELM_TX_ECHO:
		data[2] = echo_id(r, dev, 0);
		fixed = 3;
		break;
	case ELM_RX_FRAME:
		data[2] = one_in(r, 3) ? MSG_FD : 0;
		data[6] &= one_in(r, 8) ? 0xff : 0x9f;
		n = below(r, data[2] ? 17 : 9);
		fixed = 7;
		break;
	case ELM_ERROR:
		put_le32(data + 2, CAN_ERR_FLAG | (next(r) & 0x3ff));
		fixed = 14;
		break;
	case ELM_STRING:
		stamped = false;
		fixed = 2 + below(r, 30);
		break;
	default:
		stamped = false;
		fixed = 3;
	}
	len = fixed + (stamped ? 4 : 0) + n;
	data[0] = len;
	return len;
}

static int messages(struct rng *r, const struct device *dev, __u8 *data)
{
	unsigned int n = 1 + below(r, 5), pos = n > 1 ? 2 : 0, i;

	for (i = 0; i < n; i++)
		pos += message(r, dev, data + pos);
	if (n > 1) {
		data[0] = n;
		data[1] = ELM_RX_BLOB;
	}
	return pos;
}

/* What this device sends, or nearly. */
static int good(struct rng *r, const struct device *dev, __u8 *data)
{
	return dev->elm ? messages(r, dev, data) : frame(r, dev, data);
}

int fuzz_in(struct device *dev, __u64 seed, __u64 n, __u8 *data)
{
	struct rng r = begin(seed, FUZZ_KINDS, n);
	int len;

	switch (below(&r, 32)) {
	case 0:
		return statuses[below(&r, ARRAY_SIZE(statuses))];
	case 1:
		return 0;
	case 2:
	case 3:
		len = below(&r, FUZZ_MAX + 1);
		fill(&r, data, len);
		return len;
	case 4:
	case 5:
	case 6:
		len = good(&r, dev, data);
		return stretch(&r, data, len, FUZZ_MAX);
	case 7 ... 15:
		len = good(&r, dev, data);
		spoil(&r, data, len);
		return len;
	default:
		return good(&r, dev, data);
	}
}

void fuzz_out(__u64 seed, __u64 n, struct fate *fate)
{
	struct rng r = begin(seed, FUZZ_KINDS + 1, n);

	memset(fate, 0, sizeof(*fate));
	/* most are good, else nothing would get far */
	if (!one_in(&r, 5))
		return;
	switch (below(&r, 4)) {
	case 0:
		fate->status = statuses[below(&r, ARRAY_SIZE(statuses))];
		fate->lost = one_in(&r, 2);
		break;
	case 1:
		fate->missing = next(&r);
		fate->lost = one_in(&r, 4);
		break;
	default:
		break;
	}
	if (one_in(&r, 3))
		fate->hold_ns = below(&r, 1 + HOLD_MS) * NSEC_PER_MSEC;
	switch (below(&r, 8)) {
	case 0:
		fate->echo = DO_DROP;
		break;
	case 1:
		fate->echo = DO_DUP;
		break;
	case 2:
		fate->echo = DO_LATE;
		fate->late_ns = below(&r, 1 + LATE_MS) * NSEC_PER_MSEC;
		break;
	case 3:
		fate->echo = DO_SWAP;
		break;
	default:
		break;
	}
}

bool fuzz_excuses(const struct device *dev, const char *rule)
{
	/* a host that was told other limits than the referee knows */
	if (dev->fuzz.ctrl || dev->fuzz.descr)
		return true;
	if (strcmp(rule, "echo-id-reused") && strcmp(rule, "too-many-in-flight"))
		return false;
	/* a host that was told that its frame is done */
	if (dev->fuzz.in_next)
		return true;
	/* or may take a late or second echo for that of a newer frame, since there are few ids, or
	 * does not wait any longer for the one that is held back
	 */
	return dev->fuzz.out_next && (dev->p->echo_limit != ECHO_ID_RX || dev->swap ||
				      !TAILQ_EMPTY(&dev->late));
}
