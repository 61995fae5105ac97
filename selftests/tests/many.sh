#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Several channels and several adapters at work at once.
#
# timeout: 400
# guests: uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

FRAMES=20

# many CHANNELS PERSONALITY: every channel on a bus of its own, all of them sending and
# receiving at once. Nobody ACKs before all have frames on their way, so that the device
# is as full as it gets. The device-wide cap is the referee's to watch.
many() {
	local n=$1 ch buses='' iface f most

	for ((ch = 0; ch < n; ch++)); do
		buses=$buses${buses:+,}m$ch
		emu_ok bus name=m"$ch" ack=on
	done
	adapter m "$2" channels="$n" bus="$buses"
	IFACES=()
	for ((ch = 0; ch < n; ch++)); do
		get iface netdev m "$ch" || fail "no channel $ch"
		IFACES+=("$iface")
		up "$iface" bitrate 1000000
		unlimited "$iface" m"$ch"
		emu_ok bus name=m"$ch" ack=off
	done
	# candump takes 16 interfaces; every channel has ids of its own
	for ((ch = 0; ch < n; ch += 16)); do
		candump -L -r 8000000 "${IFACES[@]:ch:16}" >>"$GS_TMP/log" 2>/dev/null &
	done
	for iface in "${IFACES[@]}"; do
		wait_for 10 "candump" gs_listens 1 "$iface" all
	done
	for ((ch = 0; ch < n; ch++)); do
		cangen -g 0 -p 60000 -n "$FRAMES" -I "$(printf 2%02X "$ch")" -L i -D i \
			"${IFACES[ch]}" &
	done
	wait_for 10 "full device" at_least "$((n < 10 ? n : 10))" emu_status m inflight
	for ((ch = 0; ch < n; ch++)); do
		emu_ok bus name=m"$ch" ack=on
	done
	# as many from the other side, at a pace that a device with 20 buffers can keep
	for ((ch = 0; ch < n; ch++)); do
		emu_ok send bus=m"$ch" frame="$(printf 1%02X "$ch")#11223344" count="$FRAMES" \
			gap=$((n * 2000))
	done
	got "$GS_TMP/log" $((2 * FRAMES * n))
	for ((ch = 0; ch < n; ch++)); do
		bus_idle m"$ch"
		f=$GS_TMP/m$ch
		bus_frames m"$ch" >"$f.bus"
		awk -v iface="${IFACES[ch]}" '$2 == iface { print $3 }' "$GS_TMP/log" |
			grep ^2 >"$f.sent"
		grep ^2 "$f.bus" >"$f.sent.bus"
		same "sent on channel $ch" "$f.sent" "$f.sent.bus"
		eq_said "sent on channel $ch" "$FRAMES" lines "$f.sent"
		eq_said "received on channel $ch" "$FRAMES" link_stat "${IFACES[ch]}" rx_packets
		eq "foreign ids on channel $ch" "$(awk -v iface="${IFACES[ch]}" \
			'$2 == iface { print substr($3, 2, 2) }' "$GS_TMP/log" | sort -u)" \
			"$(printf %02X "$ch")"
	done
	get most intf_stat m firmware/in_flight_max
	le_said "in flight at most" "$most" emu_status m inflight_max
	note "in flight at most $(emu_status m inflight_max) of $most"
}

test_3_channels_cannectivity() {
	many 3 cannectivity
	eq_said "cap" 10 intf_stat m firmware/in_flight_max
}

test_3_channels_candlelight() { many 3 candlelight-fd; }

# More channels than the device has places: each gets its turn
test_40_channels_cannectivity() {
	many 40 cannectivity
	eq_said "cap" 10 intf_stat m firmware/in_flight_max
}

# all_channels WORD...: "ip link set" for every channel of IFACES, in one process; for those that it
# has failed for once more
all_channels() {
	local iface

	for iface in "${IFACES[@]}"; do
		echo "link set $iface $*"
	done >"$GS_TMP/batch"
	ip -force -batch "$GS_TMP/batch" 2>"$GS_TMP/said" && return
	! grep -E '^RTNETLINK' "$GS_TMP/said" | grep -v "timed out" ||
		fail "not only for want of time: $(<"$GS_TMP/said")"
	for iface in "${IFACES[@]}"; do
		is_up "$iface" || patiently "$1" ip link set "$iface" "$@"
	done
}

started() {
	emu status id=m | grep -c 'started=1'
}

# As many as the protocol has numbers for, all up at a time. The first, the one in the middle and
# the last have a bus of their own and are at work; that all of many are is tested with 40.
test_255_channels() {
	local n=255 some=(0 127 254) ch f i buses='' began

	for ((ch = 0; ch < n; ch++)); do
		f=rest
		[[ " ${some[*]} " != *" $ch "* ]] || f=m$ch
		buses=$buses${buses:+,}$f
	done
	for ch in "${some[@]}"; do
		emu_ok bus name=m"$ch" ack=on
	done
	gs_now
	began=$GS_NOW
	adapter_unbound m cannectivity channels="$n" bus="$buses"
	# three requests for each channel
	wait_for 60 "driver bound to $n channels" gs_bound m
	gs_now
	note "there after $((GS_NOW - began)) hundredths of a second"
	IFACES=()
	for f in "$GS_USB/devices/$GS_DEV:1.0/net"/*; do
		gs_read "$f/dev_port"
		IFACES[GS_VALUE]=${f##*/}
	done
	eq "number of interfaces" "${#IFACES[@]} ${!IFACES[*]}" "$n $(seq -s ' ' 0 $((n - 1)))"

	all_channels up txqueuelen 1000 type can bitrate 1000000
	eq "started" "$(started)" "$n"
	for ch in "${some[@]}"; do
		eq_said "limit of channel $ch" 1 stat_of "${IFACES[ch]}" tx_limit
		capture "$GS_TMP/log$ch" "${IFACES[ch]}"
	done
	for ch in "${some[@]}"; do
		cangen -g 0 -p 60000 -n "$FRAMES" -I "$(printf 2%02X "$ch")" -L i -D i \
			"${IFACES[ch]}" &
	done
	for ch in "${some[@]}"; do
		# no more than the device has buffers for, however late the guest is
		for ((i = 0; i < 10; i++)); do
			emu_ok send bus=m"$ch" frame="$(printf '1%02X#%02X%02X' "$ch" "$i" "$ch")"
		done
		got "$GS_TMP/log$ch" $((FRAMES + 10))
	done
	for ch in "${some[@]}"; do
		bus_idle m"$ch"
		frames "$GS_TMP/log$ch" >"$GS_TMP/seen"
		bus_frames m"$ch" >"$GS_TMP/bus"
		for i in 1 2; do
			grep "^$i" "$GS_TMP/seen" >"$GS_TMP/seen.$i"
			grep "^$i$(printf %02X "$ch")" "$GS_TMP/bus" >"$GS_TMP/bus.$i"
			same "channel $ch, ids from ${i}00" "$GS_TMP/seen.$i" "$GS_TMP/bus.$i"
		done
		eq_said "sent on channel $ch" "$FRAMES" lines "$GS_TMP/bus.2"
		eq_said "received on channel $ch" 10 lines "$GS_TMP/bus.1"
	done

	all_channels down
	eq "started" "$(started)" 0
	for ch in "${some[@]}"; do
		pools_empty m "$ch"
	done
	# probe has said what it found, and that is all there is to say, unless the machine stood still
	kernel_log | grep -E "$GS_DRIVER|can[0-9]" | grep -vE 'ETIMEDOUT|succeeds again' >"$GS_TMP/said"
	[ "$(lines "$GS_TMP/said")" = 1 ] || fail "the driver said: $(head -5 "$GS_TMP/said")"

	# pulled out as all are up again
	all_channels up
	emu_ok del id=m
	wait_for 60 "end of all channels" gs_none_bound
}

# The limit of a channel is its share of the device's, by how many are open
test_limits_by_open_channels() {
	local ch iface

	adapter m cannectivity channels=3 bus=m
	up "$(netdev m 0)"
	eq "one open" "$(stat_of "$(netdev m 0)" tx_limit)" 8
	up "$(netdev m 1)"
	eq "two open" "$(stat_of "$(netdev m 0)" tx_limit)" 5
	up "$(netdev m 2)"
	for ch in 0 1 2; do
		get iface netdev m "$ch"
		eq_said "three open, channel $ch" 3 stat_of "$iface" tx_limit
	done
	down "$(netdev m 1)"
	eq "two open" "$(stat_of "$(netdev m 0)" tx_limit)" 5
}

# One channel without anybody to ACK it holds its frames; on firmware with a queue for each
# channel the other ones go on
test_dead_neighbour() {
	local dead alive

	emu_ok bus name=m0 ack=off
	emu_ok bus name=m1 ack=on
	adapter m candlelight-fd channels=2 bus=m0,m1
	get dead netdev m 0
	get alive netdev m 1
	up "$dead"
	up "$alive"
	cangen -g 0 -p 20000 -n 60 -I i -L 8 -D i "$dead" >/dev/null 2>&1 &
	full() {
		[ "$(stat_of "$dead" tx_pool_in_use)" -ge 1 ] &&
			[ "$(can_state "$dead")" = ERROR-PASSIVE ]
	}
	wait_for 20 "dead channel waiting" full
	capture "$GS_TMP/log" "$alive"
	ok "cangen" cangen -g 0 -p 1000 -n 100 -I i -L i -D i "$alive"
	got "$GS_TMP/log" 100
	# and the dead one, when somebody turns up
	emu_ok bus name=m0 ack=on
	all() {
		[ "$(emu_status m:0 tx)" = 60 ]
	}
	wait_for 20 "all frames of the dead one" all
}

# Channels go down and up while the others work
test_neighbours_come_and_go() {
	local round still guest

	emu_ok bus name=m0 ack=on
	emu_ok bus name=m1 ack=on
	adapter m cannectivity channels=2 bus=m0,m1
	get still netdev m 0
	get guest netdev m 1
	up "$still"
	capture "$GS_TMP/log" "$still"
	cangen -g 2 -p 1000 -n 300 -I i -L i -D i "$still" >/dev/null 2>&1 &
	for round in 1 2 3 4 5; do
		up "$guest"
		ok "round $round" cansend "$guest" 123#1122
		down "$guest"
	done
	got "$GS_TMP/log" 300
	bus_frames m0 >"$GS_TMP/bus"
	frames "$GS_TMP/log" >"$GS_TMP/frames"
	same "bus against candump" "$GS_TMP/bus" "$GS_TMP/frames"
}

# Two adapters of one kind keep their channels apart
test_two_adapters() {
	local a b

	adapter a candlelight-fd bus=m
	adapter b candlelight-fd bus=m
	get a netdev a
	get b netdev b
	[ "$a" != "$b" ] || fail "both are $a"
	up "$a"
	up "$b"
	capture "$GS_TMP/log" "$b"
	ok "cangen" cangen -g 0 -p 1000 -n 50 -I i -L i -D i "$a"
	got "$GS_TMP/log" 50
	emu_ok del id=a
	wait_for 20 "end of a" not test -d "/sys/class/net/$a"
	emu_ok send bus=m frame=123#
	got "$GS_TMP/log" 51
}

# UML only: what QEMU adds, the host controller, doesn't depend on the number of channels
channels_255=()
[ "$GS_GUEST" = qemu ] || channels_255=(test_255_channels)
ktap_run test_3_channels_cannectivity test_3_channels_candlelight \
	test_40_channels_cannectivity "${channels_255[@]}" test_limits_by_open_channels \
	test_dead_neighbour test_neighbours_come_and_go test_two_adapters
