// SPDX-License-Identifier: GPL-2.0-only
// `rmaplab-runner reach`: whether pages here can be sent away at all, and whether the oracle
// of workloads/reach.h tells a page that goes from one that stays.
#pragma once

#include <ostream>

namespace rmaplab
{

// One line a case, "NAME: ok" or what went wrong; the exit status: 1 when one did. Swap is
// switched on for some of the cases, as SwapSpace does.
int check_reach(std::ostream& out);

}  // namespace rmaplab
