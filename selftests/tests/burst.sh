#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Frames as fast as the adapter can deliver them, thousands in a row: a host that is late makes
# the adapter wait. No frame is lost but those that a socket has no room for, which that socket
# counts. GS_TEST_BURSTS=100 makes it a hundred bursts instead of five.
#
# timeout: 900
# guests: uml73 qemu612-smp

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

BURSTS=${GS_TEST_BURSTS:-5}
FRAMES=5000

# bursts COPYBREAK FRAME N PERSONALITY [WORD...]
bursts() {
	local copybreak=$1 frame=$2 bursts=$3 began before=0 i n rx

	shift 3

	emu_ok bus name=t ack=on fast=1
	adapter a "$@" bus=t
	get A netdev a || fail "no interface"
	ok "rx-copybreak" ethtool --set-tunable "$A" rx-copybreak "$copybreak"
	case $frame in
	*##*)	up_fd "$A" ;;
	*)	up "$A" ;;
	esac
	hold large "$A" 16000000
	hold small "$A" 100000
	gs_now
	began=$GS_NOW
	for ((n = 1; n <= bursts; n++)); do
		emu_ok send bus=t frame="$frame" count="$FRAMES"
		bus_idle t
		# what the adapter still has it gives at once, or never
		wait_for 20 "frames of burst $n" delivered $((n * FRAMES))
		get rx link_stat "$A" rx_packets
		read_held large count
		eq "burst $n" "$SAID" "frames=$((rx - before)) dropped=0 dirty=0"
		before=$rx
	done
	gs_now
	note "$((bursts * FRAMES)) frames in $((GS_NOW - began)) hundredths of a second"
	# Five seconds without an IN transfer are what makes it lose frames. None, unless the
	# machine has no time for the guest.
	note "the adapter lost $LOST"
	le "frames that the adapter lost" "$LOST" $((bursts * FRAMES / 100))
	for i in rx_no_skb rx_no_page; do
		eq_said "$i" 0 stat_of "$A" "$i"
	done
	for i in rx_dropped rx_fifo_errors rx_missed_errors; do
		eq_said "$i" 0 link_stat "$A" "$i"
	done

	# The small socket was full long ago; a frame tells how many it had no room for before it
	read_held small count
	n=$(word frames)
	ge "frames in the small socket" "$n" 10
	emu_ok send bus=t frame="$frame"
	wait_for 10 "the last frame" is $((rx + 1)) link_stat "$A" rx_packets
	read_held small count
	eq "frames after that" "$(word frames)" 1
	eq "frames that the small socket had or counts" $((n + $(word dropped))) "$rx"
}

# For conditions: all that were sent have come up, but those that the adapter knows it lost
delivered() {
	get LOST emu_status a:0 rx_lost
	is $(($1 - LOST)) link_stat "$A" rx_packets
}

CLASSIC=123#1122334455667788
FD=123##1$(printf '%0128d' 5)

test_full_speed() { bursts 0 "$CLASSIC" "$BURSTS" candlelight-bx; }
test_full_speed_copied() { bursts 72 "$CLASSIC" 2 candlelight-bx; }
test_high_speed_fd() { bursts 0 "$FD" "$BURSTS" cannectivity; }
test_high_speed_fd_copied() { bursts 72 "$FD" 2 cannectivity; }

ktap_run test_full_speed test_full_speed_copied test_high_speed_fd test_high_speed_fd_copied
