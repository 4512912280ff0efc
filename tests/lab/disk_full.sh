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

# TMPDIR is full when the second boot is to begin: what the first measured is stored and printed.
umount "$work/small"; mount -t tmpfs -o size=200m tmpfs "$work/small"
TMPDIR="$work/small" "$RMAPLAB" ab debian:7.0 debian:7.0 -w null --passes bare --replicas 2 --jobs 1 \
  -o "$work/o" --label full >"$work/out" 2>"$work/err" &
pid=$!
for _ in $(seq 3000); do
  grep -qs ',ok,' "$work/o/full/base.partial/samples.csv" && break
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.1
done
while kill -0 "$pid" 2>/dev/null; do cat /dev/zero >>"$work/small/fill" 2>/dev/null; sleep 0.1; done
wait "$pid"; status=$?
expect_status 1; expect err '[Nn]o space left'
grep -q ',ok,' "$work"/o/full/base/samples.csv || fail "what the first boot measured is not stored"
