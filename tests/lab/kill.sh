#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# SIGKILL of `ab` and `selfcheck` while guests boot and between their boots: what boots that had
# ended measured is on disk, no guest and no temporary folder stays.
# Usage: kill.sh [POINTS] (default 2)
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../kill.sh"
need_kernel debian:7.0
points=${1-2}

guests() { [ "$(pgrep -c -f "qemu-system.*$TMPDIR")" -gt 0 ]; }
rows() { cat "$work"/o/*.partial/samples.csv "$work"/o/*/*.partial/samples.csv 2>/dev/null | grep -c ',ok,'; }
has_rows() { [ "$(rows)" -gt 0 ]; }
for i in $(seq "$points"); do
  rm -rf "$work/o"
  begin "$RMAPLAB" ab debian:7.0 debian:7.0 -w null --passes bare,state --replicas 3 \
    --jobs 1 -o "$work/o" --label "l$i"
  until_true 60 guests || fail "no guest was started"
  if [ $((i % 2)) = 1 ]; then
    sleep "$i"
    killed "ab, $i s after its first guest" "$pid" "" 0
  else
    until_true 300 has_rows || fail "no boot ended"
    sleep "$i"
    killed "ab, after a boot has ended" "$pid" "$work/o/l$i/*.partial/samples.csv" 1
  fi
done
# With a cache of its own, for what it leaves there.
image=$(image_of debian:7.0)
export XDG_CACHE_HOME=$work/cache
kept() { cat "$work"/cache/rmaplab/selfcheck/*.partial/samples.csv 2>/dev/null | grep -q ',ok,'; }
for i in $(seq "$points"); do
  rm -rf "$work/cache"
  begin "$RMAPLAB" selfcheck --aa 3 --modes exact --jobs 1 -w null --passes bare --kernel "$image"
  if [ $((i % 2)) = 1 ]; then
    until_true 60 guests || fail "no guest was started"
    sleep "$i"
    killed "selfcheck, $i s after its first guest" "$pid" "" 0
  else
    until_true 300 kept || fail "no boot ended"
    sleep "$i"
    killed "selfcheck, after a boot has ended" "$pid" "$work/cache/rmaplab/selfcheck/*.partial/samples.csv" 1
  fi
done
