#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Instructions by kernel function: they add up to what the clock counts, calls are those of the
# arithmetic of fork, and a guest runs alike with and without the plugin.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:7.0
what="--offline -w fork_flat -a vmas=16 --passes bare,objects"
# shellcheck disable=SC2086  # words
run "$RMAPLAB" ab debian:7.0 debian:7.0 $what --replicas 1 --functions -o "$work" --label ab
grep -q 'accepts no plugin' "$work/err" && skip "$(cat "$work/err")"
expect_status 0
expect out '^Nothing changed\.$'; expect_not out 'function_'
expect out "^kernel functions: no case's instructions changed$"
# shellcheck disable=SC2086
run "$RMAPLAB" run --kernel debian:7.0 $what -o "$work" --label plain
expect_status 0
counted=$work/ab/base again=$work/ab/head plain=$(echo "$work"/plain/*)
for side in counted again plain; do cut -d, -f2- "${!side}/samples.csv" >"$work/$side.csv"; done
cmp "$work/counted.csv" "$work/again.csv" || fail "two runs count otherwise"
grep -v ',function_' "$work/counted.csv" >"$work/without.csv"
cmp "$work/without.csv" "$work/plain.csv" || fail "the plugin is seen in other rows"
cmp "$counted/dmesg.txt" "$plain/dmesg.txt" || fail "the plugin is seen on the console"

# Sums of six operations, divided by six: equal but for rounding.
awk -F, '$7=="function_instructions" {sum += $9; n++} $7=="instructions_mean" {mean = $9}
  END {d = sum - mean; exit !(n > 300 && mean > 200000 && d < 1e-6 && d > -1e-6)}' \
  "$work/counted.csv" || fail "functions do not add up to instructions_mean"
value() { awk -F, -v m="$1" -v s="$2" '$7==m && $13==s {print $9}' "$work/counted.csv"; }
is() { [ "$(value function_calls "$1")" = "$2" ] ||
  fail "$(value function_calls "$1") calls of $1, expected $2"; }
# The plugin and the kernel's events know nothing of one another.
clones=$(value alloc_anon_vma_chain anon_vma_clone)
[ "${clones:-0}" -gt 16 ] || fail "no AVC of anon_vma_clone"
is anon_vma_clone "$clones"
is anon_vma_interval_tree_insert $((2 * clones))
is vm_area_dup "$(value alloc_vm_area_struct '')"
is copy_process 1
is exit_mmap 1
[ -n "$(value function_instructions '[user]')" ] || fail "no instruction of user space"
run "$RMAPLAB" compare "$counted" "$again" --functions
expect_status 0; expect out '^fork_flat vmas=16, per fork\+exit\+wait: [0-9 ]+ instructions on both'
run "$RMAPLAB" compare "$counted" "$plain"
expect_status 0; expect out '^Nothing changed\.$'; expect_not out 'function_'
run "$RMAPLAB" compare "$counted" "$plain" --functions
expect_status 2; expect_one_line err; expect err 'no rows by kernel function in both runs'

# A System.map beside the image is taken, and one of another kernel told.
cp "$(image_of debian:7.0)" "$work/bzImage"
printf 'ffffffff81000000 T %s\n' _text startup_64 >"$work/System.map"
printf 'ffffffff81000100 T asm_exc_page_fault\nffffffff81000900 T _etext\n' >>"$work/System.map"
run "$RMAPLAB" run --kernel "$work/bzImage" --functions -w null --passes bare -o "$work" --label map
expect_status 1
expect err 'functions not counted: kernel.code_bytes is 2304 by System.map, [0-9]+ in the guest'
! grep -q ',function_' "$work"/map/*/samples.csv || fail "counts by the wrong symbols are rows"
