// SPDX-License-Identifier: GPL-2.0-only
// The files of checks: each appends its own to the table.
#pragma once

#include <vector>

#include "conformance/check.h"

namespace rmaplab
{

void add_oracle_checks(std::vector<Check>& checks);
void add_merge_checks(std::vector<Check>& checks);
void add_attribute_checks(std::vector<Check>& checks);
void add_memory_checks(std::vector<Check>& checks);
void add_order_checks(std::vector<Check>& checks);
void add_relocate_checks(std::vector<Check>& checks);
void add_race_checks(std::vector<Check>& checks);
void add_uffd_checks(std::vector<Check>& checks);
void add_pin_checks(std::vector<Check>& checks);
void add_limit_checks(std::vector<Check>& checks);
void add_fork_checks(std::vector<Check>& checks);
void add_fork_state_checks(std::vector<Check>& checks);
void add_enomem_checks(std::vector<Check>& checks);
void add_part_checks(std::vector<Check>& checks);
void add_reach_move_checks(std::vector<Check>& checks);

}  // namespace rmaplab
