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
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "decide.h"
#include "dma_pool.h"
#include "filter.h"
#include "gs_usb_wire.h"
#include "profile.h"
#include "timestamp.h"

struct gs_elm;
struct gs_zc_memory;

/* DEVICE_CONFIG counts channels in a u8 from 0. With 256 of them the last one's number, 255, would
 * do, but their count would not fit into a u8, and no firmware has more than three.
 */
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

/* How often a device is asked for its time, so that its clock is steered without frames, too */
#define GS_USB_NG_CLOCK_INTERVAL	(64 * HZ)

/* All control requests made under one hold of RTNL or by one work item; in probe, each one */
#define GS_USB_NG_CTRL_TIMEOUT	msecs_to_jiffies(1000)

/* And all of probe's together: after two minutes the kernel would complain */
#define GS_USB_NG_PROBE_TIMEOUT	msecs_to_jiffies(100000)

/* Between a look that finds frames overdue and the one that confirms it */
#define GS_LOOK_AGAIN		msecs_to_jiffies(250)

/* Something that may last is looked at that often */
#define GS_LOOK_PATIENTLY	msecs_to_jiffies(500)

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
	GS_CH_TX_ASIDE,
	GS_CH_TX_ABANDONED,
	GS_CH_TX_NO_SLOT,
	GS_CH_TX_NO_SKB,
	GS_CH_TX_WAITED,
	GS_CH_TX_DOUBTED,
	GS_CH_TX_STUCK,
	GS_CH_TX_HUNG,
	GS_CH_BUS_OFF_MISSED,
	GS_CH_BUS_LOAD,
	GS_CH_NUM
};

/* Events that belong to no channel */
enum gs_device_stat {
	GS_DEV_RX_TRANSFERS,
	GS_DEV_RX_EMPTY,
	GS_DEV_RX_SHORT,
	GS_DEV_RX_MALFORMED,
	GS_DEV_RX_BAD_CHANNEL,
	GS_DEV_RX_TRAILING,
	GS_DEV_RX_URB_ERRORS,
	GS_DEV_RX_SUBMIT_ERRORS,
	GS_DEV_RX_UNREAD,
	GS_DEV_RX_NUM,			/* up to here bulk IN's, from here on recovery's */
	GS_DEV_NO_ANSWER = GS_DEV_RX_NUM,
	GS_DEV_REFUSED,
	GS_DEV_BAD_ANSWER,
	GS_DEV_CLEARED_HALTS,
	GS_DEV_USB_RESETS,
	GS_DEV_GAVE_UP,
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

/* What a device may send that it should not, or not send; see log.c */
enum gs_odd {
	GS_ODD_SHORT,
	GS_ODD_NOT_ELM,
	GS_ODD_CHANNEL,
	GS_ODD_DLC,
	GS_ODD_FLAGS,
	GS_ODD_FD,
	GS_ODD_ECHO_UNKNOWN,
	GS_ODD_ECHO_DONE,
	GS_ODD_ECHO_STALE,
	GS_ODD_ECHO_LOST,

	GS_ODD_NUM
};

/* Requests whose failure has no other consequences than a line in the log */
enum gs_tell {
	GS_TELL_RESET,
	GS_TELL_STATE,
	GS_TELL_TDC,
};

/**
 * struct gs_spell - something odd that a device does for a while
 * @n: X: how often since it began; 0: it does not
 * @last: X: jiffies of the last time
 * @told: X: the log knows
 */
struct gs_spell {
	atomic64_t n;
	unsigned long last;
	bool told;
};

/* gs_tx_frame.state */
#define GS_TX_OWED	0	/* the frame's skb and BQL bytes await one completion */
#define GS_TX_FAILED	1	/* its OUT transfer failed, or it was given up */
#define GS_TX_DOUBTFUL	2	/* failed, or given up, but the device may have it */
#define GS_TX_ASIDE	3	/* that, and all is done with it but for the slot and its place */
#define GS_TX_MISSED	4	/* a look has found that its echo should have come by now */

/**
 * struct gs_tx_frame - the frame in a TX slot; same index as the slot
 * @state: GS_TX_* bits. Who clears OWED owns @skb and completes BQL; who clears ASIDE, which the
 *	poll sets, gives slot and place back. X
 * @skb: echo skb, valid while OWED
 * @echo_id: as sent
 * @turn: of the slot's last use, see gs_profile.turns
 * @frame_len: bytes on the bus, what BQL was told
 * @data_len: payload bytes, for tx_bytes
 * @channel: I: the channel's index
 * @sent: jiffies when it was given to the device; read anywhere, of any frame that has a slot
 * @missed: M: jiffies of the look that has set GS_TX_MISSED
 * @waiting: in gs_usb_ng.tx_waiting while the device is at its cap; see gs_usb_ng_tx_waits()
 */
struct gs_tx_frame {
	unsigned long state;
	struct sk_buff *skb;
	u32 echo_id;
	u32 turn;
	u16 frame_len;
	u8 data_len;
	u8 channel;
	unsigned long sent;
	unsigned long missed;
	struct list_head waiting;
};

/* What has become of the frames that a channel has in flight */
enum gs_tx_age {
	GS_TX_FRESH,			/* none is old */
	GS_TX_OVERTAKEN,		/* some were old, but newer ones came back */
	GS_TX_OLD,			/* nothing has come back for long */
};

/**
 * struct gs_tx_view - the same, in detail
 * @age: the worst of them
 * @oldest: gs_dma_slot.seq of the oldest frame that is overdue
 * @since: jiffies when that was given to the device
 * @overdue: how many are
 * @hung: OUT transfers of these that have not ended
 * @hung_since: jiffies when the oldest of them was given to the device
 * @aside: slots of frames that failed, kept aside for long
 * @due: jiffies until some other is overdue; ULONG_MAX: none is in flight
 */
struct gs_tx_view {
	enum gs_tx_age age;
	unsigned long oldest;
	unsigned long since;
	unsigned int overdue;
	unsigned int hung;
	unsigned long hung_since;
	unsigned int aside;
	unsigned long due;
};

/* gs_channel.events, what the channel's recovery work, or the poll, has to look at */
#define GS_EV_HOLD_BUS_OFF	0	/* keep a self-recovering firmware off the bus */
#define GS_EV_SELF_RECOVERED	1	/* the firmware left bus-off by itself */
#define GS_EV_REFRESH_STATE	2	/* somebody read the error counters: fetch new ones */
#define GS_EV_REFRESH_TDCV	3	/* somebody read the measured delay: fetch a new one */
#define GS_EV_MISSED_BUS_OFF	4	/* for the poll: the device has not told, it was asked */

/**
 * struct gs_channel - one CAN channel, the private part of its net device
 * @can: CAN core; must be first. Its state is the poll's while @running and else M; read anywhere
 *	(READ_ONCE/WRITE_ONCE)
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
 * @started: M: the same, and it has not answered a RESET since, so that it may be on the bus: how
 *	often it may be asked yet
 * @identifying: it blinks, and the interface is kept awake for that; RTNL
 * @tx_ring: m: slots that @tx_pool gets when the channel is opened
 * @tx_limit: m: frames that may be in flight: @tx_ring or the channel's share of the device
 * @rx_copybreak: X: frames of at most so many bytes, as a socket counts them, are copied
 * @filter: M: what the device lets pass, from the next start on
 * @filter_sent: M: the device was given one since probe: it has to be told at each start, and to
 *	forget it in the end
 * @wire: M: how frames are encoded, while not running
 * @tx_failed: X: 1 if some frame has GS_TX_FAILED
 * @bql_pkts: P: completed and not yet told to BQL
 * @bql_bytes: P: same
 * @bec: error counters as last heard, rx in the high half. X
 * @bec_stamp: X: jiffies when @bec was heard or asked for
 * @tdcv: delay measured by the device as last heard, clock periods; negative: unknown. X
 * @tdcv_stamp: X: jiffies when it was asked for; ahead where that was in vain
 * @echo_seq: P: gs_dma_slot.seq of the newest frame that was echoed; read anywhere
 * @echo_stamp: P: jiffies of the last echo; read anywhere
 * @health: M: what recovery thinks of the channel
 * @last_sign: M: what the last look has seen
 * @view: M: what has become of the frames in flight
 * @behind: M: those that are overdue were behind another channel's when this look began
 * @doubted: M: gs_tx_view.oldest at the last look that found frames overdue
 * @doubted_since: M: jiffies of the first such look at that frame
 * @doubt_stamp: M: jiffies of the first of those that now have @health doubted
 * @doubted_frames: M: frames received until then
 * @doubted_bytes: M: data bytes in them
 * @mute: M: times in a row that GET_STATE was not answered since the channel was started
 * @mute_stamp: M: jiffies of the last of them
 * @failing: M: BIT(GS_TELL_*) of the requests of which the log was told that they fail
 * @start_fails: M: of a channel that was up: starts in a row that failed, GS_START_* each
 * @start_faults: M: of those, and of restarts after bus-off, by the device's fault
 * @start_error: M: errno of the last start that failed, 0 after one that didn't
 * @start_seq: M: @echo_seq when the channel was started
 * @passive_seq: P: @echo_seq when the device last said that it is error passive; read anywhere
 * @start_rx: M: GS_DEV_RX_TRANSFERS then
 * @start_stamp: m: jiffies then
 * @events: X: GS_EV_* bits for @work and for the poll
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
	unsigned int started;
	bool identifying;
	unsigned int tx_ring;
	unsigned int tx_limit;
	unsigned int rx_copybreak;
	struct gs_filter filter;
	bool filter_sent;
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
	enum gs_health health;
	enum gs_sign last_sign;
	struct gs_tx_view view;
	bool behind;
	unsigned long doubted;
	unsigned long doubted_since;
	unsigned long doubt_stamp;
	unsigned long doubted_frames;
	unsigned long doubted_bytes;
	unsigned int mute;
	unsigned long mute_stamp;
	unsigned long failing;
	unsigned int start_fails;
	unsigned int start_faults;
	int start_error;
	unsigned long start_seq;
	unsigned long passive_seq;
	s64 start_rx;
	unsigned long start_stamp;
	unsigned long events;
	struct work_struct work;

	atomic64_t stat[GS_CH_NUM];
	struct gs_tx_frame frame[];
};

/* Does the firmware return the turn in an echo id, too? Settled by the first echo */
enum gs_generation {
	GS_GENERATION_OFF,
	GS_GENERATION_TRYING,
	GS_GENERATION_ON,
};

/* Pairs of bulk endpoints: CANable 2.5 has one for each channel, and not more channels */
#define GS_USB_NG_PIPES_MAX	3

/**
 * struct gs_usb_ng - one adapter: interface 0 of a USB device
 * @intf: I: the interface
 * @udev: I: its device
 * @profile: I: what this firmware can take
 * @sw_version: I: as DEVICE_CONFIG said
 * @hw_version: I: same
 * @pipe_in: I: bulk IN; those of channels but the first are used in the ELM protocol only
 * @pipe_out: I: bulk OUT; same
 * @n_pipes: m: pairs of them in use
 * @rx_size: m: bytes of an IN transfer
 * @probe_until: I: when probe has to come to an end, jiffies
 * @probing: I: it has not yet
 * @unanswered: I: GS_FEATURE_* that probe asked about without getting an answer
 * @hw_timestamps: I: every channel can stamp, so every channel does
 * @lock: guards the M fields, and serialises open, close, restart, suspend and reset
 * @n_open: M: channels that are open
 * @paused: M: suspended or being reset: no channel runs, what is opened is started afterwards; read
 *	anywhere
 * @roused: it has been resumed
 * @forgetful: M: suspended or reset, and gs_usb_ng_remind() has not succeeded since
 * @reminded: M: how much of that was done: 1 for the device, and 1 for each channel
 * @remind_fails: M: times in a row that the next of it failed
 * @gone: m: disconnect has begun: requests are not worth a message
 * @hung: m: a request timed out since then: no further one is sent
 * @hurry: X: deadline of all requests while RTNL's holder waits for the device, jiffies; 0: it
 *	doesn't
 * @rx_up: M: the IN pipe is open: memory, transfers and the poll
 * @rx_ring: m: slots that @rx_pool gets when the first channel is opened
 * @rx_memory: I: what @rx_legacy is made of; NULL: frames can't go up in place
 * @rx_legacy: I: IN slots of the legacy framing, made of @rx_memory
 * @rx_pool: m: those in use, @rx_legacy or the ELM protocol's; memory while @rx_up
 * @napi_dev: I: carries @napi, so that channels may come and go
 * @napi: the one poll of the device
 * @rx_done: X: completed IN slots, newest first
 * @rx_backlog: P: taken from @rx_done, oldest first
 * @rx_failed: X: IN slots whose transfer failed, for @rx_retry
 * @rx_retry: submits them again after a pause
 * @rx_halted: X: bit N: IN endpoint N stalled: no slot is submitted until @rx_retry has cleared it
 * @rx_backoff: X: last pause of @rx_retry, ms; 0: a transfer has succeeded since
 * @rx_good: X: a transfer has succeeded since @rx_retry ran last
 * @rx_status: X: why a transfer failed last
 * @rx_health: what recovery thinks of the IN pipe; works on @wq only
 * @rx_since: jiffies when it began to do nothing but fail; same, and rx_open
 * @rx_fails: how often it was seen to since; same
 * @tx_halted: X: bit N: OUT endpoint N stalled: what is queued on it is lost
 * @tx_held: X: OUT transfers failed: channels whose frames these were wait until @tx_again
 * @tx_again: X: jiffies
 * @tx_backoff: M: last such pause, ms
 * @tx_status: X: why a transfer failed last
 * @tx_stamp: X: jiffies when it did
 * @tx_health: M: what recovery thinks of the OUT pipe
 * @tx_since: M: jiffies when it began to do nothing but fail
 * @tx_fails: M: how often it was seen to since
 * @tx_seen: M: @tx_stamp at the last look
 * @look_next: M: where the next look begins
 * @answered: M: it has told its configuration during this one
 * @revive_next: M: behind the channel whose start was not answered: where to begin next time
 * @tx_failed: X: 1 if some channel has gs_channel.tx_failed
 * @tx_cap: I: frames that the device may hold for all channels
 * @tx_in_flight: X: frames given to the device that are owed, or whose slots are kept aside
 * @tx_wait_lock: guards @tx_waiting
 * @tx_waiting: frames encoded while the device was at its cap, oldest first
 * @elm: I: what the ELM protocol takes; NULL where the device has none
 * @elm_on: m: it is used instead of the legacy framing; changed while no channel is open
 * @generation: P: read anywhere
 * @clock: device time
 * @clock_due: M: jiffies when the device is to be asked for its time
 * @tick: looks at what is in flight, and for @clock; see gs_usb_ng_tick()
 * @look_lock: guards @watching and @look_at
 * @watching: @tick will look within GS_ECHO_OVERDUE; read anywhere
 * @look_at: then, jiffies
 * @health: M: what recovery thinks of the device
 * @silence: X: requests without an answer since the last answer
 * @silence_rx: X: GS_DEV_RX_TRANSFERS then
 * @silent: called for each of them, in process context; NULL while nobody can look into it
 * @resets: USB resets of this spell of trouble; works on @wq, and post_reset
 * @reset_stamp: jiffies of the last of them; same
 * @start_resets: M: those for channels that couldn't be started, since one could
 * @restart_turn: X: when the next channel has its turn whose restart has failed, jiffies
 * @reset_asked: we have asked for one; same
 * @reset_told: X: the log has told of one, and not yet that the device was programmed after it
 * @late_told: M: the log has told that not all is started again, and not yet that it is
 * @wq: ordered; runs every work item of the device but the CAN core's
 * @debugfs: I: the adapter's directory, made last
 * @log: X: bounds what the device can have written to the log
 * @spell: X: what it does that it should not, for the log
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
	unsigned int pipe_in[GS_USB_NG_PIPES_MAX];
	unsigned int pipe_out[GS_USB_NG_PIPES_MAX];
	unsigned int n_pipes;
	unsigned int rx_size;
	unsigned long probe_until;
	bool probing;
	u32 unanswered;
	bool hw_timestamps;

	struct mutex lock; /* guards the M fields, serialises life-cycle steps */
	unsigned int n_open;
	bool paused;
	wait_queue_head_t roused;
	bool forgetful;
	unsigned int reminded;
	unsigned int remind_fails;
	bool gone;
	bool hung;
	unsigned long hurry;

	bool rx_up;
	unsigned int rx_ring;
	struct gs_zc_memory *rx_memory;
	struct gs_dma_pool *rx_legacy;
	struct gs_dma_pool *rx_pool;
	struct net_device *napi_dev;
	struct napi_struct napi;
	struct llist_head rx_done;
	struct llist_node *rx_backlog;
	struct llist_head rx_failed;
	struct delayed_work rx_retry;
	unsigned long rx_halted;
	unsigned int rx_backoff;
	bool rx_good;
	int rx_status;
	enum gs_health rx_health;
	unsigned long rx_since;
	unsigned int rx_fails;

	unsigned long tx_halted;
	bool tx_held;
	unsigned long tx_again;
	unsigned int tx_backoff;
	int tx_status;
	unsigned long tx_stamp;
	enum gs_health tx_health;
	unsigned long tx_since;
	unsigned int tx_fails;
	unsigned long tx_seen;
	unsigned int look_next;
	bool answered;
	unsigned int revive_next;
	atomic_t tx_failed;
	unsigned int tx_cap;
	atomic_t tx_in_flight;
	spinlock_t tx_wait_lock; /* guards tx_waiting and gs_tx_frame.waiting */
	struct list_head tx_waiting;
	struct gs_elm *elm;
	bool elm_on;
	enum gs_generation generation;

	struct gs_clock clock;
	unsigned long clock_due;
	struct delayed_work tick;
	spinlock_t look_lock; /* guards watching and look_at */
	bool watching;
	unsigned long look_at;
	enum gs_health health;
	unsigned int silence;
	s64 silence_rx;
	void (*silent)(struct gs_usb_ng *dev);
	unsigned int resets;
	unsigned int start_resets;
	unsigned long restart_turn;
	unsigned long reset_stamp;
	bool reset_asked;
	bool reset_told;
	bool late_told;
	struct workqueue_struct *wq;
	struct dentry *debugfs;

	struct ratelimit_state log;
	struct gs_spell spell[GS_ODD_NUM];
	atomic64_t stat[GS_DEV_NUM];
	u8 ch_mode[GS_USB_NG_CHANNELS_MAX];
	unsigned int n_channels;
	struct gs_channel *ch[];
};

/* Which pair of endpoints a channel has */
static inline unsigned int gs_usb_ng_pipe(const struct gs_channel *ch)
{
	return ch->dev->n_pipes > 1 ? ch->index : 0;
}

static inline bool gs_usb_ng_one_shot(const struct gs_channel *ch)
{
	return ch->can.ctrlmode & CAN_CTRLMODE_ONE_SHOT;
}

/* And an IN slot: each endpoint has its share of them */
static inline unsigned int gs_usb_ng_rx_pipe(const struct gs_usb_ng *dev,
					     const struct gs_dma_slot *slot)
{
	return slot->index % dev->n_pipes;
}

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

/* Deadline of a request in probe */
static inline unsigned long gs_usb_ng_probe_until(const struct gs_usb_ng *dev)
{
	unsigned long until = jiffies + GS_USB_NG_CTRL_TIMEOUT;

	return time_before(until, dev->probe_until) ? until : dev->probe_until;
}

/* control.c: until is the jiffy after which no more waiting is done */
unsigned long gs_usb_ng_hurry(struct gs_usb_ng *dev);
void gs_usb_ng_hurry_done(struct gs_usb_ng *dev);
s64 gs_usb_ng_no_answers(const struct gs_usb_ng *dev);
bool gs_usb_ng_is_its_fault(const struct gs_usb_ng *dev, int err, s64 no_answers);
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
int gs_usb_ng_get_filter(struct gs_usb_ng *dev, u8 channel, struct gs_device_filter_info *info,
			 unsigned long until);
int gs_usb_ng_set_filter(struct gs_usb_ng *dev, u8 channel, const struct gs_device_filter *filter,
			 unsigned long until);
int gs_usb_ng_tdc_const(struct gs_usb_ng *dev, u8 channel, struct gs_device_tdc_const *tdc,
			unsigned long until);
int gs_usb_ng_set_tdc(struct gs_usb_ng *dev, u8 channel, const struct can_tdc *tdc, u32 mode,
		      unsigned long until);
int gs_usb_ng_get_tdc(struct gs_usb_ng *dev, u8 channel, struct gs_device_tdc *tdc,
		      unsigned long until);
int gs_usb_ng_bus_load_report(struct gs_usb_ng *dev, u8 channel, u8 interval, unsigned long until);
int gs_usb_ng_clear_halt(struct gs_usb_ng *dev, unsigned int pipe, unsigned long until);

/* channel.c */
int gs_usb_ng_channel_create(struct gs_usb_ng *dev, u8 index,
			     const struct gs_device_bt_const *bt);
void gs_usb_ng_channel_free(struct gs_channel *ch);
void gs_usb_ng_channel_finish(struct gs_channel *ch);
int gs_usb_ng_channel_start(struct gs_channel *ch, unsigned long until);
void gs_usb_ng_channel_wake(struct gs_channel *ch);
int gs_usb_ng_channel_reset(struct gs_channel *ch, unsigned long until);
void gs_usb_ng_channel_stop(struct gs_channel *ch, bool reset, unsigned long until);
void gs_usb_ng_set_bec(struct gs_channel *ch, u16 txerr, u16 rxerr);
void gs_usb_ng_channel_error(struct gs_channel *ch, const struct gs_wire_error *err, u64 hwtstamp);
int gs_usb_ng_choose_filter(struct gs_channel *ch, const struct gs_filter *filter);
void gs_usb_ng_forget_filter(struct gs_channel *ch, unsigned long until);
void gs_usb_ng_share(struct gs_usb_ng *dev);

/* tx.c */
int gs_usb_ng_tx_init(struct gs_channel *ch);
void gs_usb_ng_tx_exit(struct gs_channel *ch);
int gs_usb_ng_tx_open(struct gs_channel *ch);
void gs_usb_ng_tx_close(struct gs_channel *ch);
void gs_usb_ng_tx_unblock(struct gs_channel *ch);
void gs_usb_ng_tx_stop(struct gs_channel *ch);
void gs_usb_ng_tx_drop_owed(struct gs_channel *ch);
netdev_tx_t gs_usb_ng_tx(struct sk_buff *skb, struct net_device *netdev);
void gs_usb_ng_tx_echo(struct gs_channel *ch, const struct gs_wire_rx *rx, u64 hwtstamp);
bool gs_usb_ng_tx_owes(const struct gs_channel *ch, u32 echo_id);
void gs_usb_ng_tx_reap_failed(struct gs_usb_ng *dev);
void gs_usb_ng_tx_unhalt(struct gs_usb_ng *dev, unsigned long until);
void gs_usb_ng_tx_check_age(struct gs_channel *ch, unsigned long age, bool give_up);
bool gs_usb_ng_tx_oldest(struct gs_channel *ch, unsigned long *since);
void gs_usb_ng_tx_give_up(struct gs_channel *ch, unsigned long age);
void gs_usb_ng_tx_free_aside(struct gs_channel *ch, unsigned long age);
int gs_usb_ng_tx_room(const struct gs_channel *ch);
void gs_usb_ng_tx_missed_bus_off(struct gs_channel *ch);
void gs_usb_ng_tx_tell_bql(struct gs_channel *ch);
void gs_usb_ng_tx_wake(struct gs_channel *ch);
void gs_usb_ng_tx_transferred(struct gs_channel *ch, unsigned int index, int status);
void gs_usb_ng_tx_lost(struct gs_channel *ch);

/* rx.c */
int gs_usb_ng_rx_init(struct gs_usb_ng *dev);
void gs_usb_ng_rx_exit(struct gs_usb_ng *dev);
int gs_usb_ng_rx_open(struct gs_usb_ng *dev);
void gs_usb_ng_rx_close(struct gs_usb_ng *dev);
void gs_usb_ng_rx_submit(struct gs_usb_ng *dev, struct gs_dma_slot *slot, gfp_t gfp);
void gs_usb_ng_poll_soon(struct gs_usb_ng *dev);
u64 gs_usb_ng_rx_ask_clock(struct gs_usb_ng *dev, const struct gs_wire_rx *rx);

static __always_inline u64 gs_usb_ng_rx_time(struct gs_usb_ng *dev, const struct gs_wire_rx *rx)
{
	u64 ns;

	if (!rx->has_ts)
		return 0;

	ns = gs_clock_near(&dev->clock, rx->ts_us, jiffies);

	return likely(ns) ? ns : gs_usb_ng_rx_ask_clock(dev, rx);
}

/* elm_path.c */
int gs_usb_ng_elm_module_init(void);
void gs_usb_ng_elm_module_exit(void);
int gs_usb_ng_elm_init(struct gs_usb_ng *dev, u32 feature);
void gs_usb_ng_elm_exit(struct gs_usb_ng *dev);
int gs_usb_ng_elm_switch(struct gs_usb_ng *dev, bool on);
int gs_usb_ng_elm_tx_open(struct gs_channel *ch);
void gs_usb_ng_elm_tx_close(struct gs_channel *ch);
void gs_usb_ng_elm_tx_block(struct gs_channel *ch);
void gs_usb_ng_elm_tx_unblock(struct gs_channel *ch);
void gs_usb_ng_elm_tx_forget(struct gs_channel *ch);
void gs_usb_ng_elm_started(struct gs_channel *ch, unsigned long until);
void gs_usb_ng_elm_tx(struct gs_channel *ch, struct gs_dma_slot *slot, struct sk_buff *skb,
		      bool is_fd);
void gs_usb_ng_elm_flush(struct gs_channel *ch);
unsigned int gs_usb_ng_elm_rx(struct gs_channel *ch, const void *buf, unsigned int len);

/* recovery.c */
int gs_usb_ng_recovery_init(struct gs_usb_ng *dev);
void gs_usb_ng_recovery_exit(struct gs_usb_ng *dev);
void gs_usb_ng_recovery_channel_init(struct gs_channel *ch);
void gs_usb_ng_recovery_event(struct gs_channel *ch, unsigned int event);
void gs_usb_ng_recovery_cancel(struct gs_channel *ch);
void gs_usb_ng_rx_fault(struct gs_usb_ng *dev, struct gs_dma_slot *slot, int status);
void gs_usb_ng_tx_fault(struct gs_channel *ch, int status);
void gs_usb_ng_look(struct gs_usb_ng *dev, unsigned long delay);
void gs_usb_ng_watch(struct gs_usb_ng *dev);
int gs_usb_ng_restart(struct net_device *netdev, enum can_mode mode);
int gs_usb_ng_remind(struct gs_usb_ng *dev, unsigned long until);
void gs_usb_ng_resume_channels(struct gs_usb_ng *dev);
void gs_usb_ng_restart_later(struct gs_channel *ch);

/* log.c */
bool gs_usb_ng_odd(struct gs_usb_ng *dev, enum gs_odd kind);
unsigned long gs_usb_ng_odd_look(struct gs_usb_ng *dev);
void gs_usb_ng_tell_request(struct gs_channel *ch, enum gs_tell request, int err, s64 no_answers);

/* gs_usb_ng.c */
int gs_usb_ng_rouse(struct gs_usb_ng *dev);
struct gs_dma_pool *gs_usb_ng_pool_create(struct gs_usb_ng *dev, struct gs_dma_pool_params *params);

/* stats.c */
extern const struct gs_stat_desc gs_usb_ng_channel_stats[GS_CH_NUM];
extern const struct gs_stat_desc gs_usb_ng_device_stats[GS_DEV_NUM];
void gs_usb_ng_get_stats64(struct net_device *netdev, struct rtnl_link_stats64 *stats);

/* sysfs.c */
void gs_usb_ng_sysfs_init(void);
extern const struct attribute_group gs_usb_ng_channel_group;
extern const struct attribute_group *gs_usb_ng_device_groups[];

/* debugfs.c */
void gs_usb_ng_debugfs_init(void);
void gs_usb_ng_debugfs_exit(void);
void gs_usb_ng_debugfs_add(struct gs_usb_ng *dev);
void gs_usb_ng_debugfs_remove(struct gs_usb_ng *dev);

/* ethtool.c */
extern const struct ethtool_ops gs_usb_ng_ethtool_ops;

#endif /* GS_USB_NG_H */
