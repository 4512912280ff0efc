#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The contention pass of a run: one root is waited for, many are not; every begin has its
# end, nothing is lost.
. "$(dirname "$0")/../lib.sh"
[ "$(nproc)" -ge 2 ] || skip "nobody contends on one CPU"
run "$RMAPLAB" doctor
grep -qE '^ +lock contention +works ' "$work/out" ||
  skip "doctor: $(grep -E '^ +lock contention ' "$work/out" | tr -s ' ')"
run "$RMAPLAB" run -w contend_ww --passes contention -o "$work/runs"
expect_status 0
csv=$(ls "$work"/runs/host/*/samples.csv)
value() { awk -F, -v a="procs=8;op=fork;root=$1" -v m="$2" '$6==a && $8==m && $14=="" {print $10}' "$csv"; }
[ -n "$(value shared anon_vma_waits)" ] || fail "no waits, though doctor says it works"
for root in shared private; do
  begins=$(value $root lock_begins)
  ends=$(value $root lock_ends)
  [ "$(value $root lock_lost)" = 0 ] || fail "$(value $root lock_lost) events lost"
  # A task of another program may be waiting at either end of the trace.
  [ $((begins - ends)) -le 2 ] && [ $((ends - begins)) -le 2 ] || fail "$begins begins, $ends ends"
done
[ "$(value shared anon_vma_waits)" -gt "$(value private anon_vma_waits)" ] ||
  fail "$(value shared anon_vma_waits) waits for one root, $(value private anon_vma_waits) for many"
