// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of firmware personalities. Whatever differs between them and is
 * not here is in errframes.c (error frames) and channel.c (order of events).
 */
#include "personality.h"

#include <string.h>

#include "gsproto.h"
#include "loop.h"

#define BXCAN_LIMITS	{ 1, 16, 1, 8, 4, 1, 1024, 1 }
#define MCAN_NOMINAL	{ 1, 256, 1, 128, 128, 1, 512, 1 }
#define MCAN_DATA	{ 1, 32, 1, 16, 16, 1, 32, 1 }

#define FEATURES_BX	(F_LISTEN_ONLY | F_LOOP_BACK | F_ONE_SHOT | F_HW_TIMESTAMP | \
			 F_IDENTIFY | F_PAD_PKTS)
#define FEATURES_FD	(F_LISTEN_ONLY | F_LOOP_BACK | F_HW_TIMESTAMP | F_IDENTIFY | \
			 F_PAD_PKTS | F_FD | F_BT_CONST_EXT)
#define FEATURES_2026	(F_BERR_REPORTING | F_GET_STATE | F_BUS_OFF_RECOVERY)

#define ANY_ECHO_ID	ECHO_ID_RX

const struct personality personalities[] = {
	{
		.name = "candlelight-bx", .family = FAM_CL,
		.vid = 0x1d50, .pid = 0x606f, .bcd_usb = 0x0200, .mps = 32,
		.dfu = true, .subclass = 0xff, .protocol = 0xff, .max_power = 75,
		.manufacturer = "bytewerk", .product = "candleLight USB to CAN adapter",
		.serial = "0123456789ABCDEF01234567", .config = "64dc8dc",
		.sw_version = 2, .hw_version = 1,
		.features = FEATURES_BX | FEATURES_2026,
		.optional_features = F_TERMINATION | F_FILTER,
		.channels = 1, .fclk = 48000000, .nominal = BXCAN_LIMITS,
		.len_rule = LEN_MIN, .max_wlength = 132, .timestamp_at_sof = true,
		.pool_per_channel = 64, .mailboxes = 3, .when_full = FULL_NAK,
		.echo_when = ECHO_AT_MAILBOX, .reset_keeps = KEEP_ARMED,
		.recovery = RECOVER_100MS, .echo_mask = ~0u,
		.echo_limit = ANY_ECHO_ID, .inflight_channel = 32,
		.inflight_device_per_channel = 32,
		.short_out_ok = true, .raw_dlc_ok = true,
	}, {
		.name = "candlelight-fd", .family = FAM_CL,
		.vid = 0x1d50, .pid = 0x606f, .bcd_usb = 0x0200, .mps = 64,
		.dfu = true, .subclass = 0xff, .protocol = 0xff, .max_power = 75,
		.manufacturer = "canable.io", .product = "canable gs_usb",
		.serial = "0123456789ABCDEF01234567", .config = "64dc8dc",
		.sw_version = 2, .hw_version = 1,
		.features = FEATURES_FD | FEATURES_2026 | F_TDC,
		.optional_features = F_TERMINATION,
		.channels = 1, .fclk = 40000000, .nominal = MCAN_NOMINAL, .data = MCAN_DATA,
		.len_rule = LEN_MIN, .max_wlength = 132, .timestamp_at_sof = true,
		.pool_per_channel = 64, .mailboxes = 3, .when_full = FULL_NAK,
		.echo_when = ECHO_AT_MAILBOX, .reset_keeps = KEEP_ARMED,
		.recovery = RECOVER_100MS, .echo_mask = ~0u,
		.echo_limit = ANY_ECHO_ID, .inflight_channel = 32,
		.inflight_device_per_channel = 32,
		.short_out_ok = true, .raw_dlc_ok = true,
	}, {
		.name = "candlelight-old", .family = FAM_CL_OLD,
		.vid = 0x1209, .pid = 0x2323, .bcd_usb = 0x0200, .mps = 32,
		.dfu = true, .subclass = 0xff, .protocol = 0xff, .max_power = 75,
		.manufacturer = "bytewerk", .product = "candleLight USB to CAN adapter",
		.serial = "76543210FEDCBA9876543210", .config = "9b1b2a5",
		.sw_version = 2, .hw_version = 1,
		.features = FEATURES_BX,
		.channels = 1, .fclk = 48000000, .nominal = BXCAN_LIMITS,
		.len_rule = LEN_UNCHECKED, .timestamp_at_sof = true,
		.pool_base = 64, .mailboxes = 3, .when_full = FULL_NAK,
		.echo_when = ECHO_AT_MAILBOX, .reset_keeps = KEEP_ALL,
		.recovery = RECOVER_BUS, .echo_mask = ~0u,
		.echo_limit = ANY_ECHO_ID, .inflight_channel = 32, .inflight_device = 32,
		.short_out_ok = true, .raw_dlc_ok = true,
	}, {
		.name = "cannectivity", .family = FAM_CN,
		.vid = 0x1209, .pid = 0xca01, .bcd_usb = 0x0201, .bcd_device = 0x0130,
		.mps = 512, .high_speed = true, .two_out = true, .max_power = 125,
		.manufacturer = "CANnectivity", .product = "CANnectivity USB to CAN adapter",
		.serial = "35002A000F51383236333432", .interface = "gs_usb",
		.sw_version = 2, .hw_version = 1,
		.features = F_LISTEN_ONLY | F_LOOP_BACK | F_ONE_SHOT | F_HW_TIMESTAMP |
			    F_IDENTIFY | F_FD | F_BT_CONST_EXT | F_GET_STATE,
		.optional_features = F_TERMINATION | F_TRIPLE_SAMPLE,
		.channels = 2, .fclk = 80000000,
		.nominal = { 2, 256, 2, 128, 128, 1, 512, 1 }, .data = MCAN_DATA,
		.len_rule = LEN_EXACT, .interface_only = true, .stall_bad_content = true,
		.checks_flags = true, .reports_stopped = true,
		.pool_base = 20, .mailboxes = 3, .when_full = FULL_DEAD, .one_fifo = true,
		.echo_when = ECHO_AT_DONE, .echo_zeroed = true, .reset_keeps = KEEP_IN,
		.recovery = RECOVER_BUS, .echo_mask = ~0u,
		.echo_limit = ANY_ECHO_ID, .inflight_channel = 8, .inflight_device = 10,
		.short_out_ok = true,
	}, {
		.name = "gs", .family = FAM_GS,
		.vid = 0x1d50, .pid = 0x606f, .bcd_usb = 0x0200, .mps = 64,
		.subclass = 0xff, .protocol = 0xff, .max_power = 50,
		.manufacturer = "Geschwister Schneider Technologie- und Vertriebs UG.",
		.product = "Geschwister Schneider USB/CAN", .serial = "GS000001",
		.sw_version = 1, .hw_version = 1,
		.features = F_LISTEN_ONLY | F_LOOP_BACK | F_TRIPLE_SAMPLE | F_ONE_SHOT,
		.channels = 1, .fclk = 36000000, .nominal = BXCAN_LIMITS,
		.len_rule = LEN_UNCHECKED,
		.txq = 32, .in_queue = 64, .mailboxes = 3, .when_full = FULL_NAK,
		.echo_when = ECHO_AT_DONE, .reset_keeps = KEEP_IN,
		.recovery = RECOVER_NEVER, .echo_mask = ~0u,
		.echo_limit = 10, .inflight_channel = 10, .inflight_device_per_channel = 10,
	}, {
		.name = "ces", .family = FAM_GS,
		.vid = 0x1cd2, .pid = 0x606f, .bcd_usb = 0x0200, .mps = 64,
		.subclass = 0xff, .protocol = 0xff, .max_power = 50,
		.manufacturer = "CES", .product = "CANext FD", .serial = "CES000001",
		.sw_version = 2, .hw_version = 1,
		.features = F_LISTEN_ONLY | F_LOOP_BACK | F_ONE_SHOT | F_IDENTIFY |
			    F_FD | F_BT_CONST_EXT,
		.channels = 1, .fclk = 80000000, .nominal = MCAN_NOMINAL, .data = MCAN_DATA,
		.len_rule = LEN_UNCHECKED,
		.txq = 32, .in_queue = 64, .mailboxes = 3, .when_full = FULL_NAK,
		.echo_when = ECHO_AT_DONE, .echo_full_data = true, .reset_keeps = KEEP_IN,
		.recovery = RECOVER_NEVER, .echo_mask = ~0u,
		.echo_limit = 10, .inflight_channel = 10, .inflight_device_per_channel = 10,
	}, {
		.name = "cantact-pro", .family = FAM_CTP,
		.vid = 0x1d50, .pid = 0x606f, .bcd_usb = 0x0200, .bcd_device = 0x0101,
		.mps = 512, .high_speed = true, .subclass = 0xff, .protocol = 0xff,
		.max_power = 125,
		.manufacturer = "LinkLayer Labs", .product = "CANtact Pro",
		.sw_version = 2, .hw_version = 1,
		.features = F_LISTEN_ONLY | F_LOOP_BACK | F_IDENTIFY | F_FD,
		.channels = 2, .fclk = 40000000,
		.nominal = { 1, 16, 1, 16, 4, 1, 1024, 1 },
		.data = { 1, 16, 1, 16, 4, 1, 1024, 1 },
		.len_rule = LEN_MIN, .breq8_is_dbt = true,
		.in_queue = 1000, .mailboxes = 16, .when_full = FULL_DROP,
		.in_lifo = true, .tx_by_priority = true,
		.echo_when = ECHO_AT_ONCE, .reset_keeps = KEEP_IN,
		.recovery = RECOVER_NEVER, .echo_mask = ~0u,
		.echo_limit = 16, .inflight_channel = 10, .inflight_device_per_channel = 10,
	}, {
		.name = "budgetcan", .family = FAM_CL_OLD,
		.vid = 0x1d50, .pid = 0x606f, .bcd_usb = 0x0200, .mps = 64,
		.dfu = true, .subclass = 0xff, .protocol = 0xff, .max_power = 75,
		.manufacturer = "budgetcan", .product = "budgetcan gs_usb",
		.serial = "4242424242424242", .sw_version = 2, .hw_version = 1,
		.features = F_LISTEN_ONLY | F_LOOP_BACK | F_HW_TIMESTAMP | F_IDENTIFY |
			    F_USER_ID | F_PAD_PKTS | F_FD | F_BT_CONST_EXT,
		.optional_features = F_TERMINATION,
		.channels = 1, .fclk = 64000000, .nominal = MCAN_NOMINAL, .data = MCAN_DATA,
		.len_rule = LEN_UNCHECKED,
		.txq = 32, .in_queue = 32, .mailboxes = 3, .when_full = FULL_DROP,
		.echo_when = ECHO_AT_MAILBOX, .reset_keeps = KEEP_IN,
		.recovery = RECOVER_BUS, .echo_mask = ~0u,
		.echo_limit = ANY_ECHO_ID, .inflight_channel = 10,
		.inflight_device_per_channel = 10,
	}, {
		.name = "canable25", .family = FAM_ELM,
		.vid = 0x1d50, .pid = 0x606f, .bcd_usb = 0x0200, .bcd_device = 0x2608,
		.mps = 64, .dfu = true, .subclass = 0xff, .protocol = 0xff, .max_power = 75,
		.manufacturer = "ElmueSoft (netcult.ch/elmue)",
		.product = "Candlelight 2.5 - CANable MKS 2.0", .serial = "205E34875842500101",
		.interface = "CAN FD Interface",
		.reserved = { 1, 2, 6 }, .sw_version = 0x260803, .hw_version = 0x200,
		.features = F_LISTEN_ONLY | F_LOOP_BACK | F_ONE_SHOT | F_HW_TIMESTAMP |
			    F_IDENTIFY | F_FD | F_BT_CONST_EXT | F_GET_STATE |
			    F_ELM_PROTOCOL | F_ELM_BLOBS,
		.optional_features = F_TERMINATION,
		.channels = 1, .fclk = 160000000, .nominal = MCAN_NOMINAL, .data = MCAN_DATA,
		.len_rule = LEN_MIN, .reports_stopped = true, .forgets_timing = true,
		.txq = 64, .in_queue = 70, .mailboxes = 3, .when_full = FULL_DROP,
		.echo_when = ECHO_AT_MAILBOX, .reset_keeps = KEEP_IN,
		.recovery = RECOVER_BUS, .echo_mask = 0xff,
		.echo_limit = 256, .inflight_channel = 32, .inflight_device = 32,
		.short_out_ok = true,
	},
};

const unsigned int personality_count = ARRAY_SIZE(personalities);

const struct personality *personality_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < personality_count; i++)
		if (!strcmp(personalities[i].name, name))
			return &personalities[i];
	return NULL;
}
