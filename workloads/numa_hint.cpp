// SPDX-License-Identifier: GPL-2.0-only
// numa_hint: automatic NUMA balancing brings pages to the node whose CPU touches them.
//
// Sharing: as by=first of walk_migrate: an area is written and then forked; every one of the
// `siblings` children has written since and maps copies of its own, so that the first
// process alone maps the pages, and the walk visits the VMAs of all. The scanner passes over
// anonymous pages that two processes map, whatever the node: there is no by=all.
// Kernel: before the clock the pages are sent to the other node, and the process computes
// until the scanner (task_numa_work(), from the timer tick) has marked every page
// (change_prot_numa()). One operation reads each page once: a hinting fault, do_numa_page(),
// migrate_misplaced_folio(): rmap_walk_anon() twice, root read-locked, for try_to_migrate()
// and remove_migration_ptes(). It is what the writers of series 1 (4, 8) wait for, and what
// waits for them. Figures are per page read. Unlike move_pages(2) no fault drains the LRU
// lists' batches first. pages_migrated says how many went.
// kernel.numa_balancing is 1 for as long as the case runs, and the scanner's pace, in
// debugfs, is 10 ms in place of one second of run time. The first pass of the scanner comes
// after a second all the same: that period a process has from its fork
// (init_numa_balancing()). Where there is no debugfs each operation waits about as long.
// Skipped with one node.
// Not measured: the scanner, the way to the other node, the forks, waits for the lock,
// faults that leave a page where it is, several threads (who would each have to fault).
#include <sched.h>
#include <sys/syscall.h>

#include <fmt/format.h>

#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "base/ticks.h"
#include "workloads/family.h"
#include "workloads/numa.h"
#include "workloads/rows.h"
#include "workloads/system_setting.h"

namespace rmaplab
{

namespace
{

constexpr const char* kBalancing = "/proc/sys/kernel/numa_balancing";
constexpr const char* kPace = "/sys/kernel/debug/sched/numa_balancing/";
// The scanner looks at this much of a process a time, and eight times as much that is not
// mapped; a small value is what lets its period be short (task_scan_min()).
constexpr const char* kScanMib = "16";
constexpr const char* kScanMs = "10";
constexpr std::uint64_t kPatienceMs = 20'000;

FamilyShape shape_of(const Values& v)
{
  return {.depth = v[0] == 0 ? std::size_t{0} : 1,
          .fanout = static_cast<std::size_t>(v[0]),
          .pages = static_cast<std::size_t>(v[1]),
          .mapped_by = MappedBy::first};
}

// home: where this process stays, for it is pinned there.
Result<TwoNodes> settle_down()
{
  auto nodes = two_nodes();
  if (!nodes)
    return nodes;
  unsigned cpu = 0;
  unsigned node = 0;
  if (::syscall(SYS_getcpu, &cpu, &node, nullptr) < 0)
    return os_error("getcpu");
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(cpu, &here);
  if (::sched_setaffinity(0, sizeof here, &here) < 0)
    return os_error("stay on a CPU");
  if (static_cast<int>(node) != nodes->home)
    *nodes = {.home = static_cast<int>(node), .away = nodes->home};
  return nodes;
}

Result<std::vector<SystemSetting>> switch_on()
{
  if (!read_file(kBalancing))
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("no {}: CONFIG_NUMA_BALANCING is off", kBalancing)};
  auto balancing = SystemSetting::set(kBalancing, "1");
  if (!balancing)
    return balancing.error();
  std::vector<SystemSetting> settings;
  settings.push_back(*std::move(balancing));
  const std::pair<const char*, const char*> kWanted[] = {{"scan_size_mb", kScanMib},
                                                         {"scan_delay_ms", kScanMs},
                                                         {"scan_period_min_ms", kScanMs},
                                                         {"scan_period_max_ms", kScanMs}};
  for (const auto& [name, value] : kWanted)
    if (auto pace = SystemSetting::set(std::string(kPace) + name, value))
      settings.push_back(*std::move(pace));
  return settings;
}

// The number behind a name, of a file with one such pair a line.
Result<std::uint64_t> number_in(const char* file, std::string_view name)
{
  const auto text = read_file(file);
  if (text)
    for (const auto line : lines_of(*text))
      if (const auto cells = split_blanks(line); cells.size() >= 2 && cells.front() == name)
        if (const auto number = parse_u64(cells.back()))
          return *number;
  return Error{.code = Errc::unsupported, .context = fmt::format("no {} in {}", name, file)};
}

// How far the scanner is. Neither number alone will do: the marked entries are those of all
// processes, and a pass leaves out an area that is younger than scan_delay_ms.
struct Scans {
  std::uint64_t marked = 0;  // page table entries, since boot
  std::uint64_t passes = 0;  // of this process's memory, to its end
};

Result<Scans> scans()
{
  const auto marked = number_in("/proc/vmstat", "numa_pte_updates");
  if (!marked)
    return marked.error();
  const auto passes = number_in("/proc/self/sched", "mm->numa_scan_seq");
  if (!passes)
    return passes.error();
  return Scans{.marked = *marked, .passes = *passes};
}

// Computes, for the scanner goes by run time, until as many entries as there are pages were
// marked and a whole pass was made beside the one under way. The pages are not touched.
Result<> await_scanner(const Scans& before, std::size_t pages)
{
  const std::uint64_t begin = monotonic_ns();
  while (monotonic_ns() - begin < kPatienceMs * 1'000'000) {
    const auto now = scans();
    if (!now)
      return now.error();
    if (now->marked >= before.marked + pages && now->passes >= before.passes + 2)
      return ok();
  }
  return Error{
      .code = Errc::unsupported,
      .context = fmt::format("the scanner of NUMA balancing did not mark {} pages in {} ms", pages,
                             kPatienceMs)};
}

// One word of each page.
std::uint64_t read_each(const char* at, std::size_t pages)
{
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < pages; ++i)
    sum += *reinterpret_cast<const volatile std::uint64_t*>(at + i * page_size());
  return sum;
}

Result<> iterate(Family& family, const TwoNodes& nodes, benchmark::State& state, Meter& meter)
{
  const std::size_t pages = family.page_count();
  PageMove move(family.pages(), pages);
  const auto before = scans();
  if (!before)
    return before.error();
  if (auto there = move.settle(nodes.away); !there)
    return there;
  if (auto scanned = await_scanner(*before, pages); !scanned)
    return scanned;
  meter.start();
  benchmark::DoNotOptimize(read_each(family.pages(), pages));
  meter.stop(state);
  const auto moved = move.count_on(nodes.home);
  if (!moved)
    return moved.error();
  if (*moved == 0)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("no page of {} moved by a hinting fault", pages)};
  meter.outcome("pages_migrated", static_cast<double>(*moved));
  return ok();
}

Result<> balance(const Values& values, benchmark::State& state, Meter& meter)
{
  const auto nodes = settle_down();
  if (!nodes)
    return nodes.error();
  const auto settings = switch_on();
  if (!settings)
    return settings.error();
  auto arena = Arena::create();
  if (!arena)
    return arena.error();
  auto family = Family::create(*arena, shape_of(values));
  if (!family)
    return family.error();
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(*family, *nodes, state, meter); !done)
      return done;
  meter.observe(family->pids());
  return family->check_and_end();
}

void run(benchmark::State& state, Meter& meter)
{
  if (auto done = balance({state.range(0), state.range(1)}, state, meter); !done)
    meter.fail(state, done.error());
}

}  // namespace

const Workload numa_hint{
    .name = "numa_hint",
    .summary = "touched pages follow a process to its NUMA node by hinting faults",
    .kernel_path = "do_numa_page, migrate_misplaced_folio, rmap_walk_anon",
    .patches = "series 1: 4, 8",
    .item = "page read",
    .arguments = {{.name = "siblings"}, {.name = "pages"}},
    .quick = {{0, 1}, {0, 16}, {10, 16}},
    .full = {{0, 1}, {0, 16}, {0, 256}, {1, 16}, {10, 16}, {100, 16}},
    .items = [](const Values& v) { return v[1]; },
    // Of the scanner's time, whatever the case is.
    .weight = [](const Values&) -> std::int64_t { return 2000; },
    .memory_pages = [](const Values& v) { return shape_of(v).memory_pages(); },
    .run = run,
};

}  // namespace rmaplab
