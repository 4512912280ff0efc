// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/pattern.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "workloads/arena.h"

namespace rmaplab
{
namespace
{

constexpr std::size_t kPages = 3;

class PatternTest : public testing::Test
{
 protected:
  void SetUp() override { std::memset(pages_.get(), 0, kPages * page_size()); }
  char* page(std::size_t i) { return pages_.get() + i * page_size(); }
  static void expect_mismatch(const Result<>& result, const char* mentions)
  {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::mismatch);
    EXPECT_NE(result.error().context.find(mentions), std::string::npos) << result.error().context;
  }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::unique_ptr<char, Free> pages_{
      static_cast<char*>(std::aligned_alloc(page_size(), kPages* page_size()))};
};

TEST_F(PatternTest, WhatWasTouchedIsFound)
{
  touch(page(0), kPages, {.generation = 7, .writer = 9});
  EXPECT_TRUE(check_pages(page(0), kPages, {.generation = 7, .writer = 9}));
}

TEST_F(PatternTest, AMovedPageIsFoundUnderTheAddressItWasWrittenAt)
{
  touch(page(0), 1);
  std::memcpy(page(2), page(0), page_size());
  EXPECT_TRUE(check_pages(page(2), 1, page(0)));
  expect_mismatch(check_pages(page(2), 1), "page 0 at");
}

TEST_F(PatternTest, SwappedPagesAreNamed)
{
  touch(page(0), kPages);
  std::memcpy(page(1), page(2), page_size());
  expect_mismatch(check_pages(page(0), kPages), "page 1 at");
}

TEST_F(PatternTest, AnotherWriterIsNamed)
{
  touch(page(0), kPages);
  touch(page(2), 1, {.writer = 5});
  expect_mismatch(check_pages(page(0), kPages), "writer 5");
}

TEST_F(PatternTest, AnOlderGenerationIsNamed)
{
  touch(page(0), 1, {.generation = 1});
  expect_mismatch(check_pages(page(0), 1, Mark{.generation = 2}), "generation 1");
}

TEST_F(PatternTest, ALostPageReadsAsZeros)
{
  touch(page(0), kPages);
  std::memset(page(1), 0, page_size());
  expect_mismatch(check_pages(page(0), kPages), "found zeros");
}

TEST_F(PatternTest, APageCopiedByHalfIsNoWholePage)
{
  touch(page(0), kPages);
  std::memset(page(1) + page_size() / 2, 0, page_size() / 2);
  expect_mismatch(check_pages(page(0), kPages), "no whole page");
}

TEST_F(PatternTest, ZeroPagesAreToldFromWrittenOnes)
{
  EXPECT_TRUE(check_zero_pages(page(0), kPages));
  touch(page(2), 1);
  expect_mismatch(check_zero_pages(page(0), kPages), "expected zeros");
}

}  // namespace
}  // namespace rmaplab
