/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hardware acceptance filters: from a list of CAN ids and masks to the registers of a bxCAN.
 *
 * The controller of STM32 F0 to F4 has 14 filter banks, each of two registers (RM0091, chapter
 * bxCAN, "Identifier filtering"). A bank compares 16 bits of a frame's id, or all of them, under
 * masks or exactly; a frame that no bank knows is not received.
 */
#ifndef GS_USB_NG_FILTER_H
#define GS_USB_NG_FILTER_H

#include <linux/types.h>

#include "gs_usb_wire.h"

/* Banks with four standard ids each, compared exactly, is the most there can be */
#define GS_FILTER_MAX	(4 * GS_FILTER_BANKS)

/**
 * struct gs_filter_pair - frames that shall be received
 * @id: id, with CAN_EFF_FLAG for extended frames
 * @mask: which bits of the id count; CAN_RTR_FLAG: remote frames shall not pass
 *
 * A frame of the format that @id says passes if it is the same as @id in all bits of @mask.
 */
struct gs_filter_pair {
	u32 id;
	u32 mask;
};

/**
 * struct gs_filter - what a channel shall receive
 * @n: pairs; 0: everything
 * @pair: a frame has to match one of them
 */
struct gs_filter {
	unsigned int n;
	struct gs_filter_pair pair[GS_FILTER_MAX];
};

/**
 * gs_filter_parse() - read what a person has written
 * @filter: result; undefined on failure
 * @text: "all", nothing, or pairs separated by white space or commas
 *
 * A pair is id:mask in hexadecimal, as candump takes it: an id of three digits is a standard one,
 * one of eight an extended one. The mask has one to eight digits. Other than with candump a pair
 * is for frames of one format only.
 *
 * Return: 0, -EINVAL for anything else, -ENOSPC for more than GS_FILTER_MAX pairs
 */
int gs_filter_parse(struct gs_filter *filter, const char *text);

/**
 * gs_filter_compile() - registers for a list of pairs
 * @image: result, with all of its bytes set; undefined on failure
 * @filter: what shall be received
 *
 * Two standard pairs or one extended pair take a bank. Those whose mask says that all bits count,
 * and CAN_RTR_FLAG, take half of that.
 *
 * Return: 0, or -ENOSPC if there are not enough banks
 */
int gs_filter_compile(struct gs_device_filter *image, const struct gs_filter *filter);

#endif /* GS_USB_NG_FILTER_H */
