#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Debian's 7.2 source with the bench configuration: builds, boots, is measured; a patch of one
# file is built incrementally and the gate names its function. Takes minutes: only with --all.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:7.2
build_kernel
run "$RMAPLAB" check --kernel "$kernel" 'fork*'
expect_status 0; expect out ', 0 not ok, '
run "$RMAPLAB" selfcheck --mutants --mutant unfaulted-not-skipped,avc-leaked
expect_status 0; expect out '^2 of 2 caught$'
