#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Several frames in one IN transfer. No firmware is known to send that yet; what may come some day
# is taken, and what only looks a little like it is not: all of a transfer are frames, or what is
# behind the first of them is padding.
#
# timeout: 120
# guests: uml612 uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# one PERSONALITY: two channels, the second one without a bus partner
one() {
	emu_ok bus name=x ack=on
	emu_ok bus name=y ack=off
	adapter a "$1" channels=2 bus=x,y
	get A netdev a 0 || fail "no channel 0"
	get B netdev a 1 || fail "no channel 1"
}

le32() {
	printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) \
		$(($1 >> 24 & 255))
}

# frame ECHO_ID CAN_ID DLC CHANNEL FLAGS BYTES [TS]: hex of an IN frame, with BYTES of data area
frame() {
	local data=

	printf -v data '%0*d' $(($6 * 2)) 0
	printf '%s%s%02x%02x%02x00%s%s' "$(le32 "$1")" "$(le32 "$2")" "$3" "$4" "$5" \
		"$data" "${7:-}"
}

RX=0xffffffff

inject() {
	emu_ok inject id=a hex="$1"
}

# Both channels, classic and FD, in order
test_frames() {
	local ts=00010000 i hex=

	one candlelight-fd
	up_fd "$A"
	up_fd "$B"
	capture "$GS_TMP/a" "$A"
	capture "$GS_TMP/b" "$B"
	for i in 1 2 3; do
		hex+=$(frame "$RX" $((0x100 + i)) 1 0 0 8 "$ts")
		hex+=$(frame "$RX" $((0x200 + i)) 9 1 2 64 "$ts")
	done
	inject "$hex"
	got "$GS_TMP/a" 3
	got "$GS_TMP/b" 3
	eq "frames of channel 0" "$(frames "$GS_TMP/a" | tr '\n' ' ')" "101#00 102#00 103#00 "
	eq "frames of channel 1" "$(frames "$GS_TMP/b" | cut -d'#' -f1 | tr '\n' ' ')" "201 202 203 "
	eq_said "bytes that are no frame" 0 intf_stat a rx/trailing_bytes
	# and as before
	emu_ok send bus=x frame=321#11
	got "$GS_TMP/a" 4
	down "$A"
	down "$B"
	pools_empty a 0
	pools_empty a 1
}

# An echo among them completes its frame, one of a frame that nobody sent makes it no frame
test_echoes() {
	local rx

	one gs
	up "$A"
	up "$B"
	# nobody acknowledges it, so that it stays out; its id is the first one
	ok "cansend" cansend "$B" 7FF#
	wait_for 10 "frame in flight" is 1 emu_status a:1 inflight
	rx=$(frame "$RX" 0x123 8 0 0 8)
	inject "$rx$(frame 5 0x7ff 0 1 0 8)"
	wait_for 10 "the first frame" is 1 link_stat "$A" rx_packets
	eq_said "bytes that are no frame" 20 intf_stat a rx/trailing_bytes
	eq_said "frames sent" 0 link_stat "$B" tx_packets
	inject "$rx$(frame 0 0x7ff 0 1 0 8)$rx"
	wait_for 10 "both of the others" is 3 link_stat "$A" rx_packets
	eq_said "frames sent" 1 link_stat "$B" tx_packets
	eq_said "TX slots in use" 0 stat_of "$B" tx_pool_in_use
	eq_said "bytes that are no frame" 20 intf_stat a rx/trailing_bytes
}

# behind HEX: after a frame, this is padding
behind() {
	local before trailing

	get before link_stat "$A" rx_packets
	get trailing intf_stat a rx/trailing_bytes
	inject "$(frame "$RX" 0x123 8 0 0 8 00000000)$1"
	wait_for 10 "the first frame" is $((before + 1)) link_stat "$A" rx_packets
	eq_said "bytes that are no frame" $((trailing + ${#1} / 2)) intf_stat a rx/trailing_bytes
}

test_padding() {
	local good n

	one candlelight-fd
	up "$A"
	good=$(frame "$RX" 0x124 8 0 0 8 00000000)
	# up to the end of a packet, and further; 48 zeros would be two echoes, of nothing
	for n in 1 8 24 40 48 104; do
		behind "$(printf '%0*d' $((n * 2)) 0)"
	done
	# a good frame, and then not: none of it
	behind "${good}00"
	behind "$good${good:0:46}"
	behind "$good$(frame "$RX" 0x124 16 0 0 8 00000000)"
	# a channel that is down, FD where it is off, a bit that nobody sets
	behind "$(frame "$RX" 0x124 8 1 0 8 00000000)"
	behind "$(frame "$RX" 0x124 8 0 2 64 00000000)"
	behind "$(frame "$RX" 0x124 8 0 0x80 8 00000000)"
	eq_said "frames that were refused" 0 stat_of "$A" rx_bad_dlc
	down "$A"
	pools_empty a
}

# ten HEX N: ten such transfers of N frames, one after the other
ten() {
	local i rx

	get rx link_stat "$A" rx_packets
	for i in 1 2 3 4 5 6 7 8 9 10; do
		inject "$1"
		wait_for 20 "$2 frames in transfer $i" is $((rx + i * $2)) link_stat "$A" rx_packets
	done
}

NET=/proc/sys/net/core

# How often the softirq that receives has had enough: after netdev_budget of work, or after a time
squeezed() {
	local n sum=0

	while read -r _ _ n _; do
		sum=$((sum + 16#$n))
	done </proc/net/softnet_stat
	echo "$sum"
}

# enough HEX N: with a budget of four, and all the time there is, are N frames of one transfer
# enough? In ENOUGH: how many times of ten
enough() {
	local budget usecs rc

	budget=$(<"$NET/netdev_budget")
	usecs=$(<"$NET/netdev_budget_usecs")
	echo 4 >"$NET/netdev_budget"
	echo 60000000 >"$NET/netdev_budget_usecs"
	ENOUGH=$(squeezed)
	(ten "$1" "$2")
	rc=$?
	ENOUGH=$(($(squeezed) - ENOUGH))
	echo "$budget" >"$NET/netdev_budget"
	echo "$usecs" >"$NET/netdev_budget_usecs"
	[ "$rc" = 0 ] || exit "$rc"
}

# A transfer of many frames is as much work as so many transfers
test_budget() {
	local single

	one candlelight-fd
	up "$A"
	single=$(frame "$RX" 0x123 8 0 0 8 00000000)
	enough "$single" 1
	eq "transfers of one that were enough" "$ENOUGH" 0
	enough "$single$single$single$single" 4
	eq "transfers of four that were enough" "$ENOUGH" 10
}

# softirqs: how often that one ran
softirqs() {
	awk '$1 == "NET_RX:" { for (i = 2; i <= NF; i++) n += $i } END { print n }' /proc/softirqs
}

# A poll of 64 frames is not the last one, and the softirq runs once more. (In UML the budget can't
# be set; a transfer in the other protocol has no room for 64.)
test_budget_elm() {
	local i n many=4011

	for ((i = 0; i < 64; i++)); do
		many+=0E0C002301000001020304818283
	done
	emu_ok bus name=x ack=on
	adapter a canable25 bus=x
	echo elm >"$GS_USB/drivers/$GS_DRIVER/$(usb_intf a)/protocol" || fail "no ELM protocol"
	get A netdev a || fail "no interface"
	up "$A"
	n=$(softirqs)
	ten "$many" 64
	ge "softirqs for ten transfers" $(($(softirqs) - n)) 20
}

# The kernel of the others has no sysctl
case $GS_GUEST in
qemu)	budget=test_budget ;;
*)	budget=test_budget_elm ;;
esac
ktap_run test_frames test_echoes test_padding "$budget"
