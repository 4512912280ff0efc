// SPDX-License-Identifier: GPL-2.0-only
// The catalog of workloads as text: `rmaplab list`, `list NAME` and docs/workloads.md are
// made from the same rows.
#pragma once

#include <span>
#include <string>

#include "workloads/workload.h"

namespace rmaplab
{

// Two columns of at most 100: a name, and words in as many lines as they take.
std::string entry(std::string_view name, std::size_t width, std::string_view words);

// Hidden workloads are left out of all but story_text().
std::string rows_text(std::span<const Workload* const> workloads);
// With what there is to say of all of them.
std::string catalog_text(std::span<const Workload* const> workloads);
std::string story_text(const Workload& workload);
std::string catalog_markdown(std::span<const Workload* const> workloads);

}  // namespace rmaplab
