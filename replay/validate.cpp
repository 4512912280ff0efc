// SPDX-License-Identifier: GPL-2.0-only
#include "replay/validate.h"

#include <fmt/format.h>
#include <linux/prctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <optional>

#include "replay/address_space.h"
#include "replay/trace_io.h"

namespace rmaplab
{

namespace
{

constexpr std::uint64_t kBlock = 2 << 20;
// In Linux 6.4 and later; not in the headers of Debian 12.
constexpr std::uint64_t kPrSetMemoryMerge = 67;
constexpr std::uint64_t kMadvDontneedLocked = 24;  // Linux 5.18

std::uint64_t mapping_type(std::uint64_t flags)
{
  return flags & MAP_TYPE;
}

// An mm: a process made with CLONE_VM shares its parent's.
struct Mm {
  AddressSpace space;
  WrittenPages written;
};

struct Process {
  std::shared_ptr<Mm> mm;
  std::vector<std::uint32_t> live;  // its threads
  bool listing = false;             // vma rows may come
  std::uint64_t listed_until = 0;   // end of the last one
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
  std::uint32_t live_processes = 0;
  std::uint32_t live_threads = 0;
  std::uint64_t live_ranges = 0;
  std::map<std::uint32_t, PageSet> file_pages;
  PageSet blocks;  // in units of kBlock
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
  Complaint check(const TraceRow& row) const;
  Complaint check_mmap(const TraceRow& row) const;
  Complaint check_mremap(const TraceRow& row) const;
  Complaint act(const TraceRow& row, RowNotes& notes);
  Complaint fork(const TraceRow& row);
  Complaint add_thread(std::uint32_t number, std::uint32_t process_number);
  void end_thread(Process& process, std::uint32_t number);
  void end_threads_but(Process& process, std::uint32_t kept);
  void new_mm(Process& process);
  void drop_mm(Process& process);
  Complaint memory(const TraceRow& row, Mm& mm);
  bool touch(const TraceRow& row, Mm& mm);
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
    processes.emplace_back();
    live_processes = needs.processes = needs.peak_processes = 1;
    return add_thread(1, 1);
  }
  if (row.event == TraceEvent::start)
    return "start is there again, expected it as the first row only";
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

Complaint TraceValidator::State::add_thread(std::uint32_t number, std::uint32_t process_number)
{
  if (number != threads.size() + 1)
    return fmt::format("new thread is {}, expected {}: numbers are in order of birth", number,
                       threads.size() + 1);
  if (live_threads == kMaxLiveThreads)
    return fmt::format("more than {} threads are alive", kMaxLiveThreads);
  threads.push_back({.process = process_number});
  process(process_number).live.push_back(number);
  ++live_threads;
  ++needs.threads;
  needs.peak_threads = std::max(needs.peak_threads, live_threads);
  return {};
}

void TraceValidator::State::end_thread(Process& process, std::uint32_t number)
{
  threads[number - 1].ended = true;
  std::erase(process.live, number);
  --live_threads;
}

// exec and exit end the other threads, whose own ends may have been recorded or not.
void TraceValidator::State::end_threads_but(Process& process, std::uint32_t kept)
{
  const std::vector<std::uint32_t> live = process.live;
  for (const std::uint32_t number : live)
    if (number != kept)
      end_thread(process, number);
}

void TraceValidator::State::drop_mm(Process& process)
{
  if (process.mm && process.mm.use_count() == 1)
    live_ranges -= process.mm->space.ranges().size();
  process.mm.reset();
}

void TraceValidator::State::new_mm(Process& process)
{
  drop_mm(process);
  process.mm = std::make_shared<Mm>(
      Mm{.space = AddressSpace(page_size), .written = WrittenPages(private_pages)});
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
  Process child;
  if (row.flags == 1) {
    child.mm = process(row.process).mm;
  } else {
    child.mm = std::make_shared<Mm>(Mm{.space = mm.space.forked(), .written = mm.written.fork()});
    live_ranges += child.mm->space.ranges().size();
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
  // A length that no address space has is refused by every kernel, at no cost: malloc() asks
  // for such.
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 63;
  const bool fixed = row.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
  if (row.result < 0) {
    if (row.length >= kLargest)
      return fmt::format("length is {}, expected less than 2^63", row.length);
    return range_complaint("mapping", row.address, fixed ? row.length : 0);
  }
  const auto result = static_cast<std::uint64_t>(row.result);
  if (row.length == 0)
    return "length of an mmap that succeeded is 0";
  if (auto complaint = range_complaint("mapping", result, row.length))
    return complaint;
  if (auto complaint = range_complaint("hint", row.address, 0))
    return complaint;
  if (fixed && result != row.address)
    return fmt::format("result is {:#x}, expected the fixed address {:#x}", result, row.address);
  return alignment_complaint("result", result);
}

Complaint TraceValidator::State::check_mremap(const TraceRow& row) const
{
  for (auto complaint : {range_complaint("old range", row.address, row.length),
                         range_complaint("new range", row.new_address, row.new_length)})
    if (complaint)
      return complaint;
  if (row.result < 0)
    return {};
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

Complaint TraceValidator::State::check(const TraceRow& row) const
{
  const TraceEventShape& shape = shape_of(row.event);
  if (shape.columns & bit(TraceColumn::result) && row.result < -kMaxErrno)
    return fmt::format("result is {}, expected no less than {}", row.result, -kMaxErrno);
  auto whole_call = [&](bool must_align) -> Complaint {
    if (auto complaint = range_complaint("range", row.address, row.length))
      return complaint;
    if (row.result > 0)
      return fmt::format("result is {}, expected 0 or a negative errno", row.result);
    if (must_align && row.result == 0)
      return alignment_complaint("address", row.address);
    return {};
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
      if (row.flags == PR_SET_VMA)
        return range_complaint("range", row.length, row.new_length);
      return {};
    case TraceEvent::uffd_move:
      for (auto complaint : {range_complaint("source", row.address, row.length),
                             range_complaint("destination", row.new_address, row.length)})
        if (complaint)
          return complaint;
      if (row.result < 0)
        return {};
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

bool TraceValidator::State::touch(const TraceRow& row, Mm& mm)
{
  const MappedRange* range = mm.space.touch(row.address, row.event);
  if (!range)
    return false;
  const bool write = row.event == TraceEvent::write;
  if (write && mapping_type(range->flags) == MAP_PRIVATE) {
    mm.written.write(row.address / page_size);
    needs.peak_private_pages = std::max(needs.peak_private_pages, private_pages);
  } else if (range->file != 0) {
    // Its place in the file, which pages of other processes share.
    const auto at = std::prev(mm.space.ranges().upper_bound(row.address));
    const std::uint64_t offset = range->offset + (row.address - at->first);
    if (file_pages[range->file].add(offset / page_size))
      ++needs.file_pages;
  }
  use(row.address, page_size);
  return true;
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
  if (row.event != TraceEvent::vma || !(row.flags & kVmaSpecial))
    mm.space.apply(row);
  if (row.event == TraceEvent::brk) {
    const std::uint64_t from = old_break.value_or(result);
    use(std::min(from, result), std::max(from, result) - std::min(from, result));
  }
  live_ranges += mm.space.ranges().size() - before;
  if (private_pages > pages_before)
    needs.peak_private_pages = std::max(needs.peak_private_pages, private_pages);
  if (live_ranges > kMaxLiveRanges)
    return fmt::format("more than {} ranges are mapped", kMaxLiveRanges);
  return {};
}

// ---- effect ----

Complaint TraceValidator::State::act(const TraceRow& row, RowNotes& notes)
{
  Process& actor = process(row.process);
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
    default:
      return memory(row, *actor.mm);
  }
}

TraceValidator::TraceValidator(std::string name, const TraceHeader& header)
    : state_(std::make_unique<State>())
{
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
    complaint = state.act(row, notes);
  if (complaint)
    return trace_error(state.name, line, *complaint);
  ++state.needs.rows_by_event[static_cast<std::size_t>(row.event)];
  state.needs.peak_vmas = std::max(state.needs.peak_vmas, row.vmas);
  return notes;
}

Result<TraceNeeds> TraceValidator::finish()
{
  if (state_->processes.empty())
    return Error{.code = Errc::parse,
                 .context = state_->name + ": trace has no rows, expected start or exec first"};
  TraceNeeds needs = state_->needs;
  for (const auto& [begin, end] : state_->blocks.as_runs())
    needs.address_blocks.push_back({.begin = begin * kBlock, .end = end * kBlock});
  return needs;
}

Result<TraceNeeds> validate_trace(const std::string& name, const Trace& trace)
{
  TraceValidator validator(name, trace.header);
  std::uint64_t line = trace.first_line;
  for (const TraceRow& row : trace.rows)
    if (auto good = validator.add(row, line++); !good)
      return good.error();
  return validator.finish();
}

Result<TraceNeeds> validate_trace_file(const std::filesystem::path& path)
{
  auto reader = TraceReader::open(path);
  if (!reader)
    return reader.error();
  TraceValidator validator(reader->name(), reader->header());
  TraceRow row;
  for (;;) {
    const auto more = reader->next(row);
    if (!more)
      return more.error();
    if (!*more)
      return validator.finish();
    if (auto good = validator.add(row, reader->line()); !good)
      return good.error();
  }
}

}  // namespace rmaplab
