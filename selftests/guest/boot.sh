# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# How a guest is started; sourced by "run", which has set: guest, kind, mode,
# kernel (directory), release, run (results), build, environment, deadline.

# shellcheck disable=SC2154

# Any kernel warning stops a guest. The console shows warnings and worse.
guest_cmdline() {
	echo "loglevel=5 panic_on_warn=1 oops=panic panic=-1 $environment $GS_CMDLINE"
}

# What a person sees of a guest: what its init says; all of it in a shell.
progress() {
	if [ "$mode" = shell ]; then
		cat
	elif [ "$mode" = demo ]; then
		tee "$run/console" | tr -d '\r' | sed -u -n 's/^GS: //p' >&2
	else
		tee "$run/console" | tr -d '\r' | sed -u -n "s/^GS: /# $guest: /p" >&2
	fi
}

# Nobody waits for a guest that hangs; the shell is the person's own.
limited() {
	if [ "$mode" = shell ]; then
		"$@" < /dev/tty
	else
		timeout -k 10 "$deadline" "$@"
	fi
}

# --- UML ---------------------------------------------------------------------

boot_uml() {
	local con=null,fd:1 args=()

	[ "$mode" != shell ] || con=fd:0,fd:1
	case $guest in
	uml73) args+=(seccomp=on ncpus=2) ;;
	*-vtime) args+=(time-travel=inf-cpu) ;;
	esac
	# shellcheck disable=SC2046	# words
	TMPDIR=$run limited "$kernel/linux" mem=512M uml_dir="$run/" umid=um \
		root=/dev/root rootfstype=hostfs rootflags=/ ro init="$GS_GUEST_DIR/init" \
		con=null con0=$con dummy_hcd.num=2 kunit.enable=1 kunit.autorun=1 "${args[@]}" $(guest_cmdline) 2>&1 |
		progress
}

# --- QEMU --------------------------------------------------------------------

# Busybox, the modules that lead to the root, and an init.
make_initramfs() {
	local dir=$build/initramfs-$release m

	rm -rf "$dir"
	mkdir -p "$dir/bin" "$dir/dev"
	cp "$(command -v busybox)" "$dir/bin/busybox" || die "no busybox; install busybox-static"
	ln -s busybox "$dir/bin/sh"
	cp "$GS_GUEST_DIR/initramfs-init" "$dir/init"
	for m in virtio_pci 9pnet_virtio 9p overlay; do
		modprobe -d "$kernel" -S "$release" --show-depends "$m" ||
			die "$release has no module $m"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' > "$dir.list"
	while read -r m; do
		cp "$m" "$dir/" && basename "$m"
	done < "$dir.list" > "$dir/modules"
	# another guest may be reading it
	(cd "$dir" && find . | cpio -o -H newc --quiet) > "$dir.cpio.new" ||
		die "cannot make an initramfs in $build"
	mv "$dir.cpio.new" "$dir.cpio"
}

# KVM only where this kernel really boots on it: a /dev/kvm can be there and
# fail. The verdict holds until the machine boots anew.
choose_accelerator() {
	local boot verdict answer=no

	machine=(qemu-system-x86_64 -M q35 -cpu "qemu64,+rdrand" -accel tcg)
	[ -w /dev/kvm ] || return 0
	boot=$(cat /proc/sys/kernel/random/boot_id)
	verdict=$GS_CACHE/kvm-$release-$boot
	if [ ! -e "$verdict" ]; then
		rm -f "$GS_CACHE/kvm-$release"-*
		{ timeout -k 2 20 qemu-system-x86_64 -M q35 -cpu host -accel kvm -nodefaults \
			-display none -no-reboot -m 512 -serial stdio \
			-kernel "$kernel/vmlinuz" -initrd "$build/initramfs-$release.cpio" \
			-append "console=ttyS0 panic=-1 GS_MODE=probe"; } > "$run/kvm-probe" 2>&1
		grep -q 'GS: probe ok' "$run/kvm-probe" && answer=yes
		echo $answer > "$verdict"
		say "a probe boot of $release with KVM: $answer"
	fi
	if [ "$(cat "$verdict")" = yes ]; then
		machine=(qemu-system-x86_64 -M "q35,kernel-irqchip=split" -cpu host -accel kvm)
	fi
}

# The emulated adapters sit outside, one socket each: the first ones behind QEMU's xHCI, the others
# behind an EHCI, of which nothing knows that does not load its driver and ask for these sockets. It
# is there for the sleep of the system, which that xHCI answers with "I have forgotten all", so that
# adapters behind it are always reset.
GS_PORTS=8
GS_PORTS_EHCI=2
start_emulator() {
	local i sockets=() tries=0

	for ((i = 0; i < GS_PORTS + GS_PORTS_EHCI; i++)); do
		sockets+=("$run/redir$i")
	done
	"$build/programs/gs-usb-emu" --ctl "$run/emu.sock" --log "$run/emulator.log" \
		--transport "redir:$(IFS=,; echo "${sockets[*]}")" > "$run/emulator.out" 2>&1 &
	emulator=$!
	until [ -S "$run/emu.sock" ] && [ -S "$run/redir$((GS_PORTS + GS_PORTS_EHCI - 1))" ]; do
		tries=$((tries + 1))
		if [ $tries -gt 100 ] || ! kill -0 $emulator 2>/dev/null; then
			die "the emulator did not start, see $run/emulator.out"
		fi
		sleep 0.1
	done
}

boot_qemu() {
	local append args=() i serial=stdio

	locked "initramfs-$release" make_initramfs || exit 1
	choose_accelerator
	start_emulator
	# no_timer_check: a machine that is busy counts too few ticks, and the kernel would panic for that
	append="console=ttyS0 mitigations=off no_timer_check $(guest_cmdline)"
	case $guest in
	*-iommu)
		args+=(-device intel-iommu)
		append+=" intel_iommu=on iommu.strict=1 iommu.passthrough=0" ;;
	*-smp)
		args+=(-smp 2)
		# and every mapping is copied through bounce buffers, as on machines whose devices
		# don't reach all memory
		append+=" swiotlb=force" ;;
	*-debug)
		args+=(-smp 2) ;;
	esac
	args+=(-device "qemu-xhci,id=xhci,p2=$GS_PORTS,p3=$GS_PORTS")
	for ((i = 0; i < GS_PORTS; i++)); do
		args+=(-chardev "socket,id=redir$i,path=$run/redir$i"
		       -device "usb-redir,chardev=redir$i,bus=xhci.0,port=$((i + 1))")
	done
	args+=(-device "usb-ehci,id=ehci")
	for ((i = GS_PORTS; i < GS_PORTS + GS_PORTS_EHCI; i++)); do
		args+=(-chardev "socket,id=redir$i,path=$run/redir$i"
		       -device "usb-redir,chardev=redir$i,bus=ehci.0,port=$((i - GS_PORTS + 1))")
	done
	args+=(-device virtio-serial-pci
	       -chardev "socket,id=emu,path=$run/emu.sock"
	       -device "virtserialport,chardev=emu,name=emu"
	       -virtfs "local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap"
	       -virtfs "local,path=$run,mount_tag=results,security_model=none,multidevs=remap")
	[ "$mode" != shell ] || serial=mon:stdio
	limited "${machine[@]}" -nodefaults -display none -no-reboot -m 1024 \
		-kernel "$kernel/vmlinuz" -initrd "$build/initramfs-$release.cpio" \
		-append "$append" -serial $serial "${args[@]}" 2>&1 | progress
	kill $emulator 2>/dev/null
	wait $emulator 2>/dev/null
}
