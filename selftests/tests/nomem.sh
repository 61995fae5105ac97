#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# No page for a fresh buffer: the slot keeps the one that it has, and the frame is copied and
# counted. None is lost.
#
# Allocations fail one at a time and never two for one frame: the copy finds its memory. Sockets
# sit on the frames, so that pages run out again and again.
#
# timeout: 400
# guests: uml612

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

FAULTS=/sys/kernel/debug/fail_page_alloc

# What page_pool asks for: single pages, from a context that can't wait. 100 % of it, as long as
# there are "times" left.
faults() {
	local word

	[ -d "$FAULTS" ] || fail "no $FAULTS"
	for word in times=0 probability=100 interval=1 space=0 verbose=0 task-filter=N \
		    min-order=0 ignore-gfp-wait=Y ignore-gfp-highmem=Y; do
		echo "${word#*=}" >"$FAULTS/${word%=*}" || fail "$word"
	done
}

# One allocation may fail; no process is started for it, which would allocate a lot
arm() {
	echo 1 >"$FAULTS/times"
}

packets() {
	gs_read "/sys/class/net/$A/statistics/rx_packets"
}

CHUNK=100 CHUNKS_MAX=240 WANTED=1

# chunk NUMBER: frames with numbers, 4 ms apart, and an allocation to fail in between
chunk() {
	local last=$(($1 * CHUNK)) end

	seq $((last - CHUNK + 1)) "$last" | awk '{
		printf "(0.%06d) can0 123#%08X\n", NR * 4000, $1 }' >"$GS_TMP/chunk"
	cat "$GS_TMP/chunk" >>"$GS_TMP/log"
	emu_ok replay bus=t file="$GS_TMP/chunk"
	gs_now
	end=$((GS_NOW + 3000))
	packets
	while [ "$GS_VALUE" -lt "$last" ] && [ "$GS_NOW" -lt "$end" ]; do
		arm
		packets
		gs_now
	done
	wait_for 20 "$last frames" is "$last" link_stat "$A" rx_packets
}

test_no_page() {
	local i=0 n=0 all

	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t
	get A netdev a || fail "no interface"
	up "$A" bitrate 1000000
	hold r "$A" 32000000
	faults
	# how often depends on who else asks for memory
	while [ "$n" -lt "$WANTED" ] && [ "$i" -lt "$CHUNKS_MAX" ]; do
		i=$((i + 1))
		chunk "$i"
		get n stat_of "$A" rx_no_page
	done
	echo 0 >"$FAULTS/probability"
	all=$((i * CHUNK))
	note "no page for $n of $all frames"
	ge "frames without a page" "$n" "$WANTED"
	eq_said "frames copied" "$n" stat_of "$A" rx_copied
	eq_said "frames in place" $((all - n)) stat_of "$A" rx_in_place
	eq_said "rx_no_skb" 0 stat_of "$A" rx_no_skb
	eq_said "rx_dropped" 0 link_stat "$A" rx_dropped
	eq_said "frames that the adapter lost" 0 emu_status a:0 rx_lost
	read_held r show
	eq "frames in the socket" "$SAID" "frames=$all dropped=0 dirty=0"
	frames "$GS_TMP/log" >"$GS_TMP/sent"
	grep '#' "$GS_TMP/r" >"$GS_TMP/received"
	same "sent against received" "$GS_TMP/sent" "$GS_TMP/received"
	down "$A"
	pools_empty a
}

ktap_run test_no_page
