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
