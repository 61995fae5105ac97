#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# USB reset, by hand and in traffic: interface, name and settings stay, traffic goes on.
#
# The transports don't forward a bus reset, so the emulator is told of it and forgets what
# that firmware forgets.
#
# timeout: 150
# guests: uml612 uml73 qemu61 qemu612-smp

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# The reset, seen by both sides
reset_usb() {
	emu_ok usbreset id="$1"
	ok "reset" usb-reset "$(usb_node "$1")"
}

settings() {
	link_json "$A" '| [.ifname, .ifindex, .linkinfo.info_data.bittiming.bitrate,
		.linkinfo.info_data.data_bittiming.bitrate, .linkinfo.info_data.ctrlmode,
		.txqlen, .mtu] | @json'
}

frames_go() {
	local n

	get n link_stat "$A" tx_packets
	capture "$GS_TMP/log" "$A"
	emu_ok send bus=t frame=123#1122 count=10
	ok "cangen" cangen -g 0 -p 1000 -n 10 -I 321 -L i -D i "$A"
	got "$GS_TMP/log" 20
	stop_capture
}

reset_up() {
	local before

	one "$1"
	up_fd "$A" bitrate 250000 dbitrate 1000000
	frames_go
	before=$(settings)
	reset_usb a
	on_bus "$A" a:0
	eq "settings" "$(settings)" "$before"
	eq_said "rate" 250000 emu_status a:0 rate
	eq_said "data rate" 1000000 emu_status a:0 drate
	is_up "$A" || fail "$A is down"
	frames_go
	reset_usb a
	frames_go
	down "$A"
	pools_empty a
}

test_up_candlelight() { reset_up candlelight-fd; }
test_up_cannectivity() { reset_up cannectivity; }

test_down() {
	one candlelight-fd
	reset_usb a
	eq_said "started" 0 emu_status a:0 started
	pools_empty a
	up "$A"
	frames_go
}

# Frames on their way are dropped and counted, the sender goes on
test_under_traffic() {
	local round n index

	one candlelight-fd
	index=$(<"/sys/class/net/$A/ifindex")
	up "$A" bitrate 125000
	capture "$GS_TMP/noise" "$A"
	cangen -g 0 -p 5000 -I 321 -L 8 -D i "$A" >/dev/null 2>&1 &
	# more urgent, or there would be no place for it on the bus
	emu_ok send bus=t frame=001#1122334455667788 count=100000 gap=3000
	for round in 1 2 3; do
		get n link_stat "$A" tx_packets
		wait_for 20 "frames sent, round $round" at_least $((n + 20)) \
			link_stat "$A" tx_packets
		reset_usb a
		get n link_stat "$A" rx_packets
		wait_for 20 "frames received, round $round" at_least $((n + 20)) \
			link_stat "$A" rx_packets
	done
	get n link_stat "$A" tx_packets
	wait_for 20 "frames sent after all" at_least $((n + 20)) link_stat "$A" tx_packets
	eq "index of the interface" "$(<"/sys/class/net/$A/ifindex")" "$index"
	down "$A"
	pools_empty a
}

# A channel that stays in bus-off does so over a reset, and can be restarted after it
test_bus_off() {
	one candlelight-fd
	up "$A" restart-ms 0
	emu_ok busoff id=a ch=0
	wait_for 20 "state bus-off" is BUS-OFF can_state "$A"
	reset_usb a
	eq_said "state" BUS-OFF can_state "$A"
	patiently "restart" ip link set "$A" type can restart
	wait_for 20 "state error-active" is ERROR-ACTIVE can_state "$A"
	frames_go
}

# Channels that were down stay down
test_two_channels() {
	one cannectivity channels=2
	up "$A"
	reset_usb a
	wait_for 20 "start of channel 0" is 1 emu_status a:0 started
	eq_said "channel 1 started" 0 emu_status a:1 started
	frames_go
}

ktap_run test_up_candlelight test_up_cannectivity test_down test_bus_off test_two_channels \
	test_under_traffic
