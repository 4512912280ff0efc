#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Guests have what drives walks of the reverse mapping: a second node and, on demand, swap.
# The oracle finds pages that go, and a page that is pinned; nothing stays switched on.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:6.12 debian:7.2
for kernel in debian:6.12 debian:7.2; do
  case $("$RMAPLAB" kernel fetch --offline "$kernel") in
    *'RAM disk: /'*) ;;
    *) skip "$kernel is in the cache without its module brd" ;;
  esac
  run "$RMAPLAB" lab run --offline --console "$kernel" -- "$(dirname "$RMAPLAB")/rmaplab-runner" reach
  expect_status 0
  [ "$(grep -c ': ok$' "$work/out")" = 10 ] || fail "$kernel: not ten good cases"
  expect out '^swap left: 0 KiB$'
  # One disk each time, of the size asked for; less a page for its header.
  [ "$(grep -c 'Adding 262140k swap on /dev/ram0' "$work/out")" = 2 ] || fail "$kernel: swap on the console"
done

# Who does not ask has none, and doctor finds all four.
run "$RMAPLAB" lab run --offline debian:7.2 -- "$(command -v cat)" /proc/swaps /proc/modules
expect_status 0; expect_not out '/dev|brd'
run "$RMAPLAB" doctor --offline --kernel debian:7.2
expect_status 0
for probe in 'numa nodes' swap ksm 'memory.reclaim'; do expect out "^  $probe +works "; done
