#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "make compare", the guest's half: one misbehaviour of the adapter after the other, and what
# becomes of the interface. Which driver has it comes by environment, as does the case to begin
# with, since a case may take the guest down. A line of the result is
#
#	# case NAME: OUTCOME
#
# "Recovers" has the time from the misbehaviour until frames have gone both ways again, with
# nobody's help.
#
# timeout: 1500

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

GS_DRIVER=$GS_TEST_DRIVER
GS_TEST_FROM=${GS_TEST_FROM:-}
# How long an interface may take to come back by itself, seconds
PATIENCE=20

# Each is a function, and the adapter is what does it. (The host's half reads this, too.)
CASES="
lost_echo		loses an echo
lost_echoes		loses twelve echoes
dup_echoes		echoes 20 frames twice
late_echo		echoes three frames six seconds late
swapped_echoes		echoes ten frames in the wrong order
in_errors		fails 40 IN transfers
in_halt			halts the IN endpoint
in_babble		makes 40 IN transfers longer than a frame
in_short		makes 40 IN transfers shorter than a frame
in_empty		makes 40 IN transfers empty
out_errors		fails 20 OUT transfers
out_halt		halts the OUT endpoint
out_hang		doesn't end an OUT transfer
bad_channel		sends a frame of a channel that it doesn't have
bad_dlc			sends 40 frames with a wrong DLC
bad_echo_id		echoes 40 frames that nobody sent
start_stalls		refuses a request to start
start_hangs		doesn't answer a request to start
bus_off_own		is bus-off, and recovers by itself
bus_off_host		is bus-off, and leaves it to the host
no_partner_then_one	has nobody on the bus for six seconds
usb_reset		is reset (USB)
unplug			is unplugged and plugged in again
"

# Complete, whichever driver it is
gs_bound() {
	local n

	gs_usb_dev "$1" &&
		[ "$GS_USB/devices/$GS_DEV:1.0/driver" -ef "$GS_USB/drivers/$GS_DRIVER" ] || return 1
	for n in "$GS_USB/devices/$GS_DEV:1.0/net"/*; do
		[ -e "$n/dev_port" ] || return 1
	done
}

# plug PERSONALITY [WORD...]: one adapter, up and found to work
plug() {
	note "begins ${FUNCNAME[-4]}"
	emu_ok bus name=t ack=on
	adapter a "$1" bus=t "${@:2}"
	A=$(netdev a) || fail "no interface"
	INDEX=$(<"/sys/class/net/$A/ifindex")
	# restart-ms is one of the things that not every driver has
	ip link set "$A" type can bitrate 500000 restart-ms 100 2>/dev/null ||
		ok "configure" ip link set "$A" type can bitrate 500000
	ok "up" ip link set "$A" up
	wait_for 20 "frames both ways" works
	begins
}

# What the adapter does begins now, or what keeps it from working ends
begins() {
	gs_now
	BEGAN=$GS_NOW
}

# Five frames each way within half a second
works() {
	local tx rx until

	tx=$(link_stat "$A" tx_packets)
	rx=$(link_stat "$A" rx_packets)
	emu send bus=t frame=7FF#1122 count=5 >/dev/null
	timeout -s KILL 2 cangen -g 0 -p 100 -n 5 -I 123 -L i -D i "$A" >/dev/null 2>&1
	gs_now
	until=$((GS_NOW + 50))
	while gs_now && [ "$GS_NOW" -lt "$until" ]; do
		[ "$(link_stat "$A" tx_packets)" -ge $((tx + 5)) ] &&
			[ "$(link_stat "$A" rx_packets)" -ge $((rx + 5)) ] && return 0
		gs_pause
	done
	return 1
}

same_interface() {
	[ "$(cat "/sys/class/net/$A/ifindex" 2>/dev/null)" = "$INDEX" ]
}

# Frames both ways, so that what is to go wrong does
provoke() {
	emu send bus=t frame=7FF#3344 count="$1" >/dev/null
	timeout -s KILL 5 cangen -g 0 -p 100 -n "$1" -I 321 -L i -D i "$A" >/dev/null 2>&1
}

# outcome: says what has become of the interface
outcome() {
	judge
	note "case ${FUNCNAME[-4]}: $SAID"
}

judge() {
	local began

	gs_now
	began=$GS_NOW
	while gs_now && [ $((GS_NOW - began)) -lt $((PATIENCE * 100)) ]; do
		if ! same_interface; then
			SAID="net device gone"
			return
		fi
		if works; then
			gs_now
			began=$((GS_NOW - BEGAN + 5))
			SAID="recovers, $((began / 100)).$((began / 10 % 10)) s"
			return
		fi
	done
	timeout 20 ip link set "$A" down && timeout 20 ip link set "$A" up
	if same_interface && works; then
		SAID="dead until taken down and up"
		return
	fi
	replug a
	A=$(netdev a)
	timeout 20 ip link set "$A" up type can bitrate 500000
	if works; then
		SAID="dead until unplugged"
	else
		SAID="dead even when plugged in anew"
	fi
}

# ---- the cases ------------------------------------------------------------------------

# rule WORD...: a rule of the emulator, and traffic that it strikes
rule() {
	plug candlelight-fd
	emu_ok fault id=a "$@"
	provoke 60
	outcome
}

lost_echo() { rule what=drop-echo count=1; }
lost_echoes() { rule what=drop-echo count=12; }
dup_echoes() { rule what=dup-echo count=20; }
late_echo() { rule what=late-echo count=3 us=6000000; }
swapped_echoes() { rule what=swap-echo count=10; }
in_errors() { rule what=in-status status=proto count=40; }
in_halt() { rule what=in-status status=stall count=1; }
out_errors() { rule what=out-status status=proto count=20; }
out_halt() { rule what=out-status status=stall count=1; }
out_hang() { rule what=out-hang count=1; }

# frames HEX COUNT: as IN transfers, between others
frames() {
	plug candlelight-fd
	emu_ok inject id=a hex="$1" count="$2"
	provoke 20
	outcome
}

in_babble() { frames "$(printf '%02000d' 0)" 40; }
in_short() { frames ffffffff7b 40; }
in_empty() { frames "" 40; }
bad_channel() { frames ffffffff7b0000000807000011223344556677880000000000000000 1; }
bad_dlc() { frames ffffffff7b000000ff00000011223344556677880000000000000000 40; }
bad_echo_id() { frames 07f00fff7b0000000800000011223344556677880000000000000000 40; }

# An open that fails, then one that has to work
start_fails() {
	plug candlelight-fd
	down "$A"
	emu_ok fault id=a during=open req=2 "$@"
	begins
	timeout 20 ip link set "$A" up 2>/dev/null
	timeout 20 ip link set "$A" up
	outcome
}

start_stalls() { start_fails what=stall count=1; }
start_hangs() { start_fails what=timeout count=1; }

# A firmware that goes back on the bus by itself, and one that leaves that to the host
bus_off() {
	plug "$1"
	emu_ok busoff id=a ch=0
	outcome
}

bus_off_own() { bus_off candlelight-old; }
bus_off_host() { bus_off gs; }

no_partner_then_one() {
	local until

	plug candlelight-fd
	emu_ok bus name=t ack=off
	provoke 20
	gs_now
	until=$((GS_NOW + 600))
	while gs_now && [ "$GS_NOW" -lt "$until" ]; do
		gs_pause
	done
	begins
	emu_ok bus name=t ack=on
	outcome
}

usb_reset() {
	local dev

	plug candlelight-fd
	provoke 20
	dev=$(usb_path "$(usb_dev a)")
	begins
	emu_ok usbreset id=a
	usb-reset "$(printf '/dev/bus/usb/%03d/%03d' "$(<"$dev/busnum")" "$(<"$dev/devnum")")"
	outcome
}

# The interface has to go; what counts is that the next one works
unplug() {
	plug candlelight-fd
	provoke 20
	emu_ok unplug id=a
	wait_for 20 "end of the adapter" not gs_usb_dev a
	begins
	emu_ok plug id=a
	wait_for 20 "driver bound again" gs_bound a
	A=$(netdev a)
	INDEX=$(<"/sys/class/net/$A/ifindex")
	ok "up" ip link set "$A" up type can bitrate 500000
	outcome
}

# ---------------------------------------------------------------------------------------

# The referee's opinion is not asked for here
gs_no_violations() {
	:
}

names=$(awk -v from="$GS_TEST_FROM" 'NF && (from == "" || $1 == from) { from = ""; print $1 }' \
	<<<"$CASES")
# shellcheck disable=SC2086	# a list
ktap_run $names
