/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Firmware families and what each can take.
 */
#ifndef GS_USB_NG_PROFILE_H
#define GS_USB_NG_PROFILE_H

#include <linux/bits.h>
#include <linux/types.h>

/**
 * struct gs_profile - one firmware family's rules
 * @name: as shown in sysfs
 * @features: feature bits that the driver knows and that have their usual meaning here
 * @in_flight_channel: frames that a channel may have given to the device and not got back
 * @in_flight_device: the same for the whole device; per channel when @cap_per_channel
 * @cap_per_channel: @in_flight_device counts once for each channel the device has
 * @one_queue: frames of all channels leave in the order in which they came, so that one which waits
 *	for a partner holds up those behind it
 * @turn_shift: bits of an echo id that are a slot's number
 * @turns: how often a slot may be used before an echo id comes again, so that a late echo can be
 *	told from a fresh one: by the bits above; 0: the firmware returns, or takes, no others
 * @short_cc: takes 20 bytes for a classic frame on an FD channel
 * @no_raw_dlc: misreads DLC 9..15 of a classic frame
 * @cantact_pro: request 8 is DATA_BITTIMING, nominal limits serve for the data phase, and
 *	OUT frames need the LPC546xx pad byte
 * @elm: error frames have ELM's meaning
 * @echo_is_ack: an echo means that the frame was on the bus
 * @autosuspend: comes back from USB suspend if no channel was started before
 */
struct gs_profile {
	const char *name;
	u32 features;
	u16 in_flight_channel;
	u16 in_flight_device;
	bool cap_per_channel;
	bool one_queue;
	u8 turn_shift;
	u32 turns;
	bool short_cc;
	bool no_raw_dlc;
	bool cantact_pro;
	bool elm;
	bool echo_is_ack;
	bool autosuspend;
};

/**
 * struct gs_profile_id - what a device says of itself, all of it forgeable
 * @vid: idVendor
 * @pid: idProduct
 * @if_class: bInterfaceClass of interface 0
 * @if_subclass: bInterfaceSubClass of interface 0
 * @manufacturer: string or NULL
 * @product: string or NULL
 * @interface: string of interface 0 or NULL
 * @sw_version: DEVICE_CONFIG
 * @hw_version: DEVICE_CONFIG
 * @feature: BT_CONST feature word of channel 0, as received
 */
struct gs_profile_id {
	u16 vid;
	u16 pid;
	u8 if_class;
	u8 if_subclass;
	const char *manufacturer;
	const char *product;
	const char *interface;
	u32 sw_version;
	u32 hw_version;
	u32 feature;
};

/**
 * gs_profile_find() - which family is it?
 * @id: the device's own words
 *
 * Never fails: what nobody knows gets the careful defaults that mainline has used for ten
 * years (echo ids 0..9, 76 bytes for every frame of an FD channel).
 *
 * Return: a row of the constant table.
 */
const struct gs_profile *gs_profile_find(const struct gs_profile_id *id);

/**
 * gs_profile_features() - the feature bits that mean something on this family
 * @profile: the family
 * @feature: the word as received
 *
 * Return: @feature without what the driver doesn't know and without bits that the family uses
 * for something else.
 */
u32 gs_profile_features(const struct gs_profile *profile, u32 feature);

/**
 * gs_profile_next_turn() - count the uses of a slot
 * @profile: the family; with turns
 * @turn: of the last use
 *
 * Return: of the next one
 */
static inline u32 gs_profile_next_turn(const struct gs_profile *profile, u32 turn)
{
	return turn + 1 < profile->turns ? turn + 1 : 0;
}

/**
 * gs_profile_echo_id() - the id of the frame in a slot
 * @profile: the family; with turns
 * @slot: index, below 1 << turn_shift
 * @turn: of this use, below turns
 *
 * Return: the id
 */
static inline u32 gs_profile_echo_id(const struct gs_profile *profile, unsigned int slot, u32 turn)
{
	return slot | turn << profile->turn_shift;
}

/**
 * gs_profile_id_slot() - whose id is it?
 * @profile: the family; with turns
 * @echo_id: any
 *
 * Return: index of the slot, if there is such a one
 */
static inline unsigned int gs_profile_id_slot(const struct gs_profile *profile, u32 echo_id)
{
	return echo_id & (BIT(profile->turn_shift) - 1);
}

/**
 * gs_profile_speaks_elm() - can the ELM protocol be used with this firmware?
 * @profile: the family
 * @sw_version: DEVICE_CONFIG
 * @feature: BT_CONST feature word, as received
 *
 * Return: true for firmware of the ELM family that has blobs and whose faults are known
 */
bool gs_profile_speaks_elm(const struct gs_profile *profile, u32 sw_version, u32 feature);

/**
 * gs_profile_in_flight() - a channel's share of the device
 * @profile: the family
 * @n_channels: channels that the device has
 * @n_open: channels that are open, at least 1
 *
 * It is divided among those that are open where frames of others would wait as well (one queue), or
 * none waits for long (ELM). Elsewhere a channel without a partner would keep what it was lent.
 *
 * Return: clamp(device cap / (@n_open or @n_channels), 1, per-channel limit)
 */
unsigned int gs_profile_in_flight(const struct gs_profile *profile, unsigned int n_channels,
				  unsigned int n_open);

/**
 * gs_profile_device_cap() - frames that the whole device may hold
 * @profile: the family
 * @n_channels: channels that the device has
 *
 * Return: frames, at least 1
 */
unsigned int gs_profile_device_cap(const struct gs_profile *profile, unsigned int n_channels);

#endif /* GS_USB_NG_PROFILE_H */
