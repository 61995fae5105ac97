#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# How many bytes a frame takes on USB: a classic one 20 wherever the firmware takes that, 76 on a
# channel with FD elsewhere, and one more with the LPC546xx quirk. What is not data is zero, also
# in a buffer that a longer frame was in: the emulator looks at each byte.
#
# guests: uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

FULL=$(printf 'FF%.0s' {1..64})

# lengths CLASSIC [FD]: of OUT transfers, on the interface A that is up
lengths() {
	local frame fds=()

	[ -z "${2:-}" ] || fds=("321##0" "321##111" "1ABCDEF0##3$FULL" "321##01122334455667788")
	for frame in 123# 123#11 1ABCDEF0#1122334455667788 123#R 123#R8 "${fds[@]}"; do
		N=$((N + 1))
		ok "cansend" cansend "$A" "$frame"
		wait_for 20 "echo of $frame" is "$N" link_stat "$A" tx_packets
		case $frame in
		*##*)	eq "bytes for $frame" "$(emu_status a out_len)" "$2" ;;
		*)	eq "bytes for $frame" "$(emu_status a out_len)" "$1" ;;
		esac
	done
}

# each BYTES CANGEN-OPTION...: a frame in each slot
each() {
	local n bytes=$1

	shift
	get n stat_of "$A" tx_pool_capacity
	ok "cangen" cangen -g 0 -p 10000 -n "$n" -I 555 "$@" "$A"
	N=$((N + n))
	wait_for 20 "$N echoes" is "$N" link_stat "$A" tx_packets
	eq_said "bytes for cangen $*" "$bytes" emu_status a out_len
}

# firmware CLASSIC CLASSIC_ON_FD FD PERSONALITY [WORD...]; 0: there is no FD
firmware() {
	local classic=$1 on_fd=$2 fd=$3

	shift 3
	emu_ok bus name=t ack=on fast=1
	adapter a "$@" bus=t
	get A netdev a || fail "no interface"
	N=0
	up "$A"
	# a full frame in each slot before the short ones
	each "$classic" -L 8 -D FFFFFFFFFFFFFFFF
	each "$classic" -L 1 -D 11
	lengths "$classic"
	down "$A"
	[ "$fd" = 0 ] && return
	up_fd "$A"
	each "$fd" -f -L 64 -D "$FULL"
	each "$fd" -f -L 3 -D 112233
	each "$fd" -f -L 64 -D "$FULL"
	each "$on_fd" -L 8 -D 1122334455667788
	lengths "$on_fd" "$fd"
	down "$A"
}

test_candlelight_bx() { firmware 20 0 0 candlelight-bx; }
test_candlelight_fd() { firmware 20 20 76 candlelight-fd; }
test_cannectivity() { firmware 20 20 76 cannectivity; }
test_canable25() { firmware 20 20 76 canable25; }
test_budgetcan() { firmware 20 76 76 budgetcan; }
test_gs() { firmware 20 0 0 gs; }
test_ces() { firmware 20 76 76 ces; }

# The quirk of its own firmware, and by the feature bit on others
test_cantact_pro() { firmware 21 77 77 cantact-pro; }

# quirk PERSONALITY: its features with bit 9
quirk() {
	local features

	adapter a "$1" channels=1
	get features emu_status a features
	emu_ok del id=a
	wait_for 20 "end of the adapter" gs_none_bound
	printf '%x' $((features | 0x200))
}

test_quirk_short() {
	local features

	features=$(quirk candlelight-fd) || fail "no features"
	firmware 21 21 77 candlelight-fd features="$features"
}

test_quirk_full() {
	local features

	features=$(quirk ces) || fail "no features"
	firmware 21 77 77 ces features="$features"
}

ktap_run test_candlelight_bx test_candlelight_fd test_cannectivity test_canable25 \
	test_budgetcan test_gs test_ces test_cantact_pro test_quirk_short test_quirk_full
