// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel log is told of things that a device should not send. Each kind has spells, one
 * for all channels: the first of a spell is told in full, by who finds it, and when none has come
 * for a while the log says that it is over, and how many they were. All of them are counted.
 * And of requests that fail, where nothing else would tell.
 */

#include "gs_usb_ng.h"

/* A spell is over when nothing has come for that long: one that comes now and then makes a few
 * lines a minute
 */
#define GS_ODD_OVER	msecs_to_jiffies(10000)

static const char * const gs_odd_names[GS_ODD_NUM] = {
	[GS_ODD_SHORT] = "IN transfers that are too short",
	[GS_ODD_NOT_ELM] = "IN transfers that are not of ELM's",
	[GS_ODD_CHANNEL] = "frames from unknown channels",
	[GS_ODD_DLC] = "frames with a bad DLC",
	[GS_ODD_FLAGS] = "frames with bad flags",
	[GS_ODD_FD] = "CAN FD frames where FD is off",
	[GS_ODD_ECHO_UNKNOWN] = "echoes of frames that are not out",
	[GS_ODD_ECHO_DONE] = "echoes of frames that are done",
	[GS_ODD_ECHO_STALE] = "stale echoes",
	[GS_ODD_ECHO_LOST] = "lost echoes",
};

/**
 * gs_usb_ng_odd() - something came that should not have, or did not come
 * @dev: the adapter
 * @kind: GS_ODD_*
 *
 * Context: Any.
 * Return: true if the caller is to say so, because nobody has for some time
 */
bool gs_usb_ng_odd(struct gs_usb_ng *dev, enum gs_odd kind)
{
	struct gs_spell *spell = &dev->spell[kind];

	WRITE_ONCE(spell->last, jiffies);
	if (atomic64_inc_return(&spell->n) == 1)
		gs_usb_ng_look(dev, GS_LOOK_PATIENTLY);
	/* Not told before now if the log had its share already */
	if (READ_ONCE(spell->told) || !gs_usb_ng_may_log(dev))
		return false;

	WRITE_ONCE(spell->told, true);
	return true;
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
	s64 n;

	for (i = 0; i < GS_ODD_NUM; i++) {
		spell = &dev->spell[i];
		/* Pairs with the increment: of what was counted, it sees when */
		if (!atomic64_read_acquire(&spell->n))
			continue;
		if (time_before(jiffies, READ_ONCE(spell->last) + GS_ODD_OVER)) {
			delay = GS_LOOK_PATIENTLY;
			continue;
		}
		/* Who has said A says B, later if the log has had its share */
		if (READ_ONCE(spell->told) && !gs_usb_ng_may_log(dev)) {
			delay = GS_LOOK_PATIENTLY;
			continue;
		}
		n = atomic64_xchg(&spell->n, 0);
		if (xchg(&spell->told, false))
			dev_info(&dev->intf->dev, "no more %s, %lld in all\n", gs_odd_names[i], n);
	}

	return delay;
}

/**
 * gs_usb_ng_tell_request() - what became of a request whose failure has no other consequences
 * @ch: the channel; lock held
 * @request: which
 * @err: what it ended with, 0 for success
 * @no_answers: gs_usb_ng_no_answers() before it
 *
 * The log is told when it begins to fail, by the device's fault, and when it succeeds again.
 *
 * Context: Process, the device's lock.
 */
void gs_usb_ng_tell_request(struct gs_channel *ch, enum gs_tell request, int err, s64 no_answers)
{
	static const char * const names[] = {
		[GS_TELL_RESET] = "reset",
		[GS_TELL_STATE] = "state",
		[GS_TELL_TDC] = "delay compensation",
	};
	struct gs_usb_ng *dev = ch->dev;

	lockdep_assert_held(&dev->lock);

	if (!err == !(ch->failing & BIT(request)) || READ_ONCE(dev->gone))
		return;
	if (err && !gs_usb_ng_is_its_fault(dev, err, no_answers))
		return;
	if (!gs_usb_ng_may_log(dev))
		return;

	ch->failing ^= BIT(request);
	if (err)
		netdev_warn(ch->netdev, "%s request failed: %pe\n", names[request], ERR_PTR(err));
	else
		netdev_info(ch->netdev, "%s request succeeds again\n", names[request]);
}
