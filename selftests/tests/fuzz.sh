#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A device that says and does anything at all, from a seed: made up IN transfers and OUT transfers
# that end in any way, under traffic, and spoilt descriptors and answers, in probe and later. The kernel has
# nothing to complain about, its log does not fill, and a sane adapter works as before.
#
#	GS_TEST_SEED		the first seed; every test says which one it used
#	GS_TEST_TRANSFERS	made up IN transfers, in all; OUT transfers are about half as many
#	GS_TEST_PROBES		how often a spoilt adapter is plugged in
#
# timeout: 900
# guests: uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

SEED=${GS_TEST_SEED:-1}
TRANSFERS=${GS_TEST_TRANSFERS:-2000}
PROBES=${GS_TEST_PROBES:-60}
PERSONALITIES=(candlelight-fd cannectivity canable25 cantact-pro)

# Lines that a device may cause, a second; the core's own line for a bus-off included
LINES=8

# The log since gs_now was called has not grown faster than that. bounded START-TIME
bounded() {
	local n s

	gs_now
	s=$(((GS_NOW - $1) / 100 + 1))
	get n log_count "$GS_DRIVER|can[0-9]+:"
	note "$n lines in the kernel log in $s s"
	le "lines in the kernel log" "$n" $((LINES * s + 30))
}

two_channels() {
	emu_ok bus name=x ack=on
	emu_ok bus name=y ack=on
	adapter a "$1" channels=2 bus=x,y
	get A netdev a 0 || fail "no channel 0"
	get B netdev a 1 || fail "no channel 1"
}

# heard N REGEX...: N frames each that the capture has seen
heard() {
	local n=$1 what

	for what in "${@:2}"; do
		[ "$(grep -c -- "$what" "$GS_TMP/talk")" -ge "$n" ] || return 1
	done
}

# Frames of both directions, none of which is lost. talks IFACE BUS
talks() {
	capture "$GS_TMP/talk" "$1" -D
	emu_ok send bus="$2" frame=5A5#112233 count=5
	ok "cansend" cangen -g 0 -p 1000 -n 5 -I 5A6 -L i -D i "$1"
	wait_for 10 "frames on $1" heard 5 ' 5A5#112233' ' 5A6#'
	stop_capture
}

# The same on an interface that was not touched since. It may yet be started anew, since the last
# echoes were lost, and what is on its way then is lost, too: one every 20 ms. comes_back IFACE BUS
comes_back() {
	local sender

	capture "$GS_TMP/talk" "$1" -D
	emu_ok send bus="$2" frame=5A7#112233 count=500 gap=20000
	cangen -g 20 -p 1000 -I 5A8 -L i -D i "$1" &
	sender=$!
	wait_for 10 "frames on $1" heard 5 ' 5A7#112233' ' 5A8#'
	kill "$sender"
	wait "$sender" 2>/dev/null
	stop_capture
}

# Nobody helps: what has to come back does so by itself
talk_again() {
	gs_now
	local ended=$GS_NOW

	comes_back "$A" x
	comes_back "$B" y
	gs_now
	note "both channels work $((GS_NOW - ended)) hundredths of a second later"
}

# What came from the buses meanwhile was received, but for what a channel lost that was started anew
heard_others() {
	local i iface n

	for i in 0 1; do
		get iface netdev a "$i" || fail "no channel $i"
		get n emu_status "a:$i" rx
		ge "frames from the bus of $iface" "$n" 50
		ge_said "those received" $((n / 2)) link_stat "$iface" rx_packets
	done
}

# Both channels up and at work, since BEGAN
at_work() {
	local i

	up_fd "$A" restart-ms 10
	up "$B" restart-ms 10
	gs_now
	BEGAN=$GS_NOW
	for i in "$A" "$B"; do
		# what is queued in the end is what "talks" has to wait for
		ok "txqueuelen" ip link set "$i" txqueuelen 20
		cangen -g 2 -p 1000 -I i -L i -D i "$i" >/dev/null 2>&1 &
	done
	for i in x y; do
		emu_ok send bus="$i" frame=321#1122334455667788 count=1000000 gap=10000
	done
}

# transfers in|out COUNT PERSONALITY...: so many transfers in that direction of each, or of canable25 in
# ELM's protocol ("elm"), while both channels are at work
transfers() {
	local what=$1 n=$2 seed=$SEED personality i

	shift 2
	for personality; do
		note "seed $seed: $personality, $n transfers"
		gs_mark "seed $seed"
		two_channels "${personality/elm/canable25}"
		[ "$personality" != elm ] ||
			echo elm >"$GS_USB/drivers/$GS_DRIVER/$(usb_intf a)/protocol" ||
			fail "no ELM protocol"
		at_work
		emu_ok fuzz id=a what="$what" seed="$seed" count="$n"
		wait_for $((60 + n / 50)) "end of the transfers" \
			emu wait id=a cond=fuzzed timeout=20000
		gs_now
		bounded "$BEGAN"
		[ "$what" = in ] || heard_others
		# shellcheck disable=SC2046	# a list
		kill $(jobs -p) 2>/dev/null
		wait 2>/dev/null
		# CANnectivity itself does not take anything any more once the host, misled by
		# false echoes, has sent it more than it can hold (its issue 217)
		if [ "$what $personality" = "in cannectivity" ]; then
			replug a
			get A netdev a 0 || fail "no channel 0"
			get B netdev a 1 || fail "no channel 1"
			up_fd "$A"
			up "$B"
		fi
		talk_again
		down "$A"
		down "$B"
		for i in 0 1; do
			pools_empty a "$i"
			# made up error frames count as failed frames, too
			[ "$what" = in ] || balanced "$i"
		done
		emu_ok fuzz id=a what=none
		# and to the letter of the protocol
		up "$A"
		talks "$A" x
		emu_ok del id=a
		wait_for 20 "end of the adapter" not gs_usb_dev a
		emu_ok reset
		seed=$((seed + 1))
	done
}

# Made up ones
test_transfers() {
	transfers in $((TRANSFERS / 4)) "${PERSONALITIES[@]}"
}

# Those of the host that fail, are late or lost, or are not echoed as they should
test_out() {
	transfers out $((TRANSFERS / 8)) "${PERSONALITIES[@]}" elm
}

# Spoilt answers from the first request on. What comes up is used.
test_probes() {
	local i n bound=0 personality how began

	gs_now
	began=$GS_NOW
	note "seeds $SEED to $((SEED + PROBES - 1))"
	for ((i = 0; i < PROBES; i++)); do
		personality=${PERSONALITIES[i % ${#PERSONALITIES[@]}]}
		echo "<6>seed $((SEED + i)) $personality" >/dev/kmsg
		how="fuzz id=p what=ctrl seed=$((SEED + i))"
		[ $((i % 2)) = 0 ] || how="fuzz id=p what=descr seed=$((SEED + i))"
		emu_all "add id=p personality=$personality plug=0 channels=$((1 + i % 3))" \
			"$how" "plug id=p" "wait id=p cond=quiet timeout=8000"
		for n in /sys/class/net/*/gs_usb_ng; do
			[ -d "$n" ] || continue
			bound=$((bound + 1))
			n=${n#/sys/class/net/}
			n=${n%/gs_usb_ng}
			ip link set "$n" up type can bitrate 500000 2>/dev/null || continue
			cansend "$n" 123#1122 2>/dev/null
			break
		done
		emu_all "fuzz id=p what=in count=5" "del id=p"
	done
	wait_for 20 "end of all adapters" gs_none_bound
	note "$bound of $PROBES came up"
	ge "probes that came to an end" "$bound" $((PROBES / 4))
	le "the same" "$bound" $((PROBES - 1))
	bounded "$began"
	sane
}

# Answers are spoilt, one in five, of a device in traffic that is asked for all that it has, falls off
# the bus, loses echoes, and goes down and up
test_answers() {
	local i seed=$SEED personality

	for personality in candlelight-fd cannectivity canable25; do
		note "seed $seed: $personality"
		gs_mark "seed $seed"
		two_channels "$personality"
		at_work
		emu_ok fuzz id=a what=ctrl seed="$seed"
		for ((i = 0; i < 30; i++)); do
			# it may not be up
			emu busoff id=a ch=0 >/dev/null 2>&1
			emu_ok fault id=a what=drop-echo ch=1 n=12
			ip -details link show >/dev/null
			ethtool -T "$A" >/dev/null 2>&1
			cat "/sys/class/net/$A/gs_usb_ng/"* >/dev/null 2>&1
			timeout 20 ip link set "$A" down
			# the device may refuse it
			timeout 20 ip link set "$A" up 2>/dev/null
			gs_pause
		done
		emu_ok fuzz id=a what=none
		bounded "$BEGAN"
		# shellcheck disable=SC2046	# a list
		kill $(jobs -p) 2>/dev/null
		wait 2>/dev/null
		is_up "$A" || up_fd "$A"
		talk_again
		down "$A"
		down "$B"
		pools_empty a 0
		pools_empty a 1
		balanced 0
		balanced 1
		emu_ok reset
		seed=$((seed + 1))
	done
}

# The driver that has seen all this, and an adapter that is as it should be
sane() {
	emu_ok reset
	two_channels candlelight-fd
	up_fd "$A"
	up "$B"
	talks "$A" x
	talks "$B" y
	down "$A"
	down "$B"
	pools_empty a 0
	pools_empty a 1
}

ktap_run test_transfers test_out test_probes test_answers
