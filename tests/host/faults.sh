#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A workload that crashes or hangs is a failed row; the others go on; status 1.
. "$(dirname "$0")/../lib.sh"
run "$RMAPLAB" run -w test_crash -o "$work/o"
expect_status 1; expect out 'FAILED test_crash .*signal 11'; expect out '[1-9][0-9]* values'
run "$RMAPLAB" run -w test_hang --case-timeout 1 -o "$work/p"
expect_status 1; expect out 'FAILED test_hang .*did not end within 1 s'

# Ctrl-C: status 130, what was measured is kept, nobody is left.
"$RMAPLAB" run -o "$work/q" >"$work/out" 2>"$work/err" &
pid=$!
sleep 1
runner=$(pgrep -P "$pid" | head -n 1)
[ -n "$runner" ] || fail "no runner was started"
kill -INT "$pid"
wait "$pid"
status=$?
expect_status 130; expect err 'interrupted; what was measured is in'
grep -q ',null,' "$work"/q/host/*.partial/samples.csv || fail "nothing was kept"
for i in $(seq 50); do kill -0 "$runner" 2>/dev/null || break; sleep 0.1; done
! kill -0 "$runner" 2>/dev/null || fail "the runner is still there"
