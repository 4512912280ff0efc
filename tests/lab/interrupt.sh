#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Ctrl-C while guests boot and while they measure: status 130, what was measured is
# kept, no QEMU and no temporary folder stays. kill -9: no QEMU stays.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:7.0
export TMPDIR="$work/tmp"
mkdir "$TMPDIR"
guests() { pgrep -f "qemu-system.*$TMPDIR" | wc -l; }
gone() {
  for i in $(seq 100); do [ "$(guests)" = 0 ] && return; sleep 0.1; done
  fail "a guest is still there"
}
start() {
  "$RMAPLAB" ab debian:7.0 debian:7.0 --replicas 1 -o "$work/o" --label "$1" >"$work/out" 2>"$work/err" &
  pid=$!
  for i in $(seq 900); do [ "$(guests)" -gt 0 ] && break; sleep 0.1; done
  [ "$(guests)" -gt 0 ] || fail "no guest was started"
}
interrupt() { kill -INT "$pid"; wait "$pid"; status=$?; expect_status 130; gone; }

start boot
interrupt
expect err 'interrupted; nothing was measured'
[ ! -e "$work/o/boot" ] || fail "a folder was left: $(ls "$work/o/boot")"

start measuring
for i in $(seq 600); do grep -qs ' sample ' "$TMPDIR"/*/channel.bin && break; sleep 0.1; done
interrupt
cat "$work"/o/measuring/*.partial/samples.csv | grep -q ',null,' || fail "nothing was kept"
[ -z "$(ls -A "$TMPDIR")" ] || fail "left in TMPDIR: $(ls "$TMPDIR")"

start killed
kill -KILL "$pid"
wait "$pid" 2>/dev/null
gone
