#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Up and down, unbind and bind, thousands of times in two-way traffic: none of it wedges, nothing
# is left claimed, and memory does not grow. "make long" runs it.
#
#	GS_TEST_UPS=10000	rounds of up and down (600)
#	GS_TEST_BINDS=1000	rounds of unbind and bind (60)
#
# timeout: 300
# guests: uml612 uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

UPS=${GS_TEST_UPS:-600}
BINDS=${GS_TEST_BINDS:-60}
# rounds between two looks
UPS_AT_ONCE=100
BINDS_AT_ONCE=10
# slab objects that may come and go with other things than rounds
SLACK=2000

plug() {
	emu_ok bus name=t ack=on fast=1
	adapter a candlelight-fd bus=t
	get A netdev a || fail "no interface"
	up_fd "$A"
	touch "$GS_TMP/go"
	emu_ok send bus=t frame=7FF#1122334455667788 count=1000000000 gap=2000
	sender >/dev/null 2>&1 &
	SENDER=$!
}

# Goes on after each end of the interface
sender() {
	while [ -e "$GS_TMP/go" ]; do
		cangen -g 1 -p 1000 -I 123 -L i -D i "$A" || gs_pause
	done
}

# look ROUND OF: frames go both ways, memory is as it was at the first look
look() {
	local n r

	get n link_stat "$A" tx_packets
	get r link_stat "$A" rx_packets
	wait_for 20 "frames sent after round $1" at_least $((n + 10)) link_stat "$A" tx_packets
	wait_for 20 "frames received after round $1" at_least $((r + 10)) link_stat "$A" rx_packets
	memory_flat "$1 rounds" "$SLACK"
	[ $(($1 % ($2 / 10))) != 0 ] ||
		note "round $1: ${GS_SLABS[-1]} slab objects," \
			"$(awk '/^MemFree/ { print $2 }' /proc/meminfo) kB free, $REFUSED refused"
}

finish() {
	rm "$GS_TMP/go"
	down "$A"
	pkill -P "$SENDER"
	wait "$SENDER"
	pools_empty a
	eq_said "tx_pool_over_releases" 0 stat_of "$A" tx_pool_over_releases
}

test_up_down() {
	local round i n

	REFUSED=0
	plug
	GS_SLABS=()
	for ((i = 0; i < UPS_AT_ONCE; i++)); do
		printf 'link set %s down\nlink set %s up\n' "$A" "$A"
	done >"$GS_TMP/batch"
	for ((round = UPS_AT_ONCE; round <= UPS; round += UPS_AT_ONCE)); do
		# A machine that stands still for a second makes a request fail, and ip says so. That
		# is no wedge if it is rare and the next one succeeds.
		ip -force -batch "$GS_TMP/batch" 2>"$GS_TMP/said"
		n=$(grep -c '^RTNETLINK' "$GS_TMP/said")
		[ "$n" -le 1 ] || fail "round $round: $(<"$GS_TMP/said")"
		REFUSED=$((REFUSED + n))
		is_up "$A" || up "$A"
		look "$round" "$UPS"
	done
	le "refused in all" "$REFUSED" $((1 + UPS / 2000))
	finish
}

test_unbind_bind() {
	local round intf

	REFUSED=0
	plug
	GS_SLABS=()
	get intf usb_intf a
	for ((round = 1; round <= BINDS; round++)); do
		gs_unbind "$intf" || fail "unbind in round $round"
		gs_bind "$intf" || fail "bind in round $round"
		get A netdev a || fail "no interface in round $round"
		up_fd "$A"
		[ $((round % BINDS_AT_ONCE)) != 0 ] || look "$round" "$BINDS"
	done
	finish
}

ktap_run test_up_down test_unbind_bind
