#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Autosuspend: an adapter sleeps while all of its channels are down, if the firmware is known to
# come back from that, and whatever needs it wakes it.
#
# The system's sleep can't be tried here: dummy_hcd's device side goes to sleep with it, which is
# an unplugged cable to the host, and so does the emulator, as any other process. suspend.sh has it
# in QEMU.
#
# guests: uml612
# timeout: 300

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# The one transport with suspend
GS_TRANSPORT=gadget

# May sleep, and at once
allow_sleep() {
	local dev

	dev=$(usb_path "$(usb_dev "$1")")
	echo 0 >"$dev/power/autosuspend_delay_ms"
	echo auto >"$dev/power/control"
}

pm_status() {
	gs_usb_dev "$1"
	gs_read "$GS_USB/devices/$GS_DEV/power/runtime_status"
	echo "$GS_VALUE"
}

asleep() {
	wait_for 20 "suspend of $1" is suspended pm_status "$1"
}

test_idle_sleeps() {
	local n

	one candlelight-fd term=1
	patiently "termination" ip link set "$A" type can termination 120
	allow_sleep a
	asleep a
	wait_for 20 "suspend seen by the firmware" at_least 1 emu_status a suspends

	# open wakes it, and it is told what it had forgotten
	up_fd "$A"
	eq "status" "$(pm_status a)" active
	eq_said "termination" 1 emu_status a:0 termination
	get n emu_status a suspends
	talk
	eq_said "suspends while up" "$n" emu_status a suspends
	eq "status" "$(pm_status a)" active
	down "$A"
	asleep a

	# so do requests while it is down
	patiently "termination" ip link set "$A" type can termination 0
	eq_said "termination" 0 emu_status a:0 termination
	asleep a
	patiently "identify" ethtool -p "$A" 1
	eq_said "identify" 0 emu_status a identify
	asleep a

	# and what fails gives it back
	emu_ok fault id=a what=timeout req=0 count=1
	refused "up without an answer" . ip link set "$A" up type can bitrate 500000
	asleep a
	up "$A"
	talk
	down "$A"
	asleep a
}

# The same where each resume is a reset, for all that the host knows
test_idle_reset_resume() {
	local quirks=/sys/module/usbcore/parameters/quirks n

	echo 1d50:606f:b >"$quirks"
	one candlelight-fd term=1
	echo >"$quirks"
	patiently "termination" ip link set "$A" type can termination 120
	allow_sleep a
	asleep a
	get n emu_status a resets
	up_fd "$A"
	ge_said "resets" $((n + 1)) emu_status a resets
	eq_said "termination" 1 emu_status a:0 termination
	talk
	down "$A"
	asleep a
}

# timed COMMAND...: hundredths of a second that it takes, in TOOK
timed() {
	gs_now
	TOOK=$GS_NOW
	"$@"
	TIMED=$?
	gs_now
	TOOK=$((GS_NOW - TOOK))
}

# The USB core waits five seconds for a descriptor, and nobody holds RTNL for that: the interface is up,
# and starts when the device is awake. What can't be put off is refused.
test_idle_slow_resume() {
	local quirks=/sys/module/usbcore/parameters/quirks

	echo 1d50:606f:b >"$quirks"
	one candlelight-fd term=1
	allow_sleep a
	asleep a
	emu_ok fault id=a what=timeout at=std count=1
	timed up "$A"
	eq "up" "$TIMED" 0
	note "up after $TOOK hundredths of a second"
	le "hundredths of a second" "$TOOK" 300
	eq "carrier" "$(<"/sys/class/net/$A/carrier")" 0
	on_bus "$A" a:0
	# they are looked up at each reset
	echo >"$quirks"
	carrier "$A"
	talk
	down "$A"
	asleep a

	emu_ok fault id=a what=timeout at=std count=1
	timed refused "termination of who sleeps" "busy|timed out" ip link set "$A" type can termination 120
	note "termination after $TOOK hundredths of a second"
	le "hundredths of a second" "$TOOK" 300
	# it is awake for a moment, since somebody had asked
	asleep a
	patiently "termination" ip link set "$A" type can termination 120
	asleep a
}

# Unplugged, and unbound, in its sleep; the next driver finds nobody who keeps it awake
test_idle_gone() {
	local intf

	one candlelight-fd
	allow_sleep a
	asleep a
	get intf usb_intf a
	gs_unbind "$intf"
	gs_bind "$intf"
	wait_for 20 "driver bound again" gs_bound a
	asleep a
	get A netdev a
	up "$A"
	gs_unbind "$intf"
	gs_bind "$intf"
	wait_for 20 "driver bound again" gs_bound a
	asleep a
	emu_ok unplug id=a
	wait_for 20 "end of all adapters" gs_none_bound
}

pulled_or_done() {
	[ "$(emu_status a plugged)" = 0 ] || ! is_up "$A" || [ "$(emu_status a:0 started)" = 1 ]
}

# pulled_waking LEAST COMMAND...: in its sleep something is asked of it, and the cable is pulled at the first
# request after it has woken up, at the second, until there is no such one any more
pulled_waking() {
	local k least=$1

	shift
	one candlelight-fd term=1
	for ((k = 0; k < 100; k++)); do
		allow_sleep a
		asleep a
		emu_ok fault id=a what=unplug at=ctrl skip="$k"
		timeout 20 ip link set "$A" "$@" 2>/dev/null
		# a channel may be started a moment later
		wait_for 20 "end of it" pulled_or_done
		[ "$(emu_status a plugged)" = 0 ] || break
		wait_for 20 "end of all adapters" gs_none_bound
		wait_for 20 "end of the device" not gs_usb_dev a
		emu_ok plug id=a
		wait_for 20 "driver bound again" gs_bound a
		find_a
	done
	emu_ok fault id=a what=none
	note "pulled at each of $k"
	ge "requests" "$k" "$least"
	is_up "$A" || up_fd "$A"
	talk
	down "$A"
	asleep a
}

# The byte order, RESET, two bit timings, delay compensation, START
test_pulled_at_open() {
	pulled_waking 6 up type can bitrate 500000 dbitrate 2000000 fd on
}

test_pulled_at_termination() { pulled_waking 2 type can termination 120; }

# Of others nobody knows whether they wake up. The adapter that does is the clock.
never_sleeps() {
	one "$1"
	allow_sleep a
	emu_ok bus name=u ack=on
	adapter b candlelight-fd bus=u
	allow_sleep b
	asleep b
	eq "status of $1" "$(pm_status a)" active
	eq_said "suspends of $1" 0 emu_status a suspends
	up "$A"
	down "$A"
	get B netdev b
	up "$B"
	down "$B"
	asleep b
	eq "status of $1" "$(pm_status a)" active
	eq_said "suspends of $1" 0 emu_status a suspends
}

test_never_candlelight_old() { never_sleeps candlelight-old; }
test_never_cannectivity() { never_sleeps cannectivity; }
test_never_canable25() { never_sleeps canable25; }
test_never_gs() { never_sleeps gs; }

ktap_run test_idle_sleeps test_idle_reset_resume test_idle_slow_resume \
	test_idle_gone test_pulled_at_open \
	test_pulled_at_termination test_never_candlelight_old \
	test_never_cannectivity test_never_canable25 test_never_gs
