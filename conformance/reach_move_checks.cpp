// SPDX-License-Identifier: GPL-2.0-only
// Whether walks of the reverse mapping find every mapping of a page after one of the processes
// that share it has moved its own.
//
// The moved VMA of a fork child must be in the trees of all the anon_vmas that its pages may
// belong to: its own and its ancestors'. A page that the family shares belongs to the oldest, so
// a link that was lost by a move shows in no process alone, nor in the pages that the child has
// copied: the other checks of this name (relocate_checks.cpp) send only pages that one process
// maps. Here the pages are shared, every process is asked where its page table points, and a
// page must leave its place in all of them at once, whichever asked for it.
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "base/ticks.h"
#include "base/unique_fd.h"
#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/relatives.h"
#include "conformance/walks.h"
#include "probes/vma_count.h"
#include "workloads/cgroup.h"
#include "workloads/numa.h"
#include "workloads/swap_space.h"
#include "workloads/system_setting.h"

namespace rmaplab
{

namespace
{

using Number = Relatives::Number;

constexpr std::size_t kPages = 8;

std::size_t table_pages()
{
  return pmd_size() / page_size();
}

// The source has a page table's border in its middle; the targets have none, or elsewhere.
std::size_t source()
{
  return table_pages() - kPages / 2;
}
std::size_t target()
{
  return 2 * table_pages() + 100;
}
std::size_t second_target()
{
  return 4 * table_pages() - 3;
}
Span whole()
{
  return {.begin = source(), .end = source() + kPages};
}

// Who shares the memory, and who of them moves.
struct Kinship {
  const char* name;
  const char* summary;
  void (*fork)(Relatives&);
  std::vector<Number> movers;
};

const Kinship kKinships[] = {
    {"alone", "a process alone moved its own", [](Relatives&) {}, {0}},
    {"child", "a fork child moved it", [](Relatives& r) { r.fork(0, 1); }, {1}},
    {"parent", "a parent moved it", [](Relatives& r) { r.fork(0, 1); }, {0}},
    {"both", "parent and child moved it", [](Relatives& r) { r.fork(0, 1); }, {0, 1}},
    {"siblings",
     "two children moved it",
     [](Relatives& r) {
       r.fork(0, 1);
       r.fork(0, 2);
     },
     {1, 2}},
    {"middle",
     "a child with a child moved it",
     [](Relatives& r) {
       r.fork(0, 1);
       r.fork(1, 2);
     },
     {1}},
    {"grandchild",
     "a grandchild moved it",
     [](Relatives& r) {
       r.fork(0, 1);
       r.fork(1, 2);
     },
     {2}},
    {"orphan",
     "a grandchild moved it after its parent had ended",
     [](Relatives& r) {
       r.fork(0, 1);
       r.fork(1, 2);
       r.end(1);
     },
     {2}},
    {"reuse",
     "a great-grandchild moved it that has the anon_vma of a dead ancestor",
     [](Relatives& r) {
       r.fork(0, 1);
       r.fork(1, 2);
       r.end(1);
       r.fork(2, 3);
     },
     {3}},
};

// How; `who` is also that of a place of its own for each mover.
struct Journey {
  const char* name;
  void (*make)(Relatives&, Number who, int flags);
};

std::size_t place_of(Number who, std::size_t place)
{
  return place + who * 6 * table_pages();
}

void move_part(Relatives& r, Number who, std::size_t first, std::size_t pages, int flags)
{
  r.move(who, {.begin = source() + first, .end = source() + first + pages}, place_of(who, target()),
         flags);
}

const Journey kJourneys[] = {
    {"whole", [](Relatives& r, Number who,
                 int flags) { r.move(who, whole(), place_of(who, target()), flags); }},
    {"first part", [](Relatives& r, Number who, int flags) { move_part(r, who, 0, 5, flags); }},
    {"middle part", [](Relatives& r, Number who, int flags) { move_part(r, who, 2, 3, flags); }},
    {"last part", [](Relatives& r, Number who, int flags) { move_part(r, who, 3, 5, flags); }},
    {"whole and home",
     [](Relatives& r, Number who, int flags) {
       const std::size_t to = place_of(who, target());
       r.move(who, whole(), to, flags);
       r.move(who, {.begin = to, .end = to + kPages}, source(), flags);
     }},
    {"middle part and home",
     [](Relatives& r, Number who, int flags) {
       const std::size_t to = place_of(who, target());
       move_part(r, who, 2, 3, flags);
       r.move(who, {.begin = to, .end = to + 3}, source() + 2, flags);
     }},
    {"whole, twice",
     [](Relatives& r, Number who, int flags) {
       const std::size_t to = place_of(who, target());
       r.move(who, whole(), to, flags);
       r.move(who, {.begin = to, .end = to + kPages}, place_of(who, second_target()), flags);
     }},
    {"middle part, twice",
     [](Relatives& r, Number who, int flags) {
       const std::size_t to = place_of(who, target());
       move_part(r, who, 2, 4, flags);
       r.move(who, {.begin = to, .end = to + 4}, place_of(who, second_target()), flags);
     }},
    {"in two pieces, side by side",
     [](Relatives& r, Number who, int flags) {
       const std::size_t to = place_of(who, target());
       r.move(who, {.begin = source() + 3, .end = source() + kPages}, to + 3, flags);
       r.move(who, {.begin = source(), .end = source() + 3}, to, flags);
     }},
    {"in two pieces, crossed",
     [](Relatives& r, Number who, int flags) {
       const std::size_t to = place_of(who, target());
       r.move(who, {.begin = source(), .end = source() + 3}, to + kPages - 3, flags);
       r.move(who, {.begin = source() + 3, .end = source() + kPages}, to, flags);
     }},
    {"whole, split and merged there",
     [](Relatives& r, Number who, int flags) {
       const std::size_t to = place_of(who, target());
       r.move(who, whole(), to, flags);
       r.protect(who, {.begin = to + 2, .end = to + 5}, PROT_READ);
       r.protect(who, {.begin = to + 2, .end = to + 5}, kReadWrite);
     }},
    {"whole, grown", [](Relatives& r, Number who,
                        int) { r.grow(who, whole(), place_of(who, second_target()), kPages + 3); }},
    {"whole, DONTUNMAP, and written anew",
     [](Relatives& r, Number who, int) {
       // Without a relocation, together with which a kernel may refuse it.
       r.move(who, whole(), place_of(who, target()), MREMAP_DONTUNMAP);
       for (std::size_t page = source(); page < source() + kPages; page += 3)
         r.touch(who, page, 5);
     }},
    {"middle part, DONTUNMAP, and written anew",
     [](Relatives& r, Number who, int) {
       move_part(r, who, 2, 4, MREMAP_DONTUNMAP);
       r.touch(who, source() + 3, 5);
     }},
    // The merge that could lose the anon_vma: commit 61f67c230a5e.
    {"whole, and home before unfaulted memory",
     [](Relatives& r, Number who, int flags) {
       const std::size_t to = place_of(who, target());
       r.move(who, whole(), to, flags);
       r.map(who, source() + kPages, 3);
       r.move(who, {.begin = to, .end = to + kPages}, source(), flags);
     }},
    {"whole, and home after unfaulted memory",
     [](Relatives& r, Number who, int flags) {
       const std::size_t to = place_of(who, target());
       r.move(who, whole(), to, flags);
       r.map(who, source() - 3, 3);
       r.move(who, {.begin = to, .end = to + kPages}, source(), flags);
     }},
    {"middle part, and home between unfaulted memory",
     [](Relatives& r, Number who, int flags) {
       const std::size_t to = place_of(who, target());
       move_part(r, who, 2, 4, flags);
       r.map(who, source(), 2);
       r.map(who, source() + 6, 2);
       r.move(who, {.begin = to, .end = to + 4}, source() + 2, flags);
     }},
    {"whole, and forked after",
     [](Relatives& r, Number who, int flags) {
       r.move(who, whole(), place_of(who, target()), flags);
       if (!std::ranges::count(r.alive(), Relatives::kMost - 1))
         r.fork(who, Relatives::kMost - 1);
     }},
};

// Who has copies of pages of its own by writing to them.
enum class Cow { none, movers_before, movers_after, others_before };
struct CowName {
  Cow cow;
  const char* name;
};
constexpr CowName kCows[] = {
    {Cow::none, "all pages shared"},
    {Cow::movers_before, "every second page written by who moved, before"},
    {Cow::movers_after, "every second page written by who moved, after"},
    {Cow::others_before, "every second page written by the others, before"}};

void write_every_second(Relatives& r, Number who)
{
  const auto pages = r.written(who);
  for (std::size_t i = 0; i < pages.size(); i += 2)
    r.touch(who, pages[i], static_cast<std::uint32_t>(10 + who));
}

bool is_mover(const Kinship& kin, Number who)
{
  return std::ranges::count(kin.movers, who) != 0;
}

struct Walker {
  const char* name;
  const char* summary;
  const char* source;
  // What is held while it is asked for; throws a skip.
  std::function<std::shared_ptr<void>()> need;
  // `when` says which memory it is.
  void (*walk)(Relatives&, void* held, const std::string& when);
  // Each family begins with a new process, for ksmd passes over pages that it has looked at often,
  // and has pages that were written by everybody in any case.
  bool anew = false;
};

// ---- page tables of all

struct Mapping {
  Number who;
  std::size_t page;
};

std::string place_name(const Mapping& mapping)
{
  return fmt::format("page {} of {}", mapping.page, Relatives::name(mapping.who));
}

struct Frame {
  Mapping mapping;
  std::uint64_t number = 0;
};

// Of every page that holds something, of everybody, in an order that is always the same.
std::vector<Frame> frames_now(const Relatives& r, const std::string& when)
{
  std::vector<Frame> frames;
  for (const Number who : r.alive())
    for (const auto& run : r.runs(who)) {
      if (!run.origin)
        continue;
      const auto entries = page_entries(Relatives::at(run.page), run.pages, r.pid(who));
      for (std::size_t i = 0; i < run.pages; ++i) {
        const Mapping mapping = {.who = who, .page = run.page + i};
        if (!entries[i].present)
          not_ok(fmt::format("{}: {} is not present{}", when, place_name(mapping),
                             entries[i].swapped ? ", but swapped or left under migration" : ""));
        if (entries[i].frame == 0)
          skip("/proc/PID/pagemap tells no frames: needs CAP_SYS_ADMIN");
        frames.push_back({.mapping = mapping, .number = entries[i].frame});
      }
    }
  return frames;
}

std::map<std::uint64_t, std::vector<Mapping>> by_number(const std::vector<Frame>& frames)
{
  std::map<std::uint64_t, std::vector<Mapping>> all;
  for (const Frame& frame : frames)
    all[frame.number].push_back(frame.mapping);
  return all;
}

std::string names_of(const std::vector<Mapping>& mappings)
{
  std::string text;
  for (const Mapping& mapping : mappings)
    text += (text.empty() ? "" : ", ") + place_name(mapping);
  return text;
}

// ---- migration

// What was one page is one page, and another than it was if `who` has it.
void expect_all_moved(const std::vector<Frame>& before, const std::vector<Frame>& after, Number who,
                      const std::string& when)
{
  std::map<std::uint64_t, std::uint64_t> went_to;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto [place, is_first] = went_to.emplace(before[i].number, after[i].number);
    if (!is_first && place->second != after[i].number)
      not_ok(fmt::format("{}: {} were one page, {:#x}; now {} is on {:#x}, another on {:#x}", when,
                         names_of(by_number(before).at(before[i].number)), before[i].number,
                         place_name(before[i].mapping), after[i].number, place->second));
  }
  for (const Frame& frame : before)
    if (frame.mapping.who == who && went_to.at(frame.number) == frame.number)
      not_ok(fmt::format("{}: {} stay on the old page", when,
                         names_of(by_number(before).at(frame.number))));
}

// The pages of `who`, wherever else they are mapped.
void send_pages_of(Relatives& r, Number who, const std::string& when)
{
  const std::string text = fmt::format("{}, pages of {} sent", when, Relatives::name(who));
  const std::vector<Frame> before = frames_now(r, text);
  std::vector<char*> pages;
  for (const std::size_t page : r.written(who))
    pages.push_back(Relatives::at(page));
  send_away(
      pages, [&](const char* page) { return fmt::format("{}: page {}", text, fmt::ptr(page)); },
      r.pid(who));
  expect_all_moved(before, frames_now(r, text), who, text);
  r.check_all(text);
}

// By the first process and the last: two that a page is asked for from, whoever moved.
void send_from_both_ends(Relatives& r, const std::string& when)
{
  const auto all = r.alive();
  send_pages_of(r, all.front(), when);
  if (all.size() > 1)
    send_pages_of(r, all.back(), when);
}

void walk_by_migration(Relatives& r, void*, const std::string& when)
{
  send_from_both_ends(r, when);
}

// ---- reclaim

struct Reclaim {
  SwapSpace swap;
  Cgroup cgroup;
};

void out_of_who(Relatives& r, Number who)
{
  r.ask(
      who, {.act = [](Relatives&, const Order&) {
        // All that this process has in the arena and nobody else maps.
        for (const AddressRange& vma :
             must(read_vmas("/proc", ::getpid(), {.begin = kArenaBegin, .end = kArenaEnd})))
          if (::madvise(reinterpret_cast<void*>(vma.begin), vma.end - vma.begin, MADV_PAGEOUT) != 0)
            throw Verdict{os_error("madvise(MADV_PAGEOUT)")};
      }});
}

std::optional<Mapping> first_not_out(const Relatives& r)
{
  for (const Number who : r.alive())
    for (const auto& run : r.runs(who)) {
      if (!run.origin)
        continue;
      const auto entries = page_entries(Relatives::at(run.page), run.pages, r.pid(who));
      const auto stays = std::ranges::find(entries, false, &PageEntry::swapped);
      if (stays != entries.end())
        return Mapping{.who = who,
                       .page = run.page + static_cast<std::size_t>(stays - entries.begin())};
    }
  return std::nullopt;
}

// Pages of one process by MADV_PAGEOUT, shared ones, which that passes over, by memory.reclaim.
void walk_by_reclaim(Relatives& r, void* held, const std::string& when)
{
  constexpr int kMostTries = 8;
  const auto& reclaim = *static_cast<const Reclaim*>(held);
  // More than there are, for the family has others in the cgroup: at last all of it.
  std::size_t bytes = kPages * page_size();
  drain_lru_batches(Relatives::at(r.written(0).front()));
  for (int tries = 1;; ++tries, bytes *= 2) {
    for (const Number who : r.alive())
      out_of_who(r, who);
    if (first_not_out(r) && reclaim.cgroup.reclaim(std::to_string(bytes)) < 0 && errno != EAGAIN)
      throw Verdict{os_error("write memory.reclaim")};
    const auto stays = first_not_out(r);
    if (!stays)
      break;
    if (tries == kMostTries)
      not_ok(fmt::format("{}: {} is not paged out ({} tries)", when, place_name(*stays), tries));
    drain_lru_batches(Relatives::at(r.written(0).front()));
    ::sched_yield();
  }
  r.check_all(when + ", paged out and in");
}

// ---- idle pages

constexpr const char* kIdleBitmap = "/sys/kernel/mm/page_idle/bitmap";

std::uint64_t bit_of(std::uint64_t frame)
{
  return std::uint64_t{1} << frame % 64;
}

off_t word_of(std::uint64_t frame)
{
  return static_cast<off_t>(frame / 64 * sizeof frame);
}

void mark_idle(int bitmap, std::uint64_t frame)
{
  const std::uint64_t word = bit_of(frame);
  if (::pwrite(bitmap, &word, sizeof word, word_of(frame)) != sizeof word)
    throw Verdict{os_error(std::string("write ") + kIdleBitmap)};
}

bool is_idle(int bitmap, std::uint64_t frame)
{
  std::uint64_t word = 0;
  if (::pread(bitmap, &word, sizeof word, word_of(frame)) != sizeof word)
    throw Verdict{os_error(std::string("read ") + kIdleBitmap)};
  return (word & bit_of(frame)) != 0;
}

// The CPU remembers that it has set the accessed bit of a page table entry, and the kernel does
// not make it forget when it clears the bit: all that it remembers goes with many unmapped pages.
// Bare calls: after a call of the checks' own the reverse mapping is looked at, and that sends
// pages to and fro, so that the frame that was marked is another page's.
void forget_translations()
{
  constexpr std::size_t kMany = 64;
  void* const scratch = ::mmap(nullptr, kMany * page_size(), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (scratch == MAP_FAILED || ::munmap(scratch, kMany * page_size()) != 0)
    throw Verdict{os_error("map and unmap what the CPU is to forget")};
}

void access(Relatives& r, const Mapping& mapping)
{
  r.ask(mapping.who, {.act =
                          [](Relatives&, const Order& o) {
                            forget_translations();
                            static_cast<void>(*static_cast<volatile char*>(Relatives::at(o.page)));
                          },
                      .page = mapping.page});
}

// Each page by each of its mappings: marked idle it must stay so until then, and be so no more
// when it was read there.
void walk_by_page_idle(Relatives& r, void* held, const std::string& when)
{
  const int bitmap = static_cast<const UniqueFd*>(held)->get();
  drain_lru_batches(Relatives::at(r.written(0).front()));
  for (const auto& [frame, mappings] : by_number(frames_now(r, when)))
    for (const Mapping& mapping : mappings) {
      constexpr int kMostTries = 8;
      int tries = 0;
      do {
        mark_idle(bitmap, frame);
      } while (!is_idle(bitmap, frame) && ++tries < kMostTries);
      if (tries == kMostTries)
        not_ok(fmt::format("{}: {} does not become idle", when, names_of(mappings)));
      access(r, mapping);
      if (is_idle(bitmap, frame))
        not_ok(fmt::format("{}: a read of {} is not seen", when, place_name(mapping)));
    }
}

// ---- KSM

struct Ksm {
  SystemSetting eager;
  SystemSetting run;
};

void mergeable(Relatives& r, Number who)
{
  r.ask(who, {.act = [](Relatives&, const Order&) {
          for (const AddressRange& vma :
               must(read_vmas("/proc", ::getpid(), {.begin = kArenaBegin, .end = kArenaEnd})))
            if (::madvise(reinterpret_cast<void*>(vma.begin), vma.end - vma.begin,
                          MADV_MERGEABLE) != 0)
              throw Verdict{os_error("madvise(MADV_MERGEABLE)")};
        }});
}

// Two pages of everybody with one content are one page, wherever they were moved to, and that
// page goes to another node from under all of them.
void walk_by_ksm(Relatives& r, void*, const std::string& when)
{
  constexpr std::uint64_t kPatienceNs = 2'000'000'000u;
  static std::uint64_t content = 0;  // another one each time
  ++content;
  const char* const origin = Relatives::at(100 * table_pages() + content);
  std::vector<Mapping> equal;
  for (const Number who : r.alive()) {
    const auto pages = r.written(who);
    for (const std::size_t i : {std::size_t{1}, pages.size() - 1})
      equal.push_back({.who = who, .page = pages[i]});
  }
  for (const Mapping& mapping : equal)
    r.write_like(mapping.who, mapping.page, origin);
  for (const Number who : r.alive())
    mergeable(r, who);
  const auto merged = [&] {
    return std::ranges::any_of(by_number(frames_now(r, when)), [&](const auto& frame) {
      return frame.second.size() == equal.size();
    });
  };
  for (const std::uint64_t begin = monotonic_ns(); !merged();) {
    if (monotonic_ns() - begin > kPatienceNs)
      skip(fmt::format("ksmd has not made one page of {} equal ones within {} s", equal.size(),
                       kPatienceNs / 1'000'000'000u));
    ::sched_yield();
  }
  r.check_all(when + ", merged");
  send_from_both_ends(r, when + ", merged");
}

// ---- all together

std::shared_ptr<void> need_two_nodes()
{
  return std::make_shared<TwoNodes>(must(two_nodes()));
}

const Walker kWalkers[] = {
    {"migration", "move_pages(2) finds it in every process, and each follows",
     "try_to_migrate(), remove_migration_ptes()", need_two_nodes, walk_by_migration},
    {"reclaim", "it goes to swap from every process and comes back", "try_to_unmap()",
     [] {
       auto swap = must(SwapSpace::enable());
       auto reclaim = std::make_shared<Reclaim>(Reclaim{std::move(swap), must(Cgroup::create())});
       must(reclaim->cgroup.enter());  // the whole family, for pages that any of them writes
       return std::static_pointer_cast<void>(reclaim);
     },
     walk_by_reclaim},
    {"page_idle", "an access by any process is seen", "page_idle_clear_pte_refs()",
     [] {
       UniqueFd bitmap(::open(kIdleBitmap, O_RDWR | O_CLOEXEC));
       if (!bitmap)
         skip(fmt::format("open {}: {} (CONFIG_IDLE_PAGE_TRACKING, root)", kIdleBitmap,
                          errno_text(errno)));
       return std::static_pointer_cast<void>(std::make_shared<UniqueFd>(std::move(bitmap)));
     },
     walk_by_page_idle},
    {"ksm", "pages that KSM has made one leave their place in every process", "rmap_walk_ksm()",
     [] {
       must(two_nodes());
       const std::string ksm = "/sys/kernel/mm/ksm/";
       auto eager = must(SystemSetting::set(ksm + "sleep_millisecs", "0"));
       return std::static_pointer_cast<void>(std::make_shared<Ksm>(
           Ksm{std::move(eager), must(SystemSetting::set(ksm + "run", "1"))}));
     },
     walk_by_ksm, true},
};

void prepare(Relatives& r, const Kinship& kin)
{
  r.map(0, source(), kPages);
  for (std::size_t page = source(); page < source() + kPages; ++page)
    r.touch(0, page, 0);
  kin.fork(r);
}

void make_one(const Kinship& kin, const Walker& walker, const Journey& journey, Cow cow, void* held,
              const std::string& when)
{
  Relatives r;
  prepare(r, kin);
  for (const Number who : r.alive())
    if (is_mover(kin, who) ? cow == Cow::movers_before : cow == Cow::others_before)
      write_every_second(r, who);
  for (const Number who : kin.movers)
    journey.make(r, who, has_relocate_anon() ? kRelocateAnon : 0);
  if (cow == Cow::movers_after)
    for (const Number who : kin.movers)
      write_every_second(r, who);
  r.check_all(when);
  walker.walk(r, held, when);
}

void run_all(const Bench& b, const Kinship& kin, const Walker& walker)
{
  static_cast<void>(has_relocate_anon());  // asked here, so that all know
  const auto held = walker.need();
  // Each journey with all pages shared, and with one of the other ways; the next walker and the
  // next family have another one.
  auto turn = static_cast<std::size_t>((&kin - kKinships) + (&walker - kWalkers));
  for (const Journey& journey : kJourneys) {
    for (const auto& cow : {kCows[0], kCows[1 + turn % 3]}) {
      const auto make = [&] {
        make_one(kin, walker, journey, cow.cow, held.get(),
                 fmt::format("moved {}, {}", journey.name, cow.name));
      };
      if (walker.anew) {
        must(in_child(make));
        break;
      }
      make();
      b.arena.clear();
    }
    ++turn;
  }
}

}  // namespace

void add_reach_move_checks(std::vector<Check>& checks)
{
  for (const Kinship& kin : kKinships)
    for (const Walker& walker : kWalkers)
      checks.push_back(
          {.name = fmt::format("reach/moved/{}/{}", kin.name, walker.name),
           .summary = fmt::format("shared memory after {}: {}", kin.summary, walker.summary),
           .source = walker.source,
           .run = [&kin, &walker](const Bench& b) { run_all(b, kin, walker); }});
}

}  // namespace rmaplab
