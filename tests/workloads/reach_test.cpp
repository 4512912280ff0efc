// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/reach.h"

#include <gtest/gtest.h>

#include "workloads/arena.h"
#include "workloads/swap_space.h"

namespace rmaplab
{
namespace
{

// What this machine cannot do is unsupported, and what it can do works.
TEST(Reach, AFreshPageOfOursGoesOrThereIsNowhereToGo)
{
  std::vector<char> memory(2 * page_size(), 'x');
  char* const page =
      memory.data() + page_size() - reinterpret_cast<std::uintptr_t>(memory.data()) % page_size();
  const auto moved = migrate_there_and_back(page, 1);
  if (!moved) {
    EXPECT_EQ(moved.error().code, Errc::unsupported) << to_string(moved.error());
  }
  const auto swapped = page_out_and_in(page, 1);
  if (!swapped) {
    EXPECT_EQ(swapped.error().code, Errc::unsupported) << to_string(swapped.error());
  }
  EXPECT_EQ(static_cast<bool>(swapped), swap_free_kib() >= page_size() / 1024);
}

}  // namespace
}  // namespace rmaplab
