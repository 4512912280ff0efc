// SPDX-License-Identifier: GPL-2.0-only
#include "reports/functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <unordered_set>

#include "base/printable.h"
#include "base/text.h"
#include "reports/report.h"
#include "results/function_counts.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kColumns = 75;

// Of one case.
using RowsOfCase = std::vector<const Sample*>;

// The repetitions of each boot that was counted.
std::map<int, std::set<int>> boots_of(const RowsOfCase& rows)
{
  std::map<int, std::set<int>> boots;
  for (const Sample* row : rows)
    boots[row->boot].insert(row->repetition);
  return boots;
}

struct Figures {
  double calls = 0;
  double instructions = 0;
};
using Table = std::map<std::string, Figures, std::less<>>;

// The mean of the repetitions of each boot that both sides have, then of the boots.
Table table_of(const RowsOfCase& rows, const std::map<int, std::set<int>>& ours,
               const std::map<int, std::set<int>>& theirs)
{
  const auto twins = std::ranges::count_if(
      ours, [&](const auto& boot) { return theirs.find(boot.first) != theirs.end(); });
  Table table;
  for (const Sample* row : rows) {
    const Sample& sample = *row;
    if (!theirs.count(sample.boot))
      continue;
    const double part = *sample.value / static_cast<double>(ours.at(sample.boot).size()) /
                        static_cast<double>(twins);
    const auto name = source_function(sample.site);
    Figures& figures = table[std::string(name)];
    if (sample.metric == "function_instructions")
      figures.instructions += part;
    else if (sample.site.str().find(".cold") == std::string::npos)
      figures.calls += part;
  }
  return table;
}

// Whole instructions: what the columns show adds up.
struct Line {
  double base = 0;
  double head = 0;
  double change() const { return head - base; }
};
Line rounded(double base, double head)
{
  return {.base = std::round(base), .head = std::round(head)};
}

// Never a zero for what is none: below 1 two digits that count.
std::string calls_text(double calls)
{
  if (calls == std::round(calls) || calls >= 1000)
    return grouped(std::round(calls));
  return calls < 1 ? fmt::format("{:.2g}", calls) : fmt::format("{:.1f}", calls);
}

std::string calls_text(const FunctionChange& change)
{
  if (change.base_calls == 0 && change.head_calls == 0)
    return "-";  // of "[user]", or entered elsewhere than at its first instruction
  const std::string base = calls_text(change.base_calls);
  const std::string head = calls_text(change.head_calls);
  return base == head ? base : base + " -> " + head;
}

std::string signed_text(double value)
{
  return (value > 0 ? "+" : "") + grouped(value);
}

// Of the total's change; "-" where that is too small for the share to say anything.
std::string share_text(const Line& line, const Line& total)
{
  const double share = total.change() == 0 ? 10 : line.change() / total.change();
  return std::abs(share) < 10 ? fmt::format("{:.0f}%", std::round(100 * share) + 0.0) : "-";
}

// The columns of one table: as wide as its widest figures, the names get what is left.
class Layout
{
 public:
  Layout(const Line& total, const std::vector<Line>& lines)
  {
    base_ = std::max<std::size_t>(9, grouped(total.base).size());
    head_ = std::max<std::size_t>(9, grouped(total.head).size());
    for (const Line& line : lines)
      change_ = std::max(change_, signed_text(line.change()).size());
  }
  std::string heading() const
  {
    return text("function", "calls", "base", "head", "change", "share");
  }
  std::string row(const std::string& name, const std::string& calls, const Line& line,
                  const Line& total) const
  {
    return text(name, calls, grouped(line.base), grouped(line.head), signed_text(line.change()),
                share_text(line, total));
  }

 private:
  // A name that does not fit beside its calls stands on a line of its own.
  std::string text(const std::string& name, const std::string& calls, const std::string& base,
                   const std::string& head, const std::string& change,
                   const std::string& share) const
  {
    const std::size_t left = kColumns - 2 - (base_ + head_ + change_ + kShare + 4);
    const std::string figures = fmt::format(" {:>{}} {:>{}} {:>{}} {:>{}}\n", base, base_, head,
                                            head_, change, change_, share, kShare);
    if (name.size() + 1 + calls.size() > left)
      return fmt::format("  {}\n  {:>{}}{}", name, calls, left, figures);
    return fmt::format("  {}{:>{}}{}", name, calls, left - name.size(), figures);
  }
  static constexpr std::size_t kShare = 5;
  std::size_t base_ = 0;
  std::size_t head_ = 0;
  std::size_t change_ = 7;
};

// Words in lines of at most kColumns, later lines indented.
std::string wrapped(const std::string& text)
{
  std::string lines;
  std::string line;
  for (const auto word : split_blanks(text)) {
    if (!line.empty() && line.size() + 1 + word.size() > kColumns) {
      lines += line + "\n";
      line = " ";
    }
    line += fmt::format("{}{}", line.empty() ? "" : " ", word);
  }
  return lines + line + "\n";
}

std::string title_of(const Run& base, const CaseName& one)
{
  std::string title = one.workload.str() + (one.arguments.empty() ? "" : " ") + one.arguments.str();
  std::ranges::replace(title, ';', ' ');
  const std::string item = manifest_value(base.manifest, "item." + one.workload.str());
  return title + (item.empty() ? "" : ", per " + item);
}

std::string case_report(const Run& base, const CaseName& one,
                        const std::vector<FunctionChange>& changes, std::size_t top)
{
  const auto sum = [&](double FunctionChange::*figure) {
    return std::accumulate(changes.begin(), changes.end(), 0.0,
                           [&](double all, const FunctionChange& c) { return all + c.*figure; });
  };
  const Line total =
      rounded(sum(&FunctionChange::base_instructions), sum(&FunctionChange::head_instructions));
  const auto differ =
      std::ranges::count_if(changes, [](const FunctionChange& c) { return c.change() != 0; });
  std::string title = title_of(base, one);
  if (total.change() == 0)
    title += fmt::format(
        ": {} instructions on both sides, {}", grouped(total.base),
        differ == 0 ? "in the same functions" : fmt::format("{} functions differ", differ));
  if (differ == 0)
    return wrapped(title);
  std::vector<Line> lines;
  Line others = total;
  top = std::min(top, static_cast<std::size_t>(differ));  // they come first
  for (std::size_t i = 0; i < top; ++i) {
    lines.push_back(rounded(changes[i].base_instructions, changes[i].head_instructions));
    others.base -= lines[i].base;
    others.head -= lines[i].head;
  }
  std::vector<Line> all = lines;
  all.insert(all.end(), {others, total});
  const Layout layout(total, all);
  std::string text = wrapped(title) + layout.heading();
  for (std::size_t i = 0; i < lines.size(); ++i)
    text += layout.row(changes[i].function, calls_text(changes[i]), lines[i], total);
  if (changes.size() > lines.size())
    text += layout.row(fmt::format("{} others", changes.size() - lines.size()), "", others, total);
  return text + layout.row("total", "", total, total);
}

}  // namespace

bool is_function_metric(std::string_view metric)
{
  return metric == "function_instructions" || metric == "function_calls";
}

std::string_view source_function(std::string_view symbol)
{
  const auto dot = symbol.find('.', 1);
  return symbol.substr(0, dot);
}

namespace
{

struct CaseSum {
  double functions = 0;
  std::optional<double> mean;
  bool counted = false;
  bool calls = false;  // rows of function_calls
  bool lost = false;   // a row of a function without a value

  // Whether the functions are the case's mean, where that is known.
  bool is_whole() const
  {
    // Whole instructions by operations, added up in another order.
    constexpr double kRounding = 1e-6;
    return !mean || std::abs(functions - *mean) <= kRounding * std::abs(*mean) + kRounding;
  }
};
// By case and boot.
std::map<std::pair<CaseName, int>, CaseSum> sums_of(const Run& run)
{
  std::map<std::pair<CaseName, int>, CaseSum> sums;
  for (const Sample& sample : run.samples) {
    const bool mean = sample.metric == "instructions_mean" && sample.value;
    const bool function = is_function_metric(sample.metric);
    if (!mean && !function)
      continue;
    CaseSum& sum = sums[{case_of(sample), sample.boot}];
    if (mean)
      sum.mean = sum.mean.value_or(0) + *sample.value;
    if (!function)
      continue;
    sum.lost = sum.lost || (!sample.value && !sample.site.empty());
    sum.counted = sum.counted || sample.value;
    if (sample.metric == "function_instructions")
      sum.functions += sample.value.value_or(0);
    else
      sum.calls = sum.calls || sample.value;
  }
  return sums;
}

// Names of cases, at most four.
std::string named(const std::set<CaseName>& cases)
{
  constexpr std::size_t kNamed = 4;
  std::string text;
  std::size_t count = 0;
  for (const auto& [workload, arguments] : cases) {
    if (++count > kNamed)
      return text + ", ...";
    text += fmt::format("{}{}{}{}", text.empty() ? "" : ", ", workload,
                        arguments.empty() ? "" : " ", arguments);
  }
  return text;
}

}  // namespace

namespace
{
// Those that have functions in any boot.
std::set<CaseName> cases_counted(const std::map<std::pair<CaseName, int>, CaseSum>& sums)
{
  std::set<CaseName> counted;
  for (const auto& [key, sum] : sums)
    if (sum.counted)
      counted.insert(key.first);
  return counted;
}
}  // namespace

std::map<CaseName, std::string> functions_lost(const Run& base, const Run& head)
{
  std::map<CaseName, std::string> lost;
  for (const auto& [run, name] : {std::pair{&base, "base"}, {&head, "head"}}) {
    const auto sums = sums_of(*run);
    const auto counted = cases_counted(sums);
    for (const auto& [key, sum] : sums) {
      if (!counted.contains(key.first))
        continue;
      if (!sum.counted || sum.lost || !sum.is_whole())
        lost.emplace(key.first,
                     fmt::format("functions of boot {} of the {} were lost", key.second, name));
      else if (!sum.mean)
        lost.emplace(key.first, fmt::format("boot {} of the {} has no instructions_mean that its "
                                            "functions could be held to",
                                            key.second, name));
    }
  }
  return lost;
}

std::vector<std::string> function_shortcomings(const Run& base, const Run& head)
{
  std::vector<std::string> lines;
  const auto say = [&](const std::string& what, const std::set<CaseName>& cases) {
    if (!cases.empty())
      lines.push_back(fmt::format("{} {}: {}: {}", cases.size(),
                                  cases.size() == 1 ? "case" : "cases", what, named(cases)));
  };
  std::set<CaseName> counted[2];
  std::set<CaseName> without_calls[2];
  const Run* const runs[] = {&base, &head};
  constexpr const char* kNames[] = {"base", "head"};
  for (std::size_t i = 0; i < 2; ++i) {
    std::set<CaseName> lost;
    std::set<CaseName> differ;
    std::set<CaseName> absent;
    std::set<CaseName> no_mean;
    const auto sums = sums_of(*runs[i]);
    counted[i] = cases_counted(sums);
    for (const auto& [key, sum] : sums) {
      if (sum.counted && !sum.calls)
        without_calls[i].insert(key.first);
      if (!sum.counted && counted[i].contains(key.first))
        absent.insert(key.first);
      if (sum.counted && !sum.mean)
        no_mean.insert(key.first);
      if (sum.lost)
        lost.insert(key.first);
      if (sum.counted && !sum.is_whole())
        differ.insert(key.first);
    }
    say(fmt::format("the {} has functions without a value", kNames[i]), lost);
    say(fmt::format("the {} has boots without functions beside boots with them", kNames[i]),
        absent);
    say(fmt::format("the {} has no instructions_mean that functions could be held to", kNames[i]),
        no_mean);
    say(fmt::format("functions of the {} do not add up to instructions_mean: rows were lost or "
                    "added",
                    kNames[i]),
        differ);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    std::set<CaseName> alone;
    std::ranges::set_difference(counted[i], counted[1 - i], std::inserter(alone, alone.end()));
    say(fmt::format("the {} alone has functions", kNames[i]), alone);
    std::set<CaseName> calls_lost;
    std::ranges::set_difference(without_calls[i], without_calls[1 - i],
                                std::inserter(calls_lost, calls_lost.end()));
    say(fmt::format("the {} has no calls of functions", kNames[i]), calls_lost);
  }
  return lines;
}

std::vector<CaseName> function_cases(const Run& base, const Run& head)
{
  const auto is_counted = [](const Sample& sample) {
    return sample.value && is_function_metric(sample.metric);
  };
  std::unordered_set<CaseName> of_head;
  for (const Sample& sample : head.samples)
    if (is_counted(sample))
      of_head.insert(case_of(sample));
  std::unordered_set<CaseName> listed;
  std::vector<CaseName> cases;
  for (const Sample& sample : base.samples)
    if (is_counted(sample) && of_head.contains(case_of(sample)) &&
        listed.insert(case_of(sample)).second)
      cases.push_back(case_of(sample));
  return cases;
}

FunctionRows::ByCase FunctionRows::by_case(const Run& run)
{
  ByCase rows;
  for (const Sample& sample : run.samples)
    if (sample.value && is_function_metric(sample.metric))
      rows[case_of(sample)].push_back(&sample);
  return rows;
}

FunctionRows::FunctionRows(const Run& base, const Run& head)
    : base_(by_case(base)), head_(by_case(head))
{
}

std::vector<FunctionChange> FunctionRows::changes(const CaseName& one) const
{
  const auto of_base = base_.find(one);
  const auto of_head = head_.find(one);
  if (of_base == base_.end() || of_head == head_.end())
    return {};
  const auto base_boots = boots_of(of_base->second);
  const auto head_boots = boots_of(of_head->second);
  const Table left = table_of(of_base->second, base_boots, head_boots);
  const Table right = table_of(of_head->second, head_boots, base_boots);
  std::map<std::string, FunctionChange> both;
  for (const auto& [name, figures] : left) {
    both[name].base_calls = figures.calls;
    both[name].base_instructions = figures.instructions;
  }
  for (const auto& [name, figures] : right) {
    both[name].head_calls = figures.calls;
    both[name].head_instructions = figures.instructions;
  }
  std::vector<FunctionChange> changes;
  for (auto& [name, change] : both) {
    change.function = name;
    changes.push_back(std::move(change));
  }
  std::ranges::stable_sort(changes, std::greater<>(),
                           [](const FunctionChange& change) { return std::abs(change.change()); });
  return changes;
}

std::vector<FunctionChange> function_changes(const Run& base, const Run& head,
                                             std::string_view workload, std::string_view arguments)
{
  return FunctionRows(base, head).changes({.workload = workload, .arguments = arguments});
}

std::string functions_report(const Run& base, const Run& head, const std::vector<CaseName>& cases,
                             const FunctionReportOptions& options)
{
  std::string text;
  for (const auto& line : options.warnings)
    text += wrapped("WARNING: " + line);
  text +=
      "kernel functions: instructions and calls of one operation, the mean of all\n"
      "(calls where both sides have as many are one figure)\n";
  const FunctionRows rows(base, head);
  for (const CaseName& one : cases)
    if (const auto changes = rows.changes(one); !changes.empty())
      text += "\n" + case_report(base, one, changes, options.top);
  return text;
}

std::string functions_csv(const Run& base, const Run& head, const std::vector<CaseName>& cases)
{
  std::string text =
      "workload,arguments,function,base_calls,head_calls,base_instructions,head_instructions,"
      "change\n";
  const FunctionRows rows(base, head);
  for (const CaseName& one : cases)
    for (const FunctionChange& c : rows.changes(one))
      text += fmt::format("{},{},{},{},{},{},{},{}\n", csv_cell(one.workload.str()),
                          csv_cell(one.arguments.str()), csv_cell(c.function),
                          number_text(c.base_calls), number_text(c.head_calls),
                          number_text(c.base_instructions), number_text(c.head_instructions),
                          number_text(c.change()));
  return printable(text);
}

}  // namespace rmaplab
