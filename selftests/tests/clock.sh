#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The adapter's clock against the host's: how fast it is, is found out, and timestamps follow the
# host's time all the same. What takes hours is in kunit/, where time is made up.
#
# timeout: 240
# guests: uml612 uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# drift ID: in ppm
drift() {
	echo $(($(intf_stat "$1" firmware/clock_drift_ppb) / 1000))
}

# drifts ID LEAST MOST
drifts() {
	[ "$(drift "$1")" -ge "$2" ] && [ "$(drift "$1")" -le "$3" ]
}

# One too fast, one too slow, which answers at the start of a USB frame. It takes two windows of
# 16 s before anything is known; from then on it gets better.
test_drift() {
	local known iface

	emu_ok bus name=t ack=on
	adapter a cannectivity bus=t ppm=500 channels=1
	adapter b candlelight-fd bus=t ppm=-500
	eq "drift before anything is known" "$(drift a)" 0
	get A netdev a || fail "no interface"
	get B netdev b || fail "no interface"
	up "$A"
	up "$B"
	for iface in a b; do
		capture "$GS_TMP/$iface" "$(netdev "$iface")" -H
		capture "$GS_TMP/$iface.host" "$(netdev "$iface")"
	done
	emu_ok send bus=t frame=123#11 count=100000 gap=200000
	wait_for 100 "drift of the fast one" drifts a 400 600
	wait_for 100 "drift of the slow one" drifts b -600 -400
	note "fast: $(intf_stat a firmware/clock_drift_ppb), slow: $(intf_stat b firmware/clock_drift_ppb) ppb"
	forward "$GS_TMP/a"
	forward "$GS_TMP/b"
	# the crystal is the same after another start
	down "$A"
	known=$(drift a)
	up "$A"
	eq "drift after another start" "$(drift a)" "$known"
}

# Time never goes back. But what comes to the host more than half a second late gets the host's time,
# and what follows it its own: so frames do not count that, by the host's clock, did not come as they
# are on the bus, 200 ms after the one before. The last line may still be written.
forward() {
	paste "$1" "$1.host" | sed '$d' | awk '
		NF == 6 {
			gsub(/[().]/, "", $1)
			gsub(/[().]/, "", $4)
			calm = $4 - host > 150000 && $4 - host < 250000
			if (calm && was) {
				n++
				if ($1 < last) {
					back = 1
					exit
				}
			}
			was = calm
			host = $4
			last = $1
		}
		END {
			if (n < 50)
				print "# no more than " n + 0 " pairs of frames in time"
			exit back || n < 50
		}' || fail "time goes back in ${1##*/}, or too few frames came in time"
}

# A counter that has begun anew is no reason to believe anything of the drift
test_jump() {
	emu_ok bus name=t ack=on
	adapter a cannectivity bus=t channels=1
	get A netdev a || fail "no interface"
	up "$A"
	capture "$GS_TMP/a" "$A" -H
	emu_ok send bus=t frame=123#11 count=5 gap=20000
	got "$GS_TMP/a" 5
	emu_all "set id=a ts=2000000000" "send bus=t frame=123#22 count=5 gap=20000"
	got "$GS_TMP/a" 10
	awk '{ gsub(/[().]/, "", $1); if ($1 < last) exit 1; last = $1 }' "$GS_TMP/a" ||
		fail "time goes back"
	eq "drift" "$(drift a)" 0
}

ktap_run test_drift test_jump
