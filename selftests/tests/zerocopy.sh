#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Received frames go up in the memory that the adapter wrote them to, or are copied: a socket
# can't tell which, whatever it does with them and however long it keeps them, and what was
# done is counted.
#
# timeout: 400
# guests: uml612 uml73 qemu61 qemu612-iommu

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

UNREAD=1000

one() {
	emu_ok bus name=t ack=on fast=1
	adapter a "$1" bus=t "${@:2}"
	get A netdev a || fail "no interface"
}

copybreak() {
	ok "rx-copybreak" ethtool --set-tunable "$A" rx-copybreak "$1"
}

get_copybreak() {
	ethtool --get-tunable "$A" rx-copybreak | sed -n 's/^rx-copybreak: //p'
}

# The frames of lib.sh's data, from the bus: ids, lengths, RTR and FD of all kinds
mixed() {
	local frame

	for frame in 123#1122334455667788 7FF# 000#01 1FFFFFFF#AABB 00000000# 123#R 1ABCDEF0#R8 \
		     5A5#112233 "$@"; do
		emu_ok send bus=t frame="$frame"
		echo "$frame" >>"$GS_TMP/sent"
	done
}

FD_FRAMES="321##0 321##1112233 00000321##0AABBCCDDEEFF001122334455 7FF##3$(printf '%0128d' 7)"

# counted IN_PLACE COPIED: since the interface is there
counted() {
	eq_said "rx_in_place" "$1" stat_of "$A" rx_in_place
	eq_said "rx_copied" "$2" stat_of "$A" rx_copied
	eq_said "rx_no_page" 0 stat_of "$A" rx_no_page
	eq_said "rx_packets" $(($1 + $2)) link_stat "$A" rx_packets
}

# content COPYBREAK IN_PLACE COPIED PERSONALITY: of 8 classic and 4 FD frames
content() {
	one "$4"
	up_fd "$A"
	copybreak "$1"
	capture "$GS_TMP/stamps" "$A" -H
	hold r "$A" 1000000
	# shellcheck disable=SC2086	# a list
	mixed $FD_FRAMES
	wait_for 10 "12 frames" is 12 link_stat "$A" rx_packets
	read_held r show
	eq "frames and bytes behind them" "$SAID" "frames=12 dropped=0 dirty=0"
	grep '#' "$GS_TMP/r" >"$GS_TMP/received"
	same "sent against received" "$GS_TMP/sent" "$GS_TMP/received"
	counted "$2" "$3"
	# candump prints 0 for a frame without timestamp of the hardware
	got "$GS_TMP/stamps" 12
	eq "frames without timestamp" "$(grep -c '^(0*\.0*)' "$GS_TMP/stamps")" 0
}

test_in_place() { content 0 12 0 candlelight-fd; }
test_classic_copied() { content 16 4 8 candlelight-fd; }
test_copied() { content 72 0 12 candlelight-fd; }
test_in_place_high_speed() { content 0 12 0 cannectivity; }

# 15 is less than any frame, 71 less than an FD frame
test_copybreak() {
	local n default

	one candlelight-bx channels=2
	default=$(get_copybreak)
	note "the default is $default"
	for n in 16 15 71 72 0; do
		copybreak "$n"
		eq "rx-copybreak" "$(get_copybreak)" "$n"
	done
	copybreak 15
	for n in 73 1500 4294967295; do
		refused "rx-copybreak $n" 'invalid argument' \
			ethtool --set-tunable "$A" rx-copybreak "$n"
		eq "rx-copybreak" "$(get_copybreak)" 15
	done
	refused "another tunable" 'not supported' \
		ethtool --set-tunable "$A" tx-copybreak 10
	# each channel has its own
	eq "of the other channel" \
		"$(ethtool --get-tunable "$(netdev a 1)" rx-copybreak |
			sed -n 's/^rx-copybreak: //p')" "$default"
	# also while it is up, where it counts from the next frame on
	up "$A"
	mixed
	wait_for 10 "8 frames" is 8 link_stat "$A" rx_packets
	counted 8 0
	copybreak 16
	mixed
	wait_for 10 "16 frames" is 16 link_stat "$A" rx_packets
	counted 8 8
	refused "rx-copybreak 73 while up" 'invalid argument' \
		ethtool --set-tunable "$A" rx-copybreak 73
	eq "rx-copybreak" "$(get_copybreak)" 16
	copybreak "$default"
}

# Frames that nobody reads while more come: each socket has its own, unharmed
test_slow_reader() {
	one candlelight-fd
	up "$A"
	copybreak 0
	hold slow "$A" 8000000
	emu_ok send bus=t frame=111#1111111111111111 count="$UNREAD" gap=2000
	wait_for 30 "$UNREAD frames" is "$UNREAD" link_stat "$A" rx_packets
	hold late "$A" 8000000
	emu_ok send bus=t frame=222#2222222222222222 count="$UNREAD" gap=2000
	wait_for 30 "as many again" is $((2 * UNREAD)) link_stat "$A" rx_packets
	read_held late show
	eq "late socket" "$SAID" "frames=$UNREAD dropped=0 dirty=0"
	# what was read is used again before the rest is
	emu_ok send bus=t frame=333#3333333333333333 count="$UNREAD" gap=2000
	wait_for 30 "as many again" is $((3 * UNREAD)) link_stat "$A" rx_packets
	read_held slow show
	eq "slow socket" "$SAID" "frames=$((3 * UNREAD)) dropped=0 dirty=0"
	eq "first frames" "$(grep -c '^111#1111111111111111$' "$GS_TMP/slow")" "$UNREAD"
	eq "second frames" "$(grep -c '^222#2222222222222222$' "$GS_TMP/slow")" "$UNREAD"
	eq "third frames" "$(grep -c '^333#3333333333333333$' "$GS_TMP/slow")" "$UNREAD"
	eq "late socket's" "$(grep -c '^222#2222222222222222$' "$GS_TMP/late")" "$UNREAD"
	counted $((3 * UNREAD)) 0
}

# The cable is pulled, the program still has them all
test_unplug_unread() {
	local round

	for round in 1 2 3; do
		one candlelight-fd
		up "$A"
		copybreak 0
		hold "r$round" "$A" 8000000
		emu_ok send bus=t frame=123#A5A5A5A5A5A5A5A5 count="$UNREAD"
		wait_for 30 "$UNREAD frames" at_least "$UNREAD" link_stat "$A" rx_packets
		emu_ok unplug id=a
		wait_for 20 "end of the adapter" gone
		# another one comes and fills other memory
		emu_ok del id=a
		one candlelight-fd
		up "$A"
		emu_ok send bus=t frame=123#5A5A5A5A5A5A5A5A count="$UNREAD"
		wait_for 30 "$UNREAD frames" is "$UNREAD" link_stat "$A" rx_packets
		read_held "r$round" show
		eq "frames" "$SAID" "frames=$UNREAD dropped=0 dirty=0"
		eq "frames as sent" "$(grep -c '^123#A5A5A5A5A5A5A5A5$' "$GS_TMP/r$round")" \
			"$UNREAD"
		emu_ok del id=a
		wait_for 20 "end of the adapter" gone
	done
}

# The module can go while a socket has frames: they are the kernel's
test_unload_unread() {
	one candlelight-fd
	up "$A"
	copybreak 0
	hold r "$A" 8000000
	emu_ok send bus=t frame=123#A5A5A5A5A5A5A5A5 count="$UNREAD"
	wait_for 30 "$UNREAD frames" is "$UNREAD" link_stat "$A" rx_packets
	ok "rmmod" rmmod gs_usb_ng
	read_held r show
	ok "modprobe" driver_load
	eq "frames" "$SAID" "frames=$UNREAD dropped=0 dirty=0"
	eq "frames as sent" "$(grep -c '^123#A5A5A5A5A5A5A5A5$' "$GS_TMP/r")" "$UNREAD"
}

# gs_usb loses frames of a burst now and then, and counts them
arrived() {
	echo $(($(link_stat "$A" rx_packets) + $(link_stat "$A" rx_fifo_errors)))
}

# full DRIVER: how many of 2000 frames fit into a small socket, in HELD_FRAMES
full() {
	local intf

	get intf usb_intf a
	wait_for 20 "$1" is "$1" intf_driver "$intf"
	wait_for 20 "interface" netdev a
	get A netdev a
	up "$A" berr-reporting off
	hold "$1" "$A" 50000
	emu_ok send bus=t frame=123#1122334455667788 count=2000
	wait_for 30 "2000 frames" at_least 2000 arrived
	read_held "$1" count
	HELD_FRAMES=$(word frames)
	note "$1: $HELD_FRAMES frames in a receive buffer of 100000 bytes"
	down "$A"
}

# A socket holds as many frames as with the kernel's own driver
test_receive_buffer() {
	local intf in_place copied

	one candlelight-bx
	get intf usb_intf a
	modprobe ${GS_MODULE_DIR:+-d "$GS_MODULE_DIR"} gs_usb || fail "no gs_usb"
	copybreak 0
	full gs_usb_ng
	in_place=$HELD_FRAMES
	ge_said "frames in place" 2000 stat_of "$A" rx_in_place
	copybreak 72
	mv "$GS_TMP/gs_usb_ng" "$GS_TMP/in-place"
	rm "$GS_TMP/gs_usb_ng.in"
	full gs_usb_ng
	copied=$HELD_FRAMES
	gs_unbind "$intf"
	echo "$intf" >"$GS_USB/drivers/gs_usb/bind" || fail "gs_usb does not bind"
	full gs_usb
	echo "$intf" >"$GS_USB/drivers/gs_usb/unbind"
	ok "rmmod gs_usb" rmmod gs_usb
	gs_bind "$intf" || fail "bind"
	ge "frames of gs_usb" "$HELD_FRAMES" 50
	ge "frames in place" "$in_place" "$HELD_FRAMES"
	ge "frames copied" "$copied" "$HELD_FRAMES"
}

ktap_run test_in_place test_classic_copied test_copied test_in_place_high_speed \
	test_copybreak test_slow_reader test_unplug_unread test_unload_unread \
	test_receive_buffer
