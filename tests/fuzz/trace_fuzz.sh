#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The fuzzer of the trace reader for so many seconds, from the traces in corpus/.
# Usage: trace_fuzz.sh PROGRAM SECONDS; the program is empty where none was built.
set -u
program=$1 seconds=$2
[ -n "$program" ] || {
  echo "SKIP: no fuzzer: clang++ or its libFuzzer (Debian: clang, libclang-rt-14-dev) was missing when the build was configured"
  exit 77
}
[ -x "$program" ] || { echo "SKIP: $program is not built"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/new"
# Freed memory that the address sanitizer keeps: an input takes little.
export ASAN_OPTIONS=quarantine_size_mb=64
"$program" -max_total_time="$seconds" -max_len=8192 -timeout=20 -rss_limit_mb=1024 \
  -dict="$(dirname "$0")/trace.dict" -artifact_prefix="$work/" -print_final_stats=1 \
  "$work/new" "$(dirname "$0")/corpus" >"$work/log" 2>&1
status=$?
grep -E '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' "$work/log"
[ $status = 0 ] && exit 0
tail -n 60 "$work/log"
for found in "$work"/crash-* "$work"/oom-* "$work"/timeout-* "$work"/leak-*; do
  [ -f "$found" ] || continue
  echo "FAIL: found by this input (base64):"
  base64 "$found"
done
exit 1
