#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same in a guest, where the coordinator is the first process and the console has the
# log: each fault is found, once, and a workload without fault has none.
. "$(dirname "$0")/../lib.sh"
need_kernel debian:7.0
faulty() { run "$RMAPLAB" lab run debian:7.0 -- run -w "$1" --passes "$2"; expect_status 1; }

faulty test_corrupt bare
expect err 'FAILED test_corrupt .*page 2 at 0x.*generation 7'
faulty test_warn bare
expect err 'FAILED test_warn .*kernel log: WARNING: CPU: 0 PID: 1 at test/of/rmaplab.c:1'
expect_not err 'outside of any case'
faulty test_leak bare
expect err 'FAILED test_leak .*left process [0-9]+ \(.+\) behind'
faulty test_setting bare
expect err 'FAILED test_setting ends=well.*max_map_count at [0-9]+, was [0-9]+; restored'
faulty test_unfreed objects
expect err 'FAILED test_unfreed .*objects not freed.*anon_vma_fork allocated'

faulty test_stays state
expect err 'FAILED test_stays : VMA .*: of 4 pages 1 are found by no walk of the reverse mapping'

# A complaint that no case is to blame for fails the boot; one above the first case is a note.
run "$RMAPLAB" lab run debian:7.0 -- sh -c 'echo "kernel BUG at test/of/rmaplab.c:1!" >/dev/kmsg'
expect_status 0; expect_not err 'kernel log'
run "$RMAPLAB" lab run debian:7.0 -- sh -c 'echo "rmaplab: cases begin" >/dev/kmsg
  echo "kernel BUG at test/of/rmaplab.c:1!" >/dev/kmsg'
expect_status 1; expect err 'kernel log, outside of any case: kernel BUG at test/of/rmaplab.c:1!'

run "$RMAPLAB" lab run debian:7.0 -- run -w fork_flat
expect_status 0
expect_not err 'FAILED|kernel log'
for object in vm_area_struct anon_vma anon_vma_chain; do
  awk -F, -v m="unfreed_$object" '$8 == m && $10 != "0" { bad = 1 } $8 == m { n++ }
    END { exit bad || n < 6 }' "$work/out" || fail "unfreed_$object is not 0 everywhere"
done
# In two passes, of anon_vmas and by walks.
awk -F, '$8 ~ /^rmap_faults/ && $10 != "0" { bad = 1 }
  $8 ~ /^rmap_faults/ && /VMAs and their anon_vmas. [1-9][0-9]* pages by a walk/ { n++ }
  END { exit bad || n < 12 }' "$work/out" || fail "rmap_faults is not 0 everywhere, or not looked at"
