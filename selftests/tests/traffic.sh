#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Two adapters on one bus exchange frames, with can-utils' own programs:
#
#	cangen, cansend ... --- A ---+--- bus ---+--- B --- candump, cansequence ...
#	candump (echoes) -------/          \
#	                                emulator's bus log
#
# What was sent, what came back as echo, what was on the bus and what was received must be
# the same frames in the same order.
#
# timeout: 400
# guests: uml73 qemu61 qemu612-iommu

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

BUS=t

case $GS_GUEST in
qemu)	COUNT=100 BURST=500 ;;
*)	COUNT=200 BURST=1000 ;;
esac

# pair PERSONALITY PERSONALITY: adapters a and b on the bus, interfaces in A and B
pair() {
	emu_ok bus name="$BUS"
	adapter a "$1" bus="$BUS"
	adapter b "$2" bus="$BUS"
	get A netdev a || fail "no interface of a"
	get B netdev b || fail "no interface of b"
}

# transfer N FROM TO COMMAND...: N frames that the command sends
transfer() {
	local n=$1 from=$2 to=$3 echoes received

	shift 3
	capture "$GS_TMP/echoes" "$from"
	echoes=$GS_CAPTURE
	capture "$GS_TMP/received" "$to"
	received=$GS_CAPTURE
	ok "send" "$@"
	got "$GS_TMP/received" "$n"
	got "$GS_TMP/echoes" "$n"
	bus_idle "$BUS"
	stop_capture "$echoes"
	stop_capture "$received"
	frames "$GS_TMP/echoes" >"$GS_TMP/echoes.frames"
	frames "$GS_TMP/received" >"$GS_TMP/received.frames"
	bus_frames "$BUS" | tail -n "$n" >"$GS_TMP/bus.frames"
	eq_said "frames received" "$n" lines "$GS_TMP/received.frames"
	same "bus against receiver" "$GS_TMP/bus.frames" "$GS_TMP/received.frames"
	same "echoes against bus" "$GS_TMP/echoes.frames" "$GS_TMP/bus.frames"
}

# generate N FROM TO [CANGEN OPTION...]
generate() {
	local n=$1 from=$2 to=$3

	shift 3
	transfer "$n" "$from" "$to" cangen -g 0 -p 1000 -n "$n" "$@" "$from"
}

# Frames of every kind, one way and the other
both_ways() {
	generate "$@"
	generate "$1" "$3" "$2" "${@:4}"
}

no_losses() {
	local iface s

	for iface in "$A" "$B"; do
		for s in rx_dropped rx_errors tx_dropped tx_errors rx_over_errors; do
			eq_said "$s of $iface" 0 link_stat "$iface" "$s"
		done
	done
}

# The kinds of classic frames between two firmwares
classic() {
	pair "$1" "$2"
	up "$A"
	up "$B"
	both_ways "$COUNT" "$A" "$B" -I i -L i -D i
	both_ways 50 "$A" "$B" -e -I r -L i -D r
	both_ways 20 "$A" "$B" -R -I i -L i
	no_losses
	down "$A"
	down "$B"
	pools_empty a
	pools_empty b
}

test_classic_candlelight_bx() { classic candlelight-bx candlelight-bx; }
test_classic_candlelight_old() { classic candlelight-old gs; }
test_classic_cannectivity() { classic cannectivity canable25; }
test_classic_budgetcan() { classic budgetcan ces; }

fd() {
	pair "$1" "$2"
	up_fd "$A"
	up_fd "$B"
	eq "MTU" "$(<"/sys/class/net/$A/mtu")" 72
	both_ways 64 "$A" "$B" -f -I i -L i -D r
	both_ways "$COUNT" "$A" "$B" -b -I r -L r -D r
	both_ways 20 "$A" "$B" -I i -L i -D i
	both_ways 20 "$A" "$B" -e -f -I r -L r -D r
	no_losses
}

test_fd_candlelight() {
	fd candlelight-fd candlelight-fd
	# all kinds mixed; ESI is among them, which other firmware does not send
	generate "$COUNT" "$A" "$B" -m -I r -L r -D r
}

test_fd_cannectivity() { fd cannectivity ces; }
test_fd_budgetcan() { fd budgetcan canable25; }

# CANtact Pro has the pad byte and request 8. It echoes at once and drops what it has no
# room for, so it gets one frame at a time, on a bus that takes it at once: who sends every 5 ms
# makes up for the time in which the machine stood still.
test_cantact_pro() {
	pair cantact-pro candlelight-fd
	emu_ok bus name="$BUS" fast=1
	up_fd "$A"
	up_fd "$B"
	both_ways 32 "$A" "$B" -g 5 -I 123 -L i -D i
	both_ways 32 "$A" "$B" -g 5 -b -I 123 -L i -D i
	no_losses
}

# ESI is sent by candleLight only
test_fd_esi() {
	pair candlelight-fd candlelight-fd
	up_fd "$A"
	up_fd "$B"
	both_ways 16 "$A" "$B" -E -I i -L i -D r
	grep -qE '##[23]' "$GS_TMP/received.frames" || fail "no frame with ESI"
	both_ways 16 "$A" "$B" -b -E -I i -L i -D r
	grep -q '##3' "$GS_TMP/received.frames" || fail "no frame with BRS and ESI"
}

test_bit_rates() {
	local rate

	pair candlelight-bx cannectivity
	for rate in 50000 125000 250000 500000 1000000; do
		up "$A" bitrate "$rate"
		up "$B" bitrate "$rate"
		eq_said "rate of a" "$rate" emu_status a:0 rate
		eq_said "rate of b" "$rate" emu_status b:0 rate
		generate 40 "$A" "$B" -I i -L i -D i
		generate 40 "$B" "$A" -I i -L i -D i
		down "$A"
		down "$B"
	done
	no_losses
}

test_data_bit_rates() {
	local rate

	pair candlelight-fd cannectivity
	for rate in 2000000 5000000 8000000; do
		up_fd "$A" bitrate 1000000 dbitrate "$rate"
		up_fd "$B" bitrate 1000000 dbitrate "$rate"
		eq_said "data rate of a" "$rate" emu_status a:0 drate
		eq_said "data rate of b" "$rate" emu_status b:0 drate
		generate 32 "$A" "$B" -b -I i -L i -D r
		generate 32 "$B" "$A" -b -I i -L i -D r
		down "$A"
		down "$B"
	done
	no_losses
}

# cansend: each notation once
test_cansend() {
	local frame list

	list="123#1122334455667788 7FF# 000#01 1FFFFFFF#AABB 00000000#"
	list="$list 123#R 123#R5 1ABCDEF0#R8"
	pair candlelight-fd candlelight-fd
	up_fd "$A"
	up_fd "$B"
	list="$list 321##0 321##1112233 00000321##0AABBCCDDEEFF001122334455"
	list="$list 7FF##1$(printf '%0128d' 0)"
	capture "$GS_TMP/log" "$B"
	for frame in $list; do
		ok "cansend" cansend "$A" "$frame"
	done
	# shellcheck disable=SC2086	# a list
	set -- $list
	got "$GS_TMP/log" $#
	printf '%s\n' "$@" >"$GS_TMP/sent"
	frames "$GS_TMP/log" >"$GS_TMP/received"
	same "sent against received" "$GS_TMP/sent" "$GS_TMP/received"
}

# cansequence's receiver says so when a number is missing or twice
test_cansequence() {
	local receiver

	pair cannectivity candlelight-bx
	up "$A"
	up "$B"
	gs_listens 0 "$B" fil
	cansequence -r --quit=1 "$B" >"$GS_TMP/said" 2>&1 &
	receiver=$!
	wait_for 10 "cansequence on $B" gs_listens $((GS_LISTENERS + 1)) "$B" fil
	capture "$GS_TMP/log" "$B"
	ok "cansequence" cansequence -p --loop="$COUNT" "$A"
	got "$GS_TMP/log" "$COUNT"
	kill -0 "$receiver" || fail "cansequence gave up: $(<"$GS_TMP/said")"
	! grep -qi wrong "$GS_TMP/said" || fail "cansequence: $(<"$GS_TMP/said")"
}

# canfdtest: every frame comes back with its id and bytes one higher
test_canfdtest() {
	pair candlelight-fd candlelight-fd
	up "$A" bitrate 1000000
	up "$B" bitrate 1000000
	gs_listens 0 "$B" all
	canfdtest -v "$B" >"$GS_TMP/dut" 2>&1 &
	wait_for 10 "canfdtest on $B" gs_listens $((GS_LISTENERS + 1)) "$B" all
	ok "canfdtest" timeout $((60 * GS_SLOW)) canfdtest -g -v -l 4 "$A"
	no_losses
}

# isotp DIRECTION OPTIONS: one message, flow control from the other side. The protocol gives each side
# a second, in which a machine may stand still: a message that this ended is sent anew.
isotp() {
	local from=$1 to=$2 receiver i said

	shift 2
	for i in 1 2 3; do
		gs_listens 0 "$to" sff
		isotprecv -s 456 -d 123 "$@" "$to" >"$GS_TMP/pdu.received" 2>"$GS_TMP/said" &
		receiver=$!
		wait_for 10 "isotprecv on $to" gs_listens $((GS_LISTENERS + 1)) "$to" sff
		said=$(timeout $((60 * GS_SLOW)) isotpsend -s 123 -d 456 -b "$@" "$from" \
			<"$GS_TMP/pdu" 2>&1 || echo "isotpsend: status $?")
		wait_for 60 "end of isotprecv" not kill -0 "$receiver"
		said+=$(<"$GS_TMP/said")
		[ -z "$said" ] || note "isotp: $said"
		[ -n "$said" ] || break
		[[ $said = *"timed out"* || $said = *"Communication error"* ]] || fail "isotp: $said"
	done
	tr -d ' \n' <"$GS_TMP/pdu" | tr a-f A-F >"$GS_TMP/a"
	tr -d ' \n' <"$GS_TMP/pdu.received" | tr a-f A-F >"$GS_TMP/b"
	cmp -s "$GS_TMP/a" "$GS_TMP/b" || fail "another message was received"
}

test_isotp() {
	local before

	pair candlelight-fd cannectivity
	up "$A" bitrate 1000000
	up "$B" bitrate 1000000
	od -An -v -tx1 -N 1000 "$(command -v bash)" | tr -s ' \n' ' ' | sed 's/^ //' >"$GS_TMP/pdu"
	before=$(bus_frames "$BUS" | wc -l)
	isotp "$A" "$B"
	isotp "$B" "$A"
	# the frames on the bus tell that it went over it
	ge "frames on the bus" $(($(bus_frames "$BUS" | wc -l) - before)) 280
	no_losses
}

test_isotp_fd() {
	pair candlelight-fd cannectivity
	up_fd "$A"
	up_fd "$B"
	od -An -v -tx1 -N 2000 "$(command -v bash)" | tr -s ' \n' ' ' | sed 's/^ //' >"$GS_TMP/pdu"
	isotp "$A" "$B" -L 72:64:1
	isotp "$B" "$A" -L 72:64:1
	no_losses
}

# A raw DLC of 9 to 15 in classic frames, which candump here does not show
test_len8_dlc() {
	local dlc head=21030000 receiver

	pair candlelight-bx candlelight-bx
	up "$A" cc-len8-dlc on
	up "$B" cc-len8-dlc on
	packet recv "$B" 8 $((20000 * GS_SLOW)) >"$GS_TMP/received" &
	receiver=$!
	wait_for 10 "packet socket" has_lines 1 "$GS_TMP/received"
	for dlc in 0 9 10 11 12 13 14 15; do
		ok "send" packet send "$A" 0x000c \
			"${head}080000$(printf %02x "$dlc")1122334455667788"
	done
	wait "$receiver" || fail "too few frames: $(<"$GS_TMP/received")"
	for dlc in 0 9 10 11 12 13 14 15; do
		echo "0 000c ${head}080000$(printf %02x "$dlc")1122334455667788"
	done >"$GS_TMP/sent"
	sed 1d "$GS_TMP/received" | sed 's/^[0-9]/0/' >"$GS_TMP/frames"
	same "sent against received" "$GS_TMP/sent" "$GS_TMP/frames"
	eq "DLC 15 on the bus" "$(bus_frames "$BUS" | tail -n 1)" 321#1122334455667788_F
}

# CAN_RAW_LOOPBACK off: nobody on this host sees the frame, the bus does
test_loopback_off() {
	pair candlelight-fd candlelight-fd
	up "$A"
	up "$B"
	capture "$GS_TMP/echoes" "$A"
	capture "$GS_TMP/received" "$B"
	ok "cangen -x" cangen -x -g 0 -p 1000 -n 20 -I i -L 8 -D i "$A"
	ok "cansend" cansend "$A" 7FF#FF
	got "$GS_TMP/received" 21
	got "$GS_TMP/echoes" 1
	eq "echoes" "$(frames "$GS_TMP/echoes")" "7FF#FF"
	eq_said "frames counted" 21 link_stat "$A" tx_packets
}

# Both send at once. A firmware that echoes when the frame was on the bus makes all four
# views one: both candumps show what the bus log does, own frames and foreign ones mixed. This one has
# few buffers, and loses frames if its host is late by as many; so the bus is a slow one.
test_both_at_once() {
	local a b n=$((COUNT / 2))

	pair cannectivity cannectivity
	up "$A" bitrate 10000
	up "$B" bitrate 10000
	capture "$GS_TMP/a" "$A"
	capture "$GS_TMP/b" "$B"
	cangen -g 0 -p 1000 -n "$n" -I 2A1 -L i -D i "$A" &
	a=$!
	cangen -g 0 -p 1000 -n "$n" -I 2A0 -L i -D i "$B" &
	b=$!
	wait "$a" || fail "cangen on $A"
	wait "$b" || fail "cangen on $B"
	got "$GS_TMP/a" $((2 * n))
	got "$GS_TMP/b" $((2 * n))
	bus_idle "$BUS"
	bus_frames "$BUS" >"$GS_TMP/bus"
	frames "$GS_TMP/a" >"$GS_TMP/a.frames"
	frames "$GS_TMP/b" >"$GS_TMP/b.frames"
	same "bus against $A" "$GS_TMP/bus" "$GS_TMP/a.frames"
	same "bus against $B" "$GS_TMP/bus" "$GS_TMP/b.frames"
	no_losses
}

# Percent of its last N frames that the bus began the moment the one before had ended. The load
# over time would say the same of a machine that never stops; this one may stand still for longer
# than ten frames last, and a single gap is no fault of the driver's.
back_to_back() {
	emu buslog bus="$BUS" | grep dur= | tail -n "$1" | awk '
		{
			sub(/dur=/, "", $4)
			if (NR > 1 && $1 - $4 - end <= 2)	# both are rounded
				joined++
			end = $1
		}
		END { printf "%d", joined * 100 / (NR - 1) }'
}

# A second of a full bus: nothing lost, and the bus really was full. How fast it may be
# depends on the machine; the highest rate that it can fill counts, losses always.
test_full_load() {
	local rate full=0

	pair candlelight-fd candlelight-fd
	for rate in 250000 125000 50000 20000 10000; do
		up "$A" bitrate "$rate"
		up "$B" bitrate "$rate"
		generate $((rate / 125)) "$A" "$B" -I i -L 8 -D i
		no_losses
		full=$(back_to_back $((rate / 125)))
		note "$full % of the frames back to back at $rate bit/s"
		[ "$full" -ge 95 ] && break
		down "$A"
		down "$B"
	done
	ge "percent of the frames back to back" "$full" 95
}

# No bit times: as fast as the driver and the emulator can
test_burst() {
	pair candlelight-fd cannectivity
	emu_ok bus name="$BUS" fast=1
	up_fd "$A"
	up_fd "$B"
	generate "$BURST" "$A" "$B" -I i -L 8 -D i
	generate "$BURST" "$B" "$A" -b -I i -L i -D r
	no_losses
}

# canplayer sends a log, and the bus replays one
replay() {
	local log=$GS_DATA/$1 n

	grep '^(' "$log" >"$GS_TMP/replay"
	get n lines "$GS_TMP/replay"
	frames "$GS_TMP/replay" >"$GS_TMP/wanted"
	transfer "$n" "$A" "$B" canplayer -I "$log" -t "$A=can0"
	same "log against receiver" "$GS_TMP/wanted" "$GS_TMP/received.frames"
	capture "$GS_TMP/replayed" "$A"
	emu_ok replay bus="$BUS" file="$log"
	got "$GS_TMP/replayed" "$n"
	frames "$GS_TMP/replayed" >"$GS_TMP/replayed.frames"
	same "log against replay" "$GS_TMP/wanted" "$GS_TMP/replayed.frames"
	no_losses
}

test_replay() {
	pair candlelight-bx cannectivity
	up "$A"
	up "$B"
	replay classic.log
}

test_replay_fd() {
	pair candlelight-fd cannectivity
	up_fd "$A"
	up_fd "$B"
	replay fd.log
}

ktap_run test_classic_candlelight_bx test_classic_candlelight_old \
	test_classic_cannectivity test_classic_budgetcan test_fd_candlelight \
	test_fd_cannectivity test_fd_budgetcan test_cantact_pro test_fd_esi \
	test_bit_rates test_data_bit_rates test_cansend test_cansequence test_canfdtest \
	test_isotp test_isotp_fd test_len8_dlc test_loopback_off test_both_at_once \
	test_full_load test_burst test_replay test_replay_fd
