#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# RTNL is held for a second at most, all requests together, whatever a device leaves without an
# answer. A command takes at least as long as it holds RTNL, and here the time is that of the guest's
# clock, which stands still while anything runs.
#
# guests: uml612-vtime
# timeout: 300

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# hundredths of a second, and a few since timers are late
LIMIT=110

one() {
	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t term=1 "$@"
	find_a
}

silent() {
	emu_ok fault id=a what=timeout count=1000000
}

# takes LEAST COMMAND...: whatever comes of it
takes() {
	local least=$1 began

	shift
	gs_now
	began=$GS_NOW
	"$@" >/dev/null 2>&1
	gs_now
	note "$*: $((GS_NOW - began)) hundredths of a second"
	ge "hundredths of a second" $((GS_NOW - began)) "$least"
	le "hundredths of a second" $((GS_NOW - began)) "$LIMIT"
}

# It works as before when the device answers again. What a command has left undone may have had it reset
sane() {
	emu_ok fault id=a what=none
	wait_for 20 "quiet" emu wait id=a cond=quiet
	is_up "$A" || up_fd "$A"
	on_bus "$A" a:0
	carrier "$A"
	talk
}

test_up() {
	one
	silent
	takes 80 ip link set "$A" up type can bitrate 500000 dbitrate 2000000 fd on
	sane
}

test_down() {
	one
	up_fd "$A"
	silent
	takes 80 ip link set "$A" down
	sane
}

# All channels, under one RTNL
test_down_all() {
	local i iface

	one channels=4
	for i in 0 1 2 3; do
		get iface netdev a "$i" || fail "no channel $i"
		up "$iface"
		ok "group" ip link set "$iface" group 7
	done
	silent
	takes 80 ip link set group 7 down
	for i in 0 1 2 3; do
		get iface netdev a "$i" || fail "no channel $i"
		! is_up "$iface" || fail "$iface is up"
	done
	emu_ok fault id=a what=none
	# they are told after all
	for i in 0 1 2 3; do
		wait_for 20 "end of channel $i" is 0 emu_status "a:$i" started
	done
	sane
}

test_restart() {
	one
	up_fd "$A"
	emu_ok busoff id=a ch=0
	wait_for 20 "bus-off" is BUS-OFF can_state "$A"
	silent
	takes 80 ip link set "$A" type can restart
	emu_ok fault id=a what=none
	wait_for 20 "quiet" emu wait id=a cond=quiet
	# without restart-ms it is not tried again by itself
	ok "restart" ip link set "$A" type can restart
	sane
}

test_termination() {
	one
	silent
	takes 80 ip link set "$A" type can termination 120
	sane
}

# The core lets go of RTNL between the two requests, to blink and to stop
test_identify() {
	one
	emu_ok fault id=a what=timeout count=1
	takes 80 ethtool -p "$A" 1
	sane
}

test_dump() {
	one
	up_fd "$A"
	leap 2
	silent
	LIMIT=20
	takes 0 ip -details -statistics link show "$A"
	takes 0 ip -details -statistics link show "$A"
	sane
}

# Eight channels in bus-off are restarted, one after the other, and each would take two seconds. Who
# takes one down waits for all that is under way.
test_down_behind_others() {
	local i iface commands=()

	one channels=8
	for i in 0 1 2 3 4 5 6 7; do
		get iface netdev a "$i" || fail "no channel $i"
		up "$iface" restart-ms 500
		commands+=("busoff id=a ch=$i")
	done
	get ASKED emu_status a requests
	emu_all "fault id=a what=timeout count=1000000" "${commands[@]}"
	restarting() {
		[ "$(emu_status a requests)" -gt "$ASKED" ]
	}
	wait_for 20 "first restart" restarting
	takes 50 ip link set "$iface" down
	emu_ok fault id=a what=none
	on_bus "$A" a:0
}

ktap_run test_up test_down test_down_all test_restart test_termination test_identify test_dump \
	test_down_behind_others
