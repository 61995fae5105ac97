/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One row for each vendor request: direction, size, whose it is, and who has it.
 */
#ifndef EMU_EP0_H
#define EMU_EP0_H

#include "device.h"

struct request {
	const char *name;
	bool in;
	bool per_channel;	/* wValue is a channel, wIndex 0 */
	__u16 size;
	__u32 feature;		/* which a device must advertise */
	int (*fn)(struct device *dev, struct channel *ch, const __u8 *data, __u8 *reply);
};

/* NULL for a request that this device does not know. */
const struct request *ep0_lookup(const struct device *dev, const __u8 *setup);

#endif
