# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the test scripts share. To be sourced from tests/*.sh, which end in
#
#	ktap_run test_one test_two ...
#
# Each subtest is a function. It runs in a subshell of its own and passes unless it says
# fail (or a check does), left the emulator with a violation to report, the kernel with a
# warning, or a process behind. Whatever it made (adapters, captures, programs in the
# background) is gone before the next one begins, on success and on failure.
#
# The same scripts run in UML with the emulator in the guest and in QEMU with the emulator
# on the host. What differs comes by environment: GS_EMU_CTL (where the emulator listens),
# GS_GUEST (uml or qemu), GS_MODULE_DIR (for modprobe -d).

set -u
export LC_ALL=C

GS_GUEST=${GS_GUEST:-uml}
GS_DRIVER=gs_usb_ng
# how adapters come, if not as the emulator was told: "gadget" is dummy_hcd (UML only, two at most)
GS_TRANSPORT=${GS_TEST_TRANSPORT:-}
GS_USB=/sys/bus/usb
# shellcheck disable=SC2034	# for the tests
GS_DATA=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/data
PATH=$PATH:/usr/sbin:/sbin

# An emulated machine is slower than a thread of the host.
case $GS_GUEST in
qemu)	GS_SLOW=6 ;;
*)	GS_SLOW=1 ;;
esac

# ---- KTAP ----------------------------------------------------------------------------

note() {
	printf '# %s\n' "$*"
}

# Nothing after these two is run in a subtest. (In a command substitution they end only
# that, so what may fail is called outside of one.)
fail() {
	note "FAIL: $*"
	exit 1
}

skip() {
	note "SKIP: $*"
	exit 4
}

# eq WHAT GOT WANTED
eq() {
	[ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

# ge WHAT GOT LEAST, le WHAT GOT MOST
ge() {
	[ "$2" -ge "$3" ] || fail "$1 is $2, less than $3"
}

le() {
	[ "$2" -le "$3" ] || fail "$1 is $2, more than $3"
}

# ok WHAT COMMAND...: the command must succeed; what it says is shown if it does not.
ok() {
	local out what=$1

	shift
	out=$("$@" 2>&1) || fail "$what: '$*' failed: $out"
}

# patiently WHAT COMMAND...: the same for what makes requests to the adapter. The driver gives it one
# second, in which an emulator on a busy machine may not get to run: that, and nothing else, is tried
# once more.
patiently() {
	local said what=$1

	shift
	said=$("$@" 2>&1) && return
	[[ $said = *"timed out"* ]] || fail "$what: '$*' failed: $said"
	note "$what: $said"
	ok "$what" "$@"
}

# refused WHAT WORDS COMMAND...: the command must fail and say WORDS (an extended regex).
refused() {
	local out what=$1 words=$2

	shift 2
	if out=$("$@" 2>&1); then
		fail "$what: '$*' succeeded"
	fi
	grep -qiE -- "$words" <<<"$out" || fail "$what: '$*' said '$out', nothing of '$words'"
}

# gs_subtest NUMBER FUNCTION: 0, 1 or 4 as in kselftest.
gs_subtest() (
	GS_EMU_OWNER=$BASHPID
	GS_TMP=$GS_TMP/$1
	shift
	gs_mark "$1"
	GS_BEGAN=$GS_MARK
	trap 'gs_explain; gs_cleanup' EXIT
	"$1"
	gs_no_violations
	# a cleanup that finds something is a failure of this subtest, too
	trap - EXIT
	gs_cleanup
	gs_kernel_ok
)

ktap_run() {
	local t i=0 rc status=0 pass=0 failed=0 skipped=0
	local script

	script=${0##*/}
	script=${script%.sh}
	echo "KTAP version 1"
	echo "1..$#"
	# a directory for each subtest: all of them with one process
	GS_TMP=/tmp/gs-test.$BASHPID
	eval "mkdir -p $GS_TMP/{1..$#}"
	gs_setup || {
		echo "Bail out! $script: no driver or no emulator"
		exit 1
	}
	for t; do
		i=$((i + 1))
		gs_subtest $i "$t"
		rc=$?
		case $rc in
		0)
			pass=$((pass + 1))
			echo "ok $i $script.${t#test_}"
			;;
		4)
			skipped=$((skipped + 1))
			echo "ok $i $script.${t#test_} # SKIP"
			;;
		*)
			failed=$((failed + 1))
			status=1
			echo "not ok $i $script.${t#test_}"
			;;
		esac
	done
	echo "# Totals: pass:$pass fail:$failed skip:$skipped"
	exit $status
}

# ---- waiting -------------------------------------------------------------------------

# Starting a process takes a twentieth of a second in UML, more if another guest runs, and so does
# each command substitution, builtin or not. So what is called in loops, and around each subtest, makes
# do without.

# Hundredths of seconds of a clock that nobody sets, in GS_NOW.
gs_now() {
	local up

	read -r up _ </proc/uptime
	# in the first second it begins with a zero
	GS_NOW=$((10#${up/./}))
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds; fails the subtest when that takes too
# long. Time in which the machine stood still, and nothing could happen, counts for half a second.
wait_for() {
	local what=$2 left=$(($1 * GS_SLOW * 100)) last

	gs_now
	last=$GS_NOW
	shift 2
	until "$@" >/dev/null 2>&1; do
		gs_now
		last=$((GS_NOW - last))
		left=$((left - (last < 50 ? last : 50)))
		[ "$left" -gt 0 ] || fail "no $what in time"
		last=$GS_NOW
		gs_pause
	done
	# not what the last pause came to
	return 0
}

# Let others run before looking again: a read that nothing answers, not a process.
gs_pause() {
	read -r -t 0.02 <>"$GS_PAUSE"
}

# leap SECONDS: nothing happens for so long, where a clock that leaps makes that cheap (uml612-vtime). One
# timer: to look again and again would cost more than all that the driver does meanwhile.
leap() {
	read -r -t "$1" <>"$GS_PAUSE"
	# not what the pause came to
	return 0
}

# gs_said COMMAND...: its output in GS_SAID
gs_said() {
	# one may call another
	local GS_DEPTH=$((${GS_DEPTH:-0} + 1)) ret
	local file=$GS_TMP/said.$BASHPID.$GS_DEPTH

	"$@" >"$file"
	ret=$?
	# bash reads that itself
	GS_SAID=$(<"$file") || fail "no $file"
	return $ret
}

# get VARIABLE COMMAND...: its output in there
get() {
	local GS_VARIABLE=$1

	shift
	gs_said "$@" || return
	printf -v "$GS_VARIABLE" %s "$GS_SAID"
}

# As eq, ge and le, of a command's output. eq_said WHAT WANTED COMMAND...
eq_said() {
	gs_said "${@:3}"
	eq "$1" "$GS_SAID" "$2"
}

ge_said() {
	gs_said "${@:3}"
	ge "$1" "$GS_SAID" "$2"
}

le_said() {
	gs_said "${@:3}"
	le "$1" "$GS_SAID" "$2"
}

# For conditions: at_least N COMMAND..., the command's output is a number of N or more
at_least() {
	local n=$1

	shift
	gs_said "$@"
	[ "$GS_SAID" -ge "$n" ]
}

# is WANTED COMMAND...: the command's output is WANTED
is() {
	local wanted=$1

	shift
	gs_said "$@"
	[ "$GS_SAID" = "$wanted" ]
}

# not COMMAND...
not() {
	! "$@"
}

# lines FILE, has_lines N FILE
lines() {
	local all=()

	mapfile -t all <"$1"
	echo "${#all[@]}"
}

has_lines() {
	local all=()

	mapfile -t all <"$2"
	[ ${#all[@]} -ge "$1" ]
}

# Contents of a small file in GS_VALUE
gs_read() {
	GS_VALUE=
	read -r GS_VALUE 2>/dev/null <"$1"
}

# ---- kernel log ----------------------------------------------------------------------

# Begin a chapter of the kernel log.
gs_mark() {
	GS_MARK="gs-selftest $$-$BASHPID-$RANDOM;"
	echo "<6>$GS_MARK $1" >/dev/kmsg
}

# The kernel log since then.
kernel_log() {
	klog "$GS_MARK"
}

# log_has WORDS: the kernel said so since the subtest began
log_has() {
	local ret

	klog -q "$GS_MARK" "$1"
	ret=$?
	[ $ret -le 1 ] || fail "the kernel log can't be searched for '$1'"
	return $ret
}

log_count() {
	klog -c "$GS_MARK" "$1"
}

gs_kernel_ok() {
	local bad='WARNING:|BUG: ([^K]|K[^C])|KASAN:|Oops|general protection|possible circular locking'

	bad="$bad|possible recursive locking|DMA-API:|refcount_t:|unreferenced object|leaked"
	bad="$bad|DMAR: (DRHD: handling fault|.DMA)|stalled pool shutdown"
	# some subtests have chapters
	GS_MARK=$GS_BEGAN
	if log_has "$bad"; then
		kernel_log | grep -E -- "$bad" | head -5 | sed 's/^/# kernel: /'
		fail "the kernel complained"
	fi
}

# ---- emulator ------------------------------------------------------------------------

# Most commands are over sooner than a process would be started for them, so each script has one that
# stays, for the shell of the subtest alone: what runs beside it, or in a pipe, starts its own. (In QEMU
# everybody does, since there only one can have the port.)
gs_emu_open() {
	GS_EMU_OWNER=$BASHPID
	GS_REPLY_FILE=$GS_TMP/reply
	[ -S "$GS_EMU_CTL" ] || return 0
	coproc gs-emu-ctl -s "$GS_EMU_CTL" -i "$GS_REPLY_FILE"
	[ -n "${COPROC[1]:-}" ] || return 1
	exec {GS_EMU_FROM}<&"${COPROC[0]}" {GS_EMU_TO}>&"${COPROC[1]}"
	# none of those that a subtest has to end
	GS_EMU_PID=$COPROC_PID
	disown "$GS_EMU_PID"
}

# It may have ended, after a command that was not answered
emu_is_open() {
	[ -n "${GS_EMU_TO:-}" ] && [ "$BASHPID" = "$GS_EMU_OWNER" ] && [ -d "/proc/$GS_EMU_PID" ]
}

# Ask the emulator; what it says is in GS_REPLY, line by line
emu_ask() {
	if ! emu_is_open; then
		GS_REPLY=$(gs-emu-ctl -s "$GS_EMU_CTL" "$*" 2>&1)
		return
	fi
	echo "$*" >&"$GS_EMU_TO"
	if ! read -r -t 200 GS_REPLY <&"$GS_EMU_FROM"; then
		GS_REPLY="no answer"
		return 1
	fi
	[ "$GS_REPLY" = ok ] || return 1
	# bash reads that itself
	GS_REPLY=$(<"$GS_REPLY_FILE") || fail "no $GS_REPLY_FILE"
}

emu() {
	if ! emu_is_open; then
		gs-emu-ctl -s "$GS_EMU_CTL" "$*"
	elif ! emu_ask "$*"; then
		echo "emulator: $GS_REPLY" >&2
		return 1
	elif [ -n "$GS_REPLY" ]; then
		echo "$GS_REPLY"
	fi
}

# The same where failure is a failure of the test
emu_ok() {
	emu_ask "$*" || fail "emulator: '$*': $GS_REPLY"
}

# Several commands, each one word. With one process, for who has to start one
emu_all() {
	local out args=() command

	if emu_is_open; then
		for command; do
			emu_ok "$command"
		done
		return
	fi
	for command; do
		args+=("$command" --)
	done
	out=$(gs-emu-ctl -s "$GS_EMU_CTL" "${args[@]}" 2>&1) || fail "emulator: '$*': $out"
}

gs_no_violations() {
	emu_ask violations || fail "$GS_REPLY"
	[ -z "$GS_REPLY" ] && return
	note "violation: $GS_REPLY"
	fail "the driver broke the protocol"
}

# emu_status ID KEY: a word of the adapter's line. emu_status ID:CHANNEL KEY: of a channel's
emu_status() {
	local words

	emu_ask status id="${1%:*}" || return
	words=$'\n'$GS_REPLY
	[[ $words = *$'\n'"$1 "* ]] || return 0
	words=${words#*$'\n'"$1 "}
	words=" ${words%%$'\n'*} "
	[[ $words = *" $2="* ]] || return 0
	words=${words#*" $2="}
	echo "${words%% *}"
}

# The frames on a bus, one a line: no times, no senders; err= lines left out.
# bus_frames BUS [SENDER]
bus_frames() {
	emu buslog bus="$1" | awk -v who="${2:-}" '
		NF >= 4 && !/ err=/ && (who == "" || $2 == who) { print $3 }'
}

# Nothing is on its way on the bus any more. Waits itself.
bus_idle() {
	emu_ok wait bus="$1" cond=idle timeout=$((20000 * GS_SLOW))
}

# ---- adapters and their interfaces ---------------------------------------------------

# adapter ID PERSONALITY [WORD...]: plug one in and wait for its interfaces
adapter() {
	local id=$1

	adapter_unbound "$@"
	wait_for 20 "driver bound to adapter $id" gs_bound "$id"
}

# The same, without waiting for the driver. Adapters are told apart by serial number.
adapter_unbound() {
	local id=$1 personality=$2

	shift 2
	emu_ok add id="$id" personality="$personality" serial="GS-$id" \
		"${GS_TRANSPORT:+transport=$GS_TRANSPORT}" "$@"
	wait_for 20 "adapter $id on the USB" gs_usb_dev "$id"
}

# usb_dev ID: name of the adapter's USB device (1-1)
usb_dev() {
	gs_usb_dev "$1" && echo "$GS_DEV"
}

# The same in GS_DEV
gs_usb_dev() {
	local f

	for f in "$GS_USB"/devices/*/serial; do
		gs_read "$f"
		[ "$GS_VALUE" = "GS-$1" ] || continue
		f=${f%/serial}
		GS_DEV=${f##*/}
		return 0
	done
	return 1
}

# usb_intf ID: name of the interface that is ours (1-1:1.0)
usb_intf() {
	gs_usb_dev "$1" && echo "$GS_DEV:1.0"
}

usb_path() {
	echo "$GS_USB/devices/$1"
}

# usb_node ID: the device's file for programs
usb_node() {
	local dev

	dev=$(usb_path "$(usb_dev "$1")")
	printf '/dev/bus/usb/%03d/%03d\n' "$(<"$dev/busnum")" "$(<"$dev/devnum")"
}

# The driver of an interface, empty if there is none. intf_driver 1-1:1.0
intf_driver() {
	local link

	link=$(readlink "$GS_USB/devices/$1/driver") || return 0
	echo "${link##*/}"
}

# All that the driver registers is there. Its files come after its interfaces, so the last
# of them means that probe has finished.
gs_bound() {
	gs_usb_dev "$1" &&
		[ "$GS_USB/devices/$GS_DEV:1.0/driver" -ef "$GS_USB/drivers/$GS_DRIVER" ] &&
		[ -e "$GS_USB/devices/$GS_DEV:1.0/pool_rx/capacity" ]
}

# replug ID: pull the cable, and put it in again. Not at once: what is still there of the device that
# goes looks like one that is complete.
replug() {
	emu_ok unplug id="$1"
	wait_for 20 "end of adapter $1" not gs_usb_dev "$1"
	emu_ok plug id="$1"
	wait_for 20 "driver bound again to adapter $1" gs_bound "$1"
}

# bound_anew ID NODE: the same, and the device has another usb_node than that. One that goes may still
# look complete.
bound_anew() {
	gs_bound "$1" && [ "$(usb_node "$1")" != "$2" ]
}

# netdev ID [CHANNEL]: name of the channel's interface
netdev() {
	local n

	gs_usb_dev "$1" || return 1
	for n in "$GS_USB/devices/$GS_DEV:1.0/net"/*; do
		gs_read "$n/dev_port"
		[ "$GS_VALUE" = "${2:-0}" ] || continue
		echo "${n##*/}"
		return 0
	done
	return 1
}

# one PERSONALITY [WORD...]: adapter a on the bus t, where an invisible node acknowledges
one() {
	emu_ok bus name=t ack=on
	adapter a "$1" bus=t "${@:2}"
	find_a
}

# Its first channel's interface in A, and the second one's, if there is one, in B
find_a() {
	gs_said netdev a || fail "adapter a has no interface"
	A=$GS_SAID
	gs_said netdev a 1
	# shellcheck disable=SC2034	# for the tests
	B=$GS_SAID
}

# It has been unplugged, and all that was bound to it is gone
gone() {
	! gs_usb_dev a && gs_none_bound
}

# Adapter a, as the emulator sees it
plugged() {
	[ "$(emu_status a plugged)" = 1 ]
}

# It has been, or is just being, unplugged: in again, its first interface in A
plug_again() {
	wait_for 20 "end of the interface" gone
	emu_ok plug id=a
	wait_for 20 "driver bound again" gs_bound a
	gs_said netdev a || fail "no interface"
	A=$GS_SAID
}

gs_unbind() {
	echo "$1" >"$GS_USB/drivers/$GS_DRIVER/unbind"
}

gs_bind() {
	echo "$1" >"$GS_USB/drivers/$GS_DRIVER/bind"
}

# by_gs_usb ID: the kernel's own driver gets the adapter instead, until the end of the subtest
by_gs_usb() {
	local intf

	get intf usb_intf "$1" || fail "no adapter $1"
	# What the referee has to say of another driver is not asked for
	emu_ok set id="$1" referee=0
	ok "gs_usb" modprobe gs_usb
	gs_unbind "$intf"
	echo "$intf" >"$GS_USB/drivers/gs_usb/bind" || fail "gs_usb refuses adapter $1"
	wait_for 20 "interface of gs_usb" netdev "$1"
}

# ---- interfaces ----------------------------------------------------------------------

# up IFACE [WORD...]: configure and bring up; 500 kbit/s unless the words say otherwise
up() {
	local iface=$1

	shift
	case " $* " in
	*" bitrate "*) ;;
	*) set -- bitrate 500000 "$@" ;;
	esac
	patiently "up" ip link set "$iface" up txqueuelen 1000 type can "$@"
}

up_fd() {
	local iface=$1

	shift
	case " $* " in
	*" dbitrate "*) ;;
	*) set -- dbitrate 2000000 "$@" ;;
	esac
	up "$iface" fd on "$@"
}

# unlimited IFACE BUS: as many frames in flight as the driver allows. Byte queue limits
# allow some eight frames at first, and more when that has proved too few; the new minimum
# counts from the next completion on, so one frame goes out.
unlimited() {
	local n

	get n link_stat "$1" tx_packets
	echo 100000 >"/sys/class/net/$1/queues/tx-0/byte_queue_limits/limit_min" ||
		fail "no byte queue limits"
	ok "cansend" cansend "$1" 7FE#
	wait_for 10 "first frame on $1" is $((n + 1)) link_stat "$1" tx_packets
	bus_idle "$2"
}

down() {
	ok "down" ip link set "$1" down
}

# The stack takes frames of IFACE: before, those sent would be dropped before they get to the driver
carrier() {
	wait_for 20 "carrier of $1" is up link_file "$1" operstate
}

# on_bus IFACE ID:CHANNEL: started, for the driver as well as for the adapter, which may not have
# noticed yet that it was reset
on_bus() {
	wait_for 20 "start of $1" is ERROR-ACTIVE can_state "$1"
	wait_for 20 "start of $2" is 1 emu_status "$2" started
}

# Not down: IFF_UP
is_up() {
	gs_read "/sys/class/net/$1/flags"
	[ $((GS_VALUE & 1)) = 1 ]
}

# link_json IFACE FILTER: from ip -details -statistics -json
link_json() {
	local file=$GS_TMP/link.$BASHPID

	ip -details -statistics -json link show "$1" >"$file"
	jq -r ".[0]$2" "$file"
}

can_state() {
	local file=$GS_TMP/link.$BASHPID link

	ip -details link show "$1" >"$file"
	link=$(<"$file")
	[[ $link =~ " can "(<.*> )?"state "([A-Z-]+) ]] && echo "${BASH_REMATCH[2]}"
}

# ctrlmodes IFACE: the modes that are on, sorted, in one line
ctrlmodes() {
	link_json "$1" '.linkinfo.info_data.ctrlmode // [] | sort | join(" ")'
}

# ---- statistics ----------------------------------------------------------------------

# stat_of IFACE NAME: the driver's own counter
stat_of() {
	gs_read "/sys/class/net/$1/gs_usb_ng/$2"
	echo "$GS_VALUE"
}

# link_file IFACE NAME: a file of the interface
link_file() {
	gs_read "/sys/class/net/$1/$2"
	echo "$GS_VALUE"
}

# link_stat IFACE NAME
link_stat() {
	gs_read "/sys/class/net/$1/statistics/$2"
	echo "$GS_VALUE"
}

# intf_stat ID NAME: a file of the USB interface (pool_rx/in_use)
intf_stat() {
	gs_usb_dev "$1"
	gs_read "$GS_USB/devices/$GS_DEV:1.0/$2"
	echo "$GS_VALUE"
}

# pools_empty ID [CHANNEL]: the interface is down: nothing may be in use, nothing kept.
pools_empty() {
	local id=$1 iface f

	get iface netdev "$id" "${2:-0}" || fail "adapter $id has no channel ${2:-0}"
	gs_usb_dev "$id"
	for f in "/sys/class/net/$iface/gs_usb_ng/tx_pool_"{in_use,capacity,over_releases} \
		 "$GS_USB/devices/$GS_DEV:1.0/pool_rx/"{in_use,capacity,over_releases} \
		 "$GS_USB/devices/$GS_DEV:1.0/firmware/in_flight"; do
		gs_read "$f"
		eq "$f" "$GS_VALUE" 0
	done
}

# balanced CHANNEL of adapter a, which is down: each slot taken was echoed, failed or was given up, and
# none is out
balanced() {
	local iface taken ended

	get iface netdev a "$1" || fail "no channel $1"
	pools_empty a "$1"
	get taken stat_of "$iface" tx_pool_acquires
	ended=$(($(link_stat "$iface" tx_packets) + $(link_stat "$iface" tx_errors) +
		 $(stat_of "$iface" tx_abandoned) + $(stat_of "$iface" tx_no_skb)))
	eq "slots of channel $1 that came to an end" "$ended" "$taken"
	ge "frames dropped on channel $1" "$(link_stat "$iface" tx_dropped)" \
		"$(stat_of "$iface" tx_abandoned)"
	note "channel $1: $taken frames sent, $(link_stat "$iface" tx_packets) echoed," \
		"$(link_stat "$iface" rx_packets) received"
}

# Objects in the slab caches that frames, transfers and buffers come from
slab_objects() {
	awk '$1 ~ /^(kmalloc|skbuff|dma-kmalloc)/ { n += $2 } END { print n + 0 }' \
		/proc/slabinfo
}

# memory_flat WHAT SLACK: to be called again and again in a long run. What is in use varies with
# what is just under way, and what KASAN keeps of freed objects grows at first. So it is the lowest
# of the last three that must not be more than SLACK objects above the highest of the first half.
# GS_SLABS has them all; the caller empties it.
memory_flat() {
	local i now half most=0

	now=$(slab_objects)
	GS_SLABS+=("$now")
	half=$((${#GS_SLABS[@]} / 2))
	[ "$half" -ge 3 ] || return 0
	for ((i = 0; i < half; i++)); do
		[ "${GS_SLABS[i]}" -le "$most" ] || most=${GS_SLABS[i]}
	done
	for i in -2 -3; do
		[ "${GS_SLABS[i]}" -ge "$now" ] || now=${GS_SLABS[i]}
	done
	le "growth of slab: $1" $((now - most)) "$2"
}

# ---- capture -------------------------------------------------------------------------

# gs_listens N IFACE LIST: do N sockets listen on an interface, by receive list?
gs_listens() {
	local name n=0

	while read -r name _; do
		[ "$name" = "$2" ] && n=$((n + 1))
	done <"/proc/net/can/rcvlist_$3"
	GS_LISTENERS=$n
	[ $n -ge "$1" ]
}

# capture FILE IFACE [CANDUMP OPTION...]: frames into FILE as candump writes logs. Returns
# when the socket is bound; GS_CAPTURE is the process.
capture() {
	local file=$1 iface=$2

	shift 2
	gs_listens 0 "$iface" all
	candump -L -r 8000000 "$@" "$iface" >"$file" 2>"$file.err" &
	GS_CAPTURE=$!
	wait_for 10 "candump on $iface" gs_listens $((GS_LISTENERS + 1)) "$iface" all
}

# The same for error frames only
capture_errors() {
	local file=$1 iface=$2

	gs_listens 0 "$iface" err
	candump -L "$iface,0~0,#FFFFFFFF" >"$file" 2>"$file.err" &
	GS_CAPTURE=$!
	wait_for 10 "candump on $iface" gs_listens $((GS_LISTENERS + 1)) "$iface" err
}

stop_capture() {
	local pid=${1:-$GS_CAPTURE}

	kill -TERM "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

# got FILE N: wait until N frames are in the log
got() {
	wait_for 30 "$2 frames in ${1##*/}" has_lines "$2" "$1"
}

# frames FILE: the frames of a candump log. Newer kernels set a flag that says "this is FD"
# (4), which the bus log does not.
frames() {
	awk '{
		i = index($3, "##")
		if (i) {
			flags = (index("0123456789ABCDEF", substr($3, i + 2, 1)) - 1) % 4
			$3 = substr($3, 1, i + 1) flags substr($3, i + 3)
		}
		print $3
	}' "$1"
}

# same WHAT FILE-OF-FRAMES FILE-OF-FRAMES: contents and order
same() {
	cmp -s "$2" "$3" && return
	diff "$2" "$3" | head -6 | sed 's/^/# /'
	fail "$1: $(lines "$2") frames in ${2##*/}, $(lines "$3") in ${3##*/}, and they differ"
}

# talk [N]: N frames each way between A and the bus t, counted at the far ends
talk() {
	local n=${1:-5} sent

	get sent emu_status a:0 tx
	capture "$GS_TMP/talk" "$A" -D
	emu_ok send bus=t frame=7FF#1122 count="$n"
	ok "cangen" cangen -g 0 -p 1000 -n "$n" -I 123 -L i -D i "$A"
	got "$GS_TMP/talk" $((2 * n))
	stop_capture
	bus_idle t
	eq "frames on the bus" $(($(emu_status a:0 tx) - sent)) "$n"
}

# from_bus BUS IFACE N FRAME: N frames of somebody else for IFACE, at a time no more than an adapter has
# room for that sends itself, so that none is lost however late the host is
from_bus() {
	local n part was

	for ((n = $3; n > 0; n -= part)); do
		part=$((n < 60 ? n : 60))
		get was link_stat "$2" rx_packets
		emu_ok send bus="$1" frame="$4" count="$part"
		wait_for 20 "frames from the bus $1" at_least $((was + part)) link_stat "$2" rx_packets
	done
}

# ---- sockets that nobody reads --------------------------------------------------------

# hold NAME IFACE RCVBUF: a socket that nobody reads until "read_held NAME"
hold() {
	mkfifo "$GS_TMP/$1.in"
	unread "$2" "$3" <"$GS_TMP/$1.in" >"$GS_TMP/$1" 2>&1 &
	exec {HELD}>"$GS_TMP/$1.in"
	printf -v "held_$1" %s "$HELD"
	wait_for 10 "socket $1 on $2" has_lines 1 "$GS_TMP/$1"
}

# read_held NAME show|count: its frames, and its last line in SAID
read_held() {
	local n fd=held_$1

	get n lines "$GS_TMP/$1"
	echo "$2" >&"${!fd}"
	wait_for 20 "end of $1's frames" said_all "$1" "$n"
}

said_all() {
	SAID=$(sed "1,$2d" "$GS_TMP/$1" | grep '^frames=')
	[ -n "$SAID" ]
}

# word NAME: of SAID
word() {
	local w=" $SAID"

	w=${w#* "$1"=}
	echo "${w%% *}"
}

# ---- set-up and cleanup --------------------------------------------------------------

driver_load() {
	modprobe ${GS_MODULE_DIR:+-d "$GS_MODULE_DIR"} $GS_DRIVER
}

driver_loaded() {
	[ -d /sys/module/$GS_DRIVER ]
}

gs_none_bound() {
	local i

	for i in "$GS_USB/drivers/$GS_DRIVER"/*:*; do
		[ -e "$i" ] && return 1
	done
	return 0
}

gs_setup() {
	GS_PAUSE=$GS_TMP/pause
	[ -p "$GS_PAUSE" ] || mkfifo "$GS_PAUSE" || return 1
	driver_loaded || driver_load || return 1
	gs_emu_open
	emu_ask reset
}

# How things stand where a subtest ends that has failed, for who sees nothing but its output
gs_explain() {
	local n file stats

	for n in /sys/class/net/*/gs_usb_ng; do
		[ -d "$n" ] || continue
		stats=
		for file in "$n"/* "${n%/*}"/statistics/*; do
			gs_read "$file"
			[ "${GS_VALUE:-0}" = 0 ] || stats+=" ${file##*/}=$GS_VALUE"
		done
		n=${n%/*}
		n=${n##*/}
		note "$n:$stats"
		note "$(ip -o link show "$n" 2>&1)"
		# what it dropped the driver has never seen
		note "$(tc -s qdisc show dev "$n" 2>&1 | tr '\n' ' ')"
	done
	dmesg 2>/dev/null | tail -n 16 | sed 's/^/# /'
}

# Every interface of the driver down, every adapter gone, every process ended.
gs_cleanup() {
	local n jobs

	# the shell's remarks on killed jobs; what matters goes to stdout
	exec 2>/dev/null
	jobs -p >"$GS_TMP/jobs"
	mapfile -t jobs <"$GS_TMP/jobs"
	[ ${#jobs[@]} = 0 ] || kill -KILL "${jobs[@]}"
	wait
	for n in /sys/class/net/*; do
		n=${n##*/}
		[ -d "/sys/class/net/$n/gs_usb_ng" ] && is_up "$n" && ip link set "$n" down
	done
	emu_ask reset || note "$GS_REPLY"
	wait_for 20 "end of all adapters" gs_none_bound
	# it would be asked first once ours is loaded again
	[ "$GS_DRIVER" = gs_usb ] || [ ! -d /sys/module/gs_usb ] || rmmod gs_usb ||
		fail "gs_usb stays"
	rm -rf "$GS_TMP"
}
