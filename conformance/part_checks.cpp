// SPDX-License-Identifier: GPL-2.0-only
// Moves of a part of a VMA, of some pages, by every way there is: what each page holds, of the
// part, of what stays and of the neighbours, which VMAs there are, and all of it again after the
// pages were sent out and back.
//
// move_page_tables() goes table by table and entry by entry, and entries that are not present
// (swapped pages, pages under migration) take another path than those that are. A fault there
// may need one direction, one size, one end of the VMA and one page table's border to show. So
// the checks go through all of those (part_plan.h), some moves at a time in one process, each with
// page tables of its own. A move goes on:
//   away, walked through (paged out, sent to another node), home, away again, and to one page
//   above home, so that it overlaps the hole it left and overwrites a page that stayed.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <map>
#include <span>
#include <thread>

#include "base/unique_fd.h"
#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/part_plan.h"
#include "conformance/vma_oracle.h"
#include "conformance/walks.h"
#include "workloads/numa.h"
#include "workloads/pattern.h"
#include "workloads/processes.h"
#include "workloads/swap_space.h"

namespace rmaplab
{

namespace
{

enum class Way { plain, dontunmap, relocate };

constexpr struct {
  Way way;
  const char* name;
  int flags;  // beside MAYMOVE and FIXED
  const char* summary;
} kWays[] = {{Way::plain, "plain", 0, "mremap"},
             {Way::dontunmap, "dontunmap", MREMAP_DONTUNMAP, "mremap(MREMAP_DONTUNMAP)"},
             {Way::relocate, "relocate", kRelocateAnon, "mremap(MREMAP_RELOCATE_ANON)"}};

// Who moves memory that was written before the forks.
enum class Mover { alone, parent, child, heir };

constexpr struct {
  Mover mover;
  const char* name;
  const char* summary;
} kMovers[] = {{Mover::alone, "alone", "of a process alone"},
               {Mover::parent, "parent", "of a parent, whose child lives and keeps its own"},
               {Mover::child, "child", "of a fork child, whose parent keeps its own"},
               {Mover::heir, "heir", "of a fork child whose parent has exited"}};

struct Plan {
  Way way = Way::plain;
  Mover mover = Mover::alone;
  PageStates states = PageStates::present;
};

struct Slot {
  PartMove move;
  PartPlace place;
  std::vector<PageState> states;
  // What each mapped page holds: what touch() wrote there, or zeros (nullptr).
  std::map<std::size_t, const char*> memory;
};

int flags_of(Way way)
{
  return kWays[static_cast<std::size_t>(way)].flags;
}

const char* name_of_way(Way way)
{
  return kWays[static_cast<std::size_t>(way)].name;
}

std::size_t table_pages()
{
  return pmd_size() / page_size();
}

char* at(std::size_t page)
{
  return reinterpret_cast<char*>(kArenaBegin) + page * page_size();
}

std::size_t page_of(std::uint64_t address)
{
  return (address - kArenaBegin) / page_size();
}

std::size_t size_of(const Span& span)
{
  return span.end - span.begin;
}

// A thread that sends pages from node to node for as long as it is there.
class Migrator
{
 public:
  explicit Migrator(std::vector<char*> pages) : pages_(std::move(pages)), nodes_(must(two_nodes()))
  {
    thread_ = std::thread([this] {
      const struct sched_param ordinary = {};
      ::sched_setscheduler(0, SCHED_OTHER, &ordinary);
      for (int node = nodes_.away; !done_; node = node == nodes_.away ? nodes_.home : nodes_.away)
        send_once(pages_, node);
    });
  }
  Migrator(const Migrator&) = delete;
  Migrator& operator=(const Migrator&) = delete;
  ~Migrator() { stop(); }
  void stop()
  {
    done_ = true;
    if (thread_.joinable())
      thread_.join();
  }

 private:
  std::vector<char*> pages_;
  TwoNodes nodes_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

// Sleeps for a moment, so that the other thread is in the middle of its work when this one goes
// on; how many of the pages are under migration then. (Or swapped, where there is swap.)
std::size_t wait_for_migration(const char* at, std::size_t pages)
{
  const struct timespec moment = {.tv_sec = 0, .tv_nsec = 20'000};
  for (int tries = 0; tries < 4; ++tries) {
    ::nanosleep(&moment, nullptr);
    const auto entries = page_entries(at, pages);
    if (const auto met = std::ranges::count_if(entries, &PageEntry::swapped); met > 0)
      return static_cast<std::size_t>(met);
  }
  return 0;
}

// So that this one goes on as soon as it has slept enough.
void go_before_others()
{
  const struct sched_param soon = {.sched_priority = 1};
  static_cast<void>(::sched_setscheduler(0, SCHED_FIFO, &soon));
}

// Moves that are made at the same time in one process.
class Batch
{
 public:
  Batch(const Plan& plan, std::span<const PartMove> moves, std::size_t first_number,
        std::uint64_t seed, bool with_swap)
      : plan_(plan), with_swap_(with_swap), number_(first_number / kPartSlots)
  {
    for (const PartMove& move : moves) {
      const PartPlace place = place_of(move, slots_.size(), table_pages());
      slots_.push_back(
          {.move = move,
           .place = place,
           .states = page_states(plan.states, place, seed, first_number + slots_.size(), with_swap),
           .memory = {}});
    }
  }

  void set_up();
  // Moves all, and looks after each step.
  void act();
  // The same while a thread sends the pages from node to node. How many pages of a part were
  // under migration when it was to move.
  std::size_t act_under_migration();
  // Contents and VMAs.
  void check(const std::string& when) const;
  void check_contents(const std::string& when) const;

 private:
  void make(Slot& slot, PageState state) const;
  void move_all(Span PartPlace::*from, Span PartPlace::*to, std::size_t pages_above = 0);
  void check_slot(const Slot& slot, const std::string& when) const;
  void expect_vmas(const Layout& expected, bool exact, const std::string& when) const;
  Layout pieces(bool away) const;
  void journey(const std::function<void(const std::string&)>& look_further);
  void walk(const std::string& when);
  std::string name_of(const char* page) const;

  Plan plan_;
  bool with_swap_;
  std::size_t number_;  // of the batch
  std::vector<Slot> slots_;
  bool under_migration_ = false;
  std::size_t met_ = 0;  // pages under migration
};

void Batch::make(Slot& slot, PageState state) const
{
  for (std::size_t i = 0; i < slot.states.size(); ++i) {
    char* const page = at(slot.place.vma.begin + i);
    if (slot.states[i] != state)
      continue;
    if (state == PageState::zero_page)
      must(check_zero_pages(page, 1));
    else if (state != PageState::untouched)
      touch(page, 1);
    slot.memory[slot.place.vma.begin + i] =
        state == PageState::present || state == PageState::swapped ? page : nullptr;
  }
}

void Batch::set_up()
{
  std::vector<PageRange> ranges;
  for (Slot& slot : slots_) {
    const Span& vma = slot.place.vma;
    map(at(vma.begin), size_of(vma));
    // Pages of several sizes are others' matter; a kernel without them refuses this.
    static_cast<void>(try_advise(at(vma.begin), size_of(vma), MADV_NOHUGEPAGE));
    make(slot, PageState::swapped);
    ranges.push_back({.at = at(vma.begin), .pages = size_of(vma)});
  }
  if (with_swap_)
    page_out_own(ranges, [this](const char* page) { return name_of(page); });
  for (Slot& slot : slots_) {
    for (const PageState state : {PageState::present, PageState::zero_page, PageState::untouched})
      make(slot, state);
    // Read-only, so that nothing merges with what comes beside it.
    for (const Span& neighbour : {slot.place.below, slot.place.above}) {
      if (size_of(neighbour) == 0)
        continue;
      map(at(neighbour.begin), size_of(neighbour));
      touch(at(neighbour.begin), size_of(neighbour));
      protect(at(neighbour.begin), size_of(neighbour), PROT_READ);
      for (std::size_t page = neighbour.begin; page < neighbour.end; ++page)
        slot.memory[page] = at(page);
    }
  }
}

// Of the page whose address it is; where a move has brought it does not matter.
std::string Batch::name_of(const char* page) const
{
  const std::size_t number = page_of(reinterpret_cast<std::uint64_t>(page));
  for (const Slot& slot : slots_)
    if (slot.memory.contains(number) ||
        (number >= slot.place.vma.begin && number < slot.place.vma.end))
      return fmt::format("{}: page {} at {}", to_string(slot.move), number, fmt::ptr(page));
  return fmt::format("page at {}", fmt::ptr(page));
}

void Batch::move_all(Span PartPlace::*from, Span PartPlace::*to, std::size_t pages_above)
{
  for (Slot& slot : slots_) {
    const Span source = slot.place.*from;
    const std::size_t target = (slot.place.*to).begin + pages_above;
    if (under_migration_)
      met_ += wait_for_migration(at(source.begin), size_of(source));
    if (const int error =
            try_move(at(source.begin), size_of(source), at(target), flags_of(plan_.way));
        error != 0)
      not_ok(fmt::format("{}: mremap: {}", to_string(slot.move), errno_text(error)));
    std::vector<const char*> contents;
    for (std::size_t page = source.begin; page < source.end; ++page) {
      contents.push_back(slot.memory.at(page));
      if (plan_.way == Way::dontunmap)
        slot.memory[page] = nullptr;
      else
        slot.memory.erase(page);
    }
    for (std::size_t i = 0; i < contents.size(); ++i)
      slot.memory[target + i] = contents[i];
  }
}

void Batch::check_slot(const Slot& slot, const std::string& when) const
{
  for (const auto& [page, origin] : slot.memory) {
    const auto good = origin ? check_pages(at(page), 1, origin) : check_zero_pages(at(page), 1);
    if (good)
      continue;
    const auto offset = static_cast<std::ptrdiff_t>(page - slot.place.part.begin);
    const auto from_target = static_cast<std::ptrdiff_t>(page - slot.place.target.begin);
    not_ok(fmt::format("{}, {}: {} pages from the part's old place, {} from its new one: {}",
                       to_string(slot.move), when, offset, from_target, to_string(good.error())));
  }
}

// Neighbours count as one unless the VMAs are to be exactly those.
void Batch::expect_vmas(const Layout& expected, bool exact, const std::string& when) const
{
  Layout found;
  for (const AddressRange& vma : must(vmas_of_self({.begin = kArenaBegin, .end = kArenaEnd}))) {
    const Span span = {.begin = page_of(vma.begin), .end = page_of(vma.end)};
    if (!exact && !found.empty() && found.back().end == span.begin)
      found.back().end = span.end;
    else
      found.push_back(span);
  }
  for (std::size_t i = 0; i < std::max(expected.size(), found.size()); ++i) {
    if (i < expected.size() && i < found.size() && expected[i] == found[i])
      continue;
    const Span where = i < expected.size() ? expected[i] : found[i];
    const auto text = [i](const Layout& layout) {
      return i < layout.size() ? to_string(Layout{layout[i]}) : "none";
    };
    not_ok(fmt::format("{}, {}: VMAs: expected {}, found {}", name_of(at(where.begin)), when,
                       text(expected), text(found)));
  }
}

void Batch::check_contents(const std::string& when) const
{
  for (const Slot& slot : slots_)
    check_slot(slot, when);
}

void Batch::check(const std::string& when) const
{
  check_contents(when);
  Layout mapped;
  for (const Slot& slot : slots_) {
    for (const auto& [page, origin] : slot.memory) {
      if (mapped.empty() || mapped.back().end != page)
        mapped.push_back({page, page});
      mapped.back().end = page + 1;
    }
  }
  std::ranges::sort(mapped, {}, &Span::begin);
  expect_vmas(mapped, false, when);
}

// The VMAs while the parts are away, or are home again, of plain moves.
Layout Batch::pieces(bool away) const
{
  Layout all;
  for (const Slot& slot : slots_) {
    const PartPlace& p = slot.place;
    const Layout apart = {{p.vma.begin, p.part.begin}, {p.part.end, p.vma.end}, p.target};
    all.insert(all.end(), {p.below, p.above});
    if (away)
      all.insert(all.end(), apart.begin(), apart.end());
    else
      all.push_back(p.vma);
  }
  std::erase_if(all, [](const Span& span) { return size_of(span) == 0; });
  std::ranges::sort(all, {}, &Span::begin);
  return all;
}

// Every page that can goes out and comes back, or to another node: of two batches one, where
// the machine has both.
void Batch::walk(const std::string& when)
{
  const PageName name = [this](const char* page) { return name_of(page); };
  const bool has_nodes = static_cast<bool>(two_nodes());
  if (with_swap_ && (!has_nodes || number_ % 2 == 0)) {
    std::vector<PageRange> ranges;
    for (const Slot& slot : slots_)
      for (const auto& [page, origin] : slot.memory) {
        if (!ranges.empty() && ranges.back().at + ranges.back().pages * page_size() == at(page))
          ++ranges.back().pages;
        else
          ranges.push_back({.at = at(page), .pages = 1});
      }
    page_out_own(ranges, name);
    check_contents(when + ", paged out and in");
  } else if (has_nodes) {
    std::vector<char*> pages;
    for (const Slot& slot : slots_)
      for (const auto& [page, origin] : slot.memory)
        if (origin)
          pages.push_back(at(page));
    send_away(pages, name);
    check_contents(when + ", sent to another node");
  }
}

void Batch::act()
{
  journey([this](const std::string& when) { walk(when); });
}

std::size_t Batch::act_under_migration()
{
  std::vector<char*> pages;  // at home and away
  for (const Slot& slot : slots_)
    for (const Span& span : {slot.place.vma, slot.place.target})
      for (std::size_t page = span.begin; page < span.end; ++page)
        pages.push_back(at(page));
  Migrator migrator(pages);
  under_migration_ = true;
  const auto outcome = outcome_of([&] { journey([](const std::string&) {}); });
  under_migration_ = false;
  migrator.stop();
  must(outcome);
  walk("at the end");
  return met_;
}

void Batch::journey(const std::function<void(const std::string&)>& look_further)
{
  const bool exact = plan_.way == Way::plain;
  move_all(&PartPlace::part, &PartPlace::target);
  if (exact)
    expect_vmas(pieces(true), true, "moved");
  check("moved");
  look_further("moved");
  move_all(&PartPlace::target, &PartPlace::part);
  if (exact)
    expect_vmas(pieces(false), true, "moved home");
  check("moved home");
  move_all(&PartPlace::part, &PartPlace::target);
  check_contents("moved again");
  move_all(&PartPlace::target, &PartPlace::part, 1);
  check("moved to one page above home");
}

// A child that keeps the memory as it was at the fork; end() says whether it is so still.
class Witness
{
 public:
  explicit Witness(const std::function<void()>& look)
  {
    int hold[2];
    int report[2];
    if (::pipe2(hold, O_CLOEXEC) < 0 || ::pipe2(report, O_CLOEXEC) < 0)
      throw Verdict{os_error("pipe")};
    hold_ = UniqueFd(hold[1]);
    const UniqueFd held(hold[0]);
    report_ = UniqueFd(report[0]);
    const UniqueFd write_end(report[1]);
    pid_ = ::fork();
    if (pid_ < 0)
      throw Verdict{os_error("fork")};
    if (pid_ != 0)
      return;
    hold_.reset();
    char byte = 0;
    while (::read(held.get(), &byte, 1) > 0) {
    }
    const auto outcome = outcome_of(look);
    const std::string text = outcome ? "ok" : to_string(outcome.error());
    static_cast<void>(::write(write_end.get(), text.data(), text.size()) < 0);
    sys_exit(0);
  }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  ~Witness()
  {
    hold_.reset();
    if (pid_ > 0)
      reap(pid_);
  }
  void end()
  {
    hold_.reset();
    std::string text;
    char buffer[512];
    for (ssize_t n; (n = ::read(report_.get(), buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    if (text != "ok")
      not_ok("the child that kept it: " + (text.empty() ? "was killed" : text));
  }

 private:
  UniqueFd hold_;
  UniqueFd report_;
  pid_t pid_ = -1;
};

void run_batch(const Plan& plan, Batch batch)
{
  switch (plan.mover) {
    case Mover::alone:
      batch.set_up();
      return batch.act();
    case Mover::parent: {
      batch.set_up();
      const Batch kept = batch;
      Witness child([&] { kept.check("in the child that kept it"); });
      batch.act();
      return child.end();
    }
    case Mover::child:
      batch.set_up();
      must(in_child([&] { batch.act(); }));
      return batch.check("in the parent that kept it");
    case Mover::heir:
      must(in_orphan([&] { batch.act(); }, [&] { batch.set_up(); }));
      return;
  }
}

// All for the plain way of a process alone. For the others, where the copying of page tables is
// the same and what is around it is not, each plan has some, and another plan others.
std::vector<PartMove> moves_of(const Plan& plan)
{
  constexpr std::size_t kStride = 11;
  if (plan.way == Way::plain && plan.mover == Mover::alone)
    return part_moves();
  return thinned(part_moves(), kStride,
                 static_cast<std::size_t>(plan.way) * 5 + static_cast<std::size_t>(plan.mover) * 3 +
                     static_cast<std::size_t>(plan.states));
}

void run_plan(const Bench& b, const Plan& plan)
{
  if (plan.way == Way::relocate && !has_relocate_anon())
    skip("this kernel has no MREMAP_RELOCATE_ANON");
  const auto swap = SwapSpace::enable();
  if (!swap && (plan.states == PageStates::swapped || swap.error().code != Errc::unsupported))
    throw Verdict{swap.error()};
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // heirs end with us
  const std::vector<PartMove> moves = moves_of(plan);
  const std::span<const PartMove> all = moves;
  for (std::size_t first = 0; first < all.size(); first += kPartSlots) {
    run_batch(plan, Batch(plan, all.subspan(first, std::min(kPartSlots, all.size() - first)), first,
                          b.seed, static_cast<bool>(swap)));
    b.arena.clear();
  }
}

// Pages that are being sent from node to node while they move: their entries are then neither
// present nor swapped, and it is the new place that must become present again.
void run_under_migration(const Bench& b, Mover mover)
{
  must(two_nodes());
  go_before_others();
  const std::vector<PartMove> moves = thinned(part_moves(), 11, static_cast<std::size_t>(mover));
  const std::span<const PartMove> all = moves;
  // In memory that a child shares.
  void* const shared = ::mmap(nullptr, page_size(), kReadWrite, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    throw Verdict{os_error("mmap a shared page")};
  auto& met = *static_cast<std::size_t*>(shared);
  for (std::size_t first = 0; first < all.size(); first += kPartSlots) {
    Batch batch({.states = PageStates::present},
                all.subspan(first, std::min(kPartSlots, all.size() - first)), first, b.seed, false);
    batch.set_up();
    const auto act = [&] { met += batch.act_under_migration(); };
    if (mover == Mover::alone) {
      act();
    } else {
      must(in_child(act));
      batch.check("in the parent that kept it");
    }
    b.arena.clear();
  }
  if (met == 0)
    skip("no page was met under migration");
}

// What a fork makes of pages that are under migration: no longer writable for the parent without
// a copy, though the page was writable when it set out (copy_nonpresent_pte()).
void run_fork_under_migration(const Bench& b)
{
  constexpr std::size_t kPages = 64;
  constexpr std::uint32_t kForks = 60;
  must(two_nodes());
  go_before_others();
  char* const memory = at(table_pages() - kPages / 2);
  map(memory, kPages);
  static_cast<void>(try_advise(memory, kPages, MADV_NOHUGEPAGE));
  touch(memory, kPages);
  std::vector<char*> pages;
  for (std::size_t i = 0; i < kPages; ++i)
    pages.push_back(memory + i * page_size());
  std::size_t met = 0;
  {
    Migrator migrator(pages);
    for (std::uint32_t i = 0; i < kForks; ++i) {
      met += wait_for_migration(memory, kPages);
      Witness child([&] { must(check_pages(memory, kPages, {.generation = i})); });
      touch(memory, kPages, {.generation = i + 1});
      child.end();
      must(check_pages(memory, kPages, {.generation = i + 1}));
    }
  }
  b.arena.clear();
  if (met == 0)
    skip("no page was met under migration");
}

// A part of some page tables, whole ones among them, which may move as such.
struct TableMove {
  Way way;
  bool up;
  Part part;
  std::size_t pages_below;  // of the part, before its first whole page table
  std::size_t tables;
  std::size_t pages_above;
  std::size_t shift;  // of the target, from where it would lie as the source does

  std::string name() const
  {
    return fmt::format("{}: {} + {} page tables + {} pages {}, {} of the VMA, shifted by {}",
                       name_of_way(way), pages_below, tables, pages_above, up ? "up" : "down",
                       part == Part::first  ? "first"
                       : part == Part::last ? "last"
                                            : "middle",
                       shift);
  }
};

std::vector<TableMove> table_moves()
{
  std::vector<TableMove> moves;
  for (const Way way : {Way::plain, Way::dontunmap})
    for (const bool up : {true, false})
      for (const Part part : {Part::first, Part::middle, Part::last})
        for (const std::size_t below : {0u, 1u})
          for (const std::size_t tables : {1u, 2u})
            for (const std::size_t above : {0u, 1u})
              for (const std::size_t shift : {std::size_t{0}, std::size_t{1}, table_pages() - 1})
                moves.push_back({.way = way,
                                 .up = up,
                                 .part = part,
                                 .pages_below = below,
                                 .tables = tables,
                                 .pages_above = above,
                                 .shift = shift});
  return moves;
}

// Pages that hold something, beside each border and end; all others are never touched.
std::vector<std::size_t> sparse_pages(const Span& vma, const Span& part)
{
  std::vector<std::size_t> pages;
  const auto add = [&](std::size_t page) {
    if (page >= vma.begin && page < vma.end && std::ranges::count(pages, page) == 0)
      pages.push_back(page);
  };
  for (std::size_t border = vma.begin / table_pages() * table_pages();
       border <= vma.end + table_pages(); border += table_pages())
    for (const std::size_t page : {border - 1, border, border + 1, border + table_pages() / 3})
      add(page);
  for (const std::size_t end : {vma.begin, part.begin, part.end, vma.end}) {
    add(end - 1);
    add(end);
  }
  return pages;
}

void expect_sparse(const TableMove& m, const std::vector<Span>& spans,
                   const std::map<std::size_t, const char*>& memory, const std::string& when)
{
  for (const auto& [page, origin] : memory)
    if (const auto good = check_pages(at(page), 1, origin); !good)
      not_ok(fmt::format("{}, {}: {}", m.name(), when, to_string(good.error())));
  for (const Span& span : spans) {
    const auto entries = page_entries(at(span.begin), size_of(span));
    for (std::size_t i = 0; i < entries.size(); ++i)
      if ((entries[i].present || entries[i].swapped) && !memory.contains(span.begin + i))
        not_ok(
            fmt::format("{}, {}: page {} from the begin of VMA {}-{} was never touched and is "
                        "there",
                        m.name(), when, i, span.begin, span.end));
  }
}

void move_tables(const TableMove& m, bool swapped)
{
  constexpr std::size_t kStay = 5;
  const std::size_t low = 2 * table_pages();
  const std::size_t high = 8 * table_pages();
  const std::size_t pages = m.pages_below + m.tables * table_pages() + m.pages_above;
  const std::size_t from = (m.up ? low : high) - m.pages_below;
  const std::size_t to = (m.up ? high : low) - m.pages_below + m.shift;
  const Span part = {.begin = from, .end = from + pages};
  const Span target = {.begin = to, .end = to + pages};
  const Span vma = {.begin = from - (m.part == Part::first ? 0 : kStay),
                    .end = part.end + (m.part == Part::last ? 0 : kStay)};
  map(at(vma.begin), size_of(vma));
  static_cast<void>(try_advise(at(vma.begin), size_of(vma), MADV_NOHUGEPAGE));
  std::map<std::size_t, const char*> home;
  for (const std::size_t page : sparse_pages(vma, part)) {
    touch(at(page), 1);
    home[page] = at(page);
  }
  const std::vector<PageRange> all = {{.at = at(vma.begin), .pages = size_of(vma)}};
  if (swapped)
    page_out_own(all,
                 [&](const char* page) { return m.name() + fmt::format(": {}", fmt::ptr(page)); });
  std::map<std::size_t, const char*> away;
  for (const auto& [page, origin] : home)
    away[page >= part.begin && page < part.end ? page - from + to : page] = origin;
  move(at(from), pages, at(to), flags_of(m.way));
  expect_sparse(m, {vma, target}, away, "moved");
  move(at(to), pages, at(from), flags_of(m.way));
  expect_sparse(m, {vma, target}, home, "moved home");
}

void run_tables(const Bench& b, PageStates states)
{
  const auto swap = SwapSpace::enable();
  if (!swap && states == PageStates::swapped)
    throw Verdict{swap.error()};
  for (const TableMove& m : table_moves()) {
    move_tables(m, states == PageStates::swapped);
    b.arena.clear();
  }
}

}  // namespace

void add_part_checks(std::vector<Check>& checks)
{
  for (const auto& way : kWays)
    for (const auto& mover : kMovers)
      for (const PageStates states : kAllPageStates) {
        if (way.way == Way::dontunmap && mover.mover != Mover::alone && mover.mover != Mover::child)
          continue;
        const Plan plan = {.way = way.way, .mover = mover.mover, .states = states};
        checks.push_back(
            {.name = fmt::format("part/{}/{}/{}", way.name, mover.name, to_string(states)),
             .summary = fmt::format("{} of parts of VMAs {}: 1 to {} pages, everywhere",
                                    way.summary, mover.summary, kMostPartPages),
             .source = "move_page_tables(), move_ptes(), copy_vma()",
             .run = [plan](const Bench& b) { run_plan(b, plan); }});
      }
  for (const auto& mover : kMovers)
    if (mover.mover == Mover::alone || mover.mover == Mover::child)
      checks.push_back({.name = fmt::format("part/under_migration/{}", mover.name),
                        .summary = fmt::format(
                            "parts of VMAs {} while a thread migrates their pages", mover.summary),
                        .source = "move_ptes(), remove_migration_ptes()",
                        .run = [mover](const Bench& b) { run_under_migration(b, mover.mover); }});
  checks.push_back({.name = "part/under_migration/fork",
                    .summary = "a fork of pages under migration: the parent writes to copies",
                    .source = "copy_nonpresent_pte()",
                    .run = run_fork_under_migration});
  for (const PageStates states : {PageStates::present, PageStates::swapped})
    checks.push_back({.name = fmt::format("part/tables/{}", to_string(states)),
                      .summary = "parts of VMAs that hold whole page tables, nearly empty ones",
                      .source = "move_pgt_entry(), try_realign_addr()",
                      .run = [states](const Bench& b) { run_tables(b, states); }});
}

}  // namespace rmaplab
