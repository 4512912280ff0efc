#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every shipped trace is replayed as it was recorded: results of calls, VMAs after each, objects
# allocated by each process. A trace that expects what does not come, or that lost events, is no
# success. `run` plays traces as it runs workloads.
. "$(dirname "$0")/../lib.sh"
[ "$(getconf PAGESIZE)" = 4096 ] || skip "pages of another size than the traces'"
[ "$(uname -m)" = x86_64 ] || skip "the traces were recorded on x86_64"
traces=$(dirname "$0")/../../replay/traces
[ "$(ls "$traces"/*.csv.zst | wc -l)" -ge 9 ] || fail "fewer than nine traces in $traces"
for trace in "$traces"/*.csv.zst; do
  [ "$(stat -c %s "$trace")" -le $((2 << 20)) ] || fail "$trace is larger than 2 MiB"
  run "$RMAPLAB" trace verify "$trace"
  expect_status 0
  expect out '^1 calls as recorded .* 100.000 %$'
  uncounted=$(sed -n 's/^3 objects allocated: not counted: //p' "$work/out")
  [ -n "$uncounted" ] || expect out '^3 objects allocated .* (100|99)\.[0-9]* %$'
  expect out '^4 page touches .* 100.000 %$'
done
[ -z "$uncounted" ] || echo "SKIP: objects of replays: $uncounted"

# What is wrong is told: a count that is one off, a result that is another, events that were
# lost, a file that ends early.
columns=time_ns,process,thread,event,address,length,new_address,new_length,flags,prot,file,offset,result,vmas
small() {  # LOST VMAS RESULT
  cat <<EOT
# rmaplab trace: 1
# kernel: 6.18.0
# machine: x86_64
# page_size: 4096
# clock: monotonic
# command: test
# lost: $1
# complete: yes
$columns
0,1,1,exec,,,,,,,,,,1
0,1,1,vma,0x7fff00000000,8192,,,0x100000002,0x5,,,,1
0,1,1,mmap,0x0,16384,,,0x22,0x3,0,,0x7f0000000000,2
0,1,1,mprotect,0x7f0000001000,4096,,,,0x1,,,$3,$2
0,1,1,exit,,,,,,,,,,$2
EOT
}
small 0 4 0 >"$work/good.csv"
run "$RMAPLAB" trace verify "$work/good.csv"
expect_status 0; expect out '^2 VMAs after each call +4 of 4 '
small 0 5 0 >"$work/more.csv"
run "$RMAPLAB" trace verify "$work/more.csv"
expect_status 1
expect out '^2 VMAs after each call +2 of 4 '
expect out '^  first: .*more.csv:13: mprotect: expected 4 VMAs, found 3$'
small 0 4 -12 >"$work/failed.csv"
run "$RMAPLAB" trace verify "$work/failed.csv"
expect_status 1; expect out '^  first: .*failed.csv:13: mprotect: expected -12 .*, found 0$'
small 7 4 0 >"$work/lost.csv"
run "$RMAPLAB" trace verify "$work/lost.csv"
expect_status 2; expect_one_line err; expect err 'lost 7 events'
run "$RMAPLAB" trace verify --allow-losses "$work/lost.csv"
expect_status 0
sed '10,$s/,[0-9]*$/,/' "$work/good.csv" >"$work/uncounted.csv"
run "$RMAPLAB" trace verify "$work/uncounted.csv"
expect_status 1; expect out '^2 VMAs after each call: the trace has no counts$'
head -c 3000 "$traces/shell.csv.zst" >"$work/cut.csv.zst"
run "$RMAPLAB" trace verify "$work/cut.csv.zst"
expect_status 2; expect_one_line err; expect err 'cut.csv.zst'

# What the user called them, where they are copies: a name for each, in order.
run "$RMAPLAB" trace verify --shown=a/one.csv --shown=b/two.csv "$work/good.csv" "$work/more.csv"
expect_status 1
expect out '^a/one.csv$'; expect out '^b/two.csv$'
expect out '^  first: b/two.csv:13: mprotect: '; expect_not out "$work"

# As a workload: the figures of `run`, and what a stored run says of its replay.
run "$RMAPLAB" run --trace "$work/good.csv" --passes bare,state -o "$work/runs" --label r
expect_status 0
expect out '^  replay trace=good order=strict copies=1 moves=recorded$'
expect out 'replay_calls 2, replay_diverged 0, replay_refused 0, replay_touches 0'
run "$RMAPLAB" run --trace "$work/good.csv" -a 'order=tree;copies=2' --passes state -o "$work/runs" --label t
expect_status 0; expect out 'replay_calls 4, replay_diverged 0'; expect out 'processes run side by'
run "$RMAPLAB" run -w replay -o "$work/none"
expect_status 2; expect_one_line err; expect err 'replay plays recorded programs: --trace TRACE'
run "$RMAPLAB" trace verify "$work/good.csv" "$work"/runs/r/*
expect_status 0
expect out '^1 calls as recorded +2 of 2 '
expect out '^2 VMAs at their most: 3 of 3, after .*good.csv:13$'
run "$RMAPLAB" trace verify "$work/more.csv" "$work"/runs/r/*
expect_status 2; expect_one_line err; expect err 'has no replay of .*more.csv'
sed 's/^0,1,1,exit/1&/' "$work/good.csv" >"$work/other" && mv "$work/other" "$work/good.csv"
run "$RMAPLAB" trace verify "$work/good.csv" "$work"/runs/r/*
expect_status 2; expect_one_line err; expect err 'has another file of .*good.csv'
run "$RMAPLAB" run --trace "$work/cut.csv.zst" -o "$work/none"
expect_status 2; expect_one_line err; expect err 'cut.csv.zst'
[ ! -e "$work/none" ] || fail "a folder for a run that never was"
run "$RMAPLAB" run --trace "$work/nosuch.csv" -o "$work/none"
expect_status 2; expect_one_line err; expect err 'nosuch.csv'
run "$RMAPLAB" run --trace "$work/more.csv" -w replay -a 'order=sideways' -o "$work/none"
expect_status 2; expect_one_line err; expect err 'sideways'
