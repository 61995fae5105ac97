#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The adapter on dummy_hcd: transfers complete in softirqs with interrupts off, and reset and loss
# of power reach the firmware. What is asked here is what other transports can't show: frames both
# ways in that context, and that interfaces, settings and sockets survive a reset in full traffic
# with every frame accounted for.
#
# guests: uml612 uml73
# timeout: 240

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

GS_TRANSPORT=gadget

one() {
	emu_ok bus name=t ack=on
	adapter a "$@" bus=t
	get A netdev a || fail "no interface"
}

# Frames both ways, a few at a time: no firmware loses any then, however slow the machine is
# (dummy_hcd polls, and the emulator has a thread for each endpoint). talk ROUNDS [WORD...]
talk() {
	local round sent

	get sent emu_status a:0 tx
	capture "$GS_TMP/log" "$A"
	for ((round = 1; round <= $1; round++)); do
		emu_ok send bus=t frame=7FF#1122334455667788 count=6
		ok "cangen" cangen -g 0 -p 1000 -n 6 -I 321 -L i -D i "${@:2}" "$A"
		got "$GS_TMP/log" $((12 * round))
	done
	bus_idle t
	eq "frames on the bus" $(($(emu_status a:0 tx) - sent)) $((6 * $1))
	stop_capture
}

settings() {
	link_json "$A" '| [.ifname, .ifindex, .linkinfo.info_data.bittiming.bitrate,
		.linkinfo.info_data.data_bittiming.bitrate, .linkinfo.info_data.ctrlmode,
		.txqlen, .mtu] | @json'
}

# Frames for the bus until stop_sending, which finds out how many they were
send_on() {
	cangen -g 4 -p 5000 -I 321 -L 8 -D i -v -v "$A" >"$GS_TMP/given" 2>/dev/null &
	CANGEN=$!
}

# It says each frame, then writes it, then waits. A signal in the middle of that makes it fail; it
# does not say whether the last frame was written.
stop_sending() {
	kill -TERM "$CANGEN"
	wait "$CANGEN"
	IN_DOUBT=$?
	le "status of cangen" "$IN_DOUBT" 1
	GIVEN=$(($(lines "$GS_TMP/given") - IN_DOUBT))
}

all_accounted() {
	local sum

	sum=$(($(link_stat "$A" tx_packets) + $(link_stat "$A" tx_dropped) +
	       $(link_stat "$A" tx_errors)))
	[ "$sum" -ge "$GIVEN" ] && [ "$sum" -le $((GIVEN + IN_DOUBT)) ]
}

# balance MISSED: every frame that the program gave has come back, or is counted as dropped. No
# frame went out twice, and of those that came back all but MISSED went out.
balance() {
	local missing

	all_accounted || fail "not all of $GIVEN frames are accounted for"
	eq_said "frames lost in errors" 0 link_stat "$A" tx_errors
	emu_ok record bus=t off
	stop_capture
	frames "$GS_TMP/kept" | grep '^321' >"$GS_TMP/echoes"
	eq "frames seen to come back" "$(lines "$GS_TMP/echoes")" "$(link_stat "$A" tx_packets)"
	frames "$GS_TMP/bus" | grep '^321' | sort >"$GS_TMP/out"
	[ -z "$(uniq -d "$GS_TMP/out")" ] || fail "sent twice: $(uniq -d "$GS_TMP/out" | head -3)"
	missing=$(sort "$GS_TMP/echoes" | comm -23 - "$GS_TMP/out" | wc -l)
	note "$GIVEN given, $(lines "$GS_TMP/out") went out, $(lines "$GS_TMP/echoes") came back, $missing of them in vain"
	le "frames that came back and were not sent" "$missing" "$1"
}

# Every frame, in order, both ways. order PERSONALITY "WORDS OF ip link" [OPTION OF cangen]
order() {
	local who

	one "$1"
	# shellcheck disable=SC2086	# words
	up "$A" $2
	talk 8 "${@:3}"
	bus_frames t >"$GS_TMP/bus"
	frames "$GS_TMP/log" >"$GS_TMP/frames"
	# an echo may be ahead of frames that were on the bus before it
	for who in 321 7FF; do
		grep "^$who" "$GS_TMP/bus" >"$GS_TMP/bus.$who"
		grep "^$who" "$GS_TMP/frames" >"$GS_TMP/frames.$who"
		same "bus against $A" "$GS_TMP/bus.$who" "$GS_TMP/frames.$who"
	done
	down "$A"
	pools_empty a
}

test_candlelight() { order candlelight-fd "dbitrate 2000000 fd on" -m; }
test_cannectivity() { order cannectivity ""; }

test_unplug_in_traffic() {
	local n

	one candlelight-fd
	for n in 1 2; do
		get A netdev a
		up "$A" bitrate 125000
		cangen -g 0 -p 1000 -I 321 -L 8 -D i "$A" >/dev/null 2>&1 &
		# more urgent, or there would be no place for it on the bus; and not more than this
		# host controller can take, or echoes would be late behind them
		emu_ok send bus=t frame=001#1122334455667788 count=100000 gap=50000
		wait_for 20 "traffic" at_least 20 link_stat "$A" tx_packets
		wait_for 20 "traffic" at_least 20 link_stat "$A" rx_packets
		replug a
		wait
	done
}

test_rebind_in_traffic() {
	local intf

	one candlelight-old
	up "$A" bitrate 125000
	cangen -g 0 -p 1000 -I 321 -L 8 -D i "$A" >/dev/null 2>&1 &
	emu_ok send bus=t frame=001#1122334455667788 count=100000 gap=50000
	wait_for 20 "traffic" at_least 20 link_stat "$A" rx_packets
	wait_for 20 "traffic" at_least 20 link_stat "$A" tx_packets
	get intf usb_intf a
	gs_unbind "$intf"
	eq_said "started" 0 emu_status a:0 started
	wait
	emu_ok bus name=t
	gs_bind "$intf"
	wait_for 20 "driver bound again" gs_bound a
}

# What the device has no room for is not sent after the channel was stopped. (A host controller
# would have given it back before; here it is the emulator that does.)
test_given_back() {
	one candlelight-fd
	emu_ok fault id=a what=out-hang n=1
	up "$A"
	ok "cansend" cansend "$A" 123#11
	# after more than a second the driver begins to help itself
	held() {
		[ "$(emu_status a out_pending)" = 1 ] || [ "$(stat_of "$A" tx_stuck)" != 0 ]
	}
	wait_for 20 "transfer that hangs" held
	down "$A"
	eq_said "transfers that hang" 0 emu_status a out_pending
	up "$A"
	talk 1
}

# A reset in the middle: nothing changes but that some frames are lost, and these are counted.
# reset_in_traffic PERSONALITY NUMBER-FROM-THE-BUS MAILBOXES-ECHOED-TOO-EARLY
reset_in_traffic() {
	local before n round

	one "$1"
	up_fd "$A" bitrate 250000 dbitrate 1000000
	before=$(settings)
	capture "$GS_TMP/kept" "$A"
	emu_ok record bus=t file="$GS_TMP/bus"
	send_on
	[ "$2" = 0 ] || emu_ok send bus=t frame=7FF#1122 count="$2" gap=5000
	for round in 1 2 3; do
		get n lines "$GS_TMP/kept"
		wait_for 30 "frames, round $round" has_lines $((n + 20)) "$GS_TMP/kept"
		get n emu_status a resets
		ok "reset" usb-reset "$(usb_node a)"
		ge_said "resets that the firmware saw" $((n + 1)) emu_status a resets
		eq "settings" "$(settings)" "$before"
	done
	# the last ones come after the last reset: the socket is still bound
	get n lines "$GS_TMP/kept"
	wait_for 30 "frames after all" has_lines $((n + 20)) "$GS_TMP/kept"
	eq_said "started" 1 emu_status a:0 started
	eq_said "rate" 250000 emu_status a:0 rate
	eq_said "data rate" 1000000 emu_status a:0 drate
	stop_sending
	wait_for 30 "end of $GIVEN frames" all_accounted
	# what the mailboxes have still is more urgent than these
	get n lines "$GS_TMP/kept"
	[ "$2" = 0 ] || wait_for 30 "frames from the bus" has_lines $((n + 5)) "$GS_TMP/kept"
	down "$A"
	balance $((3 * $3))
	pools_empty a
}

# candleLight says that a frame was sent when a mailbox, one of three, has it
test_reset_candlelight() { reset_in_traffic candlelight-fd 100000 3; }
# Frames for a host that does not fetch them fast enough may be the end of its OUT endpoint
test_reset_cannectivity() { reset_in_traffic cannectivity 0 0; }

# Nobody acknowledges, so that every frame is in flight when the reset comes
test_reset_drops() {
	one cannectivity
	emu_ok bus name=t ack=off
	up "$A"
	in_flight 5
	ok "reset" usb-reset "$(usb_node a)"
	eq_said "frames given up" 5 link_stat "$A" tx_aborted_errors
	wait_for 20 "start" is 1 emu_status a:0 started
	emu_ok bus name=t ack=on
	talk 1
}

# N frames in flight, on a bus where none of them gets an answer
in_flight() {
	local i

	echo 100000 >"/sys/class/net/$A/queues/tx-0/byte_queue_limits/limit_min"
	for ((i = 0; i < $1; i++)); do
		ok "cansend" cansend "$A" 123#11
	done
	wait_for 20 "$1 frames in flight" is "$1" intf_stat a firmware/in_flight
}

# What the administrator does to a device: it comes back as a new one
test_authorized() {
	local dev

	one candlelight-fd
	up "$A"
	cangen -g 0 -p 1000 -I i -L 8 -D i "$A" >/dev/null 2>&1 &
	wait_for 20 "traffic" at_least 20 link_stat "$A" tx_packets
	dev=$(usb_path "$(usb_dev a)")
	echo 0 >"$dev/authorized"
	eq_said "started" 0 emu_status a:0 started
	wait
	[ ! -e "/sys/class/net/$A/gs_usb_ng" ] || fail "$A is still there"
	echo 1 >"$dev/authorized"
	wait_for 20 "driver bound again" gs_bound a
	get A netdev a
	up "$A"
	talk 1
}

# The hub turns the port off, and the adapter's power with it
test_port_power() {
	local port

	one candlelight-fd
	up "$A"
	cangen -g 0 -p 1000 -I i -L 8 -D i "$A" >/dev/null 2>&1 &
	wait_for 20 "traffic" at_least 20 link_stat "$A" tx_packets
	port=$(readlink -f "$(usb_path "$(usb_dev a)")/port")
	echo 1 >"$port/disable"
	wait_for 20 "end of $A" not netdev a
	wait
	wait_for 20 "end of the channel" is 0 emu_status a:0 started
	echo 0 >"$port/disable"
	wait_for 20 "driver bound again" gs_bound a
	get A netdev a
	up "$A"
	talk 1
}

ktap_run test_candlelight test_cannectivity test_unplug_in_traffic test_rebind_in_traffic \
	test_given_back test_reset_candlelight test_reset_cannectivity test_reset_drops test_authorized \
	test_port_power
