# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every script of the test machinery shares: where things are, one-line
# errors, packages, building the module outside the tree. To be sourced.

GS_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034	# for those who source this
GS_GUEST_DIR=$GS_TOP/selftests/guest
GS_CACHE=${GS_USB_NG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gs_usb_ng}
GS_JOBS=${GS_JOBS:-$(nproc)}
export GS_TOP GS_CACHE

# "make -s check" must not make the builds silent in here: their output is looked at.
unset MAKEFLAGS MFLAGS

# The output of a build or a guest is not a dialogue.
exec </dev/null

say() {
	printf '%s\n' "# $*" >&2
}

# One line: what is wrong and how to mend it.
die() {
	printf '%s\n' "error: $*" >&2
	exit 1
}

mkdir -p "$GS_CACHE" 2>/dev/null
[ -w "$GS_CACHE" ] ||
	die "cannot write to $GS_CACHE; set GS_USB_NG_CACHE to a directory that you may write to"

# Debian's package lists are read once per run, by whoever needs them first.
apt_update() {
	local stamp=$GS_CACHE/apt-updated

	if [ -n "$(find "$stamp" -mmin -180 2>/dev/null)" ] &&
	   [ -n "$(apt-get indextargets 2>/dev/null)" ]; then
		return 0
	fi
	if [ "$(id -u)" != 0 ]; then
		[ -n "$(apt-get indextargets)" ] && return 0
		die "apt has no package lists; run as root: apt-get update"
	fi
	say "apt-get update"
	apt-get -q -o Acquire::Retries=3 update >&2 ||
		die "apt-get update failed; check /etc/apt and the network"
	mkdir -p "$GS_CACHE"
	touch "$stamp"
}

# Install Debian packages that are missing; without root, say which.
need_packages() {
	local p missing=()

	command -v dpkg-query >/dev/null ||
		die "this is not Debian (no dpkg); install by hand what provides: $*"
	for p in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
			missing+=("$p")
	done
	[ ${#missing[@]} = 0 ] && return 0
	[ "$(id -u)" = 0 ] ||
		die "missing packages; run as root: apt-get install ${missing[*]}"
	apt_update
	say "installing ${missing[*]}"
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 \
		-o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold \
		-o Dpkg::Use-Pty=0 \
		install --no-install-recommends "${missing[@]}" >&2 ||
		die "apt-get could not install: ${missing[*]}"
}

# need_space DIR MEGABYTES
need_space() {
	local have

	have=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$have" -ge "$2" ] ||
		die "$1 has $have MB left and $2 are needed; make room or set GS_USB_NG_CACHE"
}

# One thing at a time may change a part of the cache: locked NAME COMMAND...
locked() {
	local name=$1

	shift
	mkdir -p "$GS_CACHE"
	(
		flock 9 || die "cannot lock $GS_CACHE/.lock-$name"
		"$@" 9>&-
	) 9> "$GS_CACHE/.lock-$name"
}

# Mirror the driver's sources as symbolic links into DIR, so that several
# kernels can be built for at a time and the tree stays as it is.
link_sources() {
	local dir=$1 p

	mkdir -p "$dir"
	find "$dir" -xtype l -delete
	for p in Kbuild include compat kunit "$GS_TOP"/*.[ch]; do
		p=${p#"$GS_TOP"/}
		[ -e "$GS_TOP/$p" ] && cp -rsfT "$GS_TOP/$p" "$dir/$p"
	done
	# objects and their like are not sources
	find "$dir" -type l \( -name '*.o' -o -name '*.ko' -o -name '.*.cmd' -o \
		-name '*.mod' -o -name '*.mod.c' -o -name 'Module.symvers' -o \
		-name 'modules.order' \) -delete
}

# build_module KDIR DIR [MAKEARG...]: the module, out of the tree, in DIR
build_module() {
	local kdir=$1 dir=$2

	shift 2
	link_sources "$dir"
	make -C "$kdir" M="$dir" -j"$GS_JOBS" "$@" modules </dev/null
}
