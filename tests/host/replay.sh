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
expect_status 1; expect err 'ended early.*signal 9'; expect_gone "a kill"

expect err '^rmaplab: at its recorded pace it takes 9000000.0 s$'

run "$RMAPLAB" replay "$work/nosuch"
expect_status 2

# What the machine has no room for is refused before it starts, with the figure; so is what no
# replay can hold, by `trace info` as well.
hostile() {  # ROW...
  sed -n '/^0,1,1,exec/q;p' "$work/short"
  printf '%s\n' '0,1,1,exec,,,,,,,,,,' "$@" '0,1,1,exit,,,,,,,,,,'
}
huge=$((64 << 40))
hostile "0,1,1,mmap,0x0,$huge,,,0x8022,0x3,0,,0x7f0000000000," >"$work/populate"
hostile '0,1,1,mlockall,,,,,0x3,,,,0,' "0,1,1,mmap,0x0,$huge,,,0x22,0x3,0,,0x7f0000000000," >"$work/mlockall"
hostile "0,1,1,mmap,0x0,$huge,,,0x8001,0x3,1,0,0x7f0000000000," >"$work/shared"
for name in populate mlockall shared; do
  sed -i "s/0x7f0000000000/0x100000000000/" "$work/$name"
  for command in replay 'trace verify'; do
    run "$RMAPLAB" $command "$work/$name"
    expect_status 2; expect_one_line err; expect err "$name: a replay takes up to [0-9]{8,} MiB .* has left"
  done
  run "$RMAPLAB" trace info "$work/$name"
  expect_status 0; expect out '^replay takes +at most [0-9]{8,}'; expect out '^not here: a replay takes up to'
done
hostile '0,1,1,mmap,0x0,4096,,,0x2,0x1,1000,,0x7f0000000000,' >"$work/file"
for command in replay 'trace verify' 'trace info'; do
  run "$RMAPLAB" $command "$work/file"
  expect_status 2; expect_one_line err; expect err 'file:11: file is 1000, expected'
done

# A trace that ends before its program has verdicts, too.
sed -n '/^0,1,1,fork/q;p' "$work/short" >"$work/noexit"
run "$RMAPLAB" trace verify "$work/noexit"
[ "$status" = 1 ] || fail "exit status $status"
expect out '^1 calls as recorded +1 of 1 '; expect out '^4 page touches +1 of 1 '

# One Ctrl-C ends a command that only reads and computes.
{ sed -n '/^0,1,1,exec/q;p' "$work/short"
  echo '0,1,1,exec,,,,,,,,,,'
  awk 'BEGIN {for (i = 0; i < 6000000; ++i) print "0,1,1,brk,0x0,,,,,,,,0x1000,"}'; } >"$work/much"
"$RMAPLAB" trace info "$work/much" >"$work/out" 2>"$work/err" &
reads=$!
until grep -q '^State' "/proc/$reads/status" && ls -l "/proc/$reads/fd" 2>/dev/null | grep -q much; do sleep 0.05; done
kill -INT $reads; wait $reads; status=$?; expect_status 130
