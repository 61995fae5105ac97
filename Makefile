# SPDX-License-Identifier: GPL-2.0-only
# What people type. Kbuild reads the file Kbuild instead.
#
#	make			gs-usb-ng.ko for the running kernel
#				(KERNELRELEASE=... or KDIR=... for another one)
#	make install		the module, modprobe.d/gs_usb_ng.conf, depmod
#				(below DESTDIR, if that is set)
#	make install-config	modprobe.d/gs_usb_ng.conf only: what DKMS leaves out
#	make uninstall
#	make demo		see it work in a guest (QEMU, stock Debian kernel)
#	make demo-shell		a prompt in that guest
#	make check		all tests; TEST=name runs one
#	make check-unit check-uml check-qemu check-static
#	make fuzz		wire.c, elm.c under libFuzzer (clang), RUNS=20000000
#	make bench		what a frame costs, next to the kernel's gs_usb;
#				exit status 1 if that is too much; QUICK=1
#				takes five minutes at most
#	make soak		an hour (MINUTES=60) of traffic in which one transfer
#				in a hundred goes wrong, in UML
#	make long		1,000 unplugs, 10,000 times up and down, 1,000 binds,
#				all in two-way traffic, 100,000 fuzzed transfers,
#				a failure at each single allocation and each feature
#				bit under the name of each firmware, in UML, and 200
#				times asleep in QEMU
#	make stress		everything at once on two CPUs, where KASAN, lockdep,
#				kmemleak and KCSAN look on
#	make coverage		lines and branches that the tests in UML reach
#	make compare		what the kernel's gs_usb and gs_usb_ng make of an adapter
#				that misbehaves, in UML
#	make clean

KERNELRELEASE ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KERNELRELEASE)/build
ROOT := $(DESTDIR)$(INSTALL_MOD_PATH)
# the module belongs to the kernel it was built for, whatever KDIR is called
RELEASE = $(if $(filter command,$(firstword $(origin KERNELRELEASE))),$(KERNELRELEASE),$(shell \
	cat "$(KDIR)/include/config/kernel.release" 2>/dev/null || echo "$(KERNELRELEASE)"))
MODULE ?= gs-usb-ng.ko
UPDATES = $(ROOT)/lib/modules/$(RELEASE)/updates

all: modules

check-kdir:
	@selftests/guest/check-kdir "$(KDIR)" "$(KERNELRELEASE)"

modules: check-kdir
	@$(MAKE) -C "$(KDIR)" M="$(CURDIR)" modules

clean:
	@find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name '*.o.d' -o -name Module.symvers \
		-o -name modules.order \) -type f -exec rm -f {} +
	@for d in bench emulator fuzz progs; do $(MAKE) -s -C selftests/$$d clean; done

install: modules
	@$(MAKE) -s --no-print-directory install-files

# what "make install" does with a module that has been built (MODULE=...)
install-files: install-config
	@mkdir -p "$(UPDATES)" 2>/dev/null && install -m 644 "$(MODULE)" "$(UPDATES)/gs-usb-ng.ko" 2>/dev/null || \
		{ echo "error: cannot write $(UPDATES); become root, or set DESTDIR" >&2; exit 1; }
	@depmod $(if $(ROOT),-b "$(ROOT)") "$(RELEASE)" || \
		{ echo "error: depmod failed; is the package kmod installed?" >&2; exit 1; }
	@echo "installed $(UPDATES)/gs-usb-ng.ko"

install-config:
	@mkdir -p "$(ROOT)/etc/modprobe.d" 2>/dev/null && \
	 install -m 644 modprobe.d/gs_usb_ng.conf "$(ROOT)/etc/modprobe.d/gs_usb_ng.conf" || \
		{ echo "error: cannot write $(ROOT)/etc; become root, or set DESTDIR" >&2; exit 1; }

uninstall:
	@rm -f "$(UPDATES)/gs-usb-ng.ko" "$(ROOT)/etc/modprobe.d/gs_usb_ng.conf" || \
		{ echo "error: cannot remove the files; become root, or set DESTDIR" >&2; exit 1; }
	@depmod $(if $(ROOT),-b "$(ROOT)") "$(RELEASE)"

demo:
	@selftests/demo

demo-shell:
	@selftests/demo --shell

bench:
	@selftests/bench/bench $(if $(QUICK),--quick)

# Not part of "make check": this takes long
MINUTES ?= 60

soak:
	@GS_TEST_MINUTES=$(MINUTES) GS_TIMEOUT=86400 \
		selftests/guest/run --guest uml73 --notes selftests/tests/soak.sh

long:
	@GS_TEST_UPS=10000 GS_TEST_BINDS=1000 GS_TEST_UNPLUGS=1000 GS_TIMEOUT=14400 \
		selftests/guest/run --guest uml612 --notes selftests/long/rounds.sh \
		selftests/tests/unplug.sh
	@GS_TEST_TRANSFERS=100000 GS_TEST_SITES=1 GS_TIMEOUT=14400 GS_ANY_GUEST=1 \
		selftests/guest/run --guest uml612 --notes selftests/tests/fuzz.sh \
		selftests/tests/faults.sh selftests/tests/traffic.sh
	@GS_TIMEOUT=14400 GS_ANY_GUEST=1 selftests/guest/run --guest qemu61 --notes \
		$(addprefix selftests/tests/,badinput.sh burst.sh clock.sh elm.sh filters.sh \
			joined.sh many.sh modes.sh oneshot.sh pools.sh)
	@GS_TEST_SWEEP=full GS_TIMEOUT=14400 \
		selftests/guest/run --guest uml73 --notes selftests/tests/sweep.sh
	@GS_TEST_SUSPENDS=200 GS_TIMEOUT=14400 \
		selftests/guest/run --guest qemu612 --notes selftests/tests/suspend.sh

stress:
	@GS_TEST_STRESS=20 GS_TIMEOUT=3600 selftests/guest/run --guest uml73 --notes selftests/tests/stress.sh
	@GS_TEST_STRESS=20 GS_TIMEOUT=3600 selftests/guest/run --guest qemu612-debug --notes \
		selftests/tests/stress.sh
	@kernel=$$(selftests/guest/kernels.sh kcsan) && GS_KERNEL=$$kernel GS_TIMEOUT=3600 \
		GS_CMDLINE="panic_on_warn=0 kcsan.skip_watch=60 kcsan.udelay_task=500 kcsan.udelay_interrupt=80" \
		selftests/guest/run --guest qemu612-smp --notes selftests/long/races.sh

coverage:
	@selftests/coverage

compare:
	@selftests/compare

fuzz:
	@$(MAKE) -C selftests/fuzz fuzz $(if $(RUNS),RUNS=$(RUNS))

check:
	@selftests/check all $(TEST)

check-unit check-uml check-qemu check-static: check-%:
	@selftests/check $* $(TEST)

.PHONY: all check-kdir modules clean install install-files install-config uninstall demo \
	demo-shell bench soak long stress coverage compare fuzz check check-unit check-uml check-qemu check-static
