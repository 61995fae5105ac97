#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Byte queue limits: what was told to be sent was sent and is told to be done, one frame too many
# and no more is out when the limit is reached, also if the queue has hundreds of frames to give
# in one go (xmit_more).
#
# timeout: 60
# guests: uml612

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

bql() {
	gs_read "/sys/class/net/$A/queues/tx-0/byte_queue_limits/$1"
	echo "$GS_VALUE"
}

set_bql() {
	echo "$2" >"/sys/class/net/$A/queues/tx-0/byte_queue_limits/$1" || fail "$1"
}

# A firmware that echoes a frame when it was on the bus, and a bus that does not acknowledge
one() {
	emu_ok bus name=t ack=off
	adapter a cannectivity bus=t
	get A netdev a || fail "no interface"
}

# size: bytes of a frame of 8 bytes, as BQL is told
size() {
	up "$A"
	ok "cansend" cansend "$A" 123#1122334455667788
	wait_for 20 "frame in flight" is 1 emu_status a:0 inflight
	SIZE=$(bql inflight)
	ge "bytes of a frame" "$SIZE" 13
	le "bytes of a frame" "$SIZE" 24
	down "$A"
	eq "bytes in flight while down" "$(bql inflight)" 0
}

# full FRAMES N: the queue is full of FRAMES, and N of them are out
full() {
	wait_for 20 "$2 frames in flight" is "$2" emu_status a:0 inflight
	eq_said "slots in use" "$2" stat_of "$A" tx_pool_in_use
	eq "bytes in flight" "$(bql inflight)" $(($2 * SIZE))
}

test_limit() {
	local n frames=100 sent=0

	one
	size
	for n in 1 3 6; do
		set_bql limit_min $((n * SIZE))
		set_bql limit_max $((n * SIZE))
		up "$A"
		for _ in 1 2; do
			cangen -g 0 -p 60000 -n "$frames" -I 123 -L 8 -D i "$A" &
			full "$frames" $((n + 1))
			# they were all in the queue before the first was done
			wait $! || fail "cangen"
			full "$frames" $((n + 1))
			sent=$((sent + frames))
			emu_ok bus name=t ack=on
			wait_for 20 "$sent frames" is "$sent" link_stat "$A" tx_packets
			wait_for 20 "end of all bytes" is 0 bql inflight
			emu_ok bus name=t ack=off
		done
		eq_said "frames that were too many at once" $((n + 1)) emu_status a:0 inflight_max
		# given up: nothing is told twice, which the kernel takes for a bug
		cangen -g 0 -p 60000 -n "$frames" -I 123 -L 8 -D i "$A" &
		full "$frames" $((n + 1))
		down "$A"
		eq "bytes in flight while down" "$(bql inflight)" 0
		wait
	done
}

ktap_run test_limit
