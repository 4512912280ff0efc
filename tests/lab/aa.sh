#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same kernel twice, on a host whose threads are late at random and whose clock leaps (jitter.c,
# $JITTER): every value of the workloads $1 and the consoles come out the same, and the report says
# that nothing changed.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:7.0
mkdir "$work/bin"
cat >"$work/bin/qemu-system-x86_64" <<EOF
#!/bin/sh
JITTER_LOG=$work/jitter JITTER_SEED=\$\$ LD_PRELOAD=$JITTER exec $(command -v qemu-system-x86_64) "\$@"
EOF
chmod +x "$work/bin/qemu-system-x86_64"
run env PATH="$work/bin:$PATH" "$RMAPLAB" ab debian:7.0 debian:7.0 -w "$1" --replicas 2 -o "$work" \
  --label aa --hang-timeout 600
expect_status 0; expect out '^Nothing changed\.$'
[ "$(wc -l <"$work/jitter")" = 4 ] || fail "not all four boots were on an unsteady host"
expect_not out 'better,|worse,|[0-9] worse|[0-9] better'
expect out 'identical in every case: instructions \([0-9]+\)'
awk 'length > 75 {exit 1}' "$work/out" || fail "a line of the report has more than 75 columns"
for side in base head; do sed "s/^$side,//" "$work/aa/$side/samples.csv" >"$work/$side.csv"; done
[ "$(wc -l <"$work/base.csv")" -gt 300 ] || fail "only $(wc -l <"$work/base.csv") rows"
cmp "$work/base.csv" "$work/head.csv" || fail "sample files differ"
awk -F, '$3=="null" && $7=="instructions" {a=$9} $3=="null" && $7=="instructions_mean" {b=$9}
  END {exit !(a > 0 && a == b)}' "$work/base.csv" || fail "an empty operation varies"
diff "$work/aa/base/dmesg.txt" "$work/aa/head/dmesg.txt" >&2 || fail "consoles differ"

# Replica 2 alone, later, by another command, on the host as it is: the same rows.
run "$RMAPLAB" lab run --replica 2 debian:7.0 -- \
  run --preset=quick "--workload=$1" --case-timeout=300
expect_status 0
grep '^base,2,2,' "$work/aa/base/samples.csv" | cut -d, -f4- >"$work/together"
tail -n +2 "$work/out" | cut -d, -f4- >"$work/alone"
cmp "$work/together" "$work/alone" || fail "replica 2 alone reads otherwise"
