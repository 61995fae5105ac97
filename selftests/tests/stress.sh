#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Everything at once, on two CPUs where the guest has them: interfaces go up and down, the
# driver is unbound and bound, channels fall off the bus and are restarted, transfers fail, all
# counters are read in all ways there are, and frames go both ways. What is counted are rounds, not
# seconds.
# Afterwards all of it works, and every slot that was taken ended in one way.
# GS_TEST_STRESS=100 makes it a hundred rounds instead of five.
#
# timeout: 600
# guests: uml73 qemu612-smp qemu612-debug

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

ROUNDS=${GS_TEST_STRESS:-5}

# Two channels on one bus. (A CANnectivity would not live: its OUT endpoint is dead once frames
# come in faster than its 20 buffers are fetched.)
plug() {
	emu_ok bus name=s ack=on fast=1
	adapter a "$@" bus=s
	touch "$GS_TMP/go"
}

# ---- what goes on until the others are done -------------------------------------------

# Frames out of a channel, whatever its interface is called now
sender() {
	local iface

	while [ -e "$GS_TMP/go" ]; do
		get iface netdev a "$1" || iface=none
		cangen -g 0 -p 50 -n 300 -I "$2" -L i -D i "$iface" || gs_pause
	done
}

# Frames into the channels
feeder() {
	while [ -e "$GS_TMP/go" ]; do
		emu send bus=s frame=7FF#1122334455667788 count=500 gap=200
		emu wait bus=s cond=idle timeout=5000
	done
}

# Bus-off again and again, of a channel that restarts after 5 ms
spoiler() {
	while [ -e "$GS_TMP/go" ]; do
		emu busoff id=a ch="$1"
		gs_pause
	done
}

# Transfers fail, echoes are lost, late or come twice, endpoints halt. (Linux' xHCI driver has an OUT
# transfer that failed on the wire tried again, and QEMU then carries out those behind it a second time.)
trouble() {
	local rule rules=("what=drop-echo n=1" "what=in-status status=proto n=2" "what=dup-echo n=3" \
		"what=late-echo n=1 us=300000" "what=out-status status=stall n=1" \
		"what=in-status status=stall n=1" "what=in-drop n=2")

	[ "$GS_GUEST" = qemu ] || rules+=("what=out-status status=proto n=2")
	while [ -e "$GS_TMP/go" ]; do
		for rule in "${rules[@]}"; do
			emu fault id=a "$rule"
			gs_pause
			gs_pause
		done
	done
}

# What reader does, again and again
readers() {
	while [ -e "$GS_TMP/go" ]; do
		ROUNDS=1 reader
		gs_pause
	done
}

traffic() {
	{
		sender 0 100 &
		sender 1 200 &
		feeder &
		wait
	} >/dev/null 2>&1 &
}

# ---- what has a number of rounds ------------------------------------------------------

# Every counter, by every way to it; what goes away meanwhile is not read
reader() {
	local i f all iface

	for ((i = 0; i < ROUNDS; i++)); do
		for f in /sys/class/net/*/gs_usb_ng/* \
			 "$GS_USB/drivers/$GS_DRIVER"/*:*/{pool_rx,rx,firmware}/*; do
			read -r all <"$f"
		done
		for iface in /sys/class/net/*/gs_usb_ng; do
			iface=${iface%/*}
			ethtool -S "${iface##*/}"
		done
		ip -d -s link show
		tc -s qdisc show
		cat /sys/kernel/debug/gs_usb_ng/*/*
	done >/dev/null 2>&1
}

# up_and_down CHANNEL: twice a round, as fast as one process can; it stays up
up_and_down() {
	local i iface

	get iface netdev a "$1" || fail "no channel $1"
	for ((i = 0; i < 2 * ROUNDS; i++)); do
		echo "link set $iface down"
		echo "link set $iface up"
	done >"$GS_TMP/batch$1"
	ok "up and down" ip -batch "$GS_TMP/batch$1"
}

# ups_and_downs CHANNEL: the same of whatever its interface is called now, until the others are done. It
# may be gone at any time: what is counted is what went well.
ups_and_downs() {
	local n=0 iface

	while [ -e "$GS_TMP/go" ]; do
		if iface=$(netdev a "$1") &&
		   ip link set "$iface" up type can bitrate 500000 restart-ms 5 &&
		   ip link set "$iface" down; then
			n=$((n + 1))
			echo "$n" >"$GS_TMP/ups$1"
		else
			gs_pause
		fi
	done >/dev/null 2>&1
}

# worked CHANNEL: since the driver was bound it has sent frames and received some
worked() {
	local iface

	iface=$(netdev a "$1") && [ "$(stat_of "$iface" tx_pool_acquires)" -ge 1 ] &&
		[ "$(link_stat "$iface" rx_packets)" -ge 1 ]
}

# more_ups CHANNEL N: it was up and down more often than that
more_ups() {
	gs_read "$GS_TMP/ups$1"
	[ "${GS_VALUE:-0}" -gt "$2" ]
}

# Both have, and were up and down once more. at_work WHEN
at_work() {
	local ch ups

	for ch in 0 1; do
		gs_read "$GS_TMP/ups$ch"
		ups=${GS_VALUE:-0}
		wait_for 40 "channel $ch up and down $1" more_ups "$ch" "$ups"
		wait_for 40 "frames of channel $ch $1" worked "$ch"
	done
}

# Each time when both channels have been at work
unbind_and_bind() {
	local i intf

	get intf usb_intf a
	for ((i = 0; i < ROUNDS; i++)); do
		at_work "in round $i"
		gs_unbind "$intf" || fail "unbind in round $i"
		gs_bind "$intf" || fail "bind in round $i"
		wait_for 40 "driver bound" gs_bound a
	done
	at_work "in the end"
}

# all_of PID...: none of them has failed; then the traffic ends
all_of() {
	local pid bad=0

	for pid; do
		wait "$pid" || bad=1
	done
	rm -f "$GS_TMP/go"
	wait
	[ "$bad" = 0 ] || fail "see above"
}

# ---- afterwards -----------------------------------------------------------------------

# Frames both ways on both channels, counted
works() {
	local ch iface

	bus_idle s
	for ch in 0 1; do
		get iface netdev a "$ch" || fail "no channel $ch"
		up "$iface" restart-ms 0
		capture "$GS_TMP/log" "$iface"
		emu_ok send bus=s frame=7FF#1122 count=20
		ok "cangen" cangen -g 0 -p 1000 -n 20 -I i -L i -D i "$iface"
		got "$GS_TMP/log" 40
		stop_capture
		down "$iface"
	done
}

finish() {
	emu_ok fault id=a what=none
	down "$(netdev a 0)"
	down "$(netdev a 1)"
	balanced 0
	balanced 1
	works
	balanced 0
	balanced 1
}

# Both channels up and down on their own, so the IN pipe is opened and closed under way
test_up_and_down() {
	local pids=()

	plug candlelight-fd channels=2
	up "$(netdev a 0)"
	up "$(netdev a 1)"
	traffic
	reader & pids+=($!)
	up_and_down 0 & pids+=($!)
	up_and_down 1 & pids+=($!)
	all_of "${pids[@]}"
	finish
}

# As before, with one channel in and out of bus-off
test_bus_off() {
	local pids=()

	plug candlelight-fd channels=2
	up "$(netdev a 0)" restart-ms 5
	up "$(netdev a 1)"
	traffic
	spoiler 0 >/dev/null 2>&1 &
	reader & pids+=($!)
	up_and_down 0 & pids+=($!)
	up_and_down 1 & pids+=($!)
	all_of "${pids[@]}"
	finish
}

# All at once, and the driver is unbound and bound
test_all() {
	local pids=()

	plug candlelight-fd channels=2
	traffic
	spoiler 0 >/dev/null 2>&1 &
	trouble >/dev/null 2>&1 &
	readers &
	ups_and_downs 0 &
	ups_and_downs 1 &
	unbind_and_bind & pids+=($!)
	all_of "${pids[@]}"
	log_has "OUT transfers fail" || fail "no transfer failed"
	note "channels up and down: $(<"$GS_TMP/ups0") and $(<"$GS_TMP/ups1") times"
	finish
}

ktap_run test_up_and_down test_bus_off test_all
