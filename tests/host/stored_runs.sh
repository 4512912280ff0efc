#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Stored runs that are damaged or do not belong together are refused by name.
. "$(dirname "$0")/../lib.sh"
run "$RMAPLAB" run -w null -o "$work/o" --label a
expect_status 0
good=$(echo "$work"/o/a/*)
copy() { rm -rf "$work/bad" && cp -r "$good" "$work/bad"; }

copy; head -c -10 "$good/samples.csv" >"$work/bad/samples.csv"
lines=$(wc -l <"$good/samples.csv")
run "$RMAPLAB" compare "$good" "$work/bad"
expect_status 2; expect_one_line err; expect err "samples.csv:$lines: file is cut off"

copy; sed -i '3s/,ok,/,fine,/' "$work/bad/samples.csv"
run "$RMAPLAB" compare "$good" "$work/bad"
expect_status 2; expect_one_line err; expect err 'samples.csv:3: status is "fine", expected ok, skip or fail'

copy; sed -i 's/"mode": "host"/"mode": "exact"/' "$work/bad/manifest.json"
run "$RMAPLAB" compare "$good" "$work/bad"
expect_status 2; expect_one_line err; expect err 'differ in mode \(host against exact\)'
run "$RMAPLAB" compare --force "$good" "$work/bad"
expect_status 0; expect out 'WARNING: runs differ in mode'

# The table of keys has every key that was written, and what it requires is asked for: another value of
# any such key is refused with the key's name.
run "$RMAPLAB" list --manifest
expect_status 0; cp "$work/out" "$work/keys"
required=0
while IFS= read -r key; do
  row=
  while read -r glob agreement _; do
    case $key in $glob) row=$agreement; break ;; esac
  done <"$work/keys"
  [ -n "$row" ] || fail "rmaplab list --manifest has no row of $key"
  [ "$row" = required ] || continue
  required=$((required + 1))
  # mode is asked for above; with another version the rows are refused before.
  case $key in mode | workload.*) continue ;; esac
  copy; sed -i "s/^  \"$key\": \".*\"/  \"$key\": \"other\"/" "$work/bad/manifest.json"
  run "$RMAPLAB" compare "$good" "$work/bad"
  expect_status 2; expect_one_line err; expect err "differ in $key "
done < <(sed -n 's/^  "\([^"]*\)": ".*/\1/p' "$good/manifest.json")
[ "$required" -ge 7 ] || fail "$required required keys in a run of this machine"

run "$RMAPLAB" compare --functions "$good" "$good"
expect_status 2; expect_one_line err; expect err 'no rows by kernel function in both runs'

copy; rm "$work/bad/manifest.json"
run "$RMAPLAB" compare "$good" "$work/bad"
expect_status 2; expect_one_line err; expect err 'manifest.json: No such file'

mv "$work/bad" "$work/bad.partial"
run "$RMAPLAB" compare "$good" "$work/bad.partial"
expect_status 2; expect_one_line err; expect err 'was not finished'

# compare prints, gate judges. A failed row is told by count before any figure.
row() { printf 'r,1,1,fork_flat,2,vmas=%s,0,vmas,VMAs,%s,state,\n' "$1" "$2"; }
for side in one other; do
  mkdir "$work/$side"
  echo '{"manifest_version": 1, "mode": "exact", "workload.fork_flat": "2"}' >"$work/$side/manifest.json"
  { head -n 1 "$good/samples.csv"; row 1 5,ok,; row 2 5,ok,; } >"$work/$side/samples.csv"
done
{ head -n 1 "$good/samples.csv"; row 1 5,ok,; row 2 ',fail,a page changed'; } >"$work/other/samples.csv"
run "$RMAPLAB" compare "$work/one" "$work/other"
expect_status 0
head -n 12 "$work/out" | grep -q '^WARNING: 1 row failed: fork_flat vmas=2: vmas$' || fail "the failed row is not told first"
run "$RMAPLAB" compare --format csv "$work/one" "$work/other"
expect_status 0; expect err 'WARNING: 1 row failed: '; expect out ',failed,a page changed,'
run "$RMAPLAB" gate "$work/one" "$work/other"
expect_status 1; expect out '^# 1 row failed: fork_flat vmas=2: vmas$'

# What other tools write is refused with what is read.
printf '{ "stress-ng.pagemove.ops_per_sec": [1000.0, 1001.5] }\n' >"$work/matrix.json"
printf -- '---\nsystem-info:\n      stress-ng-version: 0.17.08\n' >"$work/stress.yaml"
printf '4711  10:00:00.000200 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n' >"$work/strace.log"
printf '7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n' >"$work/maps.txt"
for file in matrix.json stress.yaml; do
  run "$RMAPLAB" compare "$work/$file" "$good"
  expect_status 2; expect_one_line err; expect err 'is a file: a run is a folder with manifest.json and samples.csv'
  run "$RMAPLAB" gate "$work/$file" "$good"
  expect_status 2; expect_one_line err; expect err 'not the folder of a run, and as a kernel: .* is no kernel image'
done
for command in 'replay' 'trace info' 'run --trace'; do
  run "$RMAPLAB" $command "$work/strace.log"
  expect_status 2; expect_one_line err; expect err 'a trace is what `rmaplab record` writes'
done
run "$RMAPLAB" forest "$work/maps.txt"
expect_status 2; expect_one_line err; expect err 'is a file: give PIDs, or --cmd -- COMMAND'
