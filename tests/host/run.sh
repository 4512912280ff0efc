#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `rmaplab run` gives values for every workload, also to an ordinary user, and says
# what is missing for the rest; a run on disk compares with itself.
. "$(dirname "$0")/../lib.sh"
run "$RMAPLAB" run -o "$work/o" --label me
expect_status 0; expect out 'values on'; expect out '^not measured .*: counted in the exact lab only$'; expect out '^  instructions$'
csv=$(echo "$work"/o/me/*/samples.csv)
core=$("$RMAPLAB" list | sed -n '/^Core, /,/\.$/p' | tr '\n' ' ' | sed 's/.*: //; s/[.,]//g')
[ "$(wc -w <<<"$core")" -ge 10 ] || fail "list names as core only: $core"
nodes=$(ls -d /sys/devices/system/node/node[0-9]* 2>/dev/null | wc -l)
for workload in $core; do
  for metric in wall_time vmas; do
    grep -q ",$workload,.*,$metric,[^,]*,[0-9.e+]*,ok," "$csv" && continue
    # What only more than one node can have may be missing where there is one, and says so.
    [ "$nodes" -lt 2 ] && grep -q ",$workload,.*,$metric,[^,]*,,skip,one NUMA node" "$csv" && continue
    fail "no $metric of $workload"
  done
done
! grep -q ',fail,' "$csv" || fail "a workload failed: $(grep -m1 ',fail,' "$csv")"

# All others too, if only their time: a value or a reason, no failure.
run "$RMAPLAB" run -w '[a-z]*' --passes bare -o "$work/o" --label all
expect_status 0
all=$(echo "$work"/o/all/*/samples.csv)
for workload in $("$RMAPLAB" list | sed '/^$/,$d' | awk '/^[a-z]/ {print $1}'); do
  grep -qE ",$workload,.*,wall_time,[^,]*,([0-9.e+]*,ok,|,skip,[^,])" "$all" ||
    fail "neither a time of $workload nor a reason"
done
! grep -q ',fail,' "$all" || fail "a workload failed: $(grep -m1 ',fail,' "$all")"

folder=$(dirname "$csv")
run "$RMAPLAB" compare "$folder" "$folder"
expect_status 0; expect out 'identical in every case: vmas \([0-9]+\)'

if [ "$(id -u)" = 0 ] && id nobody >/dev/null 2>&1 && command -v setpriv >/dev/null; then
  programs=$(dirname "$RMAPLAB")
  mkdir "$work/bin" && cp "$programs/rmaplab" "$programs/rmaplab-runner" "$work/bin/"
  mkdir "$work/theirs" && chown nobody "$work/theirs" && chmod 755 "$work"
  run setpriv --reuid=nobody --clear-groups "$work/bin/rmaplab" run -w 'fork_flat,remerge' -o "$work/theirs"
  expect_status 0; expect out '^not measured .*: /proc/slabinfo needs root'; expect out '^  slab_anon_vma, '
fi
