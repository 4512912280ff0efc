#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Linux 6.18.5 merges a VMA that comes home into one without an anon_vma (61f67c230a5e, in 6.18.9)
# and lets a fork child's merge (3b617fd3d317): checks and workloads are told of both by name, and
# of nothing on the kernels that are mended.
. "$(dirname "$0")/../lib.sh"
old=debian:6.18.5
mended=debian:6.18.9
need_kernel $old $mended

run "$RMAPLAB" check --kernel $old 'merge/move_home_*,reach/home*'
expect_status 1
expect out '^not ok [0-9]+ merge/move_home_after_U/alone$'
expect out '^# VMA [0-9a-f]+-[0-9a-f]+ of process .* has 2 anonymous pages and no anon_vma'
expect out '^# known: .* commit 61f67c230a5e '
expect out '^not ok [0-9]+ merge/move_home_after_U/child$'
expect out "^# .*a fork child's moved VMA merged, which commit 3b617fd3d317 "
expect out '^not ok [0-9]+ reach/home_after_U$'
expect out '^ok [0-9]+ reach/home$'
run "$RMAPLAB" check --kernel $old --known 'merge/move_home_*,reach/home*'
expect_status 0
expect out 'known faults of this kernel, expected \(--known\)$'
run "$RMAPLAB" check --kernel $mended 'merge/move_home_*,reach/home*'
expect_status 0
expect_not out '^not ok'

moves() { run "$RMAPLAB" lab run $1 -- run -w mremap_home --arguments 'moves=10;way=plain' --passes state,objects; }
moves $old
expect_status 1
expect err 'FAILED mremap_home moves=10;way=plain: VMA .* 2 anonymous pages and no anon_vma'
moves $mended
expect_status 0
