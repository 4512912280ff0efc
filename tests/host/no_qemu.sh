#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Without QEMU the lab says what to install; status 2.
. "$(dirname "$0")/../lib.sh"
# An image whose header is right is enough: nothing gets as far as booting it.
printf '%b' "$(printf '\\0%.0s' $(seq 1 1024))" >"$work/image"
poke() { printf '%b' "$2" | dd of="$work/image" bs=1 seek="$1" conv=notrunc 2>/dev/null; }
poke $((0x1f1)) '\x01'; poke $((0x1fe)) '\x55\xaa'; poke $((0x202)) 'HdrS'
poke $((0x20e)) '\x80\x01'; poke $((0x380)) '9.9.9-test'
run env PATH=/nonexistent "$RMAPLAB" lab run "$work/image" -- run
expect_status 2; expect_one_line err; expect err 'qemu-system-.* is not installed'
