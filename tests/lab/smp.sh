#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# smp mode boots with several CPUs and gives times, which it does not judge.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:7.0
run_smp "$RMAPLAB" ab debian:7.0 debian:7.0 --mode smp --cpus 2 --replicas 1 -w 'fork_flat' \
  -o "$work" --label smp
expect_status 0; expect out 'smp mode, 2 x '; expect out 'wall_time .*not decided'
grep -q '"guest.cpus": "0-1"' "$work/smp/base/manifest.json" || fail "the guest has not two CPUs"
grep -Eq "\"boots.order\": \"[12]" "$work/smp/base/manifest.json" || fail "the order of boots was not kept"
