// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/reach.h"

#include "conformance/check.h"
#include "workloads/reach.h"
#include "workloads/swap_space.h"

namespace rmaplab
{

namespace
{
Result<> to_swap_and_back(char* at, std::size_t pages)
{
  const auto swap = SwapSpace::enable();
  return swap ? page_out_and_in(at, pages) : swap.error();
}
}  // namespace

void expect_reachable(char* at, std::size_t pages)
{
  const auto migrated = migrate_there_and_back(at, pages);
  const auto paged = to_swap_and_back(at, pages);
  for (const auto* done : {&migrated, &paged})
    if (!*done && done->error().code != Errc::unsupported)
      throw Verdict{done->error()};
  if (!migrated && !paged)
    skip(fmt::format("{}, {}: pages have nowhere to go", migrated.error().context,
                     paged.error().context));
}

}  // namespace rmaplab
