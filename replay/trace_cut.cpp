// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace_cut.h"

#include <fmt/format.h>
#include <linux/prctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "replay/vma_model.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif

namespace rmaplab
{

namespace
{

bool is_allocation(TraceEvent event)
{
  return event == TraceEvent::alloc_vm_area_struct || event == TraceEvent::alloc_anon_vma ||
         event == TraceEvent::alloc_anon_vma_chain;
}

void add_note(TraceHeader& header, const std::string& note)
{
  header.note += header.note.empty() ? note : "; " + note;
}

// ---- one process ----

// A process that is kept, for as long as it is of use.
struct Kept {
  std::uint32_t number = 0;
  std::uint32_t mm = 0;
  bool active = false;     // what it does is what is asked for
  bool asked_for = false;  // the process itself, or of its ancestors or its tree
  bool listing = false;    // its VMAs follow
  bool lost_rows = false;  // of this life
  bool ended = false;
  std::vector<std::uint32_t> threads;  // alive, by their new numbers
};

class ProcessCut
{
 public:
  ProcessCut(const Trace& trace, std::uint32_t process, bool tree)
      : trace_(trace), process_(process), tree_(tree)
  {
  }

  Result<Trace> run()
  {
    if (auto good = find_family(); !good)
      return good.error();
    out_.header = trace_.header;
    bear(1, 1);
    for (const TraceRow& row : trace_.rows)
      add(row);
    const std::size_t ancestors = chain_.size();
    std::string note = fmt::format("cut to process {}", process_);
    if (tree_)
      note += " and its descendants";
    note += fmt::format(": {} of {} rows, {} of {} processes", out_.rows.size(), trace_.rows.size(),
                        processes_, all_processes_);
    if (ancestors > 0)
      note += fmt::format(", {} ancestors until they forked", ancestors);
    if (helpers_ > 0)
      note += fmt::format(", {} that shared memory end at their exec", helpers_);
    note += fmt::format("; it is process {} now", of_.at(process_).number);
    add_note(out_.header, note);
    return std::move(out_);
  }

 private:
  Result<> find_family()
  {
    std::map<std::uint32_t, std::uint32_t> parents;
    all_processes_ = 1;
    for (const TraceRow& row : trace_.rows)
      if (row.event == TraceEvent::fork && row.result > 0) {
        parents[static_cast<std::uint32_t>(row.result)] = row.process;
        ++all_processes_;
      }
    if (process_ != 1 && !parents.contains(process_))
      return Error{.code = Errc::usage,
                   .context = fmt::format("the trace has no process {}", process_)};
    for (std::uint32_t at = process_; at != 1;) {
      const std::uint32_t parent = parents.at(at);
      next_in_chain_[parent] = at;
      chain_.insert(parent);
      at = parent;
    }
    asked_for_ = chain_;
    asked_for_.insert(process_);
    if (tree_)  // numbers are in order of birth
      for (const auto& [child, parent] : parents)
        if (parent == process_ || (asked_for_.contains(parent) && !chain_.contains(parent)))
          asked_for_.insert(child);
    return ok();
  }

  void bear(std::uint32_t process, std::uint32_t thread)
  {
    Kept& kept = of_[process];
    kept.number = ++processes_;
    kept.asked_for = kept.active = asked_for_.contains(process);
    kept.threads = {++threads_};
    number_of_thread_[thread] = threads_;
  }

  // Whether anybody who is asked for has this memory.
  bool is_relevant(const Kept& kept) const
  {
    if (kept.active)
      return true;
    const auto found = active_mms_.find(kept.mm);
    return found != active_mms_.end() && found->second > 0;
  }
  void set_mm(Kept& kept, std::uint32_t mm)
  {
    if (kept.active && kept.mm)
      --active_mms_[kept.mm];
    kept.mm = mm;
    if (kept.active)
      ++active_mms_[mm];
  }
  void deactivate(Kept& kept)
  {
    if (!kept.active)
      return;
    kept.active = false;
    if (--active_mms_[kept.mm] == 0)
      active_mms_.erase(kept.mm);
  }

  std::uint32_t thread_of(const TraceRow& row, const Kept& kept) const
  {
    const auto found = number_of_thread_.find(row.thread);
    if (found != number_of_thread_.end() &&
        std::find(kept.threads.begin(), kept.threads.end(), found->second) != kept.threads.end())
      return found->second;
    return kept.threads.front();
  }

  TraceRow& put(const TraceRow& row, const Kept& kept)
  {
    TraceRow& added = out_.rows.emplace_back(row);
    added.process = kept.number;
    added.thread = thread_of(row, kept);
    return added;
  }

  void end(const TraceRow& row, Kept& kept)
  {
    TraceRow& exit =
        put({.time_ns = row.time_ns, .thread = row.thread, .event = TraceEvent::exit}, kept);
    // Of a life that lost rows the count is another one.
    exit.vmas = row.event == TraceEvent::exit && !kept.lost_rows ? row.vmas : -1;
    deactivate(kept);
    kept.ended = true;
  }

  void add(const TraceRow& row)
  {
    const auto found = of_.find(row.process);
    if (found == of_.end() || found->second.ended)
      return;
    Kept& kept = found->second;
    const bool relevant = is_relevant(kept);
    switch (row.event) {
      case TraceEvent::exec:
      case TraceEvent::start: {
        if (!kept.asked_for) {
          ++helpers_;
          return end(row, kept);
        }
        const TraceRow& added = put(row, kept);
        kept.threads = {added.thread};
        set_mm(kept, ++mms_);
        kept.listing = true;
        kept.lost_rows = false;
        return;
      }
      case TraceEvent::vma:
        if (kept.listing)
          put(row, kept);
        return;
      case TraceEvent::exit:
        return end(row, kept);
      case TraceEvent::fork:
        kept.listing = false;
        return fork(row, kept, relevant);
      default:
        break;
    }
    kept.listing = false;
    if (is_allocation(row.event)) {
      if (kept.active && !kept.lost_rows)
        put(row, kept);
      return;
    }
    if (!relevant) {
      kept.lost_rows = true;
      return;
    }
    switch (row.event) {
      case TraceEvent::thread: {
        TraceRow& added = put(row, kept);
        if (row.result <= 0)
          return;
        added.result = ++threads_;
        number_of_thread_[static_cast<std::uint32_t>(row.result)] = threads_;
        kept.threads.push_back(threads_);
        return;
      }
      case TraceEvent::exit_thread:
        if (kept.threads.size() > 1)
          std::erase(kept.threads, put(row, kept).thread);
        return;
      case TraceEvent::wait: {
        const auto child = of_.find(static_cast<std::uint32_t>(row.result));
        if (child != of_.end() && child->second.ended && reaped_.insert(child->first).second)
          put(row, kept).result = child->second.number;
        return;
      }
      default:
        put(row, kept);
    }
  }

  void fork(const TraceRow& row, Kept& kept, bool relevant)
  {
    const auto child = static_cast<std::uint32_t>(row.result);
    const bool shares = row.flags & 1;
    const bool wanted = row.result > 0 && asked_for_.contains(child);
    if (!wanted && !(relevant && (row.result <= 0 || shares))) {
      kept.lost_rows = true;
      return;
    }
    TraceRow& added = put(row, kept);
    if (row.result <= 0)
      return;
    const std::uint32_t mm = kept.mm;
    bear(child, static_cast<std::uint32_t>(row.length));
    Kept& born = of_.at(child);
    added.result = born.number;
    added.length = born.threads.front();
    set_mm(born, shares ? mm : ++mms_);
    const auto next = next_in_chain_.find(row.process);
    if (next != next_in_chain_.end() && next->second == child)
      deactivate(of_.at(row.process));
  }

  const Trace& trace_;
  const std::uint32_t process_;
  const bool tree_;
  Trace out_;
  std::set<std::uint32_t> chain_;  // ancestors
  std::map<std::uint32_t, std::uint32_t> next_in_chain_;
  std::set<std::uint32_t> asked_for_;
  std::map<std::uint32_t, Kept> of_;  // by the number that it had
  std::map<std::uint32_t, std::uint32_t> number_of_thread_;
  std::map<std::uint32_t, std::uint32_t> active_mms_;
  std::set<std::uint32_t> reaped_;
  std::uint32_t processes_ = 0;
  std::uint32_t threads_ = 0;
  std::uint32_t mms_ = 0;
  std::uint64_t all_processes_ = 0;
  std::uint64_t helpers_ = 0;
};

// ---- a window ----

struct Living {
  std::shared_ptr<VmaModel> model;
  std::vector<std::uint32_t> threads;
};

// The first row of the window and what is there then.
class Before
{
 public:
  explicit Before(const Trace& trace)
  {
    rules_.page_size = trace.header.page_size;
    rules_.faults_known = std::any_of(trace.rows.begin(), trace.rows.end(),
                                      [](const TraceRow& row) { return is_touch(row.event); });
    living_[1] = {.model = fresh(), .threads = {1}};
  }

  void add(const TraceRow& row)
  {
    Living& actor = living_[row.process];
    switch (row.event) {
      case TraceEvent::start:
      case TraceEvent::exec:
        actor.model = fresh();
        actor.threads = {row.thread};
        return;
      case TraceEvent::fork: {
        if (row.result <= 0)
          return;
        Living child = {.model = actor.model, .threads = {static_cast<std::uint32_t>(row.length)}};
        if (!(row.flags & 1))
          child.model = std::make_shared<VmaModel>(actor.model->forked());
        living_[static_cast<std::uint32_t>(row.result)] = std::move(child);
        return;
      }
      case TraceEvent::thread:
        if (row.result > 0)
          actor.threads.push_back(static_cast<std::uint32_t>(row.result));
        return;
      case TraceEvent::exit_thread:
        std::erase(actor.threads, row.thread);
        return;
      case TraceEvent::exit:
        living_.erase(row.process);
        return;
      default:
        actor.model->apply(row, 0);
    }
  }

  const std::map<std::uint32_t, Living>& living() const { return living_; }

 private:
  std::shared_ptr<VmaModel> fresh() { return std::make_shared<VmaModel>(rules_, numbers_); }
  VmaRules rules_;
  VmaNumbers numbers_;
  std::map<std::uint32_t, Living> living_;
};

class TimeCut
{
 public:
  TimeCut(const Trace& trace, std::uint64_t from_ns, std::uint64_t to_ns)
      : trace_(trace), from_ns_(from_ns), to_ns_(to_ns)
  {
  }

  Result<Trace> run()
  {
    out_.header = trace_.header;
    for (const TraceRow& row : trace_.rows)
      last_file_ = std::max(last_file_, row.file);
    std::size_t first = 0;
    Before before(trace_);
    // A layout is one moment.
    for (;
         first < trace_.rows.size() && (trace_.rows[first].time_ns < from_ns_ ||
                                        (first > 0 && trace_.rows[first].event == TraceEvent::vma));
         ++first)
      before.add(trace_.rows[first]);
    std::size_t last = first;  // behind the last row
    for (std::size_t i = first; i < trace_.rows.size(); ++i)
      if (trace_.rows[i].time_ns <= to_ns_)
        last = i + 1;
    if (first == last)
      return Error{.code = Errc::usage,
                   .context = fmt::format("no row is from {:.6f} to {:.6f} s",
                                          static_cast<double>(from_ns_) * 1e-9,
                                          static_cast<double>(to_ns_) * 1e-9)};
    if (first > 0) {
      if (before.living().empty())
        return Error{.code = Errc::usage, .context = "no process is alive when the window begins"};
      begin(before);
    } else {
      number_process(1);
      number_thread(1);
    }
    for (std::size_t i = first; i < last; ++i)
      add(trace_.rows[i], first > 0);
    if (last < trace_.rows.size())
      out_.header.complete = false;
    std::string note = fmt::format("cut to {:.6f} to {:.6f} s: {} of {} rows",
                                   static_cast<double>(trace_.rows[first].time_ns) * 1e-9,
                                   static_cast<double>(trace_.rows[last - 1].time_ns) * 1e-9,
                                   last - first - dropped_, trace_.rows.size());
    if (first > 0)
      note += fmt::format(
          ", after {} rows for what was there: {} processes by a model of their VMAs, pages "
          "written before but one a VMA and who forked whom left out",
          begun_rows_, before.living().size());
    if (dropped_ > 0)
      note += fmt::format("; {} rows about what ended or was allocated before left out", dropped_);
    add_note(out_.header, note);
    return std::move(out_);
  }

 private:
  std::uint32_t number_process(std::uint32_t old) { return processes_[old] = ++last_process_; }
  std::uint32_t number_thread(std::uint32_t old) { return threads_[old] = ++last_thread_; }

  TraceRow& put(std::uint32_t process, std::uint32_t thread, TraceEvent event)
  {
    return out_.rows.emplace_back(TraceRow{.process = process, .thread = thread, .event = event});
  }

  void begin(const Before& before)
  {
    std::map<const VmaModel*, std::pair<std::uint32_t, std::uint32_t>> owner_of;
    std::uint32_t first_thread = 0;
    for (const auto& [old, living] : before.living()) {
      const std::uint32_t process = number_process(old);
      const std::uint32_t thread = number_thread(living.threads.front());
      partial_.insert(old);
      const auto owner = owner_of.find(living.model.get());
      if (process == 1) {
        first_thread = thread;
        put(process, thread, TraceEvent::start);
      } else {
        const bool shares = owner != owner_of.end();
        TraceRow& fork = shares ? put(owner->second.first, owner->second.second, TraceEvent::fork)
                                : put(1, first_thread, TraceEvent::fork);
        fork.result = process;
        fork.length = thread;
        fork.flags = shares ? 1 : 0;
        if (!shares)
          put(process, thread, TraceEvent::exec);
      }
      if (owner == owner_of.end()) {
        owner_of[living.model.get()] = {process, thread};
        lay_out(*living.model, process, thread);
      }
      for (std::size_t i = 1; i < living.threads.size(); ++i)
        put(process, thread, TraceEvent::thread).result = number_thread(living.threads[i]);
    }
    begun_rows_ = out_.rows.size();
  }

  void lay_out(const VmaModel& model, std::uint32_t process, std::uint32_t thread)
  {
    for (const auto& [begin, vma] : model.vmas()) {
      TraceRow& row = put(process, thread, TraceEvent::vma);
      row.address = begin;
      row.length = vma.end - begin;
      row.prot = vma.prot;
      row.flags = map_flags(vma);
      if (vma.file) {
        row.file = file_of(vma.file);
        row.offset = vma.page_offset * trace_.header.page_size;
      }
    }
    for (const auto& [begin, vma] : model.vmas())
      if (!(map_flags(vma) & kVmaSpecial))
        advise(vma, process, thread);
    if (const auto to = model.program_break())
      put(process, thread, TraceEvent::brk).result = static_cast<std::int64_t>(*to);
  }

  static std::uint64_t map_flags(const ModelVma& vma)
  {
    auto has = [&vma](VmaFlag flag) { return (vma.flags & bit(flag)) != 0; };
    std::uint64_t flags = has(VmaFlag::shared)      ? MAP_SHARED
                          : has(VmaFlag::droppable) ? MAP_DROPPABLE
                                                    : MAP_PRIVATE;
    if (!vma.file)
      flags |= MAP_ANONYMOUS;
    if (has(VmaFlag::grows_down))
      flags |= MAP_GROWSDOWN;
    if (has(VmaFlag::locked))
      flags |= MAP_LOCKED;
    if (has(VmaFlag::no_reserve))
      flags |= MAP_NORESERVE;
    if (has(VmaFlag::huge_tlb))
      flags |= MAP_HUGETLB;
    else if (has(VmaFlag::dont_expand))
      flags |= kVmaSpecial;
    if (vma.anon_vma)
      flags |= kVmaHasAnonVma;
    return flags;
  }

  // Calls that give a VMA what a `vma` row does not say.
  void advise(const ModelVma& vma, std::uint32_t process, std::uint32_t thread)
  {
    constexpr std::pair<VmaFlag, std::uint64_t> kAdvice[] = {
        {VmaFlag::sequential, MADV_SEQUENTIAL},   {VmaFlag::random, MADV_RANDOM},
        {VmaFlag::dont_fork, MADV_DONTFORK},      {VmaFlag::wipe_on_fork, MADV_WIPEONFORK},
        {VmaFlag::dont_dump, MADV_DONTDUMP},      {VmaFlag::huge_page, MADV_HUGEPAGE},
        {VmaFlag::no_huge_page, MADV_NOHUGEPAGE}, {VmaFlag::mergeable, MADV_MERGEABLE}};
    auto range = [&](TraceEvent event) -> TraceRow& {
      TraceRow& row = put(process, thread, event);
      row.address = vma.begin;
      row.length = vma.end - vma.begin;
      return row;
    };
    for (const auto& [flag, advice] : kAdvice)
      if (vma.flags & bit(flag) && !(vma.flags & bit(VmaFlag::droppable)))
        range(TraceEvent::madvise).flags = advice;
    if (vma.key) {
      TraceRow& row = range(TraceEvent::pkey_mprotect);
      row.prot = vma.prot;
      row.flags = vma.key;
    }
    if (vma.name) {
      TraceRow& row = put(process, thread, TraceEvent::prctl);
      row.flags = PR_SET_VMA;
      row.length = vma.begin;
      row.new_length = vma.end - vma.begin;
    }
  }

  // Shared memory without a number in the trace gets one.
  std::uint32_t file_of(std::uint64_t file)
  {
    if (file <= std::numeric_limits<std::uint32_t>::max())
      return static_cast<std::uint32_t>(file);
    const auto [at, is_new] = objects_.try_emplace(file, last_file_ + 1);
    if (is_new)
      ++last_file_;
    return at->second;
  }

  void add(const TraceRow& row, bool begun)
  {
    const bool life_began_before = begun && partial_.contains(row.process);
    if ((is_allocation(row.event) && life_began_before) ||
        (row.event == TraceEvent::wait &&
         !processes_.contains(static_cast<std::uint32_t>(row.result)))) {
      ++dropped_;
      return;
    }
    if (row.event == TraceEvent::exec)
      partial_.erase(row.process);
    TraceRow& added = out_.rows.emplace_back(row);
    added.time_ns -= std::min(added.time_ns, begun ? from_ns_ : 0);
    added.process = processes_.at(row.process);
    added.thread = threads_.at(row.thread);
    if (row.result <= 0)
      return;
    if (row.event == TraceEvent::fork) {
      added.result = number_process(static_cast<std::uint32_t>(row.result));
      added.length = number_thread(static_cast<std::uint32_t>(row.length));
    }
    if (row.event == TraceEvent::thread)
      added.result = number_thread(static_cast<std::uint32_t>(row.result));
    if (row.event == TraceEvent::wait)
      added.result = processes_.at(static_cast<std::uint32_t>(row.result));
  }

  const Trace& trace_;
  const std::uint64_t from_ns_;
  const std::uint64_t to_ns_;
  Trace out_;
  std::map<std::uint32_t, std::uint32_t> processes_;  // new numbers by those they had
  std::map<std::uint32_t, std::uint32_t> threads_;
  std::map<std::uint64_t, std::uint32_t> objects_;
  std::set<std::uint32_t> partial_;  // whose life began before
  std::uint32_t last_process_ = 0;
  std::uint32_t last_thread_ = 0;
  std::uint32_t last_file_ = 0;
  std::size_t begun_rows_ = 0;
  std::size_t dropped_ = 0;
};

}  // namespace

Result<Trace> cut_process(const Trace& trace, std::uint32_t process, bool tree)
{
  return ProcessCut(trace, process, tree).run();
}

Result<Trace> cut_time(const Trace& trace, std::uint64_t from_ns, std::uint64_t to_ns)
{
  return TimeCut(trace, from_ns, to_ns).run();
}

}  // namespace rmaplab
