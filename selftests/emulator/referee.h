/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The referee: what the protocol asks of the host. Each rule that is broken is
 * counted and told by the "violations" command.
 */
#ifndef EMU_REFEREE_H
#define EMU_REFEREE_H

#include "device.h"

attr(format(printf, 4, 5))
void violation(struct device *dev, int ch, const char *rule, const char *fmt, ...);
void violations_print(struct buf *out);
void violations_clear(void);
unsigned int violations_count(const char *rule);

/* Control requests. */
struct request;
void referee_request(struct device *dev, const __u8 *setup, const struct request *r);
void referee_bittiming(struct channel *ch, const struct bittiming *bt,
		       const struct bt_limits *lim, bool data);
bool referee_tdc(struct channel *ch, const struct tdc *tdc);
void referee_mode(struct channel *ch, __u32 mode, __u32 flags);

/* Bulk. */
void referee_out(struct device *dev, const struct xfer *x);
void referee_given(struct channel *ch, __u32 echo_id);
void referee_gone(struct channel *ch, __u32 echo_id);
void referee_forget(struct channel *ch);

#endif
