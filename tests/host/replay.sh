#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# rmaplab replay as a user runs it: figures, order, copies, and nothing left behind however
# it ends.
. "$(dirname "$0")/../lib.sh"

columns=time_ns,process,thread,event,address,length,new_address,new_length,flags,prot,file,offset,result,vmas
# trace FILE LAST_NS : three processes, the third of which ends at that time.
trace() {
  cat >"$1" <<EOT
# rmaplab trace: 1
# kernel: 6.18.0
# machine: $(uname -m)
# page_size: 4096
# clock: monotonic
# command: test
# lost: 0
# complete: yes
$columns
0,1,1,exec,,,,,,,,,,
0,1,1,mmap,0x0,16384,,,0x22,0x3,0,,0x7f0000000000,
0,1,1,write,0x7f0000000000,,,,,,,,,
0,1,1,fork,,2,,,0x0,,,,2,
0,2,2,write,0x7f0000001000,,,,,,,,,
0,2,2,fork,,3,,,0x1,,,,3,
0,3,3,exec,,,,,,,,,,
0,3,3,mmap,0x0,16384,,,0x22,0x3,0,,0x7f0000000000,
0,3,3,write,0x7f0000000000,,,,,,,,,
$2,3,3,exit,,,,,,,,,,
$2,2,2,wait,,,,,,,,,3,
$2,2,2,mprotect,0x7f0000000000,4096,,,,0x1,,,0,
$2,2,2,exit,,,,,,,,,,
$2,1,1,wait,,,,,,,,,2,
$2,1,1,exit,,,,,,,,,,
EOT
}
[ "$(getconf PAGESIZE)" = 4096 ] || skip "pages of another size than the trace's"

trace "$work/short" 1000
for order in strict tree; do
  run "$RMAPLAB" replay "$work/short" --order $order --copies 3
  expect_status 0
  expect out '^calls +9$'
  expect out '^as recorded +9  100.000 %$'
  expect out '^touches +9  0 refused$'
  expect out '^processes +9$'
done

# A replay that takes for ever: its processes are those whose parent is the replay.
trace "$work/long" 9000000000000000
players() { pgrep -P "$1"; }
# Their command lines were on the stacks that they have unmapped.
is_player() { readlink "/proc/$1/exe" 2>/dev/null | grep -q rmaplab-player; }
start() {
  "$RMAPLAB" replay "$work/long" --pace recorded >"$work/out" 2>"$work/err" &
  replay=$!
  for _ in $(seq 100); do
    [ "$(players $replay | wc -l)" -ge 3 ] && break
    sleep 0.1
  done
  alive=$(players $replay)
  [ "$(echo "$alive" | wc -l)" = 3 ] || fail "not three processes: $alive"
}
expect_gone() {
  for _ in $(seq 100); do
    left=
    for pid in $alive; do
      is_player "$pid" && left="$left $pid"
    done
    [ -z "$left" ] && return
    sleep 0.1
  done
  fail "$1 leaves$left"
}
start; kill -KILL $replay; wait $replay 2>/dev/null; expect_gone "kill -9"
start; kill -INT $replay; wait $replay; status=$?; expect_status 130; expect_gone "Ctrl-C"
# A process of the replay that is killed ends all of it, with one line.
start; kill -KILL "$(echo "$alive" | tail -n 1)"; wait $replay; status=$?
expect_status 1; expect_one_line err; expect err 'ended early.*signal 9'; expect_gone "a kill"

run "$RMAPLAB" replay "$work/long" --pace recorded --timeout 1
expect_status 1; expect_one_line err; expect err 'no progress for 1 s'

run "$RMAPLAB" replay "$work/nosuch"
expect_status 2
