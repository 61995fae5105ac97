#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The module goes and comes back: idle, with an interface that is down, and in full traffic.
#
# UML built from 7.3 is left out: its KASAN does not forget the variables of a module that
# was unloaded, and reports the kernel's own loader when the next one takes their place.
#
# timeout: 120
# guests: uml612 qemu61

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# Traffic in both directions that goes on until the interface does not
noise() {
	up "$A" bitrate 125000
	capture "$GS_TMP/noise" "$A"
	cangen -g 0 -p 1000 -I 321 -L i -D i "$A" >/dev/null 2>&1 &
	# more urgent, or there would be no place for it on the bus
	emu_ok send bus=t frame=001#1122334455667788 count=100000 gap=3000
	got "$GS_TMP/noise" 40
}

test_rmmod_under_traffic() {
	local round

	one candlelight-fd
	for round in 1 2 3; do
		find_a
		noise
		ok "rmmod $round" rmmod "$GS_DRIVER"
		[ ! -d "/sys/class/net/$A" ] || fail "the interface outlived the module"
		eq_said "started after rmmod" 0 emu_status a:0 started
		ok "modprobe" driver_load
		wait_for 20 "driver bound" gs_bound a
	done
	find_a
	up "$A"
	wait_for 20 "frames" at_least 10 link_stat "$A" rx_packets
}

# rmmod without any adapter, and with one that is down
test_rmmod_quiet() {
	ok "rmmod" rmmod "$GS_DRIVER"
	ok "modprobe" driver_load
	one candlelight-fd
	ok "rmmod" rmmod "$GS_DRIVER"
	ok "modprobe" driver_load
	wait_for 20 "driver bound" gs_bound a
	find_a
	up "$A"
	talk 10
}

# Who gets the adapter, by modprobe.d/gs_usb_ng.conf: ours takes over what the kernel's own
# driver has, and gives it back. (The guest's root is thrown away afterwards.)
test_modprobe_d() {
	local intf

	cp "$(dirname "$0")/../../modprobe.d/gs_usb_ng.conf" /etc/modprobe.d/
	one candlelight-fd
	get intf usb_intf a
	ok "rmmod" rmmod "$GS_DRIVER"
	ok "modprobe gs_usb" modprobe gs_usb
	eq_said "driver at first" gs_usb intf_driver "$intf"
	ok "modprobe gs_usb_ng" modprobe gs_usb_ng
	wait_for 20 "driver bound" gs_bound a
	ok "modprobe -r" modprobe -r gs_usb_ng
	wait_for 20 "device given back" is gs_usb intf_driver "$intf"
	rm /etc/modprobe.d/gs_usb_ng.conf
	ok "rmmod gs_usb" rmmod gs_usb
	ok "modprobe" driver_load
	wait_for 20 "driver bound again" gs_bound a
}

ktap_run test_rmmod_under_traffic test_rmmod_quiet test_modprobe_d
