#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Which adapters the driver takes, what it makes of each, and what it leaves alone.
#
# timeout: 180
# guests: uml73 qemu61

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

profile_is() {
	eq_said "profile of $1" "$2" intf_stat "$1" firmware/profile
}

# Up and a frame from the bus: what was enumerated works.
works() {
	local id=$1 iface

	get iface netdev "$id" || fail "adapter $id has no interface"
	up "$iface"
	capture "$GS_TMP/log" "$iface"
	emu_ok send bus="b$id" frame=123#1122
	got "$GS_TMP/log" 1
	stop_capture
	eq "frame" "$(frames "$GS_TMP/log")" "123#1122"
	down "$iface"
	pools_empty "$id"
}

# Protocol 1.1: every id that is known to be a gs_usb device
test_known_ids() {
	local id n=0

	for id in 1d50:606f 1209:2323 1cd2:606f 16d0:10b8 16d0:0f30 1209:ca01; do
		n=$((n + 1))
		adapter "i$n" candlelight-bx vid="${id%:*}" pid="${id#*:}"
		works "i$n"
		emu_ok del id="i$n"
	done
}

# ... and the neighbours that are not: CANnectivity's boot loader and test builds
test_foreign_ids() {
	local id n=0

	for id in 1209:ca02 1209:0001; do
		n=$((n + 1))
		adapter_unbound "f$n" cannectivity vid="${id%:*}" pid="${id#*:}"
	done
	# what is plugged in later is bound already when nothing has happened to these
	adapter x candlelight-bx
	eq "driver of 1209:ca02" "$(intf_driver "$(usb_intf f1)")" ""
	eq "driver of 1209:0001" "$(intf_driver "$(usb_intf f2)")" ""
}

test_new_id() {
	local ids=$GS_USB/drivers/$GS_DRIVER/new_id

	adapter_unbound n cannectivity vid=1209 pid=0001
	echo 1209 0001 >"$ids" || fail "new_id refused"
	wait_for 20 "driver bound by new_id" gs_bound n
	profile_is n cannectivity
	works n
	echo 1209 0001 >"$GS_USB/drivers/$GS_DRIVER/remove_id" || fail "remove_id refused"
}

# One subtest for each personality: its name in sysfs, and that it works
# personality PERSONALITY PROFILE [WORD...]
personality() {
	adapter p "$1" bus=bp "${@:3}"
	profile_is p "$2"
	works p
}

test_candlelight_bx() { personality candlelight-bx candlelight; }
test_candlelight_fd() { personality candlelight-fd candlelight; }
test_candlelight_old() { personality candlelight-old candlelight-old; }
test_cannectivity() { personality cannectivity cannectivity; }
test_gs() { personality gs gs; }
test_ces() { personality ces gs; }
test_cantact_pro() { personality cantact-pro cantact-pro; }
test_budgetcan() { personality budgetcan budgetcan; }
test_canable25() { personality canable25 elm; }
# before it had a protocol of its own, or a state to be asked for
test_canable25_early() {
	personality canable25 unknown features=53b sw=250801
	refused "ELM's protocol" 'not supported' dd status=none <<<elm \
		of="$GS_USB/drivers/$GS_DRIVER/$(usb_intf p)/protocol"
}

# Only interface 0 is ours: DFU on interface 1 stays free for dfu-util
test_interface_0_only() {
	local dev

	adapter d candlelight-fd
	get dev usb_dev d
	[ -d "$(usb_path "$dev:1.1")" ] || fail "the adapter has no interface 1"
	eq_said "driver of interface 0" "$GS_DRIVER" intf_driver "$dev:1.0"
	eq_said "driver of interface 1" "" intf_driver "$dev:1.1"
}

channels() {
	local want=$1 ch iface

	adapter c cannectivity channels="$want"
	eq "number of interfaces" "$(find "$(usb_path "$(usb_intf c)")/net" -mindepth 1 \
		-maxdepth 1 | wc -l)" "$want"
	for ((ch = 0; ch < want; ch++)); do
		get iface netdev c "$ch" || fail "no channel $ch"
		eq "dev_id of $iface" "$(($(cat "/sys/class/net/$iface/dev_id")))" "$ch"
		eq "parent of $iface" "$(basename "$(readlink -f "/sys/class/net/$iface/device")")" \
			"$(usb_intf c)"
	done
	netdev c "$want" && fail "there is a channel $want"
	works c
}

test_channels_1() { channels 1; }
test_channels_3() { channels 3; }
test_channels_40() { channels 40; }

# 256 don't fit the protocol
test_channels_256() {
	adapter_unbound big cannectivity channels=256
	wait_for 20 "refusal of 256 channels" log_has 'claims 256 channels'
	eq "driver" "$(intf_driver "$(usb_intf big)")" ""
}

# High speed and full speed, packets of 32, 64 and 512 bytes
test_speeds() {
	adapter s1 cannectivity hs=0
	eq "speed" "$(cat "$(usb_path "$(usb_dev s1)")/speed")" 12
	works s1
	adapter s2 cannectivity hs=1
	eq "speed" "$(cat "$(usb_path "$(usb_dev s2)")/speed")" 480
	works s2
}

# Strings are a courtesy. Without a serial the adapter is found by being the only one.
test_no_strings() {
	local n=

	emu_ok add id=mute personality=candlelight-bx serial= strings=0
	no_strings_bound() {
		for n in "$GS_USB/drivers/$GS_DRIVER"/*:*/net/*; do
			[ -e "${n%/net/*}/pool_rx/capacity" ] && return
		done
		return 1
	}
	wait_for 20 "driver bound to it" no_strings_bound
	n=$(basename "$GS_USB/drivers/$GS_DRIVER"/*:*/net/*)
	[ ! -e "/sys/class/net/$n/device/../product" ] || fail "it has a product string"
	eq "profile" "$(cat "/sys/class/net/$n/device/firmware/profile")" candlelight-clone
	up "$n"
	capture "$GS_TMP/log" "$n"
	emu_ok send bus=bmute frame=123#
	got "$GS_TMP/log" 1
}

# Limits that would have the CAN core divide by zero are refused, and it is said why
nonsense() {
	adapter_unbound bad candlelight-fd "$1"
	wait_for 20 "refusal of $1" log_has "$2"
	eq "driver of one with $1" "$(intf_driver "$(usb_intf bad)")" ""
	emu_ok del id=bad
	wait_for 20 "end of it" not usb_dev bad
}

test_nonsense_limits() {
	nonsense brp_inc=0 'limits: '
	nonsense brp_min=0 'limits: '
	nonsense brp_max=0 'limits: '
	nonsense tseg1_max=0 'limits: '
	nonsense tseg2_max=0 'limits: '
	nonsense sjw_max=0 'limits: '
	nonsense fclk=0 'limits: '
	adapter good candlelight-fd
}

# A device that was left running is stopped at probe
test_reset_at_probe() {
	local intf

	adapter r candlelight-fd
	get intf usb_intf r
	up "$(netdev r)"
	emu_ok wait id=r cond=started timeout=10000
	# the RESET that says goodbye gets lost, as in a crash
	emu_ok fault id=r what=stall req=2
	gs_unbind "$intf"
	eq_said "started after unbind" 1 emu_status r:0 started
	gs_bind "$intf"
	wait_for 20 "driver" gs_bound r
	eq_said "started after bind" 0 emu_status r:0 started
}

ktap_run test_known_ids test_foreign_ids test_new_id test_candlelight_bx \
	test_candlelight_fd test_candlelight_old test_cannectivity test_gs test_ces \
	test_cantact_pro test_budgetcan test_canable25 test_canable25_early \
	test_interface_0_only test_channels_1 test_channels_3 test_channels_40 \
	test_channels_256 test_speeds test_no_strings test_nonsense_limits test_reset_at_probe
