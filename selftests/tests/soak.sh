#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Four channels of three adapters send to each other as fast as they can, and one transfer in a
# hundred goes wrong: echoes are lost, late or come twice, transfers in both directions fail, some
# of which have brought the adapter their frame all the same, endpoints halt. One adapter keeps
# eight bits of an echo id. After each round every frame that was sent has been echoed, has failed or
# was dropped, everything that the adapters fetched from the bus was received, and memory has
# not grown. What goes wrong when follows from a seed.
#
#	GS_TEST_SEED		the first round's, the others count on from there
#	GS_TEST_FRAMES		frames that each channel sends in a round
#	GS_TEST_ROUNDS		rounds
#	GS_TEST_MINUTES		instead of that: rounds are begun for so long ("make soak")
#
# timeout: 600
# guests: uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

SEED=${GS_TEST_SEED:-1}
FRAMES=${GS_TEST_FRAMES:-1500}
ROUNDS=${GS_TEST_ROUNDS:-4}
MINUTES=${GS_TEST_MINUTES:-0}

# Frames that an adapter may hold for the host, and forgets in a restart of the channel
QUEUE=128
# Slab objects that may come and go with other things than frames
SLACK=2000

# pick WORD...: one of them, in PICKED. (Not in a command substitution, which would draw
# from a copy of the generator.)
pick() {
	local n=$((RANDOM % $# + 1))

	PICKED=${!n}
}

# rule ID EVERY WORD...: strikes at one of EVERY, from anywhere among the first of them
rule() {
	emu_ok fault id="$1" every="$2" skip=$((RANDOM % $2)) count=1000000 "${@:3}"
}

# misbehave SEED: one in a hundred IN transfers, OUT transfers and echoes. A halt is rarer, since
# all that is in the queue dies with it. c loses echoes more often, but none is late.
misbehave() {
	local id

	RANDOM=$1
	for id in a c e; do
		pick proto crc timeout babble overrun short
		rule "$id" 120 what=in-status status="$PICKED"
		rule "$id" 600 what=in-status status=stall ch=0
		pick proto crc timeout
		rule "$id" 120 what=out-status status="$PICKED"
		rule "$id" 600 what=out-status status=stall ch=0
	done
	for id in a e; do
		rule "$id" 250 what=drop-echo
		rule "$id" 250 what=dup-echo
		rule "$id" 500 what=late-echo us=$((RANDOM * 3))
		rule "$id" 300 what=out-taken status=proto
	done
	rule c 100 what=drop-echo
}

behave() {
	emu_all "fault id=a what=none" "fault id=c what=none" "fault id=e what=none"
}

memory() {
	awk '$1 == "MemFree:" { print $2 }' /proc/meminfo
}

# restarts IFACE: how often the channel was started anew, which costs frames of the bus
restarts() {
	local resets=0

	gs_read "/sys/class/net/$1/device/recovery/usb_resets" && resets=$GS_VALUE
	echo $(($(stat_of "$1" tx_stuck) + resets))
}

# Nothing owes anything any more, and the accounts are right. settle ROUND
settle() {
	local i iface sent=$(($1 * (FRAMES + 1))) echoed failed dropped fetched got lost

	for i in 0 1 2 3; do
		iface=${IFACES[i]}
		accounted() {
			get echoed link_stat "$iface" tx_packets
			get failed link_stat "$iface" tx_errors
			get dropped link_stat "$iface" tx_dropped
			[ $((echoed + failed + dropped)) -ge "$sent" ]
		}
		wait_for 60 "end of all frames of $iface" accounted
		eq "$iface: $echoed echoed + $failed failed + $dropped dropped" \
			$((echoed + failed + dropped)) "$sent"
		wait_for 20 "free slots" is 0 stat_of "$iface" tx_pool_in_use
		ECHOED=$((ECHOED + echoed))
		FAILED=$((FAILED + failed))
		DROPPED=$((DROPPED + dropped))
	done
	bus_idle s
	for i in 0 1 2 3; do
		iface=${IFACES[i]}
		get fetched emu_status "${CHANNELS[i]}" rx
		arrived() {
			get got link_stat "$iface" rx_packets
			lost=$((fetched - got))
			[ "$lost" -le $((QUEUE * $(restarts "$iface"))) ]
		}
		wait_for 20 "frames that $iface received" arrived
		ge "frames lost in $(restarts "$iface") restarts of $iface" "$lost" 0
		RECEIVED=$((RECEIVED + got))
	done
}

# One round: all send, all settle. one_round NUMBER
one_round() {
	local i pids=()

	ECHOED=0 FAILED=0 DROPPED=0 RECEIVED=0
	misbehave $((SEED + $1 - 1))
	for i in 0 1 2 3; do
		cangen -g 0 -p 1000 -n "$FRAMES" -m -I i -L i -D i "${IFACES[i]}" >/dev/null &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || fail "a sender ended early in round $1"
	done
	behave
	# one that nothing happens to: with its echo those slots come back that are kept aside
	for i in 0 1 2 3; do
		ok "cangen" cangen -g 0 -p 1000 -n 1 -I i -L i -D i "${IFACES[i]}"
	done
	settle "$1"
}

# Is there another round after this one, begun so many hundredths of a second ago?
more() {
	if [ "$MINUTES" = 0 ]; then
		[ "$1" -lt "$ROUNDS" ]
	else
		[ "$2" -lt $((MINUTES * 6000)) ]
	fi
}

test_soak() {
	local round=0 began i now

	emu_ok bus name=s ack=on fast=1
	adapter a candlelight-fd channels=2 bus=s
	adapter c candlelight-fd bus=s
	adapter e canable25 bus=s
	CHANNELS=(a:0 a:1 c:0 e:0)
	IFACES=("$(netdev a 0)" "$(netdev a 1)" "$(netdev c)" "$(netdev e)")
	for i in 0 1 2 3; do
		[ -n "${IFACES[i]}" ] || fail "no interface for ${CHANNELS[i]}"
		up_fd "${IFACES[i]}"
	done
	candump -L "${IFACES[1]}" >/dev/null 2>&1 &
	wait_for 10 "candump" gs_listens 1 "${IFACES[1]}" all
	GS_SLABS=()
	note "seed $SEED, $FRAMES frames a round and channel"
	gs_now
	began=$GS_NOW
	now=$GS_NOW
	while more "$round" $((now - began)); do
		round=$((round + 1))
		one_round "$round"
		memory_flat "$round rounds" "$SLACK"
		gs_now
		now=$GS_NOW
		note "round $round, $(((now - began) / 100)) s: $((4 * round * (FRAMES + 1))) frames:" \
			"$ECHOED echoed, $FAILED failed, $DROPPED dropped; $RECEIVED received;" \
			"${GS_SLABS[-1]} slab objects, $(memory) kB free"
	done
	for i in echo_lost tx_urb_errors; do
		ge_said "$i" 1 stat_of "${IFACES[0]}" "$i"
	done
	# one that comes twice is the second time that of a free slot, or of its next frame
	i=$(($(stat_of "${IFACES[0]}" echo_duplicate) + $(stat_of "${IFACES[0]}" echo_unknown) +
	     $(stat_of "${IFACES[0]}" echo_stale)))
	ge "echoes that nobody waits for" "$i" 1
	ge_said "echo_lost of c" 1 stat_of "${IFACES[2]}" echo_lost
	ge_said "tx_aside of e" 1 stat_of "${IFACES[3]}" tx_aside
	ge_said "tx_stuck of e" 1 stat_of "${IFACES[3]}" tx_stuck
	ge_said "urb_errors of a" 1 intf_stat a rx/urb_errors

	# and now without anything going wrong
	for i in 0 1 2 3; do
		get now link_stat "${IFACES[i]}" tx_packets
		ok "cangen" cangen -g 0 -p 1000 -n 20 -I i -L i -D i "${IFACES[i]}"
		wait_for 20 "20 echoes" is $((now + 20)) link_stat "${IFACES[i]}" tx_packets
	done
	# and no IN transfer was lost
	for i in a c e; do
		get now intf_stat "$i" pool_rx/capacity
		wait_for 20 "IN transfers of $i that wait" is "$now" emu_status "$i" in_pending
	done
	for i in 0 1 2 3; do
		down "${IFACES[i]}"
	done
	pools_empty a 0
	pools_empty a 1
	pools_empty c
	pools_empty e
}

ktap_run test_soak
