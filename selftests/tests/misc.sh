#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Termination, identification, error counters and error frames.
#
# timeout: 180
# guests: uml612 qemu61

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

termination() {
	link_json "$A" .linkinfo.info_data.termination
}

# ip shows what the device says at probe, and sets it
test_termination() {
	one candlelight-fd term=1
	eq "termination at first" "$(termination)" 0
	patiently "on" ip link set "$A" type can termination 120
	eq "termination" "$(termination)" 120
	eq_said "the device's" 1 emu_status a:0 termination
	refused "60 ohm" 'invalid' ip link set "$A" type can termination 60
	up "$A"
	eq_said "the device's after up" 1 emu_status a:0 termination
	down "$A"
	patiently "off" ip link set "$A" type can termination 0
	eq "termination" "$(termination)" 0
	eq_said "the device's" 0 emu_status a:0 termination
}

# CANnectivity has it on when power comes
test_termination_initial() {
	one cannectivity term=1
	eq_said "the device's" 1 emu_status a:0 termination
	eq "termination at first" "$(termination)" 120
}

test_termination_per_channel() {
	local b

	one cannectivity term=1 channels=2
	get b netdev a 1
	patiently "off" ip link set "$b" type can termination 0
	eq_said "channel 0" 1 emu_status a:0 termination
	eq_said "channel 1" 0 emu_status a:1 termination
}

test_identify() {
	one cannectivity
	ethtool -p "$A" 4 >/dev/null 2>&1 &
	wait_for 10 "identify on" is 1 emu_status a identify
	wait_for 20 "identify off" is 0 emu_status a identify
	wait $! || fail "ethtool -p"
	up "$A"
	patiently "ethtool -p while up" ethtool -p "$A" 1
	eq_said "identify" 0 emu_status a identify
}

test_identify_refused() {
	one gs
	refused "ethtool -p" 'not supported' ethtool -p "$A" 1
}

test_ethtool_info() {
	one candlelight-fd
	ok "ethtool -i" ethtool -i "$A"
	eq "driver" "$(ethtool -i "$A" | awk '/^driver:/ { print $2 }')" "$GS_DRIVER"
	eq "bus-info" "$(ethtool -i "$A" | awk '/^bus-info:/ { print $2 }')" "$(usb_intf a)"
}

berr() {
	link_json "$A" '.linkinfo.info_data.berr_counter | "\(.tx) \(.rx)"'
}

# Error counters in ip -details, from error frames and by asking the device
test_berr_counter() {
	one candlelight-fd
	up "$A"
	eq "counters at first" "$(berr)" "0 0"
	# a change of state comes with counters
	emu_ok errors id=a ch=0 tec=100 rec=7
	wait_for 10 "counters of the error frame" is "100 7" berr
	eq_said "state" ERROR-WARNING can_state "$A"
	# a change within a state has to be asked for
	emu_ok errors id=a ch=0 tec=110 rec=8
	wait_for 10 "counters of the device" is "110 8" berr
}

# errors PERSONALITY: what user space sees of a channel that gets worse and better again
errors() {
	local states

	one "$1"
	up "$A"
	capture_errors "$GS_TMP/errors" "$A"
	emu_ok errors id=a ch=0 tec=100 rec=3
	wait_for 20 "warning" is ERROR-WARNING can_state "$A"
	emu_ok errors id=a ch=0 tec=140 rec=3
	wait_for 20 "passive" is ERROR-PASSIVE can_state "$A"
	emu_ok errors id=a ch=0 tec=0 rec=0
	wait_for 20 "active" is ERROR-ACTIVE can_state "$A"
	got "$GS_TMP/errors" 3
	# data[1] of each: TX_WARNING, TX_PASSIVE, ACTIVE, once each
	states=$(awk '{ sub(/.*#/, "", $3); printf "%s ", substr($3, 3, 2) }' "$GS_TMP/errors")
	eq "controller status" "$states" "08 20 40 "
	# classes: CRTL, with or without CNT, and nothing that was not asked for
	! awk '{ print substr($3, 1, 8) }' "$GS_TMP/errors" | grep -vqE '^20000[02]04$' ||
		fail "classes: $(<"$GS_TMP/errors")"
	# data[5] is private to some firmware, and counters come with CNT
	awk '{ sub(/.*#/, "", $3); exit substr($3, 11, 2) != "00" }' "$GS_TMP/errors" ||
		fail "data[5] is set: $(<"$GS_TMP/errors")"
	eq_said "warnings" 1 link_json "$A" .linkinfo.info_xstats.error_warning
	eq_said "passives" 1 link_json "$A" .linkinfo.info_xstats.error_passive
	# frames go on
	capture "$GS_TMP/log" "$A"
	emu_ok send bus=t frame=123#
	ok "cansend" cansend "$A" 321#
	got "$GS_TMP/log" 2
}

test_errors_candlelight() { errors candlelight-fd; }
test_errors_candlelight_old() { errors candlelight-old; }
test_errors_cannectivity() { errors cannectivity; }
test_errors_gs() { errors gs; }
test_errors_canable25() { errors canable25; }

ktap_run test_termination test_termination_initial test_termination_per_channel \
	test_identify test_identify_refused test_ethtool_info test_berr_counter \
	test_errors_candlelight test_errors_candlelight_old test_errors_cannectivity \
	test_errors_gs test_errors_canable25
