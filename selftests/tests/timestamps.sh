#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Hardware timestamps: 32 bits of microseconds from the adapter become times that keep the
# distances that frames had on the bus. The bus log has the times at which they ended.
#
# timeout: 150
# guests: uml* qemu61 qemu612

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# Two microseconds for cutting off at both ends
TOLERANCE=2

one() {
	emu_ok bus name=t ack=on
	adapter a "$1" bus=t "${@:2}"
	A=$(netdev a) || fail "no interface"
}

# Differences between neighbours in the capture against those on the bus
distances() {
	local n

	n=$(lines "$GS_TMP/log")
	emu buslog bus=t | awk '/dur=/ { print $1 }' | tail -n "$n" >"$GS_TMP/bus.us"
	awk '{ gsub(/[().]/, "", $1); print $1 }' "$GS_TMP/log" >"$GS_TMP/log.us"
	paste "$GS_TMP/bus.us" "$GS_TMP/log.us" | awk -v tolerance="$TOLERANCE" '
		NR > 1 {
			off = ($1 - bus) - ($2 - log_)
			if (off < 0)
				off = -off
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

# The counter starts shortly before it wraps, which happens while frames come in
test_wrap() {
	local start=$((4294967296 - 6000000 * GS_SLOW))

	one cannectivity ts0="$start"
	up "$A"
	capture "$GS_TMP/log" "$A" -H
	ge "device time before the wrap" "$(emu_status a ts)" 4000000000
	emu_ok send bus=t frame=123#11 count=$((80 * GS_SLOW)) gap=100000
	wrapped() {
		[ "$(emu_status a ts)" -lt 1000000000 ]
	}
	wait_for 30 "wrap of device time" wrapped
	got "$GS_TMP/log" $((80 * GS_SLOW))
	ok "a frame from this side" cansend "$A" 321#
	got "$GS_TMP/log" $((80 * GS_SLOW + 1))
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
	test_wrap test_reopen test_without test_ethtool
