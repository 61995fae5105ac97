// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bulk codec: host frames to and from CAN frames.
 */
#include "device.h"

#include <string.h>

#include "elm.h"

/*
 * Writes f->wire as the firmware would send it. The frame's flag FD decides
 * about the size, the channel's mode about the timestamp.
 */
void frame_encode(struct frame *f, __u8 flags)
{
	const struct personality *p = f->ch->dev->p;
	bool fd = flags & MSG_FD;
	__u8 *w = f->wire;

	if (f->ch->dev->elm) {
		elm_encode(f, flags);
		return;
	}
	memset(w, 0, sizeof(f->wire));
	put_le32(w + HF_ECHO_ID, f->echo_id);
	w[HF_CHANNEL] = f->ch->idx;
	w[HF_FLAGS] = flags;
	if (!f->echo || !p->echo_zeroed) {
		put_le32(w + HF_CAN_ID, f->msg.id);
		w[HF_DLC] = f->msg.dlc;
		memcpy(w + HF_DATA, f->msg.data, fd ? 64 : 8);
	}
	f->len = fd || (f->echo && p->echo_full_data) ? HF_FD : HF_CLASSIC;
	if (f->ch->mode & F_HW_TIMESTAMP) {
		put_le32(w + f->len, device_ts(f->ch->dev, f->ready));
		f->len += HF_TIMESTAMP;
	}
}

/* The transfer is long enough for the header; missing data bytes are zero. */
void frame_decode(struct frame *f, const __u8 *data, unsigned int len)
{
	unsigned int n = data[HF_FLAGS] & MSG_FD ? 64 : 8;

	if (n > len - HF_DATA)
		n = len - HF_DATA;
	f->echo_id = get_le32(data + HF_ECHO_ID);
	f->msg.id = get_le32(data + HF_CAN_ID) & ~CAN_ERR_FLAG;
	f->msg.dlc = data[HF_DLC] & 15;
	f->msg.flags = data[HF_FLAGS] & HF_FLAGS_OUT;
	if (!(f->msg.flags & MSG_FD))
		f->msg.flags = 0;
	memset(f->msg.data, 0, sizeof(f->msg.data));
	memcpy(f->msg.data, data + HF_DATA, n);
}
