#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Transmitter delay compensation: what "ip link" asks for is what the device is told.
#
# timeout: 120
# guests: uml612 uml73 qemu61

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# fd_up INTERFACE WORD...: data phase at 4 Mbit/s and 80 %; on all of the devices here that
# is a prescaler of 1 or 2, where the CAN core compensates by default
fd_up() {
	up "$1" bitrate 500000 dbitrate 4000000 dsample-point 0.8 fd on "${@:2}"
}

tdc_of() {
	link_json "$1" ".linkinfo.info_data.data_bittiming.tdc.$2"
}

# The core's choice: the offset is the data sample point, in clock periods
test_default() {
	one candlelight-fd
	fd_up "$A"
	eq_said "modes" "FD TDC-AUTO" ctrlmodes "$A"
	# 40 MHz / 4 MHz * 0.8
	eq "tdco" "$(tdc_of "$A" tdco)" 8
	eq_said "mode/tdco/tdcf of the device" "2/8/0" emu_status a:0 tdc
	capture "$GS_TMP/log" "$A"
	ok "cansend" cansend "$A" 123##1.11223344
	got "$GS_TMP/log" 1
}

# Values of a person, and the window
test_given() {
	one candlelight-fd
	fd_up "$A" tdc-mode auto tdco 20 tdcf 30
	eq_said "mode/tdco/tdcf of the device" "2/20/30" emu_status a:0 tdc
	eq "tdcf" "$(tdc_of "$A" tdcf)" 30
	down "$A"
	# and they are sent again at each start, since RESET forgets them
	up "$A"
	eq_said "after another start" "2/20/30" emu_status a:0 tdc
}

# "off" is a value: without it the firmware would compensate as it sees fit
test_off() {
	one candlelight-fd
	fd_up "$A" tdc-mode off
	eq_said "modes" "FD" ctrlmodes "$A"
	eq_said "mode/tdco/tdcf of the device" "1/0/0" emu_status a:0 tdc
	eq "bit 17 of the start" $(($(emu_status a:0 mode) >> 17 & 1)) 1
}

# A classic channel has none, and the device isn't told
test_classic() {
	one candlelight-fd
	up "$A"
	eq_said "mode/tdco/tdcf of the device" "" emu_status a:0 tdc
	eq "bit 17 of the start" $(($(emu_status a:0 mode) >> 17 & 1)) 0
}

# By hand: no firmware offers that yet
test_manual() {
	local v

	one candlelight-fd tdcm=1
	for v in 0 128; do
		refused "tdcv $v" 'invalid|range' ip link set "$A" type can bitrate 500000 \
			dbitrate 4000000 fd on tdc-mode manual tdcv "$v" tdco 12
	done
	fd_up "$A" tdc-mode manual tdcv 7 tdco 12
	eq_said "modes" "FD TDC-MANUAL" ctrlmodes "$A"
	eq "tdcv" "$(tdc_of "$A" tdcv)" 7
	eq_said "mode/tdco/tdcf of the device" "4/12/0" emu_status a:0 tdc
	eq_said "tdcv of the device" 7 emu_status a:0 tdcv
	down "$A"
	fd_up "$A" tdc-mode auto tdco 12
	eq_said "tdcv of the device, automatic" 0 emu_status a:0 tdcv
}

test_refused() {
	one candlelight-fd
	refused "manual" 'supported|invalid' ip link set "$A" type can bitrate 500000 \
		dbitrate 4000000 fd on tdc-mode manual tdcv 5 tdco 8
	refused "tdco" 'invalid|range' ip link set "$A" type can bitrate 500000 \
		dbitrate 4000000 fd on tdc-mode auto tdco 128
	# The firmware says that it takes 0, and then doesn't
	refused "tdco 0" 'invalid|range' ip link set "$A" type can bitrate 500000 \
		dbitrate 4000000 fd on tdc-mode auto tdco 0
	fd_up "$A"
}

measured() {
	[ "$(tdc_of "$A" tdcv)" = 5 ]
}

# The measured delay: a dump answers from memory, and one after it has what the device said.
# candleLight says "off" after some other request had a 1 in the wrong place: not believed.
test_measured() {
	local asked

	one candlelight-fd channels=2
	ok "set" ip link set "$A" type can bitrate 500000 dbitrate 4000000 dsample-point 0.8 fd on
	eq "measured delay of a channel that was never up" "$(tdc_of "$A" tdcv)" null
	fd_up "$A"
	wait_for 10 "measured delay" measured
	up "$B" bitrate 500000 sjw 1
	get asked emu_status a requests
	asked_again() {
		measured || fail "a false 'off' was believed"
		[ "$(emu_status a requests)" -ge $((asked + 2)) ]
	}
	wait_for 10 "requests for the delay" asked_again
}

# A device that doesn't tell the measured delay is asked rarely, however often somebody looks
test_measured_never() {
	local began

	one candlelight-fd
	emu_ok fault id=a what=timeout req=19 count=1000
	fd_up "$A"
	tdc_of "$A" tdcv >"$GS_TMP/first"
	wait_for 10 "request without an answer" is 1 intf_stat a recovery/no_answer
	gs_now
	began=$GS_NOW
	while gs_now && [ "$GS_NOW" -lt $((began + 300)) ]; do
		eq "measured delay" "$(tdc_of "$A" tdcv)" null
	done
	# a machine that stood still has had its pause
	[ "$GS_NOW" -ge $((began + 900)) ] ||
		eq_said "requests without an answer" 1 intf_stat a recovery/no_answer
	ok "cansend" cansend "$A" 123##1.11223344
	wait_for 10 "echo" is 1 link_stat "$A" tx_packets
}

# Bit 17 of others is not this; and nonsense is not used
test_not_offered() {
	local p

	for p in cannectivity candlelight-old canable25; do
		one "$p"
		refused "$p" 'supported|invalid' ip link set "$A" type can bitrate 500000 \
			dbitrate 4000000 fd on tdc-mode auto tdco 8
		emu_ok del id=a
		wait_for 10 "end of $A" not ip link show "$A"
	done
}

ktap_run test_default test_given test_off test_manual test_classic test_refused test_measured \
	test_measured_never test_not_offered
