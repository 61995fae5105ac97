#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Ring sizes by ethtool: the RX ring is the device's, the TX ring each channel's. What is refused
# has a reason and changes nothing.
#
# timeout: 180
# guests: uml612 qemu61

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

RX_DEFAULT=32 RX_MIN=2 RX_MAX=128

# rings IFACE: what there is, and what there may be: "RX/MAX TX/MAX"
rings() {
	ethtool -g "$1" | awk '
		/^Pre-set/ { what = "max" }
		/^Current/ { what = "now" }
		$1 == "RX:" || $1 == "TX:" { n[$1 what] = $2 }
		END { printf "%s/%s %s/%s\n", n["RX:now"], n["RX:max"], n["TX:now"], n["TX:max"] }'
}

# Frames in both directions
frames_go() {
	local n=${1:-20}

	capture "$GS_TMP/frames" "$A"
	cangen -g 0 -p 1000 -n "$n" -I 321 -L i -D i "$A" >/dev/null &
	from_bus t "$A" "$n" 123#1122
	wait $! || fail "cangen"
	got "$GS_TMP/frames" $((2 * n))
	stop_capture
}

limits() {
	one "$1"
	eq "rings of $1" "$(rings "$A")" "$RX_DEFAULT/$RX_MAX $2/$2"
	eq_said "limit" "$2" stat_of "$A" tx_limit
	eq_said "slots while down" 0 stat_of "$A" tx_pool_capacity
}

# TX: what the firmware can take
test_limits_candlelight() { limits candlelight-fd 32; }
test_limits_cannectivity() { limits cannectivity 8; }
test_limits_gs() { limits gs 10; }

# That many slots, transfers and frames in flight, and no more
sized() {
	local rx=$1 tx=$2 n

	ok "rings" ethtool -G "$A" rx "$rx" tx "$tx"
	eq "rings" "$(rings "$A")" "$rx/$RX_MAX $tx/32"
	eq_said "limit" "$tx" stat_of "$A" tx_limit
	up "$A"
	eq_said "RX slots" "$rx" intf_stat a pool_rx/capacity
	eq_said "RX slots in use" "$rx" intf_stat a pool_rx/in_use
	eq_said "TX slots" "$tx" stat_of "$A" tx_pool_capacity
	[ "$GS_GUEST" = qemu ] || eq "IN transfers" "$(emu_status a in_pending)" "$rx"
	unlimited "$A" t
	emu_ok bus name=t ack=off
	get n link_stat "$A" tx_packets
	cangen -g 0 -p 60000 -n 40 -I i -L i -D i "$A" &
	wait_for 20 "$tx frames in flight" is "$tx" emu_status a:0 inflight
	eq_said "TX slots in use" "$tx" stat_of "$A" tx_pool_in_use
	emu_ok bus name=t ack=on
	wait_for 20 "40 frames" is $((n + 40)) link_stat "$A" tx_packets
	bus_idle t
	frames_go
	down "$A"
	pools_empty a
}

test_sizes() {
	local size

	one candlelight-fd
	for size in "2 1" "3 2" "64 7" "$RX_MAX 32" "$RX_DEFAULT 16" "$RX_MIN 1"; do
		# shellcheck disable=SC2086	# two numbers
		sized $size
	done
	eq_said "most TX slots in use" 32 stat_of "$A" tx_pool_high_water
	eq_said "most RX slots in use" "$RX_MAX" intf_stat a pool_rx/high_water
}

# One slot each way is enough for a burst
test_smallest_burst() {
	one candlelight-fd
	emu_ok bus name=t fast=1
	ok "rings" ethtool -G "$A" rx "$RX_MIN" tx 1
	up "$A"
	frames_go 300
	eq_said "rx_dropped" 0 link_stat "$A" rx_dropped
	eq_said "tx_dropped" 0 link_stat "$A" tx_dropped
	eq_said "tx_errors" 0 link_stat "$A" tx_errors
}

test_out_of_range() {
	local word before

	one candlelight-fd channels=2
	ok "rings" ethtool -G "$A" rx 40 tx 20
	before=$(rings "$A")
	for word in "rx $((RX_MAX + 1))" "tx 33" "rx 4294967295" "tx 4294967295"; do
		# shellcheck disable=SC2086	# two words
		refused "$word" 'exceeds maximum.*Invalid argument' one_line ethtool -G "$A" $word
	done
	refused "rx 1" 'at least 2.*Invalid argument|Invalid argument.*at least 2' \
		one_line ethtool -G "$A" rx 1
	refused "rx 0" 'at least 2.*Invalid argument' one_line ethtool -G "$A" rx 0
	refused "tx 0" 'at least 1.*Invalid argument' one_line ethtool -G "$A" tx 0
	# of two, neither
	refused "tx 0 with a good rx" 'at least 1' ethtool -G "$A" rx 50 tx 0
	refused "rx 1 with a good tx" 'at least 2' ethtool -G "$A" rx 1 tx 10
	refused "jumbo" 'exceeds maximum|not supported' ethtool -G "$A" rx-jumbo 1
	eq "rings" "$(rings "$A")" "$before"
	eq "rings of the other channel" "$(rings "$B")" "40/$RX_MAX 32/32"
	# what is set already may be set again
	up "$A"
	ok "the same" ethtool -G "$A" rx 40 tx 20
	eq_said "RX slots" 40 intf_stat a pool_rx/capacity
	eq_said "TX slots" 20 stat_of "$A" tx_pool_capacity
	# what can't be is refused as such while it is up, too
	refused "rx 1 while up" 'at least 2.*Invalid argument' one_line ethtool -G "$A" rx 1
	refused "tx 0 while up" 'at least 1.*Invalid argument' one_line ethtool -G "$A" tx 0
	refused "tx 33 while up" 'exceeds maximum.*Invalid argument' one_line ethtool -G "$A" tx 33
	eq "rings while up" "$(rings "$A")" "$before"
	eq_said "RX slots" 40 intf_stat a pool_rx/capacity
	eq_said "TX slots" 20 stat_of "$A" tx_pool_capacity
}

# What a command said, in one line
one_line() {
	local rc out

	out=$("$@" 2>&1)
	rc=$?
	echo "$out" | tr '\n' ' '
	return "$rc"
}

# Up: the RX ring is busy for all channels, the TX ring for its own
test_busy() {
	one candlelight-fd channels=2
	up "$A"
	refused "rx of the one that is up" 'all channels.*resource busy|resource busy.*all channels' \
		one_line ethtool -G "$A" rx 64
	refused "rx of the one that is down" 'all channels' ethtool -G "$B" rx 64
	refused "tx of the one that is up" 'interface down.*resource busy|resource busy.*interface down' \
		one_line ethtool -G "$A" tx 8
	# of two, neither
	refused "both" 'all channels' ethtool -G "$B" rx 64 tx 8
	eq "rings of $A" "$(rings "$A")" "$RX_DEFAULT/$RX_MAX 32/32"
	eq "rings of $B" "$(rings "$B")" "$RX_DEFAULT/$RX_MAX 32/32"
	eq_said "RX slots" "$RX_DEFAULT" intf_stat a pool_rx/capacity
	eq_said "TX slots" 32 stat_of "$A" tx_pool_capacity
	ok "tx of the one that is down" ethtool -G "$B" tx 8
	frames_go
	up "$B"
	eq_said "TX slots of $B" 8 stat_of "$B" tx_pool_capacity
	eq_said "limit of $B" 8 stat_of "$B" tx_limit
	eq_said "limit of $A" 32 stat_of "$A" tx_limit
	down "$A"
	refused "rx while $B is up" 'all channels' ethtool -G "$A" rx 64
	ok "tx of $A" ethtool -G "$A" tx 5
	down "$B"
	ok "rx" ethtool -G "$A" rx 64
	eq "rings of $B" "$(rings "$B")" "64/$RX_MAX 8/32"
	eq "rings of $A" "$(rings "$A")" "64/$RX_MAX 5/32"
}

# The smaller of its ring and its share of the device is a channel's limit
test_ring_and_share() {
	one cannectivity channels=2
	ok "tx" ethtool -G "$A" tx 6
	up "$A"
	eq_said "limit, one open" 6 stat_of "$A" tx_limit
	up "$B"
	eq_said "limit, two open" 5 stat_of "$A" tx_limit
	eq_said "limit of the other" 5 stat_of "$B" tx_limit
	down "$B"
	ok "tx of the other" ethtool -G "$B" tx 3
	eq_said "limit, one open" 6 stat_of "$A" tx_limit
	up "$B"
	eq_said "limit of the other" 3 stat_of "$B" tx_limit
}

# Sizes stay while interfaces go down and up and the device is reset
test_kept() {
	local round

	one candlelight-fd
	ok "rings" ethtool -G "$A" rx 9 tx 5
	for round in 1 2 3; do
		up "$A"
		eq "rings, round $round" "$(rings "$A")" "9/$RX_MAX 5/32"
		frames_go
		emu_ok usbreset id=a
		ok "reset" usb-reset "$(usb_node a)"
		on_bus "$A" a:0
		eq "rings after reset" "$(rings "$A")" "9/$RX_MAX 5/32"
		eq_said "RX slots" 9 intf_stat a pool_rx/capacity
		eq_said "TX slots" 5 stat_of "$A" tx_pool_capacity
		frames_go
		down "$A"
	done
	emu_ok usbreset id=a
	ok "reset while down" usb-reset "$(usb_node a)"
	eq "rings" "$(rings "$A")" "9/$RX_MAX 5/32"
}

# Sizes change while the interface goes up and down: what it has is what was set then
test_race() {
	local round n before

	one candlelight-fd
	ok "rings" ethtool -G "$A" rx 2 tx 1
	# Ends by itself: UML 6.12 does not survive it if a process is killed in a fork()
	(
		n=0
		until [ -e "$GS_TMP/stop" ]; do
			n=$((n % 30 + 1))
			ethtool -G "$A" rx $((n + 1)) tx "$n"
		done
	) >/dev/null 2>&1 &
	for round in 1 2 3 4 5 6; do
		before=$(rings "$A")
		wait_for 20 "other sizes in round $round" not is "$before" rings "$A"
		up "$A"
		get n stat_of "$A" tx_pool_capacity
		eq "rings" "$(rings "$A")" "$((n + 1))/$RX_MAX $n/32"
		eq_said "RX slots" $((n + 1)) intf_stat a pool_rx/capacity
		ok "cansend" cansend "$A" 123#
		down "$A"
		pools_empty a
	done
	touch "$GS_TMP/stop"
	wait
}

ktap_run test_limits_candlelight test_limits_cannectivity test_limits_gs test_sizes \
	test_smallest_burst test_out_of_range test_busy test_ring_and_share test_kept test_race
