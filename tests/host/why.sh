#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The model of `trace why` is the kernel: a program that is recorded stops when it has most VMAs;
# /proc/PID/smaps has as many then, as many at borders of MADV_DONTFORK, of protection, of offsets,
# and `forest --why` tells the same of it.
. "$(dirname "$0")/../lib.sh"
command -v cc >/dev/null || skip "no C compiler"

cat >"$work/shapes.c" <<'C'
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
enum { kPage = 4096, kCount = 100 };
int main(void)
{
  char* arena = mmap(0, kCount * 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < kCount * 4; i++) arena[i * kPage] = 1;
  for (int i = 0; i < kCount; i++)
    madvise(arena + (i * 4 + 1) * kPage, kPage, MADV_DONTFORK);
  for (int i = 0; i < kCount; i++) {
    char* stack = mmap(0, 16 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(stack, kPage, PROT_NONE);
    stack[15 * kPage] = 1;
  }
  int fd = memfd_create("shape", 0);
  if (ftruncate(fd, kCount * kPage)) return 1;
  char* room = mmap(0, (kCount + 1) * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < kCount; i++)
    mmap(room + (kCount - i) * kPage, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, i * kPage);
  raise(SIGSTOP);
  return 0;
}
C
cc -O1 -o "$work/shapes" "$work/shapes.c" || skip "cc builds no program"

"$RMAPLAB" record -o "$work/t.csv" -- "$work/shapes" >"$work/out" 2>"$work/err" &
recorder=$!
pid=
for _ in $(seq 600); do
  pid=$(pgrep -P "$recorder" -x shapes)
  [ -n "$pid" ] && [ "$(awk '{print $3}' "/proc/$pid/stat" 2>/dev/null)" = T ] && break
  kill -0 "$recorder" 2>/dev/null || break
  sleep 0.1
done
if [ -z "$pid" ]; then
  wait "$recorder"
  grep -q '^rmaplab: record: .*\(root\|kernel\)' "$work/err" && skip "$(cat "$work/err")"
  fail "the program did not stop"
fi
cp "/proc/$pid/smaps" "$work/smaps"
"$RMAPLAB" forest --why "$pid" >"$work/live" 2>"$work/err"
live=$?
kill -CONT "$pid"
wait "$recorder" || fail "record failed"
[ "$live" = 0 ] || fail "forest --why failed"

run "$RMAPLAB" trace why "$work/t.csv"
expect_status 0
[ "$(wc -l <"$work/out")" -le 25 ] || fail "more than 25 lines"
awk 'length > 75 {exit 1}' "$work/out" || fail "a line of more than 75 columns"

# Of each VMA from smaps: begin, end, protection, offset, inode and whether it has VmFlags dc.
awk '/^[0-9a-f]+-[0-9a-f]+ / {split($1, at, "-"); head = at[1] " " at[2] " " $2 " " $3 " " $5; name = $6}
     /^VmFlags:/ && name != "[vsyscall]" {print head, / dc( |$)/ ? 1 : 0}' "$work/smaps" >"$work/vmas"
vmas=$(wc -l <"$work/vmas")
pairs() {  # CONDITION on the VMA before (B..) and this one
  awk "NR > 1 && e == \$1 && ($1) {n++} {e = \$2; p = \$3; o = \$4; i = \$5; d = \$6} END {print n + 0}" "$work/vmas"
}
dontfork=$(pairs 'd != $6 && p == $3')
guards=$(pairs 'p != $3 && (p ~ /^---/ || $3 ~ /^---/) && (p ~ /^rw-p/ || $3 ~ /^rw-p/) && i == $5')
falls=$(pairs 'p == "rw-s" && $3 == "rw-s" && i == $5')
[ "$dontfork" -ge 199 ] && [ "$guards" -ge 199 ] && [ "$falls" -ge 99 ] ||
  fail "smaps has $dontfork, $guards and $falls borders: the program is not what it was"

grouped=$(echo "$vmas" | sed -E 's/([0-9])([0-9]{3})$/\1 \2/')
expect out "^$grouped VMAs, "
expect out "^the kernel counted $grouped, the model $grouped; "
expect out "^ *$dontfork  flags \(dontfork\)$"
expect out "^ *$guards  protection \(rw-, ---\)$"
expect out "^ *$falls  offset \(falls as addresses rise\)$"
expect out '^ *100 +(99|100)  mprotect --- 4 KiB$'
# Every call of the recording, not only at the peak.
read -r equal of < <(sed -n 's/^the kernel counted .* after \([0-9 ]*\) of \([0-9 ]*\) calls$/\1|\2/p' "$work/out" |
  tr -d ' ' | tr '|' ' ')
[ -n "$equal" ] && [ "$equal" = "$of" ] || fail "the model has the kernel's count after $equal of $of calls"

# The same words for the live process.
cp "$work/live" "$work/out"
expect out "^$grouped VMAs, "
expect out "^ *$dontfork  flags \(dontfork\)$"
expect out "^ *$guards  protection \(rw-, ---\)$"
expect out "^ *$falls  offset \(falls as addresses rise\)$"

run "$RMAPLAB" trace why "$work/t.csv" --process 99
expect_status 2; expect_one_line err; expect err 'has no process 99'
run "$RMAPLAB" trace why "$work/none.csv"
expect_status 2; expect_one_line err
run "$RMAPLAB" forest --why 999999999
expect_status 2; expect_one_line err

# A part of it is a trace that is read, checked and played.
run "$RMAPLAB" trace cut "$work/t.csv" -o "$work/part.csv" --to 0.001
expect_status 0; expect out 'cut to 0.000000 to .* of .* rows'
run "$RMAPLAB" trace info "$work/part.csv"
expect_status 0; expect out '^note  *cut to 0.000000 to '
run "$RMAPLAB" trace cut "$work/t.csv" -o "$work/part.csv" --process 1
expect_status 0
run "$RMAPLAB" replay "$work/part.csv"
expect_status 0; expect out '100.000 %'
run "$RMAPLAB" trace cut "$work/t.csv" -o "$work/part2.csv"
expect_status 2; expect_one_line err; expect err 'give --process N, --from SECONDS or --to SECONDS'
run "$RMAPLAB" trace cut "$work/t.csv" -o "$work/part2.csv" --process 7
expect_status 2; expect_one_line err; expect err 'has no process 7'
[ ! -e "$work/part2.csv" ] || fail "a part of nothing"

# A log of strace of the same program, without its recording.
command -v strace >/dev/null || exit 0
sed -i 's/raise(SIGSTOP)/0/' "$work/shapes.c" && cc -O1 -o "$work/shapes" "$work/shapes.c" || exit 1
strace -f -o "$work/s.log" "$work/shapes" 2>/dev/null || exit 0  # ptrace is not allowed
run "$RMAPLAB" trace import "$work/s.log" -o "$work/s.csv"
expect_status 0; expect out 'imported from strace: .* page faults by rule'
expect_not err 'could not be read'
run "$RMAPLAB" trace why "$work/s.csv"
expect_status 0; expect out 'flags \(dontfork\)$'; expect out 'no anon_vma is known'
expect out "^ *$dontfork  flags \(dontfork\)$"
run "$RMAPLAB" replay "$work/s.csv"
expect_status 0; expect out '100.000 %'
run "$RMAPLAB" trace import "$work/shapes.c" -o "$work/none.csv"
expect_status 2; expect_one_line err; expect err 'shapes.c:1: expected a line of strace, perf trace or perf script'
[ ! -e "$work/none.csv" ] || fail "a trace of no log"
