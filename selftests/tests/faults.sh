#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel has no memory, for a moment: one allocation after the other fails in probe, open,
# close, unbind, reset and send, until none is left that did not; and those that the receiving
# softirq and the work items make fail in rows. What fails does so cleanly and works the next
# time, a frame that is lost is counted, nothing leaks. On dummy_hcd the same with the record that
# the host controller makes of each transfer, and, one after the other, with those allocations that the
# driver makes in reset, sleep, receive and recovery, whatever the context.
#
#	GS_TEST_SITES=1		every allocation; otherwise those of the longer paths are sampled
#
# timeout: 1200
# guests: uml612

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

SLAB=/sys/kernel/slab
DEBUG=/sys/kernel/debug
# the end of all addresses
TOP=0xffffffffffffffff

set_to() {
	echo "$2" >"$1" || fail "$1 can't be set to $2"
}

# Nothing fails but what the calling task asks for
attributes() {
	local cache f

	[ -e "$DEBUG/failslab" ] || fail "no fault injection in this kernel"
	for f in failslab fail_page_alloc; do
		set_to "$DEBUG/$f/probability" 0
		set_to "$DEBUG/$f/verbose" 0
		set_to "$DEBUG/$f/times" -1
		set_to "$DEBUG/$f/interval" 1
		set_to "$DEBUG/$f/task-filter" N
		set_to "$DEBUG/$f/ignore-gfp-wait" N
		set_to "$DEBUG/$f/space" 0
		called_from "$f" 0 "$TOP"
		set_to "$DEBUG/$f/reject-start" 0
		set_to "$DEBUG/$f/reject-end" 0
	done
	set_to "$DEBUG/fail_page_alloc/min-order" 0
	for cache in "$SLAB"/*; do
		caches 1 "$cache"
	done
	spare_vhci
	set_to "$DEBUG/failslab/cache-filter" Y
}

# When vhci_hcd has no memory for its own record of a transfer, or of one that is killed, it
# unplugs the device and never gives the transfer back. So caches of that size are spared.
spare_vhci() {
	caches 0 "$SLAB/kmalloc-64"
	[ "${1:-}" != kill ] || caches 0 "$SLAB/kmalloc-32"
}

# caches 0|1 DIRECTORY...: may their allocations fail?
caches() {
	local may=$1 cache

	shift
	for cache; do
		[ -L "$cache" ] || set_to "$cache/failslab" "$may"
	done
}

# called_from KIND FIRST END: nothing fails but what has such an address among its callers
called_from() {
	set_to "$DEBUG/$1/require-start" "$2"
	set_to "$DEBUG/$1/require-end" "$3"
}

# fails KIND INTERVAL [WORD VALUE...]: from now on every so many allocations fail
fails() {
	local kind=$1 interval=$2

	shift 2
	while [ $# -gt 0 ]; do
		set_to "$DEBUG/$kind/$1" "$2"
		shift 2
	done
	set_to "$DEBUG/$kind/interval" "$interval"
	set_to "$DEBUG/$kind/probability" 100
}

succeeds() {
	set_to "$DEBUG/$1/probability" 0
}

one() {
	attributes
	emu_ok bus name=t ack=on fast=1
	adapter a "$@" bus=t
	get A netdev a || fail "no interface"
	STATS=/sys/class/net/$A/gs_usb_ng
	get INTF usb_intf a
}

# Frames in both directions
talk() {
	local n

	get n link_stat "$A" tx_packets
	capture "$GS_TMP/talk" "$A" -D
	emu_ok send bus=t frame=5A5#112233 count=5
	ok "cangen" cangen -g 0 -p 1000 -n 5 -I 5A6 -L i -D i "$A"
	got "$GS_TMP/talk" 10
	stop_capture
	wait_for 20 "frames sent" is $((n + 5)) link_stat "$A" tx_packets
}

# sites LEAST STEP DO UNDO [FILE...]: every STEP-th allocation of DO
sites() {
	local least=$1 step=$2 said

	shift 2
	[ "${GS_TEST_SITES:-}" != 1 ] || step=1
	said=$(fail-nth 1 "$step" "$@" 2>&1) || fail "$1: $said"
	note "$1: $said (every $step)"
	said=${said#sites=}
	ge "allocations in $1" "${said%% *}" "$least"
}

test_probe() {
	one candlelight-fd channels=2 term=1
	gs_unbind "$INTF" || fail "unbind"
	sites 30 7 "write:$GS_USB/drivers/$GS_DRIVER/bind:$INTF" \
		"write:$GS_USB/drivers/$GS_DRIVER/unbind:$INTF"
	gs_bind "$INTF" || fail "bind"
	get A netdev a || fail "no interface"
	up_fd "$A"
	talk
}

closed() {
	local iface=/sys/class/net/$A/gs_usb_ng intf=$GS_USB/devices/$INTF

	CLOSED=("$iface"/tx_pool_{in_use,capacity,over_releases}
		"$intf"/pool_rx/{in_use,capacity,over_releases} "$intf/firmware/in_flight")
}

test_open() {
	one candlelight-fd
	up_fd "$A"
	down "$A"
	closed
	sites 20 1 "up:$A" "down:$A" "${CLOSED[@]}"
	pools_empty a
	up_fd "$A"
	talk
}

# The protocol of CANable 2.5 has pools and transfers of its own
test_open_elm() {
	local protocol

	one canable25
	# the same file by a path without a colon
	protocol=/sys/class/net/$A/device/protocol
	sites 1 1 "write:$protocol:elm" "write:$protocol:legacy"
	set_to "$protocol" elm
	up_fd "$A"
	down "$A"
	closed
	sites 20 1 "up:$A" "down:$A" "${CLOSED[@]}"
	up_fd "$A"
	sites 3 1 "send:$A" none "$STATS/tx_pool_in_use"
	talk
	down "$A"
	pools_empty a
}

# What can't be said to the device for want of memory doesn't keep the interface open
test_close() {
	local again

	one candlelight-fd
	spare_vhci kill
	up "$A"
	sites 1 1 "down:$A" "up:$A"
	get again link_stat "$A" rx_packets
	talk
	eq_said "frames received" $((again + 5)) link_stat "$A" rx_packets
	down "$A"
	pools_empty a
}


# The driver lets go whatever happens: it can be bound at once
test_unbind() {
	local drv=$GS_USB/drivers/$GS_DRIVER

	one candlelight-fd
	spare_vhci kill
	up "$A"
	gs_unbind "$INTF" || fail "unbind"
	gs_bind "$INTF" || fail "bind"
	sites 3 1 "write:$drv/unbind:$INTF" "write:$drv/bind:$INTF"
	get A netdev a || fail "no interface"
	up "$A"
	talk
}

# A reset is what a resume is: the channel stopped, the device programmed anew. What fails in
# that is tried again. Where the USB core itself gives up, it enumerates the device anew.
test_reset() {
	one candlelight-fd
	spare_vhci kill
	up_fd "$A"
	reset_sites 5
	down "$A"
	pools_empty a
}

# reset_sites STEP
reset_sites() {
	local n=1 step=$1 said failed=0 gone=0 node

	[ "${GS_TEST_SITES:-}" != 1 ] || step=1
	while :; do
		get node usb_node a
		said=$(fail-nth "$n" "$step" "reset:$node" none 2>&1) && break
		[[ $said = gone=* ]] || fail "reset: $said"
		said=${said#gone=}
		n=$((${said%% *} + step))
		failed=$((failed + ${said#*failed=}))
		gone=$((gone + 1))
		wait_for 20 "driver bound anew" bound_anew a "$node"
		get A netdev a || fail "no interface"
		is_up "$A" || up_fd "$A"
	done
	note "reset: $said (every $step), $failed failed, $gone times enumerated anew"
	on_bus "$A" a:0
	carrier "$A"
	talk
}

# Every frame that a socket gave is sent, or refused with an error, or counted as dropped
test_send() {
	local sent dropped said

	one candlelight-fd
	up "$A"
	sites 3 1 "send:$A" none "$STATS/tx_pool_in_use"
	get sent link_stat "$A" tx_packets
	get dropped stat_of "$A" tx_no_skb
	note "sent $sent, no skb for $dropped"
	eq_said "tx_dropped" "$dropped" link_stat "$A" tx_dropped
	bus_idle t
	eq "frames on the bus" "$(bus_frames t | wc -l)" "$sent"
	talk
}

# Only these caches' allocations fail, if they must not wait
only() {
	local cache

	for cache in "$SLAB"/*; do
		caches 0 "$cache"
	done
	for cache; do
		caches 1 "$SLAB/$cache"
	done
	set_to "$DEBUG/failslab/ignore-gfp-wait" Y
}

# receives N: so many frames come, each is received or counted as lost
receives() {
	local rx lost

	get rx link_stat "$A" rx_packets
	get lost stat_of "$A" rx_no_skb
	emu_ok send bus=t frame=123#1122334455667788 count="$1"
	all_in() {
		[ $(($(link_stat "$A" rx_packets) + $(stat_of "$A" rx_no_skb))) = $((rx + lost + $1)) ]
	}
	wait_for 30 "$1 frames" all_in "$1"
	LOST=$(($(stat_of "$A" rx_no_skb) - lost))
	eq_said "rx_dropped" $((lost + LOST)) link_stat "$A" rx_dropped
	note "$1 frames came, $LOST were lost"
}

# No skb for a frame: it is lost and counted, and its transfer goes on
receive_without_skb() {
	one candlelight-fd
	up "$A"
	ok "copybreak" ethtool --set-tunable "$A" rx-copybreak "$1"
	only skbuff_head_cache
	fails failslab 3
	receives 500
	succeeds failslab
	ge "frames lost" "$LOST" 1
	le "frames lost" "$LOST" 499
	receives 500
	eq "frames lost with memory" "$LOST" 0
	eq_said "transfers waiting" "$(intf_stat a pool_rx/capacity)" emu_status a in_pending
	talk
}

test_receive_in_place() { receive_without_skb 0; }
test_receive_copied() { receive_without_skb 72; }

# Error frames are news for user space; what they tell is acted on without them
test_state_without_skb() {
	one candlelight-fd
	up "$A" restart-ms 200
	only skbuff_head_cache
	fails failslab 1
	emu_ok busoff id=a ch=0
	restarted() {
		[ "$(link_json "$A" .linkinfo.info_xstats.restarts)" = 1 ]
	}
	wait_for 20 "restart" restarted
	succeeds failslab
	wait_for 20 "state error-active" is ERROR-ACTIVE can_state "$A"
	talk
}

# The work items' requests to the device fail for a while. Setup packets and URBs are of these
# caches; what they make fail is tried again.
work_without() {
	local p

	only kmalloc-8 kmalloc-192
	for p in /proc/[0-9]*; do
		gs_read "$p/comm"
		[[ $GS_VALUE != kworker/* && $GS_VALUE != kthreadd ]] ||
			set_to "$p/make-it-fail" 1
	done
	fails failslab 1 task-filter Y ignore-gfp-wait N times "$1"
}

# used_up [KIND]: as many have failed as were to
used_up() {
	gs_read "$DEBUG/${1:-failslab}/times"
	[ "$GS_VALUE" = 0 ]
}

test_restart_without_memory() {
	one candlelight-fd
	up "$A" restart-ms 10
	work_without 3
	emu_ok busoff id=a ch=0
	wait_for 30 "failed allocations" used_up
	wait_for 30 "state error-active" is ERROR-ACTIVE can_state "$A"
	succeeds failslab
	talk
}

test_in_halt_without_memory() {
	one candlelight-fd
	up "$A"
	work_without 3
	emu_ok fault id=a what=in-status status=stall n=1
	wait_for 30 "failed allocations" used_up
	succeeds failslab
	talk
	eq_said "transfers waiting" "$(intf_stat a pool_rx/capacity)" emu_status a in_pending
}

test_out_halt_without_memory() {
	one candlelight-fd
	up "$A"
	work_without 2
	emu_ok fault id=a what=out-status status=stall n=1
	all_out() {
		[ $(($(link_stat "$A" tx_packets) + $(link_stat "$A" tx_errors))) = "$1" ]
	}
	# each that meets the halt has it cleared once more
	for n in 1 2 3 4 5; do
		ok "cansend" cansend "$A" 123#11
		wait_for 20 "end of frame $n" all_out "$n"
	done
	used_up || fail "no allocation failed"
	succeeds failslab
	ge_said "frames lost" 1 link_stat "$A" tx_errors
	talk
}

# dummy_hcd's record of a transfer, kmalloc-128, is the one thing that submitting one allocates:
# without it usb_submit_urb() says -ENOMEM. These are about a frame's transfer that fails so, and
# about transfers of the IN pipe, which must never be fewer.
RECORD=kmalloc-128

# on_dummy [WORD...]
on_dummy() {
	GS_TRANSPORT=gadget
	one candlelight-fd "$@"
	URBS=/sys/devices/platform/dummy_hcd.$(emu_status a port)/urbs
	[ -r "$URBS" ] || fail "no $URBS"
}

# in_transfers N: so many are queued
in_transfers() {
	local all line n=0

	mapfile -t all <"$URBS"
	for line in "${all[@]}"; do
		[[ $line != *" ep1in-bulk "* ]] || n=$((n + 1))
	done
	[ "$n" = "$1" ]
}

# All transfers of the IN pipe are with the controller
all_in_flight() {
	gs_read "/sys/class/net/$A/device/pool_rx/capacity"
	wait_for 20 "all IN transfers queued" in_transfers "$GS_VALUE"
}

# What came to the device from the bus has come to the interface
all_received() {
	bus_idle t
	wait_for 20 "frames of the device" is "$(emu_status a:0 rx)" link_stat "$A" rx_packets
}

# both_ways N: frames from the bus, and to it. None from the bus is lost, and each of the others
# comes back or is counted.
both_ways() {
	local tx

	tx=$(done_with)
	emu_ok send bus=t frame=7FF#1122334455667788 count="$1" gap=2000
	ok "cangen" cangen -g 2 -p 1000 -n "$1" -I 5A6 -L 8 -D i "$A"
	all_received
	wait_for 30 "$1 frames sent or lost" is $((tx + $1)) done_with
	eq "frames lost" "$(link_stat "$A" tx_errors)" "$(stat_of "$A" tx_urb_errors)"
}

done_with() {
	echo $(($(link_stat "$A" tx_packets) + $(link_stat "$A" tx_errors)))
}

# Each third transfer can't be submitted, then more in a row than there are
test_submit_in_rows() {
	local n

	on_dummy
	up "$A"
	all_in_flight
	only "$RECORD"
	fails failslab 3
	both_ways 150
	succeeds failslab
	ge_said "IN transfers refused" 20 intf_stat a rx/submit_errors
	ge_said "OUT transfers refused" 5 stat_of "$A" tx_urb_errors
	all_in_flight

	fails failslab 1 times 40
	emu_ok send bus=t frame=7FF#1122334455667788 count=200 gap=1000
	wait_for 30 "failed allocations" used_up
	succeeds failslab
	all_received
	all_in_flight
	get n stat_of "$A" tx_urb_errors
	both_ways 20
	eq_said "OUT transfers refused with memory" "$n" stat_of "$A" tx_urb_errors
	eq_said "USB resets" 0 intf_stat a recovery/usb_resets
	talk
}

# A frame whose transfer is refused is counted, and the next one is sent. (The other allocations of
# a send are the same on any controller: test_send.)
test_submit_send() {
	local n

	on_dummy
	up "$A"
	only "$RECORD"
	for n in 1 2 3; do
		# one frame that meets with it and one that doesn't
		sites 0 1 "send:$A" none "$STATS/tx_pool_in_use"
		wait_for 20 "frame after the refused one" is "$n" link_stat "$A" tx_packets
		eq_said "OUT transfers refused" "$n" stat_of "$A" tx_urb_errors
		eq_said "frames lost" "$n" link_stat "$A" tx_errors
	done
	bus_idle t
	eq "frames on the bus" "$(bus_frames t | wc -l)" "$n"
	all_in_flight
	talk
}

# What opens without a transfer gets it later
test_submit_open() {
	on_dummy
	up "$A"
	all_in_flight
	closed
	IN_ALL=$(intf_stat a pool_rx/capacity):ep1in:$URBS
	down "$A"
	only "$RECORD"
	set_to "$DEBUG/failslab/ignore-gfp-wait" N
	sites "${IN_ALL%%:*}" 1 "up:$A" "down:$A" "${CLOSED[@]}" "$IN_ALL"
	pools_empty a
	up "$A"
	talk
}

# What the driver itself has of the size of vhci_hcd's records, which are spared elsewhere: here the
# host controller's are of another
test_own_records() {
	on_dummy
	up_fd "$A"
	down "$A"
	closed
	caches 1 "$SLAB/kmalloc-64"
	caches 0 "$SLAB/$RECORD"
	sites 20 1 "up:$A" "down:$A" "${CLOSED[@]}"
	pools_empty a
	up_fd "$A"
	talk
}

test_submit_reset() {
	on_dummy
	up_fd "$A"
	only "$RECORD"
	set_to "$DEBUG/failslab/ignore-gfp-wait" N
	reset_sites 3
	all_in_flight
}

# ---- one after the other, in whatever context ----

# kernel_function NAME: where one of the kernel's begins and ends, in FUNCTION
kernel_function() {
	local all

	grep -A 1 " $1\$" /proc/kallsyms >"$GS_TMP/functions"
	mapfile -t all <"$GS_TMP/functions"
	[ ${#all[@]} = 2 ] || fail "no function $1"
	FUNCTION=("0x${all[0]%% *}" "0x${all[1]%% *}")
}

# Only what the driver allocates, and what others do for it when it calls them, may fail. Not the
# checkers' records of each object; nor what dummy_hcd's timer, which may interrupt the driver, does for
# the device.
driver_only() {
	local all line cache from=g to=

	attributes
	caches 1 "$SLAB/kmalloc-64"
	for cache in kmemleak_object kmemleak_scan_area debug_objects_cache; do
		[ ! -e "$SLAB/$cache" ] || caches 0 "$SLAB/$cache"
	done
	# bash reads a pipe by bytes
	grep " [tT] .*[[]${GS_DRIVER}[]]" /proc/kallsyms >"$GS_TMP/functions"
	mapfile -t all <"$GS_TMP/functions"
	for line in "${all[@]}"; do
		line=${line%% *}
		[[ $line > $from ]] || from=$line
		[[ $line < $to ]] || to=$line
	done
	[ -n "$to" ] || fail "no function of the driver"
	# the last one ends in its page or the next one, where nobody else's begins
	OWN=("0x$from" "$(printf '%#x' $((0x$to + 4096)))")
	kernel_function dummy_timer
	set_to "$DEBUG/failslab/reject-start" "${FUNCTION[0]}"
	set_to "$DEBUG/failslab/reject-end" "${FUNCTION[1]}"
}

# nth K: from now on the K-th of these allocations fails, and no other. The kernel counts on and on, from
# where it was: so this shell has one of its own fail first, which is at a multiple of K.
nth() {
	local me=/proc/$BASHPID/make-it-fail

	set_to "$DEBUG/failslab/times" 0
	fails failslab "$1" task-filter Y
	called_from failslab 0 "$TOP"
	{
		set_to "$me" 1
		set_to "$DEBUG/failslab/times" 1
		# to look takes memory, too
		until used_up; do
			:
		done
		set_to "$me" 0
	} 2>/dev/null
	set_to "$DEBUG/failslab/task-filter" N
	called_from failslab "${OWN[@]}"
	set_to "$DEBUG/failslab/times" 1
}

# one_by_one LEAST STEP DO CHECK: DO, at whose end all is done, with the first allocation failing, then
# with the next one, until there is none left; CHECK after each. (There is no process in them that need
# not be: that is what takes time in UML.)
one_by_one() {
	local least=$1 step=$2 k

	[ "${GS_TEST_SITES:-}" != 1 ] || step=1
	for ((k = 1; ; k += step)); do
		echo "<6>$3: number $k" >/dev/kmsg
		nth "$k"
		"$3"
		succeeds failslab
		used_up || break
		"$4"
	done
	TIMES=$(((k - 1) / step))
	note "$3: $TIMES failed, one after the other (every $step)"
	ge "allocations that failed in $3" "$TIMES" $((least / step))
}

# counted WHAT N: a counter of the interface, without a process
counted() {
	gs_read "/sys/class/net/$A/statistics/$1"
	[ "$GS_VALUE" -ge "$2" ]
}

# count WHAT: the same in GS_VALUE
count() {
	gs_read "/sys/class/net/$A/statistics/$1"
}

# What the firmware was told, in order, in TOLD
told() {
	local word

	TOLD=
	for word in $1; do
		case $word in
		mode=*|rate=*|drate=*|tdc=*|termination=*) TOLD+=" $word" ;;
		esac
	done
}

# A frame each way. The first one waits until the channel runs.
exchange() {
	local n

	count tx_packets
	n=$GS_VALUE
	ok "cansend" cansend "$A" 5A6#11
	wait_for 20 "frame to the bus" counted tx_packets $((n + 1))
	count rx_packets
	n=$GS_VALUE
	emu_ok send bus=t frame=5A5#112233
	wait_for 20 "frame from the bus" counted rx_packets $((n + 1))
}

# The channel is what it was, with nobody's help
goes_on() {
	SAID=$(gs-emu-ctl -s "$GS_EMU_CTL" wait id=a cond=started timeout=20000 -- status id=a) ||
		fail "not started: $SAID"
	exchange
	told "$(emu status id=a)"
	eq "settings" "$TOLD" "$BEFORE"
	eq "index of the interface" "$(<"/sys/class/net/$A/ifindex")" "$INDEX"
	all_in_flight
}

# few: with rings that are short, because dummy_hcd looks at each transfer every millisecond, whatever the
# CPU is needed for, and because those of a ring are all alike
few() {
	# what the last test has left of them, too; they are looked up at each reset
	echo "${QUIRKS:-}" >/sys/module/usbcore/parameters/quirks
	on_dummy "$@"
	ok "rings" ethtool -G "$A" rx 4 tx 4
}

# A channel with settings to lose
set_up() {
	few term=1
	up_fd "$A" termination 120 restart-ms 10
	all_in_flight
	told "$(emu status id=a)"
	BEFORE=$TOLD
	INDEX=$(<"/sys/class/net/$A/ifindex")
	get NODE usb_node a
	driver_only
}

resets() {
	ok "reset" usb-reset "$NODE"
}

test_each_reset() {
	set_up
	one_by_one 30 15 resets goes_on
	down "$A"
	pools_empty a
}

# All of the machine sleeps, and its devices are woken up one after the other
sleeps() {
	[ -z "${QUIRKS:-}" ] || emu_ok suspend id=a at=idle power=off
	echo freeze >/sys/power/state || fail "no sleep"
}

# each_sleep STEP
each_sleep() {
	ok "module" modprobe gadget_awake
	set_to /sys/power/pm_test devices
	set_to /sys/power/pm_async 0
	set_to /sys/module/suspend/parameters/pm_test_delay 0
	set_up
	one_by_one 30 "$1" sleeps goes_on
	ge_said "suspends" "$TIMES" emu_status a suspends
	down "$A"
	pools_empty a
	rmmod gadget_awake
}

test_each_resume() { each_sleep 11; }

# The same without power meanwhile, of which a reset tells
test_each_reset_resume() {
	QUIRKS=1d50:606f:b
	each_sleep 17
}

terminated() {
	[[ $(emu status id=a) = *" termination=1"* ]]
}

runtime_suspended() {
	gs_read "$POWER/runtime_status"
	[ "$GS_VALUE" = suspended ]
}

# Its channel is down, so that it sleeps when it likes, and has no power then
wakes() {
	emu_ok suspend id=a power=off
	set_to "$POWER/control" auto
	wait_for 20 "suspend" runtime_suspended
	set_to "$POWER/control" on
}

set_again() {
	wait_for 20 "termination" terminated
}

test_each_wake_up() {
	QUIRKS=1d50:606f:b
	few term=1
	patiently "termination" ip link set "$A" type can termination 120
	POWER=$(usb_path "$(usb_dev a)")/power
	set_to "$POWER/autosuspend_delay_ms" 0
	driver_only
	# without memory it is not told anything, and has forgotten
	called_from failslab "${OWN[@]}"
	fails failslab 1
	wakes
	! terminated || fail "nothing was forgotten"
	succeeds failslab
	set_again
	one_by_one 8 1 wakes set_again
	ge_said "resets" "$TIMES" emu_status a resets
	up_fd "$A"
	talk
}

# More than one run of the cache of objects that the network core has in front of the slab's
receives_some() { receives 20; }

# each_received COPYBREAK STEP
each_received() {
	few
	up "$A"
	ok "copybreak" ethtool --set-tunable "$A" rx-copybreak "$1"
	all_in_flight
	driver_only
	one_by_one 20 "$2" receives_some all_in_flight
	# which of them it is that fails depends on what the network core has in its cache
	ge "frames lost and IN transfers refused" \
		$(($(stat_of "$A" rx_no_skb) + $(intf_stat a rx/submit_errors))) 1
	eq_said "USB resets" 0 intf_stat a recovery/usb_resets
	receives 100
	eq "frames lost with memory" "$LOST" 0
	talk
}

test_each_received_in_place() { each_received 0 5; }
test_each_received_copied() { each_received 72 19; }

# Sockets have the pages, and there are none to replace them: frames are copied
test_received_without_page() {
	one candlelight-fd
	up "$A"
	ok "copybreak" ethtool --set-tunable "$A" rx-copybreak 0
	attributes
	kernel_function __page_pool_alloc_pages_slow
	called_from fail_page_alloc "${FUNCTION[@]}"
	hold many "$A" 8000000
	fails fail_page_alloc 1 times 3
	receives 1100
	succeeds fail_page_alloc
	used_up fail_page_alloc || fail "no allocation failed"
	eq "frames lost" "$LOST" 0
	eq_said "frames copied for want of a page" 3 stat_of "$A" rx_no_page
	read_held many count
	eq "frames of the socket" "$(word frames)" 1100
	talk
}

# in_state WORD
in_state() {
	[[ "$(ip -details link show "$A")" = *" state $1 "* ]]
}

# A state comes and goes, and an echo comes
errs() {
	local n

	n=$(done_with)
	emu_ok errors id=a ch=0 tec=130
	wait_for 20 "state error-passive" in_state ERROR-PASSIVE
	ok "cansend" cansend "$A" 123#11
	wait_for 20 "end of the frame" is $((n + 1)) done_with
	emu_ok errors id=a ch=0 tec=0
	wait_for 20 "state error-active" in_state ERROR-ACTIVE
}

test_each_error() {
	few
	up "$A"
	driver_only
	one_by_one 6 3 errs all_in_flight
	talk
}

restarts() {
	local n

	get n link_json "$A" .linkinfo.info_xstats.restarts
	emu_ok busoff id=a ch=0
	wait_for 30 "restart" is $((n + 1)) link_json "$A" .linkinfo.info_xstats.restarts
}

test_each_restart() {
	set_up
	one_by_one 39 13 restarts goes_on
}

halts_in() {
	local n

	count rx_packets
	n=$GS_VALUE
	emu_all "fault id=a what=in-status status=stall n=1" "send bus=t frame=5A5#112233"
	wait_for 20 "frame of the halted endpoint" counted rx_packets $((n + 1))
	all_in_flight
}

# The frame that met it is lost, the next one comes to its end, too
halts_out() {
	local i n

	emu_ok fault id=a what=out-status status=stall n=1
	n=$(done_with)
	for i in 1 2; do
		ok "cansend" cansend "$A" 123#11
		wait_for 20 "end of frame $i" is $((n + i)) done_with
	done
}

# each_halt LEAST STEP DO
each_halt() {
	up "$A"
	driver_only
	[ "$GS_TRANSPORT" = gadget ] || spare_vhci kill
	one_by_one "$1" "$2" "$3" exchange
	ge_said "halts cleared" "$TIMES" intf_stat a recovery/cleared_halts
	eq_said "USB resets" 0 intf_stat a recovery/usb_resets
}

test_each_in_halt() {
	few
	each_halt 6 3 halts_in
}

# raw-gadget takes the frame before it halts the endpoint
test_each_out_halt() {
	one candlelight-fd
	each_halt 2 1 halts_out
}

ktap_run test_probe test_open test_open_elm test_close test_unbind test_reset test_send test_receive_in_place \
	test_receive_copied test_state_without_skb \
	test_restart_without_memory test_in_halt_without_memory test_out_halt_without_memory \
	test_submit_in_rows test_submit_send test_submit_open test_submit_reset \
	test_own_records test_each_reset test_each_resume test_each_reset_resume test_each_wake_up \
	test_each_received_in_place test_each_received_copied test_received_without_page test_each_error \
	test_each_restart test_each_in_halt test_each_out_halt
