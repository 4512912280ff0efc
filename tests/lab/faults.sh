#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Guests that go wrong: told apart, the console's end shown, status 1.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:7.0
lab() { run "$RMAPLAB" lab run "$@"; }

lab debian:7.0 -- fault panic
expect_status 1; expect err 'guest panicked: Kernel panic - not syncing: sysrq triggered crash'
expect err 'end of its console'

lab --append 'rdinit=/nope' debian:7.0 -- run -w null
expect_status 1; expect err 'guest panicked: Kernel panic - not syncing: VFS'

lab debian:7.0 -- fault exit
expect_status 1; expect err 'guest ended early: the guest rebooted before its last record'

lab --hang-timeout 10 debian:7.0 -- fault hang
expect_status 1; expect err 'guest hung: no sign of life for 10 s'

lab debian:7.0 -- run -w test_crash
expect_status 1; expect err 'FAILED test_crash .*signal 11'; expect out ',null,.*,instructions,'

lab debian:7.0 -- run -w test_hang  # a guest's 300 s pass at once while it idles
expect_status 1; expect err 'FAILED test_hang .*did not end within 300 s'

lab debian:7.0 -- /bin/cat /proc/version
expect_status 0; expect out '^Linux version 7\.0\.'

image=$(image_of debian:7.0)
head -c 3000000 "$image" >"$work/cut"
lab "$work/cut" -- run
expect_status 2; expect_one_line err; expect err 'is cut off: 3000000 bytes'

cp "$image" "$work/flipped"
head -c 4096 /dev/urandom | dd of="$work/flipped" bs=1 seek=5000000 conv=notrunc 2>/dev/null
lab --hang-timeout 15 "$work/flipped" -- run
expect_status 1; expect err 'guest (hung|ended early|panicked): '
