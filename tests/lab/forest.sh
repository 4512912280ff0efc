#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Forests of workloads held still in guests: parent, child and grandchild have chains of
# exactly one, two and three AVCs on every kernel, their order differs between 6.12 and 7.0,
# and a chain whose ancestors exited reuses an anon_vma.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:6.12 debian:7.0

# "process:chain length=VMAs" of a forest as JSON.
chains() {
  awk '/"pid"/ {process++}
       /"chain"/ {sub(/.*"chain":/, ""); seen[process, gsub(/A/, "")]++}
       END {for (p = 1; p <= process; p++) for (l = 1; l < 99; l++)
              if (seen[p, l]) printf "%d:%d=%d ", p, l, seen[p, l]}' "$1"
}
chains_are() {
  [ "$(chains "$work/$1.json")" = "$2 " ] || fail "$1: chains are $(chains "$work/$1.json"), expected $2"
}
for version in 6.12 7.0; do
  forest() { run "$RMAPLAB" forest --kernel "debian:$version" --offline --workload "$@"; }
  forest fork_chain_alive --arguments 'depth=2;vmas=3' --format json -o "$work/alive-$version.json"
  expect_status 0
  [ ! -s "$work/out" ] || fail "output beside the file"
  chains_are "alive-$version" "1:1=3 2:2=3 3:3=3"
  forest fork_chain_exit --arguments 'depth=5;vmas=3' --format json -o "$work/exit-$version.json"
  expect_status 0
  chains_are "exit-$version" "1:1=3 2:3=3"
done

# Since 7.0 a clone turns the list round: seen where it copies more than one AVC.
run "$RMAPLAB" forest --diff "$work/alive-6.12.json" "$work/alive-7.0.json"
expect_status 0
expect out '^same: processes 3, vmas 9, .* avcs 18, '
expect out 'chain order own, parent, root \| own, root, parent$'
[ "$(grep -c ' | ' "$work/out")" = 5 ] || fail "more differs than the order in the grandchild"

run "$RMAPLAB" forest --diff "$work/exit-6.12.json" "$work/exit-7.0.json"
expect_status 0
expect out '^same: processes 2, .* avcs 12, anon_vmas 9, .* reuse_candidates 3$'
expect out 'chain order other, own, parent\+root \| own, parent\+root, other$'

forest test_crash
expect_status 2; expect_one_line err; expect err 'test_crash ended with signal 11'
