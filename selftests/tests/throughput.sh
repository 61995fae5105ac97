#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Frames sent as fast as full-speed USB and the CAN bus allow, in time: 19 packets of 64 bytes in a
# millisecond, both directions together, and a bus on which a frame takes as long as its bits do.
# busload.sh counts packets; here it is seen, too, if there are too few frames in flight, or either
# wire rests while there is something to do.
#
# Nothing but the two takes time in this guest, so the numbers are the same on any machine: those of
# a host that is never late.
#
# timeout: 200
# guests: uml612-vtime

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

FRAMES=600

# The shortest frames that there are, so the most a second
CLASSIC="-L 8 -D 5555555555555555"
FD="-f -b -L 64 -D $(printf '55%.0s' {1..64})"

# one PERSONALITY [BUS-WORD...]: on a full-speed port
one() {
	emu_ok bus name=t ack=on "${@:2}"
	adapter a "$1" bus=t channels=1 hs=0 packets_s=19000
	get A netdev a || fail "no interface"
}

classic_up() {
	up "$A" bitrate 1000000
}

fd_up() {
	up_fd "$A" bitrate 1000000 dbitrate 8000000
}

# The same adapter with the kernel's own driver: it speaks the legacy framing alone
to_gs_usb() {
	down "$A"
	by_gs_usb a
	get A netdev a || fail "no interface of gs_usb"
}

to_elm() {
	gs_usb_dev a
	echo elm >"$GS_USB/drivers/$GS_DRIVER/$GS_DEV:1.0/protocol" || fail "no ELM mode"
}

# measure WHAT CANGEN-OPTIONS: from the begin of the first frame on the bus to the end of the last one,
# RATE is frames a second and LOAD the bus load, tenths of a percent
measure() {
	local sent

	get sent link_stat "$A" tx_packets
	# it sleeps while its socket is full
	# shellcheck disable=SC2086	# options
	ok "cangen" cangen -g 0 -p 1000 -n "$FRAMES" -I 555 $2 "$A"
	wait_for 20 "echoes" is $((sent + FRAMES)) link_stat "$A" tx_packets
	bus_idle t
	emu buslog bus=t | grep -v ' err=' >"$GS_TMP/bus"
	has_lines "$FRAMES" "$GS_TMP/bus" || fail "too few frames on the bus"
	read -r RATE LOAD < <(tail -n "$FRAMES" "$GS_TMP/bus" | awk '
		{ sub(/dur=/, "", $4) }
		NR == 1 { begin = $1 - $4 }
		{ busy += $4; end = $1 }
		END {
			us = end - begin
			print int(NR * 1000000 / us), int(busy * 1000 / us)
		}')
	note "$1: $RATE frames/s, $((LOAD / 10)).$((LOAD % 10)) % bus load"
}

# Classic frames on a channel with FD on, which gs_usb makes as long as FD frames
classic() {
	one "$1"
	fd_up
	measure "$1 sends classic frames" "$CLASSIC"
	ge "bus load, tenths of a percent" "$LOAD" 950
}

test_classic_candlelight() {
	classic candlelight-fd
	to_gs_usb
	fd_up
	measure "the same by gs_usb" "$CLASSIC"
}

test_classic_cannectivity() { classic cannectivity; }

# 64 bytes and their header are two packets, and so is the echo: what the framing allows, less one
# percent for the begin
fd() {
	one "$1"
	fd_up
	measure "$1 sends FD frames" "$FD"
	ge "frames/s" "$RATE" $((19000 * 99 / 400))
}

test_fd_candlelight() { fd candlelight-fd; }
test_fd_cannectivity() { fd cannectivity; }

# faster PERCENT classic|fd CANGEN-OPTIONS: ELM's blobs than gs_usb, by so much at least
faster() {
	local elm

	to_elm
	"$2_up"
	measure "$2 frames in blobs" "$3"
	elm=$RATE
	to_gs_usb
	"$2_up"
	measure "$2 frames by gs_usb" "$3"
	ge "percent of gs_usb's frames/s" $((elm * 100 / RATE)) "$1"
}

# By gs_usb they fill the bus already, so that is one without bit times
test_elm_classic() {
	one canable25 fast=1
	faster 200 classic "$CLASSIC"
}

test_elm_fd() {
	one canable25
	faster 150 fd "$FD"
}

ktap_run test_classic_candlelight test_classic_cannectivity test_fd_candlelight \
	test_fd_cannectivity test_elm_classic test_elm_fd
