/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ELM protocol: its messages, and the transfers they come in.
 */
#ifndef EMU_ELM_H
#define EMU_ELM_H

#include <linux/types.h>
#include <stdbool.h>

struct channel;
struct device;
struct frame;
struct pair;
struct xfer;

#define ELM_TX_FRAME	0x0a
#define ELM_TX_ECHO	0x0b
#define ELM_RX_FRAME	0x0c
#define ELM_ERROR	0x0d
#define ELM_STRING	0x0e
#define ELM_BUS_LOAD	0x0f
#define ELM_TX_BLOB	0x10
#define ELM_RX_BLOB	0x11

#define ELM_BLOB_MAX	2048
#define ELM_BLOB_COUNT	251

void elm_encode(struct frame *f, __u8 flags);
struct frame *elm_blob(struct device *dev, struct pair *pair, struct frame *f);
void elm_out(struct device *dev, const struct xfer *x);
void elm_string(struct channel *ch, const char *text);
void elm_report_load(struct channel *ch, __u8 interval);
void elm_mode(struct device *dev, __u32 flags);

#endif
