// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel log is told of things that a device should not send. Each kind has spells: the
 * first of one is told in full, by who finds it, and when none has come for a while the log says
 * that it is over, and how many they were. All of them are counted.
 */

#include "gs_usb_ng.h"

/* A spell is over when nothing has come for that long. Longer than the pauses of a device that
 * gets every frame wrong, on a bus that carries one a second.
 */
#define GS_ODD_OVER	msecs_to_jiffies(2000)

static const char * const gs_odd_names[GS_ODD_NUM] = {
	[GS_ODD_SHORT] = "IN transfers that are too short",
	[GS_ODD_NOT_ELM] = "IN transfers that are not of ELM's",
	[GS_ODD_CHANNEL] = "frames from unknown channels",
	[GS_ODD_DLC] = "frames with a bad DLC",
	[GS_ODD_FLAGS] = "frames with bad flags",
	[GS_ODD_FD] = "CAN FD frames where FD is off",
	[GS_ODD_ECHO_UNKNOWN] = "echoes of frames that are not out",
	[GS_ODD_ECHO_AGAIN] = "second echoes",
	[GS_ODD_ECHO_STALE] = "stale echoes",
	[GS_ODD_ECHO_LOST] = "lost echoes",
};

/**
 * gs_usb_ng_odd() - something came that should not have, or did not come
 * @dev: the adapter
 * @kind: GS_ODD_*
 *
 * Context: Any.
 * Return: true if the caller is to say so, because it is the first for some time
 */
bool gs_usb_ng_odd(struct gs_usb_ng *dev, enum gs_odd kind)
{
	struct gs_spell *spell = &dev->spell[kind];

	WRITE_ONCE(spell->last, jiffies);
	if (atomic_inc_return(&spell->n) != 1)
		return false;

	gs_usb_ng_look(dev, GS_LOOK_PATIENTLY);

	return gs_usb_ng_may_log(dev);
}

/**
 * gs_usb_ng_odd_look() - say what is over
 * @dev: the adapter
 *
 * Context: Any, one caller at a time.
 * Return: jiffies until that is to be done again, ULONG_MAX if nothing is going on
 */
unsigned long gs_usb_ng_odd_look(struct gs_usb_ng *dev)
{
	unsigned long delay = ULONG_MAX;
	struct gs_spell *spell;
	unsigned int i;
	int n;

	for (i = 0; i < GS_ODD_NUM; i++) {
		spell = &dev->spell[i];
		if (!atomic_read(&spell->n))
			continue;
		if (time_before(jiffies, READ_ONCE(spell->last) + GS_ODD_OVER)) {
			delay = GS_LOOK_PATIENTLY;
			continue;
		}
		n = atomic_xchg(&spell->n, 0);
		if (gs_usb_ng_may_log(dev))
			dev_info(&dev->intf->dev, "no more %s, %d in all\n", gs_odd_names[i], n);
	}

	return delay;
}
