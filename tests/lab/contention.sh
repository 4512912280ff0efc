#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Waits under one anon_vma root are seen and attributed; the control has next to none.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:7.0
tracer=$(dirname "$RMAPLAB")/rmaplab-probe
trace() {  # ROOT; /init of a guest is the runner
  run_smp "$RMAPLAB" lab run --offline --mode smp --cpus 2 debian:7.0 -- "$tracer" contention --rows 1000 -- \
    /init case contend_ww "procs=4;op=split;root=$1" --mode=smp
  expect_status 0; expect out 'lost records: 0'; expect out 'unmatched: [01] begins, [01] ends'
}
# An operation is few calls, so a boot may miss a caller of anon_vma's lock; what no boot of
# five has seen is missing. Each caller is a regular expression of one line of $seen.
seen=$work/seen
await() {  # TRY CALLER... ; TRY boots and appends to $seen
  local try=$1 caller missing; shift
  : >"$seen"
  for _ in 1 2 3 4 5; do
    "$try"
    missing=
    for caller in "$@"; do grep -qE "$caller" "$seen" || missing=$caller; done
    [ -n "$missing" ] || return 0
  done
  fail "no wait in $missing"
}
splits() { trace shared; grep -A1 'write  anon_vma' "$work/out" >>"$seen"; }
await splits '^ +anon_vma_clone < __split_vma' '^ +unlink_anon_vmas < ' '^ +vma_prepare < '
shared=$(grep -c 'write  anon_vma' "$seen")
trace private
private=$(grep -c 'write  anon_vma' "$work/out")
[ "$private" -lt "$shared" ] || fail "$private callers wait in the control, $shared under one root"

# The contention pass: forks under one root wait where fork takes it.
forks() {
  run_smp "$RMAPLAB" lab run --offline --mode smp --cpus 2 debian:7.0 -- run -w contend_ww \
    --arguments 'procs=8;op=fork;root=shared' --passes contention
  expect_status 0
  grep 'root=shared.*lock_waits,.*anon_vma write: ' "$work/out" >>"$seen"
}
await forks 'anon_vma_clone < anon_vma_fork' 'anon_vma_fork < dup_mmap' 'unlink_anon_vmas < free_pgtables'
# The private-root control runs with it and has rows of its own.
value() { awk -F, -v m="$1" '$6 ~ /root=shared/ && $8==m && $14=="" {print $10}' "$work/out"; }
[ "$(value lock_begins)" = "$(value lock_ends)" ] || fail "$(value lock_begins) begins, $(value lock_ends) ends"
[ "$(value lock_lost)" = 0 ] || fail "$(value lock_lost) events lost"
