// SPDX-License-Identifier: GPL-2.0-only
#include <iostream>

#include "base/interrupt.h"
#include "base/text.h"
#include "cli/commands.h"

int main(int argc, char** argv)
{
  using namespace rmaplab;
  install_interrupt_handler();
  command_line() = "rmaplab";
  for (int i = 1; i < argc; ++i)
    command_line() += " " + shell_quote(argv[i]);

  CLI::App app(
      "rmaplab: what a change to Linux's anonymous reverse mapping costs and saves,\n"
      "measured on real kernels.\n\n"
      "Exit status: 0 done, 1 a workload, guest or gate failed, 2 usage or environment,\n"
      "3 inconclusive, 77 nothing could run, 130 interrupted.",
      "rmaplab");
  app.require_subcommand(1);
  app.set_version_flag("--version", version());
  int exit_status = kDone;
  add_ab(app, exit_status);
  add_check(app, exit_status);
  add_compare(app, exit_status);
  add_doctor(app, exit_status);
  add_forest(app, exit_status);
  add_gate(app, exit_status);
  add_kernel(app, exit_status);
  add_lab(app, exit_status);
  add_list(app, exit_status);
  add_record(app, exit_status);
  add_replay(app, exit_status);
  add_run(app, exit_status);
  add_selfcheck(app, exit_status);
  add_trace(app, exit_status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    exit_status = app.exit(e) == 0 ? kDone : kUsage;
  } catch (const std::exception& e) {
    warn(e.what());
    return kUsage;
  }
  // A report that a full disk cut short is no report, whatever it says.
  if (!(std::cout << std::flush)) {
    warn("write standard output: not all of it could be written");
    return kUsage;
  }
  return exit_status;
}
