#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# How much of the CAN bus full-speed USB can fill. The emulator counts the packets of bulk
# transfers, of which such a bus carries 19 of 64 bytes in a millisecond, both directions
# together, and the time that frames take on the CAN bus. So it is numbers of packets and bits
# that are compared, and no time of this machine: how loaded it is makes no difference.
#
# The kernel's gs_usb sends 76 bytes for each frame of a channel with FD. It is measured, too.
#
# timeout: 200
# guests: uml612

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

PACKETS_PER_MS=19
FRAMES=400

CLASSIC="-L 8"
FD="-f -b -L 64"

bus_counter() {
	emu bus name=t | sed "s/.* $1=\([0-9]*\).*/\1/"
}

# measure WHAT COMMAND...: LOAD is the bus load that the command's frames can have at most, in
# tenths of a percent, PACKETS what one of them took, in hundredths
measure() {
	local what=$1 frames packets busy

	shift
	bus_idle t
	frames=$(bus_counter frames)
	busy=$(bus_counter busy)
	get packets emu_status a packets
	"$@"
	wait_for 60 "$FRAMES frames" at_least $((frames + FRAMES)) bus_counter frames
	bus_idle t
	all_in() {
		[ "$(emu_status a inflight)" = 0 ] && [ "$(emu_status a in_queue)" = 0 ]
	}
	wait_for 20 "end of the echoes" all_in
	frames=$(($(bus_counter frames) - frames))
	busy=$(($(bus_counter busy) - busy))
	packets=$(($(emu_status a packets) - packets))
	eq "frames on the bus" "$frames" "$FRAMES"
	PACKETS=$((packets * 100 / frames))
	# the frames take busy us of the CAN bus, and packets of the USB so many ms
	LOAD=$((busy * PACKETS_PER_MS / packets))
	[ "$LOAD" -le 1000 ] || LOAD=1000
	note "$what: $PACKETS hundredths of a packet and $((busy / frames)) us of bus a frame:" \
	     "$((LOAD / 10)).$((LOAD % 10)) % bus load"
}

# one PERSONALITY [COMMAND...]: at full speed
one() {
	emu_ok bus name=t ack=on
	adapter a "$1" bus=t hs=0 channels=1
	"${@:2}"
	get A netdev a || fail "no interface"
	up_fd "$A" bitrate 1000000 dbitrate 8000000
}

# sends CANGEN-OPTIONS: one data pattern for all
sends() {
	# shellcheck disable=SC2086	# options
	ok "cangen" cangen -g 0 -p 1000 -n "$FRAMES" -I 555 -D 55 $1 "$A"
}

receives() {
	emu_ok send bus=t frame="$1" count="$FRAMES"
}

# Classic frames on a channel with FD on: a packet out and one back
classic() {
	one "$1"
	measure "$1 sends" sends "$CLASSIC"
	eq "packets a frame" "$PACKETS" 200
	ge "bus load, tenths of a percent" "$LOAD" 950
	measure "$1 receives" receives 555#5555555555555555
	eq "packets a frame" "$PACKETS" 100
	ge "bus load, tenths of a percent" "$LOAD" 950
}

# The same with the kernel's driver: the documentation says that it does worse, and by how much
classic_gs_usb() {
	one "$1" by_gs_usb a
	measure "$1, gs_usb, sends" sends "$CLASSIC"
	eq "packets a frame" "$PACKETS" 300
	measure "$1, gs_usb, receives" receives 555#5555555555555555
	eq "packets a frame" "$PACKETS" 100
}

test_classic_gs_usb() { classic_gs_usb candlelight-fd; }
test_classic_candlelight() { classic candlelight-fd; }
test_classic_cannectivity() { classic cannectivity; }

# 64 bytes and their header are two packets, and so is the echo: what the framing allows
fd() {
	one "$1"
	measure "$1 sends" sends "$FD"
	eq "packets a frame" "$PACKETS" 400
	measure "$1 receives" receives "555##1$(printf '55%.0s' {1..64})"
	eq "packets a frame" "$PACKETS" 200
}

test_fd_candlelight() { fd candlelight-fd; }
test_fd_cannectivity() { fd cannectivity; }

ktap_run test_classic_candlelight test_classic_cannectivity test_classic_gs_usb \
	test_fd_candlelight test_fd_cannectivity
