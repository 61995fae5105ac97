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

#define XFER_DATA	512
#define CTRL_MAX	256
#define MAX_CHANNELS	256
#define OUTSTANDING_MAX	256

struct device;

/* A transfer that the host has given us. */
struct xfer {
	TAILQ_ENTRY(xfer) link;
	__u64 id;
	__u8 ep;		/* with the direction bit */
	__u8 setup[8];
	__u32 len;		/* of the host's buffer or data */
	bool seen;		/* by the rules for OUT transfers */
	bool hung;		/* never to be completed */
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

extern const struct transport *transport;
extern const struct transport usbip_transport, usbredir_transport;
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
	__u32 mode;
	bool has_bt, has_dbt, has_tdc;
	struct bittiming bt, dbt;
	struct tdc tdc;
	__u32 termination;

	enum can_state state;
	unsigned int tec, rec;
	bool no_ack;		/* the last attempt was not acknowledged */
	struct timer recover;
	struct timer err_timer;	/* ELM: next error report */
	__u64 err_last;
	struct timer flush;	/* ELM: queue cleared without ACK */

	struct frame_list txq, mbox;
	unsigned int txq_len, mbox_len;
	unsigned int overflow;	/* CN: frames lost and not yet told */

	__u64 rx, tx, rx_lost, tx_lost;
	struct referee ref;
};

struct device {
	TAILQ_ENTRY(device) link;
	char id[32];
	const struct personality *p;

	/* identity, from the personality unless overridden */
	__u16 vid, pid;
	__u32 sw_version, hw_version;
	bool high_speed, plugged;
	const char *manufacturer, *product, *serial, *interface, *config;
	__u32 features;
	/* what BT_CONST says; the referee keeps to the personality */
	__u32 fclk;
	struct bt_limits nominal, data;
	unsigned int nchannels;
	struct channel *channels;

	/* transport */
	void *conn;
	int port;
	char busid[32];

	/* USB state */
	__u8 configuration;
	bool in_halted, out_halted;
	bool in_live;		/* the host keeps IN transfers pending */
	struct xfer_list in_xfers, out_xfers, ctrl_xfers;
	unsigned int in_pending, out_pending;
	bool out_dead[2], out_armed[2];
	bool pumping;

	/* firmware state */
	__u64 epoch;
	__u32 ts0;
	struct frame_list in_fifo, tx_fifo, late;
	unsigned int in_len, tx_len;
	unsigned int pool_total, pool_used;
	bool identify;
	__u32 last_error;
	__u32 leftover;		/* at offset 12 of the last request that was so long */
	__u32 requests;		/* vendor requests seen */
	struct timer late_timer;
	struct frame *swap;	/* an echo held back */

	__u64 in_done, out_done;
	unsigned int inflight, inflight_max;
	/* misbehaviour asked for */
	struct fault_list faults;
	struct timer fault_timer, pull_timer;
	bool pulled;		/* about to be unplugged: answers nothing */
	bool opened;		/* a channel has had its bit timing since power on */
	struct fuzz fuzz;
	__u64 quiet_from;	/* unless the host asks for something before */
	bool resuming;		/* suspended or reset, and no channel started since */
};

TAILQ_HEAD(device_list, device);
extern struct device_list devices;

/* device.c: life cycle and queues */
struct device *device_create(const char *id, const struct personality *p);
int device_setup(struct device *dev, unsigned int nchannels, char *const *bus_names,
		 unsigned int nbuses);
void device_destroy(struct device *dev);
struct device *device_find(const char *id);
int device_plug(struct device *dev);
void device_unplug(struct device *dev);
void device_power_on(struct device *dev);
void device_configured(struct device *dev);
void device_bus_reset(struct device *dev);
void device_suspended(struct device *dev);
bool device_pool_take(struct device *dev);
void device_pool_give(struct device *dev);
bool device_rx_room(struct device *dev);
__u32 device_ts(struct device *dev, __u64 t);
void device_to_host(struct device *dev, struct frame *f);
void device_purge_in(struct device *dev, struct channel *ch, bool keep_armed);
int device_inject(struct device *dev, const __u8 *data, unsigned int len);
void device_pump(struct device *dev);

struct frame *frame_get(void);
void frame_put(struct frame *f);

/* usb.c: endpoints */
struct xfer *xfer_get(void);
void xfer_put(struct xfer *x);
void usb_submit(struct device *dev, struct xfer *x);
struct xfer *usb_cancel(struct device *dev, __u64 id);
void usb_cancel_all(struct device *dev);
void usb_pump_in(struct device *dev);
void usb_pump_out(struct device *dev);
void usb_clear_halt(struct device *dev, __u8 ep);

/* descr.c: descriptors and standard requests */
int std_request(struct device *dev, const __u8 *setup, __u8 *reply);
int descr_config(struct device *dev, __u8 *out);

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
void channel_tx_done(struct channel *ch, struct frame *f, enum bus_error err, __u64 t);
void channel_rx(struct channel *ch, const struct can_msg *m, __u64 t);
void channel_rx_error(struct channel *ch, __u64 t);

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
