#!/bin/sh
# SPDX-License-Identifier: MIT
# Sets up, then builds native/ and bpf/ into native/build/libhotpath.so. Prints nothing on stdout.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
PATH="$PATH:/usr/sbin:/sbin" make -s -C native -j "$(nproc)" >&2
