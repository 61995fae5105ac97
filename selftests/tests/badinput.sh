#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A device that lies: what it sends is counted and dropped, said a bounded number of times,
# and harms neither the channel, nor its neighbour, nor the pools.
#
# timeout: 500
# guests: uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# More than these are a flood; the kernel's own limit is 10 in 5 seconds for each message
MESSAGES=100

# One adapter with two channels, each on a bus of its own
two_channels() {
	emu_ok bus name=x ack=on
	emu_ok bus name=y ack=on
	adapter a "$1" channels=2 bus=x,y "${@:2}"
	get A netdev a 0 || fail "no channel 0"
	get B netdev a 1 || fail "no channel 1"
	up "$A"
	up "$B"
}

# Both channels, both directions
alive() {
	local iface bus

	for iface in "$A:x" "$B:y"; do
		bus=${iface#*:}
		iface=${iface%:*}
		capture "$GS_TMP/alive" "$iface"
		emu_ok send bus="$bus" frame=5A5#112233 count=5
		ok "cangen" cangen -g 0 -p 1000 -n 5 -I 5A6 -L i -D i "$iface"
		got "$GS_TMP/alive" 10
		stop_capture
		[ "$(frames "$GS_TMP/alive" | grep -c '^5A5#112233$')" = 5 ] ||
			fail "frames received on $iface: $(frames "$GS_TMP/alive" | tr '\n' ' ')"
	done
	bounded
}

bounded() {
	le_said "lines in the kernel log" "$MESSAGES" log_count "$GS_DRIVER"
}

le32() {
	printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) \
		$(($1 >> 24 & 255))
}

# frame ECHO_ID CAN_ID DLC CHANNEL FLAGS [DATA]: hex of a classic IN frame with timestamp
frame() {
	printf '%s%s%02x%02x%02x00%s%s' "$(le32 "$1")" "$(le32 "$2")" "$3" "$4" "$5" \
		"${6:-1122334455667788}" 00000000
}

RX=0xffffffff

inject() {
	emu_ok inject id=a hex="$1" count="${2:-1}"
}

test_bad_channel() {
	two_channels candlelight-bx
	inject "$(frame "$RX" 0x123 8 2 0)" 3
	inject "$(frame "$RX" 0x123 8 255 0)" 2
	inject "$(frame 5 0x123 8 77 0)" 1
	wait_for 10 "6 bad channels" is 6 intf_stat a rx/bad_channel
	alive
}

# Every length below a whole frame, and what lies between classic and FD
test_short() {
	local len hex all

	two_channels candlelight-fd
	all=$(frame "$RX" 0x123 8 0 0)
	for ((len = 1; len <= 23; len++)); do
		inject "${all:0:2*len}"
	done
	wait_for 10 "23 short transfers" is 23 intf_stat a rx/short
	eq_said "frames received" 0 link_stat "$A" rx_packets
	# FD frames cut short
	down "$A"
	up_fd "$A"
	hex=$(frame "$RX" 0x123 15 0 2)$(printf '%0112d' 0)
	eq "bytes of a whole FD frame" $((${#hex} / 2)) 80
	for len in 12 20 24 60 75 76 79; do
		inject "${hex:0:2*len}"
	done
	wait_for 10 "30 short transfers" is 30 intf_stat a rx/short
	inject "$hex"
	wait_for 10 "the whole one" is 1 link_stat "$A" rx_packets
	alive
}

test_empty() {
	two_channels candlelight-bx
	inject "" 40
	wait_for 10 "40 empty transfers" is 40 intf_stat a rx/empty
	alive
}

# 436 bytes in one transfer, as many as fit: one frame and padding
test_giant() {
	two_channels cannectivity
	inject "$(frame "$RX" 0x123 8 0 0)$(printf '%0824d' 0)" 3
	wait_for 10 "frames" is 3 link_stat "$A" rx_packets
	eq_said "bytes after the frames" $((3 * 412)) intf_stat a rx/trailing_bytes
	alive
}

test_bad_dlc() {
	local dlc

	two_channels candlelight-bx
	for dlc in 16 17 64 128 255; do
		inject "$(frame "$RX" 0x123 "$dlc" 0 0)"
	done
	wait_for 10 "5 bad DLCs" is 5 stat_of "$A" rx_bad_dlc
	eq_said "rx_frame_errors" 5 link_stat "$A" rx_frame_errors
	# 9 to 15 are 8 bytes
	inject "$(frame "$RX" 0x123 15 0 0)"
	wait_for 10 "frame with DLC 15" is 1 link_stat "$A" rx_packets
	eq_said "bytes" 8 link_stat "$A" rx_bytes
	alive
}

# A remote frame can't be FD
test_rtr_fd() {
	two_channels candlelight-fd
	down "$A"
	up_fd "$A"
	inject "$(frame "$RX" 0x40000123 8 0 2)$(printf '%0112d' 0)" 2
	wait_for 10 "2 bad flags" is 2 stat_of "$A" rx_bad_flags
	alive
}

test_fd_on_classic() {
	two_channels candlelight-fd
	inject "$(frame "$RX" 0x123 8 0 2)$(printf '%0112d' 0)" 2
	wait_for 10 "2 FD frames" is 2 stat_of "$A" rx_fd_off
	eq_said "rx_dropped" 2 link_stat "$A" rx_dropped
	alive
}

# A frame for a channel that is down is nobody's
test_stopped_channel() {
	two_channels candlelight-bx
	down "$B"
	inject "$(frame "$RX" 0x123 8 1 0)" 2
	inject "$(frame 3 0x123 8 1 0)" 2
	wait_for 10 "4 frames for a stopped channel" is 4 stat_of "$B" rx_stopped
	up "$B"
	alive
}

test_unknown_echo() {
	local id

	two_channels candlelight-bx
	for id in 0 5 31 32 64 255 256 0x7fffffff 0xfffffffe 0xffffff00; do
		inject "$(frame "$id" 0x123 8 0 0)"
	done
	wait_for 10 "10 unknown echoes" is 10 stat_of "$A" echo_unknown
	eq_said "frames sent" 0 link_stat "$A" tx_packets
	alive
	pool_ok
}

# Nothing in use, nothing released twice
pool_ok() {
	wait_for 10 "end of all frames" is 0 stat_of "$A" tx_pool_in_use
	eq_said "releases too many" 0 stat_of "$A" tx_pool_over_releases
	down "$A"
	down "$B"
	pools_empty a 0
	pools_empty a 1
}

test_duplicate_echo() {
	two_channels candlelight-bx
	emu_ok fault id=a what=dup-echo n=10
	ok "cangen" cangen -g 0 -p 1000 -n 20 -I i -L i -D i "$A"
	wait_for 10 "20 frames" is 20 link_stat "$A" tx_packets
	extra_echoes() {
		[ $(($(stat_of "$A" echo_unknown) + $(stat_of "$A" echo_duplicate) + \
		     $(stat_of "$A" echo_stale))) = 10 ]
	}
	wait_for 10 "10 echoes too many" extra_echoes
	alive
	pool_ok
}

test_late_echo() {
	two_channels candlelight-bx
	emu_ok fault id=a what=late-echo n=5 us=200000
	ok "cangen" cangen -g 0 -p 1000 -n 20 -I i -L i -D i "$A"
	wait_for 10 "20 frames" is 20 link_stat "$A" tx_packets
	alive
	pool_ok
}

test_swapped_echo() {
	two_channels candlelight-bx
	unlimited "$A" x
	emu_ok fault id=a what=swap-echo n=5
	ok "cangen" cangen -g 0 -p 1000 -n 20 -I i -L i -D i "$A"
	wait_for 10 "20 frames" is 21 link_stat "$A" tx_packets
	alive
	pool_ok
}

# A firmware that says "overflow" with a frame: the frame is good, others are lost
test_overflow() {
	two_channels cannectivity
	capture_errors "$GS_TMP/errors" "$A"
	inject "$(frame "$RX" 0x123 8 0 1)" 2
	wait_for 10 "2 frames" is 2 link_stat "$A" rx_packets
	wait_for 10 "2 overflows" is 2 stat_of "$A" rx_overflow
	eq_said "rx_over_errors" 2 link_stat "$A" rx_over_errors
	got "$GS_TMP/errors" 2
	# CAN_ERR_CRTL with RX_OVERFLOW
	eq "error frames" "$(frames "$GS_TMP/errors" | cut -c 1-13 | sort -u)" 20000004#0001
	alive
}

# Rubbish of all kinds while both channels are at work
test_rubbish_under_traffic() {
	local i

	two_channels candlelight-bx
	capture "$GS_TMP/log" "$A"
	cangen -g 2 -p 1000 -n 100 -I i -L i -D i "$A" &
	for i in 1 2 3; do
		inject "$(frame "$RX" 0x123 16 0 0)" 50
		inject "$(frame 77 0x123 8 0 0)" 50
		inject "$(frame "$RX" 0x123 8 9 0)" 50
		inject 00 50
		inject "" 50
	done
	got "$GS_TMP/log" 100
	bus_idle x
	bus_frames x >"$GS_TMP/bus"
	frames "$GS_TMP/log" >"$GS_TMP/frames"
	same "bus against candump" "$GS_TMP/bus" "$GS_TMP/frames"
	wait_for 10 "all of it" is 150 stat_of "$A" rx_bad_dlc
	alive
}

# flood WHAT COUNTER COMMAND...: a device that does nothing else, thousands of times, writes a
# few lines a second: the driver's limit is 10 in 5 seconds, and one says how many were left out
flood() {
	local what=$1 stat=$2 began n s

	shift 2
	gs_mark "flood: $what"
	gs_now
	began=$GS_NOW
	"$@"
	wait_for 60 "end of the flood: $what" "$stat"
	gs_now
	s=$(((GS_NOW - began) / 100 + 1))
	get n log_count "$GS_DRIVER"
	note "$what: $n lines in $s s"
	le "lines in the kernel log: $what" "$n" $((3 * s + 15))
}

test_floods() {
	two_channels candlelight-bx
	flooded() {
		[ "$(intf_stat a rx/bad_channel)" = 10000 ]
	}
	flood "bad channel" flooded inject "$(frame "$RX" 0x123 8 9 0)" 10000
	flooded() {
		[ "$(stat_of "$A" rx_bad_dlc)" = 10000 ]
	}
	flood "bad DLC" flooded inject "$(frame "$RX" 0x123 99 0 0)" 10000
	flooded() {
		[ "$(stat_of "$A" echo_unknown)" = 10000 ]
	}
	flood "unknown echo" flooded inject "$(frame 31 0x123 8 0 0)" 10000
	flooded() {
		[ "$(intf_stat a rx/short)" = 10000 ]
	}
	flood "short" flooded inject 112233 10000
	# Those that wait fail all at once, again and again with longer pauses. (xHCI tries again
	# by itself what failed on the wire.)
	flooded() {
		[ "$(intf_stat a rx/urb_errors)" -ge 150 ]
	}
	if [ "$GS_GUEST" != qemu ]; then
		flood "IN errors" flooded emu_ok fault id=a what=in-status status=proto n=200
		emu_ok fault id=a what=none
	fi
	alive
	pool_ok
}

# A bus-off that can't be left, with a restart-ms of a moment: each try is a line of the CAN core
test_restart_flood() {
	local began n

	two_channels candlelight-bx
	down "$A"
	up "$A" restart-ms 1
	emu_ok fault id=a what=stall req=2 count=100000
	emu_ok busoff id=a ch=0
	wait_for 20 "state bus-off" is BUS-OFF can_state "$A"
	gs_now
	began=$GS_NOW
	some_time() {
		gs_now
		[ $((GS_NOW - began)) -ge 400 ]
	}
	wait_for 20 "4 seconds" some_time
	get n log_count "$GS_DRIVER|can[0-9]+:"
	note "$n lines in $((GS_NOW - began)) hundredths of a second"
	le "lines in the kernel log" "$n" $((3 * (GS_NOW - began) / 100 + 15))
	emu_ok fault id=a what=none
	wait_for 20 "state error-active" is ERROR-ACTIVE can_state "$A"
	alive
}

# Transfers that fail: the frame is an error, the pipe goes on
test_in_errors() {
	local status

	two_channels candlelight-bx
	for status in proto crc babble timeout; do
		emu_ok fault id=a what=in-status status="$status" n=2
	done
	alive
	# xHCI tries again by itself what failed on the wire
	ge_said "failed transfers" 1 intf_stat a rx/urb_errors
}

test_in_stall() {
	two_channels candlelight-bx
	emu_ok fault id=a what=in-status status=stall n=1
	wait_for 20 "failed transfer" at_least 1 intf_stat a rx/urb_errors
	alive
}

out_errors() {
	two_channels candlelight-bx
	# one stall fails all that is queued; another would wait for what comes later
	emu_ok fault id=a what=out-status status="$1" n=1
	ok "cangen" cangen -g 0 -p 1000 -n 20 -I i -L i -D i "$A"
	all_done() {
		[ $(($(link_stat "$A" tx_packets) + $(link_stat "$A" tx_errors))) = 20 ]
	}
	wait_for 20 "end of all frames" all_done
	ge_said "tx_errors" 1 link_stat "$A" tx_errors
	alive
	pool_ok
}

# In UML only: xHCI tries again by itself what failed on the wire, and QEMU's then hands over
# once more what it has queued behind it
test_out_proto() { out_errors proto; }
test_out_stall() { out_errors stall; }

# probe_with FAULT REQUEST WORD...: adapter a meets a request that fails
probe_with() {
	local what=$1 req=$2

	shift 2
	emu_ok bus name=x ack=on
	emu_ok add id=a serial=GS-a bus=x plug=0 "$@"
	emu_ok fault id=a what="$what" req="$req" count=100
	emu_ok plug id=a
	wait_for 20 "adapter on the USB" gs_usb_dev a
}

probed_without() {
	wait_for 30 "driver bound" gs_bound a
	get A netdev a || fail "no interface"
	emu_ok fault id=a what=none
	up "$A"
	capture "$GS_TMP/log" "$A"
	emu_ok send bus=x frame=123#
	got "$GS_TMP/log" 1
	down "$A"
}

# TERMINATION and BT_CONST_EXT are features, TIMESTAMP a question of detail
test_probe_termination_stalls() {
	probe_with stall 13 personality=candlelight-fd term=1
	probed_without
	refused "termination" 'supported|configurable' ip link set "$A" type can termination 120
}

test_probe_bt_const_ext_stalls() {
	probe_with stall 11 personality=candlelight-fd
	probed_without
	refused "fd" 'supported' ip link set "$A" type can bitrate 500000 \
		dbitrate 2000000 fd on
}

test_probe_bt_const_ext_short() {
	probe_with short 11 personality=candlelight-fd
	probed_without
	refused "fd" 'supported' ip link set "$A" type can bitrate 500000 \
		dbitrate 2000000 fd on
}

test_timestamp_stalls() {
	probe_with stall 6 personality=candlelight-fd
	probed_without
}

test_get_state_stalls() {
	probe_with stall 14 personality=candlelight-fd
	probed_without
	up "$A"
	emu_ok fault id=a what=stall req=14 count=100
	ok "ip -details" ip -details link show "$A"
	capture "$GS_TMP/log" "$A"
	emu_ok send bus=x frame=123#
	got "$GS_TMP/log" 1
}

# refused_probe FAULT REQUEST: without these there is no device. One line says so; when the
# device is better, the driver can be bound.
refused_probe() {
	probe_with "$1" "$2" personality=candlelight-fd
	wait_for 30 "refusal" log_has "$GS_DRIVER .*failed"
	failed() {
		log_has 'probe (of|with driver).*failed'
	}
	wait_for 30 "end of probe" failed
	eq "driver" "$(intf_driver "$(usb_intf a)")" ""
	# ours, and the one of the driver core
	le "lines in the kernel log" "$(log_count "$GS_DRIVER [0-9].*(failed|limits)")" 2
	emu_ok fault id=a what=none
	gs_bind "$(usb_intf a)" || fail "bind"
	probed_without
}

test_probe_host_format_stalls() { refused_probe stall 0; }
test_probe_device_config_stalls() { refused_probe stall 5; }
test_probe_device_config_short() { refused_probe short 5; }
test_probe_device_config_empty() { refused_probe zero 5; }
test_probe_bt_const_stalls() { refused_probe stall 4; }
test_probe_device_config_timeout() { refused_probe timeout 5; }

# The first request is tried again: some hosts lose it
test_probe_host_format_retried() {
	emu_ok bus name=x ack=on
	emu_ok add id=a serial=GS-a bus=x plug=0 personality=candlelight-fd
	emu_ok fault id=a what=timeout req=0 count=1
	emu_ok plug id=a
	wait_for 20 "adapter on the USB" gs_usb_dev a
	probed_without
}

# Requests that fail at open: up fails, with nothing left behind, and works the next time
open_fails() {
	emu_ok bus name=x ack=on
	adapter a candlelight-fd bus=x
	get A netdev a
	emu_ok fault id=a what="$1" req="$2" count=1
	refused "up" '.' ip link set "$A" up type can bitrate 500000 dbitrate 2000000 fd on
	pools_empty a
	up_fd "$A"
	capture "$GS_TMP/log" "$A"
	emu_ok send bus=x frame=123#
	got "$GS_TMP/log" 1
	down "$A"
	pools_empty a
}

test_open_bittiming_stalls() { open_fails stall 1; }
test_open_data_bittiming_stalls() { open_fails stall 10; }
test_open_mode_stalls() { open_fails stall 2; }
test_open_mode_timeout() { open_fails timeout 2; }

out_proto=()
[ "$GS_GUEST" = qemu ] || out_proto=(test_out_proto)
ktap_run test_bad_channel test_short test_empty test_giant test_bad_dlc test_rtr_fd \
	test_fd_on_classic test_stopped_channel test_unknown_echo test_duplicate_echo \
	test_late_echo test_swapped_echo test_overflow test_rubbish_under_traffic \
	test_floods test_restart_flood test_in_errors test_in_stall test_out_stall \
	test_probe_termination_stalls test_probe_bt_const_ext_stalls \
	test_probe_bt_const_ext_short test_timestamp_stalls test_get_state_stalls \
	test_probe_host_format_stalls test_probe_device_config_stalls \
	test_probe_device_config_short test_probe_device_config_empty \
	test_probe_bt_const_stalls test_probe_device_config_timeout \
	test_probe_host_format_retried test_open_bittiming_stalls \
	test_open_data_bittiming_stalls test_open_mode_stalls test_open_mode_timeout \
	"${out_proto[@]}"
