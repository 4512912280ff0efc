// SPDX-License-Identifier: GPL-2.0-only
// compare: two stored runs.
#include <fmt/format.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/stored_runs.h"
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
};

int run_compare(const CompareOptions& opt, std::ostream& out)
{
  auto base = read_runs(opt.base);
  if (!base)
    return complain(base.error());
  auto head = read_runs(opt.head);
  if (!head)
    return complain(head.error());
  const Comparison comparison = compare_runs(*base, *head);
  if (auto comparable = check_comparable(comparison); !comparable && !opt.force)
    return complain(comparable.error());
  const ReportContext context{.rmaplab_version = version(), .command = command_line()};
  out << (opt.format == "csv" ? csv_report(comparison) : lkml_report(comparison, context))
      << std::flush;
  return kDone;
}

}  // namespace

void add_compare(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<CompareOptions>();
  auto* cmd = app.add_subcommand("compare", "compare two stored runs");
  cmd->add_option("base", opt->base,
                  "folder of the run to compare against, or of several, one a boot")
      ->required();
  cmd->add_option("head", opt->head, "folder under test, likewise")->required();
  cmd->add_option("--format", opt->format, "lkml (text for a mail) or csv")
      ->capture_default_str()
      ->check(CLI::IsMember({"lkml", "csv"}));
  cmd->add_flag("--force", opt->force, "compare runs of different machines, modes or presets too");
  cmd->callback([opt, &exit_status] { exit_status = run_compare(*opt, std::cout); });
}

}  // namespace rmaplab
