#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# All tests on this guest run behind a strict IOMMU: this is the proof. A transfer to where nothing is
# mapped would be a fault in the kernel log, which fails the run.
#
# timeout: 30
# guests: qemu612-iommu

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# The host controllers' own domains translate ("DMA", not "identity"), and unmap at once (not "DMA-FQ")
test_forced() {
	local dev n=0

	for dev in /sys/bus/pci/devices/*; do
		gs_read "$dev/class"
		[ "$GS_VALUE" = 0x0c0330 ] || continue
		n=$((n + 1))
		gs_read "$dev/iommu_group/type" || fail "no IOMMU for ${dev##*/}"
		eq "domain of ${dev##*/}" "$GS_VALUE" DMA
	done
	ge "xHCI host controllers" "$n" 1
}

# The adapter is behind one of them
test_adapter() {
	local dev

	emu_ok bus name=t ack=on
	adapter a candlelight-fd bus=t
	dev=$(realpath "$GS_USB/devices/$(usb_intf a)")
	while [ "$dev" != / ] && [ ! -e "$dev/iommu_group" ]; do
		dev=$(dirname "$dev")
	done
	gs_read "$dev/iommu_group/type" || fail "no IOMMU above the adapter"
	eq "domain of the adapter's controller" "$GS_VALUE" DMA
}

ktap_run test_forced test_adapter
