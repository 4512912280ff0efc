#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# VMA and object counts obey the arithmetic of fork, split and move (kernel by kernel
# the same): P is what the measuring process itself has faulted.
. "$(dirname "$0")/../lib.sh"
for kernel in debian:6.12 debian:6.19 debian:7.0; do
  need_kernel "$kernel"
  run "$RMAPLAB" lab run "$kernel" -- run
  expect_status 0
  value() { awk -F, -v w="$1" -v a="$2" -v m="$3" '$4==w && $6==a && $8==m {print $10}' "$work/out"; }
  is() {
    [ "$(value "$1" "$2" "$3")" = "$4" ] ||
      fail "$kernel: $3 of $1 $2 is $(value "$1" "$2" "$3"), expected $4"
  }
  p=$(value fork_flat vmas=0 slab_anon_vma)
  [ "${p:-0}" -gt 0 ] || fail "$kernel: no anon_vma of fork_flat vmas=0"
  for f in 1 4 16 64 256; do
    is fork_flat "vmas=$f" vmas $((2 * f))
    is fork_flat "vmas=$f" slab_anon_vma $((p + 2 * f))
    is fork_flat "vmas=$f" slab_anon_vma_chain $((2 * p + 3 * f))
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
  done
  for d in 2 4 8 16 32; do  # reuse: two generations of anon_vmas, however long the chain
    is fork_chain_exit "depth=$d;vmas=10" slab_anon_vma $((2 * (p + 10) + 10))
  done
  for k in 10 100 1000; do
    is split_faulted "splits=$k" vmas $((2 * k))
    is split_faulted "splits=$k" slab_anon_vma_chain $((2 * k))
    is split_faulted "splits=$k" slab_anon_vma 1
    is remerge "splits=$k" vmas 1
    is remerge "splits=$k" slab_anon_vma_chain 1
    is mremap_scramble "moves=$k" vmas "$k"
    is mremap_scramble "moves=$k" slab_anon_vma_chain "$k"
  done
  is teardown 'vmas=256;way=munmap;siblings=0' slab_anon_vma 0
  is teardown 'vmas=256;way=munmap;siblings=0' slab_anon_vma_chain 0
  is null '' instructions "$(value null '' instructions_mean)"
done
