#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Termination, identification, statistics and their documentation, error counters and
# error frames.
#
# timeout: 180
# guests: uml* qemu61 qemu612

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# A timestamp at the end of a raw frame
STAMP=00000000

one() {
	emu_ok bus name=t ack=on
	adapter a "$1" bus=t "${@:2}"
	A=$(netdev a) || fail "no interface"
}

termination() {
	link_json "$A" .linkinfo.info_data.termination
}

# ip shows what the device says at probe, and sets it
test_termination() {
	one candlelight-fd term=1
	eq "termination at first" "$(termination)" 0
	ok "on" ip link set "$A" type can termination 120
	eq "termination" "$(termination)" 120
	eq "the device's" "$(emu_status a:0 termination)" 1
	refused "60 ohm" 'invalid' ip link set "$A" type can termination 60
	up "$A"
	eq "the device's after up" "$(emu_status a:0 termination)" 1
	down "$A"
	ok "off" ip link set "$A" type can termination 0
	eq "termination" "$(termination)" 0
	eq "the device's" "$(emu_status a:0 termination)" 0
}

# CANnectivity has it on when power comes
test_termination_initial() {
	one cannectivity term=1
	eq "the device's" "$(emu_status a:0 termination)" 1
	eq "termination at first" "$(termination)" 120
}

test_termination_per_channel() {
	local b

	one cannectivity term=1 channels=2
	b=$(netdev a 1)
	ok "off" ip link set "$b" type can termination 0
	eq "channel 0" "$(emu_status a:0 termination)" 1
	eq "channel 1" "$(emu_status a:1 termination)" 0
}

test_identify() {
	one cannectivity
	ethtool -p "$A" 2 >/dev/null 2>&1 &
	wait_for 10 "identify on" is 1 emu_status a identify
	wait_for 20 "identify off" is 0 emu_status a identify
	wait $! || fail "ethtool -p"
	up "$A"
	ok "ethtool -p while up" ethtool -p "$A" 1
	eq "identify" "$(emu_status a identify)" 0
}

test_identify_refused() {
	one gs
	refused "ethtool -p" 'not supported' ethtool -p "$A" 1
}

test_ethtool_info() {
	one candlelight-fd
	ok "ethtool -i" ethtool -i "$A"
	eq "driver" "$(ethtool -i "$A" | awk '/^driver:/ { print $2 }')" "$GS_DRIVER"
	eq "bus-info" "$(ethtool -i "$A" | awk '/^bus-info:/ { print $2 }')" "$(usb_intf a)"
}

# Traffic and some errors, then all three views of a counter must agree
test_statistics_agree() {
	local name value n=0

	one candlelight-fd
	up "$A"
	capture "$GS_TMP/log" "$A"
	ok "cangen" cangen -g 0 -p 1000 -n 50 -I i -L i -D i "$A"
	emu_ok send bus=t frame=123#112233 count=30
	got "$GS_TMP/log" 80
	# an echo nobody waits for, and a frame with DLC 16
	emu_ok inject id=a hex=7700000023010000080000001122334455667788"$STAMP"
	emu_ok inject id=a hex=ffffffff23010000100000001122334455667788"$STAMP"
	wait_for 10 "count of DLC 16" is 1 stat_of "$A" rx_bad_dlc
	wait_for 10 "count of the echo" is 1 stat_of "$A" echo_unknown
	ethtool -S "$A" | sed 1d >"$GS_TMP/ethtool"
	while read -r name value; do
		eq "$name in ethtool -S" "$value" "$(stat_of "$A" "${name%:}")"
		n=$((n + 1))
	done <"$GS_TMP/ethtool"
	ge "number of counters in ethtool -S" "$n" 10
	for name in rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped; do
		value=$(link_stat "$A" "$name")
		case $name in
		rx_*) eq "$name in ip" "$(link_json "$A" ".stats64.rx.${name#rx_}")" "$value" ;;
		tx_*) eq "$name in ip" "$(link_json "$A" ".stats64.tx.${name#tx_}")" "$value" ;;
		esac
	done
	eq "rx_packets" "$(link_stat "$A" rx_packets)" 30
	eq "tx_packets" "$(link_stat "$A" tx_packets)" 50
	eq "rx_bytes" "$(link_stat "$A" rx_bytes)" 90
	eq "rx_frame_errors" "$(link_stat "$A" rx_frame_errors)" 1
	eq "rx_errors" "$(link_stat "$A" rx_errors)" 1
	ge "tx_pool_acquires" "$(stat_of "$A" tx_pool_acquires)" 50
	ge "tx_pool_reuses" "$(stat_of "$A" tx_pool_reuses)" 10
	ge "rx/transfers" "$(intf_stat a rx/transfers)" 82
}

# The files of the driver, without what is the core's: net/NAME and intf/GROUP/NAME
sysfs_files() {
	local dir

	dir=$GS_USB/devices/$(usb_intf a)
	find "/sys/class/net/$A/gs_usb_ng/" -type f | sed 's|.*/|net/|'
	find "$dir/firmware" "$dir/rx" "$dir/pool_rx" -type f |
		sed 's|.*/\([^/]*/[^/]*\)$|intf/\1|'
}

# One value a file, readable by all, writable by nobody
test_sysfs_values() {
	local dir f value n=0

	one cannectivity
	up "$A"
	dir=$GS_USB/devices/$(usb_intf a)
	for f in "/sys/class/net/$A/gs_usb_ng"/* "$dir"/{firmware,rx,pool_rx}/*; do
		n=$((n + 1))
		eq "mode of $f" "$(stat -c %a "$f")" 444
		value=$(<"$f")
		[[ $value =~ ^[0-9a-z_-]+$ ]] || fail "$f is '$value'"
	done
	ge "number of files" "$n" 30
}

# Documentation/ABI has them all, and nothing else
test_sysfs_documented() {
	local abi=$GS_DATA/../../Documentation/ABI/testing/sysfs-driver-gs_usb_ng

	one cannectivity
	[ -r "$abi" ] || fail "no $abi"
	sysfs_files | sort >"$GS_TMP/there"
	sed -n 's|^What:[[:space:]]*/sys/class/net/.*/gs_usb_ng/|net/|p
		s|^What:[[:space:]]*/sys/bus/usb/drivers/gs_usb_ng/.*/\([^/]*/[^/]*\)$|intf/\1|p' \
		"$abi" | sort >"$GS_TMP/documented"
	same "files against documentation" "$GS_TMP/there" "$GS_TMP/documented"
}

berr() {
	link_json "$A" '.linkinfo.info_data.berr_counter | "\(.tx) \(.rx)"'
}

# Error counters in ip -details, from error frames and by asking the device
test_berr_counter() {
	one candlelight-fd
	up "$A"
	eq "counters at first" "$(berr)" "0 0"
	# a change of state comes with counters
	emu_ok errors id=a ch=0 tec=100 rec=7
	wait_for 10 "counters of the error frame" is "100 7" berr
	eq "state" "$(can_state "$A")" ERROR-WARNING
	# a change within a state has to be asked for
	emu_ok errors id=a ch=0 tec=110 rec=8
	wait_for 10 "counters of the device" is "110 8" berr
}

# errors PERSONALITY: what user space sees of a channel that gets worse and better again
errors() {
	local states

	one "$1"
	up "$A"
	capture_errors "$GS_TMP/errors" "$A"
	emu_ok errors id=a ch=0 tec=100 rec=3
	wait_for 20 "warning" is ERROR-WARNING can_state "$A"
	emu_ok errors id=a ch=0 tec=140 rec=3
	wait_for 20 "passive" is ERROR-PASSIVE can_state "$A"
	emu_ok errors id=a ch=0 tec=0 rec=0
	wait_for 20 "active" is ERROR-ACTIVE can_state "$A"
	got "$GS_TMP/errors" 3
	# data[1] of each: TX_WARNING, TX_PASSIVE, ACTIVE, once each
	states=$(awk '{ sub(/.*#/, "", $3); printf "%s ", substr($3, 3, 2) }' "$GS_TMP/errors")
	eq "controller status" "$states" "08 20 40 "
	# classes: CRTL, with or without CNT, and nothing that was not asked for
	! awk '{ print substr($3, 1, 8) }' "$GS_TMP/errors" | grep -vqE '^20000[02]04$' ||
		fail "classes: $(<"$GS_TMP/errors")"
	# data[5] is private to some firmware, and counters come with CNT
	awk '{ sub(/.*#/, "", $3); exit substr($3, 11, 2) != "00" }' "$GS_TMP/errors" ||
		fail "data[5] is set: $(<"$GS_TMP/errors")"
	eq "warnings" "$(link_json "$A" .linkinfo.info_xstats.error_warning)" 1
	eq "passives" "$(link_json "$A" .linkinfo.info_xstats.error_passive)" 1
	# frames go on
	capture "$GS_TMP/log" "$A"
	emu_ok send bus=t frame=123#
	ok "cansend" cansend "$A" 321#
	got "$GS_TMP/log" 2
}

test_errors_candlelight() { errors candlelight-fd; }
test_errors_candlelight_old() { errors candlelight-old; }
test_errors_cannectivity() { errors cannectivity; }
test_errors_gs() { errors gs; }
test_errors_canable25() { errors canable25; }

ktap_run test_termination test_termination_initial test_termination_per_channel \
	test_identify test_identify_refused test_ethtool_info test_statistics_agree \
	test_sysfs_values test_sysfs_documented test_berr_counter test_errors_candlelight \
	test_errors_candlelight_old test_errors_cannectivity test_errors_gs \
	test_errors_canable25
