#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The files of a gate, when they are not what they are taken for: pipes, a full disk, text that
# would reach a terminal or break XML; and what its exit status says.
. "$(dirname "$0")/../lib.sh"

# store FOLDER INSTRUCTIONS [STATUS REASON]: three boots, as a run before checksums stored them.
store() {
  mkdir -p "$work/$1"
  printf '{"manifest_version": 1, "mode": "exact", "replicas": "3", "workload.fork_flat": "2"}\n' \
    >"$work/$1/manifest.json"
  {
    echo run,boot,replica,workload,workload_version,arguments,repetition,metric,unit,value,status,reason,pass,site
    for boot in 1 2; do
      echo "r,$boot,$boot,fork_flat,2,vmas=4,0,instructions,instructions/op,$(($2 + boot)),ok,,bare,"
    done
    printf 'r,3,3,fork_flat,2,vmas=4,0,instructions,instructions/op,%s,%s,%b,bare,\n' \
      "$([ -n "${3-}" ] || echo $(($2 + 3)))" "${3:-ok}" "${4-}"
  } >"$work/$1/samples.csv"
}
gate() { run timeout 20 "$RMAPLAB" gate "$@"; }

store base 380000
store head 390000
gate "$work/base" "$work/base"; expect_status 0
gate "$work/base" "$work/head"; expect_status 1

# Pipes and devices would be read for ever; written to, they must stay what they are.
store pipe 380000; rm "$work/pipe/samples.csv"; mkfifo "$work/pipe/samples.csv"
gate "$work/base" "$work/pipe"
expect_status 2; expect_one_line err; expect err 'samples.csv is not a regular file'
store zero 380000; ln -sf /dev/zero "$work/zero/manifest.json"
gate "$work/base" "$work/zero"
expect_status 2; expect_one_line err; expect err 'manifest.json is not a regular file'
mkfifo "$work/policy"
gate "$work/base" "$work/base" --policy "$work/policy"
expect_status 2; expect_one_line err; expect err 'policy is not a regular file'
mkfifo "$work/junit"
timeout 20 cat "$work/junit" >"$work/read" &
gate "$work/base" "$work/base" --junit "$work/junit"
expect_status 0; wait
[ -p "$work/junit" ] || fail "a pipe was replaced by a file"
grep -q '<testsuites' "$work/read" || fail "nothing came out of the pipe"
ln -s target "$work/link"
gate "$work/base" "$work/base" --junit "$work/link"
[ -L "$work/link" ] || fail "a link was replaced by a file"

[ -c /dev/full ] || skip "no /dev/full"
timeout 20 "$RMAPLAB" gate "$work/base" "$work/base" >/dev/full 2>"$work/err"; status=$?
expect_status 2; expect err 'standard output'

store red 380000 fail '\033]0;title\007\033[2Jred \xef\xbf\xbe\xff <&'
gate "$work/base" "$work/red" --junit "$work/red.xml"
expect_status 1
! LC_ALL=C grep -q "$(printf '[\001-\010\013-\037]')" "$work/out" "$work/red.xml" || fail "a control character"
if command -v xmllint >/dev/null; then
  xmllint --noout "$work/red.xml" 2>"$work/err" || fail "no XML"
fi

gate "$work/base" "$work/base" --policy ''
expect_status 2
: >"$work/empty"
gate "$work/base" "$work/base" --policy "$work/empty"
expect_status 2; expect err 'has no rule'
printf 'limit instructions * 1%%\nlimit instructions * 2%%\n' >"$work/twice"
gate "$work/base" "$work/base" --policy "$work/twice"
expect_status 2; expect_one_line err; expect err 'twice:2: contradicts .*twice:1: limit instructions'
echo 'limit instructions fork_falt:* 2%' >"$work/misspelt"
gate "$work/base" "$work/base" --policy "$work/misspelt"
expect_status 0; expect out 'misspelt:1: no case of these runs is fork_falt'

# What a boot that was not finished is called, and what git bisect run is told.
cp -r "$work/head" "$work/unfinished.partial"
gate "$work/base" "$work/unfinished"
expect_status 2; expect err 'unfinished.partial is a run that was not finished'
mkdir "$work/boots"; cp -r "$work/base" "$work/boots/1"; cp -r "$work/base" "$work/boots/2.partial"
gate "$work/base" "$work/boots"
expect_status 3; expect out '# SKIP inconclusive: 2.partial is a boot that was not finished'
gate "$work/base" "$work/boots" --bisect; expect_status 125
gate "$work/base" "$work/head" --bisect; expect_status 1
gate "$work/base" "$work/base" --bisect; expect_status 0
gate "$work/base" "$work/nowhere" --bisect; expect_status 125
gate "$work/red" "$work/base" --bisect; expect_status 125
