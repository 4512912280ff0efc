#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A parent, its child and its grandchild have chains of exactly one, two and three AVCs,
# by rmaplab and by rmaplab-probe; wrong use and wrong files get one clear line.
. "$(dirname "$0")/../lib.sh"
probe=$(dirname "$RMAPLAB")/rmaplab-probe
# Copies: an ordinary user can run them, and their processes are known by the path.
mkdir "$work/bin" && chmod 755 "$work" || exit 1
cp "$RMAPLAB" "$probe" "$(dirname "$RMAPLAB")/rmaplab-runner" "$work/bin/" || exit 1

run "$RMAPLAB" forest
expect_status 2; expect_one_line err; expect err 'forest: give PIDs'
run "$RMAPLAB" forest seven
expect_status 2; expect_one_line err; expect err '"seven" is no PID'
run "$RMAPLAB" forest --workload frok_flat
expect_status 2; expect_one_line err; expect err 'no workload "frok_flat"; see'
run "$RMAPLAB" forest --workload fork_flat --arguments depth=1
expect_status 2; expect_one_line err; expect err 'fork_flat: "depth=1": expected vmas='
run "$RMAPLAB" forest --workload fork_flat --kernel "$work/none"
expect_status 2; expect_one_line err; expect err 'is no kernel: expected debian:VERSION'
run "$RMAPLAB" forest --kernel debian:7.0 1
expect_status 2; expect err '--kernel requires --workload'
echo '{}' >"$work/bad.json"
run "$RMAPLAB" forest --diff "$work/bad.json" "$work/bad.json"
expect_status 2; expect_one_line err; expect err 'bad.json: forest: expected "forest_version"'

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  for program in "$work/bin/rmaplab" "$work/bin/rmaplab-probe"; do
    run setpriv --reuid=65534 --clear-groups "$program" forest 1
    expect_status 2; expect_one_line err; expect err 'takes CAP_BPF and CAP_PERFMON; run it as root'
  done
  run setpriv --reuid=65534 --clear-groups "$work/bin/rmaplab" forest --workload fork_flat
  expect_status 2; expect_one_line err; expect err 'takes CAP_BPF and CAP_PERFMON; run it as root'
fi

run "$RMAPLAB" forest $$
[ "$status" = 0 ] || skip "$(cat "$work/err")"

# Three shells of one family: each subshell is a fork whose heap has the parent's chain and one more.
cat >"$work/family" <<'END'
( ( kill -STOP $BASHPID; : ); : ); :
END
family="bash $work/family"
run "$RMAPLAB" forest --cmd --after 0.5 --format json -o "$work/forest.json" -- $family
expect_status 0
[ ! -s "$work/out" ] || fail "output beside the file"
chains=$(grep -E '"pid"|"chain"' "$work/forest.json" |
  awk '/"pid"/ {process++} /"chain"/ {sub(/.*"chain":/, ""); seen[process, gsub(/A/, "")]++}
       END {for (p = 1; p <= process; p++) for (l = 1; l < 9; l++)
              if (seen[p, l]) printf "%d:%d ", p, l}')
[ "$chains" = "1:1 2:2 3:3 " ] || fail "process:chain length are $chains, expected 1:1 2:2 3:3"
run pgrep -f "$work/family"
[ "$status" = 1 ] || fail "the command's processes are left: $(cat "$work/out")"

run "$RMAPLAB" forest --diff "$work/forest.json" "$work/forest.json"
expect_status 0; expect out '^same: processes 3, '; expect_not out '^  VMA.*\|'
# A workload, its own VMAs alone unless asked otherwise.
alive="--workload fork_chain_alive --arguments depth=2;vmas=3"
run "$RMAPLAB" forest $alive --format json -o "$work/alive.json"
expect_status 0
lengths=$(awk '/"chain"/ {sub(/.*"chain":/, ""); printf "%d ", gsub(/A/, "")}' "$work/alive.json")
[ "$lengths" = "1 1 1 2 2 2 3 3 3 " ] || fail "chains of the workload are $lengths"
run "$RMAPLAB" forest --workload fork_flat
expect_status 0; expect out '^processes 2, vmas 0, '
run "$RMAPLAB" forest --workload null --range all
expect_status 0; expect out '^processes 1, vmas [1-9]'
run "$work/bin/rmaplab" forest --workload test_crash
expect_status 2; expect_one_line err; expect err 'test_crash ended with signal 11'
run "$RMAPLAB" run --passes forest -w fork_flat -o "$work/o"
expect_status 2; expect_one_line err; expect err 'the pass forest has no figures'
left=$(readlink /proc/[0-9]*/exe | grep "^$work/bin/")
[ -z "$left" ] || fail "processes of the workload are left: $left"

run "$RMAPLAB" forest --cmd --after 5 --range arena -- false
expect_status 2; expect_one_line err; expect err 'false ended before its forest was read: exit status 1'
run "$RMAPLAB" forest 4194304
expect_status 2; expect_one_line err; expect err 'process 4194304: No such process'
run "$RMAPLAB" forest --tree --format dot $$
expect_status 0; expect out '^digraph forest'; expect out "label=\"$$ "

# Its server is tests/host/probe_server_test.cpp's.
run "$probe" forest $$
expect_status 0; expect out '"anon_vmas": \['
