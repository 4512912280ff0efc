#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What always watches around a case: each fault is a failed row that says what was found,
# status 1; nothing stays behind, and a workload without fault has no such row.
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" = 0 ] || skip "writing to the kernel's log and settings takes root"
# Copies: their processes are known by the path.
mkdir "$work/bin" && cp "$(dirname "$RMAPLAB")"/rmaplab* "$work/bin/" 2>/dev/null
RMAPLAB=$work/bin/rmaplab
nobody() {
  left=$(readlink /proc/[0-9]*/exe | grep -c "^$work/bin/")
  [ "$left" = 0 ] || fail "$left processes are left after $1"
}
number=0
# faulty STATUS PASSES WORKLOAD : its run's report in $work/out, its folder in $folder.
faulty() {
  number=$((number + 1))
  run "$RMAPLAB" run -w "$3" --passes "$2" -o "$work/$number"
  expect_status "$1"
  folder=$(echo "$work/$number"/host/*)
}

faulty 1 bare test_corrupt
expect out 'FAILED test_corrupt \(bare\): page 2 at 0x.*generation 7'

before=$(cat /proc/sys/vm/max_map_count)
faulty 1 bare test_setting
expect out "FAILED test_setting ends=well .*left /proc/sys/vm/max_map_count at [0-9]+, was $before; restored"
expect out 'FAILED test_setting ends=killed .*signal 9'
[ "$(grep -c 'max_map_count' "$work/out")" = 1 ] || fail "a killed case is blamed for its settings"
[ "$(cat /proc/sys/vm/max_map_count)" = "$before" ] || fail "vm.max_map_count was not put back"

faulty 1 bare test_leak
expect out 'FAILED test_leak .*left process [0-9]+ \(.+\) behind'
nobody 'a case that ended well'
# Nor after a case that is killed, or Ctrl-C.
run "$RMAPLAB" run -w test_leak --preset full --passes bare --case-timeout 1 -o "$work/late"
expect_status 1; expect out 'FAILED test_leak ends=never .*did not end within 1 s'
nobody 'a killed case'
"$RMAPLAB" run -w test_leak --preset full --passes bare -o "$work/q" >"$work/out" 2>"$work/err" &
pid=$!
for i in $(seq 100); do
  pgrep -f 'case test_leak ends=never' >/dev/null && break
  sleep 0.1
done
kill -INT "$pid"; wait "$pid"; status=$?
expect_status 130
nobody 'Ctrl-C'

if head -c 0 /dev/kmsg 2>/dev/null && [ -w /dev/kmsg ]; then
  faulty 1 bare test_warn
  expect out 'FAILED test_warn .*kernel log: WARNING: CPU: 0 PID: 1 at test/of/rmaplab.c:1'
  grep -qE '^\[ *[0-9]+\.[0-9]+\] WARNING: CPU: 0 PID: 1 at test/of' "$folder/dmesg.txt" ||
    fail "the warning is not in dmesg.txt"
  # Only the case that is to blame.
  expect_not out 'FAILED null'
fi
grep -qE '"probe.kernel_log": "(works|partly|no): ' "$folder/manifest.json" ||
  fail "the manifest does not say whether the log was watched"

"$RMAPLAB" doctor >"$work/doctor"
if grep -qE '^ +object events +works ' "$work/doctor"; then
  faulty 1 objects test_unfreed
  expect out 'FAILED test_unfreed .*objects not freed.*anon_vma_fork allocated'
fi

faulty 0 bare,state,objects fork_flat
expect_not out FAILED
