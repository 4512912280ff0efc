#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every shipped trace is replayed as it was recorded: results of calls, VMAs after each. A trace
# that expects what does not come, or that lost events, is no success.
. "$(dirname "$0")/../lib.sh"
[ "$(getconf PAGESIZE)" = 4096 ] || skip "pages of another size than the traces'"
[ "$(uname -m)" = x86_64 ] || skip "the traces were recorded on x86_64"
traces=$(dirname "$0")/../../replay/traces
[ "$(ls "$traces"/*.csv.zst | wc -l)" -ge 8 ] || fail "fewer than eight traces in $traces"
for trace in "$traces"/*.csv.zst; do
  [ "$(stat -c %s "$trace")" -le $((2 << 20)) ] || fail "$trace is larger than 2 MiB"
  run "$RMAPLAB" trace verify "$trace"
  expect_status 0
  expect out '^1 calls as recorded .* 100.000 %$'
done

# One more VMA than there was; an address that is another's.
shell=$traces/shell.csv.zst
command -v zstdcat >/dev/null || skip "no zstdcat to change a trace with; the shipped ones are as recorded"
zstdcat "$shell" | awk -F, -v OFS=, '$4 == "mmap" && !done && ++n > 3 {$14 += 1; done = 1} {print}' >"$work/more.csv"
run "$RMAPLAB" trace verify "$work/more.csv"
expect out '^2 VMAs after each call +2303 of 2304 '
expect out '^  first: .*more.csv:[0-9]+: mmap: expected [0-9]+ VMAs, found [0-9]+$'

zstdcat "$shell" | sed 's/^# lost: 0$/# lost: 7/' >"$work/lost.csv"
run "$RMAPLAB" trace verify "$work/lost.csv"
expect_status 2; expect_one_line err; expect err 'lost 7 events'
run "$RMAPLAB" trace verify --allow-losses "$work/lost.csv"
expect_status 0
head -c 3000 "$shell" >"$work/cut.csv.zst"
run "$RMAPLAB" trace verify "$work/cut.csv.zst"
expect_status 2; expect_one_line err; expect err 'cut.csv.zst'
