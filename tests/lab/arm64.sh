#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An arm64 guest runs the cross-compiled runner: the arithmetic of fork holds there as in
# tests/lab/objects.sh, its system counter counts instructions, two boots read alike.
. "$(dirname "$0")/../lib.sh"
command -v qemu-system-aarch64 >/dev/null || skip "no qemu-system-aarch64"
command -v aarch64-linux-gnu-g++ >/dev/null || skip "no aarch64-linux-gnu-g++"
[ -x "$(dirname "$RMAPLAB")/../arm64/rmaplab-runner" ] ||
  skip "no rmaplab-runner for arm64: cmake --preset arm64 && cmake --build --preset arm64"
"$RMAPLAB" kernel fetch --offline --arch arm64 debian:7.0 >/dev/null 2>&1 ||
  skip "debian:7.0 for arm64 is not in the cache"
guest() { run "$RMAPLAB" lab run --offline --arch arm64 debian:7.0 -- "$@"; }
value() { awk -F, -v a="$1" -v m="$2" '$4=="fork_flat" && $6==a && $8==m {print $10}' "$work/out"; }
is() { [ "$(value "$1" "$2")" = "$3" ] || fail "$2 of $1 is $(value "$1" "$2"), expected $3"; }

guest run -w fork_flat
expect_status 0
p=$(value vmas=0 slab_anon_vma)
[ "${p:-0}" -gt 0 ] || fail "no anon_vma of vmas=0"
for f in 16 256; do
  is "vmas=$f" vmas $((2 * f))
  is "vmas=$f" slab_anon_vma $((p + 2 * f))
  is "vmas=$f" slab_anon_vma_chain $((2 * p + 3 * f))
done
# Not sixteenths of instructions: an empty operation is some, not a multiple of 16.
empty=$(awk -F, '$4=="null" && $8=="instructions" {print $10}' "$work/out")
[ "${empty:-0}" -gt 0 ] && [ "$empty" -lt 16 ] || fail "an empty operation reads $empty"
cp "$work/out" "$work/first"
guest run -w fork_flat
cmp "$work/first" "$work/out" || fail "two boots read otherwise"

# A program of this machine is refused before anything is booted.
guest /bin/true
expect_status 2; expect_one_line err; expect err 'no program for arm64'
