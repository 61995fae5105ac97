#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Coming and going, again and again: up and down, unbind and rebind with a user-space
# program in between, unplug in full traffic. After each nothing is busy,
# nothing is left claimed, no memory is kept.
#
# timeout: 300
# guests: uml612 qemu61

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

case $GS_GUEST in
qemu)	ROUNDS=50 FRAMES=10 ;;
*)	ROUNDS=50 FRAMES=10 ;;
esac

# The sanity check that an earlier system failed: find, up, send and receive, down, unbind,
# and a libusb program takes the interface, uses it and lets go; then back
five_rounds() {
	local round intf dev said num bus

	one "$@"
	num=$(<"$(usb_path "$(usb_dev a)")/devnum")
	for round in 1 2 3 4 5; do
		find_a
		get intf usb_intf a
		dev=$(usb_path "$(usb_dev a)")
		bus=$(<"$dev/busnum")
		up "$A"
		talk 20
		down "$A"
		pools_empty a
		gs_unbind "$intf" || fail "round $round: unbind"
		! netdev a >/dev/null || fail "round $round: the interface is still there"
		said=$(claim "$bus" "$num" 2>&1) || fail "round $round: $said"
		[[ $said = channels=1\ * ]] || fail "round $round: claim said $said"
		gs_bind "$intf" || fail "round $round: bind"
		gs_bound a || fail "round $round: not bound"
	done
	eq "device number after five rounds" "$(<"$(usb_path "$(usb_dev a)")/devnum")" "$num"
}

test_five_rounds_candlelight() { five_rounds candlelight-fd; }
test_five_rounds_cannectivity() { five_rounds cannectivity channels=1; }
test_five_rounds_old() { five_rounds candlelight-old; }

# Bound, the interface is the driver's: nobody else can claim it
test_claimed() {
	local dev

	one candlelight-fd
	dev=$(usb_path "$(usb_dev a)")
	refused "claim while bound" 'kernel driver' claim "$(<"$dev/busnum")" "$(<"$dev/devnum")"
	up "$A"
	refused "claim while up" 'kernel driver' claim "$(<"$dev/busnum")" "$(<"$dev/devnum")"
	talk 5
}

# Fifty times up and down with traffic on one interface
test_fifty_rounds() {
	local round slab=0 after

	one candlelight-fd
	emu_ok bus name=t fast=1
	for ((round = 1; round <= ROUNDS; round++)); do
		up "$A"
		ok "round $round" cangen -g 0 -p 1000 -n "$FRAMES" -I i -L i -D i "$A"
		sent() {
			[ "$(link_stat "$A" tx_packets)" = $((round * FRAMES)) ]
		}
		wait_for 20 "echoes of round $round" sent
		down "$A"
		pools_empty a
		[ "$round" = 10 ] && slab=$(slab_objects)
	done
	after=$(slab_objects)
	note "slab objects after 10 rounds $slab, after $ROUNDS $after"
	# one lost object per frame would be 400 more
	le "growth of slab" $((after - slab)) 2000
	eq_said "tx_pool_over_releases" 0 stat_of "$A" tx_pool_over_releases
}

# Down with frames owed: they are dropped, counted, and don't come back after up
test_down_under_traffic() {
	local round

	one candlelight-fd
	for round in 1 2 3 4 5; do
		up "$A" bitrate 50000
		cangen -g 0 -p 1000 -I i -L 8 -D i "$A" >/dev/null 2>&1 &
		busy() {
			[ "$(stat_of "$A" tx_pool_in_use)" -ge 1 ]
		}
		wait_for 10 "frames in flight" busy
		down "$A"
		wait $! 2>/dev/null
		pools_empty a
	done
	up "$A"
	talk 20
	eq_said "echoes that nobody waited for" 0 stat_of "$A" echo_duplicate
}

# Traffic in both directions that goes on until the interface does not
noise() {
	up "$A" bitrate 125000
	capture "$GS_TMP/noise" "$A"
	cangen -g 0 -p 1000 -I 321 -L i -D i "$A" >/dev/null 2>&1 &
	# more urgent, or there would be no place for it on the bus
	emu_ok send bus=t frame=001#1122334455667788 count=100000 gap=3000
	got "$GS_TMP/noise" 40
}

test_unbind_under_traffic() {
	local round intf

	one candlelight-fd
	get intf usb_intf a
	for round in 1 2 3; do
		find_a
		noise
		gs_unbind "$intf" || fail "unbind"
		eq_said "started after unbind $round" 0 emu_status a:0 started
		gs_bind "$intf" || fail "bind"
		gs_bound a || fail "not bound"
	done
	find_a
	pools_empty a
	up "$A"
	wait_for 20 "frames" at_least 10 link_stat "$A" rx_packets
}

unplug_replug() {
	local round

	one "$@"
	for round in 1 2 3; do
		find_a
		noise
		replug a
	done
	find_a
	pools_empty a
	up "$A"
	wait_for 20 "frames" at_least 10 link_stat "$A" rx_packets
}

test_unplug_candlelight() { unplug_replug candlelight-fd; }
test_unplug_cannectivity() { unplug_replug cannectivity; }

# Unplugged right after plugging in, while probe is at work
test_unplug_in_probe() {
	local round node

	one candlelight-fd
	get node usb_node a
	for round in 1 2 3 4 5; do
		emu_ok unplug id=a
		emu_ok plug id=a
	done
	wait_for 30 "driver bound" bound_anew a "$node"
	# that may have been one of those that went again
	replug a
	find_a
	up "$A"
	talk 10
}

# Sockets that outlive the interface
test_sockets_outlive() {
	one candlelight-fd
	up "$A"
	capture "$GS_TMP/log" "$A" -D
	emu_ok send bus=t frame=123#11 count=5
	got "$GS_TMP/log" 5
	emu_ok del id=a
	wait_for 20 "end of the interface" not test -d "/sys/class/net/$A"
	stop_capture
}

ktap_run test_five_rounds_candlelight test_five_rounds_cannectivity \
	test_five_rounds_old test_claimed test_fifty_rounds test_down_under_traffic \
	test_unbind_under_traffic test_unplug_candlelight test_unplug_cannectivity \
	test_unplug_in_probe test_sockets_outlive
