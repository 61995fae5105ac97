#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Hardware timestamps: 32 bits of microseconds from the adapter become times that keep the
# distances that frames had on the bus. The bus log has the times at which they ended.
#
# timeout: 150
# guests: uml612 uml73 qemu61

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# Two microseconds for cutting off at both ends. Of the distance itself, what a crystal can be off
# and what the clock is steered by at most, which on a host under load can be for no reason.
TOLERANCE=2
STEERED_PPM=1100

# Differences between neighbours in the capture against those on the bus
distances() {
	local n

	get n lines "$GS_TMP/log"
	emu buslog bus=t | awk '/dur=/ { print $1 }' | tail -n "$n" >"$GS_TMP/bus.us"
	awk '{ gsub(/[().]/, "", $1); print $1 }' "$GS_TMP/log" >"$GS_TMP/log.us"
	paste "$GS_TMP/bus.us" "$GS_TMP/log.us" |
		awk -v tolerance="$TOLERANCE" -v ppm="$STEERED_PPM" '
		NR > 1 {
			off = ($1 - bus) - ($2 - log_)
			if (off < 0)
				off = -off
			off -= ($1 - bus) * ppm / 1000000
			if (off > worst)
				worst = off
			if ($2 < log_)
				back++
		}
		{ bus = $1; log_ = $2 }
		END {
			printf "# %d frames, worst difference %d us\n", NR, worst
			exit NR < 2 || worst > tolerance || back
		}' || fail "distances differ from those on the bus"
}

# Not what the host's clock said when candump got it: within a second of real time
plausible() {
	local log now

	log=$(awk 'END { gsub(/[().]/, "", $1); print $1 }' "$GS_TMP/log")
	now=$(($(date +%s%N) / 1000))
	le "age of the last frame in us" $((now - log)) $((30000000 * GS_SLOW))
	ge "age of the last frame in us" $((now - log)) -1000000
}

rx() {
	one "$1"
	up "$A"
	capture "$GS_TMP/log" "$A" -H
	emu_ok send bus=t frame=123#1122334455667788 count=20 gap=3000
	got "$GS_TMP/log" 20
	distances
	plausible
}

test_rx_candlelight_bx() { rx candlelight-bx; }
test_rx_candlelight_fd() { rx candlelight-fd; }
test_rx_cannectivity() { rx cannectivity; }
test_rx_canable25() { rx canable25; }

# CANnectivity stamps the end of transmission. (candleLight stamps the moment at which the
# frame enters a mailbox, that is no time on the bus.)
test_tx_cannectivity() {
	one cannectivity
	up "$A"
	capture "$GS_TMP/log" "$A" -H
	ok "cangen" cangen -g 2 -p 1000 -n 20 -I i -L i -D i "$A"
	got "$GS_TMP/log" 20
	distances
	plausible
}

test_tx_candlelight() {
	one candlelight-fd
	up "$A"
	capture "$GS_TMP/log" "$A" -H
	ok "cangen" cangen -g 2 -p 1000 -n 20 -I i -L i -D i "$A"
	got "$GS_TMP/log" 20
	plausible
	awk '{ gsub(/[().]/, "", $1); if ($1 < last) exit 1; last = $1 }' "$GS_TMP/log" ||
		fail "time goes backwards"
}

# Sent and received frames of two adapters, all on one line of time each
test_both_directions() {
	one cannectivity
	up "$A"
	capture "$GS_TMP/log" "$A" -H
	emu_ok send bus=t frame=7A0#1122 count=20 gap=4000
	ok "cangen" cangen -g 3 -p 1000 -n 20 -I i -L i -D i "$A"
	got "$GS_TMP/log" 40
	bus_idle t
	distances
}

# No frame came to the host half a second after the one before, or later. calm FILE
calm() {
	awk '
		{ gsub(/[().]/, "", $1) }
		NR > 1 && $1 - last > 500000 { late = 1; exit }
		{ last = $1 }
		END { exit late }' "$1"
}

# The counter wraps while frames come in: set to a second before when the first of them is sent,
# however long it took to get there. A frame that comes more than half a second late gets the host's
# time: where the machine stood still so long, another round counts.
test_wrap() {
	local i host

	one cannectivity
	for i in 1 2 3; do
		up "$A"
		capture "$GS_TMP/host" "$A"
		host=$GS_CAPTURE
		capture "$GS_TMP/log" "$A" -H
		emu_all "set id=a ts=4293967296" "send bus=t frame=123#11 count=30 gap=100000"
		got "$GS_TMP/log" 30
		got "$GS_TMP/host" 30
		le_said "device time after the wrap" 4000000000 emu_status a ts
		if [ "$i" = 3 ] || calm "$GS_TMP/host"; then
			break
		fi
		stop_capture
		stop_capture "$host"
		# ties the clock anew
		down "$A"
	done
	ok "a frame from this side" cansend "$A" 321#
	got "$GS_TMP/log" 31
	distances
	plausible
}

# Down and up again ties the clock anew; so does an adapter that starts from 0 then
test_reopen() {
	one canable25
	up "$A"
	down "$A"
	up "$A"
	capture "$GS_TMP/log" "$A" -H
	emu_ok send bus=t frame=123#11 count=10 gap=3000
	got "$GS_TMP/log" 10
	distances
	plausible
}

# So does the one channel that is started anew while it is up
test_restarted() {
	one canable25
	up "$A" restart-ms 50
	capture "$GS_TMP/before" "$A" -H
	emu_ok send bus=t frame=122#
	got "$GS_TMP/before" 1
	stop_capture
	# further from 0 than what a clock may be off
	far() {
		[ "$(emu_status a ts)" -gt 2000000 ]
	}
	wait_for 30 "two seconds of device time" far
	emu_ok busoff id=a ch=0
	wait_for 20 "restart" is 1 link_json "$A" .linkinfo.info_xstats.restarts
	wait_for 20 "carrier" is 1 cat "/sys/class/net/$A/carrier"
	capture "$GS_TMP/log" "$A" -H
	emu_ok send bus=t frame=123#11 count=10 gap=3000
	got "$GS_TMP/log" 10
	distances
	plausible
}

# No bit 4: software timestamps, no word of hardware, and candump -H shows none
test_without() {
	one gs
	up "$A"
	! ethtool -T "$A" | grep -qi hardware-receive || fail "ethtool -T promises hardware"
	ethtool -T "$A" | grep -q software-receive || fail "ethtool -T has no software"
	capture "$GS_TMP/log" "$A" -H
	emu_ok send bus=t frame=123#11
	got "$GS_TMP/log" 1
	eq "timestamp" "$(awk '{ print $1 }' "$GS_TMP/log")" "(0000000000.000000)"
}

# One setting for all channels; frames are as long as that says
test_ethtool() {
	one candlelight-fd
	ethtool -T "$A" | grep -q hardware-receive || fail "no hardware-receive"
	ethtool -T "$A" | grep -q hardware-transmit || fail "no hardware-transmit"
	ethtool -T "$A" | grep -q hardware-raw-clock || fail "no hardware-raw-clock"
	up "$A"
	eq "mode bit 4 on the wire" $(($(emu_status a:0 mode) & 0x10)) 16
}

ktap_run test_rx_candlelight_bx test_rx_candlelight_fd test_rx_cannectivity \
	test_rx_canable25 test_tx_cannectivity test_tx_candlelight test_both_directions \
	test_wrap test_reopen test_restarted test_without test_ethtool
