#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what Hotpath is built with and runs on: a C compiler, clang for BPF and its libFuzzer, bpftool, liburing, libbpf, zlib,
# iproute2, ethtool, procps. Does nothing (and needs no root) when all of it is there. Exit code 2: something is
# missing and cannot be installed from here.
set -eu

programs="gcc make clang clang-format bpftool ip ethtool sysctl unshare sockperf taskset"
headers="liburing.h bpf/libbpf.h zlib.h linux/bpf.h"
debian="gcc libc6-dev make clang libclang-rt-dev clang-format bpftool libbpf-dev liburing-dev zlib1g-dev linux-libc-dev iproute2 ethtool procps util-linux sockperf"
fedora="gcc make clang compiler-rt clang-tools-extra bpftool libbpf-devel liburing-devel zlib-devel kernel-headers libasan libubsan iproute ethtool procps-ng util-linux sockperf"

# bpftool, ip, ethtool and sysctl live in sbin, which is not everybody's PATH.
PATH="$PATH:/usr/sbin:/sbin"

missing() {
	for program in $programs; do
		command -v "$program" >/dev/null 2>&1 || printf '%s ' "$program"
	done
	for header in $headers; do
		[ -e "/usr/include/$header" ] || printf '%s ' "$header"
	done
	ls "$(clang -print-resource-dir 2>/dev/null)"/lib/*/libclang_rt.fuzzer* >/dev/null 2>&1 || printf 'libFuzzer '
}

lack=$(missing)
[ -n "$lack" ] || exit 0

if command -v apt-get >/dev/null 2>&1; then
	install="apt-get install -y --no-install-recommends $debian"
elif command -v dnf >/dev/null 2>&1; then
	install="dnf install -y $fedora"
else
	echo "Cannot set up: missing $lack, and neither apt-get nor dnf is here; install these by hand." >&2
	exit 2
fi

if [ "$(id -u)" != 0 ]; then
	echo "Cannot set up: missing $lack. Installing needs root; run once:" >&2
	echo "  sudo sh -c '$install'" >&2
	exit 2
fi

echo "Installing what is missing: $lack" >&2
case $install in
apt-get*) apt-get update -qq >&2 || true ;;
esac
DEBIAN_FRONTEND=noninteractive $install >&2 || {
	echo "Cannot set up: '$install' failed (see above)." >&2
	exit 2
}

lack=$(missing)
[ -z "$lack" ] || {
	echo "Cannot set up: still missing $lack after '$install'." >&2
	exit 2
}
