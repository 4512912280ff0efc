// SPDX-License-Identifier: GPL-2.0-only
// Subcommands of `trace` that have a file of their own.
#pragma once

#include "cli/commands.h"

namespace rmaplab
{

void add_trace_cut(CLI::App& trace, int& exit_status);
void add_trace_import(CLI::App& trace, int& exit_status);
void add_trace_why(CLI::App& trace, int& exit_status);

}  // namespace rmaplab
