#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A kernel without page_pool: frames are received in coherent memory, and each one is copied and
# counted. Nothing else is different.
#
# module: no-page-pool
# timeout: 120
# guests: uml612 qemu612-iommu

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

UNREAD=500

# The module that is built so. modprobe.d's way to load it would find the other one.
driver_load() {
	modprobe --ignore-install -d "$GS_STAGE/no-page-pool" "$GS_DRIVER"
}

copybreak() {
	ok "rx-copybreak" ethtool --set-tunable "$A" rx-copybreak "$1"
}

# copied N: so many frames since the interface is there, not one of them in place
copied() {
	wait_for 20 "$1 frames" is "$1" stat_of "$A" rx_copied
	eq_said "rx_packets" "$1" link_stat "$A" rx_packets
	eq_said "rx_in_place" 0 stat_of "$A" rx_in_place
	eq_said "rx_no_page" 0 stat_of "$A" rx_no_page
	eq_said "rx_no_skb" 0 stat_of "$A" rx_no_skb
	eq_said "rx_dropped" 0 link_stat "$A" rx_dropped
	eq_said "pages in sockets" 0 intf_stat a pool_rx/held_pages
}

# both_ways FRAME...: from the bus, then to it; what a socket has is what was on the bus
both_ways() {
	local frame

	hold r "$A" 1000000
	for frame; do
		emu_ok send bus=t frame="$frame"
	done
	copied $#
	for frame; do
		ok "cansend" cansend "$A" "$frame"
	done
	wait_for 10 "$# echoes" is $# link_stat "$A" tx_packets
	read_held r show
	eq "frames and bytes behind them" "$SAID" "frames=$((2 * $#)) dropped=0 dirty=0"
	printf '%s\n' "$@" "$@" >"$GS_TMP/sent"
	grep '#' "$GS_TMP/r" >"$GS_TMP/received"
	same "sent against received" "$GS_TMP/sent" "$GS_TMP/received"
	bus_idle t
	bus_frames t >"$GS_TMP/bus"
	same "sent against bus" "$GS_TMP/sent" "$GS_TMP/bus"
	down "$A"
	pools_empty a
}

CLASSIC="123#1122334455667788 7FF# 000#01 1FFFFFFF#AABB 00000000# 123#R 1ABCDEF0#R8"

# shellcheck disable=SC2086	# a list
test_classic() {
	one candlelight-bx
	up "$A"
	both_ways $CLASSIC
}

# shellcheck disable=SC2086	# a list
test_fd() {
	one cannectivity
	up_fd "$A"
	both_ways $CLASSIC 321##0 321##1112233 00000321##0AABBCCDDEEFF001122334455 \
		"7FF##1$(printf '%0128d' 7)"
}

# It is kept, and has the same limits, but there is nothing that it could choose
test_copybreak() {
	local n sum=0

	one candlelight-fd
	up_fd "$A"
	for n in 0 15 16 71 72; do
		copybreak "$n"
		eq "rx-copybreak" "$(ethtool --get-tunable "$A" rx-copybreak)" "rx-copybreak: $n"
		emu_ok send bus=t frame=123#1122 count=5
		emu_ok send bus=t frame=123##01122 count=5
		sum=$((sum + 10))
		copied "$sum"
	done
	refused "rx-copybreak 73" 'invalid argument' \
		ethtool --set-tunable "$A" rx-copybreak 73
}

# The smallest ring and the largest, with memory made and given back for each
test_rings() {
	local n sum=0

	one candlelight-fd
	for n in 2 128; do
		ok "rings" ethtool -G "$A" rx "$n"
		up "$A"
		eq_said "RX slots" "$n" intf_stat a pool_rx/capacity
		emu_ok send bus=t frame=123#1122334455667788 count=300
		sum=$((sum + 300))
		copied "$sum"
		down "$A"
		pools_empty a
	done
}

# The cable is pulled, the program still has its frames, and they are its own
test_unplug_unread() {
	one candlelight-fd
	up "$A"
	copybreak 0
	hold r "$A" 8000000
	emu_ok send bus=t frame=123#A5A5A5A5A5A5A5A5 count="$UNREAD"
	copied "$UNREAD"
	emu_ok unplug id=a
	wait_for 20 "end of the adapter" gone
	# another one comes and fills other memory
	emu_ok del id=a
	one candlelight-fd
	up "$A"
	emu_ok send bus=t frame=123#5A5A5A5A5A5A5A5A count="$UNREAD"
	copied "$UNREAD"
	ok "rmmod" rmmod "$GS_DRIVER"
	read_held r show
	ok "modprobe" driver_load
	eq "frames" "$SAID" "frames=$UNREAD dropped=0 dirty=0"
	eq "frames as sent" "$(grep -c '^123#A5A5A5A5A5A5A5A5$' "$GS_TMP/r")" "$UNREAD"
}

# The scripts before and after have the other module
! driver_loaded || rmmod "$GS_DRIVER" || exit 1
trap 'rmmod "$GS_DRIVER"' EXIT
ktap_run test_classic test_fd test_copybreak test_rings test_unplug_unread
