#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# One-shot mode: a frame has one chance, and what became of it is reported as the firmware tells.
# CANnectivity, and CANable 2.5 in its own protocol, do not tell of frames that failed: they are given
# up, counted as errors, and nothing is started anew because of them. candleLight and, in the legacy
# protocol, CANable 2.5 echo a frame before that.
#
# timeout: 200
# guests: uml612 uml73

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# plug PERSONALITY [elm]: adapter a; in ELM's protocol, if that is said
plug() {
	adapter a "$1" bus=t channels=1
	get A netdev a || fail "no interface"
	[ "${2:-}" != elm ] ||
		echo elm >"$GS_USB/drivers/$GS_DRIVER/$(usb_intf a)/protocol" ||
		fail "ELM's protocol is refused"
}

# one PERSONALITY [elm]: in one-shot mode on a bus that is never free, since an invisible node
# sends one frame after the other. Only what is more urgent than 001 wins. A slow bus, lest these
# frames fill a CANnectivity whose host is late: that would be the end of its OUT endpoint (issue 217).
one() {
	emu_ok bus name=t ack=on
	plug "$@"
	up "$A" one-shot on bitrate 10000
	emu_ok send bus=t frame=001#1122334455667788 count=1000000
}

# All that the interface ever sent has come back or was given up, and nobody had to help.
# settled PACKETS ERRORS
settled() {
	wait_for 30 "$1 frames sent" is "$1" link_stat "$A" tx_packets
	wait_for 30 "$2 frames failed" is "$2" link_stat "$A" tx_errors
	wait_for 30 "end of all frames" is 0 stat_of "$A" tx_pool_in_use
	eq_said "echoes that did not come" "$2" stat_of "$A" echo_lost
	eq_said "channel started anew" 0 stat_of "$A" tx_stuck
	eq_said "restarts" 0 link_json "$A" .linkinfo.info_xstats.restarts
}

lost_at_device() {
	[ "$(emu_status a:0 tx_lost)" = "$1" ]
}

# silent FRAMES PERSONALITY [elm]: one frame that loses arbitration, one that wins, and more than there
# are slots for that lose
silent() {
	local n=$1

	one "${@:2}"
	ok "cansend" cansend "$A" 7FF#01
	wait_for 20 "lost arbitration" lost_at_device 1
	settled 0 1
	ok "cansend" cansend "$A" 000#02
	settled 1 1
	ok "cangen" cangen -g 0 -p 30000 -n "$n" -I 7FF -L i -D i "$A"
	wait_for 30 "$n more" lost_at_device $((1 + n))
	settled 1 $((1 + n))
	ok "cansend" cansend "$A" 000#03
	settled 2 $((1 + n))
	down "$A"
	pools_empty a
}

test_silent_cannectivity() { silent 20 cannectivity; }
test_silent_elm() { silent 40 canable25 elm; }

# early PERSONALITY: the echo of a frame that loses comes all the same
early() {
	one "$1"
	ok "cansend" cansend "$A" 7FF#01
	wait_for 20 "lost arbitration" lost_at_device 1
	settled 1 0
	ok "cansend" cansend "$A" 000#02
	settled 2 0
	down "$A"
	pools_empty a
}

test_early_candlelight() { early candlelight-bx; }
test_early_canable25() { early canable25; }
# of which that is only believed
test_early_gs() { early gs; }

# Nobody acknowledges: each frame is tried once, and the next one goes its way
# no_partner PERSONALITY [elm]
no_partner() {
	emu_ok bus name=t ack=off
	plug "$@"
	up "$A" one-shot on
	ok "cangen" cangen -g 0 -p 30000 -n 20 -I 123 -L i -D i "$A"
	settled 0 20
	eq "attempts" "$(emu buslog bus=t | grep -c ' a:0 .*err=ack')" 20
	emu_ok bus name=t ack=on
	ok "cansend" cansend "$A" 124#
	settled 1 20
	down "$A"
	pools_empty a
}

test_no_partner_cannectivity() { no_partner cannectivity; }
test_no_partner_elm() { no_partner canable25 elm; }

# Behind the frames of a channel that waits for a partner, on a device with one queue, one-shot
# frames wait, too: they have not had their chance
test_behind_another() {
	local asked

	emu_ok bus name=x ack=on
	emu_ok bus name=y ack=off
	adapter a cannectivity channels=2 bus=x,y
	get A netdev a 0 || fail "no channel 0"
	get B netdev a 1 || fail "no channel 1"
	up "$A" one-shot on
	up "$B"
	ok "cangen" cangen -g 0 -p 1000 -n 4 -I 456 -L i -D i "$B"
	wait_for 20 "state error-passive" is ERROR-PASSIVE can_state "$B"
	ok "cansend" cansend "$A" 123#
	get asked emu_status a requests
	asked_again() {
		[ "$(emu_status a requests)" -ge $((asked + 12)) ]
	}
	wait_for 60 "questions for the state" asked_again
	eq_said "frames given up" 0 link_stat "$A" tx_errors
	emu_ok bus name=y ack=on
	settled 1 0
	eq_said "frames given up by the other" 0 link_stat "$B" tx_errors
	wait_for 20 "frames of the other" is 4 link_stat "$B" tx_packets
}

ktap_run test_silent_cannectivity test_silent_elm test_early_candlelight test_early_canable25 \
	test_early_gs test_no_partner_cannectivity test_no_partner_elm test_behind_another
