// SPDX-License-Identifier: GPL-2.0-only
// Records what a process tree does with its address spaces: replay/record_event.h says how.
//
// Which threads are followed is in task storage, which a thread not followed is found not to
// have by one pointer that is null, and which follows a task_struct where pids do not (exec by
// a thread that is not the first takes over the first one's pid).
//
// Only the fields named here are asked of the kernel's BTF.

#include "base/bpf_types.h"  // before the headers of libbpf, which use them

typedef _Bool bool;

enum { BPF_MAP_TYPE_RINGBUF = 27, BPF_MAP_TYPE_TASK_STORAGE = 29, BPF_MAP_TYPE_HASH = 1 };
enum { BPF_F_NO_PREALLOC = 1, BPF_RB_NO_WAKEUP = 1, BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "replay/record_event.h"

// Of BPF_PROG, which names the context.
#pragma clang diagnostic ignored "-Wunused-parameter"

struct qstr {
  const unsigned char* name;
} KERNEL_STRUCT;

struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
} KERNEL_STRUCT;

struct path {
  struct dentry* dentry;
} KERNEL_STRUCT;

struct super_block {
  unsigned int s_dev;
} KERNEL_STRUCT;

struct inode {
  struct super_block* i_sb;
  unsigned long i_ino;
  void* i_private;
} KERNEL_STRUCT;

struct file {
  struct inode* f_inode;
  struct path f_path;
  void* private_data;
} KERNEL_STRUCT;

struct fdtable {
  unsigned int max_fds;
  struct file** fd;
} KERNEL_STRUCT;

struct files_struct {
  struct fdtable* fdt;
} KERNEL_STRUCT;

struct vm_area_struct {
  unsigned long vm_start;
  unsigned long vm_end;
  unsigned long vm_flags;
  unsigned long vm_pgoff;
  void* anon_vma;
  const void* vm_ops;
  struct file* vm_file;
} KERNEL_STRUCT;

struct mm_struct {
  int map_count;
} KERNEL_STRUCT;

struct upid {
  int nr;
} KERNEL_STRUCT;

struct pid {
  unsigned int level;
  struct upid numbers[1];
} KERNEL_STRUCT;

struct signal_struct {
  struct pid* pids[4];
} KERNEL_STRUCT;

struct thread_info {
  __u32 status;
} KERNEL_STRUCT;

struct task_struct {
  struct thread_info thread_info;
  struct mm_struct* mm;
  int pid;
  int tgid;
  struct task_struct* group_leader;
  struct pid* thread_pid;
  struct files_struct* files;
  struct signal_struct* signal;
} KERNEL_STRUCT;

struct kmem_cache {
  unsigned int object_size;
} KERNEL_STRUCT;

// x86-64
struct pt_regs {
  unsigned long r10;
  unsigned long r9;
  unsigned long r8;
  unsigned long ax;
  unsigned long dx;
  unsigned long si;
  unsigned long di;
  unsigned long orig_ax;
} KERNEL_STRUCT;

struct bpf_iter_meta {
  struct seq_file* seq;
} KERNEL_STRUCT;

struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
} KERNEL_STRUCT;

// Open-coded iterator over VMAs: Linux 6.7, commit 4ac454682158 ("bpf: Introduce task_vma
// open-coded iterator kfuncs").
struct bpf_iter_task_vma {
  __u64 __opaque[1];
} __attribute__((aligned(8)));
extern int bpf_iter_task_vma_new(struct bpf_iter_task_vma* it, struct task_struct* task,
                                 __u64 addr) __ksym;
extern struct vm_area_struct* bpf_iter_task_vma_next(struct bpf_iter_task_vma* it) __ksym;
extern void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma* it) __ksym;

enum {
  kVmSpecial = 0x400 | 0x10000000,  // VM_PFNMAP, VM_MIXEDMAP
  kCompatTask = 2,                  // TS_COMPAT
  kPidTgid = 1,                     // PIDTYPE_TGID

  // x86-64 syscall numbers (arch/x86/entry/syscalls/syscall_64.tbl)
  kSysMmap = 9,
  kSysMprotect = 10,
  kSysMunmap = 11,
  kSysBrk = 12,
  kSysIoctl = 16,
  kSysMremap = 25,
  kSysMadvise = 28,
  kSysShmat = 30,
  kSysExecve = 59,
  kSysWait4 = 61,
  kSysShmdt = 67,
  kSysMlock = 149,
  kSysMunlock = 150,
  kSysMlockall = 151,
  kSysMunlockall = 152,
  kSysPrctl = 157,
  kSysWaitid = 247,
  kSysExecveat = 322,
  kSysMlock2 = 325,
  kSysPkeyMprotect = 329,
  kSysProcessMadvise = 440,

  // Not recorded, but counted.
  kSysOpen = 2,
  kSysClone = 56,
  kSysFork = 57,
  kSysVfork = 58,
  kSysFcntl = 72,
  kSysPtrace = 101,
  kSysPersonality = 135,
  kSysSetrlimit = 160,
  kSysIoSetup = 206,
  kSysRemapFilePages = 216,
  kSysMbind = 237,
  kSysMigratePages = 256,
  kSysOpenat = 257,
  kSysMovePages = 279,
  kSysPrlimit64 = 302,
  kSysProcessVmWritev = 311,
  kSysUserfaultfd = 323,
  kSysIoUringSetup = 425,
  kSysClone3 = 435,
  kSysOpenat2 = 437,
  kSysMapShadowStack = 453,
  kSysMseal = 462,
  kODirect = 0x4000,
  kFSetFl = 4,
  kPtracePokeText = 4,
  kPtracePokeData = 5,
  kPrSetMm = 35,

  kPrSetThpDisable = 41,
  kPrSetMemoryMerge = 67,
  kPrSetVma = 0x53564d41,
  kMapShared = 1,  // also in MAP_SHARED_VALIDATE
  kMapAnonymous = 0x20,
  kWaitNoWait = 0x01000000,
};
#define kUffdioMove 0xC028AA05u  // _IOWR(0xAA, 5, struct uffdio_move)
#define kPidfdSelf -10000        // PIDFD_SELF_THREAD, and PIDFD_SELF_THREAD_GROUP:
#define kPidfdSelfGroup -20000   // include/uapi/linux/pidfd.h

const volatile struct RecordConfig config SEC(".rodata.config") = {};
struct RecordState state SEC(".data.state") = {};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 64 << 20);  // the recorder sets it
} ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct ThreadState);
} followed SEC(".maps");

struct FileKey {
  __u64 inode;
  __u32 device;
  __u32 pad;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct FileKey);
  __type(value, __u32);
} named SEC(".maps");

static __always_inline struct ThreadState* state_of(struct task_struct* task)
{
  return bpf_task_storage_get(&followed, task, 0, 0);
}

// No wake-up of the reader, which looks by itself: a wake-up is an interrupt a record.
#define reserve(type)                                                  \
  ({                                                                   \
    struct type* reserved_ = bpf_ringbuf_reserve(&ring, sizeof(struct type), 0); \
    if (!reserved_)                                                    \
      __sync_fetch_and_add(&state.lost, 1);                            \
    reserved_;                                                         \
  })
#define submit(record) bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP)

static __always_inline void fill_head(struct RecordHead* head, __u32 kind,
                                      const struct ThreadState* of, __u64 time_ns)
{
  head->kind = kind;
  head->thread = of->thread;
  head->time_ns = time_ns;
}

static __always_inline int map_count(struct task_struct* task)
{
  struct mm_struct* mm = task->mm;
  return mm ? mm->map_count : -1;
}

// Once a file, when names are wanted.
static __noinline int name_file(struct file* file, __u32 thread)
{
  if (!config.names || !file)
    return 0;
  struct FileKey key = {.inode = BPF_CORE_READ(file, f_inode, i_ino),
                        .device = BPF_CORE_READ(file, f_inode, i_sb, s_dev)};
  __u32 one = 1;
  if (bpf_map_update_elem(&named, &key, &one, 1 /* BPF_NOEXIST */) != 0)
    return 0;
  struct FileRecord* record = reserve(FileRecord);
  if (!record)
    return 0;
  record->head.kind = kRecordFile;
  record->head.thread = thread;
  record->head.time_ns = bpf_ktime_get_ns();
  record->inode = key.inode;
  record->device = key.device;
  record->parts = 0;
  struct dentry* dentry = BPF_CORE_READ(file, f_path.dentry);
#pragma unroll
  for (int i = 0; i < kNameParts; ++i) {
    struct dentry* parent = BPF_CORE_READ(dentry, d_parent);
    if (i == 0 || (record->parts == (__u32)i && parent != dentry)) {
      bpf_probe_read_kernel_str(record->part[i], kNamePartBytes, BPF_CORE_READ(dentry, d_name.name));
      record->parts = i + 1;
    } else {
      record->part[i][0] = 0;
    }
    dentry = parent;
  }
  submit(record);
  return 0;
}

// Which file is mapped at an address.
struct FoundVma {
  __u64 start;
  __u64 end;
  __u64 flags;
  __u64 inode;
  __u32 device;
  __u32 thread;
};

static long look_at_vma(struct task_struct* task, struct vm_area_struct* vma, struct FoundVma* found)
{
  found->start = vma->vm_start;
  found->end = vma->vm_end;
  found->flags = vma->vm_flags;
  struct file* file = vma->vm_file;
  if (file) {
    found->inode = BPF_CORE_READ(file, f_inode, i_ino);
    found->device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
    name_file(file, found->thread);
  }
  return 0;
}

// Where the mmap_lock is taken by another thread bpf_find_vma() gives up with EBUSY.
static __always_inline struct file* file_of_fd(struct task_struct* task, int fd)
{
  struct fdtable* table = BPF_CORE_READ(task, files, fdt);
  if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
    return 0;
  struct file** slot = BPF_CORE_READ(table, fd) + fd;
  struct file* file = 0;
  bpf_probe_read_kernel(&file, sizeof file, slot);
  return file;
}

static __always_inline void identify(struct task_struct* task, struct CallRecord* record,
                                     struct FoundVma* found)
{
  if (bpf_find_vma(task, (__u64)record->result, look_at_vma, found, 0) == 0) {
    record->inode = found->inode;
    record->device = found->device;
    return;
  }
  struct file* file = file_of_fd(task, (int)record->arguments[4]);
  if (file && !(record->arguments[3] & kMapAnonymous)) {
    record->inode = BPF_CORE_READ(file, f_inode, i_ino);
    record->device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
    name_file(file, found->thread);
  }
}

// Whether a pidfd is the caller's own process: it holds the struct pid, in its inode since
// Linux 6.9 (commit cb12fd8e0dab, "pidfd: add pidfs"), in private_data before.
static __always_inline bool is_self(struct task_struct* task, int pidfd)
{
  if (pidfd == kPidfdSelf || pidfd == kPidfdSelfGroup)
    return 1;
  struct file* file = file_of_fd(task, pidfd);
  void* own = BPF_CORE_READ(task, signal, pids[kPidTgid]);
  return file && (BPF_CORE_READ(file, private_data) == own ||
                  BPF_CORE_READ(file, f_inode, i_private) == own);
}

struct UserRange {
  __u64 base;
  __u64 length;
};

static __always_inline bool record_ranges(const struct ThreadState* of, __u64 vector, __u64 count,
                                          __u64 now)
{
  for (__u32 i = 0; i < kRangeBound && i < count; ++i) {
    struct UserRange range;
    if (bpf_probe_read_user(&range, sizeof range, (void*)(vector + i * sizeof range)))
      return 0;
    struct RangeRecord* record = reserve(RangeRecord);
    if (!record)
      return 0;
    fill_head(&record->head, kRecordRange, of, now);
    record->process = of->process;
    record->pad = 0;
    record->address = range.base;
    record->length = range.length;
    submit(record);
  }
  return 1;
}

// For system calls whose beginning matters.
SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter, struct pt_regs* regs, long number)
{
  if (number != kSysMunmap && number != kSysExecve && number != kSysExecveat &&
      number != kSysShmdt)
    return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  struct ThreadState* of = state_of(task);
  if (!of || of->launch)
    return 0;
  if (number == kSysExecve || number == kSysExecveat) {
    of->in_exec = 1;
    for (int i = 0; i < kObjectKinds; ++i)
      of->before_exec[i] = of->objects[i];
    return 0;
  }
  of->enter_ns = bpf_ktime_get_ns();
  if (number == kSysShmdt) {
    struct FoundVma found = {};
    if (bpf_find_vma(task, regs->di, look_at_vma, &found, 0) == 0)
      of->enter_value = found.end - found.start;
    else
      of->enter_value = 0;
  }
  return 0;
}

static __always_inline bool is_recorded(__u64 number)
{
  switch (number) {
    case kSysMmap:
    case kSysMprotect:
    case kSysMunmap:
    case kSysBrk:
    case kSysIoctl:
    case kSysMremap:
    case kSysMadvise:
    case kSysShmat:
    case kSysExecve:
    case kSysWait4:
    case kSysShmdt:
    case kSysMlock:
    case kSysMunlock:
    case kSysMlockall:
    case kSysMunlockall:
    case kSysPrctl:
    case kSysWaitid:
    case kSysExecveat:
    case kSysMlock2:
    case kSysPkeyMprotect:
    case kSysProcessMadvise:
      return 1;
    default:
      return 0;
  }
}

static __always_inline void see(__u32 kind)
{
  __sync_fetch_and_add(&state.seen[kind], 1);
}

static __always_inline bool is_counted(__u64 number)
{
  switch (number) {
    case kSysOpen:
    case kSysClone:
    case kSysFork:
    case kSysVfork:
    case kSysFcntl:
    case kSysPtrace:
    case kSysPersonality:
    case kSysSetrlimit:
    case kSysIoSetup:
    case kSysRemapFilePages:
    case kSysMbind:
    case kSysMigratePages:
    case kSysOpenat:
    case kSysMovePages:
    case kSysPrlimit64:
    case kSysProcessVmWritev:
    case kSysUserfaultfd:
    case kSysIoUringSetup:
    case kSysClone3:
    case kSysOpenat2:
    case kSysMapShadowStack:
    case kSysMseal:
      return 1;
    default:
      return 0;
  }
}

static __always_inline void count_call(__u64 number, struct pt_regs* regs, long result)
{
  switch (number) {
    case kSysClone:
    case kSysFork:
    case kSysVfork:
    case kSysClone3:
      if (result < 0)
        see(kSeenFailedForks);
      return;
  }
  if (result < 0)
    return;
  switch (number) {
    case kSysOpen:
      if (regs->si & kODirect)
        see(kSeenDirectFiles);
      return;
    case kSysOpenat:
      if (regs->dx & kODirect)
        see(kSeenDirectFiles);
      return;
    case kSysOpenat2: {
      __u64 flags = 0;  // of struct open_how
      if (!bpf_probe_read_user(&flags, sizeof flags, (void*)regs->dx) && (flags & kODirect))
        see(kSeenDirectFiles);
      return;
    }
    case kSysFcntl:
      if (regs->si == kFSetFl && (regs->dx & kODirect))
        see(kSeenDirectFiles);
      return;
    case kSysPtrace:
      if (regs->di == kPtracePokeText || regs->di == kPtracePokeData)
        see(kSeenForeignWrites);
      return;
    case kSysProcessVmWritev:
      see(kSeenForeignWrites);
      return;
    case kSysPersonality:
      if ((__u32)regs->di != 0xffffffffu)
        see(kSeenPersonality);
      return;
    case kSysPrlimit64:
      if (regs->dx)
        see(kSeenLimits);
      return;
    case kSysSetrlimit:
      see(kSeenLimits);
      return;
    case kSysIoSetup:
      see(kSeenIoSetup);
      return;
    case kSysRemapFilePages:
      see(kSeenRemapFilePages);
      return;
    case kSysMbind:
      see(kSeenMbind);
      return;
    case kSysMigratePages:
    case kSysMovePages:
      see(kSeenMovedPages);
      return;
    case kSysUserfaultfd:
      see(kSeenUserfaultfd);
      return;
    case kSysIoUringSetup:
      see(kSeenIoUring);
      return;
    case kSysMapShadowStack:
      see(kSeenShadowStack);
      return;
    case kSysMseal:
      see(kSeenMseal);
      return;
  }
}

// A 32-bit program's, or int 0x80 of another's: numbers of arch/x86/entry/syscalls/syscall_32.tbl.
static __always_inline void count_foreign(struct ThreadState* of, __u64 number)
{
  if (!of->foreign) {
    of->foreign = 1;
    see(kSeenForeignThreads);
  }
  switch (number) {
    case 45:   // brk
    case 90:   // mmap
    case 91:   // munmap
    case 117:  // ipc: shmat, shmdt
    case 125:  // mprotect
    case 150:  // mlock, munlock, mlockall, munlockall
    case 151:
    case 152:
    case 153:
    case 163:  // mremap
    case 192:  // mmap2
    case 219:  // madvise
    case 376:  // mlock2
    case 380:  // pkey_mprotect
      __sync_fetch_and_add(&state.foreign, 1);
  }
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_return, struct pt_regs* regs, long result)
{
  // The arguments are still where the program put them, but for execve's.
  const __u64 number = regs->orig_ax;
  struct task_struct* task = bpf_get_current_task_btf();
  const bool foreign = task->thread_info.status & kCompatTask;
  if (!foreign && !is_recorded(number) && !is_counted(number))
    return 0;
  struct ThreadState* of = state_of(task);
  if (!of || of->launch)
    return 0;
  if (foreign) {
    count_foreign(of, number);
    return 0;
  }
  if (!is_recorded(number)) {
    count_call(number, regs, result);
    return 0;
  }
  if (number == kSysExecve || number == kSysExecveat) {
    if (of->in_exec)
      see(kSeenFailedExecs);
    if (of->in_exec)  // it failed, and what it allocated is gone
      for (int i = 0; i < kObjectKinds; ++i)
        of->objects[i] = of->before_exec[i];
    of->in_exec = 0;
    return 0;
  }
  // Interrupted: it will be called again (-ERESTARTSYS ... -ERESTART_RESTARTBLOCK).
  if (result <= -512 && result >= -516)
    return 0;
  const __u64 now = bpf_ktime_get_ns();
  __u64 extra[2] = {0, 0};
  switch (number) {
    case kSysWait4:
      if (result <= 0)
        return 0;
      break;
    case kSysWaitid: {
      int pid = 0;  // si_pid
      if (result != 0 || !regs->dx || (regs->r10 & kWaitNoWait) ||
          bpf_probe_read_user(&pid, sizeof pid, (void*)(regs->dx + 12)) || pid <= 0)
        return 0;
      extra[0] = (__u64)pid;
      break;
    }
    case kSysIoctl: {
      struct {
        __u64 dst, src, len, mode;
        __s64 move;
      } move;
      if ((__u32)regs->si != kUffdioMove ||
          bpf_probe_read_user(&move, sizeof move, (void*)regs->dx))
        return 0;
      struct CallRecord* record = reserve(CallRecord);
      if (!record)
        return 0;
      fill_head(&record->head, kRecordCall, of, now);
      record->process = of->process;
      record->number = number;
      record->enter_ns = 0;
      record->arguments[0] = move.src;
      record->arguments[1] = move.len;
      record->arguments[2] = move.dst;
      record->arguments[3] = move.mode;
      record->arguments[4] = record->arguments[5] = 0;
      record->result = move.move > 0 ? move.move : result;
      record->vmas = map_count(task);
      record->device = 0;
      record->inode = record->extra[0] = record->extra[1] = 0;
      submit(record);
      return 0;
    }
    case kSysPrctl:
      if (regs->di == kPrSetMm && result == 0)
        see(kSeenSetMm);
      if (regs->di != kPrSetVma && regs->di != kPrSetThpDisable && regs->di != kPrSetMemoryMerge)
        return 0;
      break;
    case kSysProcessMadvise:
      if (!is_self(task, (int)regs->di) || !record_ranges(of, regs->si, regs->dx, now))
        return 0;
      break;
    case kSysShmdt:
      extra[0] = of->enter_value;
      break;
  }
  struct CallRecord* record = reserve(CallRecord);
  if (!record)
    return 0;
  fill_head(&record->head, kRecordCall, of, now);
  record->process = of->process;
  record->number = number;
  record->enter_ns = number == kSysMunmap || number == kSysShmdt ? of->enter_ns : 0;
  record->arguments[0] = regs->di;
  record->arguments[1] = regs->si;
  record->arguments[2] = regs->dx;
  record->arguments[3] = regs->r10;
  record->arguments[4] = regs->r8;
  record->arguments[5] = regs->r9;
  record->result = result;
  record->vmas = map_count(task);
  record->device = 0;
  record->inode = 0;
  record->extra[0] = extra[0];
  record->extra[1] = extra[1];
  const bool failed = result < 0 && result >= -4095;
  if (number == kSysShmat && !failed) {
    struct FoundVma found = {.thread = of->thread};
    identify(task, record, &found);
    record->extra[0] = found.end - found.start;
    record->extra[1] = found.flags;
  } else if (number == kSysMmap && !failed &&
             ((regs->r10 & kMapShared) || !(regs->r10 & kMapAnonymous))) {
    struct FoundVma found = {.thread = of->thread};
    identify(task, record, &found);
  }
  submit(record);
  return 0;
}

static __always_inline int on_fault(__u64 address, __u64 code)
{
  if (address >> 63)  // the kernel's own
    return 0;
  struct ThreadState* of = state_of(bpf_get_current_task_btf());
  // During execve() they are of a memory that the program never sees.
  if (!of || of->launch || of->in_exec)
    return 0;
  if (address >> 47) {  // 5-level page tables, for programs that ask for them
    see(kSeenHighFaults);
    return 0;
  }
  struct FaultRecord* record = reserve(FaultRecord);
  if (!record)
    return 0;
  fill_head(&record->head, kRecordFault, of, bpf_ktime_get_ns());
  record->process = of->process;
  record->code = code & (kFaultWrite | kFaultFetch);
  record->address = address;
  submit(record);
  return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(on_fault_user, unsigned long address, struct pt_regs* regs, unsigned long code)
{
  return on_fault(address, code);
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(on_fault_kernel, unsigned long address, struct pt_regs* regs, unsigned long code)
{
  return on_fault(address, code);
}

// The child is not running yet.
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct* parent, struct task_struct* child)
{
  struct ThreadState* of = state_of(parent);
  if (!of || of->launch == 2)
    return 0;
  const bool thread = parent->tgid == child->tgid;
  if (of->launch && (thread || of->thread))
    return 0;
  struct ThreadState* born = bpf_task_storage_get(&followed, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!born) {
    __sync_fetch_and_add(&state.unfollowed, 1);
    return 0;
  }
  born->thread = __sync_fetch_and_add(&state.threads, 1) + 1;
  born->process = thread ? of->process : __sync_fetch_and_add(&state.processes, 1) + 1;
  __sync_fetch_and_add(&state.live, 1);
  if (of->launch) {
    of->thread = born->thread;  // one child only
    born->launch = 2;
    return 0;
  }
  struct ForkRecord* record = reserve(ForkRecord);
  if (!record)
    return 0;
  fill_head(&record->head, kRecordFork, of, bpf_ktime_get_ns());
  record->process = of->process;
  record->child_thread = born->thread;
  record->child_process = born->process;
  record->shares_mm = parent->mm == child->mm;
  record->vmas = map_count(parent);
  struct pid* pid = child->thread_pid;
  // The number in the name space of the parent.
  const __u32 level = BPF_CORE_READ(parent, thread_pid, level);
  int nr = 0;
  bpf_probe_read_kernel(&nr, sizeof nr,
                        (void*)pid + bpf_core_field_offset(pid->numbers) +
                            level * bpf_core_type_size(struct upid) +
                            bpf_core_field_offset(((struct upid*)0)->nr));
  record->pid = nr;
  submit(record);
  return 0;
}

static __always_inline void record_vmas(struct task_struct* task, const struct ThreadState* of,
                                        __u64 now)
{
  struct bpf_iter_task_vma it;
  struct vm_area_struct* vma;
  bpf_iter_task_vma_new(&it, task, 0);
  while ((vma = bpf_iter_task_vma_next(&it))) {
    struct VmaRecord* record = reserve(VmaRecord);
    if (!record)
      continue;
    fill_head(&record->head, kRecordVma, of, now);
    struct file* file = vma->vm_file;
    record->process = of->process;
    record->has = (file ? kVmaHasFile : 0) | (vma->anon_vma ? kVmaHasAnon : 0) |
                  ((!file && vma->vm_ops) || (vma->vm_flags & kVmSpecial) ? kVmaIsSpecial : 0);
    record->start = vma->vm_start;
    record->end = vma->vm_end;
    record->flags = vma->vm_flags;
    record->pgoff = vma->vm_pgoff;
    record->inode = 0;
    record->device = 0;
    record->pad = 0;
    if (file) {
      record->inode = BPF_CORE_READ(file, f_inode, i_ino);
      record->device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
    }
    submit(record);
    name_file(file, of->thread);
  }
  bpf_iter_task_vma_destroy(&it);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct* task)
{
  struct ThreadState* of = state_of(task);
  if (!of || of->launch == 1)
    return 0;
  const __u64 now = bpf_ktime_get_ns();
  of->launch = 0;
  of->in_exec = 0;
  struct ExecRecord* record = reserve(ExecRecord);
  if (record) {
    fill_head(&record->head, kRecordExec, of, now);
    record->process = of->process;
    record->vmas = map_count(task);
    for (int i = 0; i < kObjectKinds; ++i)
      record->objects[i] = of->before_exec[i];
    submit(record);
  }
  for (int i = 0; i < kObjectKinds; ++i)
    of->objects[i] = of->before_exec[i] = 0;
  record_vmas(bpf_get_current_task_btf(), of, now);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task)
{
  struct ThreadState* of = state_of(task);
  if (!of || of->launch == 1)
    return 0;
  __sync_fetch_and_sub(&state.live, 1);
  if (of->launch)
    return 0;
  struct ExitRecord* record = reserve(ExitRecord);
  if (!record)
    return 0;
  fill_head(&record->head, kRecordExit, of, bpf_ktime_get_ns());
  record->process = of->process;
  record->vmas = map_count(task);
  for (int i = 0; i < kObjectKinds; ++i)
    record->objects[i] = of->objects[i];
  submit(record);
  return 0;
}

// Since Linux 6.1 the event has the cache (commit 2c1d697fb8ba, "mm/slab_common: drop
// kmem_alloc & avoid dereferencing fields when not using").
SEC("tp_btf/kmem_cache_alloc")
int BPF_PROG(on_object, unsigned long call_site, const void* object, struct kmem_cache* cache)
{
  const __u32 bytes = cache->object_size;
  int kind = -1;
#pragma unroll
  for (int i = 0; i < kObjectKinds; ++i)
    if (bytes == config.object_bytes[i])
      kind = i;
  if (kind < 0)
    return 0;
  bool known = 0;
#pragma unroll
  for (__u32 i = 0; i < kObjectRanges; ++i)  // those not in use are empty
    if (call_site > config.range[i].begin && call_site <= config.range[i].end)
      known |= config.range[i].is_vma == (kind == 0);
  if (!known)
    return 0;
  struct ThreadState* of = state_of(bpf_get_current_task_btf());
  if (of && !of->launch)
    ++of->objects[kind];
  return 0;
}

// A recording that attaches: the VMAs of each process that is followed already.
SEC("iter/task")
int snapshot(struct bpf_iter__task* ctx)
{
  struct task_struct* task = ctx->task;
  if (!task || task->pid != task->tgid)
    return 0;
  struct ThreadState* of = state_of(task);
  if (of && !of->launch)
    record_vmas(task, of, bpf_ktime_get_ns());
  return 0;
}

char program_license[] SEC("license") = "GPL";
