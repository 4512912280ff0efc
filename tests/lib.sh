# SPDX-License-Identifier: GPL-2.0-only
# For tests that run rmaplab as a user does. Sourced with RMAPLAB set to the program.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() { echo "SKIP: $*"; exit 77; }
fail() {
  echo "FAIL: $*"
  for stream in out err; do
    [ -s "$work/$stream" ] && sed "s/^/  $stream: /" "$work/$stream" | tail -n 40
  done
  # Of a long KTAP the checks that failed, and what they said.
  grep -s -B 4 '^not ok' "$work/out" | sed 's/^/  not ok: /'
  exit 1
}
# run COMMAND... : keeps stdout, stderr and status.
run() {
  "$@" >"$work/out" 2>"$work/err"
  status=$?
}
# run_smp COMMAND... : the same for the smp lab, where multi-threaded TCG at times breaks a
# kernel that patches its code (lab/measure.cpp): a panic is tried again, twice.
run_smp() {
  for _ in 1 2 3; do
    rm -rf "$work/smp"  # of the last try
    run "$@"
    grep -q 'guest panicked' "$work/err" || return 0
  done
}
expect_status() { [ "$status" = "$1" ] || fail "exit status $status, expected $1"; }
expect() { grep -qE -- "$2" "$work/$1" || fail "no \"$2\" in $1"; }
expect_not() { ! grep -qE -- "$2" "$work/$1" || fail "\"$2\" in $1"; }
# One line, not a page: what went wrong, for a person. A slow machine says how far it is besides.
expect_one_line() {
  [ "$(grep -cvE '^rmaplab: +([^ ]+ +)?([0-9]+%[ ,]|[0-9]+ s \|)' "$work/$1")" = 1 ] ||
    fail "$1 has not exactly one line"
}

# The lab's tests use kernels that scripts/test has fetched; nothing here downloads.
need_kernel() {
  command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
  for spec in "$@"; do
    "$RMAPLAB" kernel fetch --offline "$spec" >/dev/null 2>&1 || skip "$spec is not in the cache"
  done
}
# build_kernel ARGUMENTS...: of Debian's 7.2 source; sets kernel to its folder. Takes minutes.
build_kernel() {
  run "$RMAPLAB" kernel build --source debian:7.2 "$@"
  [ "$status" = 0 ] || {
    grep -q 'no suite has its source\|needs ' "$work/err" && skip "$(tail -n 1 "$work/err")"
    fail "exit status $status"
  }
  kernel=$(sed -n 's/^kernel: //p' "$work/out")
}
image_of() { "$RMAPLAB" kernel fetch --offline "$1" 2>/dev/null | sed -n '2s/^ *//p'; }
