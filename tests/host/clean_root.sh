#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The tree builds in a clean root of the Debian suite $1, from the packages that scripts/quickstart
# installs, and its unit tests pass there: with that suite's compiler and libraries.
. "$(dirname "$0")/../lib.sh"
suite=$1
grep -qx "VERSION_CODENAME=$suite" /etc/os-release && skip "this machine is of $suite itself"
run "$(dirname "$0")/../../scripts/clean-root" "$suite" sh -euc '
  . scripts/lib.sh
  install $build_packages
  rm -f build/release/build.ninja build/release/CMakeCache.txt  # what was compiled may stay
  build release
  build/release/tests/rmaplab-unit-tests --gtest_brief=1'
[ "$status" != 77 ] || { cat "$work/out"; exit 77; }
expect_status 0
expect out '^\[  PASSED  \] [0-9]+ tests'
