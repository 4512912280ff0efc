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
expect_status 2; expect_one_line err; expect err 't.csv:1: line is .*, expected "# rmaplab trace: 2"'
run "$RMAPLAB" trace info "$(dirname "$0")/../fuzz/corpus/small.csv.zst"
expect_status 0; expect out '^processes +2, at most 2 at a time; 1 exec$'

# A word that nobody knows is named, with what was meant.
while IFS='|' read -r words expected; do
  run "$RMAPLAB" $words
  expect_status 2; expect_one_line err; expect err "^rmaplab$expected; see \`rmaplab"
done <<'END'
ba|: no command "ba" \(did you mean ab\?\)
frobnicate x|: no command "frobnicate"
gaet --help|: no command "gaet" \(did you mean gate\?\)
kernel| kernel: a command is missing, one of fetch, build, list
kernel fech| kernel: no command "fech" \(did you mean fetch\?\)
ab --replica 2 a b| ab: no option --replica \(did you mean --replicas\?\)
gate --polcy=x a b| gate: no option --polcy \(did you mean --policy\?\)
kernel build --sorce x| kernel build: no option --sorce \(did you mean --source\?\)
record --outt x -- true --flag| record: no option --outt \(did you mean --output\?\)
ab --replicas two a b| ab: --replicas: .*two.*
compare| compare: base is required
list fork_flat x| list: .* x
END
run "$RMAPLAB"
expect_status 2; expect err '^rmaplab: a command is missing, one of ab, check, '; expect err '^Usage: rmaplab'
run "$RMAPLAB" help
expect_status 0; expect out '^Usage: rmaplab'; cp "$work/out" "$work/help"
run "$RMAPLAB" --help
expect_status 0; cmp "$work/help" "$work/out" || fail "help is not --help"
run "$RMAPLAB" help kernel build
expect_status 0; expect out '^Usage: rmaplab kernel build'
run "$RMAPLAB" version
expect_status 0; expect out '^[0-9]+\.[0-9]+\.[0-9]+ '

run "$RMAPLAB" list 'fork_*'
expect_status 0; expect out '^fork_flat  '; expect out '^fork_tree  '; expect_not out '^grow  '
run "$RMAPLAB" list 'fork_fl*'
expect_status 0; expect out '^figures per'
run "$RMAPLAB" list fork_flt
expect_status 2; expect_one_line err; expect err 'no workload "fork_flt" \(did you mean fork_flat\?\)'
run "$RMAPLAB" list --offline
expect_status 2; expect_one_line err
run env XDG_CACHE_HOME="$work/cache" "$RMAPLAB" list --kernels --offline
expect_status 2; expect_one_line err; expect err 'cache'

# The folder of an `ab` has two kernels: which one is meant?
mkdir -p "$work/two/base" "$work/two/head"
echo '{}' | tee "$work/two/base/manifest.json" >"$work/two/head/manifest.json"
for command in compare gate; do
  run "$RMAPLAB" $command "$work/two" "$work/two"
  expect_status 2; expect_one_line err
  expect err "/two has the runs of two kernels: give $work/two/base or $work/two/head\$"
done

# A limit on the size of files is an error of the write, as a full disk is.
(ulimit -f 0; exec "$RMAPLAB" list >"$work/limited" 2>/dev/null); status=$?
expect_status 2

# As much as one gives: refused at once, in one line.
mkdir "$work/huge"; echo '{"manifest_version": 1, "mode": "host"}' >"$work/huge/manifest.json"
truncate -s 20G "$work/huge/samples.csv"
run "$RMAPLAB" compare "$work/huge" "$work/huge"
expect_status 2; expect_one_line err; expect err 'samples.csv has more than the [0-9]+ bytes that are read'

# A cache that others write to, or none: nothing in it is believed.
mkdir -m 0777 -p "$work/open/rmaplab"; chmod 0777 "$work/open/rmaplab"
run env XDG_CACHE_HOME="$work/open" "$RMAPLAB" kernel fetch --offline debian:7.0
expect_status 2; expect_one_line err; expect err "the cache $work/open/rmaplab is another user's, or others may write to it"
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$work/other/rmaplab"; chown 65534 "$work/other/rmaplab"
  run env XDG_CACHE_HOME="$work/other" "$RMAPLAB" kernel fetch --offline debian:7.0
  expect_status 2; expect_one_line err; expect err "is another user's"
fi
# A link to a folder of ours, in a folder where another user could put another there.
mkdir -m 0777 -p "$work/shared"; chmod 0777 "$work/shared"; mkdir -p "$work/mine"
ln -s "$work/mine" "$work/shared/rmaplab"
run env XDG_CACHE_HOME="$work/shared" "$RMAPLAB" kernel fetch --offline debian:7.0
expect_status 2; expect_one_line err; expect err "the cache $work/shared/rmaplab lies in $work/shared, which is another user's"
# What judged nothing is no result, and is not kept for reports to quote.
run env XDG_CACHE_HOME="$work/aa" "$RMAPLAB" selfcheck --aa 3 --modes host -w null --passes bare --boots 2
expect_status 77; expect err 'nothing was judged'
[ -z "$(find "$work/aa" -type f)" ] || fail "a selfcheck that judged nothing was kept"
run env XDG_CACHE_HOME="$work/cache" "$RMAPLAB" kernel list --mirror $'http://mirror.example/\nTrusted: yes'
expect_status 2; expect_one_line err; expect err 'expected the URI of a Debian archive'

# Closed standard output and error: what is lost is an error, and goes nowhere else.
"$RMAPLAB" list >&-; status=$?
expect_status 2
"$RMAPLAB" list 2>&- >"$work/out" <&-; status=$?
expect_status 0; expect out fork_flat
