// SPDX-License-Identifier: GPL-2.0-only
// rmaplab-contention: lock contention of the whole machine while a command runs.
#include <CLI/CLI.hpp>
#include <iostream>

#include "base/interrupt.h"
#include "cli/probe_contention.h"

int main(int argc, char** argv)
{
  rmaplab::install_interrupt_handler();
  rmaplab::ContentionOptions options;
  CLI::App app("who waits for which lock while a command runs", "rmaplab-contention");
  app.add_option("command", options.command, "after --: the command and its arguments")->required();
  app.add_option("--rows", options.rows, "rows of the table")->capture_default_str();
  app.add_flag("--csv", options.csv, "every row, with a histogram, as CSV");
  app.positionals_at_end();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return rmaplab::run_probe_contention(options, std::cout);
}
