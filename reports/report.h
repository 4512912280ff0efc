// SPDX-License-Identifier: GPL-2.0-only
// A comparison as text for people and programs.
#pragma once

#include <string>

#include "reports/comparison.h"

namespace rmaplab
{

struct ReportContext {
  std::string rmaplab_version;
  std::string command;    // that repeats it, as a shell would take it
  std::string selfcheck;  // what one on this machine said, one line; "" for none
};

// For a mail to linux-mm: plain ASCII, at most 75 columns, base first, direction
// stated, what did not change summed up.
std::string lkml_report(const Comparison& comparison, const ReportContext& context);

// Every row with both sides' median, range, change and verdict; one header line.
std::string csv_report(const Comparison& comparison);
// A cell of such a file (RFC 4180): quoted where it has to be.
std::string csv_cell(std::string text);

// One run alone: what was measured, case by case, and what was not and why.
std::string run_report(const Run& run);

}  // namespace rmaplab
