#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the kernel log says of trouble: one line when it begins, and one when it is over.
#
# It takes minutes by the guest's clock, which leaps.
#
# timeout: 700
# guests: uml612-vtime

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

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
# is over
over() {
	local n line said='' wanted=''

	for ((n = 0; n < ${3:-1}; n++)); do
		wanted+="$1; "
	done
	# to look again and again would cost more
	leap 5
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
	eq "new starts" "$(stat_of "$A" tx_stuck)" "$2"
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
	eq "lines about the request" "$(log_count "bit timing request failed")" 1
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
	eq "lines about the request" "$(log_count "bit timing request failed")" 1
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
	eq "USB resets" "$(intf_stat a recovery/usb_resets)" 1
	emu_all "fault id=a what=none" "usbreset id=a"
	over "no answer to any request, USB reset" "programmed anew after the USB reset"
}

test_gave_up() {
	dead
	leap 120
	eq "gave up" "$(intf_stat a recovery/gave_up)" 1
	! log_has "taken up again|programmed anew" || fail "over before it was"
	emu_all "fault id=a what=none" "usbreset id=a"
	ok "reset" usb-reset "$(usb_node a)"
	over "gave up: no answer to any request" "taken up again"
	eq "lines about resets" "$(log_count ", USB reset$")" 3
	eq "lines about their end" "$(log_count "programmed anew after the USB reset")" 1
}

ktap_run test_in test_in_halt test_out test_out_halt test_echo test_echoes test_out_hangs \
	test_start test_bus_off test_restart test_bus_off_own test_usb_reset test_gave_up
