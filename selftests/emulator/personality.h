/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What makes one firmware different from another, as one table row each.
 */
#ifndef EMU_PERSONALITY_H
#define EMU_PERSONALITY_H

#include <linux/types.h>
#include <stdbool.h>

/* Limits of one bit timing, in the order of the wire structure. */
struct bt_limits {
	__u32 tseg1_min, tseg1_max, tseg2_min, tseg2_max;
	__u32 sjw_max, brp_min, brp_max, brp_inc;
};

enum family { FAM_CL, FAM_CL_OLD, FAM_CN, FAM_ELM, FAM_CTP, FAM_GS };

/* When the echo of a transmitted frame is sent. */
enum echo_when { ECHO_AT_MAILBOX, ECHO_AT_DONE, ECHO_AT_ONCE };

/* What happens to an OUT transfer that finds no room. */
enum when_full { FULL_NAK, FULL_DEAD, FULL_DROP };

/* What the wLength of a request is checked against. */
enum len_rule { LEN_EXACT, LEN_MIN, LEN_UNCHECKED };

/* What MODE_RESET leaves behind. */
enum reset_keeps {
	KEEP_ARMED,	/* at most one frame armed on the IN endpoint */
	KEEP_IN,	/* what waits for the host */
	KEEP_ALL,	/* that, and what waits for the bus */
};

/* How a controller comes back from bus-off if the host does not ask for it. */
enum recovery { RECOVER_100MS, RECOVER_BUS, RECOVER_NEVER };

struct personality {
	const char *name;
	enum family family;

	/* descriptors */
	__u16 vid, pid, bcd_usb, bcd_device, mps;
	bool high_speed, dfu, two_out;
	__u8 subclass, protocol, max_power;
	const char *manufacturer, *product, *serial, *interface, *config;

	/* DEVICE_CONFIG and BT_CONST */
	__u8 reserved[3];
	__u32 sw_version, hw_version;
	__u32 features, optional_features;
	unsigned int channels;
	__u32 fclk;
	struct bt_limits nominal, data;

	/* control */
	enum len_rule len_rule;
	__u32 max_wlength;
	bool interface_only;	/* answers recipient interface only */
	bool stall_bad_content;
	bool checks_flags;	/* START with an unadvertised flag fails */
	bool reports_stopped;	/* GET_STATE knows STOPPED */
	bool timestamp_at_sof;
	bool forgets_timing;	/* at close */
	bool breq8_is_dbt;

	/* queues; a size of 0 means no limit of its own */
	unsigned int pool_base, pool_per_channel;
	unsigned int txq, in_queue, mailboxes;
	enum when_full when_full;
	bool one_fifo;		/* one transmit queue for all channels */
	bool in_lifo, tx_by_priority;
	enum echo_when echo_when;
	enum reset_keeps reset_keeps;
	enum recovery recovery;
	__u32 echo_mask;
	bool echo_zeroed, echo_full_data;

	/* what the referee asks of the host */
	__u32 echo_limit;	/* first echo id that is not safe */
	unsigned int inflight_channel;
	unsigned int inflight_device;	/* 0: as below */
	unsigned int inflight_device_per_channel;
	bool short_out_ok;	/* 20 bytes for a classic frame in FD mode */
	bool raw_dlc_ok;	/* classic dlc 9..15 */
};

extern const struct personality personalities[];
extern const unsigned int personality_count;

const struct personality *personality_find(const char *name);

#endif
