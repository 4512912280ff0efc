// SPDX-License-Identifier: GPL-2.0-only
#include "replay/compile.h"

#include <fmt/format.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/interrupt.h"
#include "base/relocate_flags.h"
#include "replay/address_space.h"
#include "replay/arena_map.h"
#include "replay/trace_io.h"
#include "replay/validate.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#ifndef MAP_32BIT
#define MAP_32BIT 0  // x86 only
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_VMA_ANON_NAME
#define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67  // since 6.4
#endif

namespace rmaplab
{

namespace
{

// Rows closer to one another than this are not waited for (recorded pace): a sleep takes
// about as long.
constexpr std::uint64_t kShortestSleepNs = 50'000;
constexpr std::uint64_t kTypeBits = MAP_SHARED | MAP_PRIVATE | MAP_DROPPABLE;

// Those that change what a process may do to its own memory and nothing else. Not MADV_HWPOISON
// and MADV_SOFT_OFFLINE, which take pages of the machine away.
bool advice_is_known(std::uint64_t advice)
{
  return advice <= MADV_DONTNEED || (advice >= MADV_FREE && advice <= 25) || advice == 102 ||
         advice == 103 || advice == 0xffffffff;  // none: a program asks whether others are known
}

std::uint64_t as_u64(std::int64_t value)
{
  return static_cast<std::uint64_t>(value);
}

// An address space from its exec (or the start of the recording) on; children of a fork are
// at the same addresses, so they share it.
struct Epoch {
  UsedRanges used;
  std::optional<ArenaMap> map;
};

// What a process's break was, as long as that is known.
using Break = std::optional<std::uint64_t>;

struct LiveProcess {
  bool alive = false;
  std::uint32_t mm = 0;                 // index into breaks: shared by CLONE_VM
  std::shared_ptr<AddressSpace> space;  // its own, or that of those who share it
  std::set<std::uint32_t> threads;      // alive
  std::uint64_t slept_ns = 0;
  // Anonymous VMAs that were there when the recording began: one may be the heap.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> anonymous;

  std::uint32_t first_thread() const { return *threads.begin(); }

  // Where the heap ends that brk() has moved to `now`: a VMA that this is in or follows.
  Break heap_end(std::uint64_t now) const
  {
    constexpr std::uint64_t kFar = 1 << 30;
    Break end;
    for (const auto& [from, to] : anonymous)
      if (from < now && (now < to || now - to < kFar))
        end = to;
    return end;
  }
};

class Compiler
{
 public:
  Compiler(const Trace& trace, const CompileOptions& options) : trace_(trace), options_(options) {}
  Result<CompiledProgram> run();

 private:
  Result<> survey();
  Result<> row(std::uint32_t index);
  void layout_row(const TraceRow& r);
  const char* lacks_refusal(const TraceRow& r) const;
  void failed_map_row(const TraceRow& r);
  void map_row(const TraceRow& r);
  void remap_row(const TraceRow& r);
  void grow_files(const TraceRow& r);
  void break_row(const TraceRow& r);
  void protect_with_key(const TraceRow& r);
  void prctl_row(const TraceRow& r);
  Result<> birth_row(const TraceRow& r);
  void start_row(const TraceRow& r);
  void pause(const TraceRow& r);
  void exit_row(const TraceRow& r);
  void end_live_processes();
  Result<> lay_out();

  std::uint64_t page_up(std::uint64_t bytes) const { return (bytes + page_ - 1) / page_ * page_; }
  LiveProcess& process_of(const TraceRow& r) { return live_[r.process]; }
  std::uint64_t arena(const TraceRow& r, std::uint64_t address);
  Op& add(const TraceRow& r, OpKind kind);
  void add_call(const TraceRow& r, long number, std::int64_t expected, std::uint64_t a0 = 0,
                std::uint64_t a1 = 0, std::uint64_t a2 = 0, std::uint32_t a3 = 0);
  void add_mapping(const TraceRow& r, std::uint64_t address, std::uint64_t length,
                   std::uint32_t prot, std::uint64_t flags, std::int64_t expected);
  std::uint32_t file_of(const TraceRow& r, std::uint64_t flags);
  void skip(const char* why);

  const Trace& trace_;
  const CompileOptions options_;
  std::uint64_t page_ = 4096;
  std::uint32_t at_ = 0;  // the row in work
  std::vector<Epoch> epochs_;
  std::vector<std::size_t> epoch_of_;  // of each row
  std::vector<LiveProcess> live_;      // by number
  std::vector<Break> breaks_;
  CompiledProgram out_;
  std::vector<std::uint32_t> op_process_;
  std::uint32_t last_file_ = 0;
};

void Compiler::skip(const char* why)
{
  ++out_.not_replayed;
  const auto same = std::ranges::find_if(
      out_.left_out, [why](const RowsLeftOut& rows) { return rows.why == why; });
  if (same == out_.left_out.end())
    out_.left_out.push_back({.why = why, .rows = 1, .first = at_});
  else
    ++same->rows;
}

// First pass: which process is in which epoch, and what each epoch uses.
Result<> Compiler::survey()
{
  struct Known {
    std::size_t epoch = 0;
    std::uint64_t program_break = 0;  // 0: not known
  };
  std::vector<Known> known;
  auto grow = [&](std::uint32_t process) {
    if (known.size() <= process)
      known.resize(process + 1);
  };
  epoch_of_.reserve(trace_.rows.size());
  epochs_.emplace_back();
  // Numbers are given in order of birth or appearance, so none exceeds the count of rows: what
  // is allocated for them is bounded by the size of the trace.
  const std::uint64_t most = trace_.rows.size() + 1;
  for (const TraceRow& r : trace_.rows) {
    if (interrupted())
      return interrupted_error();
    const bool birth = r.event == TraceEvent::fork || r.event == TraceEvent::thread;
    if (r.process > most || r.thread > most || r.file > most ||
        (birth && (r.result > static_cast<std::int64_t>(most) || r.length > most)))
      return Error{.code = Errc::parse,
                   .context = fmt::format("row {}: a number of a process, thread or file beyond "
                                          "the count of rows",
                                          &r - trace_.rows.data() + 1)};
    last_file_ = std::max(last_file_, r.file);
    grow(r.process);
    if (r.event == TraceEvent::exec || r.event == TraceEvent::start) {
      known[r.process] = {.epoch = epochs_.size()};
      epochs_.emplace_back();
    }
    epoch_of_.push_back(known[r.process].epoch);
    epochs_[epoch_of_.back()].used.add_row(r, page_, known[r.process].program_break);
    if (r.event == TraceEvent::fork && r.result > 0) {
      const auto child = static_cast<std::uint32_t>(r.result);
      grow(child);
      known[child] = known[r.process];
    }
  }
  for (Epoch& epoch : epochs_) {
    auto map = ArenaMap::create(epoch.used);
    if (!map)
      return map.error();
    epoch.map = *std::move(map);
  }
  return ok();
}

std::uint64_t Compiler::arena(const TraceRow&, std::uint64_t address)
{
  // What no call used is nowhere in the arena: an address that the kernel refuses.
  return epochs_[epoch_of_[at_]].map->translate(address).value_or(~0ull << 12);
}

Op& Compiler::add(const TraceRow& r, OpKind kind)
{
  LiveProcess& process = live_[r.process];
  if (options_.pace == ReplayPace::recorded && r.time_ns >= process.slept_ns + kShortestSleepNs) {
    process.slept_ns = r.time_ns;
    out_.ops.push_back({.kind = OpKind::sleep, .thread = r.thread, .a0 = r.time_ns});
    out_.rows.push_back(at_);
    op_process_.push_back(r.process);
  }
  out_.ops.push_back({.kind = kind, .thread = r.thread});
  out_.rows.push_back(at_);
  op_process_.push_back(r.process);
  return out_.ops.back();
}

void Compiler::add_call(const TraceRow& r, long number, std::int64_t expected, std::uint64_t a0,
                        std::uint64_t a1, std::uint64_t a2, std::uint32_t a3)
{
  Op& op = add(r, OpKind::call);
  op.number = static_cast<std::uint16_t>(number);
  op.expected = expected;
  op.a0 = a0;
  op.a1 = a1;
  op.a2 = a2;
  op.a3 = a3;
}

// 0: anonymous. A file that the recorder could not tell is one of its own.
std::uint32_t Compiler::file_of(const TraceRow& r, std::uint64_t flags)
{
  if (r.file == 0 && ((flags & MAP_ANONYMOUS) || (flags & kTypeBits) == MAP_DROPPABLE))
    return 0;
  const std::uint32_t file = r.file ? r.file : ++last_file_;
  if (out_.file_bytes.size() <= file)
    out_.file_bytes.resize(file + 1, 0);
  out_.file_bytes[file] =
      std::max(out_.file_bytes[file], page_up(r.offset) + page_up(r.length) + page_);
  return file;
}

void Compiler::add_mapping(const TraceRow& r, std::uint64_t address, std::uint64_t length,
                           std::uint32_t prot, std::uint64_t flags, std::int64_t expected)
{
  flags &= 0xffff'ffff;
  flags &= ~as_u64(MAP_32BIT | MAP_HUGETLB | MAP_SYNC);
  flags &= ~(0x3full << MAP_HUGE_SHIFT);
  if ((flags & kTypeBits) == MAP_DROPPABLE && !options_.droppable)
    flags = (flags & ~kTypeBits) | MAP_PRIVATE | MAP_NORESERVE;
  if ((flags & kTypeBits) == MAP_SHARED_VALIDATE)
    flags = (flags & ~kTypeBits) | MAP_SHARED;
  const std::uint32_t file = file_of(r, flags);
  if (file)
    flags &= ~as_u64(MAP_ANONYMOUS);
  Op& op = add(r, OpKind::call);
  op.number = SYS_mmap;
  op.a0 = address;
  op.a1 = length;
  op.a2 = prot;
  op.a3 = static_cast<std::uint32_t>(flags);
  op.a4 = file ? file : ~0ull;
  op.a5 = file ? r.offset : 0;
  op.expected = expected;
  if (file)
    out_.file_ops.push_back(static_cast<std::uint32_t>(out_.ops.size() - 1));
  TraceRow mapped = r;
  mapped.file = file;
  process_of(r).space->apply(mapped);
}

// A mapping of a file that grows has a file that is as long.
void Compiler::grow_files(const TraceRow& r)
{
  const AddressSpace& space = *process_of(r).space;
  const auto begin = as_u64(r.result);
  for (auto at = space.find(begin); at != space.ranges().end() && at->first < begin + r.new_length;
       ++at) {
    const MappedRange& range = at->second;
    if (range.file != 0)
      out_.file_bytes[range.file] = std::max(
          out_.file_bytes[range.file],
          std::min(page_up(range.offset) + (range.end - at->first), 2 * kMostReplayFileBytes));
  }
}

void Compiler::layout_row(const TraceRow& r)
{
  if (r.flags & kVmaSpecial)
    return;
  if (!r.file && !(r.flags & MAP_GROWSDOWN) && r.prot & PROT_WRITE)
    process_of(r).anonymous.push_back({r.address, r.address + r.length});
  const std::uint64_t at = arena(r, r.address);
  const bool touched = r.flags & kVmaHasAnonVma;
  const bool lift = touched && !(r.prot & PROT_WRITE);
  add_mapping(r, at, r.length, lift ? r.prot | PROT_READ | PROT_WRITE : r.prot,
              r.flags | MAP_FIXED_NOREPLACE, static_cast<std::int64_t>(at));
  ++out_.mappings;
  if (touched)  // the last page: where a stack begins, and the bss after a file's data
    add(r, OpKind::store).a0 = at + page_up(r.length) - page_;
  if (lift) {
    add_call(r, SYS_mprotect, 0, at, r.length, r.prot);
    ++out_.mappings;
  }
}

// Why a call that failed is not made again, or nothing: what refused it is not in a trace, so the
// replay's might succeed, and change what the recorded one did not.
const char* Compiler::lacks_refusal(const TraceRow& r) const
{
  switch (r.result) {
    case -EPERM:
    case -EACCES:
      return "a call that a right, a seal or a file refused";
    case -EAGAIN:
      return "a call that a limit of locked memory or the moment refused";
    default:
      break;
  }
  // The whole of user space holds such a mapping, and the address space has room for a VMA: it was
  // RLIMIT_AS, RLIMIT_DATA, overcommit or a cgroup. So was it with locked memory.
  constexpr std::uint64_t kFits = kRecordedEnd / 2;
  constexpr std::int32_t kMostVmas = 65530;  // vm.max_map_count as it is by default
  const bool has_room = r.vmas >= 0 && r.vmas < kMostVmas - 1;
  if (r.result == -ENOMEM && ((r.event == TraceEvent::mmap && r.length < kFits && has_room &&
                               !(r.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_HUGETLB))) ||
                              r.event == TraceEvent::mlockall))
    return "a call that a limit of memory refused (RLIMIT_AS, RLIMIT_MEMLOCK, overcommit ...)";
  return nullptr;
}

// Flags as they were, for the kernel to refuse the same: but no memory where it does not.
void Compiler::failed_map_row(const TraceRow& r)
{
  // What a file refuses (EACCES, ENODEV, EPERM, EBADF) a file in memory does not.
  if (!(r.flags & MAP_ANONYMOUS) || r.file)
    return skip("a mapping of a file that failed");
  if (r.flags & MAP_HUGETLB)
    return skip("a mapping of huge pages that failed");
  if (r.flags & MAP_32BIT)
    return skip("a mapping below 2^31 that failed");
  if (r.flags & MAP_LOCKED && r.result != -EINVAL)
    return skip("a mapping of locked memory that failed");
  const bool fixed = r.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
  Op& op = add(r, OpKind::call_failed);
  op.number = SYS_mmap;
  op.a0 = fixed ? arena(r, r.address) : 0;
  op.a1 = r.length;
  op.a2 = r.prot;
  op.a3 = static_cast<std::uint32_t>(r.flags & ~as_u64(MAP_POPULATE));
  op.a4 = ~0ull;
  op.expected = r.result;
  ++out_.calls;
}

void Compiler::map_row(const TraceRow& r)
{
  if (r.result < 0)
    return failed_map_row(r);
  const std::uint64_t at = arena(r, as_u64(r.result));
  // The kernel chose the address, or was told: either way it is this one now.
  const std::uint64_t fixed = r.flags & MAP_FIXED ? 0 : MAP_FIXED_NOREPLACE;
  std::uint64_t flags = r.flags | fixed;
  TraceRow mapping = r;
  // A shared file in place of a pool of huge pages, which the machine may not have.
  if (r.flags & MAP_HUGETLB) {
    constexpr std::uint64_t kHuge = 2 << 20;
    mapping.length = (r.length + kHuge - 1) / kHuge * kHuge;
    if (!mapping.file)
      mapping.file = ++last_file_;  // each its own: they merge with nothing
    mapping.offset = r.file ? r.offset : 0;
    flags = (flags & ~kTypeBits) | MAP_SHARED;
  }
  add_mapping(mapping, at, mapping.length, r.prot, flags, static_cast<std::int64_t>(at));
  ++out_.calls;
}

void Compiler::remap_row(const TraceRow& r)
{
  if (r.result >= 0) {
    process_of(r).space->apply(r);
    grow_files(r);
  }
  std::uint64_t flags = r.flags & 0xffff'ffff;
  std::uint64_t target = r.new_address ? arena(r, r.new_address) : 0;
  std::int64_t expected = r.result;
  if (r.result >= 0) {
    target = arena(r, as_u64(r.result));
    expected = static_cast<std::int64_t>(target);
    if (r.result == static_cast<std::int64_t>(r.address) && flags == MREMAP_MAYMOVE) {
      flags = 0;  // in place, or a divergence: never anywhere else
    } else if (r.result != static_cast<std::int64_t>(r.address)) {
      flags |=
          MREMAP_FIXED | MREMAP_MAYMOVE | (options_.relocate ? std::uint64_t{kRelocateAnon} : 0);
      ++out_.moves;
    }
  } else if (!(flags & MREMAP_FIXED)) {
    flags &= ~as_u64(MREMAP_MAYMOVE);
  }
  Op& op = add(r, r.result < 0 ? OpKind::call_failed : OpKind::call);
  op.number = SYS_mremap;
  op.a0 = arena(r, r.address);
  op.a1 = r.length;
  op.a2 = r.new_length;
  op.a3 = static_cast<std::uint32_t>(flags);
  op.a4 = flags & MREMAP_FIXED ? target : 0;
  op.expected = expected;
  ++out_.calls;
}

// The heap is ordinary anonymous memory at the recorded place: growing maps, shrinking unmaps.
// The kernel's own brk would put it where this program, not the recorded one, ends.
void Compiler::break_row(const TraceRow& r)
{
  Break& known = breaks_[process_of(r).mm];
  const std::uint64_t now = as_u64(r.result);
  if (!known && r.address == now)
    known = process_of(r).heap_end(now);
  if (!known) {
    if (r.address != 0 && r.address == now)
      skip("brk before the break is known");
    known = now;
    return;
  }
  const std::uint64_t before = page_up(*known);
  const std::uint64_t after = page_up(now);
  known = now;
  if (after == before)
    return;
  ++out_.calls;
  if (after < before) {
    add_call(r, SYS_munmap, 0, arena(r, after), before - after);
    return;
  }
  const std::uint64_t at = arena(r, before);
  TraceRow heap = r;
  heap.file = 0;
  add_mapping(heap, at, after - before, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, static_cast<std::int64_t>(at));
}

// A key makes VMAs of one protection two. The replaying machine may have no keys, so another
// mark does it that nothing here looks at: that a range with a key other than 0 is read at
// random. (Programs use that for core files on such memory themselves.)
void Compiler::protect_with_key(const TraceRow& r)
{
  if (r.result < 0)
    return skip("a protection with a key that was refused");
  add_call(r, SYS_mprotect, 0, arena(r, r.address), r.length, r.prot);
  add_call(r, SYS_madvise, 0, arena(r, r.address), r.length,
           r.flags == 0 ? MADV_NORMAL : MADV_RANDOM);
  ++out_.calls;
}

void Compiler::prctl_row(const TraceRow& r)
{
  switch (r.flags) {
    case PR_SET_VMA: {
      if (r.address != PR_SET_VMA_ANON_NAME)
        return skip("prctl(PR_SET_VMA) of another kind than a name");
      Op& op = add(r, OpKind::name_vma);
      op.a0 = arena(r, r.length);
      op.a1 = r.new_length;
      op.expected = r.result;
      break;
    }
    case PR_SET_THP_DISABLE:
    case PR_SET_MEMORY_MERGE:
      add_call(r, SYS_prctl, r.result, r.flags, r.address, r.length,
               static_cast<std::uint32_t>(r.new_length));
      break;
    default:
      return skip("an unknown prctl");
  }
  ++out_.calls;
}

Result<> Compiler::birth_row(const TraceRow& r)
{
  if (r.result <= 0) {
    skip("a fork that failed");
    return ok();
  }
  const auto number = static_cast<std::uint32_t>(r.result);
  const bool process = r.event == TraceEvent::fork;
  const auto thread = process ? static_cast<std::uint32_t>(r.length) : number;
  Op& op = add(r, process ? OpKind::fork : OpKind::thread);
  op.a0 = thread;
  out_.threads = std::max(out_.threads, thread);
  if (!process) {
    process_of(r).threads.insert(thread);
    return ok();
  }
  const bool shares = r.flags & 1;
  op.a1 = number;
  op.a2 = kNoOp;
  op.a3 = shares ? std::uint32_t{kForkSharesMm} : 0;
  if (shares && options_.order == ReplayOrder::tree)
    op.a3 |= kForkWaits;
  if (live_.size() <= number)
    live_.resize(number + 1);
  const LiveProcess& parent = process_of(r);
  LiveProcess& child = live_[number];
  child = {.alive = true,
           .mm = parent.mm,
           .space = shares ? parent.space : std::make_shared<AddressSpace>(parent.space->forked()),
           .threads = {thread},
           .slept_ns = parent.slept_ns,
           .anonymous = parent.anonymous};
  if (!shares) {
    child.mm = static_cast<std::uint32_t>(breaks_.size());
    breaks_.push_back(Break(breaks_[parent.mm]));
  }
  if (out_.processes.size() <= number)
    out_.processes.resize(number + 1);
  out_.processes[number].first_thread = thread;
  return ok();
}

void Compiler::pause(const TraceRow& r)
{
  Op& op = add(r, OpKind::pause);
  op.a0 = r.process;
  op.a1 = at_;
}

void Compiler::exit_row(const TraceRow& r)
{
  LiveProcess& process = process_of(r);
  if (r.event == TraceEvent::exit_thread) {
    process.threads.erase(r.thread);
    // A process whose last thread ended is one that ended.
    if (!process.threads.empty()) {
      add(r, OpKind::exit_thread);
      return;
    }
  }
  // An end that the trace does not have is no row that anybody could look at.
  const bool recorded = at_ != kNoRow;
  if (recorded &&
      (options_.pauses == ReplayPauses::exits || options_.pauses == ReplayPauses::calls))
    pause(r);
  add(r, OpKind::exit);
  process.alive = false;
  process.space.reset();
}

// A further process of a recording that attached: who forked it is not known, so the first one
// does, and it begins with an address space of its own.
void Compiler::start_row(const TraceRow& r)
{
  TraceRow mother = r;
  mother.process = 1;
  mother.thread = live_[1].first_thread();
  Op& op = add(mother, OpKind::fork);
  op.a0 = r.thread;
  op.a1 = r.process;
  op.a2 = kNoOp;
  op.a3 = kForkSharesMm;
  if (options_.order == ReplayOrder::tree)
    op.a3 |= kForkWaits;
  out_.threads = std::max(out_.threads, r.thread);
  if (live_.size() <= r.process)
    live_.resize(r.process + 1);
  live_[r.process] = {.alive = true,
                      .mm = static_cast<std::uint32_t>(breaks_.size()),
                      .space = std::make_shared<AddressSpace>(page_),
                      .threads = {r.thread},
                      .slept_ns = live_[1].slept_ns,
                      .anonymous = {}};
  breaks_.emplace_back();
  if (out_.processes.size() <= r.process)
    out_.processes.resize(r.process + 1);
  out_.processes[r.process].first_thread = r.thread;
  add(r, OpKind::exec);
}

Result<> Compiler::row(std::uint32_t index)
{
  const TraceRow& r = trace_.rows[index];
  at_ = index;
  if (r.event == TraceEvent::start && r.process != 1) {
    start_row(r);
    return ok();
  }
  if (r.process >= live_.size() || !live_[r.process].alive) {
    // The end of a process that has ended: its last exit_thread was the end.
    if (r.event == TraceEvent::exit)
      return ok();
    if (r.event == TraceEvent::alloc_vm_area_struct || r.event == TraceEvent::alloc_anon_vma ||
        r.event == TraceEvent::alloc_anon_vma_chain)
      return ok();
    return Error{.code = Errc::parse,
                 .context = fmt::format("row {}: process {} is not alive", index + 1, r.process)};
  }
  LiveProcess& process = live_[r.process];
  // Somebody who is not there would be waited for for ever.
  if (!process.threads.contains(r.thread)) {
    if (r.event == TraceEvent::exit) {  // by the number of a thread that has ended
      TraceRow end = r;
      end.thread = process.first_thread();
      exit_row(end);
      return ok();
    }
    return Error{.code = Errc::parse,
                 .context = fmt::format("row {}: thread {} is not alive in process {}", index + 1,
                                        r.thread, r.process)};
  }
  if (shape_of(r.event).columns & bit(TraceColumn::result) && r.result < 0)
    if (const char* const why = lacks_refusal(r)) {
      skip(why);
      return ok();
    }
  switch (r.event) {
    case TraceEvent::start:
      break;
    case TraceEvent::exec:
      process.anonymous.clear();
      // The first one is the start of the player.
      if (!(r.process == 1 && out_.ops.empty()))
        add(r, OpKind::exec);
      process.mm = static_cast<std::uint32_t>(breaks_.size());
      process.space = std::make_shared<AddressSpace>(page_);
      process.threads = {r.thread};
      breaks_.emplace_back();
      break;
    case TraceEvent::vma:
      layout_row(r);
      break;
    case TraceEvent::mmap:
      map_row(r);
      break;
    case TraceEvent::munmap:
      add_call(r, SYS_munmap, r.result, arena(r, r.address), r.length);
      ++out_.calls;
      process.space->apply(r);
      break;
    case TraceEvent::mremap:
      remap_row(r);
      break;
    case TraceEvent::mprotect:
      add_call(r, SYS_mprotect, r.result, arena(r, r.address), r.length, r.prot);
      ++out_.calls;
      break;
    case TraceEvent::pkey_mprotect:
      protect_with_key(r);
      break;
    case TraceEvent::madvise:
      if (!advice_is_known(r.flags)) {
        skip("an advice that is not known or not harmless");
        break;
      }
      add_call(r, SYS_madvise, r.result, arena(r, r.address), r.length, r.flags);
      ++out_.calls;
      break;
    case TraceEvent::brk:
      break_row(r);
      break;
    case TraceEvent::mlock:
    case TraceEvent::munlock:
      add_call(r, r.event == TraceEvent::mlock ? SYS_mlock : SYS_munlock, r.result,
               arena(r, r.address), r.length);
      ++out_.calls;
      break;
    case TraceEvent::mlock2:
      add_call(r, SYS_mlock2, r.result, arena(r, r.address), r.length, r.flags);
      ++out_.calls;
      break;
    case TraceEvent::mlockall:
      add_call(r, SYS_mlockall, r.result, r.flags);
      ++out_.calls;
      break;
    case TraceEvent::munlockall:
      add_call(r, SYS_munlockall, r.result);
      ++out_.calls;
      break;
    case TraceEvent::prctl:
      prctl_row(r);
      break;
    case TraceEvent::uffd_move:
      skip("a move through userfaultfd");
      break;
    case TraceEvent::fork:
    case TraceEvent::thread:
      return birth_row(r);
    case TraceEvent::wait:
      // In strict order the end came before, and the conductor saw it.
      if (options_.order == ReplayOrder::tree)
        add(r, OpKind::wait).a0 = as_u64(r.result);
      break;
    case TraceEvent::exit_thread:
    case TraceEvent::exit:
      exit_row(r);
      break;
    case TraceEvent::read:
    case TraceEvent::fetch:
      add(r, OpKind::load).a0 = arena(r, r.address);
      ++out_.touches;
      break;
    case TraceEvent::write:
      add(r, OpKind::store).a0 = arena(r, r.address);
      ++out_.touches;
      break;
    case TraceEvent::alloc_vm_area_struct:
    case TraceEvent::alloc_anon_vma:
    case TraceEvent::alloc_anon_vma_chain:
      break;
  }
  return ok();
}

// A recording that was ended before the program: youngest first, as a shell would see them go.
void Compiler::end_live_processes()
{
  for (std::uint32_t number = static_cast<std::uint32_t>(live_.size()); number-- > 1;) {
    if (!live_[number].alive)
      continue;
    TraceRow end = {
        .process = number, .thread = live_[number].first_thread(), .event = TraceEvent::exit};
    exit_row(end);
  }
}

// Ops in the order that was asked for, and where each process's begin and end.
Result<> Compiler::lay_out()
{
  if (out_.ops.size() >= kNoOp)
    return Error{.code = Errc::unsupported, .context = "the trace has more than 2^32 rows"};
  if (options_.order == ReplayOrder::tree) {
    std::vector<std::uint32_t> order(out_.ops.size());
    for (std::uint32_t i = 0; i < order.size(); ++i)
      order[i] = i;
    std::stable_sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
      return op_process_[a] < op_process_[b];
    });
    std::vector<Op> ops;
    std::vector<std::uint32_t> rows;
    std::vector<std::uint32_t> processes;
    std::vector<std::uint32_t> place(order.size());
    ops.reserve(order.size());
    for (const std::uint32_t i : order) {
      place[i] = static_cast<std::uint32_t>(ops.size());
      ops.push_back(out_.ops[i]);
      rows.push_back(out_.rows[i]);
      processes.push_back(op_process_[i]);
    }
    out_.ops = std::move(ops);
    out_.rows = std::move(rows);
    op_process_ = std::move(processes);
    for (std::uint32_t& i : out_.file_ops)
      i = place[i];
  }
  for (std::uint32_t i = static_cast<std::uint32_t>(out_.ops.size()); i-- > 0;) {
    CompiledProgram::Process& process = out_.processes[op_process_[i]];
    if (out_.ops[i].kind == OpKind::exit)
      process.exit_op = i;
    process.first_op = options_.order == ReplayOrder::tree ? i : 0;
  }
  out_.layout.resize(out_.rows.size());
  for (std::size_t i = 0; i < out_.rows.size(); ++i)
    out_.layout[i] = out_.rows[i] != kNoRow && trace_.rows[out_.rows[i]].event == TraceEvent::vma;
  if (options_.order == ReplayOrder::tree)
    for (Op& op : out_.ops)
      if (op.kind == OpKind::fork)
        op.a2 = out_.processes[op.a1].first_op;
  return ok();
}

Result<CompiledProgram> Compiler::run()
{
  if (trace_.header.page_size)
    page_ = trace_.header.page_size;
  if (trace_.rows.empty() || trace_.rows[0].process != 1 ||
      (trace_.rows[0].event != TraceEvent::exec && trace_.rows[0].event != TraceEvent::start))
    return Error{.code = Errc::parse, .context = "row 1: expected exec or start of process 1"};
  if (const auto surveyed = survey(); !surveyed)
    return surveyed.error();
  live_.resize(2);
  live_[1] = {.alive = true,
              .space = std::make_shared<AddressSpace>(page_),
              .threads = {trace_.rows[0].thread},
              .anonymous = {}};
  breaks_.emplace_back();
  out_.processes.resize(2);
  out_.processes[1].first_thread = trace_.rows[0].thread;
  out_.threads = trace_.rows[0].thread;
  for (std::uint32_t i = 0; i < trace_.rows.size(); ++i) {
    if (interrupted())
      return interrupted_error();
    if (const auto done = row(i); !done)
      return done.error();
    const TraceRow& r = trace_.rows[i];
    const bool stops = options_.pauses == ReplayPauses::calls
                           ? known_vmas(trace_, i) >= 0
                           : options_.pauses == ReplayPauses::row && options_.pause_row == i;
    if (stops && live_[r.process].alive)
      pause(r);
  }
  at_ = kNoRow;
  end_live_processes();
  if (const auto laid_out = lay_out(); !laid_out)
    return laid_out.error();
  return std::move(out_);
}

}  // namespace

std::int32_t known_vmas(const Trace& trace, std::size_t index)
{
  const TraceRow& r = trace.rows[index];
  switch (r.event) {
    case TraceEvent::start:
    case TraceEvent::exec:
    case TraceEvent::read:
    case TraceEvent::write:
    case TraceEvent::fetch:
    case TraceEvent::wait:
    case TraceEvent::thread:
    case TraceEvent::exit_thread:
    case TraceEvent::alloc_vm_area_struct:
    case TraceEvent::alloc_anon_vma:
    case TraceEvent::alloc_anon_vma_chain:
      return -1;
    case TraceEvent::vma:
      if (index + 1 < trace.rows.size() && trace.rows[index + 1].event == TraceEvent::vma)
        return -1;
      while (index > 0 && trace.rows[index].event == TraceEvent::vma)
        --index;
      return trace.rows[index].process == r.process ? trace.rows[index].vmas : -1;
    default:
      return r.vmas;
  }
}

BusiestMoment busiest_moment(const Trace& trace)
{
  struct Space {
    std::int64_t vmas = 0;
    std::int64_t special = 0;
    std::int64_t users = 0;  // living processes
  };
  std::vector<Space> spaces;
  std::map<std::uint32_t, std::size_t> space_of;  // of each living process
  std::int64_t all = 0;                           // of each living process, summed up
  auto leave = [&](std::uint32_t process) {
    const auto found = space_of.find(process);
    if (found == space_of.end())
      return;
    Space& space = spaces[found->second];
    all -= space.vmas - space.special;
    --space.users;
    space_of.erase(found);
  };
  auto enter = [&](std::uint32_t process, std::size_t index) {
    leave(process);
    space_of[process] = index;
    ++spaces[index].users;
    all += spaces[index].vmas - spaces[index].special;
  };
  BusiestMoment busiest;
  for (std::uint32_t i = 0; i < trace.rows.size() && !interrupted(); ++i) {
    const TraceRow& r = trace.rows[i];
    if (r.event == TraceEvent::exit) {
      leave(r.process);
      continue;
    }
    if (r.event == TraceEvent::exec || !space_of.contains(r.process)) {
      spaces.emplace_back();
      enter(r.process, spaces.size() - 1);
    }
    const std::size_t index = space_of[r.process];
    auto change = [&](std::int64_t vmas, std::int64_t special) {
      Space& space = spaces[index];
      all += space.users * ((vmas - space.vmas) - (special - space.special));
      space.vmas = vmas;
      space.special = special;
    };
    if (r.vmas >= 0)
      change(r.vmas, spaces[index].special);
    if (r.event == TraceEvent::vma && (r.flags & kVmaSpecial))
      change(spaces[index].vmas, spaces[index].special + 1);
    if (r.event == TraceEvent::fork && r.result > 0) {
      if (r.flags & 1) {
        enter(static_cast<std::uint32_t>(r.result), index);
      } else {
        spaces.push_back({.vmas = spaces[index].vmas, .special = spaces[index].special});
        enter(static_cast<std::uint32_t>(r.result), spaces.size() - 1);
      }
    }
    if (known_vmas(trace, i) >= 0 && all > busiest.vmas)
      busiest = {.row = i, .vmas = all};
  }
  return busiest;
}

Result<CompiledProgram> compile(const Trace& trace, const CompileOptions& options)
{
  return Compiler(trace, options).run();
}

}  // namespace rmaplab
