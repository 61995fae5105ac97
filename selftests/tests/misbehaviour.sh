#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# One misbehaviour of the adapter after the other, on one of its two channels where it is about
# a channel, and what becomes of both. The disturbed one has to carry frames both ways again within
# two seconds, five where only a USB reset cures it, with nobody's help; the other one goes on,
# without a pause of five frames' time unless something that all have in common is stuck; and every
# frame is accounted for.
#
# Then the most important of them with every other firmware, one after the other on the same
# adapter.
#
# The guest's clock stands still while anything runs, so the times are those of the driver and not
# of the machine.
#
# "make compare" runs this with each driver (GS_TEST_DRIVER) and judges by itself; a line of the
# result is then
#
#	# case NAME: OUTCOME
#
#	GS_TEST_FROM=NAME	the case, or firmware, to begin with, since a case may take the guest
#				down
#	GS_TEST_ONLY=NAME	one case (out_hang), one firmware (gs), or one of its cases
#				(gs.out_hang)
#
# timeout: 2400
# guests: uml612-vtime

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

GS_DRIVER=${GS_TEST_DRIVER:-$GS_DRIVER}
GS_TEST_FROM=${GS_TEST_FROM:-}
GS_TEST_ONLY=${GS_TEST_ONLY:-}
# How long an interface may take to come back by itself, seconds
PATIENCE=20
# How long it should take, and the other channel's longest pause, hundredths of seconds
LIMIT=200
PAUSE=5
# Frames each way that what goes wrong is to strike, and of these, echoes that are lost and OUT
# transfers that fail
TRAFFIC=60
LOST=12
FAILS=20
# For how long a late echo is late and nobody is on the bus, hundredths of seconds
LATE=600

# Each is a function, and the adapter is what does it. (The host's half of "make compare" reads this,
# too.)
CASES="
lost_echo		loses an echo
lost_echoes		loses twelve echoes
lost_last_echo		loses the echo of the last frame
dup_echoes		echoes 20 frames twice
late_echo		echoes three frames six seconds late
hurried_echo		echoes a frame 1.2 s late, and fails IN transfers then
swapped_echoes		echoes ten frames in the wrong order
bad_echo_id		echoes 40 frames that nobody sent
in_proto		fails 40 IN transfers
in_crc			fails 40 IN transfers (CRC)
in_timeout		fails 40 IN transfers (no handshake)
in_overrun		fails 40 IN transfers (overrun)
in_nospc		fails 40 IN transfers (no bandwidth)
in_babble		makes 40 IN transfers longer than a frame
in_short		makes 40 IN transfers shorter than a frame
in_empty		makes 40 IN transfers empty
in_halt			halts the IN endpoint
out_proto		fails 20 OUT transfers
out_crc			fails 20 OUT transfers (CRC)
out_timeout		fails 20 OUT transfers (no handshake)
out_nospc		fails 20 OUT transfers (no bandwidth)
out_taken		takes 20 frames whose OUT transfers fail
out_halt		halts the OUT endpoint
out_hang		doesn't end an OUT transfer
bad_channel		sends a frame of a channel that it doesn't have
bad_dlc			sends 40 frames with a wrong DLC
bad_flags		sends 40 frames with flags that can't be
fd_in_classic		sends 40 FD frames on a classic channel
garbage			sends 40 transfers of garbage
reset_stalls		refuses the RESET before a start
reset_hangs		doesn't answer the RESET before a start
start_stalls		refuses a request to start
start_hangs		doesn't answer a request to start
bittiming_short		takes the bit timing at the second time only
dump_stalls		refuses to tell its error counters
dump_hangs		doesn't tell its error counters
dump_short		tells half of its error counters
dump_empty		tells nothing when asked for them
close_stalls		refuses the RESET at the end
close_hangs		doesn't answer the RESET at the end
bus_off_own		is bus-off, and recovers by itself
bus_off_host		is bus-off, and leaves it to the host
restart_stalls		refuses the request to restart after bus-off
restart_hangs		doesn't answer the request to restart after bus-off
no_partner_then_one	has nobody on the bus for six seconds
dead			answers nothing and sends nothing until it is reset
usb_reset		is reset (USB)
unplug			is unplugged and plugged in again
probe_stalls		refuses what it need not answer when it is plugged in
probe_hangs		doesn't answer one of these requests
probe_short		tells half of what it need not tell
probe_nonsense		tells bit timing limits that can't be, then others
authorized		is forbidden, and allowed again
rebind			is taken from the driver, and given back
"
# Not one to compare: dummy_hcd's softirqs have interrupts off, which gs_usb may not be able to stand
ALONE="
port_power
"

# Those that every firmware goes through, and as the table calls them
EACH="
lost_last_echo		last echo lost
lost_echoes		echoes lost
late_echo		echoes late
dup_echoes		echoes twice
in_proto		IN errors
in_halt			IN halted
out_proto		OUT errors
out_halt		OUT halted
out_hang		OUT hangs
bus_off			bus-off
no_partner_then_one	no partner
usb_reset		USB reset
dead			dead
"
# All but that of the cases. Each is a function, too.
FIRMWARES="
candlelight-old
candlelight-bx
cannectivity
gs
ces
cantact-pro
budgetcan
canable25
"
# The one that is at it
FIRMWARE=

# Complete, whichever driver it is
gs_bound() {
	local n

	gs_usb_dev "$1" &&
		[ "$GS_USB/devices/$GS_DEV:1.0/driver" -ef "$GS_USB/drivers/$GS_DRIVER" ] || return 1
	for n in "$GS_USB/devices/$GS_DEV:1.0/net"/*; do
		[ -e "$n/dev_port" ] || return 1
	done
}

# bring_up IFACE: whichever driver's
bring_up() {
	# restart-ms is one of the things that not every driver has
	ip link set "$1" type can bitrate 500000 restart-ms 100 2>/dev/null ||
		ok "configure" ip link set "$1" type can bitrate 500000
	# more than is ever sent at once: a program that tries again and again takes no time here, and
	# would do so for ever
	ok "up" ip link set "$1" up txqueuelen 1000
}

# plug PERSONALITY [WORD...]: one adapter with two channels, up and found to work, the second one in
# traffic. A firmware's cases share one.
plug() {
	SINCE=$EPOCHREALTIME
	RESETS=0
	begins
	if [ -n "$FIRMWARE" ]; then
		get RESETS intf_stat a recovery/usb_resets
		return
	fi
	CASE=${FUNCNAME[-4]}
	note "begins $CASE"
	plug_in "$@"
	SINCE=0
	begins
}

plug_in() {
	emu_ok bus name=t ack=on
	emu_ok bus name=u ack=on
	adapter a "$@" channels=2 bus=t,u
	get A netdev a 0 || fail "no interface"
	get B netdev a 1 || fail "no interface 1"
	INDEX=$(<"/sys/class/net/$A/ifindex")
	bring_up "$A"
	bring_up "$B"
	wait_for 20 "frames both ways" works
	emu_ok send bus=u frame=7AA#1122 count=1000000 gap=10000
	other_works
}

# The second channel's frames, both ways, all the time
other_works() {
	capture "$GS_TMP/other" "$B"
	cangen -g 10 -p 1000 -I 6BB -L i -D i "$B" >/dev/null 2>&1 &
	OTHER=$!
	wait_for 20 "frames of the other channel" grep -q ' 6BB#' "$GS_TMP/other"
	wait_for 20 "frames for the other channel" grep -q ' 7AA#' "$GS_TMP/other"
}

# What the adapter does begins now, or what keeps it from working ends
begins() {
	gs_now
	BEGAN=$GS_NOW
}

# Five frames each way within half a second
works() {
	local stats=/sys/class/net/$A/statistics tx rx until

	gs_read "$stats/tx_packets"
	tx=$((GS_VALUE + 5))
	gs_read "$stats/rx_packets"
	rx=$((GS_VALUE + 5))
	emu send bus=t frame=7FF#1122 count=5 >/dev/null
	timeout -s KILL 2 cangen -g 0 -p 100 -n 5 -I 123 -L i -D i "$A" >/dev/null 2>&1
	gs_now
	until=$((GS_NOW + 50))
	while gs_now && [ "$GS_NOW" -lt "$until" ]; do
		gs_read "$stats/tx_packets"
		if [ "${GS_VALUE:-0}" -ge "$tx" ]; then
			gs_read "$stats/rx_packets"
			[ "${GS_VALUE:-0}" -lt "$rx" ] || return 0
		fi
		gs_pause
	done
	return 1
}

same_interface() {
	gs_read "/sys/class/net/$A/ifindex"
	[ "$GS_VALUE" = "$INDEX" ]
}

# provoke N [COMMAND]: so many frames both ways, so that what is to go wrong does, by a command of the
# emulator
provoke() {
	emu_all "${@:2}" "send bus=t frame=7FF#3344 count=$1"
	timeout -s KILL 5 cangen -g 0 -p 100 -n "$1" -I 321 -L i -D i "$A" >/dev/null 2>&1
}

# The longest time that the other channel had no frame in one of the two directions until now, in GAP
other_rests() {
	local now=$EPOCHREALTIME

	if [ -z "$FIRMWARE" ]; then
		kill "$OTHER" 2>/dev/null
		wait "$OTHER" 2>/dev/null
		stop_capture
	fi
	GAP=$(awk -v since="$SINCE" -v now="$now" '
		BEGIN {
			if (since)
				last["6BB"] = last["7AA"] = since
		}
		{ t = substr($1, 2) + 0; id = substr($3, 1, 3) }
		t < since { next }
		id in last && t - last[id] > most { most = t - last[id] }
		{ last[id] = t }
		END {
			if (!("6BB" in last && "7AA" in last))
				most = 9999
			for (id in last)
				if (now - last[id] > most)
					most = now - last[id]
			# rounded up
			print int(100 * most + 0.99)
		}' "$GS_TMP/other")
}

# All frames that the driver was given (and not the stack, which drops what comes while there is no
# carrier) have been echoed, have failed or were dropped, and no slot is in use. balance IFACE
balance() {
	local n name sent ended used

	for ((n = 0; n < 50; n++)); do
		gs_read "/sys/class/net/$1/gs_usb_ng/tx_pool_acquires"
		sent=$GS_VALUE
		ended=0
		for name in statistics/tx_packets statistics/tx_errors gs_usb_ng/tx_abandoned; do
			gs_read "/sys/class/net/$1/$name"
			ended=$((ended + GS_VALUE))
		done
		gs_read "/sys/class/net/$1/gs_usb_ng/tx_pool_in_use"
		used=$GS_VALUE
		BALANCE="$sent sent, $ended echoed, failed or dropped"
		[ "$sent" != "$ended" ] || [ "$used" != 0 ] || return 0
		read -r -t 0.1 <>"$GS_PAUSE"
	done
	fail "$1: $BALANCE, $used slots in use"
}

# outcome: says what has become of the interface
outcome() {
	judge
	note "case $CASE: $SAID"
	[ -z "${GS_TEST_DRIVER:-}" ] || return 0
	[ -n "$TOOK" ] || fail "it doesn't recover"
	le "hundredths of a second" "$TOOK" "$LIMIT"
	le "the longest pause of the other channel" "$GAP" "$PAUSE"
	balance "$B"
	balance "$A"
	# not where something milder does
	[ "$LIMIT" -gt 200 ] || eq "USB resets" "$(intf_stat a recovery/usb_resets)" "$RESETS"
	note "$A: $BALANCE; the other channel's longest pause: $GAP"
	[ -n "$FIRMWARE" ] || put_down
}

put_down() {
	down "$A"
	down "$B"
	pools_empty a 0
	pools_empty a 1
}

judge() {
	local began

	TOOK=
	SAID="no net device"
	[ -n "$A" ] || return
	SAID="doesn't recover"
	gs_now
	began=$GS_NOW
	while gs_now && [ $((GS_NOW - began)) -lt $((PATIENCE * 100)) ]; do
		if ! same_interface; then
			SAID="net device gone"
			return
		fi
		if works; then
			gs_now
			TOOK=$((GS_NOW - BEGAN))
			other_rests
			began=$((TOOK + 5))
			SAID="recovers, $((began / 100)).$((began / 10 % 10)) s"
			return
		fi
	done
	# Nobody has to see how it ends
	[ -n "${GS_TEST_DRIVER:-}" ] || return
	timeout 20 ip link set "$A" down && timeout 20 ip link set "$A" up
	if same_interface && works; then
		SAID="dead until taken down and up"
		return
	fi
	emu_ok fault id=a what=none
	replug a
	get A netdev a
	timeout 20 ip link set "$A" up type can bitrate 500000
	if works; then
		SAID="dead until unplugged"
	else
		SAID="dead even when plugged in anew"
	fi
}

# ---- the cases ------------------------------------------------------------------------

# rule WORD...: a rule of the emulator, and traffic that it strikes
rule() {
	plug candlelight-fd
	provoke "$TRAFFIC" "fault id=a $*"
	outcome
}

lost_echo() { rule what=drop-echo ch=0 count=1; }

# Where the slot's number is all there is of an echo id, the second one passes for the next frame's,
# and that slot is used again too early. No driver could do better, and the referee is not asked.
dup_echoes() {
	case $FIRMWARE in
	gs|ces|cantact-pro|budgetcan) emu_ok set id=a referee=0 ;;
	esac
	rule what=dup-echo ch=0 count=20
	[ -z "$FIRMWARE" ] || emu_ok set id=a referee=1
}

swapped_echoes() { rule what=swap-echo ch=0 count=10; }

# Others send all the time: without GET_STATE nothing else tells that the bus has a partner, so that
# these frames don't wait for one
lost_echoes() {
	[ -z "$FIRMWARE" ] || emu_ok send bus=t frame=7A5#5A count=200 gap=10000
	rule what=drop-echo ch=0 count="$LOST"
}

# Where another case follows they are waited for: nothing comes of them
late_echo() {
	rule what=late-echo ch=0 count=3 us="${LATE}0000"
	[ -n "$FIRMWARE" ] || return 0
	since_then $((LATE + 50))
	works || fail "the late echoes stop it"
	balance "$A"
}

# All channels have the OUT endpoint in common
out_hang() {
	PAUSE=$LIMIT
	rule what=out-hang ch=0 count=1
}

out_halt() { rule what=out-status status=stall count=1; }
out_proto() { rule what=out-status status=proto ch=0 count="$FAILS"; }
out_crc() { rule what=out-status status=crc ch=0 count=20; }
out_timeout() { rule what=out-status status=timeout ch=0 count=20; }
out_nospc() { rule what=out-status status=nospc ch=0 count=20; }
out_taken() { rule what=out-taken status=proto ch=0 count=20; }
in_halt() { rule what=in-status status=stall count=1; }
in_proto() { rule what=in-status status=proto count=40; }
in_crc() { rule what=in-status status=crc count=40; }
in_timeout() { rule what=in-status status=timeout count=40; }
in_overrun() { rule what=in-status status=overrun count=40; }
in_nospc() { rule what=in-status status=nospc count=40; }

# No frame after it, until "works" sends some. (Without GET_STATE it is waited for until then, and
# for ever if nobody sends: there may be no partner.)
lost_last_echo() {
	plug candlelight-fd
	emu_ok fault id=a what=drop-echo ch=0 count=1
	ok "cansend" cansend "$A" 321#
	outcome
}

# frames HEX COUNT: as IN transfers, between others
frames() {
	plug candlelight-fd
	emu_ok inject id=a hex="$1" count="$2"
	provoke 20
	outcome
}

in_babble() { frames "$(printf '%02000d' 0)" 40; }
in_short() { frames ffffffff7b 40; }
in_empty() { frames "" 40; }
bad_channel() { frames ffffffff7b0000000807000011223344556677880000000000000000 1; }
bad_dlc() { frames ffffffff7b000000ff00000011223344556677880000000000000000 40; }
bad_flags() { frames ffffffff7b0000000800ff0011223344556677880000000000000000 40; }
fd_in_classic() { frames "ffffffff7b0000000f000200$(printf '%0136d' 0)" 40; }
bad_echo_id() { frames 07f00fff7b0000000800000011223344556677880000000000000000 40; }
garbage() { frames a5c3000000f17788993311335577ff00ee00cc55aa0099 40; }

# An open that fails, or is to fail, then one that has to work
open_with() {
	plug candlelight-fd
	down "$A"
	emu_ok fault id=a during=open ch=0 count=1 "$@"
	begins
	timeout 20 ip link set "$A" up 2>/dev/null
	timeout 20 ip link set "$A" up
	outcome
}

reset_stalls() { open_with what=stall req=2; }
reset_hangs() { open_with what=timeout req=2; }
start_stalls() { open_with what=stall req=2 skip=1; }
start_hangs() { open_with what=timeout req=2 skip=1; }
bittiming_short() { open_with what=stall req=1; }

# The interface is down all the same
close_with() {
	plug candlelight-fd
	emu_ok fault id=a req=2 ch=0 during=close "$@"
	begins
	timeout 20 ip link set "$A" down
	timeout 20 ip link set "$A" up
	outcome
}

close_stalls() { close_with what=stall; }
close_hangs() { close_with what=timeout; }

# What a dump makes the driver ask for, if the last answer is a second old. dump_with COUNTER WORD...
dump_with() {
	plug candlelight-fd
	emu_ok fault id=a req=14 count=5 "${@:2}"
	since_then 120
	begins
	ip -details link show "$A" >/dev/null
	provoke 60
	ip -details link show "$A" >/dev/null
	[ "$GS_DRIVER" = gs_usb ] ||
		wait_for 20 "request that fails" at_least 1 intf_stat a "recovery/$1"
	outcome
}

dump_stalls() { dump_with refused what=stall; }
dump_hangs() { dump_with no_answer what=timeout; }
dump_short() { dump_with bad_answer what=short; }
dump_empty() { dump_with bad_answer what=zero; }

# A firmware that goes back on the bus by itself, and one that leaves that to the host
bus_off() {
	plug "${1:-}"
	emu_ok busoff id=a ch=0
	outcome
}

bus_off_own() { bus_off candlelight-old; }
bus_off_host() { bus_off gs; }

# The request has a second, and only then is it known that there is no answer
restart_hangs() {
	plug gs
	emu_all "fault id=a what=timeout req=2 ch=0" "busoff id=a ch=0"
	[ "$GS_DRIVER" = gs_usb ] || wait_for 20 "end of the patience" log_has "Restart failed"
	begins
	outcome
}

restart_stalls() {
	plug gs
	# RESET comes before START
	emu_all "fault id=a what=stall req=2 ch=0 skip=1" "busoff id=a ch=0"
	outcome
}

# since_then HUNDREDTHS: wait until so long after "begins"
since_then() {
	while gs_now && [ "$GS_NOW" -lt $((BEGAN + $1)) ]; do
		gs_pause
	done
}

# It is overdue when something else wants a look, and again a moment later. That is no reason to give
# it up.
hurried_echo() {
	plug candlelight-fd
	emu_ok fault id=a what=late-echo ch=0 us=1200000
	ok "cansend" cansend "$A" 321#01
	ok "cansend" cansend "$A" 321#02
	since_then 102
	emu_ok fault id=a what=in-status status=proto
	since_then 107
	emu_ok fault id=a what=in-status status=proto
	outcome
	[ -n "${GS_TEST_DRIVER:-}" ] || eq "echo_lost" "$(stat_of "$A" echo_lost)" 0
}

no_partner_then_one() {
	plug candlelight-fd
	# the frames of both channels go through one queue
	[ "$FIRMWARE" != cannectivity ] || PAUSE=$((LATE + LIMIT))
	emu_ok bus name=t ack=off
	provoke 20
	since_then "$LATE"
	begins
	emu_ok bus name=t ack=on
	outcome
}

# Nothing but a USB reset helps, and both channels need it
by_reset() {
	LIMIT=500
}

dead() {
	by_reset
	# three seconds of patience, and a fourth one of requests without an answer
	PAUSE=$((LIMIT + 100))
	plug candlelight-fd
	emu_all "fault id=a what=timeout count=1000000" "fault id=a what=in-drop count=1000000"
	provoke 20
	# the other driver never asks for one
	if [ "$GS_DRIVER" != gs_usb ]; then
		wait_for 20 "USB reset" at_least $((RESETS + 1)) intf_stat a recovery/usb_resets
		begins
		emu_all "fault id=a what=none" "usbreset id=a"
	fi
	outcome
}

usb_reset() {
	by_reset
	PAUSE=60
	plug candlelight-fd
	provoke 20
	get NODE usb_node a
	begins
	emu_ok usbreset id=a
	usb-reset "$NODE"
	outcome
}

# The interfaces have to go; what counts is that the next ones work, from when the adapter is there
# again. Both channels need that, as with a USB reset.
pull() {
	emu_ok unplug id=a
	wait_for 20 "end of the adapter" not gs_usb_dev a
}

put() {
	begins
	emu_ok plug id=a
	next_ones
}

# The next interfaces, up and in traffic. The other driver may have none: nobody has to see why.
next_ones() {
	A='' B=''
	if [ -z "${GS_TEST_DRIVER:-}" ]; then
		wait_for 20 "driver bound again" gs_bound a
	else
		(wait_for 20 "driver bound again" gs_bound a) >/dev/null || return 0
	fi
	get A netdev a 0
	get B netdev a 1
	INDEX=$(<"/sys/class/net/$A/ifindex")
	bring_up "$A"
	bring_up "$B"
	stop_capture
	other_works
}

unplug() {
	by_reset
	plug candlelight-fd
	provoke 20
	pull
	put
	outcome
}

# Limits of the data phase, termination and delay compensation: it works without. probe_with HOW
probe_with() {
	by_reset
	plug candlelight-fd term=1
	pull
	emu_all "fault id=a what=$1 during=probe req=11 count=1000" \
		"fault id=a what=$1 during=probe req=13 count=1000" \
		"fault id=a what=$1 during=probe req=17 count=1000"
	put
	outcome
}

probe_stalls() { probe_with stall; }
probe_short() { probe_with short; }

# The limits of the data phase. They are asked for a second time, and each time there is a second
# for the answer: two of the five that this may take.
probe_hangs() {
	by_reset
	plug candlelight-fd
	pull
	emu_ok fault id=a what=timeout during=probe req=11 count=1000
	put
	outcome
}

# An increment of 0, by which one would divide. Such a device is refused, and has to be plugged in
# again.
probe_nonsense() {
	by_reset
	plug candlelight-fd
	pull
	emu_ok fault id=a what=reply req=4 offset=36 hex=00000000 count=1000
	if [ "$GS_DRIVER" = gs_usb ]; then
		put
	else
		emu_ok plug id=a
		wait_for 20 "reason" log_has "channel 0: bit timing limits: brp_inc is 0"
		[ -z "$(netdev a)" ] || fail "it is there nevertheless"
	fi
	pull
	emu_ok fault id=a what=none
	put
	outcome
}

# By the administrator
authorized() {
	local dev

	by_reset
	plug candlelight-fd
	provoke 20
	dev=$(usb_path "$(usb_dev a)")
	echo 0 >"$dev/authorized"
	[ ! -e "/sys/class/net/$A" ] || fail "$A is still there"
	begins
	echo 1 >"$dev/authorized"
	next_ones
	outcome
}

rebind() {
	local intf

	by_reset
	plug candlelight-fd
	provoke 20
	get intf usb_intf a
	echo "$intf" >"$GS_USB/drivers/$GS_DRIVER/unbind"
	[ ! -e "/sys/class/net/$A" ] || fail "$A is still there"
	begins
	echo "$intf" >"$GS_USB/drivers/$GS_DRIVER/bind"
	next_ones
	outcome
}

# The hub turns the port off. That of vhci can't; dummy_hcd's can.
port_power() {
	local port

	by_reset
	plug candlelight-fd transport=gadget
	provoke 20
	port=$(readlink -f "$(usb_path "$(usb_dev a)")/port")
	echo 1 >"$port/disable"
	wait_for 20 "end of $A" not netdev a
	begins
	echo 0 >"$port/disable"
	next_ones
	outcome
}

# ---- every firmware -------------------------------------------------------------------

# All of EACH, with the adapter that is named as the function that calls this. Each is a subtest of
# its own, and one that fails leaves the next one a new adapter.
each() {
	local name names n i=0 failed=0

	FIRMWARE=${FUNCNAME[1]}
	names=$(awk -v only="$GS_TEST_ONLY" '
		BEGIN { all = !sub(/.*[.]/, "", only) }
		NF && (all || $1 == only) { print $1 }' <<<"$EACH")
	echo "    # Subtest: $FIRMWARE"
	echo "    1..$(wc -w <<<"$names")"
	plug_in "$FIRMWARE"
	# A third of the time, for the machine's sake, is as good. And no more than may be in flight:
	# the rest would be struck when the channel has been started anew, and it would be again.
	LATE=200
	get n stat_of "$A" tx_limit
	LOST=$((n < LOST ? n : LOST))
	FAILS=$((n < FAILS ? n : FAILS))
	for name in $names; do
		i=$((i + 1))
		CASE=$FIRMWARE.$name
		# When 20 frames wait for a host that does not fetch them its OUT endpoint is dead,
		# which nothing but a USB reset cures
		case $CASE in
		cannectivity.in_*) TRAFFIC=1 ;;
		*) TRAFFIC=60 ;;
		esac
		if ("$name"); then
			echo "    ok $i $name"
			continue
		fi
		echo "    not ok $i $name"
		failed=$((failed + 1))
		gs_explain
		emu_ok fault id=a what=none
		pull
		emu_ok plug id=a
		next_ones
	done
	[ "$failed" = 0 ] || fail "$failed with $FIRMWARE"
	kill "$OTHER"
	wait "$OTHER" 2>/dev/null
	stop_capture
	balance "$B"
	put_down
}

candlelight-old() { each; }
candlelight-bx() { each; }
cannectivity() { each; }
gs() { each; }
ces() { each; }
cantact-pro() { each; }
budgetcan() { each; }
canable25() { each; }

# ---------------------------------------------------------------------------------------

# The referee's opinion of the other driver is not asked for
[ -z "${GS_TEST_DRIVER:-}" ] || gs_no_violations() {
	:
}

# That of the other driver nobody has asked for either
[ -z "${GS_TEST_DRIVER:-}" ] || ALONE='' FIRMWARES=''

names=$(awk -v from="$GS_TEST_FROM" -v only="${GS_TEST_ONLY%%.*}" '
	NF && (from == "" || $1 == from) {
		from = ""
		if (only == "" || $1 == only)
			print $1
	}' <<<"$CASES$ALONE$FIRMWARES")
# shellcheck disable=SC2086	# a list
ktap_run $names
