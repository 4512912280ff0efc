#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A user's mistakes: each gets one clear line and status 2.
. "$(dirname "$0")/../lib.sh"

run "$RMAPLAB" run -w 'nosuch*' -o "$work/o"
expect_status 2; expect_one_line err; expect err 'no workload matches "nosuch\*"'

run "$RMAPLAB" ab "$work/nothing" debian:7.0
expect_status 2; expect_one_line err; expect err 'is no kernel: expected debian:VERSION'

run "$RMAPLAB" ab debian:seven debian:7.0
expect_status 2; expect_one_line err; expect err 'expected a version like 7.0.13'

run "$RMAPLAB" ab host debian:7.0
expect_status 2; expect_one_line err; expect err 'measure it with `rmaplab run`'

head -c 100000 /dev/urandom >"$work/noise"
run "$RMAPLAB" lab run "$work/noise" -- run
expect_status 2; expect_one_line err; expect err 'is no kernel image'

mkdir "$work/tree"
run "$RMAPLAB" lab run "$work/tree" -- run
expect_status 2; expect_one_line err; expect err 'expected a kernel build tree'

run env XDG_CACHE_HOME="$work/cache" "$RMAPLAB" kernel fetch --offline debian:7.0
expect_status 2; expect_one_line err; expect err 'debian:7.0 is not in the cache$'

run env XDG_CACHE_HOME="$work/cache" "$RMAPLAB" kernel fetch --mirror http://127.0.0.1:9/ debian:7.0
expect_status 2; expect err 'not in the cache and no package list could be fetched'

run "$RMAPLAB" run -w null -o /proc/nowhere
expect_status 2; expect_one_line err; expect err 'create folder /proc/nowhere'

run "$RMAPLAB" run --passes nosuch -o "$work/o"
expect_status 2; expect_one_line err; expect err 'no pass "nosuch", expected some of bare, state,'
run "$RMAPLAB" list --passes
expect_status 0
for pass in $("$RMAPLAB" run --help | sed -n 's/.*joined with commas: \(bare.*\)/\1/p' | tr -d ,); do
  expect out "^$pass  "
done
expect_not out '.{101}'

run "$RMAPLAB" run --functions -w null -o "$work/o"
expect_status 2; expect_one_line err; expect err 'functions: .* in the exact lab only: --kernel'
run "$RMAPLAB" ab debian:7.0 debian:7.0 --offline --functions --mode smp -o "$work/o"
expect_status 2; expect_one_line err; expect err 'functions: .*, not in mode smp$'
run "$RMAPLAB" ab debian:7.0 debian:7.0 --offline --functions --passes state -o "$work/o"
expect_status 2; expect_one_line err; expect err 'functions: .* in the pass bare, which is not'
run "$RMAPLAB" ab debian:7.0 debian:7.0 --offline --functions --arch arm64 -o "$work/o"
expect_status 2; expect_one_line err; expect err 'functions: guests of arm64 are not counted yet'

probe=$(dirname "$RMAPLAB")/rmaplab-probe
run "$probe"
expect_status 2
run "$probe" serve --fd x
expect_status 2
run "$probe" contention -- "$work/nosuch"
[ "$status" = 2 ] || [ "$status" = 77 ] || fail "exit status $status, expected 2 or 77"
expect_one_line err; expect err '^rmaplab-probe: '

run "$RMAPLAB" trace info "$work/nosuch.csv"
expect_status 2; expect_one_line err; expect err 'open .*nosuch.csv: No such file or directory'
printf 'time_ns,process\n' >"$work/t.csv"
run "$RMAPLAB" trace info "$work/t.csv"
expect_status 2; expect_one_line err; expect err 't.csv:1: line is .*, expected "# rmaplab trace: 1"'
run "$RMAPLAB" trace info "$(dirname "$0")/../fuzz/corpus/small.csv.zst"
expect_status 0; expect out '^processes +2, at most 2 at a time; 1 exec$'
