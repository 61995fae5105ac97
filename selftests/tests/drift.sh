#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The clock of an adapter that is asked for it (TIMESTAMP, every 64 seconds) while no frames come: how
# fast it is, is found out by that alone, and a frame that comes at last has its place on the line. So
# has one after requests that failed or were answered with nonsense. clock.sh has frames all the time.
#
# It takes an hour by the guest's clock, which leaps. The limit is by that clock, too.
#
# timeout: 4400
# guests: uml612-vtime

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# Documentation/gs_usb_ng.rst, "Time": a quarter of an hour after the first frame a timestamp is off
# by less than 5 ms, and by 10 ppm more of the time in which nothing was heard
KNOWN=960
OFF_US=5000
OFF_PPM=10
# Three requests
SILENT=220

# one PERSONALITY PPM [EMULATOR-COMMAND]: up, its frames captured with the device's time and with that
# of the host. The first one ties the two together.
one() {
	emu_ok bus name=t ack=on
	adapter a "$1" bus=t channels=1 ppm="$2"
	[ -z "${3:-}" ] || emu_ok "$3"
	get A netdev a || fail "no interface"
	up "$A"
	capture "$GS_TMP/device" "$A" -H
	capture "$GS_TMP/host" "$A"
	FRAMES=0
	frame_within 100
	eq "drift before anything is known" "$(ppb)" 0
}

ppb() {
	intf_stat a firmware/clock_drift_ppb
}

# came: one more frame; in LATE how much later, in us, the host had it than its timestamp says
came() {
	FRAMES=$((FRAMES + 1))
	got "$GS_TMP/device" "$FRAMES"
	got "$GS_TMP/host" "$FRAMES"
	LATE=$(tail -q -n 1 "$GS_TMP/device" "$GS_TMP/host" | awk '
		{ gsub(/[().]/, "", $1) }
		NR == 1 { device = $1 }
		END { print $1 - device }')
	note "frame $FRAMES: host $LATE us behind its timestamp, drift $(ppb) ppb"
}

# frame_within US: the timestamp of a frame is no further from the host's time
frame_within() {
	emu_ok send bus=t frame=123#11
	came
	le "us that the timestamp is off" "${LATE#-}" "$1"
}

# A frame that is not believed gets the host's time, and is never off. One that took a quarter of a
# second from the bus to the host does not, if those on time are believed.
frame_believed() {
	local ts late=250000

	ts=$(printf '%08x' $((($(emu_status a ts) - late) & 0xffffffff)))
	emu_ok inject id=a \
		hex=ffffffff23010000010000001100000000000000"${ts:6:2}${ts:4:2}${ts:2:2}${ts:0:2}"
	came
	ge "us that the frame came late" "$LATE" $((late - $1))
	le "us that the frame came late" "$LATE" $((late + $1))
}

# drift_is PPM: to within OFF_PPM
drift_is() {
	local ppb

	ppb=$(ppb)
	ge "drift, ppb" "$ppb" $((($1 - OFF_PPM) * 1000))
	le "drift, ppb" "$ppb" $((($1 + OFF_PPM) * 1000))
}

# The channel is as it was: nothing was started anew for it
works() {
	local sent

	get sent link_stat "$A" tx_packets
	ok "cansend" cansend "$A" 321#11
	wait_for 10 "echo" is $((sent + 1)) link_stat "$A" tx_packets
	came
	eq_said "USB resets" 0 intf_stat a recovery/usb_resets
	eq_said "restarts" 0 link_json "$A" .linkinfo.info_xstats.restarts
}

# known PERSONALITY PPM [SECONDS US]: after so long, to within so much
known() {
	one "$1" "$2"
	leap "${3:-$KNOWN}"
	drift_is "$2"
	frame_within "${4:-$OFF_US}"
	frame_believed "${4:-$OFF_US}"
	works
}

# What a crystal is off at most; requests are answered to the microsecond
test_fast() {
	known cannectivity 100
}

# An oscillator without a crystal. It is known after the third request, and what the line is off until
# then is made up for at 100 ppm.
test_very_fast() {
	known cannectivity 500 400 $((500 * 192 - 100 * (400 - 192)))
}

# asked COUNTER: of the driver's for what it makes of an answer, or of the adapter's requests
asked() {
	case $1 in
	requests)	emu_status a requests ;;
	*)		intf_stat a "recovery/$1" ;;
	esac
}

# silent COUNTER WORD...: the rule for what becomes of the requests, and what counts them then
silent() {
	local counter=$1 within=$((OFF_US + OFF_PPM * SILENT)) before

	shift
	note "$*"
	emu_ok "fault id=a req=6 count=1000 $*"
	before=$(asked "$counter")
	leap "$SILENT"
	ge "$counter" $(($(asked "$counter") - before)) 3
	drift_is -100
	frame_within "$within"
	frame_believed "$within"
	drift_is -100
	works
	emu_ok fault id=a what=none
}

# Requests are answered with the last start of a USB frame; then not, or with what is no time
test_slow_then_silent() {
	known candlelight-fd -100
	silent refused what=stall
	silent no_answer what=timeout
	silent bad_answer what=zero
	silent bad_answer what=short
	silent requests what=reply hex=00000000
}

# never COUNTER WORD...: not answered since the channel is up: nothing is known of the crystal, and
# nothing made up
never() {
	local ppm=100 counter=$1 before within

	within=$((OFF_US + ppm * SILENT))
	shift
	one candlelight-fd "$ppm" "fault id=a req=6 count=1000 $*"
	before=$(asked "$counter")
	leap "$SILENT"
	ge "$counter" $(($(asked "$counter") - before)) 3
	eq "drift" "$(ppb)" 0
	frame_within "$within"
	frame_believed "$within"
	works
}

test_never_answered() { never no_answer what=timeout; }
test_always_zero() { never requests what=reply hex=00000000; }

ktap_run test_fast test_very_fast test_slow_then_silent test_never_answered test_always_zero
