// SPDX-License-Identifier: GPL-2.0-only
#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace rmaplab
{
namespace
{

TEST(ErrorText, WithoutErrnoIsTheContextAlone)
{
  EXPECT_EQ(to_string(Error{.code = Errc::parse, .context = "maps: bad line"}), "maps: bad line");
}

TEST(ErrorText, WithErrnoEndsInItsText)
{
  EXPECT_EQ(to_string(Error{.code = Errc::os, .context = "open /x", .sys_errno = ENOENT}),
            "open /x: No such file or directory");
}

TEST(OsError, TakesTheCurrentErrno)
{
  errno = EACCES;
  const Error error = os_error("open /x");
  EXPECT_EQ(error.code, Errc::os);
  EXPECT_EQ(error.sys_errno, EACCES);
}

TEST(Result, WithValueIsTrue)
{
  const Result<int> result = 0;
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, 0);
}

TEST(Result, WithErrorIsFalseAndKeepsIt)
{
  const Result<int> result = Error{.code = Errc::usage, .context = "no"};
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::usage);
  EXPECT_EQ(result.error().context, "no");
}

TEST(Result, GivesAwayAValueThatOnlyMoves)
{
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(result);
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, 7);
}

TEST(Result, OkHasNoError)
{
  EXPECT_TRUE(ok());
}

}  // namespace
}  // namespace rmaplab
