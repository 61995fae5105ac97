#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# One table of counters, three views: for each that stats.c has, sysfs, "ethtool -S" and the link
# statistics agree after events that were provoked; and sysfs and its documentation have the same
# files.
#
# timeout: 240
# guests: uml612 qemu61

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

TOP=$GS_DATA/../..

# The counters that some subtest has moved, one a line
MOVED=/tmp/gs-counters-moved
: >"$MOVED"

# table WHAT: lines "NAME LINK" of stats.c, channel or device
table() {
	sed -n "/gs_usb_ng_$1_stats\\[/,/^};/s/.*{ \"\\([a-z_]*\\)\"[, ]*\\([A-Z_]*\\).*/\\1 \\2/p" \
		"$TOP/stats.c"
}

# sum LINK...: of the interface's counters in the table that add to one of these
sum() {
	local name link wanted=" $* "

	SUM=0
	while read -r name link; do
		[[ $wanted == *" $link "* ]] && SUM=$((SUM + N[$name]))
	done <"$GS_TMP/table"
}

# agree IFACE [TX_ERRORS]: all three views of an interface on which nothing happens now. What the
# CAN core and the poll count by themselves is none of the table: no bus error here, and
# TX_ERRORS frames whose transfer failed or whose echo was lost.
agree() {
	local name value n
	declare -gA N=()

	table channel >"$GS_TMP/table"
	ethtool -S "$1" | sed '1d; s/://' >"$GS_TMP/ethtool"
	cut -d ' ' -f 1 "$GS_TMP/table" >"$GS_TMP/table.names"
	awk '{ print $1 }' "$GS_TMP/ethtool" >"$GS_TMP/ethtool.names"
	same "stats.c against ethtool -S" "$GS_TMP/table.names" "$GS_TMP/ethtool.names"
	while read -r name value; do
		eq_said "$name in sysfs" "$value" stat_of "$1" "$name"
		N[$name]=$value
		[ "$value" = 0 ] || echo "$name" >>"$MOVED"
	done <"$GS_TMP/ethtool"

	sum GS_LINK_RX_FRAME
	eq_said "rx_frame_errors" "$SUM" link_stat "$1" rx_frame_errors
	sum GS_LINK_RX_OVER
	eq_said "rx_over_errors" "$SUM" link_stat "$1" rx_over_errors
	sum GS_LINK_RX_FRAME GS_LINK_RX_OVER
	eq_said "rx_errors" "$SUM" link_stat "$1" rx_errors
	sum GS_LINK_RX_DROPPED
	eq_said "rx_dropped" "$SUM" link_stat "$1" rx_dropped
	sum GS_LINK_TX_ABORTED
	eq_said "tx_aborted_errors" "$SUM" link_stat "$1" tx_aborted_errors
	sum GS_LINK_TX_ABORTED GS_LINK_TX_DROPPED
	eq_said "tx_dropped" "$SUM" link_stat "$1" tx_dropped
	eq_said "tx_errors" "${2:-0}" link_stat "$1" tx_errors
	eq_said "rx_packets" $((N[rx_in_place] + N[rx_copied])) link_stat "$1" rx_packets

	# and what ip shows of them
	link_json "$1" '.stats64 | .rx.packets, .tx.packets, .rx.bytes, .tx.bytes, .rx.errors,
			.tx.errors, .rx.dropped, .tx.dropped' >"$GS_TMP/ip"
	for n in rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped \
		 tx_dropped; do
		link_stat "$1" "$n"
	done >"$GS_TMP/link"
	same "ip against sysfs" "$GS_TMP/ip" "$GS_TMP/link"
}

# moved NAME N: the counter of A got there
moved() {
	wait_for 20 "$2 in $1" is "$2" stat_of "$A" "$1"
}

# moved_in GROUP/NAME N: the same of the adapter
moved_in() {
	wait_for 20 "$2 in $1" is "$2" intf_stat a "$1"
	echo "${1#*/}" >>"$MOVED"
}

le32() {
	printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) \
		$(($1 >> 24 & 255))
}

# bad ECHO_ID CAN_ID DLC CHANNEL FLAGS [COUNT]: an IN transfer, large enough for an FD frame
bad() {
	emu_ok inject id=a count="${6:-1}" hex="$(le32 "$1")$(le32 "$2")$(
		printf '%02x%02x%02x00' "$3" "$4" "$5")$(printf '%0136d' 0)"
}

RX=0xffffffff

# What a device sends that can't be
test_received() {
	one candlelight-fd channels=2
	up "$A"
	emu_ok send bus=t frame=123#112233 count=4
	moved rx_in_place 4
	ok "rx-copybreak" ethtool --set-tunable "$A" rx-copybreak 16
	emu_ok send bus=t frame=123#112233 count=3
	moved rx_copied 3
	bad "$RX" 0x123 16 0 0 2
	moved rx_bad_dlc 2
	bad "$RX" 0x40000123 8 0 2 3
	moved rx_bad_flags 3
	bad "$RX" 0x123 8 0 2 4
	moved rx_fd_off 4
	# "overflow" with a good frame
	bad "$RX" 0x123 8 0 1 5
	moved rx_overflow 5
	bad "$RX" 0x123 8 1 0 2
	wait_for 20 "frames for a channel that is down" is 2 stat_of "$B" rx_stopped
	agree "$A"
	eq_said "rx_errors" 10 link_stat "$A" rx_errors
	eq_said "rx_dropped" 4 link_stat "$A" rx_dropped
	eq_said "rx_packets" 12 link_stat "$A" rx_packets
	agree "$B"
}

# The adapter's own, which are no interface's
test_adapter() {
	local n dir

	one candlelight-fd
	up "$A"
	emu_ok send bus=t frame=123# count=3
	moved_in rx/transfers 3
	emu_ok inject id=a hex= count=2
	moved_in rx/empty 2
	emu_ok inject id=a hex=0011 count=3
	moved_in rx/short 3
	bad "$RX" 0x123 8 7 0 4
	moved_in rx/bad_channel 4
	bad "$RX" 0x123 8 0 0
	moved_in rx/trailing_bytes $((80 - 24))
	eq_said "rx/transfers" 13 intf_stat a rx/transfers
	emu_ok fault id=a what=in-status status=stall count=1
	emu_ok send bus=t frame=123#
	wait_for 20 "failed transfer" at_least 1 intf_stat a rx/urb_errors
	echo urb_errors >>"$MOVED"
	# after three, and the one that had more bytes behind it
	wait_for 20 "the frame" is 5 link_stat "$A" rx_packets
	wait_for 20 "end of the halt" at_least 1 intf_stat a recovery/cleared_halts
	echo cleared_halts >>"$MOVED"
	dir=$(usb_path "$(usb_intf a)")
	for n in $(table device | cut -d ' ' -f 1); do
		[ -n "$(find "$dir/" -maxdepth 2 -name "$n")" ] || fail "no $n"
	done
	agree "$A"
}

# Echoes that nobody waits for: of a free slot; of a former frame of a slot; once more of a frame
# whose transfer has yet to end
test_echoes() {
	one cannectivity
	up "$A"
	bad 5 0x123 8 0 0 3
	moved echo_unknown 3
	emu_ok bus name=t ack=off
	# slot 0, its first frame: 0x100
	ok "cansend" cansend "$A" 123#11
	wait_for 20 "frame in flight" is 1 emu_status a:0 inflight
	bad 0x700 0x123 8 0 0 2
	moved echo_stale 2
	emu_ok bus name=t ack=on
	wait_for 20 "echo" is 1 link_stat "$A" tx_packets
	agree "$A"
	# for a device whose frames have no partner a transfer may take as long as it likes
	emu_ok bus name=t ack=off
	# slot 1, its first frame
	ok "cansend" cansend "$A" 123#22
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$A"
	emu_ok fault id=a what=out-hang count=1
	# slot 2
	ok "cansend" cansend "$A" 123#33
	wait_for 20 "frame with USB" is 1 stat_of "$A" tx_pool_in_flight
	# in this order, or the first would be taken for lost
	bad 0x101 0x123 8 0 0 1
	bad 0x102 0x123 8 0 0 3
	moved echo_duplicate 2
	wait_for 20 "echoes" is 3 link_stat "$A" tx_packets
	# while it is up, it reports errors
	down "$A"
	agree "$A"
}

# Echoes that don't come: other frames are echoed meanwhile, or none is
test_lost_echoes() {
	one candlelight-fd
	up "$A"
	ok "cansend" cansend "$A" 122#
	wait_for 20 "first echo" is 1 link_stat "$A" tx_packets
	emu_ok fault id=a what=drop-echo n=1
	ok "cangen" cangen -g 0 -p 10000 -n 10 -I i -L 8 -D i "$A"
	moved echo_lost 1
	wait_for 20 "end of all frames" is 0 stat_of "$A" tx_pool_in_use
	agree "$A" 1
	emu_ok fault id=a what=drop-echo n=1
	ok "cansend" cansend "$A" 123#
	moved tx_stuck 1
	moved tx_abandoned 1
	wait_for 20 "end of all frames" is 0 stat_of "$A" tx_pool_in_use
	agree "$A" 1
	eq_said "tx_dropped" 1 link_stat "$A" tx_dropped
}

# Two channels that want more than the device takes; a transfer that fails; frames in flight when
# the interface goes down
test_sent() {
	one cannectivity channels=2
	emu_ok bus name=t fast=1
	up "$A"
	unlimited "$A" t
	emu_ok bus name=t ack=off
	cangen -g 0 -p 60000 -n 8 -I i -L i -D i "$A" &
	wait_for 20 "8 frames in flight" is 8 emu_status a:0 inflight
	wait $!
	# the device takes ten
	echo 100000 >"/sys/class/net/$B/queues/tx-0/byte_queue_limits/limit_min"
	up "$B"
	cangen -g 0 -p 60000 -n 3 -I i -L i -D i "$B" &
	wait_for 20 "frame that waits" is 1 stat_of "$B" tx_waited
	wait $!
	emu_ok bus name=t ack=on
	wait_for 20 "all of $B" is 3 link_stat "$B" tx_packets
	wait_for 20 "all of $A" is 9 link_stat "$A" tx_packets
	agree "$A"
	agree "$B"
	emu_ok bus name=t ack=off
	ok "cansend" cansend "$A" 123#
	wait_for 20 "frame in flight" is 1 emu_status a:0 inflight
	down "$A"
	moved tx_abandoned 1
	agree "$A"
	emu_ok bus name=t ack=on
	up "$A"
	emu_ok fault id=a what=out-status status=stall n=1
	ok "cansend" cansend "$A" 123#
	moved tx_urb_errors 1
	wait_for 20 "end of the frame" is 0 stat_of "$A" tx_pool_in_use
	agree "$A" 1
	# xHCI repeats what fails on the wire, and it succeeds then
	[ "$GS_GUEST" != qemu ] || return 0
	emu_ok fault id=a what=out-status status=crc n=1
	ok "cansend" cansend "$A" 123#
	moved tx_aside 1
	# the slot is free when a later frame has come back
	ok "cansend" cansend "$A" 123#
	wait_for 20 "end of both frames" is 0 stat_of "$A" tx_pool_in_use
	agree "$A" 2
}

# Every counter of the table was moved above, or is what another script is about (faults.sh: that there
# is no memory). What no script can move: a bug in the driver (tx_no_slot), and what the last close
# happens to find (unread).
test_all_moved() {
	local name n=0

	for name in $({ table channel; table device; } | cut -d ' ' -f 1); do
		n=$((n + 1))
		case $name in
		tx_no_slot|tx_no_skb|rx_no_skb|submit_errors|unread)
			continue ;;
		# recovery.sh, nomem.sh, elm.sh
		tx_doubted|tx_hung|bus_off_missed|usb_resets|gave_up|rx_no_page|malformed|bus_load)
			continue ;;
		# control.sh
		no_answer|refused|bad_answer)
			continue ;;
		tx_aside)
			[ "$GS_GUEST" != qemu ] || continue ;;
		esac
		grep -qx "$name" "$MOVED" || fail "no test moves $name"
	done
	ge "counters in stats.c" "$n" 20
}

# The adapter's directory, without what other drivers would have there, too: the files that are
# gone when the driver is. net/ is the core's but for our group.
sysfs_files() {
	local dir intf

	get intf usb_intf a
	dir=$GS_USB/devices/$intf
	find "/sys/class/net/$A/gs_usb_ng/" -type f | sed 's|.*/|net/|'
	(cd "$dir" && find . -path ./net -prune -o -type f -print) | sort >"$GS_TMP/bound"
	gs_unbind "$intf"
	(cd "$dir" && find . -type f) | sort >"$GS_TMP/unbound"
	gs_bind "$intf"
	comm -23 "$GS_TMP/bound" "$GS_TMP/unbound" | sed 's|^\./|intf/|'
}

# One value a file, readable by all, writable by nobody
test_sysfs_values() {
	local dir f value n=0

	one cannectivity
	up "$A"
	dir=$GS_USB/devices/$(usb_intf a)
	for f in "/sys/class/net/$A/gs_usb_ng"/* "$dir"/{firmware,rx,recovery,pool_rx}/*; do
		n=$((n + 1))
		eq "mode of $f" "$(stat -c %a "$f")" 444
		value=$(<"$f")
		[[ $value =~ ^[0-9a-z_-]+$ ]] || fail "$f is '$value'"
	done
	ge "number of files" "$n" 30
}

# documented DIRECTORY FILE: the "What:" lines of an ABI file that begin like this, in short
documented() {
	sed -n "s|^What:[[:space:]]*$1/|$2|p" "$TOP/Documentation/ABI/testing/$3-driver-gs_usb_ng"
}

# Documentation/ABI has them all, and nothing else
test_sysfs_documented() {
	# has all that there may be
	one candlelight-bx filter=1
	sysfs_files | sort >"$GS_TMP/there"
	ge_said "number of files" 30 lines "$GS_TMP/there"
	{
		documented '/sys/class/net/<iface>/gs_usb_ng' net/ sysfs
		documented '/sys/bus/usb/drivers/gs_usb_ng/<interface>' intf/ sysfs
	} | sort >"$GS_TMP/documented"
	same "files against documentation" "$GS_TMP/there" "$GS_TMP/documented"
	# nothing there is about another directory
	eq "entries" "$(grep -c '^What:' "$TOP/Documentation/ABI/testing/sysfs-driver-gs_usb_ng")" \
		"$(lines "$GS_TMP/documented")"
}

test_debugfs_documented() {
	one cannectivity channels=2
	(cd "/sys/kernel/debug/gs_usb_ng/$(usb_intf a)" && find . -type f) |
		sed 's|^\./||; s/[0-9]*$//' | sort -u >"$GS_TMP/there"
	documented '/sys/kernel/debug/gs_usb_ng/<interface>' '' debugfs | sed 's/<channel>$//' |
		sort >"$GS_TMP/documented"
	same "files against documentation" "$GS_TMP/there" "$GS_TMP/documented"
}

ktap_run test_received test_adapter test_echoes test_lost_echoes test_sent test_all_moved \
	test_sysfs_values test_sysfs_documented test_debugfs_documented
