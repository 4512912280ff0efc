// SPDX-License-Identifier: GPL-2.0-only
// Runs for each VMA of a process (kernel: kernel/bpf/task_iter.c, "task_vma"), with its
// mmap_lock held for reading, and writes the records of probes/forest_record.h.
//
// It keeps no state between VMAs, and must not: where the buffer is full the kernel drops
// what was written for a VMA and runs the program for it again.
//
// Only the fields named here are asked of the kernel's BTF, so no generated header is
// needed. `struct anon_vma` of before Linux commit 2555283eb40d ("mm/rmap: Fix anon_vma->degree
// ambiguity leading to double-reuse") has neither num_children nor num_active_vmas.

#include "base/bpf_types.h"  // before the headers of libbpf, which use them

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "probes/forest_record.h"

struct seq_file;
struct file;
struct vm_operations_struct;

struct list_head {
  struct list_head* next;
} KERNEL_STRUCT;

typedef struct {
  int counter;
} KERNEL_STRUCT atomic_t;

struct anon_vma {
  struct anon_vma* root;
  struct anon_vma* parent;
  atomic_t refcount;
  unsigned long num_children;
  unsigned long num_active_vmas;
} KERNEL_STRUCT;

struct anon_vma_chain {
  struct anon_vma* anon_vma;
  struct list_head same_vma;
} KERNEL_STRUCT;

struct vm_area_struct {
  unsigned long vm_start;
  unsigned long vm_end;
  unsigned long vm_flags;
  unsigned long vm_pgoff;
  struct list_head anon_vma_chain;
  struct anon_vma* anon_vma;
  const struct vm_operations_struct* vm_ops;
  struct file* vm_file;
} KERNEL_STRUCT;

struct task_struct {
  int pid;
} KERNEL_STRUCT;

struct bpf_iter_meta {
  struct seq_file* seq;
} KERNEL_STRUCT;

struct bpf_iter__task_vma {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
  struct vm_area_struct* vma;
} KERNEL_STRUCT;

static __always_inline void describe(struct anon_vma* anon_vma, struct ForestAvcRecord* record)
{
  record->anon_vma = (__u64)anon_vma;
  record->root = (__u64)BPF_CORE_READ(anon_vma, root);
  record->parent = (__u64)BPF_CORE_READ(anon_vma, parent);
  if (bpf_core_field_exists(anon_vma->num_children)) {
    record->num_children = BPF_CORE_READ(anon_vma, num_children);
    record->has |= kForestHasNumChildren;
  }
  if (bpf_core_field_exists(anon_vma->num_active_vmas)) {
    record->num_active_vmas = BPF_CORE_READ(anon_vma, num_active_vmas);
    record->has |= kForestHasNumActiveVmas;
  }
  if (bpf_core_field_exists(anon_vma->refcount.counter)) {
    record->refcount = (__u32)BPF_CORE_READ(anon_vma, refcount.counter);
    record->has |= kForestHasRefcount;
  }
}

SEC("iter/task_vma")
int forest_vma(struct bpf_iter__task_vma* ctx)
{
  struct seq_file* seq = ctx->meta->seq;
  struct task_struct* task = ctx->task;
  struct vm_area_struct* vma = ctx->vma;
  if (!task || !vma)  // the call after the last VMA
    return 0;

  struct ForestVmaRecord about = {
      .kind = kForestVma,
      .mapping = vma->vm_file ? kForestFile : vma->vm_ops ? kForestSpecial : kForestAnon,
      .start = vma->vm_start,
      .end = vma->vm_end,
      .flags = vma->vm_flags,
      .pgoff = vma->vm_pgoff,
      .anon_vma = (__u64)vma->anon_vma,
      .thread = task->pid,
  };
  bpf_seq_write(seq, &about, sizeof about);

  struct list_head* head = &vma->anon_vma_chain;
  struct list_head* node = BPF_CORE_READ(head, next);
  for (int i = 0; i < kForestChainBound && node != head; ++i) {
    struct anon_vma_chain* avc =
        (void*)node - bpf_core_field_offset(((struct anon_vma_chain*)0)->same_vma);
    struct ForestAvcRecord record = {.kind = kForestAvc};
    describe(BPF_CORE_READ(avc, anon_vma), &record);
    bpf_seq_write(seq, &record, sizeof record);
    node = BPF_CORE_READ(node, next);
  }
  if (node != head) {
    struct ForestAvcRecord more = {.kind = kForestTruncated};
    bpf_seq_write(seq, &more, sizeof more);
  }
  return 0;
}

char program_license[] SEC("license") = "GPL";
