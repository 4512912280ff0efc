#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Kernel $1 keeps every rule that `rmaplab check` knows.
. "$(dirname "$0")/../lib.sh"
kernel=$1
need_kernel "$kernel"
run "$RMAPLAB" check --kernel "$kernel"
! grep -q '^not ok' "$work/out" || fail "$kernel: $(grep -B 1 '^not ok' "$work/out" | head -n 20)"
expect_status 0
expect out '^KTAP version 1$'
expect out '^# [0-9]+ ok, 0 not ok, [0-9]+ skipped$'
[ "$(grep -c '^ok ' "$work/out")" = "$(sed -n 's/^1\.\.//p' "$work/out")" ] || fail "$kernel: not all results"
# Which rules apply is asked of the kernel; these are known.
case $kernel in
  debian:6.12) expect out '^# a faulted VMA merges into an unfaulted one .*: no$' ;;
  *) expect out '^# a faulted VMA merges into an unfaulted one .*: yes$' ;;
esac

run "$RMAPLAB" check --kernel "$kernel" hidden/wrong
expect_status 1; expect out '^not ok 1 hidden/wrong$'
# What raises no counter is seen on the console, though it is not known which check it was.
run "$RMAPLAB" check --kernel "$kernel" hidden/kernel_log
expect_status 1; expect out '^ok 1 hidden/kernel_log$'
expect err 'kernel log, outside of any case: BUG: KASAN: of no check'
