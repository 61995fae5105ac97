/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emulated adapter: USB transfers on one side, channels on CAN buses on
 * the other, and the queues of its firmware between them.
 */
#ifndef EMU_DEVICE_H
#define EMU_DEVICE_H

#include <linux/can/netlink.h>
#include <linux/types.h>

#include "bus.h"
#include "canmsg.h"
#include "fault.h"
#include "fuzz.h"
#include "gsproto.h"
#include "loop.h"
#include "personality.h"

#define XFER_DATA	2048
#define CTRL_MAX	256
#define MAX_CHANNELS	256
#define OUTSTANDING_MAX	256
#define MAX_PAIRS	3

struct device;

/* A transfer that the host has given us. */
struct xfer {
	TAILQ_ENTRY(xfer) link;
	__u64 id;
	__u8 ep;		/* with the direction bit */
	__u8 setup[8];
	__u32 len;		/* of the host's buffer or data */
	bool seen;		/* by the rules for OUT transfers */
	bool no_zlp;		/* OUT: the host was not asked to end it with an empty packet */
	bool hung;		/* never to be completed */
	bool noop;		/* the transport's own: no packet */
	bool taken;		/* OUT: by the device, which the host may not know yet */
	__u64 until;		/* OUT: not completed before */
	struct fate fate;	/* OUT */
	__u8 data[XFER_DATA];	/* OUT: the first bytes */
};

TAILQ_HEAD(xfer_list, xfer);

/* How transfers reach us, and how we plug in. Completion status: 0 or -errno. */
struct transport {
	const char *name;
	int (*plug)(struct device *dev);
	void (*unplug)(struct device *dev);
	void (*complete)(struct device *dev, const struct xfer *x, int status,
			 const void *data, __u32 actual);
};

/* The one that adapters come through, and another one for those that ask for it, or NULL */
extern const struct transport *transport, *other_transport;
extern const struct transport usbip_transport, usbredir_transport, gadget_transport;
int usbredir_listen(const char *paths);

/* A frame on its way through the adapter, to the bus or to the host. */
struct frame {
	TAILQ_ENTRY(frame) link;
	struct channel *ch;	/* NULL for injected bytes */
	__u32 echo_id;
	struct can_msg msg;
	__u64 ready;		/* in a mailbox since, or late until */
	bool pooled;		/* takes one of the device's buffers */
	bool echo;		/* goes to the host as an echo */
	bool echoed;		/* goes to the bus, its echo is on its way */
	bool elm;		/* wire is a message of the ELM protocol */
	struct fate fate;	/* of the transfer that it came in */
	unsigned int len;
	__u8 *raw;		/* injected: any length */
	__u8 wire[HF_MAX];
};

TAILQ_HEAD(frame_list, frame);

struct bittiming {
	__u32 prop, ps1, ps2, sjw, brp;
};

struct tdc {
	__u32 tdcv, tdco, tdcf, mode;
};

#define FILTER_BANKS	14

/* The filter registers of a bxCAN. */
struct filter {
	__u32 fs1r, fm1r, ffa1r, fa1r, fr1[FILTER_BANKS], fr2[FILTER_BANKS];
};

/* What the referee remembers of a channel. */
struct referee {
	bool reset_seen, bt_seen, dbt_seen, tdc_seen, tdc_bad;
	__u32 outstanding[OUTSTANDING_MAX];
	unsigned int inflight, inflight_max;
};

struct channel {
	TAILQ_ENTRY(channel) link;	/* on its bus */
	struct device *dev;
	unsigned int idx;
	struct bus *bus;	/* the one it is wired to */
	struct bus *joined;	/* the one it takes part in now */
	struct bus *inner;	/* internal loopback */

	bool started;
	bool bus_off_at_start;	/* with the next START */
	__u32 mode;
	bool has_bt, has_dbt, has_tdc;
	struct bittiming bt, dbt;
	struct tdc tdc;
	__u32 termination;
	struct filter filter;	/* for the next START */
	struct filter filter_used;
	unsigned int filters_set;	/* times that the host did so */

	enum can_state state;
	unsigned int tec, rec;
	bool no_ack;		/* the last attempt was not acknowledged */
	struct timer recover;
	struct timer err_timer;	/* ELM: next error report */
	__u64 err_last;
	struct timer flush;	/* ELM: queue cleared without ACK */
	struct timer load_timer;	/* ELM: next report of the bus load */
	unsigned int load_interval;	/* 100 ms */
	__u64 load_before;

	struct frame_list txq, mbox;
	unsigned int txq_len, mbox_len;
	unsigned int overflow;	/* CN: frames lost and not yet told */

	__u64 rx, tx, rx_lost, tx_lost, rx_filtered;
	struct referee ref;
};

/* What the next suspend is to be like */
struct sleep {
	bool at_idle;		/* it comes when the host does not use the device any more */
	bool power_off;		/* VBUS goes; seen at the reset that follows */
	bool unplug;		/* the cable is pulled meanwhile */
};

/* A bulk endpoint for each direction. In the ELM protocol a channel has one for itself, else all
 * share the first.
 */
struct pair {
	bool in_halted, out_halted;
	bool in_live;		/* the host keeps IN transfers pending */
	bool may_end;		/* ELM: all packets of the last OUT transfer were full */
	struct xfer_list in_xfers, out_xfers;
	unsigned int in_pending, out_pending;
	struct frame_list in_fifo;
	unsigned int in_len;
};

struct device {
	TAILQ_ENTRY(device) link;
	char id[32];
	const struct personality *p;

	/* identity, from the personality unless overridden */
	__u16 vid, pid;
	__u32 sw_version, hw_version;
	bool high_speed, plugged;
	bool tdcm;		/* delay compensation by hand, too: no firmware has that yet */
	bool unjudged;		/* whose host may do as it likes */
	const char *manufacturer, *product, *serial, *interface, *config;
	__u32 features;
	/* what BT_CONST says; the referee keeps to the personality */
	__u32 fclk;
	struct bt_limits nominal, data;
	unsigned int nchannels;
	struct channel *channels;

	/* transport */
	const struct transport *transport;
	void *conn;
	int port;
	unsigned int socket;	/* the first of usbredir's that will do */
	char busid[32];

	/* USB state */
	__u8 configuration;
	struct pair pair[MAX_PAIRS];
	unsigned int npairs;
	struct xfer_list ctrl_xfers;
	bool out_dead[2], out_armed[2];
	bool pumping;
	unsigned int packets_s;	/* that the USB carries, both directions; 0: no limit */
	__u64 packets;		/* that it has carried */
	__u64 wire_free;	/* the last one's end */
	struct timer pump_timer;
	bool out_turn;		/* the host's is the next transfer, if it has one */
	unsigned int in_first, out_first;	/* which pair of endpoints is looked at first */

	/* firmware state */
	__u64 epoch;
	__u32 ts0;
	__s64 ppm;		/* how much too fast its clock is */
	struct frame_list tx_fifo, late;
	unsigned int tx_len;
	unsigned int pool_total, pool_used;
	bool identify;
	bool elm, blobs;	/* ELM protocol; its blobs to the host */
	__u32 last_error;
	__u32 leftover;		/* at offset 12 of the last request that was so long */
	__u32 requests;		/* vendor requests seen */
	struct timer late_timer;
	struct frame *swap;	/* an echo held back */

	__u64 in_done, out_done;
	__u32 out_len;		/* of the last OUT transfer that was taken */
	unsigned int inflight, inflight_max;
	/* misbehaviour asked for */
	struct fault_list faults;
	struct timer fault_timer, pull_timer;
	bool pulled;		/* about to be unplugged: answers nothing */
	bool opened;		/* a channel has had its bit timing since power on */
	struct fuzz fuzz;
	__u64 quiet_from;	/* unless the host asks for something before */
	unsigned int suspends, resets;	/* of the bus, as far as we were told */
	bool resuming;		/* suspended or reset, and no channel started since */
	bool power_lost;	/* meanwhile, but the host has not reset us yet */
	struct sleep sleep;
};

TAILQ_HEAD(device_list, device);
extern struct device_list devices;

/* device.c: life cycle and queues */
struct device *device_create(const char *id, const struct personality *p);
int device_setup(struct device *dev, unsigned int nchannels, char *const *bus_names,
		 unsigned int nbuses);
const struct bt_limits *device_data_limits(const struct device *dev);
void device_destroy(struct device *dev);
struct device *device_find(const char *id);
int device_plug(struct device *dev);
void device_unplug(struct device *dev);
void device_power_on(struct device *dev);
void device_configured(struct device *dev);
void device_bus_reset(struct device *dev);
void device_suspended(struct device *dev);
void device_idle(struct device *dev);
bool device_pool_take(struct device *dev);
void device_pool_give(struct device *dev);
struct pair *device_pair(struct device *dev, const struct channel *ch);
bool device_rx_room(const struct channel *ch);
__u32 device_ts(struct device *dev, __u64 t);
void device_to_host(struct device *dev, struct frame *f);
void device_purge_in(struct device *dev, struct channel *ch, bool keep_armed);
int device_inject(struct device *dev, const __u8 *data, unsigned int len);
void device_pump(struct device *dev);

struct frame *frame_get(void);
void frame_put(struct frame *f);

/* usb.c: endpoints */
struct pair *usb_pair(struct device *dev, __u8 ep);
struct xfer *xfer_get(void);
void xfer_put(struct xfer *x);
void usb_submit(struct device *dev, struct xfer *x);
struct xfer *usb_cancel(struct device *dev, __u64 id);
void usb_cancel_all(struct device *dev);
void usb_pump_in(struct device *dev);
void usb_pump_out(struct device *dev);
void usb_clear_halt(struct device *dev, __u8 ep);
void usb_init(struct device *dev);

/* descr.c: descriptors and standard requests */
int std_request(struct device *dev, const __u8 *setup, __u8 *reply);
int descr_config(struct device *dev, __u8 *out);
__u16 descr_mps(const struct device *dev);
unsigned int descr_interfaces(const struct device *dev);

/* ep0.c: vendor requests; reply length, -errno of the transfer, or -EINPROGRESS for no reply */
int ep0_vendor(struct device *dev, const __u8 *setup, const __u8 *data, __u8 *reply);

/* frames.c: the bulk codec */
void frame_encode(struct frame *f, __u8 flags);
void frame_decode(struct frame *f, const __u8 *data, unsigned int len);

/* out.c: what happens to an OUT transfer */
enum out_verdict { OUT_TAKEN, OUT_NAK };
enum out_verdict out_transfer(struct device *dev, const struct xfer *x);
void out_load(struct channel *ch, __u64 t);
void out_echo(struct channel *ch, struct frame *f, __u64 t);
void out_lost(struct frame *f);
void out_queue(struct channel *ch, struct frame *f);
void out_given(struct channel *ch, struct frame *f, const struct xfer *x);

/* channel.c: the CAN controller */
void channel_init(struct channel *ch, struct device *dev, unsigned int idx, struct bus *b);
void channel_power_on(struct channel *ch);
void channel_start(struct channel *ch, __u32 mode);
void channel_stop(struct channel *ch, enum reset_keeps keep);
void channel_set_counters(struct channel *ch, unsigned int tec, unsigned int rec);
void channel_force_bus_off(struct channel *ch);
void channel_recover(struct channel *ch);
void channel_mbox_add(struct channel *ch, struct frame *f, __u64 ready);
struct frame *channel_next(struct channel *ch);
bool channel_sends(const struct channel *ch);
bool channel_acks(const struct channel *ch);
bool channel_hears(const struct channel *ch, const struct channel *from);
bool channel_understands(const struct channel *ch, const struct can_msg *m,
			 __u32 rate, __u32 data_rate);
__u32 channel_rate(const struct channel *ch);
__u32 channel_data_rate(const struct channel *ch);
void channel_lost_arbitration(struct channel *ch, struct frame *f, __u64 t);
void channel_tx_done(struct channel *ch, struct frame *f, enum bus_error err, __u64 t);
void channel_rx(struct channel *ch, const struct can_msg *m, __u64 t);
void channel_rx_error(struct channel *ch, __u64 t);

/* filter.c: what the controller receives */
void filter_accept_all(struct filter *f);
int filter_set(struct channel *ch, const __u8 *data);
bool filter_accepts(const struct channel *ch, const struct can_msg *m);
void filter_print(const struct filter *f, struct buf *out);

/* errframes.c: error frames of each firmware */
void err_state(struct channel *ch, __u64 t);
void err_bus(struct channel *ch, enum bus_error err, bool tx, __u64 t);
void err_recovered(struct channel *ch, __u64 t);
void err_tx_overflow(struct channel *ch, __u64 t);
void err_tx_timeout(struct channel *ch, __u64 t);
void err_stop(struct channel *ch);
void err_timer_fn(struct timer *t);

/* ctl.c */
int ctl_listen(const char *path);
void ctl_event(void);

#endif
