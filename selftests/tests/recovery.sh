#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Echoes that are lost or late: the slots come back, later frames go out, and a channel that
# only has no partner is left waiting.
#
# timeout: 150

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

one() {
	emu_ok bus name=t ack=on
	adapter a "$@" bus=t
	A=$(netdev a) || fail "no interface"
	up "$A"
}

# Nothing is owed any more, and a frame goes through. whole NAME-OF-COUNTER COUNT
whole() {
	local n

	wait_for 20 "$1 of $2" is "$2" stat_of "$A" "$1"
	wait_for 20 "free slots" is 0 stat_of "$A" tx_pool_in_use
	n=$(link_stat "$A" tx_packets)
	ok "cansend" cansend "$A" 7F0#01
	wait_for 20 "echo after all" is $((n + 1)) link_stat "$A" tx_packets
	is_up "$A" || fail "$A is down"
}

# The first frame of all, and no other after it: the device says that the bus is fine
test_lost_alone() {
	one candlelight-fd
	emu_ok fault id=a what=drop-echo n=1
	ok "cansend" cansend "$A" 123#11
	whole tx_stuck 1
	eq "tx_abandoned" "$(stat_of "$A" tx_abandoned)" 1
	eq "tx_dropped" "$(link_stat "$A" tx_dropped)" 1
}

# Frames after it come back: it is given up, and the channel goes on without a reset
test_lost_between() {
	one candlelight-fd
	ok "cansend" cansend "$A" 122#
	wait_for 20 "first echo" is 1 link_stat "$A" tx_packets
	emu_ok fault id=a what=drop-echo n=1
	ok "cangen" cangen -g 0 -p 1000 -n 20 -I i -L 8 -D i "$A"
	whole echo_lost 1
	eq "tx_errors" "$(link_stat "$A" tx_errors)" 1
	eq "tx_stuck" "$(stat_of "$A" tx_stuck)" 0
}

# Late echoes can't be told apart here: the channel is started anew
test_lost_between_canable25() {
	one canable25
	emu_ok fault id=a what=drop-echo n=1
	ok "cangen" cangen -g 0 -p 1000 -n 20 -I i -L 8 -D i "$A"
	whole tx_stuck 1
}

# All slots lost at once
test_lost_all() {
	one cannectivity
	emu_ok fault id=a what=drop-echo n=8
	ok "cangen" cangen -g 0 -p 1000 -n 8 -I i -L 8 -D i "$A"
	whole tx_stuck 1
}

# An echo that comes when its frame was given up completes nothing
test_late() {
	local n

	one candlelight-fd
	ok "cansend" cansend "$A" 122#
	wait_for 20 "first echo" is 1 link_stat "$A" tx_packets
	emu_ok fault id=a what=late-echo n=1 us=$((8000000 * GS_SLOW))
	ok "cansend" cansend "$A" 123#11
	ok "cansend" cansend "$A" 124#
	wait_for 20 "frame given up" is 1 stat_of "$A" echo_lost
	n=$(link_stat "$A" tx_packets)
	late() {
		local sum

		sum=$(($(stat_of "$A" echo_unknown) + $(stat_of "$A" echo_stale)))
		[ "$sum" = 1 ]
	}
	wait_for 40 "late echo" late
	eq "tx_packets" "$(link_stat "$A" tx_packets)" "$n"
}

# Without a partner frames wait for as long as it takes, and go out when there is one
test_no_partner() {
	local n

	emu_ok bus name=t ack=off
	# its echo means that the frame was on the bus
	adapter a cannectivity bus=t
	A=$(netdev a) || fail "no interface"
	up "$A"
	ok "cansend" cansend "$A" 123#11
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$A"
	# longer than an echo may take elsewhere: the emulator's clock tells
	n=$(emu_status a ts)
	late() {
		[ $(($(emu_status a ts) - n)) -gt 5000000 ]
	}
	wait_for 20 "five seconds" late
	eq "tx_stuck" "$(stat_of "$A" tx_stuck)" 0
	eq "in use" "$(stat_of "$A" tx_pool_in_use)" 1
	emu_ok bus name=t ack=on
	adapter b candlelight-fd bus=t
	up "$(netdev b)"
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	eq "tx_dropped" "$(link_stat "$A" tx_dropped)" 0
}

ktap_run test_lost_alone test_lost_between test_lost_between_canable25 test_lost_all \
	test_late test_no_partner
