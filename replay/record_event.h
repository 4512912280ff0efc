/* SPDX-License-Identifier: GPL-2.0-only */
/* What replay/record.bpf.c writes into its ring buffer and replay/assemble.cpp reads, and the
 * two structures through which replay/recorder.cpp steers it. Native byte order; nothing of
 * this is stored. Kernel addresses do not appear. */
#pragma once

enum {
  /* enum kind of a record, its first field */
  kRecordFault = 1,
  kRecordCall = 2,
  kRecordRange = 3, /* one range of a process_madvise; stands before its kRecordCall */
  kRecordFork = 4,
  kRecordExec = 5,
  kRecordVma = 6, /* after kRecordExec, or of a snapshot */
  kRecordExit = 7,
  kRecordFile = 8,  /* the name of a file, when names are wanted */
  kRecordStart = 9, /* not the program's: a thread that was there when the recorder attached */

  kFaultWrite = 2, /* bits of the error code of x86 (asm/trap_pf.h) */
  kFaultFetch = 16,

  kVmaHasFile = 1,
  kVmaIsSpecial = 2,
  kVmaHasAnon = 4,

  kObjectKinds = 3, /* vm_area_struct, anon_vma, anon_vma_chain: in the trace's order */
  kObjectRanges = 8,
  kRangeBound = 64,
  /* What is counted and not recorded: RecordState::seen, names in replay/recorder.cpp. */
  kSeenMbind = 0,
  kSeenMseal,
  kSeenRemapFilePages,
  kSeenIoSetup,
  kSeenIoUring,
  kSeenUserfaultfd,
  kSeenDirectFiles,
  kSeenFailedForks,
  kSeenFailedExecs,
  kSeenLimits,
  kSeenPersonality,
  kSeenShadowStack,
  kSeenMovedPages,
  kSeenForeignWrites,
  kSeenSetMm,
  kSeenHighFaults,
  kSeenForeignThreads,
  kSeenKinds,

  kNameParts = 12,
  kNamePartBytes = 64,
};

/* The records are padded by hand: no byte of them is undefined. `thread` and `process` are
 * numbers of the recorder's own, never pids: a pid may come again during a recording. */
struct RecordHead {
  unsigned int kind;
  unsigned int thread;
  unsigned long long time_ns; /* CLOCK_MONOTONIC */
};

struct FaultRecord {
  struct RecordHead head;
  unsigned int process;
  unsigned int code; /* kFaultWrite, kFaultFetch */
  unsigned long long address;
};

struct CallRecord {
  struct RecordHead head;
  unsigned int process;
  unsigned int number;         /* of the syscall, x86-64 */
  unsigned long long enter_ns; /* 0 where it is not asked for */
  unsigned long long arguments[6];
  long long result;
  int vmas;            /* mm->map_count; -1: no mm */
  unsigned int device; /* of the file mapped; with inode 0: none */
  unsigned long long inode;
  unsigned long long extra[2]; /* see the program: by number */
};

struct RangeRecord {
  struct RecordHead head;
  unsigned int process;
  unsigned int pad;
  unsigned long long address;
  unsigned long long length;
};

struct ForkRecord {
  struct RecordHead head; /* the thread that forked */
  unsigned int process;
  unsigned int child_thread;
  unsigned int child_process; /* the same as `process`: a thread */
  unsigned int shares_mm;
  int pid; /* of the child as its parent sees it, for wait4() */
  int vmas;
};

struct ExecRecord {
  struct RecordHead head;
  unsigned int process;
  int vmas;
  unsigned long long objects[kObjectKinds]; /* allocated by this thread before the call */
};

struct VmaRecord {
  struct RecordHead head;
  unsigned int process;
  unsigned int has; /* kVmaHasFile ... */
  unsigned long long start;
  unsigned long long end;
  unsigned long long flags; /* vm_flags */
  unsigned long long pgoff; /* pages */
  unsigned long long inode;
  unsigned int device;
  unsigned int pad;
};

struct ExitRecord {
  struct RecordHead head;
  unsigned int process;
  int vmas;
  unsigned long long objects[kObjectKinds];
};

struct StartRecord {
  struct RecordHead head;
  unsigned int process;
  int pid; /* for wait4(); of its first thread */
};

struct FileRecord {
  struct RecordHead head;
  unsigned int device;
  unsigned int parts; /* in use: the file's own name first, then its folder's ... */
  unsigned long long inode;
  char part[kNameParts][kNamePartBytes];
};

/* Set before the program is loaded. */
struct RecordConfig {
  unsigned int names;
  unsigned int object_bytes[kObjectKinds];
  struct {
    unsigned long long begin; /* a return address r is in it when begin < r <= end */
    unsigned long long end;
    unsigned int is_vma; /* else it allocates anon_vmas and AVCs */
    unsigned int pad;
  } range[kObjectRanges];
};

/* Shared while it runs. */
struct RecordState {
  unsigned int threads; /* numbers given so far */
  unsigned int processes;
  unsigned int live; /* threads that are followed and have not ended */
  unsigned int pad;
  unsigned long long lost;       /* records that did not fit */
  unsigned long long unfollowed; /* threads that could not be followed */
  unsigned long long foreign;    /* memory calls of 32-bit programs */
  unsigned long long seen[kSeenKinds];
};

/* What the program keeps for each thread (task storage). */
struct ThreadState {
  unsigned int thread;
  unsigned int process;
  /* 1: the recorder itself, of which only a child is followed. 2: that child before its
   * first exec, of which nothing is recorded. 0: all others. */
  unsigned int launch;
  unsigned int in_exec;
  unsigned int foreign; /* it has made 32-bit calls */
  unsigned int pad;
  unsigned long long enter_ns;
  unsigned long long enter_value;
  unsigned long long objects[kObjectKinds];
  unsigned long long before_exec[kObjectKinds];
};
