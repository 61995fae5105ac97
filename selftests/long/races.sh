#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For a kernel with KCSAN ("make stress"): traffic on two channels, everything that can
# be read is read without a pause, interfaces go up and down, and one after the other goes wrong
# what can go wrong. Nothing is judged here but what the kernel has to say.
#
# timeout: 600
# guests: qemu612-smp

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

ROUNDS=${GS_TEST_STRESS:-10}

sender() {
	local iface

	while [ -e "$GS_TMP/go" ]; do
		get iface netdev a "$1" || iface=none
		cangen -g 2 -p 50 -n 1000 -I "$2" -L i -D i "$iface" || gs_pause
	done
}

feeder() {
	while [ -e "$GS_TMP/go" ]; do
		emu send bus=s frame=7FF#1122334455667788 count=300 gap=1500
		emu wait bus=s cond=idle timeout=5000
	done
}

# Every file that there is
peeker() {
	while [ -e "$GS_TMP/go" ]; do
		cat /sys/class/net/*/gs_usb_ng/* "$GS_USB/devices/$INTF"/{pool_rx,rx,recovery,firmware}/* \
			/sys/kernel/debug/gs_usb_ng/"$INTF"/*
	done
}

dumper() {
	while [ -e "$GS_TMP/go" ]; do
		ip -d -s link show
		gs_pause
	done
}

bed() {
	local i

	touch "$GS_TMP/go"
	emu_ok bus name=s ack=on fast=1
	adapter a "$@" bus=s
	get INTF usb_intf a
	[ -z "${PROTOCOL:-}" ] || echo "$PROTOCOL" >"$GS_USB/devices/$INTF/protocol"
	for i in 0 1; do
		up "$(netdev a "$i")" restart-ms 20
	done
	{
		sender 0 100 &
		sender 1 200 &
		feeder &
		dumper &
		peeker &
	} >/dev/null 2>&1
}

over() {
	rm -f "$GS_TMP/go"
	wait
}

pauses() {
	local i

	for ((i = 0; i < $1; i++)); do
		gs_pause
	done
}

faults() {
	local r f

	for ((r = 0; r < ROUNDS; r++)); do
		for f in "what=out-status status=proto n=2" "what=drop-echo n=1" \
			 "what=in-status status=proto n=2" \
			 "what=late-echo n=1 us=1200000" "what=dup-echo n=3" \
			 "what=out-status status=stall n=1" "what=in-status status=stall n=1" \
			 "what=swap-echo n=2" "what=in-drop n=2"; do
			emu fault id=a "$f" >/dev/null
			pauses 5
		done
		emu busoff id=a ch=0 >/dev/null
		pauses 5
		emu errors id=a ch=1 tec=130 rec=100 >/dev/null
		emu errors id=a ch=1 tec=0 rec=0 >/dev/null
		emu fault id=a what=none >/dev/null
		ip link set "$(netdev a 1)" down
		pauses 5
		ip link set "$(netdev a 1)" up
		pauses 20
	done
}

# Memory comes and goes while it is looked at
updown() {
	local r i iface

	for ((r = 0; r < 5 * ROUNDS; r++)); do
		for i in 0 1; do
			get iface netdev a "$i"
			ip link set "$iface" down
			[ $((r % 4)) -gt 0 ] || pauses 2
			ip link set "$iface" up
		done
		emu busoff id=a ch=$((r & 1)) >/dev/null 2>&1
	done
}

test_updown() {
	bed candlelight-fd channels=2
	updown
	over
}

test_elm_updown() {
	PROTOCOL=elm
	bed canable25 channels=2
	updown
	over
}

test_candlelight() {
	bed candlelight-fd channels=2
	faults
	over
}

test_cannectivity() {
	bed cannectivity channels=2
	faults
	over
}

test_elm() {
	PROTOCOL=elm
	bed canable25 channels=2
	faults
	over
}

# (CANnectivity with these faults is more than QEMU 7.2's xHCI takes: it aborts.)
ktap_run test_updown test_elm_updown test_candlelight test_elm
