#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The system sleeps, with channels up: interfaces, settings, sockets and counters are the same
# afterwards, what was in flight is dropped and counted, and frames go both ways without help.
#
# Programs are frozen and all devices suspended and resumed as in any sleep, all phases of it; the
# kernel's pm_test has it wake up again there. Behind QEMU's xHCI, which forgets all in its sleep,
# adapters are reset ("reset_resume"); behind its EHCI they are not ("resume"). Neither tells the
# emulator of a suspend, so the test does, and it forgets what that firmware forgets.
#
# Not in UML: vhci gives a transfer that is killed back when the emulator has said so, which is frozen
# then like any other program.
#
#	GS_TEST_SUSPENDS=200	how often in traffic (6); give GS_TIMEOUT, too
#	GS_TEST_ALL=y		all subtests in each guest, not only its share
#	GS_TEST_DRIVER=gs_usb	what becomes of an interface with the kernel's own driver (or gs_usb_ng),
#				and nothing else; nobody judges that
#
# timeout: 120
# guests: qemu61 qemu612 qemu612-iommu qemu612-smp qemu612-debug

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

GS_DRIVER=${GS_TEST_DRIVER:-$GS_DRIVER}
SUSPENDS=${GS_TEST_SUSPENDS:-6}

# Sockets of boot.sh: eight ports are behind the xHCI, and two behind the EHCI, which is for
# high speed alone.
XHCI=0
EHCI=8
# With power, and without, which the host sees by nothing but a reset
SLEEPS=([XHCI]="power=on power=off" [EHCI]="power=on")

# Slab objects that may come and go with other things than frames
SLACK=2000

# one SOCKET PERSONALITY [WORD...]
one() {
	local socket=$1

	shift
	emu_ok bus name=t ack=on
	emu_ok bus name=u ack=on
	[ "$socket" = "$XHCI" ] || set -- "$@" hs=1
	adapter a "$@" bus=t,u socket="$socket"
	get A netdev a || fail "no interface"
}

# sleep_system [WORD...]: with all that the firmware forgets in it; hundredths of seconds in SLEPT
sleep_system() {
	local n

	get n emu_status a suspends
	emu_ok suspend id=a at=idle "$@"
	gs_now
	SLEPT=$GS_NOW
	ok "sleep" eval 'echo freeze >/sys/power/state'
	gs_now
	SLEPT=$((GS_NOW - SLEPT))
	eq_said "suspends" $((n + 1)) emu_status a suspends
}

# What must be the same after a sleep: of the interface, of its rings, and in the firmware.
# settings IFACE CHANNEL (what costs time here are processes)
settings() {
	local who line word

	ip -details link show "$1" | sed 's/tdcv [0-9]* //'
	ethtool -g "$1"
	ethtool --get-tunable "$1" rx-copybreak
	[ ! -e "/sys/class/net/$1/gs_usb_ng/filters" ] || cat "/sys/class/net/$1/gs_usb_ng/filters"
	[ ! -e "/sys/class/net/$1/device/protocol" ] || cat "/sys/class/net/$1/device/protocol"
	while read -r who line; do
		[ "$who" = "a:$2" ] || continue
		for word in $line; do
			case $word in
			started=*|mode=*|rate=*|drate=*|termination=*|tdc=*) echo "$word" ;;
			esac
		done
	done < <(emu status id=a)
}

# All that counts frames, "name:value" each
counters() {
	(cd "/sys/class/net/$1" && grep . statistics/* gs_usb_ng/tx_[a-oq-z]* gs_usb_ng/echo_*)
}

# unchanged BEFORE AFTER: two files
unchanged() {
	diff "$GS_TMP/$1" "$GS_TMP/$2" >"$GS_TMP/diff" && return
	sed 's/^/# /' "$GS_TMP/diff"
	fail "not the same after the sleep"
}

# Frames both ways, seen by the socket that has been there all the time. talk FRAMES SEEN
UNWANTED=	# if set: a frame that a filter of the firmware keeps off
talk() {
	emu_all "send bus=t frame=123#1122 count=$1" ${UNWANTED:+"send bus=t frame=$UNWANTED"}
	ok "cangen" cangen -g 0 -p 1000 -n "$1" -I 321 -L i -D i "$A"
	wait_for 2 "frames both ways" has_lines $(($2 + 2 * $1)) "$GS_TMP/log"
}

# sleep_up PERSONALITY SOCKET
sleep_up() {
	local n=0 resets word personality=$1 socket=$2

	shift 2
	[ "$personality" != candlelight-bx ] || UNWANTED=555#
	one "$socket" "$personality" term=1 ${UNWANTED:+filter=1}
	if [ "$personality" = canable25 ]; then
		echo elm >"$GS_USB/devices/$(usb_intf a)/protocol" || fail "no ELM protocol"
	fi
	ok "alias" ip link set "$A" alias "left motor"
	ok "rings" ethtool -G "$A" rx 40 tx 7
	ok "tunable" ethtool --set-tunable "$A" rx-copybreak 16
	case $personality in
	*-old) set -- bitrate 250000 cc-len8-dlc on ;;
	*-bx)
		set -- bitrate 250000 berr-reporting on termination 120
		echo 123:7FF >"/sys/class/net/$A/gs_usb_ng/filters" || fail "no filters" ;;
	gs) set -- bitrate 250000 triple-sampling on ;;
	ces|cantact-pro) set -- bitrate 250000 dbitrate 1000000 fd on ;;
	*) set -- bitrate 250000 dbitrate 1000000 fd on termination 120 ;;
	esac
	up "$A" restart-ms 300 "$@"
	capture "$GS_TMP/log" "$A"
	talk 5 0
	for word in ${SLEEPS[socket]}; do
		n=$((n + 10))
		settings "$A" 0 >"$GS_TMP/before"
		counters "$A" >"$GS_TMP/counted"
		get resets emu_status a resets
		sleep_system "$word"
		settings "$A" 0 >"$GS_TMP/after"
		unchanged before after
		counters "$A" >"$GS_TMP/after"
		unchanged counted after
		resets=$(($(emu_status a resets) - resets))
		if [ "$socket" = "$EHCI" ]; then
			eq "resets" "$resets" 0
		else
			ge "resets" "$resets" 1
		fi
		talk 5 "$n"
	done
	eq_said "frames sent" $((n / 2 + 5)) link_stat "$A" tx_packets
	eq_said "frames received" $((n / 2 + 5)) link_stat "$A" rx_packets
	# by resume itself, not by who looks after what had failed then
	! log_has "not started yet" || fail "not started at once"
	stop_capture
	down "$A"
	pools_empty a
}

test_resume_candlelight_old() { sleep_up candlelight-old "$EHCI"; }
test_resume_candlelight_fd() { sleep_up candlelight-fd "$EHCI"; }
test_resume_cannectivity() { sleep_up cannectivity "$EHCI"; }
test_reset_resume_candlelight_old() { sleep_up candlelight-old "$XHCI"; }
test_reset_resume_candlelight_bx() { sleep_up candlelight-bx "$XHCI"; }
test_reset_resume_candlelight_fd() { sleep_up candlelight-fd "$XHCI"; }
test_reset_resume_cannectivity() { sleep_up cannectivity "$XHCI"; }
test_reset_resume_gs() { sleep_up gs "$XHCI"; }
test_reset_resume_ces() { sleep_up ces "$XHCI"; }
test_reset_resume_cantact_pro() { sleep_up cantact-pro "$XHCI"; }
test_reset_resume_budgetcan() { sleep_up budgetcan "$XHCI"; }
test_reset_resume_canable25() { sleep_up canable25 "$XHCI"; }

# One of two is up: it is so afterwards, and the other is not. Then both, each with its own rates.
test_two_channels() {
	local b

	one "$XHCI" cannectivity channels=2
	get b netdev a 1 || fail "no channel 1"
	up "$A"
	capture "$GS_TMP/log" "$A"
	talk 3 0
	sleep_system
	eq_said "channel 0 started" 1 emu_status a:0 started
	eq_said "channel 1 started" 0 emu_status a:1 started
	! is_up "$b" || fail "$b is up"
	eq_said "slots of channel 1" 0 stat_of "$b" tx_pool_capacity
	talk 3 6
	up_fd "$b" bitrate 125000
	{ settings "$A" 0; settings "$b" 1; } >"$GS_TMP/before"
	sleep_system power=off
	{ settings "$A" 0; settings "$b" 1; } >"$GS_TMP/after"
	unchanged before after
	talk 3 12
	emu_ok send bus=u frame=123#1122 count=3
	ok "cansend" cansend "$b" 321##1112233
	wait_for 2 "frames of channel 1" at_least 3 link_stat "$b" rx_packets
	wait_for 2 "echo of channel 1" at_least 1 link_stat "$b" tx_packets
}

# All are down, and power is gone: what was set is told the firmware again, nothing is started
test_down() {
	one "$XHCI" candlelight-fd term=1
	patiently "termination" ip link set "$A" type can termination 120
	up_fd "$A"
	down "$A"
	sleep_system power=off
	eq_said "termination" 1 emu_status a:0 termination
	eq_said "started" 0 emu_status a:0 started
	pools_empty a
	up_fd "$A"
	capture "$GS_TMP/log" "$A"
	talk 3 0
}

# All that the firmware takes is in flight, IN_FLIGHT frames, and none is on its way to it
settled() {
	local was=$IN_FLIGHT

	get IN_FLIGHT intf_stat a firmware/in_flight
	[ "$IN_FLIGHT" -ge 8 ] && [ "$IN_FLIGHT" = "$was" ]
}

# Nobody acknowledges: frames wait in the firmware, and behind them in the queue. The former are
# dropped, the latter are sent when a partner comes.
waiting() {
	local n sent=80 echoed

	one "$@"
	up "$A" bitrate 50000
	emu_ok bus name=t ack=off
	capture "$GS_TMP/log" "$A"
	cangen -g 0 -p 60000 -n "$sent" -I 321 -L i -D i "$A" >/dev/null &
	IN_FLIGHT=-1
	wait_for 10 "frames that wait" settled
	n=$IN_FLIGHT
	sleep_system
	eq_said "tx_abandoned" "$n" stat_of "$A" tx_abandoned
	eq_said "tx_dropped" "$n" link_stat "$A" tx_dropped
	eq_said "tx_errors" 0 link_stat "$A" tx_errors
	sleep_system
	get n link_stat "$A" tx_dropped
	emu_ok bus name=t ack=on
	wait $! || fail "the sender ended early"
	wait_for 10 "echoes of what was not dropped" is "$sent" accounted "$A"
	get echoed link_stat "$A" tx_packets
	eq "echoes and drops" $((echoed + n)) "$sent"
	ge "echoes" "$echoed" 1
	got "$GS_TMP/log" "$echoed"
	eq_said "frames seen by the socket" "$echoed" lines "$GS_TMP/log"
	eq_said "in flight" 0 intf_stat a firmware/in_flight
	eq_said "tx_stuck" 0 stat_of "$A" tx_stuck
}

# accounted IFACE
accounted() {
	echo $(($(link_stat "$1" tx_packets) + $(link_stat "$1" tx_errors) +
		$(link_stat "$1" tx_dropped)))
}

test_no_partner_candlelight_old() { waiting "$EHCI" candlelight-old; }
test_no_partner_candlelight_fd() { waiting "$XHCI" candlelight-fd; }
test_no_partner_cannectivity() { waiting "$XHCI" cannectivity; }

# The cable is pulled meanwhile
unplugged() {
	one "$@"
	up "$A"
	capture "$GS_TMP/log" "$A"
	talk 3 0
	sleep_system unplug=1
	plug_again
	up "$A"
	capture "$GS_TMP/log" "$A"
	talk 3 0
}

# sleep_pulled WORD...: asleep and awake, with frames in flight and others that come in, while the cable
# is pulled as the words say
sleep_pulled() {
	local sender

	up_fd "$A"
	emu_ok bus name=t ack=off
	cangen -g 0 -p 60000 -I 7FE -L 8 -D i "$A" >/dev/null 2>&1 &
	sender=$!
	IN_FLIGHT=-1
	wait_for 10 "frames that wait" settled
	emu_all "suspend id=a at=idle" "fault id=a what=unplug $*"
	gs_now
	SLEPT=$GS_NOW
	ok "sleep" eval 'echo freeze >/sys/power/state'
	gs_now
	SLEPT=$((GS_NOW - SLEPT))
	# it would wait for room
	kill -KILL "$sender" 2>/dev/null
	wait "$sender" 2>/dev/null
	emu_ok bus name=t ack=on
}

# It is pulled at each request of falling asleep and waking up, of which there are STEPS at least, and at
# some moments between and behind them
pulled() {
	local k whole steps=$1

	shift
	one "$@"
	emu_ok send bus=t frame=123#1122334455667788 count=10000000 gap=5000
	for ((k = 0; k < 100; k++)); do
		sleep_pulled at=ctrl skip="$k"
		plugged && break
		plug_again
	done
	emu_ok fault id=a what=none
	down "$A"
	whole=$SLEPT
	note "pulled at each of $k requests of a sleep of $whole hundredths of seconds"
	ge "requests of a sleep" "$k" "$steps"
	for k in 1 2 3 4 5 6 7; do
		sleep_pulled at=time after=$((whole * 10000 * k / 8))
		wait_for 20 "end of the adapter" not plugged
		plug_again
	done
	up_fd "$A"
	capture "$GS_TMP/log" "$A"
	ok "cangen" cangen -g 0 -p 1000 -n 5 -I 321 -L i -D i "$A"
	wait_for 10 "frames both ways" has_lines 20 "$GS_TMP/log"
	wait_for 10 "echoes" is 5 link_stat "$A" tx_packets
	stop_capture
	down "$A"
	pools_empty a
}

# RESET of a channel that is on the bus, and then, with or without the byte order, RESET, two bit
# timings, delay compensation, START
test_pulled_resume() { pulled 6 "$EHCI" candlelight-fd; }
test_pulled_reset_resume() { pulled 7 "$XHCI" candlelight-fd; }

test_unplugged_resume() { unplugged "$EHCI" candlelight-fd; }
test_unplugged_reset_resume() { unplugged "$XHCI" candlelight-fd; }

# The firmware wakes up late: the system does not wait for more than its first answer, and the
# channel is started as soon as there are some.
test_silent() {
	local normal

	one "$XHCI" cannectivity channels=2
	up "$A"
	up "$(netdev a 1)"
	capture "$GS_TMP/log" "$A"
	talk 3 0
	sleep_system
	normal=$SLEPT
	emu_ok fault id=a what=timeout during=resume count=2
	sleep_system
	note "a sleep took $normal hundredths of seconds, $SLEPT with two requests unanswered"
	le "sleep" "$SLEPT" $((normal + 400))
	log_has "device not started yet" || fail "nothing in the log"
	wait_for 10 "start of channel 0" is 1 emu_status a:0 started
	wait_for 10 "start of channel 1" is 1 emu_status a:1 started
	talk 3 6
}

# It does not wake up at all, and is given up. After the next sleep it is there again.
test_dead() {
	one "$XHCI" candlelight-fd
	up "$A"
	capture "$GS_TMP/log" "$A"
	talk 3 0
	emu_ok fault id=a what=timeout during=resume count=100000
	sleep_system
	wait_for 30 "end of all attempts" log_has "gave up"
	is_up "$A" || fail "$A is down"
	emu_ok fault id=a what=none
	sleep_system
	log_has "taken up again" || fail "not taken up again"
	eq_said "started" 1 emu_status a:0 started
	talk 3 6
}

# In traffic both ways, again and again. Each time nobody acknowledges for a moment, so that frames
# are in flight, but no OUT transfer is under way: QEMU would do one twice that Linux takes back just
# when it is done.
often() {
	local i n most=0 dropped=0

	GS_SLABS=()
	one "$@"
	up "$A" bitrate 50000
	capture "$GS_TMP/log" "$A"
	cangen -g 0 -p 60000 -I 7FE -L 8 -D i "$A" >/dev/null 2>&1 &
	emu_ok send bus=t frame=123#1122334455667788 count=10000000 gap=20000
	for ((i = 0; i < SUSPENDS; i++)); do
		get n link_stat "$A" tx_packets
		wait_for 20 "frames sent, sleep $i" at_least $((n + 5)) link_stat "$A" tx_packets
		emu_ok bus name=t ack=off
		IN_FLIGHT=-1
		wait_for 10 "frames that wait" settled
		dropped=$((dropped + IN_FLIGHT))
		sleep_system
		eq_said "frames dropped" "$dropped" link_stat "$A" tx_dropped
		emu_ok bus name=t ack=on
		get n link_stat "$A" rx_packets
		[ "$SLEPT" -le "$most" ] || most=$SLEPT
		wait_for 20 "frames received, sleep $i" at_least $((n + 5)) \
			link_stat "$A" rx_packets
		memory_flat "$i sleeps" "$SLACK"
		[ $((i % 20)) != 0 ] || note "sleep $i: ${GS_SLABS[-1]} slab objects"
	done
	note "$SUSPENDS sleeps, the longest $most hundredths of seconds:" \
		"$(link_stat "$A" tx_packets) echoed," \
		"$(link_stat "$A" tx_dropped) dropped, $(link_stat "$A" tx_errors) failed," \
		"$(link_stat "$A" rx_packets) received"
	eq_said "frames failed" 0 link_stat "$A" tx_errors
	get n link_stat "$A" tx_packets
	wait_for 20 "frames sent after all" at_least $((n + 5)) link_stat "$A" tx_packets
	down "$A"
	pools_empty a
}

test_often_resume() { often "$EHCI" candlelight-fd; }
test_often_reset_resume() { often "$XHCI" candlelight-fd; }

# What a sleep does to an interface: one line, "case sleep: OUTCOME"
test_compare() {
	local index began

	emu_ok bus name=t ack=on
	adapter_unbound a candlelight-fd bus=t
	emu_ok set id=a referee=0
	wait_for 20 "interface" netdev a
	get A netdev a
	index=$(<"/sys/class/net/$A/ifindex")
	ok "up" ip link set "$A" up type can bitrate 500000
	capture "$GS_TMP/log" "$A"
	talk 5 0
	# the other driver leaves it at work
	emu_ok suspend id=a at=idle
	ok "sleep" eval 'echo freeze >/sys/power/state'
	gs_now
	began=$GS_NOW
	both_ways() {
		ip -o link | grep -q "^$index:" || return
		emu_ok send bus=t frame=123#1122 count=5
		cangen -g 0 -p 1000 -n 5 -I 321 -L i -D i "$A" && has_lines 20 "$GS_TMP/log"
	}
	if (wait_for 5 "frames both ways" both_ways); then
		gs_now
		note "case sleep: recovers, $((GS_NOW - began)) hundredths of a second"
	elif ip -o link | grep -q "^$index:"; then
		note "case sleep: dead"
	else
		note "case sleep: net device gone"
	fi
}

set_up() {
	modprobe -a virtio_awake ehci_pci &&
		echo platform >/sys/power/pm_test &&
		echo 0 >/sys/module/suspend/parameters/pm_test_delay
}

# A sleep takes its time in an emulated machine, so each guest has its share.
case ${GS_TEST_DRIVER:+compare}${GS_TEST_ALL:-$GS_VARIANT} in
compare*)
	tests=(compare) ;;
qemu612|qemu612-iommu)
	tests=(resume_candlelight_old resume_candlelight_fd resume_cannectivity
	       no_partner_candlelight_fd unplugged_resume pulled_resume silent often_resume) ;;
qemu612-smp)
	tests=(reset_resume_candlelight_fd reset_resume_cannectivity down
	       no_partner_cannectivity unplugged_reset_resume pulled_reset_resume
	       often_reset_resume) ;;
qemu61)
	tests=(reset_resume_candlelight_old reset_resume_candlelight_bx reset_resume_gs
	       reset_resume_ces reset_resume_cantact_pro reset_resume_budgetcan
	       reset_resume_canable25 two_channels no_partner_candlelight_old dead
	       often_resume) ;;
*)
	mapfile -t tests < <(declare -F | sed -n 's/^declare -f test_//p' | grep -vx compare) ;;
esac

set_up || {
	echo "Bail out! no pm_test, or no module for it"
	exit 1
}
ktap_run "${tests[@]/#/test_}"
