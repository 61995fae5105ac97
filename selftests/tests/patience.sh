#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What goes on for minutes: a device that will not start any more is not reset for ever, and is of use
# again when it will.
#
# It takes minutes by the guest's clock, which leaps.
#
# timeout: 700
# guests: uml612-vtime

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# It refuses each START, of a channel that was up. Three USB resets, and then it is tried by itself
test_refuses_start() {
	local resets

	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t channels=1
	A=$(netdev a) || fail "no interface"
	up "$A"
	emu_all "fault id=a what=drop-echo n=1" "fault id=a what=stall req=2 count=1000000"
	ok "cansend" cansend "$A" 123#11
	leap 300
	resets=$(intf_stat a recovery/usb_resets)
	eq "USB resets in five minutes" "$resets" 3
	eq "gave up" "$(intf_stat a recovery/gave_up)" 0
	is_up "$A" || fail "$A is down"

	emu_ok fault id=a what=none
	on_bus "$A" a:0
	carrier "$A"
	ok "cansend" cansend "$A" 123#12
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	eq "USB resets after that" "$(intf_stat a recovery/usb_resets)" "$resets"
}

ktap_run test_refuses_start
