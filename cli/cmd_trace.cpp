// SPDX-License-Identifier: GPL-2.0-only
// trace: what a recorded program did.
#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "replay/trace_info.h"

namespace rmaplab
{

namespace
{

int run_info(const std::string& path, std::ostream& out)
{
  const auto summary = summarize_trace(path);
  if (!summary)
    return complain(summary.error());
  out << to_text(*summary) << std::flush;
  return kDone;
}

}  // namespace

void add_trace(CLI::App& app, int& exit_status)
{
  auto* cmd = app.add_subcommand("trace", "look at recorded programs");
  cmd->require_subcommand(1);
  auto path = std::make_shared<std::string>();
  auto* info = cmd->add_subcommand(
      "info", "processes, calls, faults, VMAs over time, fork tree, moves, memory");
  info->add_option("TRACE", *path, "a trace, NAME.csv or NAME.csv.zst")->required();
  info->callback([path, &exit_status] { exit_status = run_info(*path, std::cout); });
}

}  // namespace rmaplab
