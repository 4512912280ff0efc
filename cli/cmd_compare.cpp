// SPDX-License-Identifier: GPL-2.0-only
// compare: two stored runs.
#include <fmt/format.h>

#include <iostream>

#include "base/printable.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/run_folder.h"
#include "cli/selfcheck_store.h"
#include "cli/stored_runs.h"
#include "reports/functions.h"
#include "reports/report.h"

namespace rmaplab
{

namespace
{

struct CompareOptions {
  std::string base;
  std::string head;
  std::string format = "lkml";
  bool force = false;
  bool functions = false;
  std::string filter = "*";
  FunctionReportOptions functions_shown;
};

// A table of figures has no place for words: they go to standard error.
void warn_of(const std::vector<std::string>& lines)
{
  for (const auto& line : lines)
    warn("WARNING: " + printable(line));
}

int compare_functions(const CompareOptions& opt, const Run& base, const Run& head,
                      const Comparison& comparison, std::ostream& out)
{
  FunctionReportOptions shown = opt.functions_shown;
  shown.warnings = shortcomings(comparison);
  for (auto& line : function_shortcomings(base, head))
    shown.warnings.push_back(std::move(line));
  std::vector<CaseName> cases = function_cases(base, head);
  if (cases.empty())
    return complain({.code = Errc::usage,
                     .context = "no rows by kernel function in both runs: measure them with "
                                "`rmaplab ab --functions` or `run --kernel SPEC --functions`"});
  std::erase_if(cases, [&](const CaseName& one) { return !glob_match(opt.filter, one.workload); });
  if (cases.empty())
    return complain({.code = Errc::usage,
                     .context = "no workload with such rows matches \"" + opt.filter + "\""});
  if (opt.format == "csv")
    warn_of(shown.warnings);
  out << (opt.format == "csv" ? functions_csv(base, head, cases)
                              : printable(functions_report(base, head, cases, shown)))
      << std::flush;
  return kDone;
}

int run_compare(const CompareOptions& opt, std::ostream& out)
{
  for (const std::string& folder : {opt.base, opt.head})
    if (auto checked = check_one_kernel(folder); !checked)
      return complain(checked.error());
  auto base = read_runs(opt.base);
  if (!base)
    return complain(base.error());
  auto head = read_runs(opt.head);
  if (!head)
    return complain(head.error());
  const Comparison comparison = compare_runs(*base, *head);
  if (auto comparable = check_comparable(comparison); !comparable && !opt.force)
    return complain(comparable.error());
  if (opt.functions)
    return compare_functions(opt, *base, *head, comparison, out);
  if (opt.format == "csv")
    warn_of(shortcomings(comparison));
  const ReportContext context{.rmaplab_version = version(),
                              .command = command_line(),
                              .selfcheck = quoted_selfcheck(comparison.base)};
  out << (opt.format == "csv" ? csv_report(comparison) : lkml_report(comparison, context))
      << std::flush;
  return kDone;
}

}  // namespace

void add_compare(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<CompareOptions>();
  auto* cmd = app.add_subcommand(
      "compare", "compare two stored runs: prints, where `gate` judges; exit 0 whatever they hold");
  cmd->add_option("base", opt->base,
                  "folder of the run to compare against, or of several, one a boot")
      ->required();
  cmd->add_option("head", opt->head, "folder under test, likewise")->required();
  cmd->add_option("--format", opt->format, "lkml (text for a mail) or csv")
      ->capture_default_str()
      ->check(CLI::IsMember({"lkml", "csv"}));
  auto* functions =
      cmd->add_flag("--functions", opt->functions,
                    "which kernel functions the instructions differ in (docs/functions.md)");
  cmd->add_option("-w,--workload", opt->filter, "with --functions: globs joined with commas")
      ->capture_default_str()
      ->needs(functions);
  cmd->add_option("--top", opt->functions_shown.top, "with --functions: how many of each case")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000))
      ->needs(functions);
  cmd->add_flag("--force", opt->force, "compare runs of different machines, modes or presets too");
  cmd->callback([opt, &exit_status] { exit_status = run_compare(*opt, std::cout); });
}

}  // namespace rmaplab
