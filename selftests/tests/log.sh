#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the kernel log says of trouble: one line when it begins, one when it is over, and never more
# than a few in a second, whatever the device does.
#
# It takes minutes by the guest's clock, which leaps.
#
# timeout: 700
# guests: uml612-vtime

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# ---- begin and end --------------------------------------------------------------------

# plug PERSONALITY [WORD...]: up
plug() {
	one "$1"
	up "$A" "${@:2}"
}

# sends: a frame comes, and one is sent, whatever becomes of it
sends() {
	emu_ok send bus=t frame=7FF#11
	ok "cansend" cansend "$A" 123#11
}

# over BEGIN END [TIMES]: it was said once that it begins, or so many times, and then once that it
# is over, after OVER seconds at most
over() {
	local n line said='' wanted=''

	for ((n = 0; n < ${3:-1}; n++)); do
		wanted+="$1; "
	done
	# to look again and again would cost more
	leap "${OVER:-5}"
	while read -r line; do
		said+="$line; "
	done < <(kernel_log | grep -oE "$1|$2")
	eq "log" "$said" "$wanted$2; "
}

# pipe IN|OUT FAULT...: frames go on until it is over
pipe() {
	plug candlelight-fd
	emu_ok fault id=a "${@:2}"
	sends
	leap 1
	sends
	leap 1
	sends
	over "$1 transfers fail" "$1 transfers succeed again"
}

test_in() { pipe IN what=in-status status=proto n=5; }
test_in_halt() { pipe IN what=in-status status=stall; }
test_out() { pipe OUT what=out-status status=proto; }
test_out_halt() { pipe OUT what=out-status status=stall; }

# stuck BEGIN FRAMES FAULT...: a channel that is started anew, for one frame after the other, is
# well when one is echoed
stuck() {
	local i

	plug candlelight-fd
	emu_ok fault id=a n="$2" "${@:3}"
	for ((i = 0; i < $2; i++)); do
		sends
		leap 5
	done
	eq_said "new starts" "$2" stat_of "$A" tx_stuck
	! log_has "frames are echoed again" || fail "over before a frame was echoed"
	sends
	over "$1" "frames are echoed again"
}

test_echo() { stuck "echoes overdue, channel started anew" 1 what=drop-echo; }
test_echoes() { stuck "echoes overdue, channel started anew" 3 what=drop-echo; }
test_out_hangs() { stuck "OUT transfers overdue, channel started anew" 1 what=out-hang; }

# The start of a stuck channel fails for a while: that is said once, too
test_start() {
	plug candlelight-fd
	emu_all "fault id=a what=drop-echo" "fault id=a what=stall req=1 n=2"
	sends
	leap 5
	eq_said "lines about the request" 1 log_count "bit timing request failed"
	sends
	over "echoes overdue, channel started anew" "frames are echoed again"
}

test_bus_off() {
	plug candlelight-fd restart-ms 100
	emu_ok busoff id=a ch=0
	over ": bus-off" "restarted after bus-off"
}

# The CAN core says it each time that the restart fails
test_restart() {
	plug candlelight-fd restart-ms 100
	emu_all "fault id=a what=stall req=1 n=2" "busoff id=a ch=0"
	over "Restart failed" "restarted after bus-off" 2
	eq_said "lines about the request" 1 log_count "bit timing request failed"
}

test_bus_off_own() {
	plug candlelight-old restart-ms 1000
	emu_ok busoff id=a ch=0
	over ": bus-off" "firmware recovered from bus-off"
}

# dead: no request is answered any more
dead() {
	plug candlelight-fd
	emu_all "fault id=a what=drop-echo" "fault id=a what=timeout count=1000000"
	sends
}

test_usb_reset() {
	dead
	leap 3
	eq_said "USB resets" 1 intf_stat a recovery/usb_resets
	emu_all "fault id=a what=none" "usbreset id=a"
	over "no answer to any request, USB reset" "programmed anew after the USB reset"
}

test_gave_up() {
	dead
	leap 120
	eq_said "gave up" 1 intf_stat a recovery/gave_up
	! log_has "taken up again|programmed anew" || fail "over before it was"
	emu_all "fault id=a what=none" "usbreset id=a"
	ok "reset" usb-reset "$(usb_node a)"
	over "gave up: no answer to any request" "taken up again"
	eq_said "lines about resets" 3 log_count ", USB reset$"
	eq_said "lines about their end" 1 log_count "programmed anew after the USB reset"
}

# odd FIRST KIND HEX: three transfers of a kind that should not come
odd() {
	one candlelight-fd
	"${UP:-up}" "$A"
	# just after a start echoes are nothing odd
	leap 3
	OVER=12
	emu_ok inject id=a count=3 hex="$3"
	over "$1" "no more $2, 3 in all"
}

DATA=112233445566778800000000

test_short() {
	odd "IN transfer of 5 bytes is shorter than its frame" \
		"IN transfers that are too short" ffffffff7b
}

test_channel() {
	odd "frame from channel 9 of 1" "frames from unknown channels" \
		"ffffffff7b00000008090000$DATA"
}

test_dlc() {
	odd "channel 0: frame with DLC 16" "frames with a bad DLC" "ffffffff7b00000010000000$DATA"
}

# a remote frame can't be FD
test_flags() {
	UP=up_fd
	odd "frame with id 0x4000007b, flags 0x2, DLC 8" "frames with bad flags" \
		"ffffffff7b00004008000200$DATA$(printf '%0112d' 0)"
}

test_fd_off() {
	odd "CAN FD frame, but FD is off" "CAN FD frames where FD is off" \
		"ffffffff7b00000008000200$DATA$(printf '%0112d' 0)"
}

test_not_out() {
	odd "echo of a frame that is not out, echo id 0x7f00fff" "echoes of frames that are not out" \
		"ff0ff0077b00000008000000$DATA"
}

# One is lost, and later ones are not
test_lost_alone() {
	plug candlelight-fd
	emu_ok fault id=a what=drop-echo
	sends
	sends
	OVER=12
	over "frame given up without an echo" "no more lost echoes, 1 in all"
	eq_said "new starts" 0 stat_of "$A" tx_stuck
}

# What a dump wants to know, if the last answer is a second old
test_state() {
	local i

	plug candlelight-fd
	leap 2
	emu_ok fault id=a what=stall req=14 n=2
	for i in 1 2 3; do
		ok "dump" ip -d link show "$A"
		leap 2
	done
	over "state request failed:" "state request succeeds again"
	eq_said "refused" 2 intf_stat a recovery/refused
}

# That a channel goes down
test_close() {
	plug candlelight-fd
	emu_ok fault id=a what=stall req=2 n=1
	down "$A"
	up "$A"
	over "reset request failed:" "reset request succeeds again"
}

# What a resume can't do at once
test_resume() {
	plug candlelight-fd
	emu_ok fault id=a what=timeout req=1 n=1
	emu_ok usbreset id=a
	ok "reset" usb-reset "$(usb_node a)"
	over "device not started yet" "device started"
}

# ---- not too many ---------------------------------------------------------------------

# forty: an adapter with 40 channels, all up
forty() {
	local f iface

	emu_ok bus name=t ack=on
	adapter a candlelight-fd channels=40 bus=t
	IFACES=()
	for f in "$GS_USB/devices/$GS_DEV:1.0/net"/*; do
		IFACES+=("${f##*/}")
	done
	eq "channels" "${#IFACES[@]}" 40
	for iface in "${IFACES[@]}"; do
		echo "link set $iface up type can bitrate 500000 restart-ms 100"
	done >"$GS_TMP/batch"
	ok "up" ip -batch "$GS_TMP/batch"
}

# all_off: each that is on the bus goes off it
all_off() {
	local commands=()

	mapfile -t commands < <(emu status id=a |
		sed -n 's/^ *a:\([0-9]*\) .*started=1.*/busoff id=a ch=\1/p')
	OFF=${#commands[@]}
	[ "$OFF" = 0 ] || emu_all "${commands[@]}"
}

# count_lines FILE: in LINES, and in MOST how many there are in 5 seconds at most
count_lines() {
	get LINES lines "$1"
	MOST=$(awk -F'[][]' '
		{
			t[NR] = $2
			while (t[first + 1] < $2 - 5)
				first++
			if (NR - first > most)
				most = NR - first
		}
		END { print most + 0 }' "$1")
}

# few SECONDS: for so long the device did what it could. The driver's own lines: ten in 5 seconds,
# and one about those that were left out. Twice that where one such time ends and the next begins.
# The CAN core's, about restarts that fail: ten, after the first for each channel, and two because
# long timers are late.
few() {
	kernel_log | grep -E "\] $GS_DRIVER" >"$GS_TMP/all"
	sed 's/^[^]]*\] //; s/can[0-9]*:/canX:/; s/[0-9][0-9]*/N/g' "$GS_TMP/all" | sort | uniq -c |
		sort -rn | sed 's/^/#/'
	grep -v "Restart failed" "$GS_TMP/all" >"$GS_TMP/own"
	grep "Restart failed" "$GS_TMP/all" | tail -n +41 >"$GS_TMP/core"
	count_lines "$GS_TMP/own"
	note "$LINES lines of the driver, $MOST in 5 seconds"
	le "lines of the driver" "$LINES" $((11 * ($1 / 5 + 1)))
	le "lines of the driver in 5 seconds" "$MOST" 22
	count_lines "$GS_TMP/core"
	note "$LINES lines of the CAN core, $MOST in 5 seconds"
	le "lines of the CAN core in 5 seconds" "$MOST" 12
}

# never_back FAULT...: all of them are in bus-off, and no restart succeeds
never_back() {
	forty
	emu_ok fault id=a req=2 count=1000000 "$@"
	all_off
	eq "channels that went off the bus" "$OFF" 40
	leap 60
	few 60
	ge "restarts that failed" "$(grep -c "Restart failed" "$GS_TMP/all")" 10
}

test_restarts_refused() { never_back what=stall; }
test_restarts_unanswered() { never_back what=timeout; }

# All that makes the driver say something, all at once and for a minute
test_flood() {
	local data=00000011223344556677880000000000000000 i ch

	forty
	for ((i = 0; i < 12; i++)); do
		# from nowhere, too short, with a DLC that can't be, of a frame that is not out
		emu_all "inject id=a count=20 hex=ffffffff7b00000008ff$data" \
			"inject id=a count=20 hex=ffffffff7b" \
			"inject id=a count=20 hex=ffffffff7b000000ff00$data" \
			"inject id=a count=20 hex=07f00fff7b0000000800$data" \
			"fault id=a what=in-status status=proto n=5" \
			"fault id=a what=out-status status=crc n=5" \
			"fault id=a what=drop-echo n=5" \
			"fault id=a what=stall req=2 skip=$((i % 3)) n=5" \
			"fault id=a what=timeout req=1 n=1"
		for ((ch = i; ch < 40; ch += 10)); do
			cansend "${IFACES[ch]}" 123#11 2>/dev/null
		done
		leap 1
		emu_all "fault id=a what=in-status status=stall n=1" \
			"fault id=a what=out-status status=stall n=1"
		all_off
		leap 4
	done
	few 60
	ge_said "lines of the driver" 20 lines "$GS_TMP/own"
}

ktap_run test_in test_in_halt test_out test_out_halt test_echo test_echoes test_out_hangs \
	test_start test_bus_off test_restart test_bus_off_own test_usb_reset test_gave_up \
	test_short test_channel test_dlc test_flags test_fd_off test_not_out test_lost_alone \
	test_state test_close test_resume \
	test_restarts_refused test_restarts_unanswered test_flood
