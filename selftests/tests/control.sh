#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Vendor requests that the device stalls, answers with too little or nothing, or never answers:
# each of them, in probe, open, close, restart and behind a netlink dump. What is optional is
# left out, what is not ends in one line that says what; RTNL is not held for longer than a
# second, and a dump waits for no device. And constants that can't be.
#
# timeout: 480
# guests: uml612 uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# How long may what takes a second at most take, in hundredths? As long again, for the processes
# around it, and the best of three tries counts, since other guests may be at work.
SECOND=220

one() {
	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t "$@"
	get A netdev a || fail "no interface"
	get INTF usb_intf a
}

sane() {
	emu_ok fault id=a what=none
}

# No words of the driver itself but these; those of the driver core come after
says_once() {
	eq "number of lines '$1'" "$(log_count "$GS_DRIVER [0-9].*[: ]($1)")" 1
}

works() {
	is_up "$A" || up "$A"
	capture "$GS_TMP/log" "$A" -D
	emu_ok send bus=t frame=123#1122 count=3
	ok "cangen" cangen -g 0 -p 1000 -n 3 -I 321 -L i -D i "$A"
	got "$GS_TMP/log" 6
	stop_capture
}

# ---- probe ---------------------------------------------------------------------------

# bind_with REQUEST FAULT...: another probe
bind_with() {
	gs_mark "request $1 $2"
	emu_ok fault id=a what="$2" req="$1" count=1000
	gs_bind "$INTF" 2>/dev/null
}

# Without these there is no device. refused REQUEST NAME FAULT...
mandatory() {
	local req=$1 name=$2 how

	shift 2
	for how; do
		bind_with "$req" "$how" && fail "bound, with $name: $how"
		says_once "(channel 0: )?$name request failed"
		sane
	done
}

test_probe_mandatory() {
	one
	gs_unbind "$INTF"
	mandatory 0 'host format' stall timeout
	mandatory 5 'device config' stall short zero timeout
	mandatory 4 'limits' stall short zero timeout
	gs_bind "$INTF" || fail "bind"
	works
}

# The one request that failed since the driver was bound is counted as what it was; one that is
# not answered in probe is made twice. counted FAULT
counted() {
	local name n=1

	case $1 in
	stall) name=refused ;;
	timeout) name=no_answer n=2 ;;
	*) name=bad_answer ;;
	esac
	eq_said "recovery/$name" "$n" intf_stat a "recovery/$name"
	eq "all that failed" $(($(intf_stat a recovery/refused) + \
		$(intf_stat a recovery/no_answer) + $(intf_stat a recovery/bad_answer))) "$n"
}

# optional REQUEST NAME OPTION...: left out, whatever becomes of the request, and back with it
optional() {
	local req=$1 name=$2 how

	shift 2
	for how in stall short zero timeout; do
		gs_unbind "$INTF"
		bind_with "$req" "$how" || fail "not bound, with $name: $how"
		says_once "channel 0: $name left out"
		counted "$how"
		sane
		get A netdev a || fail "no interface"
		refused "$name" . ip link set "$A" type can bitrate 500000 "$@"
	done
	works
	gs_unbind "$INTF"
	# one answer that is missing costs nothing
	emu_ok fault id=a what=timeout req="$req" n=1
	gs_bind "$INTF"
	get A netdev a || fail "no interface"
	ok "$name" ip link set "$A" type can bitrate 500000 "$@"
}

test_probe_fd() {
	one
	optional 11 'CAN FD' dbitrate 2000000 fd on
}

test_probe_tdc() {
	one
	optional 17 'delay compensation' dbitrate 2000000 fd on tdc-mode auto tdco 10
}

test_probe_termination() {
	one term=1
	optional 13 'termination' termination 120
}

# The device may be running already. It need not know how to stop.
test_probe_reset() {
	local how

	one
	for how in stall timeout; do
		gs_unbind "$INTF"
		bind_with 2 "$how" || fail "not bound, with RESET: $how"
		says_once 'channel 0: reset request failed'
		sane
		get A netdev a || fail "no interface"
		works
	done
}

# A feature that is not answered costs its time once, not for each channel
test_probe_many_silent() {
	local began

	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t channels=40 term=1
	get INTF usb_intf a
	gs_unbind "$INTF"
	emu_all "fault id=a what=timeout req=11 count=1000" \
		"fault id=a what=timeout req=13 count=1000"
	gs_now
	began=$GS_NOW
	gs_bind "$INTF" || fail "not bound"
	gs_now
	note "$((GS_NOW - began)) hundredths of a second"
	eq_said "features left out" 2 log_count 'left out'
	sane
	get A netdev a 39 || fail "no interface"
	works
}

# ---- open, close, restart ---------------------------------------------------------------

# Every request of open: RESET, BITTIMING, DATA_BITTIMING, SET_TDC, START
test_open() {
	local how req skip name

	one
	for how in stall timeout; do
		while read -r req skip name; do
			gs_mark "$name $how"
			emu_ok fault id=a what="$how" req="$req" skip="$skip" count=100
			refused "up, $name: $how" . ip link set "$A" up type can \
				bitrate 500000 dbitrate 2000000 fd on tdc-mode auto tdco 10
			says_once "$A: $name request failed"
			is_up "$A" && fail "$A is up"
			pools_empty a
			sane
		done <<-END
			2 0 reset
			1 0 bit timing
			10 0 data bit timing
			18 0 delay compensation
			2 1 start
		END
	done
	works
	down "$A"
	pools_empty a
}

test_close() {
	local how

	one
	for how in stall timeout; do
		works
		gs_mark "RESET: $how"
		emu_ok fault id=a what="$how" req=2 count=100
		down "$A"
		says_once "$A: reset request failed"
		pools_empty a
		sane
		# one that did not answer is asked again, one that refuses is not
		[ "$how" = stall ] || wait_for 20 "end of the channel" is 0 emu_status a:0 started
	done
	works
}

test_restart() {
	local how req

	one
	up "$A" restart-ms 0
	for how in stall timeout; do
		for req in 2 1; do
			emu_ok busoff id=a ch=0
			wait_for 20 "state bus-off" is BUS-OFF can_state "$A"
			emu_ok fault id=a what="$how" req="$req" count=100
			refused "restart" . ip link set "$A" type can restart
			eq_said "state" BUS-OFF can_state "$A"
			sane
			patiently "restart" ip link set "$A" type can restart
			wait_for 20 "state error-active" is ERROR-ACTIVE can_state "$A"
		done
	done
	works
}

# ---- how long --------------------------------------------------------------------------

# best COMMAND...: the shortest of three times that it takes, in BEST, and of what another
# interface's command takes meanwhile, in OTHER. "prepare" comes first each time.
best() {
	local i began pid

	BEST=99999 OTHER=99999
	for i in 1 2 3; do
		prepare
		gs_now
		began=$GS_NOW
		{
			"$@" >/dev/null 2>&1
			gs_now
			echo $((GS_NOW - began)) >"$GS_TMP/time"
		} &
		pid=$!
		ok "ip of another interface" ip link set lo mtu $((60000 + i))
		gs_now
		[ $((GS_NOW - began)) -ge "$OTHER" ] || OTHER=$((GS_NOW - began))
		wait "$pid"
		[ "$(<"$GS_TMP/time")" -ge "$BEST" ] || BEST=$(<"$GS_TMP/time")
		recover
	done
	note "$*: $BEST, and $OTHER for another interface (hundredths of a second)"
	le "hundredths of a second of '$*'" "$BEST" "$SECOND"
	le "the same for another interface" "$OTHER" $((SECOND + 50))
}

# A device that did not answer is being reset, perhaps, and the interface started after that
up_again() {
	wait_for 20 "end of the USB reset" gets_up
	wait_for 20 "start" is 1 emu_status a:0 started
}

gets_up() {
	is_up "$A" || ip link set "$A" up type can bitrate 500000 dbitrate 2000000 fd on \
		tdc-mode auto tdco 10
}

# Then frames that are sent meanwhile are lost. Some later ones are not.
works_again() {
	local i end

	up_again
	for ((i = 0; i < 10; i++)); do
		capture "$GS_TMP/log$i" "$A" -D
		emu_ok send bus=t frame=123#1122 count=3
		cangen -g 0 -p 1000 -n 3 -I 321 -L i -D i "$A" >/dev/null 2>&1
		gs_now
		end=$((GS_NOW + 500))
		until has_lines 6 "$GS_TMP/log$i"; do
			gs_now
			[ "$GS_NOW" -lt "$end" ] || break
			gs_pause
		done
		stop_capture
		has_lines 6 "$GS_TMP/log$i" && return
	done
	fail "frames do not go both ways again"
}

silent() {
	emu_ok fault id=a what=timeout count=100000
}

# Nothing but what the interface itself asks for is on the way, or all that can be: a dump has
# had the error counters and the delay asked for, and a halted endpoint is cleared
up_and_silent() {
	prepare() {
		up_again
		silent
		stale
		ip -details link show "$A" >/dev/null
		emu_ok fault id=a what=in-status status=stall
		emu_ok fault id=a what=timeout at=std count=100
	}
	recover() {
		sane
		up_again
	}
}

# The error counters are older than a second: the next dump has them fetched
stale() {
	gs_now
	FRESH=$((GS_NOW + 110))
	wait_for 20 "a second" past
}

past() {
	gs_now
	[ "$GS_NOW" -ge "$FRESH" ]
}

test_time_up() {
	one
	prepare() {
		silent
	}
	recover() {
		# it may be up, to be started later, if a USB reset was under way
		if is_up "$A"; then
			eq "carrier" "$(<"/sys/class/net/$A/carrier")" 0
		fi
		sane
		up_again
		down "$A"
	}
	best ip link set "$A" up type can bitrate 500000
	works_again
}

test_time_down() {
	one
	up_and_silent
	best ip link set "$A" down
	works_again
}

# Eight channels are being restarted, each of which may take a second with a device that doesn't
# answer. Who holds RTNL waits for all of them, but not so long: from then on no request may take
# more time than is left of that one second, and later ones are not even made.
test_time_down_behind_others() {
	local i n began channels=() commands=()

	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t channels=8
	for i in 0 1 2 3 4 5 6 7; do
		channels+=("$(netdev a "$i")")
		[ -n "${channels[i]}" ] || fail "no channel $i"
		up "${channels[i]}" restart-ms 500
		commands+=("busoff id=a ch=$i")
	done
	get n emu_status a requests
	emu_all "fault id=a what=timeout count=100000" "${commands[@]}"
	restarting() {
		[ "$(emu_status a requests)" -gt "$n" ]
	}
	wait_for 20 "first restart" restarting
	get n emu_status a requests
	gs_now
	began=$GS_NOW
	down "${channels[7]}"
	gs_now
	n=$(($(emu_status a requests) - n))
	note "$((GS_NOW - began)) hundredths of a second, $n requests"
	# without a common end it would be seven requests of a second each, and as many again; the
	# others ask once more each while the time is read
	le "hundredths of a second" $((GS_NOW - began)) $((4 * SECOND))
	le "requests made meanwhile, and at once after it" "$n" 5
	sane
}

test_time_dump() {
	one
	up_and_silent
	# it is the dump itself that has them asked for
	prepare() {
		up_again
		silent
		stale
	}
	SECOND=80
	best ip -details -statistics link show "$A"
	sane
	works_again
}

test_time_termination() {
	one term=1
	up_and_silent
	best ip link set "$A" type can termination 120
	sane
	works_again
}

# A dump asks the device for nothing; a second later at the earliest has the last one had
# something fetched for the next
test_dump_asks_nothing() {
	local i asked began most

	one
	get asked emu_status a requests
	for i in 1 2 3 4 5; do
		ok "dump" ip -details -statistics link show "$A"
	done
	eq_said "requests of dumps of a channel that is down" "$asked" emu_status a requests
	up_fd "$A" tdc-mode auto tdco 10
	for how in none stall short zero; do
		sane
		[ "$how" = none ] || emu_ok fault id=a what="$how" req=14 count=1000
		get asked emu_status a requests
		gs_now
		began=$GS_NOW
		for ((i = 0; i < 25; i++)); do
			ok "dump" ip -details -statistics link show "$A"
		done
		asked=$(($(emu_status a requests) - asked))
		gs_now
		# counters and delay, at most once a second each; the first may be due already
		most=$((2 * ((GS_NOW - began) / 100 + 2)))
		note "$how: $asked requests by 25 dumps in $((GS_NOW - began)) hundredths"
		le "requests of 25 dumps" "$asked" "$most"
	done
	sane
	works
}

# ---- while the device is being reset ------------------------------------------------------

# A USB reset that takes seconds, since the device leaves the hub's first two questions without an
# answer. Channel 1 is up.
slow_reset() {
	emu_all "fault id=a what=timeout at=std n=2" "usbreset id=a"
	usb-reset "$(usb_node a)" &
	RESET=$!
	# Nothing is to be received any more: pre_reset is through. (Not by serial number, which is
	# told after the reset.)
	receives_nothing() {
		gs_read "/sys/class/net/$B/device/pool_rx/in_use"
		[ "$GS_VALUE" = 0 ]
	}
	wait_for 20 "begin of the reset" receives_nothing
	get ASKED emu_status a requests
}

reset_done() {
	kill -0 "$RESET" 2>/dev/null || fail "the reset was over too soon"
	eq_said "requests during the reset" "$ASKED" emu_status a requests
	wait "$RESET" || fail "usb-reset failed"
	wait_for 20 "start of channel 1" is 1 emu_status a:1 started
}

# Nothing is asked of the device meanwhile. What can be done later is: a channel comes up, without
# carrier, and is started with the others afterwards.
test_reset_under_way() {
	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t channels=2 term=1
	get A netdev a 0 || fail "no channel 0"
	get B netdev a 1 || fail "no channel 1"
	ok "settings" ip link set "$A" type can bitrate 500000
	up "$B"
	slow_reset
	refused "blink" 'busy' ethtool -p "$A" 1
	refused "termination" 'busy' ip link set "$B" type can termination 120
	up "$A"
	eq_said "state" STOPPED can_state "$A"
	eq "carrier" "$(cat "/sys/class/net/$A/carrier")" 0
	eq_said "channel 0 started" 0 emu_status a:0 started
	reset_done
	wait_for 20 "start of channel 0" is 1 emu_status a:0 started
	wait_for 20 "carrier" is UP link_json "$A" .operstate
	works
	down "$A"
	slow_reset
	up "$A"
	down "$A"
	reset_done
	eq_said "channel 0 started" 0 emu_status a:0 started
	up "$A"
	works
	down "$A"
	down "$B"
	pools_empty a 0
	pools_empty a 1
}

# ---- constants ---------------------------------------------------------------------------

# Every field of BT_CONST, and of the data phase in BT_CONST_EXT, at its extremes. Either it is
# said what is wrong, or the CAN core can live with it.
test_constants() {
	local at value req refused=0 n=0

	one
	for req in 4 11; do
		for at in 4 8 12 16 20 24 28 32 36; do
			[ "$req" = 4 ] || at=$((at + 32))
			for value in 00000000 ffffffff; do
				n=$((n + 1))
				gs_unbind "$INTF" 2>/dev/null
				gs_mark "request $req, $value at $at"
				emu_ok fault id=a what=reply req="$req" offset="$at" hex="$value" count=10
				if ! gs_bind "$INTF" 2>/dev/null; then
					says_once 'channel 0: bit timing limits: .*'
					refused=$((refused + 1))
				else
					get A netdev a || fail "no interface"
					# the device would not like what comes of it
					ip link set "$A" type can bitrate 500000 \
						dbitrate 2000000 fd on 2>/dev/null ||
						ip link set "$A" type can bitrate 500000 2>/dev/null
				fi
				sane
			done
		done
	done
	note "$refused of $n refused"
	ge "refused" "$refused" 9
	gs_unbind "$INTF" 2>/dev/null
	gs_bind "$INTF" || fail "bind"
	get A netdev a || fail "no interface"
	works
}

ktap_run test_probe_mandatory test_probe_fd test_probe_tdc test_probe_termination \
	test_probe_reset test_probe_many_silent test_open test_close test_restart test_time_up \
	test_time_down test_time_down_behind_others test_time_dump test_time_termination \
	test_dump_asks_nothing test_reset_under_way test_constants
