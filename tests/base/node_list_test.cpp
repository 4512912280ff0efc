// SPDX-License-Identifier: GPL-2.0-only
#include "base/node_list.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

using Nodes = std::vector<int>;

TEST(NodeList, HoldsSingleNodesAndRanges)
{
  EXPECT_EQ(parse_node_list("0"), Nodes{0});
  EXPECT_EQ(parse_node_list("0-2,5,8-9"), (Nodes{0, 1, 2, 5, 8, 9}));
}

TEST(NodeList, EmptyIsNoNode)
{
  EXPECT_EQ(parse_node_list(""), Nodes{});
}

TEST(NodeList, WhatIsNoneIsNotReadAsSome)
{
  for (const char* text : {"-", "1-", "a", "2-1", "0,", "0-4000000000"})
    EXPECT_EQ(parse_node_list(text), std::nullopt) << text;
}

}  // namespace
}  // namespace rmaplab
