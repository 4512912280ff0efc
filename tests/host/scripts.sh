#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# scripts/quickstart and scripts/test where they cannot do their work: the reason, and status 2,
# also when nobody sits at a terminal. On a machine of stubs, which has no package installed.
. "$(dirname "$0")/../lib.sh"
scripts=$(cd "$(dirname "$0")/../../scripts" && pwd)

mkdir "$work/bin"
for program in sh dirname basename mktemp tail tr cat sed grep sleep rm; do
  ln -s "$(command -v $program)" "$work/bin/"
done
stub() { printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"; chmod +x "$work/bin/$1"; }
alone() { run env -i HOME="$work" PATH="$work/bin" TMPDIR="$work" "$@" </dev/null; }
stub dpkg-query 'exit 1'
stub id 'echo 1000'
stub apt-get 'echo "E: the archive is away"; exit 100'

for script in quickstart test; do
  alone "$scripts/$script"
  expect_status 2; expect_one_line err
  expect err "^$script: not root and no sudo; install by hand: g\+\+ cmake .* qemu-system-x86"
done
stub sudo 'echo "sudo: a password is required" >&2; exit 1'
alone "$scripts/test"
expect_status 2; expect err '^test: sudo lets us not become root; install by hand: g\+\+ '
stub sudo 'exec "$@"'
stub true 'exit 0'
alone "$scripts/test"
expect_status 2; expect err '^E: the archive is away$'; expect err '^test: apt-get could not install g\+\+ '
rm "$work/bin/apt-get"
alone "$scripts/test"
expect_status 2; expect_one_line err; expect err '^test: no apt-get here; install by hand: g\+\+ '

# What ends in the middle of a long command says why.
cat >"$work/ends" <<END
set -eu
. "$scripts/lib.sh"
quietly "$work/log" give_up "the reason" || { status=\$?; cat "$work/log"; exit \$status; }
END
alone sh "$work/ends"
expect_status 2; expect out ': the reason$'
# No byte of a terminal's language where there is no terminal, or one that knows none.
expect_not err $'\033'
run env TERM=dumb script -qec "sh '$work/ends'" /dev/null
[ "$status" = 127 ] || { expect out ': the reason'; expect_not out $'\033'; }

for words in debian:6.12 '--replicas 2' 'debian:6.12 --replicas 2'; do
  run "$scripts/quickstart" $words
  expect_status 2; expect_one_line err; expect err "^quickstart: expected BASE HEAD .*, not: $words\$"
done
for words in --al '--all --all'; do
  run "$scripts/test" $words
  expect_status 2; expect_one_line err; expect err '^test: .* expected (--all or none|at most one)|^test: expected at most one argument'
done
