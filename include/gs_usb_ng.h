/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Driver state and the functions that its files offer each other.
 *
 * Who may touch a field is told by a letter in front of its comment:
 *
 *   I: set by probe before the first netdev is registered, constant from then on
 *   M: gs_usb_ng.lock (mutex), which nests inside RTNL; PM, reset and restart callbacks
 *      take the mutex without RTNL
 *   m: written under the mutex, read anywhere (READ_ONCE/WRITE_ONCE)
 *   P: the NAPI poll, and process context once the poll is disabled or synchronised
 *   X: any context, by its own atomicity
 */
#ifndef GS_USB_NG_H
#define GS_USB_NG_H

#include <linux/atomic.h>
#include <linux/can/dev.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/usb.h>
#include <linux/workqueue.h>

#include "dma_pool.h"
#include "gs_usb_wire.h"
#include "profile.h"
#include "timestamp.h"

struct gs_zc_memory;

/* DEVICE_CONFIG counts channels in a u8 from 0; 256 of them would not be addressable by one */
#define GS_USB_NG_CHANNELS_MAX	255

/* IN transfers always queued, unless ethtool -G says otherwise. Mainline has run 30 for ten years;
 * at the 19 packets that a full-speed bus carries in a millisecond this rides out a poll that is
 * 1.5 ms late.
 */
#define GS_USB_NG_RX_RING	32

/* With one, nothing could come in while the poll looks at it. With many, an xHCI driver has to grow
 * the endpoint's ring while it runs: see GS_PROFILE_DEVICE_MAX.
 */
#define GS_USB_NG_RX_RING_MIN	2
#define GS_USB_NG_RX_RING_MAX	128

/* A quarter of the time after which 32 bits of microseconds can't be extended any more */
#define GS_USB_NG_CLOCK_INTERVAL	(1024 * HZ)

/* All control requests made under one hold of RTNL, and each one outside of it */
#define GS_USB_NG_CTRL_TIMEOUT	msecs_to_jiffies(1000)

/* Events on one channel that are counted; names and meaning are in stats.c */
enum gs_channel_stat {
	GS_CH_RX_BAD_DLC,
	GS_CH_RX_BAD_FLAGS,
	GS_CH_RX_FD_OFF,
	GS_CH_RX_STOPPED,
	GS_CH_RX_IN_PLACE,
	GS_CH_RX_COPIED,
	GS_CH_RX_NO_PAGE,
	GS_CH_RX_NO_SKB,
	GS_CH_RX_OVERFLOW,
	GS_CH_ECHO_UNKNOWN,
	GS_CH_ECHO_STALE,
	GS_CH_ECHO_DUPLICATE,
	GS_CH_ECHO_LOST,
	GS_CH_TX_URB_ERRORS,
	GS_CH_TX_ABANDONED,
	GS_CH_TX_NO_SLOT,
	GS_CH_TX_NO_SKB,
	GS_CH_TX_WAITED,
	GS_CH_TX_STUCK,
	GS_CH_NUM
};

/* Events that belong to no channel */
enum gs_device_stat {
	GS_DEV_RX_TRANSFERS,
	GS_DEV_RX_EMPTY,
	GS_DEV_RX_SHORT,
	GS_DEV_RX_BAD_CHANNEL,
	GS_DEV_RX_TRAILING,
	GS_DEV_RX_URB_ERRORS,
	GS_DEV_RX_SUBMIT_ERRORS,
	GS_DEV_NUM
};

/* What an event adds to in the link statistics */
enum gs_link_stat {
	GS_LINK_NONE,
	GS_LINK_RX_FRAME,		/* rx_frame_errors and rx_errors */
	GS_LINK_RX_OVER,		/* rx_over_errors and rx_errors */
	GS_LINK_RX_DROPPED,
	GS_LINK_TX_DROPPED,
	GS_LINK_TX_ABORTED,		/* tx_aborted_errors and tx_dropped */
};

/**
 * struct gs_stat_desc - a counter as people see it
 * @name: in sysfs and ethtool -S
 * @link: what it adds to in the link statistics
 */
struct gs_stat_desc {
	const char *name;
	enum gs_link_stat link;
};

/* gs_tx_frame.state */
#define GS_TX_OWED	0	/* the frame's skb and BQL bytes await one completion */
#define GS_TX_FAILED	1	/* its OUT transfer failed: no echo will come */

/**
 * struct gs_tx_frame - the frame in a TX slot; same index as the slot
 * @state: GS_TX_* bits. Who clears OWED owns @skb and completes BQL. X
 * @skb: echo skb, valid while OWED
 * @echo_id: as sent
 * @frame_len: bytes on the bus, what BQL was told
 * @data_len: payload bytes, for tx_bytes
 * @channel: I: the channel's index
 * @sent: jiffies when it was given to the device
 * @waiting: in gs_usb_ng.tx_waiting while the device is at its cap
 */
struct gs_tx_frame {
	unsigned long state;
	struct sk_buff *skb;
	u32 echo_id;
	u16 frame_len;
	u8 data_len;
	u8 channel;
	unsigned long sent;
	struct list_head waiting;
};

/* What has become of the frames that a channel has in flight */
enum gs_tx_age {
	GS_TX_FRESH,			/* none is old */
	GS_TX_OVERTAKEN,		/* some were old, but newer ones came back: given up */
	GS_TX_OLD,			/* nothing has come back for long */
};

/* gs_channel.events, what the channel's recovery work has to look at */
#define GS_EV_HOLD_BUS_OFF	0	/* keep a self-recovering firmware off the bus */
#define GS_EV_SELF_RECOVERED	1	/* the firmware left bus-off by itself */
#define GS_EV_REFRESH_STATE	2	/* somebody read the error counters: fetch new ones */
#define GS_EV_REFRESH_TDCV	3	/* somebody read the measured delay: fetch a new one */

/**
 * struct gs_channel - one CAN channel, the private part of its net device
 * @can: CAN core; must be first
 * @dev: I: the adapter
 * @netdev: I: back pointer
 * @index: I: channel number on the wire
 * @feature: I: GS_FEATURE_* bits that may be used
 * @bt_const: I: nominal limits
 * @data_bt_const: I: data phase limits
 * @tdc_const: I: limits of the transmitter delay compensation
 * @tx_pool: I: slots for frames to send; memory while the channel is open
 * @open: M: between a successful ndo_open and ndo_stop
 * @running: m: the device was told to start; the poll delivers and completes only then
 * @tx_ring: m: slots that @tx_pool gets when the channel is opened
 * @tx_limit: m: frames that may be in flight: @tx_ring or the channel's share of the device
 * @rx_copybreak: X: frames of at most so many bytes, as a socket counts them, are copied
 * @wire: M: how frames are encoded, while not running
 * @tx_failed: X: 1 if some frame has GS_TX_FAILED
 * @bql_pkts: P: completed and not yet told to BQL
 * @bql_bytes: P: same
 * @bec: error counters as last heard, rx in the high half. X
 * @bec_stamp: X: jiffies when @bec was heard
 * @tdcv: delay measured by the device as last heard, clock periods; negative: unknown. X
 * @tdcv_stamp: X: jiffies when it was asked for
 * @echo_seq: P: gs_dma_slot.seq of the newest frame that was echoed; read anywhere
 * @echo_stamp: P: jiffies of the last echo; read anywhere
 * @events: X: GS_EV_* bits for @work
 * @work: runs on gs_usb_ng.wq
 * @stat: X: counters
 * @frame: one for each slot of @tx_pool
 */
struct gs_channel {
	struct can_priv can;
	struct gs_usb_ng *dev;
	struct net_device *netdev;
	u8 index;
	u32 feature;
	struct can_bittiming_const bt_const;
	struct can_bittiming_const data_bt_const;
	struct can_tdc_const tdc_const;

	struct gs_dma_pool *tx_pool;
	bool open;
	bool running;
	unsigned int tx_ring;
	unsigned int tx_limit;
	unsigned int rx_copybreak;
	struct gs_wire_tx wire;
	atomic_t tx_failed;
	unsigned int bql_pkts;
	unsigned int bql_bytes;

	atomic_t bec;
	unsigned long bec_stamp;
	int tdcv;
	unsigned long tdcv_stamp;
	unsigned long echo_seq;
	unsigned long echo_stamp;
	unsigned long events;
	struct work_struct work;

	atomic64_t stat[GS_CH_NUM];
	struct gs_tx_frame frame[];
};

/* Does the firmware return all of an echo id? Settled by the first echo */
enum gs_generation {
	GS_GENERATION_OFF,
	GS_GENERATION_TRYING,
	GS_GENERATION_ON,
};

/**
 * struct gs_usb_ng - one adapter: interface 0 of a USB device
 * @intf: I: the interface
 * @udev: I: its device
 * @profile: I: what this firmware can take
 * @sw_version: I: as DEVICE_CONFIG said
 * @hw_version: I: same
 * @pipe_in: I: bulk IN
 * @pipe_out: I: bulk OUT
 * @rx_size: I: bytes of an IN transfer
 * @hw_timestamps: I: every channel can stamp, so every channel does
 * @lock: guards the M fields, and serialises open, close, restart, suspend and reset
 * @n_open: M: channels that are open
 * @paused: M: suspended or being reset: no channel runs, open is refused
 * @gone: m: disconnect has begun: requests are not worth a message
 * @hung: M: a request timed out since then: no further one is sent
 * @rx_up: M: the IN pipe is open: memory, transfers and the poll
 * @rx_ring: m: slots that @rx_pool gets when the first channel is opened
 * @rx_memory: I: what @rx_pool is made of; NULL: frames can't go up in place
 * @rx_pool: I: IN slots; memory while @rx_up
 * @napi_dev: I: carries @napi, so that channels may come and go
 * @napi: the one poll of the device
 * @rx_done: X: completed IN slots, newest first
 * @rx_backlog: P: taken from @rx_done, oldest first
 * @rx_failed: X: IN slots whose transfer failed, for @rx_retry
 * @rx_retry: submits them again after a pause
 * @rx_halted: X: the endpoint stalled: no slot is submitted until @rx_retry has cleared it
 * @rx_backoff: X: next pause of @rx_retry, ms
 * @tx_halted: X: the OUT endpoint stalled: what is queued on it is lost
 * @tx_unhalt: clears that
 * @tx_failed: X: 1 if some channel has gs_channel.tx_failed
 * @tx_cap: I: frames that the device may hold for all channels
 * @tx_in_flight: X: frames given to the device and owed
 * @tx_wait_lock: guards @tx_waiting
 * @tx_waiting: frames encoded while the device was at its cap, oldest first
 * @generation: P: read anywhere
 * @clock: device time
 * @clock_due: M: jiffies when a quiet clock has to be read, lest it wraps unseen
 * @tick: once a second while a channel is open: late echoes, @clock
 * @wq: ordered; runs every work item of the device but the CAN core's
 * @log: X: bounds what the device can have written to the log
 * @stat: X: counters
 * @ch_mode: m: GS_WIRE_CH_* of each channel, for the decoder
 * @n_channels: I: entries of @ch
 * @ch: I: the channels, complete before the first one is registered
 */
struct gs_usb_ng {
	struct usb_interface *intf;
	struct usb_device *udev;
	const struct gs_profile *profile;
	u32 sw_version;
	u32 hw_version;
	unsigned int pipe_in;
	unsigned int pipe_out;
	unsigned int rx_size;
	bool hw_timestamps;

	struct mutex lock; /* guards the M fields, serialises life-cycle steps */
	unsigned int n_open;
	bool paused;
	bool gone;
	bool hung;

	bool rx_up;
	unsigned int rx_ring;
	struct gs_zc_memory *rx_memory;
	struct gs_dma_pool *rx_pool;
	struct net_device *napi_dev;
	struct napi_struct napi;
	struct llist_head rx_done;
	struct llist_node *rx_backlog;
	struct llist_head rx_failed;
	struct delayed_work rx_retry;
	bool rx_halted;
	unsigned int rx_backoff;

	bool tx_halted;
	struct work_struct tx_unhalt;
	atomic_t tx_failed;
	unsigned int tx_cap;
	atomic_t tx_in_flight;
	spinlock_t tx_wait_lock; /* guards tx_waiting and gs_tx_frame.waiting */
	struct list_head tx_waiting;
	enum gs_generation generation;

	struct gs_clock clock;
	unsigned long clock_due;
	struct delayed_work tick;
	struct workqueue_struct *wq;

	struct ratelimit_state log;
	atomic64_t stat[GS_DEV_NUM];
	u8 ch_mode[GS_USB_NG_CHANNELS_MAX];
	unsigned int n_channels;
	struct gs_channel *ch[];
};

static inline void gs_usb_ng_count(struct gs_channel *ch, enum gs_channel_stat id)
{
	atomic64_inc(&ch->stat[id]);
}

static inline void gs_usb_ng_dev_count(struct gs_usb_ng *dev, enum gs_device_stat id)
{
	atomic64_inc(&dev->stat[id]);
}

/* To be asked before anything is logged that a device can cause as often as it likes. One limit
 * for all of it, so that a few lines a second are few, and for each device, so that one that talks
 * rubbish does not silence the others.
 */
static inline bool gs_usb_ng_may_log(struct gs_usb_ng *dev)
{
	return __ratelimit(&dev->log);
}

/* Statuses that mean "unlinked" or "gone": nobody's fault, nothing to say */
static inline bool gs_usb_ng_is_unlink(int status)
{
	return status == -ENOENT || status == -ECONNRESET || status == -ESHUTDOWN ||
	       status == -ENODEV || status == -EPERM;
}

/* control.c: until is the jiffy after which no more waiting is done */
int gs_usb_ng_host_format(struct gs_usb_ng *dev, unsigned long until);
int gs_usb_ng_device_config(struct gs_usb_ng *dev, struct gs_device_config *cfg,
			    unsigned long until);
int gs_usb_ng_bt_const(struct gs_usb_ng *dev, u8 channel, struct gs_device_bt_const *bt,
		       unsigned long until);
int gs_usb_ng_bt_const_ext(struct gs_usb_ng *dev, u8 channel, struct gs_device_bt_const_ext *bt,
			   unsigned long until);
int gs_usb_ng_reset(struct gs_usb_ng *dev, u8 channel, unsigned long until);
int gs_usb_ng_start(struct gs_usb_ng *dev, u8 channel, u32 flags, unsigned long until);
int gs_usb_ng_bittiming(struct gs_usb_ng *dev, u8 channel, const struct can_bittiming *bt,
			unsigned long until);
int gs_usb_ng_data_bittiming(struct gs_usb_ng *dev, u8 channel, const struct can_bittiming *bt,
			     unsigned long until);
int gs_usb_ng_timestamp(struct gs_usb_ng *dev, u32 *us, unsigned long until);
int gs_usb_ng_identify(struct gs_usb_ng *dev, u8 channel, bool on, unsigned long until);
int gs_usb_ng_get_termination(struct gs_usb_ng *dev, u8 channel, bool *on, unsigned long until);
int gs_usb_ng_set_termination(struct gs_usb_ng *dev, u8 channel, bool on, unsigned long until);
int gs_usb_ng_get_state(struct gs_usb_ng *dev, u8 channel, struct gs_device_state *state,
			unsigned long until);
int gs_usb_ng_tdc_const(struct gs_usb_ng *dev, u8 channel, struct gs_device_tdc_const *tdc,
			unsigned long until);
int gs_usb_ng_set_tdc(struct gs_usb_ng *dev, u8 channel, const struct can_tdc *tdc, u32 mode,
		      unsigned long until);
int gs_usb_ng_get_tdc(struct gs_usb_ng *dev, u8 channel, struct gs_device_tdc *tdc,
		      unsigned long until);
int gs_usb_ng_clear_halt(struct gs_usb_ng *dev, unsigned int pipe, unsigned long until);

/* channel.c */
int gs_usb_ng_channel_create(struct gs_usb_ng *dev, u8 index,
			     const struct gs_device_bt_const *bt);
void gs_usb_ng_channel_free(struct gs_channel *ch);
void gs_usb_ng_channel_finish(struct gs_channel *ch);
int gs_usb_ng_channel_start(struct gs_channel *ch, unsigned long until);
void gs_usb_ng_channel_stop(struct gs_channel *ch, bool reset, unsigned long until);
void gs_usb_ng_set_bec(struct gs_channel *ch, u16 txerr, u16 rxerr);
void gs_usb_ng_channel_error(struct gs_channel *ch, const struct gs_wire_error *err, u64 hwtstamp);
void gs_usb_ng_share(struct gs_usb_ng *dev);

/* tx.c */
int gs_usb_ng_tx_init(struct gs_channel *ch);
void gs_usb_ng_tx_exit(struct gs_channel *ch);
int gs_usb_ng_tx_open(struct gs_channel *ch);
void gs_usb_ng_tx_close(struct gs_channel *ch);
void gs_usb_ng_tx_stop(struct gs_channel *ch);
void gs_usb_ng_tx_drop_owed(struct gs_channel *ch);
netdev_tx_t gs_usb_ng_tx(struct sk_buff *skb, struct net_device *netdev);
void gs_usb_ng_tx_echo(struct gs_channel *ch, const struct gs_wire_rx *rx, u64 hwtstamp);
void gs_usb_ng_tx_reap_failed(struct gs_usb_ng *dev);
void gs_usb_ng_tx_unhalt(struct gs_usb_ng *dev, unsigned long until);
enum gs_tx_age gs_usb_ng_tx_check_age(struct gs_channel *ch, unsigned long age);
void gs_usb_ng_tx_tell_bql(struct gs_channel *ch);
void gs_usb_ng_tx_wake(struct gs_channel *ch);

/* rx.c */
int gs_usb_ng_rx_init(struct gs_usb_ng *dev);
void gs_usb_ng_rx_exit(struct gs_usb_ng *dev);
int gs_usb_ng_rx_open(struct gs_usb_ng *dev);
void gs_usb_ng_rx_close(struct gs_usb_ng *dev);
void gs_usb_ng_rx_submit(struct gs_usb_ng *dev, struct gs_dma_slot *slot, gfp_t gfp);
void gs_usb_ng_poll_soon(struct gs_usb_ng *dev);

/* recovery.c */
int gs_usb_ng_recovery_init(struct gs_usb_ng *dev);
void gs_usb_ng_recovery_exit(struct gs_usb_ng *dev);
void gs_usb_ng_recovery_channel_init(struct gs_channel *ch);
void gs_usb_ng_recovery_event(struct gs_channel *ch, unsigned int event);
void gs_usb_ng_recovery_cancel(struct gs_channel *ch);
void gs_usb_ng_rx_fault(struct gs_usb_ng *dev, struct gs_dma_slot *slot, int status);
void gs_usb_ng_tx_fault(struct gs_usb_ng *dev, int status);
int gs_usb_ng_restart(struct net_device *netdev, enum can_mode mode);
void gs_usb_ng_resume_channels(struct gs_usb_ng *dev);
void gs_usb_ng_restart_later(struct gs_channel *ch);

/* gs_usb_ng.c */
struct gs_dma_pool *gs_usb_ng_pool_create(struct gs_usb_ng *dev, struct gs_dma_pool_params *params);

/* stats.c */
extern const struct gs_stat_desc gs_usb_ng_channel_stats[GS_CH_NUM];
extern const struct gs_stat_desc gs_usb_ng_device_stats[GS_DEV_NUM];
void gs_usb_ng_get_stats64(struct net_device *netdev, struct rtnl_link_stats64 *stats);

/* sysfs.c */
void gs_usb_ng_sysfs_init(void);
extern const struct attribute_group gs_usb_ng_channel_group;
extern const struct attribute_group *gs_usb_ng_device_groups[];

/* ethtool.c */
extern const struct ethtool_ops gs_usb_ng_ethtool_ops;

#endif /* GS_USB_NG_H */
