#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The cable is pulled at every single step of probe, open, close, sending and receiving: at the
# first request or transfer, at the second, until there is no such one any more; and at times
# that a seed chooses, in two-way traffic. The interface is gone afterwards, plugged in again the
# adapter works at once, and memory does not grow.
#
#	GS_TEST_UNPLUGS=1000	how often in traffic (6); give GS_TIMEOUT, too
#	GS_TEST_SEED		of these times
#
# timeout: 240
# guests: uml*

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

UNPLUGS=${GS_TEST_UNPLUGS:-6}
FRAMES=4
# slab objects that may come and go with other things than unplugs
SLACK=2000

pull_at() {
	emu_ok fault id=a what=unplug "$@"
}

# Both directions, with all that the pool got given back after it
works() {
	is_up "$A" || up_fd "$A"
	talk
	down "$A"
	pools_empty a
}

# each_step LEAST COMMAND WORD...: the cable is pulled at the k-th event, given by WORDs for the
# emulator, that COMMAND causes. "pulled" says if there was one, or waits until there was or all
# was done without.
each_step() {
	local least=$1 command=$2 k

	shift 2
	for ((k = 0; k < 100; k++)); do
		"prepare_$command"
		pull_at "$@" skip="$k"
		"$command"
		plugged && break
		plug_again
	done
	emu_ok fault id=a what=none
	note "$command: pulled at each of $k"
	ge "events of $command" "$k" "$least"
}

prepare_open() {
	:
}

open() {
	ip link set "$A" up type can bitrate 500000 dbitrate 2000000 fd on 2>/dev/null || ! plugged ||
		fail "$A can't be brought up"
}

# RESET, two bit timings, delay compensation, START
test_open() {
	one candlelight-fd
	each_step 5 open at=ctrl
	works
}

prepare_close() {
	is_up "$A" || up_fd "$A"
}

close() {
	ip link set "$A" down 2>/dev/null || ! plugged || fail "$A can't be taken down"
}

test_close() {
	one candlelight-fd
	each_step 1 close at=ctrl
	works
}

prepare_reset() {
	is_up "$A" || up_fd "$A"
	emu_ok usbreset id=a
}

# Returns when the driver has programmed the device anew, or has failed to
reset() {
	usb-reset "$(usb_node a)" >/dev/null 2>&1 || ! plugged || fail "it can't be reset"
}

# Byte order, RESET, two bit timings, delay compensation, START: what comes after a sleep, too
test_reset() {
	one candlelight-fd
	each_step 6 reset at=ctrl
	works
}

prepare_sending() {
	is_up "$A" || up_fd "$A"
	get SENT link_stat "$A" tx_packets
}

sending() {
	cangen -g 0 -p 1000 -n "$FRAMES" -I 123 -L i -D i "$A" >/dev/null 2>&1
	all_sent() {
		! plugged || [ "$(link_stat "$A" tx_packets)" = $((SENT + FRAMES)) ]
	}
	wait_for 20 "end of sending" all_sent
}

test_out() {
	one candlelight-fd
	each_step "$FRAMES" sending at=out
	works
}

test_echo() {
	one candlelight-fd
	each_step "$FRAMES" sending at=echo
	works
}

prepare_receiving() {
	is_up "$A" || up_fd "$A"
	get GOT link_stat "$A" rx_packets
}

receiving() {
	emu_ok send bus=t frame=321#1122 count="$FRAMES"
	all_got() {
		! plugged || [ "$(link_stat "$A" rx_packets)" = $((GOT + FRAMES)) ]
	}
	wait_for 20 "end of receiving" all_got
}

test_in() {
	one candlelight-fd
	each_step "$FRAMES" receiving at=in
	works
}

# What probe asks for: pulled before anybody could see an interface
test_probe() {
	local k

	one candlelight-fd term=1
	for ((k = 0; k < 100; k++)); do
		emu_ok unplug id=a
		wait_for 20 "end of the interface" gone
		emu_all "fault id=a what=unplug at=ctrl skip=$k" "plug id=a"
		came_up_or_not() {
			! plugged || gs_bound a
		}
		wait_for 20 "end of probe" came_up_or_not
		plugged && break
	done
	emu_ok fault id=a what=none
	note "probe: pulled at each of $k"
	ge "requests of probe" "$k" 7
	get A netdev a || fail "no interface"
	works
}

# While a halted endpoint is cleared
halted() {
	one candlelight-fd
	up "$A"
	pull_at at=std
	emu_ok fault id=a what="$1" status=stall
	[ "$1" = in-status ] || cansend "$A" 123#11
	wait_for 20 "end of the adapter" not plugged
	plug_again
	works
}

test_in_halt() { halted in-status; }
test_out_halt() { halted out-status; }

# In traffic of both directions and both channels, at any time
test_traffic() {
	local i us n

	RANDOM=${GS_TEST_SEED:-1}
	GS_SLABS=()
	emu_ok bus name=t ack=on
	emu_ok bus name=u ack=on
	adapter a cannectivity channels=2 bus=t,u
	emu_ok send bus=t frame=7FF#1122334455667788 count=10000000 gap=1000
	emu_ok send bus=u frame=7FE#1122 count=10000000 gap=500
	for ((i = 0; i < UNPLUGS; i++)); do
		us=$((RANDOM * 20))
		get A netdev a 0 || fail "no channel 0"
		get n netdev a 1 || fail "no channel 1"
		for n in "$A" "$n"; do
			up "$n" restart-ms 100
			cangen -g 1 -p 1000 -I i -L i -D i "$n" >/dev/null 2>&1 &
		done
		pull_at at=time after="$us"
		wait_for 20 "end of the adapter, time $i: $us us" not plugged
		wait_for 20 "end of the interfaces, time $i: $us us" gone
		# shellcheck disable=SC2046	# a list
		kill $(jobs -p) 2>/dev/null
		wait
		emu_ok plug id=a
		wait_for 20 "driver bound again, time $i" gs_bound a
		[ $((i % 10)) != 0 ] || memory_flat "$i unplugs" "$SLACK"
	done
	get A netdev a 0 || fail "no channel 0"
	pools_empty a 0
	pools_empty a 1
	up "$A"
	wait_for 20 "frames" at_least 10 link_stat "$A" rx_packets
}

ktap_run test_probe test_open test_close test_reset test_out test_echo test_in test_in_halt \
	test_out_halt test_traffic
