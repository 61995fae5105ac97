#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# CANable 2.5's own protocol: chosen and given back, frames in blobs both ways, what it tells of the
# bus, and transfers that are none.
#
# timeout: 300
# guests: uml612 uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

protocol_file() {
	gs_usb_dev a && echo "$GS_USB/drivers/$GS_DRIVER/$GS_DEV:1.0/protocol"
}

# choose PROTOCOL
choose() {
	# it is busy until it has answered the RESET of an interface that went down
	wait_for 20 "choice of $1" write "$1" "$(protocol_file)"
	eq "protocol" "$(cat "$(protocol_file)")" "$1"
}

# write TEXT FILE: for a shell's own redirection says nothing that could be looked at
write() {
	dd of="$2" status=none <<<"$1"
}

# one [WORD...]: adapter a in ELM mode, down, interface in A
one() {
	emu_ok bus name=t ack=on
	adapter a canable25 bus=t "$@"
	get A netdev a || fail "no interface"
	choose elm
}

# Nothing is owed, nothing was lost
clean() {
	local i

	wait_for 20 "free slots" is 0 stat_of "$A" tx_pool_in_use
	for i in echo_unknown echo_stale echo_duplicate echo_lost tx_urb_errors tx_no_slot \
		 tx_stuck; do
		eq_said "$i" 0 stat_of "$A" "$i"
	done
	eq_said "malformed" 0 intf_stat a rx/malformed
}

# Off by default, and refused where it can't be had
test_switch() {
	adapter a canable25 bus=t
	get A netdev a || fail "no interface"
	eq "protocol at first" "$(cat "$(protocol_file)")" legacy
	refused "nonsense" 'invalid' write slcan "$(protocol_file)"
	up "$A"
	eq_said "ELM mode of the device" 0 emu_status a elm
	refused "while up" 'busy' write elm "$(protocol_file)"
	down "$A"
	choose elm
	eq_said "echo" transmitted intf_stat a firmware/echo
	up "$A"
	eq_said "ELM mode of the device" 1 emu_status a elm
	refused "while up" 'busy' write legacy "$(protocol_file)"
	down "$A"
	eq_said "ELM mode of a device that is down" 0 emu_status a elm
	pools_empty a
	choose legacy
	eq_said "echo" accepted intf_stat a firmware/echo
	up "$A"
	eq_said "ELM mode of the device" 0 emu_status a elm
	eq "protocol" "$(cat "$(protocol_file)")" legacy
}

test_refused() {
	local words

	for words in "candlelight-fd" "canable25 sw=260618" "canable25 hw=100" \
		     "canable25 features=653b" "canable25 channels=4"; do
		# shellcheck disable=SC2086	# words
		adapter a $words bus=t
		refused "ELM mode of $words" 'not supported' write elm "$(protocol_file)"
		ok "legacy" write legacy "$(protocol_file)"
		get A netdev a
		up "$A"
		emu_ok del id=a
		wait_for 20 "end of $words" gs_none_bound
	done
}

# both_ways UP LOG: adapter a sends the log, b hears it, and the other way
both_ways() {
	local way from to heard

	grep '^(' "$2" >"$GS_TMP/sent"
	frames "$GS_TMP/sent" >"$GS_TMP/sent.f"
	adapter b candlelight-fd bus=t
	get B netdev b || fail "no interface"
	$1 "$B"
	$1 "$A"
	for way in "$A $B" "$B $A"; do
		read -r from to <<<"$way"
		capture "$GS_TMP/heard" "$to"
		heard=$GS_CAPTURE
		capture "$GS_TMP/echoed" "$from"
		ok "canplayer" canplayer -t -g 0 -I "$2" "$from=can0"
		got "$GS_TMP/heard" "$(lines "$GS_TMP/sent")"
		got "$GS_TMP/echoed" "$(lines "$GS_TMP/sent")"
		stop_capture
		stop_capture "$heard"
		frames "$GS_TMP/heard" >"$GS_TMP/heard.f"
		frames "$GS_TMP/echoed" >"$GS_TMP/echoed.f"
		same "$from to $to" "$GS_TMP/sent.f" "$GS_TMP/heard.f"
		same "echo of $from" "$GS_TMP/sent.f" "$GS_TMP/echoed.f"
	done
	eq_said "rx_dropped" 0 link_stat "$A" rx_dropped
	clean
}

test_classic() {
	emu_ok bus name=t ack=auto
	one
	both_ways up "$GS_DATA/classic.log"
}

test_fd() {
	emu_ok bus name=t ack=auto
	one
	both_ways up_fd "$GS_DATA/fd.log"
}

# packets_for gs_usb|elm up|up_fd FRAME CANGEN-OPTION...: USB packets for FRAMES frames sent, and
# for as many received, in SENT and RECEIVED; by the kernel's own driver or in ELM mode. USB in slow
# motion, so that the host is the faster one on any machine, and frames wait for it.
FRAMES=300
packets_for() {
	local before rx

	emu_ok bus name=t ack=on fast=1
	adapter a canable25 bus=t packets_s=500
	if [ "$1" = elm ]; then
		choose elm
	else
		by_gs_usb a
	fi
	get A netdev a || fail "no interface"
	"$2" "$A"
	bus_idle t
	get before emu_status a packets
	ok "cangen" cangen -g 0 -p 1000 -n "$FRAMES" -I 100 "${@:4}" "$A"
	wait_for 60 "echoes" is "$FRAMES" link_stat "$A" tx_packets
	SENT=$(($(emu_status a packets) - before))
	wait_for 20 "quiet" is 0 emu_status a in_queue

	get before emu_status a packets
	# gs_usb counts echoes there, too
	get rx link_stat "$A" rx_packets
	emu_ok send bus=t frame="$3" count="$FRAMES"
	wait_for 60 "frames" is $((rx + FRAMES)) link_stat "$A" rx_packets
	RECEIVED=$(($(emu_status a packets) - before))
	[ "$1" != elm ] || clean
	emu_ok del id=a
	wait_for 20 "end of the adapter" not gs_usb_dev a
}

# faster WHAT PACKETS-GS_USB PACKETS-ELM PERCENT: frames a second, by what a full-speed USB carries
faster() {
	note "$1: $((19000 * FRAMES / $2)) frames/s by gs_usb," \
		"$((19000 * FRAMES / $3)) in ELM's protocol"
	ge "$1, percent of gs_usb" $(($2 * 100 / $3)) "$4"
}

# speed PERCENT up|up_fd FRAME CANGEN-OPTION...
speed() {
	local sent received

	packets_for gs_usb "${@:2}"
	sent=$SENT
	received=$RECEIVED
	packets_for elm "${@:2}"
	faster "sending" "$sent" "$SENT" "$1"
	faster "receiving" "$received" "$RECEIVED" "$1"
}

test_speed_classic() {
	speed 200 up 100#1122334455667788 -L 8 -D 1122334455667788
}

test_speed_fd() {
	local data=00112233445566778899AABBCCDDEEFF

	data=$data$data$data$data
	speed 150 up_fd "100##1$data" -f -b -L 64 -D "$data"
}

# A frame that is alone does not wait for another
test_alone() {
	local i

	one
	up "$A"
	for i in 1 2 3; do
		ok "cansend" cansend "$A" "123#0$i"
		wait_for 20 "echo" is "$i" link_stat "$A" tx_packets
	done
	# remote frames both ways, and a frame too long for the mode
	capture "$GS_TMP/log" "$A"
	ok "cansend" cansend "$A" 12345678#R5
	emu_ok send bus=t frame=7FF#R8
	emu_ok send bus=t frame=001#R
	got "$GS_TMP/log" 3
	stop_capture
	frames "$GS_TMP/log" | sort >"$GS_TMP/got"
	printf '%s\n' 001#R 12345678#R5 7FF#R8 >"$GS_TMP/wanted"
	same "remote frames" "$GS_TMP/wanted" "$GS_TMP/got"
	bus_frames t a:0 | tail -n 1 >"$GS_TMP/got"
	echo 12345678#R5 >"$GS_TMP/wanted"
	same "remote frame on the bus" "$GS_TMP/wanted" "$GS_TMP/got"
	clean
}

test_bus_load() {
	one
	up "$A"
	eq_said "bus load" 0 stat_of "$A" bus_load
	# a quarter of a millisecond in three
	emu_ok send bus=t frame=123#1122334455667788 count=1000000 gap=2750
	wait_for 20 "bus load" at_least 1 stat_of "$A" bus_load
	le_said "bus load" 99 stat_of "$A" bus_load
	in_ethtool() {
		ethtool -S "$A" | grep -q 'bus_load: [1-9]'
	}
	wait_for 20 "bus load in ethtool -S" in_ethtool
}

# What the firmware has to say of the controller
test_errors() {
	one
	up "$A" restart-ms 100
	capture_errors "$GS_TMP/errors" "$A"
	emu_ok errors id=a tec=140
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$A"
	emu_ok busoff id=a
	wait_for 20 "bus-off" at_least 1 link_json "$A" .linkinfo.info_xstats.bus_off
	wait_for 20 "restart" at_least 1 link_json "$A" .linkinfo.info_xstats.restarts
	wait_for 20 "state error-active" is ERROR-ACTIVE can_state "$A"
	carrier "$A"
	ok "cansend" cansend "$A" 123#11
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	wait_for 20 "error-passive frame" grep -q '20000204#0020' "$GS_TMP/errors"
	wait_for 20 "bus-off frame" grep -q '20000[0-9A-F]4[0-9A-F]#' "$GS_TMP/errors"
	wait_for 20 "restart frame" grep -q '200001' "$GS_TMP/errors"
	stop_capture
	clean
}

# Nobody acknowledges for half a second: the firmware throws away what it has, and says so
test_no_ack() {
	one
	emu_ok bus name=t ack=off
	up "$A"
	capture_errors "$GS_TMP/errors" "$A"
	ok "cangen" cangen -g 0 -p 1000 -n 20 -I i -L 8 -D i "$A"
	timeouts() {
		grep -qE '#' "$GS_TMP/errors" &&
			awk -F'[ #]' '{ if (index("13579BDF", substr($3, 8, 1))) f = 1 }
				END { exit !f }' "$GS_TMP/errors"
	}
	wait_for 20 "frame about the timeout" timeouts
	wait_for 20 "free slots" is 0 stat_of "$A" tx_pool_in_use
	eq_said "tx_packets" 0 link_stat "$A" tx_packets
	eq_said "tx_errors" 20 link_stat "$A" tx_errors
	eq_said "echo_lost" 20 stat_of "$A" echo_lost
	eq_said "tx_stuck" 0 stat_of "$A" tx_stuck
	emu_ok bus name=t ack=on
	ok "cansend" cansend "$A" 123#11
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	is_up "$A" || fail "$A is down"
}

# Echoes that come twice, or not at all
test_echoes() {
	local n

	one
	up "$A"
	emu_ok fault id=a what=dup-echo count=2
	ok "cangen" cangen -g 0 -p 1000 -n 100 -I i -L 8 -D i "$A"
	wait_for 20 "echoes" is 100 link_stat "$A" tx_packets
	wait_for 20 "free slots" is 0 stat_of "$A" tx_pool_in_use
	n=$(($(stat_of "$A" echo_unknown) + $(stat_of "$A" echo_stale) +
	     $(stat_of "$A" echo_duplicate)))
	eq "echoes too many" "$n" 2

	emu_ok fault id=a what=drop-echo
	ok "cangen" cangen -g 0 -p 1000 -n 40 -I i -L 8 -D i "$A"
	wait_for 30 "all echoes but one" at_least 139 link_stat "$A" tx_packets
	wait_for 30 "free slots" is 0 stat_of "$A" tx_pool_in_use
	eq "frames without echo" $((140 - $(link_stat "$A" tx_packets))) 1
	ok "cansend" cansend "$A" 7FE#
	wait_for 20 "echo after all" is 140 link_stat "$A" tx_packets
}

# A halted endpoint is cleared, and a blob that was lost is lost once
test_halt() {
	one
	up "$A"
	emu_ok fault id=a what=out-status status=stall
	ok "cangen" cangen -g 0 -p 1000 -n 100 -I i -L 8 -D i "$A"
	wait_for 30 "end of all frames" is 100 total
	wait_for 30 "free slots" is 0 stat_of "$A" tx_pool_in_use
	ge_said "lost" 1 link_stat "$A" tx_errors
	emu_ok fault id=a what=in-status status=stall
	ok "cansend" cansend "$A" 123#11
	wait_for 20 "echo" is 101 total
}

total() {
	echo $(($(link_stat "$A" tx_packets) + $(link_stat "$A" tx_errors)))
}

# No byte of these is believed
test_hostile() {
	local bad n=0 before echo=070B0001020304 frame=0E0C002301000001020304818283

	one
	up "$A"
	ok "cansend" cansend "$A" 123#11
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	get before intf_stat a rx/transfers
	for bad in 00 000E 010E 0000000000000000 030B01 030F 0312AA 090A00230100002A81 \
		   "0211$frame" "0111$frame$frame" "0311$frame$frame" "0211$frame${frame}00" \
		   "0311$frame${frame}0000" "0311$frame${frame}000C" "${frame}0000" "011101110111" \
		   "0211$frame${frame%??}" "0211$frame${echo}00" \
		   FFFFFFFF2301000008000000112233445566778801020304; do
		emu_ok inject id=a hex="$bad"
		n=$((n + 1))
	done
	wait_for 20 "all of them" is "$n" intf_stat a rx/malformed
	eq_said "rx_packets" 0 link_stat "$A" rx_packets
	eq_said "tx_packets" 1 link_stat "$A" tx_packets

	# good ones: no frame is out, FD is off
	emu_ok inject id=a hex="0511$frame${echo}0F0C02230100000102030431323334$frame"030F63
	wait_for 20 "two frames" is 2 link_stat "$A" rx_packets
	eq_said "rx_fd_off" 1 stat_of "$A" rx_fd_off
	eq "unknown echoes" $(($(stat_of "$A" echo_unknown) + $(stat_of "$A" echo_stale))) 1
	emu_ok inject id=a hex=
	wait_for 20 "empty transfer" is 1 intf_stat a rx/empty
	eq_said "malformed" "$n" intf_stat a rx/malformed
	ge_said "transfers" $((before + n)) intf_stat a rx/transfers
	ok "cansend" cansend "$A" 123#11
	wait_for 20 "echo" is 2 link_stat "$A" tx_packets
}

# Made up ones
test_fuzz() {
	one
	up_fd "$A" restart-ms 100
	cangen -g 1 -p 1000 -i -I i -L 8 -D i "$A" &
	emu_ok fuzz id=a what=in seed=20261129 count=1500
	emu_ok wait id=a cond=fuzzed timeout=$((100000 * GS_SLOW))
	kill %1
	wait
	emu_ok fuzz id=a what=none
	# some bring bus-off, and what comes until the restart is not looked at
	ge_said "malformed" 20 intf_stat a rx/malformed
	ge_said "frames" 5 link_stat "$A" rx_packets
	down "$A"
	pools_empty a
	up "$A" fd off
	capture "$GS_TMP/log" "$A"
	ok "cansend" cansend "$A" 123#11
	emu_ok send bus=t frame=7FF#22
	got "$GS_TMP/log" 2
}

# Down, up, and gone in the middle of traffic
test_traffic_ends() {
	local i

	one
	for i in elm legacy elm; do
		choose "$i"
		up "$A"
		cangen -g 0 -p 1000 -i -I i -L 8 -D i "$A" &
		emu_ok send bus=t frame=7FF#22 count=100000
		wait_for 20 "traffic" at_least $((100 + $(link_stat "$A" tx_packets))) \
			link_stat "$A" tx_packets
		ok "down" ip link set "$A" down
		kill %%
		wait
		pools_empty a
	done
	up "$A"
	cangen -g 0 -p 1000 -i -I i -L 8 -D i "$A" &
	wait_for 20 "traffic" at_least $((100 + $(link_stat "$A" tx_packets))) \
		link_stat "$A" tx_packets
	emu_ok unplug id=a
	wait_for 20 "end of the adapter" gs_none_bound
	kill %%
	wait
}

# A host that went without a word leaves the channel running, in ELM mode
test_left_behind() {
	local intf

	one
	up "$A"
	emu_ok fault id=a what=stall req=2 during=close count=1
	down "$A"
	get intf usb_intf a
	gs_unbind "$intf"
	eq_said "left in ELM mode" 1 emu_status a elm
	eq_said "left running" 1 emu_status a:0 started
	gs_bind "$intf"
	wait_for 20 "driver" gs_bound a
	eq_said "ELM mode of the device" 0 emu_status a elm
	eq_said "channel" 0 emu_status a:0 started
	eq "protocol" "$(cat "$(protocol_file)")" legacy
	get A netdev a || fail "no interface"
	up "$A"
	ok "cansend" cansend "$A" 123#11
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
}

# channels WORD...: an adapter with three, each on a bus of its own, interfaces in C
BUSES=(t u v)
channels() {
	local b i

	for b in "${BUSES[@]}"; do
		emu_ok bus name="$b" ack=on
	done
	adapter a canable25 channels=3 bus=t,u,v "$@"
	choose elm
	for i in 0 1 2; do
		C[i]=$(netdev a "$i") || fail "no channel $i"
		up "${C[i]}"
	done
	eq_said "ELM mode of the device" 1 emu_status a elm
}

# send_on CHANNEL N: N frames, each with an id of the channel and a number
send_on() {
	cangen -g 0 -p 1000 -n "$2" -I "10$1" -L 8 -D i "${C[$1]}"
}

all_clean() {
	for A in "${C[@]}"; do
		clean
	done
}

# All channels at once, both ways: each has its own frames and no other, in order
test_channels() {
	local i n=200 senders=()

	channels
	eq "driver of interface 2" "$(intf_driver "$(usb_dev a):1.2")" "${GS_DRIVER}_elm"
	eq "driver of interface 3" "$(intf_driver "$(usb_dev a):1.3")" "${GS_DRIVER}_elm"
	for i in 0 1 2; do
		capture "$GS_TMP/heard$i" "${C[i]}"
	done
	for i in 0 1 2; do
		from_bus "${BUSES[i]}" "${C[i]}" "$n" "20$i#1122" &
		senders+=($!)
		send_on "$i" "$n" &
		senders+=($!)
	done
	for i in "${senders[@]}"; do
		wait "$i" || fail "not all frames of a channel"
	done
	for i in 0 1 2; do
		got "$GS_TMP/heard$i" $((2 * n))
		eq_said "frames received by channel $i" "$n" link_stat "${C[i]}" rx_packets
		frames "$GS_TMP/heard$i" | grep -v "^20$i#1122$" >"$GS_TMP/echoed$i"
		bus_frames "${BUSES[i]}" "a:$i" >"$GS_TMP/sent$i"
		eq "frames of channel $i" "$(grep -c "^10$i#" "$GS_TMP/sent$i")" "$n"
		same "echoes of channel $i" "$GS_TMP/sent$i" "$GS_TMP/echoed$i"
	done
	all_clean

	# one goes and comes, and another does not notice
	send_on 0 "$n" &
	down "${C[1]}"
	up "${C[1]}"
	eq_said "ELM mode of the device" 1 emu_status a elm
	ok "cangen" send_on 1 "$n"
	for i in 0 1; do
		wait_for 20 "echoes of channel $i" is $((2 * n)) link_stat "${C[i]}" tx_packets
	done
	all_clean
	for i in 0 1 2; do
		down "${C[i]}"
	done
	eq_said "ELM mode of a device that is down" 0 emu_status a elm
	pools_empty a 1
	choose legacy
	up "${C[1]}"
	ok "cansend" cansend "${C[1]}" 123#11
	wait_for 20 "echo" is $((2 * n + 1)) link_stat "${C[1]}" tx_packets
}

# Endpoints of a channel that stall are its own matter. USB so slow that frames of the others wait
# for it most of the time, and so are there to be lost when that is cleared.
test_channels_halt() {
	local i n

	channels packets_s=500
	for i in 0 2; do
		cangen -g 0 -p 1000 -i -I "10$i" -L 8 -D i "${C[i]}" &
		wait_for 20 "frames of channel $i" at_least 20 link_stat "${C[i]}" tx_packets
	done
	for i in 1 2 3 4 5; do
		emu_ok fault id=a what=out-status status=stall ch=1
		ok "cansend" cansend "${C[1]}" 101#11
		wait_for 20 "end of halt $i" is "$i" intf_stat a recovery/cleared_halts
		wait_for 20 "end of the frame" is "$i" link_stat "${C[1]}" tx_errors
	done
	emu_ok fault id=a what=in-status status=stall ch=1
	wait_for 20 "end of the IN endpoint's halt" is 6 intf_stat a recovery/cleared_halts
	get n link_stat "${C[0]}" tx_packets
	wait_for 20 "more of channel 0" at_least $((n + 20)) link_stat "${C[0]}" tx_packets
	# shellcheck disable=SC2046	# a list
	kill $(jobs -p)
	wait
	for i in 0 2; do
		A=${C[i]}
		clean
		eq_said "lost by channel $i" 0 link_stat "$A" tx_errors
	done
	A=${C[1]}
	ok "cansend" cansend "$A" 123#11
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	emu_ok send bus=u frame=7FF#22
	wait_for 20 "frame" is 1 link_stat "$A" rx_packets
}

# Reset and unplugged in traffic of all channels; one of its interfaces taken away
test_channels_end() {
	local i

	channels
	for i in 0 1 2; do
		cangen -g 1 -p 1000 -i -I "10$i" -L 8 -D i "${C[i]}" &
	done
	wait_for 20 "traffic" at_least 100 link_stat "${C[2]}" tx_packets
	emu_ok usbreset id=a
	ok "reset" usb-reset "$(usb_node a)"
	for i in 0 1 2; do
		on_bus "${C[i]}" "a:$i"
		wait_for 20 "traffic of channel $i" \
			at_least $((50 + $(link_stat "${C[i]}" tx_packets))) \
			link_stat "${C[i]}" tx_packets
	done
	eq_said "ELM mode of the device" 1 emu_status a elm
	replug a

	# without one of its interfaces the adapter is nobody's
	echo "$(usb_dev a):1.2" >"$GS_USB/drivers/${GS_DRIVER}_elm/unbind" ||
		fail "interface 2 stays"
	for i in 0 2 3; do
		eq "driver of interface $i" "$(intf_driver "$(usb_dev a):1.$i")" ""
	done
	gs_bind "$(usb_intf a)"
	wait_for 20 "driver" gs_bound a
	gs_unbind "$(usb_intf a)"
	eq "driver of interface 2" "$(intf_driver "$(usb_dev a):1.2")" ""
}

if [ "$GS_GUEST" = qemu ]; then
	ktap_run test_switch test_classic test_fd test_no_ack test_channels
else
	ktap_run test_switch test_refused test_classic test_fd test_speed_classic test_speed_fd \
		test_alone test_bus_load test_errors test_no_ack test_echoes test_halt \
		test_hostile test_fuzz test_traffic_ends test_left_behind test_channels \
		test_channels_halt test_channels_end
fi
