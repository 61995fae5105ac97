#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernels that tests run on. Everything is taken from Debian's archive with
# the machine's own apt, checked by its signatures, and unpacked into the cache;
# nothing is installed. Each command prints the path of what it made.
#
#	kernels.sh stock 6.1|6.12	unpacked distribution kernel with headers:
#					boot/vmlinuz-*, lib/modules/*, kdir
#	kernels.sh headers 6.1|6.12|7.3	a KDIR to build the module against
#	kernels.sh source 6.12|7.3	unpacked linux-source, with the patches of this directory
#	kernels.sh uml612|uml73		O= directory of a built UML kernel
#	kernels.sh debug|kcsan		the same for QEMU, 6.12 for two CPUs: with lockdep and all other
#					checkers that look for the moment in which they are called,
#					or with the one for data races
#	kernels.sh clean		empty the cache

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"

# --- Debian's archive --------------------------------------------------------

# apt with lists of its own: the Debian suites that the machine uses, and the
# newest backports suite of the same mirror, by its name that never changes.
apt_private() {
	local dir=$GS_CACHE/apt cmd=$1

	shift
	"$cmd" -q -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" \
		-o Dir::Etc::SourceList="$dir/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null -o Dir::State::status=/dev/null \
		-o APT::Sandbox::User=root -o Acquire::Retries=3 \
		-o APT::Get::List-Cleanup=true "$@"
}

apt_private_setup() {
	local dir=$GS_CACHE/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	local suites mirror codename

	[ -n "$(find "$dir/ready" -mmin -180 2>/dev/null)" ] && return 0
	[ -e "$keyring" ] || need_packages debian-archive-keyring
	apt_update
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	# shellcheck disable=SC2016	# apt expands it
	suites=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN) $(LABEL)' \
		'Created-By: Packages' | awk '$3 == "Debian"' | sort -u)
	mirror=$(awk '$4 == "Debian" { print $1; exit }' <<< "$suites")
	[ -n "$mirror" ] ||
		die "apt knows no Debian mirror; add one to /etc/apt/sources.list.d"

	# what the newest backports suite is called; the alias itself can lag
	echo "deb [signed-by=$keyring] $mirror stable-backports main" > "$dir/sources.list"
	apt_private apt-get update >&2
	# shellcheck disable=SC2016
	codename=$(apt_private apt-get indextargets --format '$(CODENAME)' \
		'Created-By: Packages' | head -n 1)
	[ -n "$codename" ] || die "$mirror has no stable-backports; use a full Debian mirror"
	{
		awk -v key="$keyring" '{ print "deb [signed-by=" key "] " $1 " " $2 " main" }' \
			<<< "$suites"
		echo "deb [signed-by=$keyring] $mirror $codename main"
	} > "$dir/sources.list"
	apt_private apt-get update >&2 ||
		die "apt-get update failed for $dir/sources.list; check the network"
	touch "$dir/ready"
}

# the real package behind a meta package
real_package() {
	apt_private apt-cache depends --no-recommends --no-suggests "$1" 2>/dev/null |
		awk '$1 == "Depends:" && $2 ~ /^linux-(image|headers)-/ { print $2; exit }'
}

candidate() {
	apt_private apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" { print $2 }'
}

# unpack DIR PACKAGE...
unpack() {
	local dir=$1 debs=$GS_CACHE/debs.$$ deb

	shift
	need_space "$GS_CACHE" 4000
	rm -rf "$debs"
	mkdir -p "$debs" "$dir"
	say "downloading $*"
	(cd "$debs" && apt_private apt-get download "$@" >&2) ||
		die "cannot download $*; check the network"
	for deb in "$debs"/*.deb; do
		dpkg -x "$deb" "$dir" || die "cannot unpack $deb into $dir; is the disk full?"
	done
	rm -rf "$debs"
}

# --- distribution kernels ----------------------------------------------------

# The image package that a Debian release calls linux-image-$1.
image_package() {
	local meta pkg

	for meta in "linux-image-$1-amd64" linux-image-amd64; do
		pkg=$(real_package "$meta")
		case $pkg in
		"linux-image-$1."*) echo "$pkg"; return ;;
		esac
	done
	die "no linux-image of version $1 in the apt sources; Debian 12 with its security suite has it"
}

# Make unpacked headers work where they are: their Makefile includes
# another one by its installed path, and they ask for a gcc by its version.
relocate_headers() {
	local root=$1 f

	for f in "$root"/usr/src/linux-headers-*-amd64/Makefile; do
		sed -i "s#/usr/src/#$root/usr/src/#" "$f"
	done
	for f in "$root"/usr/src/linux-headers-*-amd64/.kernelvariables; do
		sed -i 's/gcc-[0-9]*/gcc/' "$f"
	done
}

stock() {
	local image release version dir tmp

	locked apt apt_private_setup
	image=$(image_package "$1") || exit 1
	release=${image#linux-image-}
	version=$(candidate "$image")
	dir=$GS_CACHE/stock/$release-$version
	if [ ! -e "$dir/complete" ]; then
		need_packages kmod xz-utils
		rm -rf "$dir"
		tmp=$dir.tmp
		rm -rf "$tmp"
		# kbuild's package name follows the version scheme of the release
		unpack "$tmp" "$image" "linux-headers-$release" \
			"linux-headers-${release%-amd64}-common" \
			"$(apt_private apt-cache depends "linux-headers-$release" |
			   awk '$2 ~ /^linux-kbuild-/ { print $2; exit }')"
		mv "$tmp" "$dir"
		relocate_headers "$dir"
		# only for type information, which would need pahole
		rm -f "$dir/usr/src/linux-headers-$release/vmlinux"
		say "unpacking the modules of $release"
		find "$dir/lib/modules" -name '*.ko.xz' -print0 |
			xargs -0 -r -n 200 -P "$GS_JOBS" xz -d
		sed -i 's/\.ko\.xz/.ko/' "$dir/lib/modules/$release/modules.order"
		depmod -b "$dir" "$release" || die "depmod failed for $dir"
		ln -sfn "$dir/usr/src/linux-headers-$release" "$dir/lib/modules/$release/build"
		ln -sfn "$dir/usr/src/linux-headers-$release" "$dir/kdir"
		ln -sfn "$dir/boot/vmlinuz-$release" "$dir/vmlinuz"
		echo "$release" > "$dir/release"
		touch "$dir/complete"
	fi
	echo "$dir"
}

# --- sources -----------------------------------------------------------------

# The newest source of a series; of 7.3 also a later one, when the archive
# has gone on.
source_package() {
	local pkg=linux-source-$1 version

	version=$(candidate "$pkg")
	if { [ -z "$version" ] || [ "$version" = '(none)' ]; } && [ "$1" = 7.3 ]; then
		pkg=$(apt_private apt-cache search --names-only '^linux-source-[789][.]' |
			awk '{ print $1 }' | sort -V | tail -n 1)
		[ -n "$pkg" ] && say "linux-source-7.3 has left the archive, $pkg stands in"
		version=$(candidate "$pkg")
	fi
	{ [ -n "$version" ] && [ "$version" != '(none)' ]; } ||
		die "no linux-source-$1 in the apt sources or stable-backports"
	echo "$pkg $version"
}

source_tree() {
	local pkg version dir tmp line p

	locked apt apt_private_setup
	line=$(source_package "$1") || exit 1
	read -r pkg version <<< "$line"
	dir=$GS_CACHE/source/$pkg-${version}_$(cat "$GS_GUEST_DIR"/patches/*.patch | sha256sum |
					       cut -c 1-8)
	if [ ! -e "$dir/complete" ]; then
		need_packages xz-utils patch
		rm -rf "$dir"
		tmp=$dir.tmp
		rm -rf "$tmp"
		unpack "$tmp" "$pkg"
		say "unpacking $pkg"
		tar -xJf "$tmp/usr/src/$pkg.tar.xz" -C "$tmp" --strip-components=1 ||
			die "cannot unpack $pkg into $tmp; is the disk full?"
		rm -rf "$tmp/usr/src/$pkg.tar.xz"
		for p in "$GS_GUEST_DIR"/patches/*.patch; do
			# a later kernel may have no need of it
			if patch -d "$tmp" -p 1 -F 0 -f -s --dry-run < "$p" > "$tmp.log" 2>&1; then
				patch -d "$tmp" -p 1 -F 0 -f -s < "$p"
			else
				say "$(basename "$p") does not apply to $pkg, see $tmp.log"
			fi
		done
		mv "$tmp" "$dir"
		touch "$dir/complete"
	fi
	echo "$dir"
}

need_build_tools() {
	need_packages gcc make libc6-dev bc bison flex libelf-dev libssl-dev kmod cpio \
		rsync perl python3 xz-utils
}

# A tree to build modules of 7.3 in: Debian's configuration and symbol versions
# with tools that this machine's compiler and libc can run.
headers_from_source() {
	local src headers version dir tmp release

	locked apt apt_private_setup
	src=$(locked "source-$1" source_tree "$1") || exit 1
	version=${src##*/linux-source-}
	version=${version#*-}
	version=${version%_*}
	# linux-headers-<kernel version>+debN-amd64 of the very same upload
	for headers in $(apt_private apt-cache search --names-only \
			 '^linux-headers-[789][.].*-amd64$' | awk '{ print $1 }'); do
		[ "$(candidate "$headers")" = "$version" ] && break
		headers=
	done
	[ -n "$headers" ] || die "no linux-headers package of version $version in stable-backports"
	release=${headers#linux-headers-}
	dir=$GS_CACHE/headers/$release-$version
	if [ ! -e "$dir/complete" ]; then
		need_build_tools
		rm -rf "$dir" "$dir.deb"
		tmp=$dir.deb
		unpack "$tmp" "$headers"
		mkdir -p "$dir"
		cp "$tmp/usr/src/$headers/.config" "$tmp/usr/src/$headers/Module.symvers" "$dir"
		rm -rf "$tmp"
		say "preparing headers of $release"
		{
			make -C "$src" O="$dir" olddefconfig &&
			nice make -C "$src" O="$dir" -j"$GS_JOBS" modules_prepare
		} > "$dir/build.log" 2>&1 || die "modules_prepare failed, see $dir/build.log"
		touch "$dir/complete"
	fi
	echo "$dir"
}

# --- kernels that are built --------------------------------------------------

# built KIND NAME SERIES FRAGMENT...: in KIND/NAME-*, once for a source and configuration; BUILD_ARGS are
# for make
BUILD_ARGS=()
built() {
	local kind=$1 name=$2 src dir hash frag cfg=() line key make targets=all

	src=$(locked "source-$3" source_tree "$3") || exit 1
	shift 3
	for frag in "$@"; do
		cfg+=("$GS_GUEST_DIR/kconfig/$frag")
	done
	hash=$({ basename "$src"; cat "${cfg[@]}"; } | sha256sum | cut -c 1-12)
	dir=$GS_CACHE/$kind/$name-$hash
	make=(make -C "$src" O="$dir")
	if [ "$kind" = uml ]; then
		make+=(ARCH=um)
	else
		targets="bzImage modules"
	fi
	if [ ! -e "$dir/complete" ]; then
		need_build_tools
		need_space "$GS_CACHE" 3000
		rm -rf "$GS_CACHE/$kind/$name"-*
		mkdir -p "$dir"
		cat "${cfg[@]}" > "$dir/fragment"
		say "building $name in $dir (takes some minutes, once)"
		"${make[@]}" KCONFIG_ALLCONFIG="$dir/fragment" allnoconfig \
			> "$dir/build.log" 2>&1 ||
			die "configuration failed, see $dir/build.log"
		# an option that was not taken would make tests hollow
		while IFS= read -r line; do
			key=${line%%=*}
			case $line in
			CONFIG_*=n)
				grep -q "^$key=" "$dir/.config" &&
					die "$name: $line was not accepted by this kernel" ;;
			CONFIG_*)
				grep -qxF "$line" "$dir/.config" ||
					die "$name: $line was not accepted by this kernel" ;;
			esac
		done < "$dir/fragment"
		# shellcheck disable=SC2086	# words
		nice "${make[@]}" "${BUILD_ARGS[@]}" -j"$GS_JOBS" $targets >> "$dir/build.log" 2>&1 ||
			die "the kernel did not build, see $dir/build.log"
		"${make[@]}" INSTALL_MOD_PATH="$dir" modules_install >> "$dir/build.log" 2>&1 ||
			die "modules_install failed, see $dir/build.log"
		ls "$dir/lib/modules" > "$dir/release"
		ln -sfn "$dir" "$dir/kdir"
		ln -sfn arch/x86/boot/bzImage "$dir/vmlinuz"
		touch "$dir/complete"
	fi
	echo "$dir"
}

# The sanitizer is kept out of all but the CAN and USB core, so that watchpoints are set there and in the
# driver, which is instrumented always
kcsan() {
	# shellcheck disable=SC2016	# make expands it
	BUILD_ARGS=('KCSAN_SANITIZE=$(if $(filter drivers/net/can/dev net/can drivers/usb/core,$(obj)),y,n)')
	built qemu kcsan 6.12 qemu.config qemu-kcsan.config
}

clean() {
	find "$GS_CACHE" -mindepth 1 -maxdepth 1 ! -name '.lock*' -exec rm -rf {} +
}

case $1:$2 in
stock:6.1|stock:6.12)
	locked "stock-$2" stock "$2" ;;
headers:6.1|headers:6.12)
	dir=$(locked "stock-$2" stock "$2") && echo "$dir/kdir" ;;
headers:7.3)
	locked headers headers_from_source 7.3 ;;
source:6.12|source:7.3)
	locked "source-$2" source_tree "$2" ;;
uml612:)
	locked uml612 built uml uml612 6.12 uml.config uml-debug.config ;;
uml73:)
	locked uml73 built uml uml73 7.3 uml.config uml-smp.config ;;
debug:)
	locked debug built qemu debug 6.12 qemu.config qemu-debug.config ;;
kcsan:)
	locked kcsan kcsan ;;
clean:)
	clean ;;
*)
	sed -n '3,/^$/{s/^# \{0,1\}//p}' "$0" >&2
	exit 2 ;;
esac
