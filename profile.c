// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which firmware is it, and what can it take?
 *
 * All gs_usb devices speak one protocol, but their queues, the bits of an echo id that they keep
 * and the meaning of the newer feature bits differ, and most of them share one VID:PID. This is
 * the one place where firmwares are told apart.
 *
 * Pure: words of the device in, a row of a constant table out. The words can be forged. Whoever
 * forges them gets rules that his device does not keep; nothing else depends on them.
 */
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "elm.h"
#include "gs_usb_wire.h"
#include "profile.h"

/* Bits 6 (USER_ID) and 7 (PAD_PKTS_TO_MAX_PKT_SIZE) are of the common ones, but wear out flash
 * and spoil the framing: nobody shall find them set.
 */
#define GS_PROFILE_COMMON	(GS_FEATURE_COMMON_MASK & ~(BIT(6) | BIT(7)))

/* No device is given more, whatever its channels could take together: that many frames are
 * some milliseconds of USB. Beyond 255 transfers on one endpoint an xHCI driver has to grow the
 * endpoint's ring while it runs, which was seen to stall QEMU's.
 */
#define GS_PROFILE_DEVICE_MAX	128U

/* From this day on a legacy frame can't be taken for a blob of the ELM protocol any more, and bit
 * 15 means that there are blobs, which it did not up to 0x260528.
 */
#define GS_PROFILE_ELM_VERSION	0x260803

enum gs_profile_row {
	GS_PROFILE_UNKNOWN,
	GS_PROFILE_GS,
	GS_PROFILE_CANDLELIGHT,
	GS_PROFILE_CANDLELIGHT_OLD,
	GS_PROFILE_CANDLELIGHT_CLONE,
	GS_PROFILE_CANNECTIVITY,
	GS_PROFILE_ELM,
	GS_PROFILE_CANTACT_PRO,
	GS_PROFILE_BUDGETCAN,
};

/* Limits and quirks by the firmware's sources; where there are none, mainline's 10 frames per
 * channel with echo ids 0..9 have done for ten years.
 */
static const struct gs_profile gs_profiles[] = {
	[GS_PROFILE_UNKNOWN] = {
		.name = "unknown",
		.features = GS_PROFILE_COMMON,
		.in_flight_channel = 10,
		.in_flight_device = 10,
		.cap_per_channel = true,
	},
	/* Geschwister Schneider, CES and other closed firmware */
	[GS_PROFILE_GS] = {
		.name = "gs",
		.features = GS_PROFILE_COMMON,
		.in_flight_channel = 10,
		.in_flight_device = 10,
		.cap_per_channel = true,
	},
	/* candleLight since 2026: a pool of 64 buffers per channel for frames of both directions.
	 * It gives an echo when the frame enters a mailbox of the controller. Its IN endpoint
	 * survives suspend since June 2026, and feature bit 18, by which it is known, is younger:
	 * https://github.com/candle-usb/candleLight_fw/pull/301, .../317
	 */
	[GS_PROFILE_CANDLELIGHT] = {
		.name = "candlelight",
		.features = GS_PROFILE_COMMON | GS_FEATURE_FILTER | GS_FEATURE_TDC |
			    GS_FEATURE_BUS_OFF_RECOVERY,
		.in_flight_channel = 32,
		.in_flight_device = 32,
		.cap_per_channel = true,
		.turn_shift = 8,
		.turns = BIT(24),
		.short_cc = true,
		.autosuspend = true,
	},
	/* Earlier builds may have 64 buffers for all channels together. When they run out, frames
	 * from the bus are lost without notice, so take half of them at most. Filters are older
	 * than bit 18: https://github.com/candle-usb/candleLight_fw/pull/204
	 */
	[GS_PROFILE_CANDLELIGHT_OLD] = {
		.name = "candlelight-old",
		.features = GS_PROFILE_COMMON | GS_FEATURE_FILTER | GS_FEATURE_BUS_OFF_RECOVERY,
		.in_flight_channel = 16,
		.in_flight_device = 32,
		.turn_shift = 8,
		.turns = BIT(24),
	},
	/* Looks like candleLight, but under a name that nobody here has heard of */
	[GS_PROFILE_CANDLELIGHT_CLONE] = {
		.name = "candlelight-clone",
		.features = GS_PROFILE_COMMON | GS_FEATURE_BUS_OFF_RECOVERY,
		.in_flight_channel = 10,
		.in_flight_device = 10,
		.cap_per_channel = true,
	},
	/* One pool of 20 buffers for both directions of all channels. If it is empty when an OUT
	 * transfer ends, that endpoint is dead until the next USB reset:
	 * https://github.com/CANnectivity/cannectivity/issues/217
	 * A classic frame with a raw DLC of 9..15 is dropped without echo.
	 */
	[GS_PROFILE_CANNECTIVITY] = {
		.name = "cannectivity",
		.features = GS_PROFILE_COMMON,
		.in_flight_channel = 8,
		.in_flight_device = 10,
		.one_queue = true,
		.turn_shift = 8,
		.turns = BIT(24),
		.short_cc = true,
		.no_raw_dlc = true,
		.echo_is_ack = true,
	},
	/* CANable 2.5. Echo ids keep 8 bits, and a marker, which is one more than the id and not 0,
	 * has no more of them; echoes of all channels share 70 buffers; a full queue
	 * drops the frame. A raw DLC of 9..15 makes an FD frame of a classic one. Bit 12 isn't
	 * BERR_REPORTING here, and bits 15 up clash with candleLight's:
	 * https://github.com/Elmue/CANable-2.5-firmware-Slcan-and-Candlelight/issues/28
	 */
	[GS_PROFILE_ELM] = {
		.name = "elm",
		.features = GS_PROFILE_COMMON & ~GS_FEATURE_BERR_REPORTING,
		.in_flight_channel = 32,
		.in_flight_device = 32,
		.turn_shift = 5,
		.turns = GS_ELM_TURNS,
		.short_cc = true,
		.no_raw_dlc = true,
		.elm = true,
	},
	/* Echo ids choose one of 16 transmit buffers, and one that is still full drops the frame:
	 * https://github.com/linklayer/cantact-pro-fw
	 */
	[GS_PROFILE_CANTACT_PRO] = {
		.name = "cantact-pro",
		.features = GS_PROFILE_COMMON,
		.in_flight_channel = 10,
		.in_flight_device = 10,
		.cap_per_channel = true,
		.cantact_pro = true,
	},
	/* candleLight on another operating system; a full queue drops frames without a word:
	 * https://github.com/ryedwards/budgetcan_fw
	 */
	[GS_PROFILE_BUDGETCAN] = {
		.name = "budgetcan",
		.features = GS_PROFILE_COMMON,
		.in_flight_channel = 10,
		.in_flight_device = 10,
		.cap_per_channel = true,
	},
};

/**
 * gs_profile_streq() - compare a string that may be missing
 * @s: string of the device or NULL
 * @expected: what it should be
 *
 * Return: true if they are equal
 */
static bool gs_profile_streq(const char *s, const char *expected)
{
	return s && !strcmp(s, expected);
}

/**
 * gs_profile_is_cantact_pro() - mainline's condition for the CANtact Pro's quirks
 * @id: the device's own words
 *
 * Return: true for firmware that takes the data bit timing by request 8
 */
static bool gs_profile_is_cantact_pro(const struct gs_profile_id *id)
{
	return id->vid == 0x1d50 && id->pid == 0x606f && id->sw_version <= 2 &&
	       gs_profile_streq(id->manufacturer, "LinkLayer Labs") &&
	       gs_profile_streq(id->product, "CANtact Pro");
}

/**
 * gs_profile_is_elm() - does a device with feature bit 14 come from the one who defined it?
 * @id: the device's own words, with GS_FEATURE_ELM in its features
 *
 * ELM's hardware version is 0x200 and its software version the day of the build, 0xYYMMDD in BCD,
 * from 2025 on. Other forks may have taken the same bit for something else.
 *
 * Return: true if both versions fit
 */
static bool gs_profile_is_elm(const struct gs_profile_id *id)
{
	unsigned int shift;

	if (id->hw_version != 0x200)
		return false;
	if (id->sw_version < 0x250000 || id->sw_version > 0x999999)
		return false;
	for (shift = 0; shift < 24; shift += 4)
		if (((id->sw_version >> shift) & 0xf) > 9)
			return false;

	return true;
}

/**
 * gs_profile_is_cannectivity() - is it CANnectivity, under whatever VID:PID?
 * @id: the device's own words
 *
 * Return: true for its own VID:PID, and for its interface descriptor, which others don't have
 */
static bool gs_profile_is_cannectivity(const struct gs_profile_id *id)
{
	if (id->vid == 0x1209 && id->pid == 0xca01)
		return true;

	return id->if_class == 0xff && id->if_subclass == 0 &&
	       gs_profile_streq(id->interface, "gs_usb");
}

/**
 * gs_profile_candlelight() - which of candleLight's relatives is it?
 * @id: the device's own words; looks like candleLight
 *
 * The software version has been 2 for many years and dates nothing, but bits do: 18 came in 2026,
 * 6 went in 2022, before candleLight had FD.
 *
 * Return: row number
 */
static enum gs_profile_row gs_profile_candlelight(const struct gs_profile_id *id)
{
	if ((id->feature & BIT(6)) && (id->feature & GS_FEATURE_FD))
		return GS_PROFILE_BUDGETCAN;

	/* "candleLight USB to CAN adapter", "canable gs_usb", "cantact gs_usb" and so on */
	if (!id->product ||
	    (!strstarts(id->product, "candleLight") && !strstr(id->product, "gs_usb")))
		return GS_PROFILE_CANDLELIGHT_CLONE;

	if (id->feature & GS_FEATURE_BUS_OFF_RECOVERY)
		return GS_PROFILE_CANDLELIGHT;

	return GS_PROFILE_CANDLELIGHT_OLD;
}

const struct gs_profile *gs_profile_find(const struct gs_profile_id *id)
{
	enum gs_profile_row row = GS_PROFILE_UNKNOWN;

	if (gs_profile_is_cantact_pro(id)) {
		row = GS_PROFILE_CANTACT_PRO;
	} else if (id->feature & GS_FEATURE_ELM) {
		/* A second check, as bit 14 alone may be anybody's */
		if (gs_profile_is_elm(id))
			row = GS_PROFILE_ELM;
	} else if (id->manufacturer && strstarts(id->manufacturer, "ElmueSoft")) {
		/* ELM before September 2025: 8 bits of echo id, and no mark to go by */
		row = GS_PROFILE_UNKNOWN;
	} else if (gs_profile_is_cannectivity(id)) {
		row = GS_PROFILE_CANNECTIVITY;
	} else if (id->vid == 0x1cd2 && id->pid == 0x606f) {
		row = GS_PROFILE_GS;
	} else if ((id->vid == 0x1d50 && id->pid == 0x606f) ||
		   (id->vid == 0x1209 && id->pid == 0x2323)) {
		if (id->if_class == 0xff && id->if_subclass == 0xff &&
		    id->sw_version == 2 && id->hw_version == 1)
			row = gs_profile_candlelight(id);
		else if (id->sw_version <= 1)
			row = GS_PROFILE_GS;
	}

	return &gs_profiles[row];
}

u32 gs_profile_features(const struct gs_profile *profile, u32 feature)
{
	/* Bit 14 without being ELM: a fork, whose bits above it are its own */
	if (feature & GS_FEATURE_ELM)
		feature &= GS_FEATURE_COMMON_MASK;
	/* Bit 16 is about a bxCAN, which does not know FD */
	if (feature & GS_FEATURE_FD)
		feature &= ~GS_FEATURE_FILTER;

	return feature & profile->features;
}

bool gs_profile_speaks_elm(const struct gs_profile *profile, u32 sw_version, u32 feature)
{
	u32 needed = GS_FEATURE_ELM | GS_FEATURE_ELM_BLOBS;

	return profile->elm && sw_version >= GS_PROFILE_ELM_VERSION && (feature & needed) == needed;
}

unsigned int gs_profile_device_cap(const struct gs_profile *profile, unsigned int n_channels)
{
	unsigned int cap = profile->in_flight_device;

	if (profile->cap_per_channel)
		cap *= max(n_channels, 1U);

	return min(cap, GS_PROFILE_DEVICE_MAX);
}

unsigned int gs_profile_in_flight(const struct gs_profile *profile, unsigned int n_channels,
				  unsigned int n_open)
{
	unsigned int n = profile->one_queue || profile->elm ? n_open : n_channels;
	unsigned int share = gs_profile_device_cap(profile, n_channels) / max(n, 1U);

	return clamp_t(unsigned int, share, 1, profile->in_flight_channel);
}
