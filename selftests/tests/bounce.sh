#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Behind bounce buffers a received frame is where the CPU sees it only if it was synced. The guest
# has them for all DMA: this is the proof; all tests on this guest run behind them.
#
# timeout: 60
# guests: qemu612-smp

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

SWIOTLB=/sys/kernel/debug/swiotlb

# Slots of 2 KiB that mappings have now
bounced() {
	gs_read "$SWIOTLB/io_tlb_used"
	echo "$GS_VALUE"
}

# Guests of this size have no bounce buffers, unless they are told to
test_forced() {
	grep -qw swiotlb=force /proc/cmdline || fail "no swiotlb=force: $(</proc/cmdline)"
	dmesg | grep -q 'software IO TLB: ' || fail "the kernel says nothing of bounce buffers"
	gs_read "$SWIOTLB/io_tlb_nslabs"
	ge "slots for bounce buffers" "$GS_VALUE" 1024
}

few_bounced() {
	[ "$(bounced)" -le "$1" ]
}

# mode COPYBREAK COUNTER: frames of full length, each different
mode() {
	local before i

	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t
	get A netdev a || fail "no interface"
	before=$(bounced)
	for i in 1 2 3 4 5 6 7 8 9; do
		few_bounced "$((before - 1))" && before=$(bounced)
	done
	ok "rx-copybreak" ethtool --set-tunable "$A" rx-copybreak "$1"
	up_fd "$A"
	# two for each page that buffers for IN transfers are cut from, and there are four at least
	ge "bounce buffers when up" "$(bounced)" $((before + 8))
	capture "$GS_TMP/log" "$A"
	emu_ok replay bus=t file="$GS_DATA/fd.log"
	grep '^(' "$GS_DATA/fd.log" >"$GS_TMP/wanted.log"
	got "$GS_TMP/log" "$(lines "$GS_TMP/wanted.log")"
	frames "$GS_TMP/wanted.log" >"$GS_TMP/wanted"
	frames "$GS_TMP/log" >"$GS_TMP/frames"
	same "sent against received" "$GS_TMP/wanted" "$GS_TMP/frames"
	eq "$2" "$(stat_of "$A" "$2")" "$(lines "$GS_TMP/wanted")"
	down "$A"
	emu_ok del id=a
	wait_for 20 "end of the adapter" gs_none_bound
	wait_for 20 "return of the bounce buffers" few_bounced $((before + 4))
}

test_in_place() { mode 0 rx_in_place; }
test_copied() { mode 72 rx_copied; }

ktap_run test_forced test_in_place test_copied
