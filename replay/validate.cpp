// SPDX-License-Identifier: GPL-2.0-only
#include "replay/validate.h"

#include <fmt/format.h>
#include <linux/prctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/interrupt.h"
#include "replay/address_space.h"
#include "replay/arena_map.h"
#include "replay/program.h"
#include "replay/trace_io.h"

namespace rmaplab
{

namespace
{

constexpr std::uint64_t kBlock = 2 << 20;
// In Linux 6.4 and later; not in the headers of Debian 12.
constexpr std::uint64_t kPrSetMemoryMerge = 67;
constexpr std::uint64_t kMadvDontneedLocked = 24;  // Linux 5.18
constexpr std::uint64_t kMadvPopulateRead = 22;    // Linux 5.14, this and the next
constexpr std::uint64_t kMadvPopulateWrite = 23;
constexpr std::uint64_t kMadvCollapse = 25;  // Linux 6.1
// One page of page tables maps as many pages as it has entries of this size.
constexpr std::uint64_t kTableEntry = 8;
// Files that the recorder could not tell, each its own: beyond all numbers of a trace.
constexpr std::uint32_t kUnnamedFiles = 0xc000'0000;

std::uint64_t mapping_type(std::uint64_t flags)
{
  return flags & MAP_TYPE;
}

// An mm: a process made with CLONE_VM shares its parent's.
struct Mm {
  AddressSpace space;
  WrittenPages written;
  // Its page tables, by the memory that one page of them maps; with relatives until one adds to it.
  std::shared_ptr<PageSet> tables = std::make_shared<PageSet>();
  std::uint64_t last_table = ~0ull;
  std::uint64_t generation = 1;  // of forks since its exec
  bool no_huge_pages = false;    // PR_SET_THP_DISABLE
};

struct Process {
  std::shared_ptr<Mm> mm;
  std::set<std::uint32_t> live;      // its threads
  std::shared_ptr<UsedRanges> used;  // since its exec, with its relatives since
  std::uint64_t program_break = 0;
  bool listing = false;            // vma rows may come
  std::uint64_t listed_until = 0;  // end of the last one
  bool ended = false;
  bool reaped = false;
};

struct Thread {
  std::uint32_t process = 0;
  bool ended = false;
};

using Complaint = std::optional<std::string>;

}  // namespace

std::uint64_t address_end(const TraceHeader& header)
{
  constexpr int kBits = 47;
  constexpr int kArm64Bits = 48;
  return std::uint64_t{1} << (header.machine == "aarch64" ? kArm64Bits : kBits);
}

struct TraceValidator::State {
  std::string name;
  std::uint64_t page_size = 0;
  std::uint64_t end = 0;
  std::uint64_t private_pages = 0;  // before the processes: they count down in it
  std::vector<Process> processes;   // number n at n - 1
  std::vector<Thread> threads;
  bool attaching = false;  // further `start` rows may come
  std::uint32_t live_processes = 0;
  std::uint32_t live_threads = 0;
  std::uint64_t live_ranges = 0;
  std::uint64_t live_links = 0;   // of ranges to anon_vmas: their own, and those of all ancestors
  std::uint64_t live_tables = 0;  // pages of page tables
  HugePages huge_pages = HugePages::advised;
  std::uint32_t unnamed_files = 0;
  std::map<std::uint32_t, PageSet> file_pages;
  PageSet blocks;  // in units of kBlock
  std::uint64_t rows = 0;
  std::uint32_t highest_file = 0;
  std::uint64_t highest_file_line = 0;
  TraceNeeds needs;

  Process& process(std::uint32_t number) { return processes[number - 1]; }
  const Process& process(std::uint32_t number) const { return processes[number - 1]; }

  bool aligned(std::uint64_t address) const { return address % page_size == 0; }
  bool fits(std::uint64_t address, std::uint64_t length) const
  {
    return address <= end && length <= end - address;
  }
  Complaint range_complaint(const char* what, std::uint64_t address, std::uint64_t length) const
  {
    if (fits(address, length))
      return {};
    return fmt::format("{} is {:#x} with {} bytes, expected a range below {:#x}", what, address,
                       length, end);
  }
  Complaint alignment_complaint(const char* what, std::uint64_t address) const
  {
    if (aligned(address))
      return {};
    return fmt::format("{} is {:#x}, expected a multiple of the page size {}", what, address,
                       page_size);
  }

  Complaint check_actor(const TraceRow& row);
  Complaint check_start(const TraceRow& row);
  Complaint check(const TraceRow& row) const;
  Complaint check_mmap(const TraceRow& row) const;
  Complaint check_mremap(const TraceRow& row) const;
  bool locks_nothing(const TraceRow& row) const;
  Complaint act(const TraceRow& row, std::uint64_t line, RowNotes& notes);
  Complaint fork(const TraceRow& row);
  Complaint add_thread(std::uint32_t number, std::uint32_t process_number);
  void end_thread(Process& process, std::uint32_t number);
  void end_threads_but(Process& process, std::uint32_t kept);
  void new_mm(Process& process);
  void drop_mm(Process& process);
  Complaint memory(const TraceRow& row, Mm& mm);
  bool touch(const TraceRow& row, Mm& mm);
  void count_ranges(const Mm& mm, std::uint64_t before);
  void hold(Mm& mm, const MappedRange& range, std::uint64_t at, std::uint64_t begin,
            std::uint64_t past, bool write);
  void fill(Mm& mm, std::uint64_t begin, std::uint64_t past, bool write);
  void fill_for(const TraceRow& row, Mm& mm, std::uint64_t old_break);
  void add_tables(Mm& mm, std::uint64_t begin, std::uint64_t past);
  std::pair<std::uint64_t, std::uint64_t> huge_page_at(const Mm& mm, std::uint64_t address) const;
  void use(std::uint64_t begin, std::uint64_t size);
};

// ---- who acts ----

Complaint TraceValidator::State::check_actor(const TraceRow& row)
{
  const bool begins = row.event == TraceEvent::start || row.event == TraceEvent::exec;
  if (processes.empty()) {
    if (!begins || row.process != 1 || row.thread != 1)
      return fmt::format(
          "first row is {} of process {}, thread {}; expected start or exec of process 1, thread 1",
          to_string(row.event), row.process, row.thread);
    attaching = row.event == TraceEvent::start;
    processes.emplace_back();
    live_processes = needs.processes = needs.peak_processes = 1;
    return add_thread(1, 1);
  }
  if (row.event == TraceEvent::start)
    return check_start(row);
  // What the snapshot of an attached tree consists of.
  attaching = attaching && (row.event == TraceEvent::vma || row.event == TraceEvent::write ||
                            row.event == TraceEvent::thread);
  if (row.process > processes.size())
    return fmt::format("process {} acts, expected one of the {} that were born before", row.process,
                       processes.size());
  if (row.thread > threads.size())
    return fmt::format("thread {} acts, expected one of the {} that were born before", row.thread,
                       threads.size());
  if (process(row.process).ended)
    return fmt::format("process {} acts after its exit", row.process);
  const Thread& thread = threads[row.thread - 1];
  if (thread.process != row.process)
    return fmt::format("thread {} is of process {}, expected {}", row.thread, row.process,
                       thread.process);
  if (thread.ended)
    return fmt::format("thread {} acts after its end", row.thread);
  return {};
}

// A further process of a tree that the recorder attached to.
Complaint TraceValidator::State::check_start(const TraceRow& row)
{
  if (!attaching)
    return "start is there again, expected it before all that a process does";
  if (row.process != processes.size() + 1)
    return fmt::format("process {} starts, expected {}: numbers are in order of birth", row.process,
                       processes.size() + 1);
  if (live_processes == kMaxLiveProcesses)
    return fmt::format("more than {} processes are alive", kMaxLiveProcesses);
  processes.emplace_back();
  ++needs.processes;
  needs.peak_processes = std::max(needs.peak_processes, ++live_processes);
  return add_thread(row.thread, row.process);
}

Complaint TraceValidator::State::add_thread(std::uint32_t number, std::uint32_t process_number)
{
  if (number != threads.size() + 1)
    return fmt::format("new thread is {}, expected {}: numbers are in order of birth", number,
                       threads.size() + 1);
  if (live_threads == kMaxLiveThreads)
    return fmt::format("more than {} threads are alive", kMaxLiveThreads);
  threads.push_back({.process = process_number});
  process(process_number).live.insert(number);
  ++live_threads;
  ++needs.threads;
  needs.peak_threads = std::max(needs.peak_threads, live_threads);
  return {};
}

void TraceValidator::State::end_thread(Process& process, std::uint32_t number)
{
  threads[number - 1].ended = true;
  process.live.erase(number);
  --live_threads;
}

// exec and exit end the other threads, whose own ends may have been recorded or not.
void TraceValidator::State::end_threads_but(Process& process, std::uint32_t kept)
{
  const std::set<std::uint32_t> live = process.live;
  for (const std::uint32_t number : live)
    if (number != kept)
      end_thread(process, number);
}

void TraceValidator::State::drop_mm(Process& process)
{
  if (process.mm && process.mm.use_count() == 1) {
    const std::uint64_t ranges = process.mm->space.ranges().size();
    live_ranges -= ranges;
    live_links -= ranges * process.mm->generation;
    live_tables -= process.mm->tables->size();
  }
  process.mm.reset();
  process.used.reset();
}

void TraceValidator::State::new_mm(Process& process)
{
  drop_mm(process);
  process.mm = std::make_shared<Mm>(
      Mm{.space = AddressSpace(page_size), .written = WrittenPages(private_pages)});
  process.used = std::make_shared<UsedRanges>();
  process.program_break = 0;
  process.listing = true;
  process.listed_until = 0;
}

Complaint TraceValidator::State::fork(const TraceRow& row)
{
  if (row.result < 0)
    return {};
  if (static_cast<std::uint64_t>(row.result) != processes.size() + 1)
    return fmt::format("new process is {}, expected {}: numbers are in order of birth", row.result,
                       processes.size() + 1);
  if (live_processes == kMaxLiveProcesses)
    return fmt::format("more than {} processes are alive", kMaxLiveProcesses);
  if (row.length > threads.size() + 1)
    return fmt::format("new thread is {}, expected {}: numbers are in order of birth", row.length,
                       threads.size() + 1);
  Mm& mm = *process(row.process).mm;
  if (row.flags == 0 && mm.space.ranges().size() > kMaxLiveRanges - live_ranges)
    return fmt::format("more than {} ranges are mapped", kMaxLiveRanges);
  Process child{.used = process(row.process).used,
                .program_break = process(row.process).program_break};
  if (row.flags == 1) {
    child.mm = process(row.process).mm;
  } else {
    child.mm = std::make_shared<Mm>(Mm{.space = mm.space.forked(),
                                       .written = mm.written.fork(),
                                       .tables = mm.tables,
                                       .generation = mm.generation + 1,
                                       .no_huge_pages = mm.no_huge_pages});
    count_ranges(*child.mm, 0);
    live_tables += mm.tables->size();
    needs.peak_table_pages = std::max(needs.peak_table_pages, live_tables);
  }
  processes.push_back(std::move(child));
  ++live_processes;
  ++needs.processes;
  needs.peak_processes = std::max(needs.peak_processes, live_processes);
  return add_thread(static_cast<std::uint32_t>(row.length),
                    static_cast<std::uint32_t>(processes.size()));
}

// ---- arguments ----

Complaint TraceValidator::State::check_mmap(const TraceRow& row) const
{
  // What failed may have asked for anything, and a hint is only a hint.
  if (row.result < 0)
    return {};
  const auto result = static_cast<std::uint64_t>(row.result);
  if (row.length == 0)
    return "length of an mmap that succeeded is 0";
  if (auto complaint = range_complaint("mapping", result, row.length))
    return complaint;
  if (row.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) && result != row.address)
    return fmt::format("result is {:#x}, expected the fixed address {:#x}", result, row.address);
  if (row.file && (row.offset > kMostReplayFileBytes || row.length > kMostReplayFileBytes))
    return fmt::format("offset and length of a file are {} and {}, expected at most {}", row.offset,
                       row.length, kMostReplayFileBytes);
  return alignment_complaint("result", result);
}

Complaint TraceValidator::State::check_mremap(const TraceRow& row) const
{
  if (row.result < 0)
    return {};
  if (auto complaint = range_complaint("old range", row.address, row.length))
    return complaint;
  const auto result = static_cast<std::uint64_t>(row.result);
  if (row.new_length == 0)
    return "new_length of an mremap that succeeded is 0";
  if (row.flags & MREMAP_FIXED && result != row.new_address)
    return fmt::format("result is {:#x}, expected the fixed address {:#x}", result,
                       row.new_address);
  if (auto complaint = range_complaint("moved range", result, row.new_length))
    return complaint;
  if (auto complaint = alignment_complaint("address", row.address))
    return complaint;
  return alignment_complaint("result", result);
}

// mlock() rounds outwards, modulo 2^64: at the very end of it, to nothing.
bool TraceValidator::State::locks_nothing(const TraceRow& row) const
{
  const std::uint64_t more = row.address % page_size + page_size - 1;
  return row.length + more < row.length;
}

Complaint TraceValidator::State::check(const TraceRow& row) const
{
  const TraceEventShape& shape = shape_of(row.event);
  if (shape.columns & bit(TraceColumn::result) && row.result < -kMaxErrno)
    return fmt::format("result is {}, expected no less than {}", row.result, -kMaxErrno);
  auto whole_call = [&](bool must_align) -> Complaint {
    if (row.result > 0)
      return fmt::format("result is {}, expected 0 or a negative errno", row.result);
    if (row.result < 0)
      return {};
    // Of no page at all: nobody looks at the address.
    if (row.length != 0 && (must_align || !locks_nothing(row)))
      if (auto complaint = range_complaint("range", row.address, row.length))
        return complaint;
    return must_align ? alignment_complaint("address", row.address) : Complaint();
  };
  auto counted = [&](std::uint64_t least) -> Complaint {
    if (row.result < static_cast<std::int64_t>(least))
      return fmt::format("result is {}, expected at least {}", row.result, least);
    return {};
  };
  switch (row.event) {
    case TraceEvent::vma:
      if (!process(row.process).listing)
        return "vma is there, expected it right after start or exec of the process only";
      if (row.length == 0 || row.length % page_size != 0)
        return fmt::format("length is {}, expected whole pages", row.length);
      if (auto complaint = alignment_complaint("address", row.address))
        return complaint;
      if (row.flags & kVmaSpecial)  // vsyscall is in the kernel's half; it is not replayed
        return {};
      if (row.offset > kMostReplayFileBytes)
        return fmt::format("offset is {}, expected at most {}", row.offset, kMostReplayFileBytes);
      if (row.address < process(row.process).listed_until)
        return fmt::format("vma at {:#x} begins before the end of the one before, {:#x}",
                           row.address, process(row.process).listed_until);
      return range_complaint("vma", row.address, row.length);
    case TraceEvent::mmap:
      return check_mmap(row);
    case TraceEvent::mremap:
      return check_mremap(row);
    case TraceEvent::munmap:
    case TraceEvent::mprotect:
    case TraceEvent::pkey_mprotect:
    case TraceEvent::madvise:
      return whole_call(true);
    case TraceEvent::mlock:
    case TraceEvent::mlock2:
    case TraceEvent::munlock:
      return whole_call(false);  // they round down
    case TraceEvent::mlockall:
    case TraceEvent::munlockall:
      return whole_call(false);
    case TraceEvent::brk:
      if (row.result < 0)
        return fmt::format("result is {}, expected the break: brk has no errno", row.result);
      // What was asked for in vain may be anything.
      return range_complaint("break", static_cast<std::uint64_t>(row.result), 0);
    case TraceEvent::prctl:
      if (row.flags != PR_SET_VMA && row.flags != PR_SET_THP_DISABLE &&
          row.flags != kPrSetMemoryMerge)
        return fmt::format(
            "option is {:#x}, expected PR_SET_VMA, PR_SET_THP_DISABLE or PR_SET_MEMORY_MERGE",
            row.flags);
      if (row.flags == PR_SET_VMA && row.result >= 0 && row.new_length > 0)
        return range_complaint("range", row.length, row.new_length);
      return {};
    case TraceEvent::uffd_move:
      if (row.result < 0)
        return {};
      for (auto complaint : {range_complaint("source", row.address, row.length),
                             range_complaint("destination", row.new_address, row.length)})
        if (complaint)
          return complaint;
      if (static_cast<std::uint64_t>(row.result) > row.length)
        return fmt::format("result is {}, expected at most the length {}", row.result, row.length);
      if (auto complaint = alignment_complaint("source", row.address))
        return complaint;
      return alignment_complaint("destination", row.new_address);
    case TraceEvent::fork:
      if (row.flags > 1)
        return fmt::format("flags of a fork are {:#x}, expected 0x0 or 0x1", row.flags);
      return {};
    case TraceEvent::wait:
      return counted(1);
    case TraceEvent::read:
    case TraceEvent::write:
    case TraceEvent::fetch:
      if (auto complaint = alignment_complaint("address", row.address))
        return complaint;
      return range_complaint("page", row.address, page_size);
    case TraceEvent::alloc_vm_area_struct:
    case TraceEvent::alloc_anon_vma:
    case TraceEvent::alloc_anon_vma_chain:
      return counted(0);
    case TraceEvent::start:
    case TraceEvent::thread:
    case TraceEvent::exec:
    case TraceEvent::exit_thread:
    case TraceEvent::exit:
      break;
  }
  return {};
}

// ---- memory ----

void TraceValidator::State::use(std::uint64_t begin, std::uint64_t size)
{
  if (size > 0)
    blocks.add(begin / kBlock, (begin + size + kBlock - 1) / kBlock);
}

void TraceValidator::State::count_ranges(const Mm& mm, std::uint64_t before)
{
  const std::uint64_t more = mm.space.ranges().size() - before;  // modulo 2^64: or fewer
  live_ranges += more;
  live_links += more * mm.generation;
  needs.peak_ranges = std::max(needs.peak_ranges, live_ranges);
  needs.peak_links = std::max(needs.peak_links, live_links);
}

void TraceValidator::State::add_tables(Mm& mm, std::uint64_t begin, std::uint64_t past)
{
  const std::uint64_t mapped_by_one = page_size * page_size / kTableEntry;
  const std::uint64_t first = begin / mapped_by_one;
  const std::uint64_t beyond = (past + mapped_by_one - 1) / mapped_by_one;
  if (first == mm.last_table && beyond == first + 1)
    return;
  mm.last_table = beyond - 1;
  if (beyond == first + 1 && mm.tables->contains(first))
    return;
  if (mm.tables.use_count() > 1)
    mm.tables = std::make_shared<PageSet>(*mm.tables);
  live_tables += mm.tables->add(first, beyond);
  needs.peak_table_pages = std::max(needs.peak_table_pages, live_tables);
}

// The addresses of the transparent huge page that a write there may take, or just of the page.
std::pair<std::uint64_t, std::uint64_t> TraceValidator::State::huge_page_at(
    const Mm& mm, std::uint64_t address) const
{
  const std::uint64_t size = page_size * page_size / kTableEntry;
  const std::uint64_t begin = address / size * size;
  const std::pair<std::uint64_t, std::uint64_t> page = {address, address + page_size};
  if (huge_pages == HugePages::never || mm.no_huge_pages)
    return page;
  // Neighbours of equal attributes are one VMA for the kernel.
  const auto& ranges = mm.space.ranges();
  auto at = mm.space.find(begin);
  for (std::uint64_t seen = begin; seen < begin + size; ++at) {
    if (at == ranges.end() || at->first > seen || at->second.file != 0 ||
        mapping_type(at->second.flags) != MAP_PRIVATE || !(at->second.prot & PROT_WRITE) ||
        at->second.huge == MappedRange::Huge::refused ||
        (huge_pages == HugePages::advised && at->second.huge != MappedRange::Huge::advised))
      return page;
    seen = at->second.end;
  }
  return {begin, begin + size};
}

// Pages [begin, past) of a range that begins at `at` are there from now on.
void TraceValidator::State::hold(Mm& mm, const MappedRange& range, std::uint64_t at,
                                 std::uint64_t begin, std::uint64_t past, bool write)
{
  add_tables(mm, begin, past);
  // A private page of a file is a copy of the file's, which is there, too.
  if (range.file != 0) {
    const std::uint64_t first = (range.offset + (begin - at)) / page_size;
    needs.file_pages += file_pages[range.file].add(first, first + (past - begin) / page_size);
  }
  if (write && mapping_type(range.flags) != MAP_SHARED &&
      mapping_type(range.flags) != MAP_SHARED_VALIDATE) {
    mm.written.write(begin / page_size, past / page_size);
    needs.peak_private_pages = std::max(needs.peak_private_pages, private_pages);
  }
}

bool TraceValidator::State::touch(const TraceRow& row, Mm& mm)
{
  const MappedRange* range = mm.space.touch(row.address, row.event);
  if (!range)
    return false;
  const bool write = row.event == TraceEvent::write;
  auto [begin, past] = std::pair(row.address, row.address + page_size);
  if (write && range->file == 0 &&
      (range->huge == MappedRange::Huge::advised || huge_pages == HugePages::always))
    std::tie(begin, past) = huge_page_at(mm, row.address);
  hold(mm, *range, mm.space.find(row.address)->first, begin, past, write);
  use(row.address, page_size);
  return true;
}

// What MAP_POPULATE, mlock() and MADV_POPULATE_WRITE do (populate_vma_page_range(), mm/gup.c).
void TraceValidator::State::fill(Mm& mm, std::uint64_t begin, std::uint64_t past, bool write)
{
  const auto& ranges = mm.space.ranges();
  auto at = ranges.upper_bound(begin);
  if (at != ranges.begin())
    --at;
  for (; at != ranges.end() && at->first < past; ++at) {
    const std::uint64_t from = std::max(at->first, begin);
    const std::uint64_t to = std::min(at->second.end, past);
    if (from < to && at->second.prot != PROT_NONE)
      hold(mm, at->second, at->first, from, to, write && (at->second.prot & PROT_WRITE));
  }
}

// A failed call of these fills what it can before it fails, and the replay's may not fail.
void TraceValidator::State::fill_for(const TraceRow& row, Mm& mm, std::uint64_t old_break)
{
  const auto result = static_cast<std::uint64_t>(row.result);
  auto is_locked = [&mm](std::uint64_t address) {
    const auto at = mm.space.find(address);
    return at != mm.space.ranges().end() && at->second.locked;
  };
  auto rounded = [&](auto fill_range) {
    if (!fits(row.address, row.length))
      return;
    const std::uint64_t begin = row.address / page_size * page_size;
    fill_range(begin, mm.space.page_up(row.address + row.length));
  };
  switch (row.event) {
    case TraceEvent::vma:
      if (row.flags & MAP_LOCKED)
        fill(mm, row.address, row.address + row.length, true);
      return;
    case TraceEvent::mmap:
      if (row.result >= 0 && ((row.flags & (MAP_POPULATE | MAP_LOCKED)) || is_locked(result)) &&
          !((row.flags & MAP_NONBLOCK) && !is_locked(result)))
        fill(mm, result, result + mm.space.page_up(row.length), true);
      return;
    case TraceEvent::mremap:
      if (row.result >= 0 && is_locked(result))
        fill(mm, result, result + mm.space.page_up(row.new_length), true);
      return;
    case TraceEvent::brk:
      if (result > old_break && is_locked(mm.space.page_up(old_break)))
        fill(mm, mm.space.page_up(old_break), mm.space.page_up(result), true);
      return;
    case TraceEvent::mprotect:
    case TraceEvent::pkey_mprotect:
      if (row.result == 0 && row.prot & PROT_WRITE && is_locked(row.address))
        fill(mm, row.address, row.address + mm.space.page_up(row.length), true);
      return;
    case TraceEvent::mlock:
    case TraceEvent::mlock2:
      if (row.event == TraceEvent::mlock || !(row.flags & MLOCK_ONFAULT))
        rounded([&](std::uint64_t begin, std::uint64_t past) { fill(mm, begin, past, true); });
      return;
    case TraceEvent::mlockall:
      if (row.result == 0 && (row.flags & MCL_CURRENT) && !(row.flags & MCL_ONFAULT))
        fill(mm, 0, end, true);
      return;
    case TraceEvent::madvise:
      if (row.flags == kMadvPopulateRead || row.flags == kMadvPopulateWrite ||
          row.flags == kMadvCollapse)
        rounded([&](std::uint64_t begin, std::uint64_t past) {
          fill(mm, begin, past, row.flags != kMadvPopulateRead);
        });
      return;
    default:
      return;
  }
}

Complaint TraceValidator::State::memory(const TraceRow& row, Mm& mm)
{
  const auto result = static_cast<std::uint64_t>(row.result);
  const std::uint64_t length = mm.space.page_up(row.length);
  const std::uint64_t first = row.address / page_size;
  const std::uint64_t last = (row.address + length) / page_size;
  const std::size_t before = mm.space.ranges().size();
  const std::uint64_t pages_before = private_pages;
  const auto old_break = mm.space.program_break();
  switch (row.event) {
    case TraceEvent::vma:
      if (!(row.flags & kVmaSpecial))
        use(row.address, length);
      break;
    case TraceEvent::mmap:
      if (row.result >= 0) {
        use(result, length);
        mm.written.forget(result / page_size, (result + length) / page_size);
      }
      break;
    case TraceEvent::munmap:
      if (row.result == 0)
        mm.written.forget(first, last);
      break;
    case TraceEvent::madvise:
      if (row.result == 0 && (row.flags == MADV_DONTNEED || row.flags == MADV_REMOVE ||
                              row.flags == MADV_FREE || row.flags == kMadvDontneedLocked))
        mm.written.forget(first, last);
      break;
    case TraceEvent::mremap:
      if (row.result >= 0) {
        const std::uint64_t kept = std::min(length, mm.space.page_up(row.new_length)) / page_size;
        use(result, mm.space.page_up(row.new_length));
        if (result != row.address) {
          mm.written.forget(result / page_size, result / page_size + kept);
          mm.written.move(first, first + kept, result / page_size);
        }
        if (last > first + kept)
          mm.written.forget(first + kept, last);
      }
      break;
    case TraceEvent::uffd_move:
      if (row.result > 0)
        mm.written.move(first, first + result / page_size, row.new_address / page_size);
      break;
    default:
      break;
  }
  const std::uint64_t from = old_break.value_or(result);
  if (row.event != TraceEvent::vma || !(row.flags & kVmaSpecial)) {
    mm.space.apply(row);
    fill_for(row, mm, from);
  }
  if (row.event == TraceEvent::prctl && row.flags == PR_SET_THP_DISABLE && row.result == 0)
    mm.no_huge_pages = row.address != 0;
  if (row.event == TraceEvent::brk) {
    use(std::min(from, result), std::max(from, result) - std::min(from, result));
  }
  count_ranges(mm, before);
  if (private_pages > pages_before)
    needs.peak_private_pages = std::max(needs.peak_private_pages, private_pages);
  if (live_ranges > kMaxLiveRanges)
    return fmt::format("more than {} ranges are mapped", kMaxLiveRanges);
  return {};
}

// ---- effect ----

Complaint TraceValidator::State::act(const TraceRow& row, std::uint64_t line, RowNotes& notes)
{
  Process& actor = process(row.process);
  if (row.file > highest_file) {
    highest_file = row.file;
    highest_file_line = line;
  }
  if (actor.used) {
    actor.used->add_row(row, page_size, actor.program_break);
    if (!actor.used->fit())
      return fmt::format("the address space takes more than the {} GiB that a replay has",
                         (kReplayArenaEnd - kReplayArenaBegin) >> 30);
  }
  if (row.event == TraceEvent::vma)
    actor.listed_until = row.flags & kVmaSpecial ? actor.listed_until : row.address + row.length;
  else
    actor.listing = false;
  switch (row.event) {
    case TraceEvent::start:
      new_mm(actor);
      return {};
    case TraceEvent::exec:
      end_threads_but(actor, row.thread);
      new_mm(actor);
      return {};
    case TraceEvent::fork:
      return fork(row);
    case TraceEvent::thread:
      if (row.result < 0)
        return {};
      if (static_cast<std::uint64_t>(row.result) > threads.size() + 1)
        return fmt::format("new thread is {}, expected {}: numbers are in order of birth",
                           row.result, threads.size() + 1);
      return add_thread(static_cast<std::uint32_t>(row.result), row.process);
    case TraceEvent::wait: {
      if (static_cast<std::uint64_t>(row.result) > processes.size())
        return fmt::format("process {} is reaped, expected one that was born before", row.result);
      Process& child = process(static_cast<std::uint32_t>(row.result));
      if (!child.ended || child.reaped)
        return fmt::format("process {} is reaped {}", row.result,
                           child.reaped ? "twice" : "before its exit");
      child.reaped = true;
      return {};
    }
    case TraceEvent::exit_thread:
      if (actor.live.size() == 1)
        return fmt::format("thread {} is the last of process {}, expected exit", row.thread,
                           row.process);
      end_thread(actor, row.thread);
      return {};
    case TraceEvent::exit:
      end_threads_but(actor, 0);
      drop_mm(actor);
      actor.ended = true;
      --live_processes;
      return {};
    case TraceEvent::read:
    case TraceEvent::write:
    case TraceEvent::fetch:
      if (!touch(row, *actor.mm)) {
        notes.dropped = true;
        ++needs.dropped_touches;
      }
      return {};
    case TraceEvent::mmap:
    case TraceEvent::vma: {
      TraceRow named = row;
      const bool private_memory =
          (row.flags & MAP_ANONYMOUS) && mapping_type(row.flags) != MAP_SHARED;
      if (row.file == 0 && row.result >= 0 && !private_memory && !(row.flags & kVmaSpecial))
        named.file = kUnnamedFiles + unnamed_files++;
      if (named.file != 0 && file_pages.try_emplace(named.file).second)
        ++needs.files;
      return memory(named, *actor.mm);
    }
    default:
      return memory(row, *actor.mm);
  }
}

TraceValidator::TraceValidator(std::string name, const TraceHeader& header, HugePages huge_pages)
    : state_(std::make_unique<State>())
{
  state_->huge_pages = huge_pages;
  state_->name = std::move(name);
  state_->page_size = header.page_size;
  state_->end = address_end(header);
}

TraceValidator::~TraceValidator() = default;

Result<RowNotes> TraceValidator::add(const TraceRow& row, std::uint64_t line)
{
  State& state = *state_;
  RowNotes notes;
  auto complaint = state.check_actor(row);
  if (!complaint)
    complaint = state.check(row);
  if (!complaint)
    complaint = state.act(row, line, notes);
  if (complaint)
    return trace_error(state.name, line, *complaint);
  ++state.rows;
  ++state.needs.rows_by_event[static_cast<std::size_t>(row.event)];
  state.needs.peak_vmas = std::max(state.needs.peak_vmas, row.vmas);
  return notes;
}

Result<TraceNeeds> TraceValidator::finish()
{
  if (state_->processes.empty())
    return Error{.code = Errc::parse,
                 .context = state_->name + ": trace has no rows, expected start or exec first"};
  // They are given in order of appearance, so what a replay allocates for them is bounded by rows.
  if (state_->highest_file > state_->rows + 1)
    return trace_error(state_->name, state_->highest_file_line,
                       fmt::format("file is {}, expected a number not above that of rows, {}",
                                   state_->highest_file, state_->rows));
  TraceNeeds needs = state_->needs;
  needs.rows = state_->rows;
  needs.page_size = static_cast<std::uint32_t>(state_->page_size);
  for (const auto& [begin, end] : state_->blocks.as_runs())
    needs.address_blocks.push_back({.begin = begin * kBlock, .end = end * kBlock});
  return needs;
}

std::uint64_t TraceNeeds::memory_bytes() const
{
  // A task: kernel stack, task_struct, our own two pages of stack. A process besides: mm, signal
  // handlers, the player's page tables. A VMA with its place in a tree and an anon_vma; an AVC.
  constexpr std::uint64_t kTask = 48 << 10, kProcess = 64 << 10, kRange = 512, kLink = 64;
  // A trace may ask for more than 2^64.
  const double bytes =
      (static_cast<double>(peak_pages()) + static_cast<double>(peak_table_pages)) * page_size +
      static_cast<double>(peak_threads * kTask + peak_processes * kProcess + peak_ranges * kRange) +
      static_cast<double>(peak_links) * static_cast<double>(kLink);
  constexpr double kMost = 1ull << 62;
  return static_cast<std::uint64_t>(std::min(bytes, kMost));
}

Result<TraceNeeds> validate_trace(const std::string& name, const Trace& trace, HugePages huge_pages,
                                  std::vector<std::uint32_t>* outside)
{
  TraceValidator validator(name, trace.header, huge_pages);
  for (std::uint32_t i = 0; i < trace.rows.size(); ++i) {
    if (interrupted())
      return interrupted_error();
    const auto good = validator.add(trace.rows[i], trace.first_line + i);
    if (!good)
      return good.error();
    if (good->dropped && outside)
      outside->push_back(i);
  }
  return validator.finish();
}

std::size_t readable_rows(const Trace& trace, std::string& why)
{
  TraceValidator validator("row", trace.header);
  std::size_t rows = 0;
  for (; rows < trace.rows.size() && rows < kMaxTraceRows; ++rows)
    if (const auto good = validator.add(trace.rows[rows], rows + 1); !good) {
      why = good.error().context;
      return rows;
    }
  if (rows < trace.rows.size())
    why = fmt::format("a trace has at most {} rows", kMaxTraceRows);
  return rows;
}

Result<TraceNeeds> validate_trace_file(const std::filesystem::path& path, HugePages huge_pages)
{
  auto reader = TraceReader::open(path);
  if (!reader)
    return reader.error();
  TraceValidator validator(reader->name(), reader->header(), huge_pages);
  const auto read = each_row(*reader, [&](const TraceRow& row, std::uint64_t line) -> Result<> {
    if (auto good = validator.add(row, line); !good)
      return good.error();
    return ok();
  });
  return read ? validator.finish() : Result<TraceNeeds>(read.error());
}

}  // namespace rmaplab
