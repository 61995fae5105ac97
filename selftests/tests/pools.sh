#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The pools' books balance: under traffic, while a socket sits on frames, after ifdown, after the
# cable was pulled. debugfs tells who holds a slot, and can be read whatever happens meanwhile.
#
# timeout: 180
# guests: uml612

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

DEBUGFS=/sys/kernel/debug/gs_usb_ng
RX_RING=32
UNREAD=1000
# fewer frames in a page there may be, more there can't: they would be smaller than their skb
MOST_IN_PAGE=16

# one PERSONALITY [WORD...]: adapter a with interface A
one() {
	emu_ok bus name=t ack=on fast=1
	adapter a "$1" bus=t "${@:2}"
	get A netdev a || fail "no interface"
}

tx_pool() {
	stat_of "$A" "tx_pool_$1"
}

rx_pool() {
	intf_stat a "pool_rx/$1"
}

# books: in use and free are all there are, and what can't be is not
books() {
	local p

	for p in tx_pool rx_pool; do
		eq "$p: slots" $(($($p free) + $($p in_use))) "$($p capacity)"
		le "$p: most in use" "$($p high_water)" "$($p acquires)"
		le "$p: used again" "$($p reuses)" "$($p acquires)"
		eq "$p: exhaustions" "$($p exhaustions)" 0
		eq "$p: released twice" "$($p over_releases)" 0
	done
}

# No frame under way, the interface up
books_idle() {
	wait_for 20 "end of all frames" is 0 tx_pool in_use
	eq "TX slots with USB" "$(tx_pool in_flight)" 0
	eq "RX slots in use" "$(rx_pool in_use)" "$RX_RING"
	wait_for 20 "all RX slots with USB" is "$RX_RING" rx_pool in_flight
	books
}

books_down() {
	local p n

	for p in tx_pool rx_pool; do
		for n in capacity free in_use in_flight; do
			eq "$p: $n" "$($p "$n")" 0
		done
	done
	books
}

test_traffic() {
	local n=300 max i p others

	one candlelight-fd
	books_down
	up "$A"
	books_idle
	capture "$GS_TMP/log" "$A"
	from_bus t "$A" "$n" 123#1122 &
	others=$!
	cangen -g 0 -p 1000 -n "$n" -I 321 -L i -D i "$A" &
	# each file by itself, since frames go on between two of them
	for ((i = 0; i < 30; i++)); do
		max=$(tx_pool capacity)
		for p in in_use in_flight free; do
			le "tx_pool: $p" "$(tx_pool "$p")" "$max"
			le "rx_pool: $p" "$(rx_pool "$p")" "$RX_RING"
		done
	done
	got "$GS_TMP/log" $((2 * n))
	wait $! || fail "cangen"
	wait "$others" || fail "not all frames of others"
	books_idle
	eq "TX slots taken" "$(tx_pool acquires)" "$n"
	# a slot is new once
	max=$(tx_pool capacity)
	eq "TX slots taken again" "$(tx_pool reuses)" $((n - max))
	ge "most TX slots in use" "$(tx_pool high_water)" 1
	# one acquire an open, not one a frame
	eq "RX slots taken" "$(rx_pool acquires)" "$RX_RING"
	down "$A"
	books_down
	eq "TX slots taken, later" "$(tx_pool acquires)" "$n"
}

# Frames that wait for an acknowledgment: sent to the device, not with USB any more
test_echo_owed() {
	one cannectivity
	up "$A"
	unlimited "$A" t
	emu_ok bus name=t ack=off
	cangen -g 0 -p 60000 -n 20 -I i -L i -D i "$A" &
	wait_for 20 "8 frames in flight" is 8 emu_status a:0 inflight
	wait_for 20 "no slot with USB" is 0 tx_pool in_flight
	eq "TX slots in use" "$(tx_pool in_use)" 8
	eq "TX slots free" "$(tx_pool free)" 0
	eq "most in use" "$(tx_pool high_water)" 8
	books
	# given up, all of them
	down "$A"
	books_down
	eq_said "tx_abandoned" 8 stat_of "$A" tx_abandoned
}

# A transfer that does not end is USB's
test_with_usb() {
	one cannectivity
	up "$A"
	# for a device whose frames have no partner it may take as long as it likes
	emu_ok bus name=t ack=off
	ok "cansend" cansend "$A" 123#11
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$A"
	emu_ok fault id=a what=out-hang count=1
	ok "cansend" cansend "$A" 123#22
	wait_for 20 "slot with USB" is 1 tx_pool in_flight
	eq "TX slots in use" "$(tx_pool in_use)" 2
	wait_for 20 "debugfs" slot_is pool_tx0 1 'usb 2 [0-9]+ tx'
	books
	down "$A"
	books_down
}

held_pages() {
	rx_pool held_pages
}

# Pages that nobody reads: they are sk_buffs', not the pool's, and it can do without them
test_unread() {
	one candlelight-fd
	up "$A"
	le "pages held at first" "$(held_pages)" 1
	hold r "$A" 8000000
	emu_ok send bus=t frame=123#1122334455667788 count="$UNREAD"
	wait_for 30 "$UNREAD frames" is "$UNREAD" link_stat "$A" rx_packets
	eq_said "frames in place" "$UNREAD" stat_of "$A" rx_in_place
	ge "pages held" "$(held_pages)" $((UNREAD / MOST_IN_PAGE))
	le "pages held" "$(held_pages)" "$UNREAD"
	books_idle
	# down with them: no slot is left, the pages are
	down "$A"
	books_down
	ge "pages held, while down" "$(held_pages)" $((UNREAD / MOST_IN_PAGE))
	up "$A"
	books_idle
	read_held r count
	eq "frames" "$SAID" "frames=$UNREAD dropped=0 dirty=0"
	wait_for 20 "return of the pages" few_held
	# what is copied holds no page
	ok "rx-copybreak" ethtool --set-tunable "$A" rx-copybreak 72
	emu_ok send bus=t frame=123#1122334455667788 count="$UNREAD"
	wait_for 30 "$UNREAD more" is $((2 * UNREAD)) link_stat "$A" rx_packets
	le "pages held of copied frames" "$(held_pages)" 1
	read_held r count
	eq "frames" "$SAID" "frames=$UNREAD dropped=0 dirty=0"
}

few_held() {
	[ "$(held_pages)" -le 1 ]
}

# slot_is FILE SLOT WORDS: the slot's line of debugfs is WORDS (an extended regex)
slot_is() {
	grep -qE "^$2 $3\$" "$DEBUGFS/$(usb_intf a)/$1"
}

# age FILE SLOT, in ms
age() {
	awk -v slot="$2" '$1 == slot { print $4 }' "$DEBUGFS/$(usb_intf a)/$1"
}

older() {
	[ "$(age "$1" "$2")" -ge "$3" ]
}

test_debugfs() {
	local dir f n i

	one cannectivity channels=2
	dir=$DEBUGFS/$(usb_intf a)
	eq "files" "$(cd "$dir" && echo *)" "pool_rx pool_tx0 pool_tx1"
	for f in "$dir"/*; do
		eq "mode of $f" "$(stat -c %a "$f")" 444
		eq "$f while down" "$(<"$f")" "slot state refs age_ms owner"
	done
	up "$A"
	wait_for 20 "all RX slots with USB" is "$RX_RING" rx_pool in_flight
	n=$(grep -cE '^[0-9]+ usb 1 [0-9]+ rx$' "$dir/pool_rx")
	eq "RX slots in debugfs" "$n" "$RX_RING"
	n=$(grep -cE '^[0-9]+ free 0 - -$' "$dir/pool_tx0")
	eq "free TX slots in debugfs" "$n" 8
	# two frames that wait for their echoes, for longer and longer
	emu_ok bus name=t ack=off
	for i in 0 1; do
		ok "cansend" cansend "$A" "12$i#11"
		wait_for 20 "slot $i" slot_is pool_tx0 "$i" 'held 1 [0-9]+ tx'
	done
	slot_is pool_tx0 2 'free 0 - -' || fail "slot 2: $(<"$dir/pool_tx0")"
	awk '$1 == 0 { first = $4 } $1 == 1 { exit first < $4 }' "$dir/pool_tx0" ||
		fail "the first is younger: $(<"$dir/pool_tx0")"
	n=$(age pool_tx0 1)
	wait_for 20 "slots to get older" older pool_tx0 1 $((n + 50))
	eq "$dir/pool_tx1" "$(<"$dir/pool_tx1")" "slot state refs age_ms owner"
	emu_ok bus name=t ack=on
	wait_for 20 "slot free again" slot_is pool_tx0 0 'free 0 - -'
	down "$A"
	eq "pool_rx while down" "$(<"$dir/pool_rx")" "slot state refs age_ms owner"
}

# Read in a loop by somebody while adapters come and go, open while it goes
test_unplug() {
	local round intf fd f

	# No process for each: UML 6.12 does not survive it if a process is killed in a fork()
	(
		while :; do
			for f in "$DEBUGFS"/*/* "$GS_USB/drivers/$GS_DRIVER"/*/pool_rx/* \
				 /sys/class/net/*/gs_usb_ng/*; do
				mapfile -t <"$f"
			done
		done
	) >/dev/null 2>&1 &
	for round in 1 2 3 4; do
		one cannectivity
		get intf usb_intf a
		up "$A"
		hold "r$round" "$A" 8000000
		emu_ok send bus=t frame=123#11 count=100
		wait_for 20 "100 frames" is 100 link_stat "$A" rx_packets
		unlimited "$A" t
		emu_ok bus name=t ack=off
		cangen -g 0 -p 60000 -n 20 -I i -L i -D i "$A" &
		wait_for 20 "8 frames in flight" is 8 emu_status a:0 inflight
		exec {fd}<"$DEBUGFS/$intf/pool_tx0"
		emu_ok unplug id=a
		wait_for 20 "end of the adapter" gone
		[ ! -e "$DEBUGFS/$intf" ] || fail "$DEBUGFS/$intf is still there"
		if read -r -u "$fd" 2>/dev/null; then
			fail "read '$REPLY' of an adapter that is gone"
		fi
		exec {fd}<&-
		# all frames, and one that "unlimited" has sent
		read_held "r$round" count
		eq "frames that were not read" "$SAID" "frames=101 dropped=0 dirty=0"
		emu_ok del id=a
	done
	! log_has 'still held|but it is free' || fail "$(kernel_log | grep -E 'held|free')"
}

# The driver goes: so does its directory
test_unload() {
	one candlelight-fd
	[ -d "$DEBUGFS/$(usb_intf a)" ] || fail "no $DEBUGFS/$(usb_intf a)"
	ok "rmmod" rmmod gs_usb_ng
	[ ! -e "$DEBUGFS" ] || fail "$DEBUGFS is still there"
	ok "modprobe" driver_load
	[ -d "$DEBUGFS" ] || fail "no $DEBUGFS"
}

ktap_run test_traffic test_echo_owed test_with_usb test_unread test_debugfs test_unplug \
	test_unload
