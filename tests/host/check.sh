#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `rmaplab check` passes on this machine's kernel; its KTAP is whole; a wrong outcome, a
# crash and a hang are reported and cost one check.
. "$(dirname "$0")/../lib.sh"
run "$RMAPLAB" check
expect_status 0
# Another test may be at work on this machine.
! grep -v 'another run on this machine has changed settings' "$work/err" || fail "something on stderr"
awk '
  NR == 1 { if ($0 != "KTAP version 1") bad = "no version"; next }
  NR == 2 { if ($0 !~ /^1\.\.[0-9]+$/) bad = "no plan"; plan = substr($0, 4); next }
  /^# / { next }
  /^(not )?ok / { n++; number = $1 == "ok" ? $2 : $3; if (number != n) bad = "number " number; next }
  { bad = "line " $0 }
  END { if (n != plan) bad = n " results of " plan; if (bad) { print bad; exit 1 } }
' "$work/out" >"$work/ktap" || fail "KTAP: $(cat "$work/ktap")"
[ "$(grep -c '^ok ' "$work/out")" -gt 500 ] || fail "fewer than 500 checks"
! grep -qE '^ok .* # SKIP *$' "$work/out" || fail "a skip without a reason"

run "$RMAPLAB" check 'merge/gap_UF/*'
expect_status 0; expect out '^1\.\.8$'; expect out '^ok 5 merge/gap_UF/child$'
expect out '^# seed 1$'
run "$RMAPLAB" check --seed 7 'order/mremap/*'
expect_status 0; expect out '^# seed 7$'; expect out '^# 16 ok, 0 not ok, 0 skipped$'

run "$RMAPLAB" check nosuch
expect_status 2; expect_one_line err; expect err 'no check matches "nosuch"'
run "$RMAPLAB" check --list
expect_status 0; expect out '^merge/gap_UF/alone '; expect_not out hidden

run "$RMAPLAB" check hidden/wrong
expect_status 1; expect out '^# one and one: expected 3, found 2$'; expect out '^not ok 1 hidden/wrong$'
run "$RMAPLAB" check hidden/wrong_in_child
expect_status 1; expect out '^# VMAs: expected 0-1 1-2, found 0-2$'
run "$RMAPLAB" check hidden/crash
expect_status 1; expect out '^# signal 11 '; expect out '^not ok 1 hidden/crash$'
run "$RMAPLAB" check hidden/hang
expect_status 1; expect out '^# killed: not done within'; expect out '^not ok 1 hidden/hang$'
run "$RMAPLAB" check hidden/skip
expect_status 77; expect out '^ok 1 hidden/skip # SKIP on purpose$'

if [ "$(id -u)" = 0 ] && id nobody >/dev/null 2>&1 && command -v setpriv >/dev/null; then
  programs=$(dirname "$RMAPLAB")
  mkdir "$work/bin" && cp "$programs/rmaplab" "$programs/rmaplab-runner" "$work/bin/"
  chmod 755 "$work"
  run setpriv --reuid=nobody --clear-groups "$work/bin/rmaplab" check
  expect_status 0
fi
