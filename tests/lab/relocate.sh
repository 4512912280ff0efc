#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# kernel-configs/relocate-anon applies to Debian's 7.2, builds, and its kernel passes what is
# asked of one that knows the flag; one that leaves a page's index as it was does not, and a
# recorded program whose moves are relocated has fewer VMAs. Takes minutes: only with --all.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:7.2
source=$(dirname "$0")/../..
build_kernel --series "$source/kernel-configs/relocate-anon"
run "$RMAPLAB" check --kernel "$kernel" 'relocate/*,must_relocate/*,reach/*,race/*'
expect_status 0; expect out '^# mremap knows MREMAP_RELOCATE_ANON: yes$'
expect out ', 0 not ok, 0 skipped$'
run "$RMAPLAB" run --kernel "$kernel" --trace "$source/replay/traces/buffers.csv.zst" \
  -a moves=recorded,relocate --passes state -o "$work" --label moves
expect_status 0
vmas() { awk -F, -v moves="moves=$1" '$6 ~ moves && $8 == "vmas" { print $10 }' "$work"/moves/*/samples.csv; }
[ "$(vmas relocate)" -lt "$(vmas recorded)" ] ||
  fail "VMAs: $(vmas recorded) as recorded, $(vmas relocate) relocated"
run "$RMAPLAB" selfcheck --mutants --mutant relocated-index-kept
expect_status 0; expect out '^1 of 1 caught$'
