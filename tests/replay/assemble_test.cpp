// SPDX-License-Identifier: GPL-2.0-only
#include "replay/assemble.h"

#include <gtest/gtest.h>

namespace rmaplab
{

TEST(Assemble, nothing_is_an_empty_trace)
{
  const auto trace = assemble({}, {});
  ASSERT_TRUE(trace);
  EXPECT_TRUE(trace->rows.empty());
}

}  // namespace rmaplab
