#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Controller modes, what is refused, and how a channel comes back from bus-off.
#
# timeout: 320
# guests: uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# two PERSONALITY PERSONALITY: and b, interface in B; they ACK each other
two() {
	one "$1"
	emu_ok bus name=t ack=auto
	adapter b "$2" bus=t
	get B netdev b || fail "no interface"
}

# Loopback: a frame comes back through the controller, also without anybody to ACK it. The
# bus sees it, as in the controllers that this stands for.
test_loopback() {
	one candlelight-fd
	emu_ok bus name=t ack=off
	up "$A" loopback on
	eq_said "modes" "LOOPBACK" ctrlmodes "$A"
	capture "$GS_TMP/log" "$A"
	ok "cangen" cangen -g 0 -p 1000 -n 20 -I i -L i -D i "$A"
	# each frame twice: the echo, and what the controller received
	got "$GS_TMP/log" 40
	eq_said "frames received" 20 link_stat "$A" rx_packets
	eq_said "frames sent" 20 link_stat "$A" tx_packets
	frames "$GS_TMP/log" | sort | uniq -c | awk '{ print $1 }' | sort -u >"$GS_TMP/times"
	eq "copies of each frame" "$(<"$GS_TMP/times")" 2
}

# Listen-only: hears all, sends nothing, not even an ACK
test_listen_only() {
	local before

	two candlelight-fd cannectivity
	up "$A" listen-only on
	up "$B" one-shot on
	eq_said "modes" "LISTEN-ONLY" ctrlmodes "$A"

	# what an active node would ACK stays without one
	emu_ok wait bus=t cond=idle
	ok "cansend" cansend "$B" 123#11
	no_ack() {
		emu buslog bus=t | grep -q 'b:0 123#11 .*err=ack'
	}
	wait_for 20 "frame without ACK" no_ack

	# a third party ACKs: now it is heard
	emu_ok bus name=t ack=on
	capture "$GS_TMP/log" "$A"
	emu_ok send bus=t frame=321#AABB
	got "$GS_TMP/log" 1
	eq "frame" "$(frames "$GS_TMP/log")" "321#AABB"

	# and what is sent all the same does not reach the bus
	get before link_stat "$A" tx_dropped
	cansend "$A" 7AA#01 2>/dev/null
	packet send "$A" 0x000c aa070000010000000100000000000000 2>/dev/null
	emu_ok send bus=t frame=322#
	got "$GS_TMP/log" 2
	! emu buslog bus=t | grep -q ' a:0 ' || fail "a listen-only channel sent"
	eq_said "frames from the device's view" 0 emu_status a:0 tx
	ge_said "frames dropped" $((before + 1)) link_stat "$A" tx_dropped
	eq_said "TX slots in use" 0 stat_of "$A" tx_pool_in_use
}

# No partner: one attempt, then the next frame. What becomes of the first depends on the
# firmware; the channel must go on whatever it is.
one_shot() {
	one "$1"
	emu_ok bus name=t ack=off
	up "$A" one-shot on
	eq_said "modes" "ONE-SHOT" ctrlmodes "$A"
	ok "cansend" cansend "$A" 123#11
	tried() {
		emu buslog bus=t | grep -q 'a:0 123#11 .*err=ack'
	}
	wait_for 20 "attempt" tried
	bus_idle t
	eq "attempts" "$(emu buslog bus=t | grep -c 'a:0 123#11 ')" 1
	down "$A"
	pools_empty a
	emu_ok bus name=t ack=on
	up "$A" one-shot on
	capture "$GS_TMP/log" "$A"
	ok "cangen" cangen -g 0 -p 1000 -n 50 -I i -L i -D i "$A"
	got "$GS_TMP/log" 50
}

test_one_shot_candlelight() { one_shot candlelight-bx; }
test_one_shot_cannectivity() { one_shot cannectivity; }
test_one_shot_gs() { one_shot gs; }

# Without a partner a frame is repeated until one comes; that is no fault, and nothing
# is lost or restarted
test_no_partner() {
	two candlelight-fd candlelight-fd
	up "$A"
	ok "cansend" cansend "$A" 123#11
	repeated() {
		[ "$(emu buslog bus=t | grep -c 'a:0 123#11 .*err=ack')" -ge 16 ]
	}
	wait_for 20 "repetitions" repeated
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$A"
	up "$B"
	capture "$GS_TMP/log" "$B"
	sent() {
		[ "$(emu_status a:0 tx)" -ge 1 ]
	}
	wait_for 20 "the frame on the bus" sent
	ok "cangen" cangen -g 0 -p 1000 -n 20 -I i -L i -D i "$A"
	got "$GS_TMP/log" 20
	eq_said "restarts" 0 link_json "$A" .linkinfo.info_xstats.restarts
}

test_triple_sampling() {
	one gs
	up "$A" triple-sampling on
	eq_said "modes" "TRIPLE-SAMPLING" ctrlmodes "$A"
	eq "mode bit 2 on the wire" $(($(emu_status a:0 mode) & 4)) 4
}

# Bus errors are reported where they were asked for, and only there
test_berr_reporting() {
	two candlelight-fd candlelight-fd
	emu_ok bus name=t ack=off
	up "$A" berr-reporting on
	eq_said "modes" "BERR-REPORTING" ctrlmodes "$A"
	eq "mode bit 12 on the wire" $(($(emu_status a:0 mode) & 0x1000)) 4096
	capture_errors "$GS_TMP/errors" "$A"
	ok "cansend" cansend "$A" 123#
	bus_errors() {
		# CAN_ERR_BUSERROR, 0x80, is among the classes
		awk '{ id = substr($3, 7, 2); if (id ~ /^[89A-F]/) n++ } END { exit n < 2 }' \
			"$GS_TMP/errors"
	}
	wait_for 20 "bus errors" bus_errors
	down "$A"
	stop_capture

	up "$A" berr-reporting off
	capture_errors "$GS_TMP/errors" "$A"
	ok "cansend" cansend "$A" 123#
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$A"
	not bus_errors || fail "bus errors without berr-reporting: $(head -3 "$GS_TMP/errors")"
}

test_fd_on_off() {
	one candlelight-fd
	eq "MTU" "$(<"/sys/class/net/$A/mtu")" 16
	up_fd "$A"
	eq_said "modes" "FD TDC-AUTO" ctrlmodes "$A"
	eq "MTU" "$(<"/sys/class/net/$A/mtu")" 72
	eq "mode bit 8 on the wire" $(($(emu_status a:0 mode) & 0x100)) 256
	down "$A"
	ok "fd off" ip link set "$A" type can fd off
	eq "MTU" "$(<"/sys/class/net/$A/mtu")" 16
	up "$A"
	eq "mode bit 8 on the wire" $(($(emu_status a:0 mode) & 0x100)) 0
}

# What the device can't do is refused, with words
test_refused_modes() {
	one gs
	refused "up without bit rate" 'bit-timing|invalid' ip link set "$A" up
	refused "berr-reporting" 'supported|operation' \
		ip link set "$A" type can bitrate 500000 berr-reporting on
	refused "fd" 'supported|operation|invalid' \
		ip link set "$A" type can bitrate 500000 dbitrate 2000000 fd on
	refused "presume-ack" 'supported|operation' \
		ip link set "$A" type can bitrate 500000 presume-ack on
	refused "termination" 'supported|configurable' ip link set "$A" type can termination 120
	one_again
}

# ... and the interface is as good as before
one_again() {
	up "$A"
	capture "$GS_TMP/log" "$A"
	emu_ok send bus=t frame=123#
	got "$GS_TMP/log" 1
	stop_capture
	down "$A"
}

test_refused_bit_rates() {
	one candlelight-fd
	refused "1 bit/s" 'invalid|range|error|domain' ip link set "$A" type can bitrate 1
	refused "100 Mbit/s" 'invalid|range|error|domain' ip link set "$A" type can bitrate 100000000
	refused "brp 600" 'brp|domain|invalid' ip link set "$A" type can tq 15000 prop-seg 10 \
		phase-seg1 10 phase-seg2 10 sjw 1
	refused "data rate of 100 Mbit/s" 'invalid|range|error|domain' \
		ip link set "$A" type can bitrate 1000000 dbitrate 100000000 fd on
	refused "up with fd and no data bit rate" 'bit-timing|invalid|data|not supported' \
		ip link set "$A" up type can bitrate 500000 fd on
	ok "fd off" ip link set "$A" type can bitrate 500000 fd off
	one_again
}

test_refused_mtu() {
	one candlelight-fd
	refused "MTU 9999" 'invalid|maximum' ip link set "$A" mtu 9999
	refused "MTU 2060" 'invalid|maximum' ip link set "$A" mtu 2060
	refused "MTU 8" 'invalid|minimum' ip link set "$A" mtu 8
	eq "MTU" "$(<"/sys/class/net/$A/mtu")" 16
	one_again
}

# A packet socket gets past the checks of the CAN sockets
test_forged_frames() {
	local zeros dropped

	one candlelight-fd
	zeros=$(printf '%0128d' 0)
	up "$A"
	get dropped link_stat "$A" tx_dropped
	# an FD frame for a classic interface, its length and its protocol each
	packet send "$A" 0x000d "2301000040040000$zeros" 2>/dev/null
	packet send "$A" 0x000c "2301000040040000$zeros" 2>/dev/null
	# too short, too long, a length of 255, CAN XL, no CAN at all
	packet send "$A" 0x000c 23010000 2>/dev/null
	packet send "$A" 0x000c 23010000ff0000001122334455667788 2>/dev/null
	packet send "$A" 0x000e "2301000080000008$zeros" 2>/dev/null
	packet send "$A" 0x0800 23010000080000001122334455667788 2>/dev/null
	capture "$GS_TMP/log" "$A"
	ok "cansend" cansend "$A" 321#AA
	got "$GS_TMP/log" 1
	eq "bus" "$(bus_frames t)" "321#AA"
	ge_said "frames dropped" $((dropped + 2)) link_stat "$A" tx_dropped
	# an error frame and an id with bits that a standard one has not
	packet send "$A" 0x000c 23010020080000001122334455667788 2>/dev/null
	emu_ok send bus=t frame=322#
	got "$GS_TMP/log" 2
	down "$A"
	pools_empty a
}

# An id of more than 11 bits in a standard frame is cut down, not sent as it is
test_forged_id() {
	one candlelight-fd
	up "$A"
	capture "$GS_TMP/log" "$A"
	packet send "$A" 0x000c ffffff1f010000007700000000000000 2>/dev/null
	ok "cansend" cansend "$A" 321#AA
	got "$GS_TMP/log" 1
	bus_idle t
	! bus_frames t | grep -vqE '^(7FF#77|321#AA)$' || fail "on the bus: $(bus_frames t)"
}

# Bus-off with restart-ms 0: stays off until somebody restarts it
bus_off_manual() {
	one "$1"
	up "$A" restart-ms 0
	capture_errors "$GS_TMP/errors" "$A"
	emu_ok busoff id=a ch=0
	wait_for 20 "state bus-off" is BUS-OFF can_state "$A"
	eq "carrier" "$(cat "/sys/class/net/$A/carrier")" 0
	# longer than any firmware takes to come back by itself
	stays_off() {
		gs_now
		[ "$(can_state "$A")" = BUS-OFF ] || fail "it came back by itself"
		[ "$GS_NOW" -ge $((OFF_SINCE + 100)) ]
	}
	gs_now
	OFF_SINCE=$GS_NOW
	wait_for 20 "second in bus-off" stays_off
	eq_said "restarts" 0 link_json "$A" .linkinfo.info_xstats.restarts
	patiently "restart" ip link set "$A" type can restart
	back
}

# bus_off_timed PERSONALITY: restart-ms 100
bus_off_timed() {
	one "$1"
	up "$A" restart-ms 100
	capture_errors "$GS_TMP/errors" "$A"
	emu_ok busoff id=a ch=0
	wait_for 20 "count of bus-off" is 1 link_json "$A" .linkinfo.info_xstats.bus_off
	back
}

# Active again, one bus-off and one restart counted, frames go
back() {
	local n

	wait_for 20 "state error-active" is ERROR-ACTIVE can_state "$A"
	carrier "$A"
	capture "$GS_TMP/log" "$A"
	ok "cangen" cangen -g 0 -p 1000 -n 40 -I i -L i -D i "$A"
	got "$GS_TMP/log" 40
	emu_ok send bus=t frame=7FF#
	got "$GS_TMP/log" 41
	eq_said "bus-off" 1 link_json "$A" .linkinfo.info_xstats.bus_off
	eq_said "restarts" 1 link_json "$A" .linkinfo.info_xstats.restarts
	# CAN_ERR_BUSOFF 0x40 and CAN_ERR_RESTARTED 0x100, in that order, once each
	n=$(awk '{ id = substr($3, 6, 3)
		if (id ~ /[4567CDEF].$/) printf "off "
		if (id ~ /^[13579BDF]/) printf "on " }' "$GS_TMP/errors")
	eq "error frames" "$n" "off on "
	down "$A"
	pools_empty a
}

test_bus_off_manual_candlelight() { bus_off_manual candlelight-fd; }
test_bus_off_manual_cannectivity() { bus_off_manual cannectivity; }
test_bus_off_manual_gs() { bus_off_manual gs; }
test_bus_off_manual_bx() { bus_off_manual candlelight-bx; }
test_bus_off_manual_old() { bus_off_manual candlelight-old; }
test_bus_off_manual_ces() { bus_off_manual ces; }
test_bus_off_manual_cantact_pro() { bus_off_manual cantact-pro; }
test_bus_off_manual_budgetcan() { bus_off_manual budgetcan; }
test_bus_off_manual_canable25() { bus_off_manual canable25; }
test_bus_off_timed_candlelight() { bus_off_timed candlelight-fd; }
test_bus_off_timed_cannectivity() { bus_off_timed cannectivity; }
test_bus_off_timed_old() { bus_off_timed candlelight-old; }
test_bus_off_timed_gs() { bus_off_timed gs; }
test_bus_off_timed_bx() { bus_off_timed candlelight-bx; }
test_bus_off_timed_ces() { bus_off_timed ces; }
test_bus_off_timed_cantact_pro() { bus_off_timed cantact-pro; }
test_bus_off_timed_budgetcan() { bus_off_timed budgetcan; }
test_bus_off_timed_canable25() { bus_off_timed canable25; }

# With frames on their way: all is given back, none comes twice
bus_off_traffic() {
	local round

	one "$1"
	up "$A" restart-ms 50 bitrate 125000
	cangen -g 0 -p 1000 -I i -L 8 -D i "$A" >/dev/null 2>&1 &
	for round in 1 2 3; do
		wait_for 20 "traffic" at_least $((round * 20)) emu_status a:0 tx
		emu_ok busoff id=a ch=0
		wait_for 20 "bus-off $round" at_least "$round" \
			link_json "$A" .linkinfo.info_xstats.bus_off
		wait_for 20 "restart $round" at_least "$round" \
			link_json "$A" .linkinfo.info_xstats.restarts
		wait_for 20 "state error-active" is ERROR-ACTIVE can_state "$A"
	done
	down "$A"
	pools_empty a
}

test_bus_off_traffic_candlelight() { bus_off_traffic candlelight-fd; }
test_bus_off_traffic_cannectivity() { bus_off_traffic cannectivity; }

# Restart of a channel that is not in bus-off, or is down, is an error and nothing more
test_restart_refused() {
	one candlelight-fd
	up "$A"
	refused "restart while active" 'busy|invalid' ip link set "$A" type can restart
	refused "restart-ms while up" 'busy' ip link set "$A" type can restart-ms 10
	refused "bit rate while up" 'busy' ip link set "$A" type can bitrate 250000
	down "$A"
	refused "restart while down" 'invalid|busy' ip link set "$A" type can restart
	one_again
}

ktap_run test_loopback test_listen_only test_one_shot_candlelight \
	test_one_shot_cannectivity test_one_shot_gs test_no_partner test_triple_sampling \
	test_berr_reporting test_fd_on_off test_refused_modes test_refused_bit_rates \
	test_refused_mtu test_forged_frames test_forged_id test_bus_off_manual_candlelight \
	test_bus_off_manual_cannectivity test_bus_off_manual_gs test_bus_off_manual_bx \
	test_bus_off_manual_old test_bus_off_manual_ces test_bus_off_manual_cantact_pro \
	test_bus_off_manual_budgetcan test_bus_off_manual_canable25 \
	test_bus_off_timed_candlelight test_bus_off_timed_cannectivity \
	test_bus_off_timed_old test_bus_off_timed_gs test_bus_off_timed_bx \
	test_bus_off_timed_ces test_bus_off_timed_cantact_pro test_bus_off_timed_budgetcan \
	test_bus_off_timed_canable25 test_bus_off_traffic_candlelight \
	test_bus_off_traffic_cannectivity test_restart_refused
