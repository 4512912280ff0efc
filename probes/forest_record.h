/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/forest.bpf.c writes and probes/forest_decode.cpp reads: a ForestVmaRecord for
 * each VMA, then a ForestAvcRecord for each entry of its anon_vma_chain, in list order.
 * Native byte order; pointers are kernel addresses and go no further than the decoder. */
#pragma once

enum {
  kForestVma = 1,
  kForestAvc = 2,
  kForestTruncated = 3, /* in the place of the AVCs beyond kForestChainBound */

  kForestAnon = 0,    /* no vm_ops: vma_is_anonymous() of the kernel */
  kForestFile = 1,    /* vm_file: also shared memory */
  kForestSpecial = 2, /* vm_ops alone: [vdso], [vvar] */

  kForestHasNumChildren = 1,
  kForestHasNumActiveVmas = 2,
  kForestHasRefcount = 4,

  /* All records of a VMA must fit in the iterator's buffer of 8 pages, for the kernel
   * writes a VMA whole or not at all (kernel/bpf/bpf_iter.c, bpf_seq_read()). */
  kForestChainBound = 500,
};

struct ForestVmaRecord {
  unsigned int kind; /* kForestVma */
  unsigned int mapping;
  unsigned long long start;
  unsigned long long end;
  unsigned long long flags; /* vm_flags */
  unsigned long long pgoff;
  unsigned long long anon_vma; /* 0: none */
  unsigned long long thread;   /* through which the kernel found it */
};

/* Also the truncation mark, with nothing but `kind` set. */
struct ForestAvcRecord {
  unsigned int kind; /* kForestAvc, kForestTruncated */
  unsigned int has;  /* which of the three figures this kernel's anon_vma has */
  unsigned long long anon_vma;
  unsigned long long root;
  unsigned long long parent;
  unsigned long long num_children;
  unsigned long long num_active_vmas;
  unsigned long long refcount;
};
