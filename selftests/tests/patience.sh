#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Where time matters. What goes on for minutes: a device that will not start any more is not reset
# for ever, and is of use again when it will; frames that rightly wait are left waiting; what was
# refused is not asked for ever. And what comes while a request waits for its answer.
#
# It takes minutes by the guest's clock, which leaps.
#
# timeout: 1500
# guests: uml612-vtime

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# A is still up, and as soon as the adapter behaves it works
of_use_again() {
	is_up "$A" || fail "$A is down"

	emu_ok fault id=a what=none
	on_bus "$A" a:0
	carrier "$A"
	ok "cansend" cansend "$A" 123#12
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
}

# It refuses each START, of a channel that was up. Three USB resets, and then it is tried by itself
test_refuses_start() {
	local resets

	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t channels=1
	get A netdev a || fail "no interface"
	up "$A"
	emu_all "fault id=a what=drop-echo n=1" "fault id=a what=stall req=2 count=1000000"
	ok "cansend" cansend "$A" 123#11
	leap 300
	get resets intf_stat a recovery/usb_resets
	eq "USB resets in five minutes" "$resets" 3
	eq_said "gave up" 0 intf_stat a recovery/gave_up
	of_use_again
	eq_said "USB resets after that" "$resets" intf_stat a recovery/usb_resets
}

# It answers requests, but its IN transfers do nothing but fail: it is reset three times, and again
# when that was a minute ago. When they succeed it is of use at once.
test_fails_for_good() {
	local resets lines

	one candlelight-fd
	up "$A"
	emu_ok fault id=a what=in-status status=proto count=1000000
	leap 300
	get resets intf_stat a recovery/usb_resets
	note "$resets USB resets in five minutes, $(log_count 'gs_usb_ng') lines in the log"
	ge "USB resets" "$resets" 9
	le "USB resets" "$resets" 18
	get lines log_count 'gs_usb_ng'
	le "lines in the log" "$lines" 60
	of_use_again
}

# A frame that waits for a bus full of more urgent ones can't be told from one whose echo is lost:
# ten seconds
test_full_bus() {
	emu_ok bus name=t ack=on
	# its echo means that the frame was on the bus
	adapter a cannectivity bus=t channels=1
	get A netdev a || fail "no interface"
	up "$A" bitrate 10000
	# 12 ms each
	emu_ok send bus=t frame=001#1122334455667788 count=1500
	leap 1
	ok "cansend" cansend "$A" 7F0#01
	leap 9
	ge_said "looks that found it overdue" 1 stat_of "$A" tx_doubted
	eq_said "channel started anew" 0 stat_of "$A" tx_stuck
	leap 2
	eq_said "channel started anew" 1 stat_of "$A" tx_stuck
	# by now the bus is free
	leap 6
	ok "cansend" cansend "$A" 7F0#02
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	eq_said "tx_dropped" 1 link_stat "$A" tx_dropped
}

# pair PERSONALITY: two channels, each on a bus of its own, both up
pair() {
	emu_ok bus name=t ack=on
	emu_ok bus name=u ack=on
	adapter a "$1" channels=2 bus=t,u
	find_a
	up "$A"
	up "$B"
}

# On a device with one queue frames wait behind those of a channel that has no partner, for as long
# as it takes: they may be doubted once, before a look has found that it waits, and nothing is started anew
test_held_up() {
	pair cannectivity
	emu_ok bus name=u ack=off
	ok "cangen" cangen -g 0 -p 1000 -n 4 -I 456 -L i -D i "$B"
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$B"
	ok "cansend" cansend "$A" 123#
	leap 60
	eq_said "state of the one behind" ERROR-ACTIVE can_state "$A"
	le_said "looks that doubted it" 1 stat_of "$A" tx_doubted
	eq_said "channel started anew" 0 stat_of "$A" tx_stuck
	eq_said "the other started anew" 0 stat_of "$B" tx_stuck
	emu_ok bus name=u ack=on
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	wait_for 20 "echoes of the other" is 4 link_stat "$B" tx_packets
}

# One that is error-passive, but has nothing in that queue, holds nobody up: what is lost is lost
test_not_held_up() {
	pair cannectivity
	emu_ok errors id=a ch=1 tec=140
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$B"
	emu_ok fault id=a what=drop-echo n=1
	ok "cansend" cansend "$A" 123#
	leap 60
	eq_said "channel started anew" 1 stat_of "$A" tx_stuck
	eq_said "state of the other" ERROR-PASSIVE can_state "$B"
	ok "cansend" cansend "$A" 124#
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
}

# Where each channel has a queue of its own another one's is no reason to wait. (This firmware can't
# be asked for its state.)
test_not_behind() {
	pair candlelight-old
	emu_ok bus name=u ack=off
	ok "cangen" cangen -g 0 -p 1000 -n 5 -I 456 -L i -D i "$B"
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$B"
	leap 2
	emu_ok fault id=a what=drop-echo ch=0 n=2
	ok "cansend" cansend "$A" 121#
	ok "cansend" cansend "$A" 122#
	leap 2
	emu_ok send bus=t frame=001#11 count=5
	leap 2
	eq_said "channel started anew" 1 stat_of "$A" tx_stuck
	ok "cansend" cansend "$A" 123#
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	eq_said "the other started anew" 0 stat_of "$B" tx_stuck
}

# In one-shot mode a frame behind those that wait has not had its chance, nor when the first of them
# has just been echoed
test_one_shot_behind() {
	emu_ok bus name=t ack=on
	emu_ok bus name=u ack=off
	adapter a cannectivity channels=2 bus=t,u
	find_a
	up "$A" one-shot on
	up "$B"
	# three of five are in the controller
	ok "cangen" cangen -g 0 -p 1000 -n 5 -I 456 -L 8 -D i "$B"
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$B"
	ok "cansend" cansend "$A" 123#
	leap 3
	# slot 0, its first frame
	emu_ok inject id=a hex=00010000560400000801000000000000000000000000000000
	wait_for 20 "echo of the first" is 1 link_stat "$B" tx_packets
	leap 30
	eq_said "frames given up" 0 link_stat "$A" tx_errors
	emu_ok bus name=u ack=on
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	wait_for 20 "echoes of the other" is 5 link_stat "$B" tx_packets
	eq_said "the other started anew" 0 stat_of "$B" tx_stuck
}

# Where all channels share what a device can take, those without a partner leave the others some of it
test_shared() {
	local i

	emu_ok bus name=t ack=on
	emu_ok bus name=u ack=off
	emu_ok bus name=v ack=off
	adapter a candlelight-old channels=3 bus=t,u,v
	for i in 1 2; do
		get B netdev a "$i" || fail "no channel $i"
		up "$B"
		ok "txqueuelen" ip link set "$B" txqueuelen 100
		ok "cangen" cangen -g 0 -p 1000 -n 50 -I 456 -L i -D i "$B"
		wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$B"
	done
	leap 2
	get A netdev a 0 || fail "no channel 0"
	up "$A"
	ok "cangen" cangen -g 0 -p 1000 -n 20 -I 123 -L i -D i "$A"
	wait_for 20 "echoes" is 20 link_stat "$A" tx_packets
}

# late_by COMMAND...: how long it takes until that is so, hundredths of a second
late_by() {
	local began

	gs_now
	began=$GS_NOW
	wait_for 20 "$*" "$@"
	gs_now
	note "after $((GS_NOW - began)) hundredths of a second"
	LATE=$((GS_NOW - began))
}

# For a channel without a partner an OUT transfer may take as long as it likes, but not at the cost of
# one that has a partner
test_hung_before() {
	pair candlelight-fd
	emu_ok bus name=u ack=off
	ok "cangen" cangen -g 0 -p 1000 -n 5 -I 456 -L i -D i "$B"
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$B"
	emu_ok fault id=a what=out-hang ch=1 n=1
	ok "cansend" cansend "$B" 457#
	leap 10
	eq_said "started anew" 0 stat_of "$B" tx_stuck
	ok "cansend" cansend "$A" 123#
	late_by is 1 link_stat "$A" tx_packets
	le "hundredths of a second" "$LATE" 200
	eq_said "started anew" 1 stat_of "$B" tx_stuck
	eq_said "the other started anew" 0 stat_of "$A" tx_stuck
}

# Nor may it where the device has none of the channel's frames, which would wait for a partner
test_hung_passive() {
	one candlelight-fd
	up "$A"
	emu_ok errors id=a tec=200
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$A"
	emu_ok fault id=a what=out-hang n=1
	ok "cansend" cansend "$A" 123#
	late_by is 1 stat_of "$A" tx_stuck
	le "hundredths of a second" "$LATE" 200
	ok "cansend" cansend "$A" 124#
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
}

# One after the other, the frames of two channels in one queue are lost. The one in front is looked at
# first, and the other one is doubted when that is out of the way
test_both_lost() {
	pair cannectivity
	emu_ok fault id=a what=drop-echo n=2
	ok "cansend" cansend "$B" 456#
	leap 0.1
	ok "cansend" cansend "$A" 123#
	wait_for 20 "new start" is 1 stat_of "$B" tx_stuck
	late_by is 1 stat_of "$A" tx_stuck
	ge "hundredths of a second" "$LATE" 15
	le "hundredths of a second" "$LATE" 70
	ok "cansend" cansend "$A" 124#
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
}

# A full bus is no reason for a transfer not to end
test_hung_full_bus() {
	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t channels=1
	get A netdev a 0 || fail "no interface"
	up "$A" bitrate 10000
	# 12 ms each
	emu_ok send bus=t frame=001#1122334455667788 count=1500
	leap 1
	emu_ok fault id=a what=out-hang n=2
	ok "cansend" cansend "$A" 7F0#01
	late_by is 1 stat_of "$A" tx_stuck
	le "hundredths of a second" "$LATE" 200
	# but who knows: for a USB reset it is, for ten seconds
	ok "cansend" cansend "$A" 7F0#02
	leap 8
	eq_said "USB resets" 0 intf_stat a recovery/usb_resets
	leap 5
	eq_said "USB resets" 1 intf_stat a recovery/usb_resets
	emu_ok usbreset id=a
	leap 20
	on_bus "$A" a:0
	ok "cansend" cansend "$A" 7F0#03
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
}

# closed COUNTER TIMES FAULT...: a channel is down, and its device has not agreed
closed() {
	local n

	get n intf_stat a "recovery/$1"
	up "$A"
	emu_ok fault id=a req=2 count=1000000 "${@:3}"
	down "$A"
	leap 60
	eq "requests that failed ($1)" $(($(intf_stat a "recovery/$1") - n)) "$2"
	eq_said "USB resets" 0 intf_stat a recovery/usb_resets
	emu_ok fault id=a what=none
}

# The RESET of a channel that goes down is refused, which it would be the next time, too; or not
# answered, which it may be the next time, but others wait for the device meanwhile
test_closed() {
	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t channels=1
	find_a
	closed refused 1 what=stall
	closed no_answer 3 what=timeout
	up "$A"
	ok "cansend" cansend "$A" 123#
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
}

# A device that leaves requests without an answer, but sends, is told nevertheless
test_closed_unheard() {
	pair candlelight-fd
	emu_ok send bus=u frame=456#11 count=1000000 gap=20000
	# for its state and for its configuration
	emu_all "fault id=a what=timeout req=14 count=1000000" "fault id=a what=timeout req=5 count=1000000"
	emu_ok fault id=a what=drop-echo ch=1 n=1
	ok "cansend" cansend "$B" 123#
	unanswered() {
		[ "$(intf_stat a recovery/no_answer)" -ge 2 ]
	}
	wait_for 20 "requests without an answer" unanswered
	down "$A"
	wait_for 5 "end of channel 0" is 0 emu_status a:0 started
	is_up "$B" || fail "$B is down"
	eq_said "USB resets" 0 intf_stat a recovery/usb_resets
}

# asked N: the device has had N requests since ASKED
asked() {
	[ "$(emu_status a requests)" -ge $((ASKED + $1)) ]
}

# To start a channel anew takes two seconds if neither the RESET of its end nor that of its start is
# answered. Who holds RTNL and wants a ring of another size waits for one.
test_time_rings() {
	local began

	pair candlelight-fd
	down "$B"
	get ASKED emu_status a requests
	emu_all "fault id=a what=drop-echo n=1" "fault id=a what=timeout req=2 ch=0 n=2"
	ok "cansend" cansend "$A" 123#
	# twice for the state, and the first RESET
	wait_for 20 "RESET" asked 3
	gs_now
	began=$GS_NOW
	ok "ring" ethtool -G "$B" tx 5
	gs_now
	note "$((GS_NOW - began)) hundredths of a second"
	ge "hundredths of a second" $((GS_NOW - began)) 80
	le "hundredths of a second" $((GS_NOW - began)) 110
	on_bus "$A" a:0
	ok "cansend" cansend "$A" 124#
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
}

# While the halt of an OUT endpoint is cleared, which is not answered, another endpoint halts. It is
# cleared, too, before there is another frame for it to lose.
test_second_halt() {
	emu_ok bus name=t ack=on
	adapter a canable25 channels=2 bus=t
	echo elm >"$GS_USB/drivers/$GS_DRIVER/$(usb_intf a)/protocol" || fail "no ELM protocol"
	find_a
	up "$A"
	up "$B"
	emu_all "fault id=a what=out-status status=stall ch=0 n=1" \
		"fault id=a what=out-status status=stall ch=1 n=1" \
		"fault id=a what=timeout at=std req=1 n=1"
	ok "cansend" cansend "$A" 123#
	# said just before
	wait_for 20 "end of the pause" log_has "OUT transfers fail"
	ok "cansend" cansend "$B" 124#
	wait_for 20 "frame that met the other halt" is 1 link_stat "$B" tx_errors
	eq_said "halts cleared by then" 0 intf_stat a recovery/cleared_halts
	leap 10
	eq_said "halts cleared" 2 intf_stat a recovery/cleared_halts
	ok "cansend" cansend "$B" 125#
	wait_for 20 "echo" is 1 link_stat "$B" tx_packets
	eq_said "frames lost" 1 link_stat "$B" tx_errors
	# the first one is still halted, since it has not heard of it
	ok "cansend" cansend "$A" 126#
	wait_for 20 "frame that met the halt again" is 2 link_stat "$A" tx_errors
	leap 10
	ok "cansend" cansend "$A" 127#
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
}

# error_passive PERSONALITY: adapter a says that it is, and then no more of it: firmware loses what it
# says of the end
error_passive() {
	one "$1"
	up "$A"
	emu_ok inject id=a hex=ffffffff040200200800000000200000000080000000000000
	wait_for 20 "state" is ERROR-PASSIVE can_state "$A"
	ok "cansend" cansend "$A" 120#
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	eq_said "state" ERROR-PASSIVE can_state "$A"
	emu_ok fault id=a what=drop-echo n=2
	ok "cansend" cansend "$A" 121#
	ok "cansend" cansend "$A" 122#
}

# The device, when asked, knows better
test_passive_asked() {
	error_passive cannectivity
	leap 2
	eq_said "channel started anew" 1 stat_of "$A" tx_stuck
	ok "cansend" cansend "$A" 123#
	wait_for 20 "echo" is 2 link_stat "$A" tx_packets
}

# It can't be asked, but the frame before was echoed, and others are on the bus
test_passive_unasked() {
	error_passive gs
	leap 2
	eq_said "channel started anew" 0 stat_of "$A" tx_stuck
	emu_ok send bus=t frame=001#11 count=5
	leap 2
	eq_said "channel started anew" 1 stat_of "$A" tx_stuck
	ok "cansend" cansend "$A" 123#
	wait_for 20 "echo" is 2 link_stat "$A" tx_packets
}

# every_other_second COMMAND...: until the device was reset. How often is in ROUNDS
every_other_second() {
	for ((ROUNDS = 0; ROUNDS < 10; ROUNDS++)); do
		[ "$(intf_stat a recovery/usb_resets)" = 0 ] || return 0
		"$@"
		leap 2
	done
	fail "no USB reset"
}

# works_again: and after that it does
works_again() {
	emu_ok fault id=a what=none
	leap 1
	emu_ok usbreset id=a
	on_bus "$A" a:0
	carrier "$A"
	talk
}

# That it has thrown away what it had may reach the host half a second later, behind all else that waits
# for it: until the echoes come, or are overdue, the device may have any of the frames, and room for 32.
# The referee counts them.
test_lost_late() {
	one canable25
	up "$A"
	emu_ok bus name=t ack=off
	# three have left the queue, and are echoed
	ok "cangen" cangen -g 0 -p 1000 -n 12 -I i -L 8 -D i "$A"
	leap 0.45
	emu_ok inject id=a hex=ffffffff050000200800000000000000001000000000000000
	wait_for 20 "failures" is 9 link_stat "$A" tx_errors
	ok "cangen" cangen -g 0 -p 1000 -n 28 -I i -L 8 -D i "$A"
	emu_ok bus name=t ack=on
	wait_for 20 "echoes" is 31 link_stat "$A" tx_packets
	eq_said "echoes of frames that had failed" 9 stat_of "$A" echo_duplicate
	eq_said "slots in use" 0 stat_of "$A" tx_pool_in_use
	eq_said "tx_stuck" 0 stat_of "$A" tx_stuck
}

# talk_each DATA: both channels of a pair send and receive a frame four times a second, for 25 seconds
talk_each() {
	local i

	for ((i = 0; i < 100; i++)); do
		emu_all "send bus=t frame=7F0#$1" "send bus=u frame=7F0#$1"
		ok "cansend" cansend "$A" "123#$1"
		ok "cansend" cansend "$B" "456#$1"
		ip -details link show >/dev/null
		leap 0.25
	done
	# long enough to be doubted once
	leap 0.7
}

# No request is answered, but frames go both ways: those are left alone, and an echo that is lost
# doesn't take its slot for ever
test_deaf() {
	local i

	pair candlelight-fd
	emu_ok fault id=a what=timeout count=1000000
	talk_each 11
	emu_ok fault id=a what=drop-echo ch=0 n=1
	talk_each 22
	ge_said "requests without an answer" 20 intf_stat a recovery/no_answer
	eq_said "USB resets" 0 intf_stat a recovery/usb_resets
	eq_said "frames sent" 199 link_stat "$A" tx_packets
	eq_said "frames that failed" 1 link_stat "$A" tx_errors
	eq_said "frames sent by the other" 200 link_stat "$B" tx_packets
	for i in "$A" "$B"; do
		eq_said "frames received" 200 link_stat "$i" rx_packets
		eq_said "frames dropped" 0 link_stat "$i" tx_dropped
	done
	emu_ok fault id=a what=none
	leap 15
	down "$A"
	eq_said "started" 0 emu_status a:0 started
	up "$A"
	ok "cansend" cansend "$A" 123#33
	wait_for 20 "echo" is 200 link_stat "$A" tx_packets
}

# No OUT transfer ends any more, on a device with one queue: which can't be told as long as frames of a
# channel without partner are in front of all others
test_queue_dead() {
	local i n iface ifaces=()

	for i in t u v; do
		emu_ok bus name="$i" ack=on
	done
	adapter a cannectivity channels=3 bus=t,u,v
	for i in 0 1 2; do
		get iface netdev a "$i" || fail "no interface"
		ifaces+=("$iface")
		up "$iface"
	done
	emu_ok bus name=u ack=off
	ok "cangen" cangen -g 0 -p 1000 -n 2 -I 456 -L i -D i "${ifaces[1]}"
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "${ifaces[1]}"
	emu_ok fault id=a what=out-hang count=1000000 until=reset
	for iface in "${ifaces[@]}"; do
		ok "cansend" cansend "$iface" 123#11
	done
	leap 10
	eq_said "USB resets" 0 intf_stat a recovery/usb_resets
	emu_ok bus name=u ack=on
	# one that is started anew has dropped its frame
	for ((i = 0; i < 8; i++)); do
		for iface in "${ifaces[@]}"; do
			cansend "$iface" 123#13
		done
		leap 0.5
	done
	eq_said "USB resets" 1 intf_stat a recovery/usb_resets
	for i in 0 1 2; do
		iface=${ifaces[i]}
		on_bus "$iface" "a:$i"
		get n link_stat "$iface" tx_packets
		ok "cansend" cansend "$iface" 123#12
		wait_for 20 "echo" is $((n + 1)) link_stat "$iface" tx_packets
	done
}

# A pipe that is of no use any more, of which nobody wants much: four failures
test_out_rarely() {
	one candlelight-fd
	up "$A"
	emu_ok fault id=a what=out-status status=proto count=1000000
	every_other_second cansend "$A" 123#11
	eq_said "frames lost until then" 4 link_stat "$A" tx_errors
	eq "rounds" "$ROUNDS" 4
	works_again
}

# Two failures with nothing in between are none that a reset has to help
test_glitches() {
	one candlelight-fd
	up "$A"
	emu_ok fault id=a what=out-status status=proto n=2
	ok "cansend" cansend "$A" 123#11
	leap 60
	ok "cansend" cansend "$A" 123#12
	leap 60
	ok "cansend" cansend "$A" 123#13
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	eq_said "USB resets" 0 intf_stat a recovery/usb_resets
}

ktap_run test_refuses_start test_fails_for_good test_full_bus test_held_up test_not_held_up \
	test_not_behind test_one_shot_behind test_shared test_hung_before test_hung_passive \
	test_both_lost test_hung_full_bus test_closed test_closed_unheard \
	test_time_rings test_second_halt test_passive_asked test_passive_unasked \
	test_lost_late test_deaf test_queue_dead test_out_rarely test_glitches
