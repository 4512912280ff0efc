// SPDX-License-Identifier: GPL-2.0-only
#include "replay/assemble.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "replay/record_event.h"

namespace rmaplab
{

namespace
{

// Of vm_flags (include/linux/mm.h)
constexpr std::uint64_t kVmShared = 0x8;
constexpr std::uint64_t kVmGrowsDown = 0x100;
constexpr std::uint64_t kVmLocked = 0x2000;
constexpr std::uint64_t kVmNoReserve = 0x200000;
constexpr std::uint64_t kVmHugetlb = 0x400000;

// x86-64's, whatever this program is compiled for.
enum Call : unsigned {
  kMmap = 9,
  kMprotect = 10,
  kMunmap = 11,
  kBrk = 12,
  kIoctl = 16,
  kMremap = 25,
  kMadvise = 28,
  kShmat = 30,
  kWait4 = 61,
  kShmdt = 67,
  kMlock = 149,
  kMunlock = 150,
  kMlockall = 151,
  kMunlockall = 152,
  kPrctl = 157,
  kWaitid = 247,
  kMlock2 = 325,
  kPkeyMprotect = 329,
  kProcessMadvise = 440,
};

std::size_t size_of(unsigned kind)
{
  switch (kind) {
    case kRecordFault:
      return sizeof(FaultRecord);
    case kRecordCall:
      return sizeof(CallRecord);
    case kRecordRange:
      return sizeof(RangeRecord);
    case kRecordFork:
      return sizeof(ForkRecord);
    case kRecordExec:
      return sizeof(ExecRecord);
    case kRecordVma:
      return sizeof(VmaRecord);
    case kRecordExit:
      return sizeof(ExitRecord);
    case kRecordFile:
      return sizeof(FileRecord);
    case kRecordStart:
      return sizeof(StartRecord);
    default:
      return 0;
  }
}

struct Item {
  std::uint64_t time_ns = 0;  // when it took effect
  std::uint32_t thread = 0;
  std::uint32_t kind = 0;
  bool vmas_known = true;  // after it, and not after something else as well
  const std::byte* record = nullptr;
};

template <typename Record>
Record read_as(const Item& item)
{
  Record record;
  std::memcpy(&record, item.record, sizeof record);
  return record;
}

// A munmap() is placed where it began, its count of VMAs was read where it ended: with another
// thread's call in between neither count tells what one call did.
void forget_counts_of_overlaps(std::vector<Item>& items)
{
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].kind != kRecordCall)
      continue;
    const auto call = read_as<CallRecord>(items[i]);
    if (call.enter_ns == 0)
      continue;
    for (std::size_t j = i + 1; j < items.size() && items[j].time_ns < call.head.time_ns; ++j) {
      if (items[j].kind != kRecordCall || items[j].thread == items[i].thread ||
          read_as<CallRecord>(items[j]).process != call.process)
        continue;
      items[i].vmas_known = false;
      items[j].vmas_known = false;
    }
  }
}

Result<std::vector<Item>> items_of(std::span<const std::byte> records)
{
  std::vector<Item> items;
  items.reserve(records.size() / sizeof(FaultRecord));
  std::unordered_map<std::uint32_t, std::size_t> ends;  // of threads, the index of the item
  for (std::size_t at = 0; at < records.size();) {
    RecordHead head = {};
    const std::size_t left = records.size() - at;
    if (left >= sizeof head)
      std::memcpy(&head, &records[at], sizeof head);
    const std::size_t size = size_of(head.kind);
    if (size == 0 || size > left)
      return Error{.code = Errc::parse,
                   .context = fmt::format("recorded data: no record at byte {}", at)};
    Item item{
        .time_ns = head.time_ns, .thread = head.thread, .kind = head.kind, .record = &records[at]};
    // munmap() gives the range away while it runs: another thread's mmap() may have it, and
    // return, before munmap() does.
    if (head.kind == kRecordCall)
      if (const auto enter_ns = read_as<CallRecord>(item).enter_ns; enter_ns > 0)
        item.time_ns = enter_ns;
    items.push_back(item);
    at += size;
    // A thread still writes to memory while it ends (mm_release() in kernel/fork.c clears the
    // word that pthread_join() waits for): its end is after that.
    if (head.kind == kRecordExit)
      ends[head.thread] = items.size() - 1;
    else if (const auto end = ends.find(head.thread); end != ends.end())
      items[end->second].time_ns = std::max(items[end->second].time_ns, item.time_ns + 1);
  }
  // Stable: each thread's records are in their order. By thread as well, so that an exec and
  // the VMAs after it, which have one time, stay together.
  std::ranges::stable_sort(items, {}, [](const Item& i) { return std::tie(i.time_ns, i.thread); });
  forget_counts_of_overlaps(items);
  return items;
}

class Assembler
{
 public:
  Assembler(const AssembleOptions& options, std::size_t rows) : options_(options)
  {
    trace_.rows.reserve(rows);
    trace_.header = {.kernel = options.kernel,
                     .machine = options.machine,
                     .command = options.command,
                     .page_size = options.page_size,
                     .lost = options.lost,
                     .settings = options.settings,
                     .seen = options.seen,
                     .ended = options.ended};
  }

  void add(const Item& item)
  {
    if (item.kind == kRecordFile)
      return add_name(read_as<FileRecord>(item));
    now_ns_ = item.time_ns;
    if (!born(item)) {
      ++trace_.header.lost;
      return;
    }
    switch (item.kind) {
      case kRecordFault:
        return add_fault(read_as<FaultRecord>(item));
      case kRecordCall:
        return add_call_item(item);
      case kRecordRange:
        threads_[item.thread].ranges.push_back(read_as<RangeRecord>(item));
        return;
      case kRecordFork:
        return add_fork(read_as<ForkRecord>(item));
      case kRecordExec:
        return add_exec(read_as<ExecRecord>(item));
      case kRecordVma:
        return add_vma(read_as<VmaRecord>(item));
      case kRecordExit:
        return add_exit(read_as<ExitRecord>(item));
      case kRecordStart:
        return add_start(read_as<StartRecord>(item));
      default:
        return;
    }
  }

  Trace finish() &&
  {
    for (const auto& [number, process] : processes_)
      trace_.header.complete = trace_.header.complete && process.live_threads == 0;
    for (const auto& [key, name] : names_)
      if (const auto file = files_.find(key); file != files_.end())
        trace_.header.files[file->second] = name;
    return std::move(trace_);
  }

 private:
  struct Process {
    std::uint32_t number = 0;  // in the trace
    std::uint32_t first_thread = 0;
    std::uint32_t live_threads = 0;
    bool reaped = false;
    bool has_life = false;  // a birth or an exec, since which objects were counted
    std::array<std::uint64_t, kObjectKinds> objects = {};
  };
  struct Thread {
    std::uint32_t number = 0;
    std::uint32_t process = 0;  // the recorder's number
    std::vector<RangeRecord> ranges;
  };
  using FileKey = std::pair<std::uint32_t, std::uint64_t>;  // device, inode

  // The root of a command's tree is born with its exec; all others have a fork or a start.
  bool born(const Item& item) const
  {
    if (threads_.contains(item.thread))
      return true;
    return item.kind == kRecordStart || (item.kind == kRecordExec && processes_.empty());
  }

  void bear(std::uint32_t thread, std::uint32_t process)
  {
    Thread& born_thread = threads_[thread];
    born_thread.number = static_cast<std::uint32_t>(threads_.size());
    born_thread.process = process;
    const auto next = static_cast<std::uint32_t>(processes_.size()) + 1;
    Process& owner = processes_[process];
    if (owner.number == 0) {
      owner.number = next;
      owner.first_thread = born_thread.number;
    }
    ++owner.live_threads;
  }

  TraceRow& row(std::uint32_t thread, TraceEvent event)
  {
    if (trace_.rows.empty())
      began_ns_ = now_ns_;
    const Thread& of = threads_[thread];
    return trace_.rows.emplace_back(TraceRow{.time_ns = now_ns_ - began_ns_,
                                             .process = processes_[of.process].number,
                                             .thread = of.number,
                                             .event = event});
  }

  std::uint32_t file_of(std::uint32_t device, std::uint64_t inode)
  {
    if (inode == 0)
      return 0;
    const auto next = static_cast<std::uint32_t>(files_.size()) + 1;
    return files_.try_emplace(FileKey{device, inode}, next).first->second;
  }

  void add_name(const FileRecord& record)
  {
    std::string path;
    for (unsigned i = 0; i < record.parts && i < kNameParts; ++i) {
      const std::string part(record.part[i], ::strnlen(record.part[i], kNamePartBytes));
      path = path.empty() ? part : part + "/" + path;
    }
    // From the root of its file system, whose own name is not among the parts.
    path = (record.parts < kNameParts ? "/" : ".../") + path;
    // A line of the header is a line.
    std::ranges::replace_if(
        path, [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');
    names_.emplace(FileKey{record.device, record.inode}, path);
  }

  void add_fault(const FaultRecord& record)
  {
    const TraceEvent event = record.code & kFaultFetch   ? TraceEvent::fetch
                             : record.code & kFaultWrite ? TraceEvent::write
                                                         : TraceEvent::read;
    row(record.head.thread, event).address =
        record.address & ~(std::uint64_t{options_.page_size} - 1);
  }

  void add_objects(std::uint32_t thread, Process& process)
  {
    constexpr TraceEvent kEvents[] = {TraceEvent::alloc_vm_area_struct, TraceEvent::alloc_anon_vma,
                                      TraceEvent::alloc_anon_vma_chain};
    if (options_.objects && process.has_life)
      for (std::size_t kind = 0; kind < kObjectKinds; ++kind)
        row(thread, kEvents[kind]).result = static_cast<std::int64_t>(process.objects[kind]);
    process.objects = {};
  }

  void add_fork(const ForkRecord& record)
  {
    const bool is_thread = record.child_process == record.process;
    bear(record.child_thread, record.child_process);
    if (is_thread) {
      row(record.head.thread, TraceEvent::thread).result = threads_[record.child_thread].number;
    } else {
      Process& child = processes_[record.child_process];
      child.has_life = true;
      pids_[record.pid] = record.child_process;
      TraceRow& fork = row(record.head.thread, TraceEvent::fork);
      fork.result = child.number;
      fork.length = child.first_thread;
      fork.flags = record.shares_mm ? 1 : 0;
    }
    trace_.rows.back().vmas = record.vmas;
  }

  void add_exec(const ExecRecord& record)
  {
    const std::uint32_t thread = record.head.thread;
    if (!threads_.contains(thread))
      bear(thread, record.process);
    Process& process = processes_[record.process];
    for (std::size_t kind = 0; kind < kObjectKinds; ++kind)
      process.objects[kind] += record.objects[kind];
    add_objects(thread, process);
    process.has_life = true;
    row(thread, TraceEvent::exec).vmas = record.vmas;
  }

  void add_start(const StartRecord& record)
  {
    const bool first = !processes_.contains(record.process);
    bear(record.head.thread, record.process);
    if (first) {
      row(record.head.thread, TraceEvent::start);
      first_of_[record.process] = record.head.thread;
      pids_[record.pid] = record.process;
    } else {
      row(first_of_[record.process], TraceEvent::thread).result =
          threads_[record.head.thread].number;
    }
  }

  void add_vma(const VmaRecord& record)
  {
    const bool has_file = record.has & kVmaHasFile;
    const std::uint32_t file = has_file ? file_of(record.device, record.inode) : 0;
    TraceRow& vma = row(record.head.thread, TraceEvent::vma);
    vma.address = record.start;
    vma.length = record.end - record.start;
    vma.prot = static_cast<std::uint32_t>(record.flags & (PROT_READ | PROT_WRITE | PROT_EXEC));
    vma.flags = record.flags & kVmShared ? MAP_SHARED : MAP_PRIVATE;
    if (!has_file)
      vma.flags |= MAP_ANONYMOUS;
    constexpr std::pair<std::uint64_t, std::uint64_t> kSame[] = {{kVmGrowsDown, MAP_GROWSDOWN},
                                                                 {kVmLocked, MAP_LOCKED},
                                                                 {kVmNoReserve, MAP_NORESERVE},
                                                                 {kVmHugetlb, MAP_HUGETLB}};
    for (const auto& [vm, map] : kSame)
      if (record.flags & vm)
        vma.flags |= map;
    if (record.has & kVmaIsSpecial)
      vma.flags |= kVmaSpecial;
    if (record.has & kVmaHasAnon)
      vma.flags |= kVmaHasAnonVma;
    vma.file = file;
    vma.offset = has_file ? record.pgoff * options_.page_size : 0;
  }

  void add_call_item(const Item& item)
  {
    const std::size_t before = trace_.rows.size();
    add_call(read_as<CallRecord>(item));
    for (std::size_t row = before; row < trace_.rows.size() && !item.vmas_known; ++row)
      trace_.rows[row].vmas = -1;
  }

  void add_exit(const ExitRecord& record)
  {
    Process& process = processes_[record.process];
    for (std::size_t kind = 0; kind < kObjectKinds; ++kind)
      process.objects[kind] += record.objects[kind];
    --process.live_threads;
    if (process.live_threads == 0) {
      add_objects(record.head.thread, process);
      row(record.head.thread, TraceEvent::exit).vmas = record.vmas;
    } else {
      row(record.head.thread, TraceEvent::exit_thread).vmas = record.vmas;
    }
  }

  // Only of a process that has ended: wait4() returns one that was stopped, too.
  void add_wait(const CallRecord& record, std::int64_t pid)
  {
    const auto known = pids_.find(static_cast<int>(pid));
    if (known == pids_.end())
      return;
    Process& ended = processes_[known->second];
    if (ended.live_threads > 0 || std::exchange(ended.reaped, true))
      return;
    TraceRow& wait = row(record.head.thread, TraceEvent::wait);
    wait.result = ended.number;
    wait.vmas = record.vmas;
  }

  void add_ranges(const CallRecord& record)
  {
    std::vector<RangeRecord> ranges = std::exchange(threads_[record.head.thread].ranges, {});
    // The result is bytes advised, of the ranges in turn, or why the first failed.
    std::uint64_t left = record.result > 0 ? static_cast<std::uint64_t>(record.result) : 0;
    for (const RangeRecord& range : ranges) {
      if (range.head.time_ns != record.head.time_ns)
        continue;  // of a call whose own record was lost
      if (record.result >= 0 && left == 0)
        return;
      TraceRow& madvise = row(record.head.thread, TraceEvent::madvise);
      madvise.address = range.address;
      madvise.length =
          record.result < 0 ? range.length : std::min<std::uint64_t>(range.length, left);
      madvise.flags = record.arguments[3];
      madvise.vmas = record.vmas;
      if (record.result < 0) {
        madvise.result = record.result;
        return;
      }
      left -= madvise.length;
    }
  }

  void add_call(const CallRecord& record)
  {
    const auto& a = record.arguments;
    switch (record.number) {
      case kWait4:
        return add_wait(record, record.result);
      case kWaitid:
        return add_wait(record, static_cast<std::int64_t>(record.extra[0]));
      case kProcessMadvise:
        return add_ranges(record);
      case kShmat:
      case kShmdt:
        if (record.result < 0 && record.result >= -4095)
          return;  // a mapping of no length: nothing to replay
        break;
      default:
        break;
    }
    TraceRow call{.result = record.result, .vmas = record.vmas};
    auto range = [&](TraceEvent event) {
      call.event = event;
      call.address = a[0];
      call.length = a[1];
    };
    switch (record.number) {
      case kMmap:
        range(TraceEvent::mmap);
        call.prot = static_cast<std::uint32_t>(a[2]);
        call.flags = a[3] & 0xffffffff;
        call.file = file_of(record.device, record.inode);
        call.offset = a[3] & MAP_ANONYMOUS ? 0 : a[5];
        break;
      case kShmat:  // as the mmap() of a shared object that it is
        call.event = TraceEvent::mmap;
        call.address = a[1];
        call.length = record.extra[0];
        call.prot =
            static_cast<std::uint32_t>(record.extra[1] & (PROT_READ | PROT_WRITE | PROT_EXEC));
        call.flags = MAP_SHARED | MAP_ANONYMOUS;
        call.file = file_of(record.device, record.inode);
        break;
      case kMunmap:
        range(TraceEvent::munmap);
        break;
      case kShmdt:
        range(TraceEvent::munmap);
        call.length = record.extra[0];
        break;
      case kMprotect:
        range(TraceEvent::mprotect);
        call.prot = static_cast<std::uint32_t>(a[2]);
        break;
      case kPkeyMprotect:  // with the key -1 it is mprotect()
        range(static_cast<std::int32_t>(a[3]) == -1 ? TraceEvent::mprotect
                                                    : TraceEvent::pkey_mprotect);
        call.prot = static_cast<std::uint32_t>(a[2]);
        call.flags = call.event == TraceEvent::mprotect ? 0 : a[3] & 0xffffffff;
        break;
      case kMremap:
        range(TraceEvent::mremap);
        call.new_length = a[2];
        call.flags = a[3];
        if (a[3] & (MREMAP_FIXED | MREMAP_DONTUNMAP))  // else whatever the register held
          call.new_address = a[4];
        break;
      case kMadvise:
        range(TraceEvent::madvise);
        call.flags = a[2] & 0xffffffff;
        break;
      case kBrk:
        call.event = TraceEvent::brk;
        call.address = a[0];
        break;
      case kMlock:
        range(TraceEvent::mlock);
        break;
      case kMlock2:
        range(TraceEvent::mlock2);
        call.flags = a[2];
        break;
      case kMunlock:
        range(TraceEvent::munlock);
        break;
      case kMlockall:
        call.event = TraceEvent::mlockall;
        call.flags = a[0];
        break;
      case kMunlockall:
        call.event = TraceEvent::munlockall;
        break;
      case kPrctl:
        call.event = TraceEvent::prctl;
        call.flags = a[0];
        call.address = a[1];
        call.length = a[2];
        call.new_length = a[3];
        break;
      case kIoctl:
        range(TraceEvent::uffd_move);
        call.new_address = a[2];
        call.flags = a[3];
        break;
      default:
        return;
    }
    TraceRow& added = row(record.head.thread, call.event);
    call.time_ns = added.time_ns;
    call.process = added.process;
    call.thread = added.thread;
    added = call;
  }

  const AssembleOptions& options_;
  Trace trace_;
  std::uint64_t now_ns_ = 0;
  std::uint64_t began_ns_ = 0;
  std::unordered_map<std::uint32_t, Thread> threads_;     // by the recorder's number
  std::unordered_map<std::uint32_t, Process> processes_;  // likewise
  std::unordered_map<std::uint32_t, std::uint32_t> first_of_;
  std::unordered_map<int, std::uint32_t> pids_;  // the last process of that pid
  std::map<FileKey, std::uint32_t> files_;
  std::map<FileKey, std::string> names_;
};

}  // namespace

Result<Trace> assemble(std::span<const std::byte> records, const AssembleOptions& options)
{
  const auto items = items_of(records);
  if (!items)
    return items.error();
  Assembler assembler(options, items->size());
  for (const Item& item : *items)
    assembler.add(item);
  return std::move(assembler).finish();
}

}  // namespace rmaplab
