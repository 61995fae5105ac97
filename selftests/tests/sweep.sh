#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Whatever an adapter offers, it is asked for nothing else: adapters with each single feature
# bit, with all but one, and with random ones, under the names and versions of all firmwares.
# Each is probed, opened plainly, with all modes that it offers, and listening only, has
# frames in both directions, and is let go. The emulator's referee holds the rules; and what
# is offered is used, too, or nothing would have been tried.
#
#	GS_TEST_SWEEP	"full": every bit under every name. A number: so many rounds of
#			random words, with GS_TIMEOUT to match
#	GS_TEST_SEED	of those; every run says which one it had
#
# timeout: 300
# guests: uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

PERSONALITIES=(candlelight-bx candlelight-fd candlelight-old cannectivity gs ces cantact-pro
	       budgetcan canable25)
SEED=${GS_TEST_SEED:-1}

# In a round each name has a bit of its own. By default each bit goes with two or three of the
# names.
STRIDE=4
RANDOM_ROUNDS=2
case ${GS_TEST_SWEEP:-} in
full)	STRIDE=1 ;;
?*)	RANDOM_ROUNDS=$GS_TEST_SWEEP ;;
esac

# LOOP_BACK, TRIPLE_SAMPLE, ONE_SHOT, HW_TIMESTAMP, FD: offered by a bit, chosen by the same
MODES=0x11e
# and one that is somebody else's business on a firmware that has the other
F_BERR_REPORTING=0x1000
F_ELM_PROTOCOL=0x4000

# One adapter of each name, on the USB once and for all
plug_all() {
	local i commands=()

	for i in "${!PERSONALITIES[@]}"; do
		commands+=("bus name=s$i ack=on"
			   "add id=s$i personality=${PERSONALITIES[i]} bus=s$i channels=1")
	done
	emu_all "${commands[@]}"
	wait_for 60 "all adapters" all_bound
	USB_INTFS=("$GS_USB/drivers/$GS_DRIVER"/*:*)
	USB_INTFS=("${USB_INTFS[@]##*/}")
}

# Glob patterns are quicker than any program
all_bound() {
	local f=("$GS_USB/drivers/$GS_DRIVER"/*:*/pool_rx/capacity)

	[ ${#f[@]} = ${#PERSONALITIES[@]} ]
}

# for_each LINE...: the lines with each interface for an @, given to ip. Refusals are for the
# device to say, and for the modes to be seen in the end.
for_each() {
	local iface line

	for iface in "${IFACES[@]}"; do
		for line; do
			echo "link set ${line//@/$iface}"
		done
	done | ip -force -batch - >/dev/null 2>&1
}

# counted NAME N: a statistic of every interface is N or more
counted() {
	local iface

	for iface in "${IFACES[@]}"; do
		gs_read "/sys/class/net/$iface/statistics/$1"
		[ "$GS_VALUE" -ge "$2" ] || return
	done
}

# Filters for what is sent here, where there are any
set_filters() {
	local iface f

	for iface in "${IFACES[@]}"; do
		f=/sys/class/net/$iface/gs_usb_ng/filters
		[ ! -e "$f" ] || echo 123:7FF >"$f" || fail "filters of $iface"
	done
}

bus_sends() {
	local i commands=()

	for i in "${!PERSONALITIES[@]}"; do
		commands+=("send bus=s$i frame=123#1122")
	done
	emu_all "${commands[@]}"
}

# A frame from each, FD where that is on
adapters_send() {
	local iface frame

	for iface in "${IFACES[@]}"; do
		gs_read "/sys/class/net/$iface/mtu"
		frame=321#AABB
		[ "$GS_VALUE" = 16 ] || frame=321##1AABB
		cansend "$iface" "$frame" || fail "cansend $frame on $iface"
	done
}

# Every mode that is offered is on, on the wire; listen-only is for another time
all_modes_on() {
	local line features=0 mode want=0

	emu status >"$GS_TMP/status"
	while read -r line; do
		case $line in
		*" features="*)
			features=${line#* features=}
			features=$((${features%% *}))
			want=$((features & MODES))
			[ $((features & F_ELM_PROTOCOL)) != 0 ] ||
				want=$((want | features & F_BERR_REPORTING))
			;;
		*" mode="*)
			mode=${line#* mode=}
			mode=$((${mode%% *}))
			[ $((mode & want)) = "$want" ] ||
				fail "${line%% *}: mode $mode, with features $features"
			;;
		esac
	done <"$GS_TMP/status"
}

# one_round WORD...: a feature word for each
one_round() {
	local i words=("$@") commands=()

	for i in "${USB_INTFS[@]}"; do
		gs_unbind "$i"
	done
	for i in "${!PERSONALITIES[@]}"; do
		commands+=("set id=s$i features=${words[i]}")
	done
	note "$*"
	emu_all "${commands[@]}"
	for i in "${USB_INTFS[@]}"; do
		gs_bind "$i" 2>/dev/null || gs_bind "$i" || fail "probe of $i"
	done
	IFACES=("$GS_USB/drivers/$GS_DRIVER"/*:*/net/*)
	IFACES=("${IFACES[@]##*/}")
	eq "number of interfaces" ${#IFACES[@]} ${#PERSONALITIES[@]}

	# plain
	set_filters
	for_each "@ up txqueuelen 1000 type can bitrate 500000" "@ up" \
		 "@ type can termination 120"
	bus_sends
	adapters_send
	wait_for 30 "frames from the bus" counted rx_packets 1
	wait_for 30 "frames to the bus" counted tx_packets 1
	for_each "@ down"

	# all modes but listen-only, each asked for by itself. The dump asks for the state, and
	# for the measured delay.
	for_each "@ type can loopback on" "@ type can triple-sampling on" \
		 "@ type can one-shot on" "@ type can berr-reporting on" \
		 "@ type can bitrate 500000 dbitrate 2000000 fd on" "@ up" "@ up"
	ip -details link show >/dev/null
	all_modes_on
	adapters_send
	wait_for 30 "frames to the bus" counted tx_packets 2
	for_each "@ down"

	for_each "@ type can loopback off" "@ type can triple-sampling off" \
		 "@ type can one-shot off" "@ type can berr-reporting off" \
		 "@ type can listen-only on" "@ up" "@ up"
	bus_sends
	wait_for 30 "frames from the bus" counted rx_packets 2
	for_each "@ down"

	gs_no_violations
}

# sweep WORD: with one bit of it turned. With a stride of 4 a bit meets every fourth name.
sweep() {
	local first p words

	plug_all
	for ((first = 0; first < 32; first += STRIDE)); do
		words=()
		for p in "${!PERSONALITIES[@]}"; do
			words+=("$(printf %x $(($1 ^ 1 << (first + p) % 32)))")
		done
		one_round "${words[@]}"
	done
}

test_one_bit() { sweep 0; }
test_all_but_one() { sweep 0xffffffff; }

test_random() {
	local i p word words

	note "seed $SEED"
	RANDOM=$SEED
	plug_all
	for ((i = 0; i < RANDOM_ROUNDS; i++)); do
		words=()
		for p in "${!PERSONALITIES[@]}"; do
			word=$(((RANDOM << 30 ^ RANDOM << 15 ^ RANDOM) & 0xffffffff))
			words+=("$(printf %x "$word")")
		done
		one_round "${words[@]}"
	done
}

ktap_run test_one_bit test_all_but_one test_random
