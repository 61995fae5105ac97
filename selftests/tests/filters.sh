#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Hardware filters: what is written to a channel's "filters" is what the controller receives, it
# is told again whenever the channel is started, and it is told to forget it in the end. What
# can't be is refused, and changes nothing.
#
# timeout: 300
# guests: uml612 uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# Features of an older bxCAN, and with filters
FEATURES=000bb
FEATURES_FILTER=100bb

# one PERSONALITY [WORD...]: adapter a, interface in A, channel 1's (if any) in B
one() {
	emu_ok bus name=t ack=on
	adapter a "$1" bus=t "${@:2}"
	get A netdev a || fail "no interface"
	get B netdev a 1
}

filters() {
	cat "/sys/class/net/$1/gs_usb_ng/filters"
}

# put IFACE TEXT: into the file
put() {
	printf '%s' "$2" >"/sys/class/net/$1/gs_usb_ng/filters"
}

# set_filters IFACE TEXT
set_filters() {
	ok "filters $2" put "$1" "$2"
}

# times that the firmware was told
told() {
	emu_status "${1:-a:0}" filters_set
}

# Frames of each kind, on bus t
ALL=(123#11 123#R 124#22 7FF#33 00000123#44 12345678#55 12345678#R 12345679#66)

# receives IFACE FRAME...: of them these are received, and no other
receives() {
	local frame commands=() iface=$1

	shift
	capture "$GS_TMP/log" "$iface"
	for frame in "${ALL[@]}"; do
		commands+=("send bus=t frame=$frame")
	done
	emu_all "${commands[@]}"
	bus_idle t
	# what all filters here let pass, so that the end of it is seen
	emu_ok send bus=t frame=001#
	wait_for 20 "last frame" grep -q '001#$' "$GS_TMP/log"
	stop_capture
	frames "$GS_TMP/log" >"$GS_TMP/got"
	printf '%s\n' "$@" '001#' >"$GS_TMP/wanted"
	same "what $iface receives" "$GS_TMP/wanted" "$GS_TMP/got"
}

test_pass() {
	one candlelight-bx filter=1
	eq "filters" "$(filters "$A")" all
	eq_said "of the device" all emu_status a:0 filter

	set_filters "$A" '001:7FF 123:7FF'
	eq "filters" "$(filters "$A")" '001:7FF 123:7FF'
	up "$A"
	receives "$A" 123#11 123#R
	# frames that were sent come back, and the controller's own news
	capture "$GS_TMP/log" "$A"
	ok "cansend" cansend "$A" 555#AA
	got "$GS_TMP/log" 1
	stop_capture
	capture_errors "$GS_TMP/errors" "$A"
	emu_ok errors id=a tec=100
	got "$GS_TMP/errors" 1
	stop_capture
	down "$A"

	# data frames only, and both formats
	set_filters "$A" $'001:7FF,\n123:C00007FF , 12345678:5fffffff\n'
	eq "filters" "$(filters "$A")" '001:7FF 123:C00007FF 12345678:5FFFFFFF'
	up "$A"
	receives "$A" 123#11 12345678#55
	down "$A"

	set_filters "$A" '001:7FF 12345670:1FFFFFF0'
	up "$A"
	receives "$A" 12345678#55 12345678#R 12345679#66
	down "$A"

	set_filters "$A" all
	up "$A"
	receives "$A" "${ALL[@]}"
	down "$A"
	set_filters "$A" 123:7FF
	set_filters "$A" $'\n'
	eq "filters" "$(filters "$A")" all
	up "$A"
	receives "$A" "${ALL[@]}"
}

# As many as there may be, in all of their places
test_many() {
	local i text=

	one candlelight-bx filter=1
	# 52 compared exactly fill 13 banks, two under a mask the last
	for ((i = 0; i < 52; i++)); do
		text+=$(printf '%03X:C00007FF ' $((0x100 + i)))
	done
	text+='001:7FF 400:400'
	set_filters "$A" "$text"
	eq "filters" "$(filters "$A")" "$text"
	up "$A"
	receives "$A" 123#11 124#22 7FF#33
}

# Nothing of it reaches the device, and what was chosen before stays
test_refused() {
	local n i text=

	one candlelight-bx filter=1
	set_filters "$A" '001:7FF 124:7FF'
	n=$(told)
	refused "no mask" 'invalid' put "$A" 123
	refused "two digits" 'invalid' put "$A" 12:7FF
	refused "id too large" 'invalid' put "$A" 800:7FF
	refused "id too large" 'invalid' put "$A" 20000000:7FF
	refused "mask too long" 'invalid' put "$A" 123:1234567890
	refused "inverse" 'invalid' put "$A" '123~7FF'
	refused "second one" 'invalid' put "$A" '123:7FF,foo'
	refused "all and more" 'invalid' put "$A" 'all 123:7FF'
	for ((i = 0; i < 15; i++)); do
		text+='12345678:1FFFFFFF '
	done
	refused "too many for the banks" 'no space' put "$A" "$text"
	text=
	for ((i = 0; i < 57; i++)); do
		text+='123:400007FF '
	done
	refused "too many" 'no space' put "$A" "$text"
	eq "filters" "$(filters "$A")" '001:7FF 124:7FF'

	up "$A"
	n=$((n + 1))
	refused "up" 'busy' put "$A" 123:7FF
	refused "up" 'busy' put "$A" all
	eq "times told" "$(told)" "$n"
	eq "filters" "$(filters "$A")" '001:7FF 124:7FF'
	receives "$A" 124#22
}

# A firmware may have forgotten it: each start tells it again, that after a USB reset, too. One
# that was never told isn't bothered.
test_told_again() {
	local n

	one candlelight-bx filter=1 channels=2
	n=$(told a:1)
	up "$B"
	down "$B"
	eq "times told, of no filter" "$(told a:1)" "$n"

	set_filters "$A" '001:7FF 123:7FF'
	n=$(told)
	up "$A"
	eq "times told at open" "$(told)" $((n + 1))
	emu_ok usbreset id=a
	ok "reset" usb-reset "$(usb_node a)"
	on_bus "$A" a:0
	eq "times told after a reset" "$(told)" $((n + 2))
	receives "$A" 123#11 123#R
	# the one filter that is known to pass everything is sent, too, as the last one was not
	down "$A"
	set_filters "$A" all
	n=$(told)
	up "$A"
	eq "times told of no filter any more" "$(told)" $((n + 1))
}

# The next driver finds no filter, nor does it find one of a host that went without a word
test_unbind() {
	local intf

	one candlelight-bx filter=1 channels=2
	get intf usb_intf a
	set_filters "$A" 123:7FF
	set_filters "$B" 124:7FF
	up "$A"
	eq_said "filter of the device" 0/0/1 emu_status a:0 filter
	eq_said "filter of the device, channel 1" 0/0/1 emu_status a:1 filter
	gs_unbind "$intf"
	eq_said "after unbind" all emu_status a:0 filter
	eq_said "after unbind, channel 1" all emu_status a:1 filter
	ok "bind" gs_bind "$intf"
	get A netdev a
	eq "filters" "$(filters "$A")" all

	# as if nobody had said good-bye
	set_filters "$A" 123:7FF
	emu_ok fault id=a what=stall req=15 count=1
	gs_unbind "$intf"
	eq_said "words about it" 1 log_count 'filter left in the device'
	eq_said "filter of the device" 0/0/1 emu_status a:0 filter
	ok "bind" gs_bind "$intf"
	eq_said "filter of the device" all emu_status a:0 filter
	get A netdev a
	up "$A"
	receives "$A" "${ALL[@]}"
}

test_two_channels() {
	one candlelight-bx filter=1 channels=2
	set_filters "$A" '001:7FF 123:7FF'
	set_filters "$B" '001:7FF 12345678:1FFFFFFF'
	up "$A"
	up "$B"
	receives "$A" 123#11 123#R
	receives "$B" 12345678#55 12345678#R
	down "$B"
	set_filters "$B" all
	up "$B"
	receives "$B" "${ALL[@]}"
	receives "$A" 123#11 123#R
}

# A device that does not agree
test_stall() {
	one candlelight-bx filter=1
	set_filters "$A" '001:7FF 123:7FF'
	emu_ok fault id=a what=stall req=15
	refused "stall" 'broken pipe' put "$A" 124:7FF
	eq "filters" "$(filters "$A")" '001:7FF 123:7FF'
	emu_ok fault id=a what=timeout req=15
	refused "no answer" 'timed out' put "$A" 124:7FF
	eq "filters" "$(filters "$A")" '001:7FF 123:7FF'
	emu_ok fault id=a what=stall req=15
	ok "bit rate" ip link set "$A" type can bitrate 500000
	refused "open" 'broken pipe' ip link set "$A" up
	eq_said "words about it" 1 log_count "$A: filter request failed"
	up "$A"
	receives "$A" 123#11 123#R
}

# has_none WHAT: no file, and no request has come
has_none() {
	[ ! -e "/sys/class/net/$A/gs_usb_ng/filters" ] || fail "$1 has filters"
	[ -e "/sys/class/net/$A/gs_usb_ng/tx_limit" ] || fail "$1 has no files at all"
	eq "times that $1 was told" "$(told)" 0
}

gone() {
	emu_ok del id=a
	wait_for 20 "end of $A" not ip link show "$A"
}

# Bit 16 of others is not this. The referee sees each request.
test_not_offered() {
	one candlelight-bx
	has_none "a bxCAN without the bit"
	gone
	one candlelight-old features="$FEATURES"
	has_none "one of 2022"
	gone
	# both halves of what an FDCAN can't be
	one candlelight-fd filter=1
	has_none "an FD board"
	up "$A"
	receives "$A" "${ALL[@]}"
	gone
	one canable25 filter=1
	has_none "CANable 2.5"
	gone
	one cannectivity filter=1
	has_none "CANnectivity"
	gone
	one candlelight-bx filter=1 vid=16d0 pid=10b8
	has_none "a board that nobody knows"
	gone
	# older than bit 18, and known by name
	one candlelight-old features="$FEATURES_FILTER"
	set_filters "$A" '001:7FF 123:7FF'
	up "$A"
	receives "$A" 123#11 123#R
}


# left_out WORD...: adapter a answers like this at probe
left_out() {
	local n intf

	get intf usb_intf a
	gs_unbind "$intf"
	get n log_count 'hardware filters left out'
	emu_ok fault id=a "$@"
	ok "bind" gs_bind "$intf"
	get A netdev a || fail "no interface"
	[ ! -e "/sys/class/net/$A/gs_usb_ng/filters" ] || fail "filters after $*"
	eq_said "words about it" $((n + 1)) log_count 'hardware filters left out'
}

test_implausible() {
	one candlelight-bx filter=1
	left_out what=reply req=16 offset=0 hex=02
	up "$A"
	receives "$A" "${ALL[@]}"
	down "$A"
	left_out what=reply req=16 offset=0 hex=00
	left_out what=short req=16
	left_out what=stall req=16
	left_out what=stall req=15
	gs_unbind "$(usb_intf a)"
	ok "bind" gs_bind "$(usb_intf a)"
	get A netdev a || fail "no interface"
	eq "filters" "$(filters "$A")" all
}

ktap_run test_pass test_many test_refused test_told_again test_unbind test_two_channels \
	test_stall test_not_offered test_implausible
