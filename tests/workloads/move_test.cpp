// SPDX-License-Identifier: GPL-2.0-only
// Every way that the running kernel has moves the content and leaves nothing behind.
#include "workloads/move.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>

#include "workloads/pattern.h"
#include "workloads/vma_span.h"

namespace rmaplab
{
namespace
{

constexpr std::size_t kPages = 8;

class MoveTest : public testing::TestWithParam<Way>
{
 protected:
  void SetUp() override
  {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizer's shadow lies in the arena";
#endif
    auto mover = Mover::create(GetParam());
    if (!mover && mover.error().code == Errc::unsupported)
      GTEST_SKIP() << mover.error().context;
    ASSERT_TRUE(mover) << to_string(mover.error());
    mover_.emplace(*std::move(mover));
    auto arena = Arena::create();
    ASSERT_TRUE(arena) << to_string(arena.error());
    arena_.emplace(*std::move(arena));
    ASSERT_TRUE(arena_->map(from(), kPages));
  }
  char* from()
  {
    return arena_->at(0);
  }
  char* to()
  {
    return arena_->at(4 * kPages);
  }
  std::size_t bytes()
  {
    return kPages * page_size();
  }
  bool move()
  {
    return mover_->begin(from(), to(), bytes()) && mover_->move(from(), to(), bytes()) &&
           mover_->end();
  }
  std::optional<Mover> mover_;
  std::optional<Arena> arena_;
};

TEST_P(MoveTest, ContentArrivesAndTheSourceIsGone)
{
  touch(from(), kPages);
  ASSERT_TRUE(move()) << errno;
  const auto intact = check_pages(to(), kPages, from());
  EXPECT_TRUE(intact) << to_string(intact.error());
  const auto spans = arena_spans();
  ASSERT_TRUE(spans);
  ASSERT_EQ(spans->size(), 1u);
  EXPECT_EQ(spans->front().begin, reinterpret_cast<std::uint64_t>(to()));
}

TEST_P(MoveTest, PagesThatWereNeverTouchedStayZeros)
{
  touch(from() + 2 * page_size(), 1);
  ASSERT_TRUE(move()) << errno;
  EXPECT_TRUE(check_zero_pages(to(), 2));
  EXPECT_TRUE(check_pages(to() + 2 * page_size(), 1, from() + 2 * page_size()));
  EXPECT_TRUE(check_zero_pages(to() + 3 * page_size(), kPages - 3));
}

TEST_P(MoveTest, OnlyThePlainWayKeepsThePageOffset)
{
  touch(from(), kPages);
  ASSERT_TRUE(move()) << errno;
  EXPECT_EQ(*merges_behind(*arena_, to() + bytes()), GetParam() != way::plain);
}

INSTANTIATE_TEST_SUITE_P(Ways, MoveTest,
                         testing::Values(way::plain, way::relocate, way::must, way::uffd,
                                         way::uffd_once, way::copy),
                         [](const auto& one) {
                           return std::string(
                               way_argument().labels[static_cast<std::size_t>(one.param)]);
                         });

}  // namespace
}  // namespace rmaplab
