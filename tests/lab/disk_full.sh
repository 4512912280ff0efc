#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A full disk: one clear line where the guest's image or the results do not fit, and
# what was measured is printed all the same.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:7.0
[ "$(id -u)" = 0 ] || skip "mounting a small file system needs root"
mkdir "$work/small"
mount -t tmpfs -o size=1m tmpfs "$work/small" 2>/dev/null || skip "cannot mount a tmpfs here"
trap 'umount "$work/small"; rm -rf "$work"' EXIT

run env TMPDIR="$work/small" "$RMAPLAB" lab run debian:7.0 -- run -w null
expect_status 2; expect err 'initramfs.cpio: No space left on device'

head -c 1030000 /dev/zero >"$work/small/fill" 2>/dev/null
run "$RMAPLAB" ab debian:7.0 debian:7.0 -w null --replicas 1 -o "$work/small/out"
expect_status 2; expect err 'No space left on device'
