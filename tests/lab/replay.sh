#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Recorded programs in the exact lab, on kernel $1: every shipped trace is verified on all three
# rungs in one guest; with the word "twice", two replays of one trace on the same kernel are
# identical to the last instruction and row. With "unmerged" the kernel is one that leaves a
# faulted VMA apart from an unfaulted neighbour (before 879bca0a2c4f), which Node.js has and which
# stays one VMA more from there on: rung 2 is not asked of that trace.
. "$(dirname "$0")/../lib.sh"
need_kernel "$1"
[ "$(uname -m)" = x86_64 ] || skip "the traces were recorded on x86_64"
traces=$(dirname "$0")/../../replay/traces
count=$(ls "$traces"/*.csv.zst | wc -l)
run "$RMAPLAB" trace verify "$traces"/*.csv.zst --kernel "$1" --offline --hang-timeout 900
spaces=$count
if [ "${2-}" = unmerged ]; then
  spaces=$((count - 1))
  expect_status 1
  expect out '^  first: .*/node.csv.zst:[0-9]*: mprotect: expected [0-9]* VMAs, found'
else
  expect_status 0
fi
[ "$(grep -c '^1 calls as recorded .* 100.000 %$' "$work/out")" = "$count" ] || fail "a rung 1 below 100 %"
[ "$(grep -cE '^2 VMAs after each call .* (100.000|99.[5-9]..) %$' "$work/out")" = "$spaces" ] ||
  fail "a rung 2 below 99.5 %"
[ "$(grep -cE '^3 objects allocated .* (100.000|9[89]....) %$' "$work/out")" = "$count" ] ||
  fail "a rung 3 below 98 %"
[ "${2-}" = twice ] || exit 0

run "$RMAPLAB" ab "$1" "$1" --offline --trace "$traces/python.csv.zst" --trace "$traces/redis.csv.zst" \
  -o "$work" --label twice --replicas 1
expect_status 0; expect out '^Nothing changed\.$'
for side in base head; do sed "s/^$side,//" "$work/twice/$side/samples.csv" >"$work/$side.csv"; done
[ "$(grep -c '^1,1,replay.*,instructions,' "$work/base.csv")" = 2 ] || fail "not two counts of instructions"
cmp "$work/base.csv" "$work/head.csv" || fail "two replays differ"
