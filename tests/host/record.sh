#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A shell's recording has its processes, its calls and its end; an attached one has what was
# there; a trace names nobody; wrong use and missing rights get one clear line.
. "$(dirname "$0")/../lib.sh"
trace=$work/t.csv

run "$RMAPLAB" record -o "$trace"
expect_status 2; expect_one_line err; expect err 'record: give a command, or --pid PID'
run "$RMAPLAB" record -- true
expect_status 2; expect err '-o.*required|--output is required'
run "$RMAPLAB" record -o "$work/none/t.csv" -- true
expect_status 2; expect_one_line err; expect err "no folder $work/none"
run "$RMAPLAB" record -o "$trace" -- no-such-program
expect_status 2; expect_one_line err; expect err 'no program no-such-program'
run "$RMAPLAB" record -o "$trace" --for soon -- true
expect_status 2; expect_one_line err; expect err '--for soon: expected a time such as 10s'
run "$RMAPLAB" record -o "$trace" --pid seven
expect_status 2; expect_one_line err; expect err '"seven" is no PID'
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  mkdir "$work/bin" && chmod 755 "$work" && cp "$RMAPLAB" "$work/bin/" || exit 1
  mkdir -m 777 "$work/open"
  run setpriv --reuid=65534 --clear-groups "$work/bin/rmaplab" record -o "$work/open/t.csv" -- true
  expect_status 2; expect_one_line err; expect err 'takes CAP_BPF and CAP_PERFMON; run it as root'
fi
[ ! -e "$trace" ] || fail "a trace of nothing"

run "$RMAPLAB" record -o "$trace" -- bash -c '/bin/true; (exit 4); exit 3'
grep -q '^rmaplab: record: .*\(root\|kernel\)' "$work/err" && [ "$status" = 2 ] && skip "$(cat "$work/err")"
expect_status 3
expect err '^bash: exit status 3$'
expect err ' 3 processes, 3 threads, .* 0 lost, '
expect err 't.csv: readable, [0-9]+ rows$'
[ ! -s "$work/out" ] || fail "record has written to the command's stdout"
cp "$trace" "$work/out"
expect out '^# rmaplab trace: 2$'; expect out '^# setting rlimit_stack: '; expect out '^# setting thp: '
expect out '^# setting overcommit_memory: [012]$'; expect out '^# setting randomize_va_space: [012]$'
 expect out '^# command: bash$'; expect out '^# complete: yes$'
expect_not out 'libc|/usr|/bin'
# NAME EVENT COUNT: rows of an event, by process.
rows() {
  local seen
  seen=$(awk -F, -v e="$2" '$4 == e {print $2}' "$trace" | sort | uniq -c | awk '{printf "%s:%s ", $2, $1}')
  [ "$seen" = "$3" ] || fail "$1: $2 by process is $seen, expected $3"
}
rows shell exec '1:1 2:1 '
rows shell fork '1:2 '
rows shell wait '1:2 '
rows shell exit '1:1 2:1 3:1 '
[ "$(awk -F, '$4 == "exec" {print $14}' "$trace" | head -1)" = \
  "$(awk -F, '$4 == "exec" {n++} $4 == "vma" && n == 1' "$trace" | wc -l)" ] ||
  fail "the kernel counts other VMAs after exec than the trace has"
# Each call's figure is that of the rows before it: a private mapping of a page adds one at most.
awk -F, '$4 == "mmap" || $4 == "munmap" || $4 == "brk" || $4 == "mprotect" || $4 == "exec" {
           if ($4 != "exec" && ($2 in last)) { d = $14 - last[$2]; if (d > 2 || d < -9) bad++ }
           last[$2] = $14 } END {exit bad > 0}' "$trace" || fail "VMAs jump between two calls"

run "$RMAPLAB" record --names -o "$trace" -- /bin/true
expect_status 0
cp "$trace" "$work/out"
expect out '^# file [0-9]+: .*/libc\.so\.6$'

# The command's own output and status, as another user; a signal's status.
run "$RMAPLAB" record --user nobody -o "$trace" -- bash -c 'id -u; id -G; echo "$HOME"; kill -TERM $$'
expect_status 143
[ "$(head -n 1 "$work/out")" = "$(id -u nobody)" ] || fail "not recorded as nobody"
[ "$(wc -l <"$work/out")" = 3 ] || fail "not the command's own output"
run "$RMAPLAB" record --user no-such-user -o "$trace" -- true
expect_status 2; expect_one_line err; expect err 'no user no-such-user'
run "$RMAPLAB" record --user nobody -o "$trace" --pid 1
expect_status 2; expect_one_line err; expect err '--user is of a command'

# What is seen and not recorded is counted, and `trace info` says it of the file.
run "$RMAPLAB" record -o "$trace" -- bash -c 'ulimit -c 0; dd if=/dev/zero of="$0" bs=4096 count=1 oflag=direct' \
  "$(dirname "$RMAPLAB")/.record-direct"
rm -f "$(dirname "$RMAPLAB")/.record-direct"
expect err 'seen and not in the trace: .*setrlimit'
run "$RMAPLAB" trace info "$trace"
expect_status 0; expect out '^not recorded .*setrlimit'; expect out '^settings +max_map_count '
run "$RMAPLAB" trace verify "$trace"
expect out '^not recorded, so not replayed: .*setrlimit 1'

# A recording that is ended is whole.
run "$RMAPLAB" record --limit-rows 300 -o "$trace" -- bash -c 'while :; do /bin/true; done'
expect err '300 rows, .* incomplete: at 300 rows$'; expect err 't.csv: readable, 300 rows$'
run "$RMAPLAB" trace info "$trace"
expect_status 0; expect out '^rows +300 '; expect out '^ +at 300 rows$'
run "$RMAPLAB" trace verify "$trace"
[ "$status" -le 1 ] || fail "a recording that was ended is not verified: $(cat "$work/err")"
expect out '^4 page touches .* 100.000 %$'
run "$RMAPLAB" record --limit-mb 1 -o "$trace" -- bash -c 'while :; do /bin/true; done'
expect err 'incomplete: at 1 MB of events$'; expect err 't.csv: readable, '

# Two processes that run; the recording leaves them running.
sleep_in='while :; do sleep 0.05; done'
bash -c "$sleep_in" &
shell=$!
sleep 0.3
run "$RMAPLAB" record --pid $shell --for 500ms -o "$trace"
kill -0 $shell || fail "the process did not survive"
kill $shell
expect_status 0; expect err 'incomplete: after 0.5 s, as asked'
run "$RMAPLAB" trace verify "$trace"
[ "$status" -le 1 ] || fail "an attached recording is not verified: $(cat "$work/err")"
expect out '^2 VMAs after each call .* %$'
cp "$trace" "$work/out"
expect out '^0,1,1,start,'; expect out '^# complete: no$'; expect out '^# command: bash$'
awk -F, '$4 == "write" && $1 == 0 {n++} END {exit n < 10}' "$trace" || fail "no pages that were there"
awk -F, '$4 == "fork" && $2 == 1 {n++} END {exit n < 1}' "$trace" || fail "no forks of the attached shell"

# Ctrl-C, as the terminal sends it to all: the trace is whole, the old one replaced by it.
cp "$trace" "$work/before"
setsid bash -c 'trap : INT; "$0" record -o "$1" -- sh -c "sleep 20 & wait"' "$RMAPLAB" "$trace" \
  >"$work/out" 2>"$work/err" &
for _ in $(seq 50); do pgrep -f "record -o $trace" >/dev/null && break; sleep 0.1; done
sleep 1
kill -INT -- -$!
wait $!
cmp -s "$trace" "$work/before" && fail "Ctrl-C left the old trace"
[ "$(awk -F, '$4 == "fork"' "$trace" | wc -l)" = 1 ] || fail "the interrupted recording has not one fork"

# A disk that is full: the old trace stays.
if mkdir "$work/small" && mount -t tmpfs -o size=1m tmpfs "$work/small" 2>/dev/null; then
  trap 'umount "$work/small"; rm -rf "$work"' EXIT
  echo old >"$work/small/t.csv"
  run "$RMAPLAB" record -o "$work/small/t.csv" -- bash -c 'for i in $(seq 200); do /bin/true; done'
  expect_status 2; expect_one_line err; expect err 'No space left on device'
  [ "$(cat "$work/small/t.csv")" = old ] || fail "a full disk took the old trace"
fi
