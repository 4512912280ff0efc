#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# VMA and object counts obey the arithmetic of fork, split and move on kernel $1: P is what
# the measuring process itself has faulted. Objects are counted by slabinfo, by their
# events and by the forest, and all must hold.
. "$(dirname "$0")/../lib.sh"
kernel=$1
need_kernel "$kernel"
# All workloads ("*" is the core ones only) but numa_hint: its scanner takes a second of run
# time in every process, and its operation allocates nothing.
run "$RMAPLAB" lab run "$kernel" -- run -w '[!n]*,null' --passes state,objects
expect_status 0
value() { awk -F, -v w="$1" -v a="$2" -v m="$3" -v s="${4-}" '$4==w && $6==a && $8==m && $14==s {print $10}' "$work/out"; }
is() {  # WORKLOAD ARGUMENTS METRIC EXPECTED [FUNCTION]
  [ "$(value "$1" "$2" "$3" "${5-}")" = "$4" ] ||
    fail "$kernel: $3 of $1 $2 ${5-} is $(value "$1" "$2" "$3" "${5-}"), expected $4"
}
p=$(value fork_flat vmas=0 slab_anon_vma)
[ "${p:-0}" -gt 0 ] || fail "$kernel: no anon_vma of fork_flat vmas=0"
for f in 1 4 16 64 256; do
  is fork_flat "vmas=$f" vmas $((2 * f))
  is fork_flat "vmas=$f" slab_anon_vma $((p + 2 * f))
  is fork_flat "vmas=$f" slab_anon_vma_chain $((2 * p + 3 * f))
  is fork_flat "vmas=$f" alloc_anon_vma $((p + f)) anon_vma_fork
  is fork_flat "vmas=$f" alloc_anon_vma $((p + f))
  is fork_flat "vmas=$f" alloc_anon_vma_chain $((p + f)) anon_vma_clone
  is fork_flat "vmas=$f" alloc_anon_vma_chain $((p + f)) anon_vma_fork
  is fork_flat "vmas=$f" alloc_anon_vma_chain $((2 * (p + f)))
  is fork_flat "vmas=$f" free_anon_vma $((p + f))
  is fork_flat "vmas=$f" free_anon_vma_chain $((2 * (p + f)))
done
for f in 16 64 256; do
  is fork_skip "vmas=$f;kind=unfaulted" slab_anon_vma "$p"
  is fork_skip "vmas=$f;kind=shared" slab_anon_vma_chain $((2 * p))
  is fork_skip "vmas=$f;kind=dontfork" vmas "$f"
  is fork_skip "vmas=$f;kind=wipeonfork" slab_anon_vma $((p + f))
done
for d in 1 2 4 8 16; do
  v=$((p + 10))
  is fork_chain_alive "depth=$d;vmas=10" slab_anon_vma $((v * d + 10))
  is fork_chain_alive "depth=$d;vmas=10" slab_anon_vma_chain $((v * (d * (d + 1) / 2 + d) + 10))
  is fork_chain_alive "depth=$d;vmas=10" alloc_anon_vma $((v * d))
  is fork_chain_alive "depth=$d;vmas=10" alloc_anon_vma_chain $((v * (d * (d + 1) / 2 + d)))
  is fork_chain_alive "depth=$d;vmas=10" free_anon_vma $((v * d))
  is fork_chain_alive "depth=$d;vmas=10" free_anon_vma_chain $((v * (d * (d + 1) / 2 + d)))
done
reuse=
for d in 2 4 8 16 32; do  # reuse: two generations of anon_vmas, however long the chain
  is fork_chain_exit "depth=$d;vmas=10" slab_anon_vma $((2 * (p + 10) + 10))
  # Before 7.0 nothing is allocated where an anon_vma is reused; since then one is, and
  # freed at once ("mm: clean up anon_vma implementation", patch 2).
  v=$((p + 10))
  case $(value fork_chain_exit "depth=$d;vmas=10" alloc_anon_vma) in
    $((2 * v))) [ "$d" = 2 ] || reuse="$reuse none" ;;
    $((d * v))) reuse="$reuse freed" ;;
    *) fail "$kernel: fork_chain_exit depth=$d allocates other than $((2 * v)) or $((d * v))" ;;
  esac
done
case $reuse in
  ' none none none none' | ' freed freed freed freed') ;;
  *) fail "$kernel: reuse allocates sometimes:$reuse" ;;
esac
for k in 10 100 1000; do
  is split_faulted "splits=$k" vmas $((2 * k))
  is split_faulted "splits=$k" slab_anon_vma_chain $((2 * k))
  is split_faulted "splits=$k" slab_anon_vma 1
  is split_faulted "splits=$k" alloc_anon_vma_chain $((2 * k - 1)) anon_vma_clone
  is split_faulted "splits=$k" alloc_anon_vma 0
  is remerge "splits=$k" free_anon_vma_chain $((2 * k - 1)) unlink_anon_vmas
  is remerge "splits=$k" vmas 1
  is remerge "splits=$k" slab_anon_vma_chain 1
  is mremap_scramble "moves=$k;order=reversed;way=plain" vmas "$k"
  is mremap_scramble "moves=$k;order=reversed;way=plain" slab_anon_vma_chain "$k"
done
# The forest, read by BPF from the structures, holds what the events say was allocated
# and not freed: in every case, whatever its workload does.
awk -F, -v kernel="$kernel" '
  $8 ~ /^(forest_avcs|forest_anon_vmas|live_anon_vma|live_anon_vma_chain)$/ {
    if ($11 == "skip") next  # what a kernel lacks, or more events than fit: the row says so
    if ($11 != "ok") { print kernel ": " $4 " " $6 " " $8 ": " $12; bad = 1; next }
    value[$4 " " $6, $8, $14] = $10; cases[$4 " " $6]
  }
  END {
    for (c in cases) {
      if (!((c, "live_anon_vma", "") in value && (c, "forest_avcs", "") in value)) continue
      n++
      if (value[c, "forest_avcs", ""] != value[c, "forest_avcs", "before the workload"] + \
          value[c, "live_anon_vma_chain", ""]) { print kernel ": " c ": AVCs of forest and events"; bad = 1 }
      if (value[c, "forest_anon_vmas", ""] != value[c, "forest_anon_vmas", "before the workload"] + \
          value[c, "live_anon_vma", ""]) { print kernel ": " c ": anon_vmas of forest and events"; bad = 1 }
    }
    exit bad || n < 120
  }' "$work/out" >"$work/forest" || fail "$(head -3 "$work/forest")"
is teardown 'vmas=256;way=munmap;siblings=0' slab_anon_vma 0
is teardown 'vmas=256;way=munmap;siblings=0' slab_anon_vma_chain 0

# What every workload of tests/lab/counts/*.csv is to count, in bash arithmetic; the reason
# stands beside it where kernels differ.
checked=0
set -f  # a "*" of the table is no file name
while IFS=, read -r workload arguments metric function expected kernels; do
  case $workload in '#'* | workload | '') continue ;; esac
  matches=
  for pattern in $kernels; do
    # shellcheck disable=SC2254  # a pattern
    case ${kernel#debian:} in $pattern) matches=1 ;; esac
  done
  [ -n "$matches" ] || continue
  is "$workload" "$arguments" "$metric" $((expected)) "$function"
  checked=$((checked + 1))
done < <(set +f; cat "$(dirname "$0")"/counts/*.csv)
[ "$checked" -gt 0 ] || fail "no line of tests/lab/counts is for $kernel"
