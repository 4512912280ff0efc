// SPDX-License-Identifier: GPL-2.0-only
// The text for a mail: who was compared, how, the rows that changed, and the sum of
// those that did not.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/printable.h"
#include "base/text.h"
#include "reports/curves.h"
#include "reports/report.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kColumns = 75;

// Words of `text` in lines of at most kColumns, later lines indented.
std::string wrapped(const std::string& text, std::size_t indent)
{
  std::string out;
  std::string line;
  for (const auto word : split(text, ' ')) {
    if (!line.empty() && line.size() + 1 + word.size() > kColumns) {
      out += line + "\n";
      line = std::string(indent, ' ') + std::string(word);
    } else {
      if (!line.empty())
        line += ' ';
      line += word;
    }
  }
  return out + line + "\n";
}

// "gcc-14 (Debian 14.2.0-19) 14.2.0" out of /proc/version, where the compiler stands
// in the second bracket; "" when it is worded otherwise.
std::string compiler_of(const std::string& proc_version)
{
  const auto begin = proc_version.find(") (");
  if (begin == std::string::npos)
    return {};
  const auto end = proc_version.find(", GNU ld", begin);
  return proc_version.substr(begin + 3, end == std::string::npos ? end : end - begin - 3);
}

std::string kernel_line(const char* side, const Manifest& manifest)
{
  const std::string id = manifest_value(manifest, "kernel.build_id");
  const std::string series = manifest_value(manifest, "kernel.series");
  return wrapped(
      fmt::format("{}: {}{}, {}{}", side, manifest_value(manifest, "kernel.release"),
                  id.empty() ? "" : ", build id " + id.substr(0, 12),
                  manifest_value(manifest, "kernel.source"), series.empty() ? "" : "; " + series),
      6);
}

std::string machine_lines(const Comparison& comparison)
{
  const Manifest& m = comparison.base;
  const std::string mode = manifest_value(m, "mode");
  if (mode == "host")
    return wrapped(fmt::format("machine: {}, CPUs {}, {} KiB of memory; host mode, bare kernel "
                               "as it runs",
                               manifest_value(m, "guest.cpu"), manifest_value(m, "guest.cpus"),
                               manifest_value(m, "guest.memory_kib")),
                   9);
  return wrapped(
      fmt::format("machine: QEMU {} {}, {} mode, {} x {}, {} MiB",
                  manifest_value(m, "qemu.version"), manifest_value(m, "machine.accelerator"), mode,
                  manifest_value(m, "machine.cpus"), manifest_value(m, "machine.cpu"),
                  manifest_value(m, "machine.memory_mib")),
      9);
}

// Options that reach the code this suite measures, by name.
constexpr const char* kReachesMm =
    "*PER_VMA*,ANON_VMA*,SLAB*,SLUB*,PREEMPT*,HZ*,NO_HZ*,*HUGEPAGE,*HUGEPAGE_A*,KSM*,MEMCG*,NUMA*,"
    "SWAP*,ZSWAP,USERFAULTFD*,*PAGE_TABLE*,PT_RECLAIM*,LRU_GEN*,DEBUG_VM*,DEBUG_LOCK*,PROVE_*,"
    "LOCK_*,LOCKDEP*,KASAN*,KFENCE*,KCSAN*,UBSAN*,*MAPLE*,MEM_SOFT_DIRTY*,*MITIGATION*,CC_OPTIMIZE*"
    ","
    "INIT_ON_*,RANDOM_KMALLOC*,SHUFFLE_PAGE*,*KSTACK*,FINEIBT*";

std::string config_lines(const Comparison& comparison)
{
  if (!comparison.config_differences) {
    const std::string image = manifest_value(comparison.base, "kernel.image_sha256");
    if (!image.empty() && image == manifest_value(comparison.head, "kernel.image_sha256"))
      return "config: the same image\n";
    const bool base = manifest_value(comparison.base, "kernel.config_sha256").empty();
    const bool head = manifest_value(comparison.head, "kernel.config_sha256").empty();
    return wrapped(fmt::format("config: not compared, the {} came without one",
                               base && head ? "kernels' packages"
                               : base       ? "base"
                                            : "head"),
                   8);
  }
  const auto& differences = *comparison.config_differences;
  if (differences.empty())
    return "config: the same\n";
  constexpr std::size_t kAll = 12;  // so few are all named
  std::string list;
  std::size_t named = 0;
  for (const auto& difference : differences) {
    if (differences.size() > kAll &&
        !glob_match(kReachesMm, difference.substr(0, difference.find(':'))))
      continue;
    list += (named++ ? ", " : "") + difference;
  }
  if (named < differences.size())
    list += fmt::format("{}{} more beyond mm, locking and debugging, see the stored configs",
                        named ? "; " : "", differences.size() - named);
  return wrapped(fmt::format("config: {} options differ: {}", differences.size(), list), 8);
}

// Which anon_vma_clone() the kernels have, as its allocations show it: before 7.0 it
// allocates under the anon_vma lock, where it must not sleep.
std::string clone_lines(const Comparison& comparison)
{
  const std::string base = manifest_value(comparison.base, "kernel.anon_vma_clone_gfp");
  const std::string head = manifest_value(comparison.head, "kernel.anon_vma_clone_gfp");
  if (base.empty() || head.empty())
    return {};
  return wrapped(
      fmt::format("anon_vma_clone allocates with {}", base == head ? base : base + " -> " + head),
      2);
}

// Hundredths of a percent matter only where the change is small.
std::string percent(double change)
{
  const int decimals = std::abs(change) < 0.1 ? 2 : std::abs(change) < 1 ? 1 : 0;
  return fmt::format("{:+.{}f}", change * 100, decimals);
}

// The figures of a row: counts grouped, small ones with a decimal.
std::string figure(const Side& side)
{
  if (!side.spread)
    return side.failed ? "failed" : "-";
  const double value = side.spread->median;
  if (value != std::round(value) && std::abs(value) < 1000)
    return fmt::format("{:.1f}", value);
  return grouped(value);
}

// What stands in brackets: of a noisy metric the interval of the ratio, else the changes of
// boots against their twins.
std::string range_text(const ComparisonRow& row)
{
  if (row.effect && row.effect->ratio && row.effect->boots_base > 1 && row.effect->boots_head > 1)
    return fmt::format("[{}, {}]", percent(row.effect->ratio->interval.low - 1),
                       percent(row.effect->ratio->interval.high - 1));
  if (!row.change_by_boot || row.base.boots.size() < 2)
    return {};
  return fmt::format("[{}, {}]", percent(row.change_by_boot->min),
                     percent(row.change_by_boot->max));
}

// name 25, base 11, head 11, change 8, range 14: with the blanks between, 75 columns.
std::string columns(const std::string& name, const std::string& base, const std::string& head,
                    const std::string& change, const std::string& range)
{
  std::string line =
      fmt::format("  {:<25} {:>11} {:>11} {:>8} {}", name, base, head, change, range);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string row_line(const std::string& name, const ComparisonRow& row)
{
  std::string change = row.change ? percent(*row.change) + "%" : "new";
  if (row.effect && row.effect->ratio)
    change = percent(row.effect->ratio->estimate - 1) + "%";
  if (row.verdict == Verdict::undecided)
    change = "~" + change;
  constexpr std::size_t kNameColumns = 25;
  const bool long_name = name.size() > kNameColumns;
  return (long_name ? "  " + name + "\n" : "") + columns(long_name ? "" : name, figure(row.base),
                                                         figure(row.head), change, range_text(row));
}

std::string arguments_shown(const ComparisonRow& row)
{
  std::string text = row.arguments;
  std::replace(text.begin(), text.end(), ';', ' ');
  return text.empty() ? "-" : text;
}

bool is_change(const ComparisonRow& row)
{
  return row.verdict == Verdict::better || row.verdict == Verdict::worse ||
         row.verdict == Verdict::changed || row.verdict == Verdict::undecided;
}

struct Tally {
  int better = 0, worse = 0, changed = 0, identical = 0, unchanged = 0, undecided = 0;
  int all() const { return better + worse + changed + identical + unchanged + undecided; }
  void count(Verdict verdict)
  {
    better += verdict == Verdict::better;
    worse += verdict == Verdict::worse;
    changed += verdict == Verdict::changed;
    identical += verdict == Verdict::identical;
    unchanged += verdict == Verdict::unchanged;
    undecided += verdict == Verdict::undecided;
  }
  std::string text() const
  {
    std::string out;
    auto add = [&](int n, const char* what) {
      if (n > 0)
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", n, what);
    };
    add(better, "better");
    add(worse, "worse");
    add(changed, "changed");
    add(undecided, "not decided");
    add(unchanged, "unchanged");
    add(identical, "identical");
    return out;
  }
};

// ", per mremap": what one operation of a workload is, where it matters.
std::string item_of(const Comparison& comparison, const std::string& workload, const Metric& metric)
{
  const std::string item = manifest_value(comparison.base, "item." + workload);
  const bool per_operation = metric.unit.find("/op") != std::string_view::npos;
  return item.empty() || !per_operation ? "" : ", per " + item;
}

// The rows of kernel functions that differ, by what they are a part of.
using SiteRows = std::map<std::pair<const Metric*, CaseName>, std::vector<const ComparisonRow*>>;
SiteRows site_rows(const Comparison& comparison)
{
  SiteRows sites;
  for (const ComparisonRow& row : comparison.rows)
    if (!row.site.empty() && row.verdict != Verdict::identical)
      sites[{row.metric, {.workload = row.workload, .arguments = row.arguments}}].push_back(&row);
  return sites;
}

// Where a changed row's difference comes from: the kernel functions whose part of it
// differs.
std::string site_lines(const SiteRows& sites, const ComparisonRow& whole)
{
  std::string text;
  const auto found =
      sites.find({whole.metric, {.workload = whole.workload, .arguments = whole.arguments}});
  if (found == sites.end())
    return text;
  for (const ComparisonRow* row : found->second)
    text += columns("  in " + row->site, figure(row->base), figure(row->head), "", "");
  return text;
}

// A metric's rows that changed, by workload; a line for those that did not.
std::string metric_section(const Comparison& comparison, const SiteRows& sites,
                           const Metric& metric)
{
  std::map<std::string, Tally> tallies;
  std::vector<std::string> order;
  std::map<std::string, std::string> changed;
  std::map<std::string, double> largest;  // among the unchanged, to say how small
  bool ranges = false;
  Tally sum;
  for (const ComparisonRow& row : comparison.rows) {
    if (row.metric != &metric || !row.site.empty() || row.verdict == Verdict::skipped ||
        row.verdict == Verdict::failed || row.workload == "null")
      continue;
    if (!tallies.count(row.workload))
      order.push_back(row.workload);
    tallies[row.workload].count(row.verdict);
    sum.count(row.verdict);
    ranges = ranges || !range_text(row).empty();
    if (is_change(row))
      changed[row.workload] += row_line(arguments_shown(row), row) + site_lines(sites, row);
    else if (row.change)
      largest[row.workload] = std::max(largest[row.workload], std::abs(*row.change));
  }
  if (sum.all() == 0 || sum.all() == sum.identical)
    return {};  // identical_line() names it

  std::string text =
      wrapped(fmt::format("{} ({}, {}): {}", metric.name, metric.unit, to_string(metric.better),
                          sum.text() + (metric.headline ? "" : "; rows in the CSV")),
              4);
  if (!metric.headline)
    return text;
  if (!changed.empty())
    text += columns("", "base", "head", "change",
                    !ranges                             ? ""
                    : metric.kind == MetricClass::noisy ? "[95 % CI, %]"
                                                        : "[of boots, %]");
  std::string still_all;  // workloads without a changed row
  for (const auto& workload : order) {
    const Tally& tally = tallies[workload];
    const int still = tally.identical + tally.unchanged;
    const std::string difference =
        largest[workload] > 0 ? fmt::format(", largest difference {:.2f}%", largest[workload] * 100)
                              : "";
    if (changed.count(workload) == 0) {
      still_all +=
          fmt::format("{}{} ({}{})", still_all.empty() ? "" : ", ", workload, still, difference);
      continue;
    }
    text += fmt::format(" {}{}\n{}", workload, item_of(comparison, workload, metric),
                        changed[workload]);
    if (still > 0)
      text += fmt::format(" {}, rest: {} of {} unchanged{}\n", workload, still, tally.all(),
                          difference);
  }
  if (!still_all.empty())
    text += wrapped("unchanged in every case: " + still_all, 2);
  return text;
}

// "identical in every case: vmas (51), ...", for metrics that no case tells apart.
std::string identical_line(const Comparison& comparison)
{
  std::string list;
  for (const Metric& metric : all_metrics()) {
    Tally sum;
    for (const ComparisonRow& row : comparison.rows)
      if (row.metric == &metric && row.site.empty() && row.workload != "null")
        sum.count(row.verdict);
    if (sum.all() > 0 && sum.all() == sum.identical)
      list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", metric.name, sum.all());
  }
  return list.empty() ? std::string() : wrapped("\nidentical in every case: " + list, 2);
}

std::string trouble_section(const Comparison& comparison)
{
  std::string text;
  struct Skipped {
    int rows = 0;
    std::set<std::string_view> metrics;
  };
  std::map<std::string, Skipped> skips;  // by reason
  for (const ComparisonRow& row : comparison.rows) {
    if (!row.site.empty())
      continue;  // a function that one kernel does not have is no failure
    const std::string& reason = row.head.reason.empty() ? row.base.reason : row.head.reason;
    if (row.verdict == Verdict::failed) {
      text += wrapped(fmt::format("FAILED {} {}: {}", row.workload, row.arguments, reason), 2);
    } else if (row.verdict == Verdict::skipped) {
      Skipped& one = skips[reason];
      ++one.rows;
      one.metrics.insert(row.metric->name);
    }
  }
  for (const auto& [reason, one] : skips) {
    const std::string what = one.metrics.size() == 1
                                 ? std::string(*one.metrics.begin())
                                 : fmt::format("{} metrics", one.metrics.size());
    text += wrapped(fmt::format("not measured ({} row{}): {}: {}", one.rows,
                                one.rows == 1 ? "" : "s", what, reason),
                    2);
  }
  return text.empty() ? text : "\n" + text;
}

const ComparisonRow* null_row(const Comparison& comparison, std::string_view metric)
{
  for (const ComparisonRow& row : comparison.rows)
    if (row.workload == "null" && row.metric->name == metric && row.base.spread && row.head.spread)
      return &row;
  return nullptr;
}

}  // namespace

std::string lkml_report(const Comparison& comparison, const ReportContext& context)
{
  const Manifest& base = comparison.base;
  const Manifest& head = comparison.head;
  std::string text = wrapped(fmt::format("anonymous rmap: {} (base) against {} (head)",
                                         manifest_value(base, "kernel.release"),
                                         manifest_value(head, "kernel.release")),
                             2) +
                     "\n";
  for (const auto& line : shortcomings(comparison))
    text += wrapped("WARNING: " + line, 2);
  text += kernel_line("base", base) + kernel_line("head", head);
  const std::string base_compiler = compiler_of(manifest_value(base, "kernel.version"));
  const std::string head_compiler = compiler_of(manifest_value(head, "kernel.version"));
  text += base_compiler == head_compiler
              ? wrapped("compiler: " + (base_compiler.empty() ? "not known" : base_compiler), 10)
              : wrapped(fmt::format("compiler: {} -> {}", base_compiler, head_compiler), 10);
  text += config_lines(comparison);
  text += clone_lines(comparison);
  text += machine_lines(comparison);
  text += wrapped("kernel command line: " + manifest_value(base, "guest.command_line"), 2);
  const bool exact = manifest_value(base, "mode") == "exact";
  if (const std::string boots = manifest_value(base, "replicas"); !boots.empty())
    text += wrapped(
        exact && boots != "1"
            ? fmt::format("boots: {} a kernel, boot n started alike on both; figures are the "
                          "median of the boots, in brackets the least and the greatest change of "
                          "a boot against its twin",
                          boots)
            : fmt::format("boots: {} a kernel{}", boots,
                          exact || boots == "1"
                              ? ""
                              : "; a change of a noisy metric is the Hodges-Lehmann ratio of the "
                                "boots' medians, called by Mann-Whitney at 5 % "
                                "(Benjamini-Hochberg over all rows) beyond the metric's floor; ~ "
                                "is not decided"),
        7);
  if (const auto* row = null_row(comparison, exact ? "instructions" : "wall_time"))
    text += wrapped(fmt::format("harness: an empty operation (null) reads {} / {} {}",
                                figure(row->base), figure(row->head), row->metric->unit),
                    9);
  if (const auto* row = null_row(comparison, "process_vmas"))
    text += wrapped(fmt::format("the measuring process has {} / {} VMAs of its own, which every "
                                "fork copies",
                                figure(row->base), figure(row->head)),
                    2);
  text += wrapped(
      fmt::format("rmaplab {}; repeat with: {}", context.rmaplab_version, context.command), 2);
  if (!context.selfcheck.empty())
    text += wrapped(context.selfcheck, 2);

  Tally sum;
  bool failed = false;
  for (const ComparisonRow& row : comparison.rows) {
    if (row.site.empty())
      sum.count(row.verdict);
    failed = failed || row.verdict == Verdict::failed;
  }
  if (sum.all() == 0)
    text += "\nNothing was measured on both sides.\n";
  else if (sum.all() == sum.identical + sum.unchanged && !failed &&
           shortcomings(comparison).empty())
    text += "\nNothing changed.\n";
  const SiteRows sites = site_rows(comparison);
  for (const Metric& metric : all_metrics())
    if (const std::string section = metric_section(comparison, sites, metric); !section.empty())
      text += "\n" + section;
  for (const auto& line : curve_lines(comparison))
    text += "\n" + wrapped(line, 2);
  return printable(text + identical_line(comparison) + trouble_section(comparison));
}

}  // namespace rmaplab
