#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Whatever an adapter offers, it is asked for nothing else: adapters with each single feature
# bit, with all but one, with their own but for one that is turned, and with random ones, under the
# names and versions of all firmwares. Each is probed, opened plainly, with all modes that it offers,
# and listening only, in the protocol of its own if it has one, too, has frames in both directions,
# blinks, and is let go. The emulator's referee holds the rules; and what is offered is used, too, or
# nothing would have been tried.
#
#	GS_TEST_SWEEP	"full": every bit under every name. A number: so many rounds of
#			random words, with GS_TIMEOUT to match
#	GS_TEST_SEED	of those; every run says which one it had
#
# timeout: 600
# guests: uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# The last two: CANable 2.5 when bit 15 came to mean blobs, and before, when 16 did and 15 said that
# there be no echoes. GET_STATE is younger.
PERSONALITIES=(candlelight-bx candlelight-fd candlelight-old cannectivity gs ces cantact-pro
	       budgetcan canable25 "canable25 sw=260529 features=c53b"
	       "canable25 sw=260528 features=1c53b")
SEED=${GS_TEST_SEED:-1}

# In a round each name has a bit of its own. By default each bit is turned in the words of one or two
# of the names, is alone with one or two, and is missing with one or two others.
STRIDE=8
OWN_STRIDE=8
RANDOM_ROUNDS=2
case ${GS_TEST_SWEEP:-} in
full)
	STRIDE=1
	OWN_STRIDE=1
	;;
?*)	RANDOM_ROUNDS=$GS_TEST_SWEEP ;;
esac

# LOOP_BACK, TRIPLE_SAMPLE, ONE_SHOT, HW_TIMESTAMP, FD: offered by a bit, chosen by the same
MODES=0x11e
F_IDENTIFY=0x20
F_USER_ID=0x40
F_FD=0x100
# and one that is somebody else's business on a firmware that has the other
F_BERR_REPORTING=0x1000
F_ELM_PROTOCOL=0x4000
F_ELM_BLOBS=0x8000
F_TDC=0x20000
F_BUS_OFF_RECOVERY=0x40000

# One adapter of each name, on the USB once and for all; what it offers by itself in OWN
plug_all() {
	local i line commands=()

	for i in "${!PERSONALITIES[@]}"; do
		line="bus=s$i channels=1 personality=${PERSONALITIES[i]}"
		commands+=("bus name=s$i ack=on" "add id=s$i serial=GS-s$i $line")
	done
	emu_all "${commands[@]}"
	wait_for 60 "all adapters" all_bound
	for i in "${!PERSONALITIES[@]}"; do
		gs_usb_dev "s$i" || fail "no ${PERSONALITIES[i]}"
		USB_INTFS[i]=$GS_DEV:1.0
	done
	emu status >"$GS_TMP/status"
	while read -r line; do
		[[ $line = s+([0-9])" "*" features="* ]] || continue
		i=${line%% *}
		line=${line#* features=}
		OWN[${i#s}]=${line%% *}
	done <"$GS_TMP/status"
}

# What the driver should make of adapter I with the features WORD: does it blink (not in the first
# version), have delay compensation (candleLight since 2026, as known by bit 18, and not budgetcan, as
# known by 6 and 8), and a protocol of its own that can be relied on?
blinks() { # I WORD
	[ "${PERSONALITIES[$1]}" != gs ] && [ $(($2 & F_IDENTIFY)) != 0 ]
}

compensates() { # I WORD
	local needed=$((F_FD | F_TDC | F_BUS_OFF_RECOVERY))

	case ${PERSONALITIES[$1]} in
	candlelight-*|budgetcan) ;;
	*) return 1 ;;
	esac
	[ $(($2 & (needed | F_USER_ID | F_ELM_PROTOCOL))) = "$needed" ]
}

speaks_elm() { # I WORD
	local needed=$((F_ELM_PROTOCOL | F_ELM_BLOBS))

	[ "${PERSONALITIES[$1]}" = canable25 ] && [ $(($2 & needed)) = "$needed" ]
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

# All up, as configured by LINE...; again, and with words, what timed out on a busy machine
all_up() {
	local iface

	for_each "$@" "@ up"
	for iface in "${IFACES[@]}"; do
		is_up "$iface" || patiently "up" ip link set "$iface" up
	done
}

# A statistic of every interface, in COUNTS; and: each has become more since
count() {
	local i

	for i in "${!IFACES[@]}"; do
		gs_read "/sys/class/net/${IFACES[i]}/statistics/$1"
		COUNTS[i]=$GS_VALUE
	done
}

counted() {
	local i

	for i in "${!IFACES[@]}"; do
		gs_read "/sys/class/net/${IFACES[i]}/statistics/$1"
		[ "$GS_VALUE" -gt "${COUNTS[i]}" ] || return
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

	count rx_packets
	for i in "${!PERSONALITIES[@]}"; do
		commands+=("send bus=s$i frame=123#1122")
	done
	emu_all "${commands[@]}"
	wait_for 30 "frames from the bus" counted rx_packets
}

# A frame of an interface, FD where that is on
send_from() {
	local frame=321#AABB

	gs_read "/sys/class/net/$1/mtu"
	[ "$GS_VALUE" = 16 ] || frame=321##1AABB
	cansend "$1" "$frame" || fail "cansend $frame on $1"
}

adapters_send() {
	local iface

	count tx_packets
	for iface in "${IFACES[@]}"; do
		send_from "$iface"
	done
	wait_for 30 "frames to the bus" counted tx_packets
}

# All blink, and meanwhile other things go on; or not
blink_all() {
	local i

	for i in "${!IFACES[@]}"; do
		ethtool -p "${IFACES[i]}" 1 >"$GS_TMP/blink$i" 2>&1 &
		BLINKS[i]=$!
	done
}

# have_blinked WORD...
have_blinked() {
	local i rc words=("$@")

	for i in "${!IFACES[@]}"; do
		wait "${BLINKS[i]}"
		rc=$?
		gs_read "$GS_TMP/blink$i"
		# of all interfaces 6.12 has one blink at a time
		if [[ $GS_VALUE = *"busy"* ]]; then
			ethtool -p "${IFACES[i]}" 1 >"$GS_TMP/blink$i" 2>&1
			rc=$?
			gs_read "$GS_TMP/blink$i"
		fi
		if ! blinks "$i" $((0x${words[i]})); then
			[[ $rc != 0 && $GS_VALUE = *"not supported"* ]] ||
				fail "${PERSONALITIES[i]} blinks: $rc $GS_VALUE"
		elif [ "$rc" != 0 ]; then
			[[ $GS_VALUE = *"timed out"* ]] || fail "${PERSONALITIES[i]}: $GS_VALUE"
			patiently "blinking" ethtool -p "${IFACES[i]}" 1
		fi
	done
}

# Every mode that is offered is on, on the wire; listen-only is for another time. In COMPENSATED the
# number of those that can say what delay they have measured.
all_modes_on() {
	local line who features=0 mode want=0

	COMPENSATED=0
	emu status >"$GS_TMP/status"
	while read -r line; do
		who=${line%% *}
		who=${who%:*}
		case $line in
		*" features="*)
			features=${line#* features=}
			features=$((${features%% *}))
			want=$((features & MODES))
			[ $((features & F_ELM_PROTOCOL)) != 0 ] ||
				want=$((want | features & F_BERR_REPORTING))
			! compensates "${who#s}" "$features" || want=$((want | F_TDC))
			;;
		*" mode="*)
			mode=${line#* mode=}
			mode=$((${mode%% *}))
			[ $((mode & want)) = "$want" ] || fail "$who, ${PERSONALITIES[${who#s}]}:" \
				"mode $mode, with features $features"
			[[ $line != *" tdc=2/"* ]] || COMPENSATED=$((COMPENSATED + 1))
			;;
		esac
	done <"$GS_TMP/status"
}

# The emulator's delay is 5. The first dump has the driver ask for it.
delays_measured() {
	[ "$(ip -details link show | grep -cE ' tdcv 5( |$)')" -ge "$COMPENSATED" ]
}

choose() { # PROTOCOL FILE
	echo "$1" >"$2"
}

# in_elm WORD...: once more, as it is configured, in the protocol of its own where there is one.
# What comes in is from the bus, or the frame itself in loopback.
in_elm() {
	local i file iface rx tx words=("$@")

	for i in "${!IFACES[@]}"; do
		file=$GS_USB/devices/${USB_INTFS[i]}/protocol
		if ! speaks_elm "$i" $((0x${words[i]})); then
			! choose elm "$file" 2>/dev/null ||
				fail "ELM's protocol of ${PERSONALITIES[i]} with ${words[i]}"
			continue
		fi
		# busy until the RESET has been answered
		wait_for 20 "choice of ELM's protocol" choose elm "$file"
		iface=${IFACES[i]}
		get rx link_stat "$iface" rx_packets
		get tx link_stat "$iface" tx_packets
		patiently "up" ip link set "$iface" up
		eq_said "ELM mode of the device" 1 emu_status "s$i" elm
		send_from "$iface"
		wait_for 20 "frame sent in ELM's protocol" at_least $((tx + 1)) \
			link_stat "$iface" tx_packets
		emu_ok send bus="s$i" frame=123#1122
		wait_for 20 "frame received in ELM's protocol" at_least $((rx + 1)) \
			link_stat "$iface" rx_packets
		down "$iface"
		wait_for 20 "end of ELM's protocol" choose legacy "$file"
	done
}

# one_round WORD...: a feature word for each
one_round() {
	local i nets words=("$@") commands=()

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
	for i in "${!USB_INTFS[@]}"; do
		nets=("$GS_USB/devices/${USB_INTFS[i]}/net"/*)
		IFACES[i]=${nets[0]##*/}
	done

	# plain
	set_filters
	all_up "@ txqueuelen 1000 type can bitrate 500000"
	for_each "@ type can termination 120"
	blink_all
	bus_sends
	adapters_send
	have_blinked "${words[@]}"
	for_each "@ down"
	in_elm "${words[@]}"

	# all modes but listen-only, each asked for by itself. The dump asks for the state, and
	# for the measured delay.
	all_up "@ type can loopback on" "@ type can triple-sampling on" \
	       "@ type can one-shot on" "@ type can berr-reporting on" \
	       "@ type can bitrate 500000 dbitrate 2000000 fd on"
	ip -details link show >/dev/null
	all_modes_on
	adapters_send
	[ "$COMPENSATED" = 0 ] || wait_for 60 "measured delays" delays_measured
	for_each "@ down"
	in_elm "${words[@]}"

	all_up "@ type can loopback off" "@ type can triple-sampling off" \
	       "@ type can one-shot off" "@ type can berr-reporting off" \
	       "@ type can listen-only on"
	bus_sends
	for_each "@ down"

	gs_no_violations
}

# sweep STRIDE FIRST [WORD]: with one bit of it turned, or of the adapter's own
sweep() {
	local first p words

	plug_all
	for ((first = $2; first < $2 + 32; first += $1)); do
		words=()
		for p in "${!PERSONALITIES[@]}"; do
			printf -v "words[p]" %x $((${3:-${OWN[p]}} ^ 1 << (first + p) % 32))
		done
		one_round "${words[@]}"
	done
}

test_one_bit() { sweep "$STRIDE" 0 0; }
test_all_but_one() { sweep "$STRIDE" 4 0xffffffff; }
test_own() { sweep "$OWN_STRIDE" 0; }

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

ktap_run test_one_bit test_all_but_one test_own test_random
