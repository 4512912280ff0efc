// SPDX-License-Identifier: GPL-2.0-only
#include "lab/architecture.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

TEST(Architecture, IsFoundByDebiansNameAndByTheMachines)
{
  const auto one = find_architecture("arm64");
  const auto other = find_architecture("aarch64");
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->name, "arm64");
  EXPECT_EQ(other->name, "arm64");
  EXPECT_EQ(one->machine, "aarch64");
}

TEST(Architecture, UnknownOneIsUnsupportedAndNamed)
{
  const auto architecture = find_architecture("vax");
  ASSERT_FALSE(architecture);
  EXPECT_EQ(architecture.error().code, Errc::unsupported);
  EXPECT_NE(architecture.error().context.find("vax"), std::string::npos);
}

TEST(GuestBuild, OfThisMachineHasItsOwnLibraries)
{
  const auto architecture = find_architecture(host_architecture());
  if (!architecture)
    GTEST_SKIP() << architecture.error().context;
  const auto build = guest_build(*architecture);
  ASSERT_TRUE(build);
  EXPECT_EQ(build->sysroot, "");
}

TEST(GuestBuild, MissingOneNamesTheCommandThatBuildsIt)
{
  const Architecture none{.name = "none"};  // no preset is called so
  const auto build = guest_build(none);
  ASSERT_FALSE(build);
  EXPECT_EQ(build.error().code, Errc::unsupported);
  EXPECT_NE(build.error().context.find("cmake --build --preset none"), std::string::npos);
}

}  // namespace
}  // namespace rmaplab
