// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/relatives.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

namespace rmaplab
{

namespace
{

constexpr std::size_t kPage = 1000;
constexpr std::size_t kTo = 5000;

// What ended it, or nothing.
std::string found_by_check(Relatives& r)
{
  try {
    r.check_all("then");
  } catch (const Verdict& verdict) {
    return verdict.error.context;
  }
  return {};
}

void write_behind_its_back(Relatives& r, Relatives::Number who, std::size_t page)
{
  r.ask(who,
        {.act = [](Relatives&, const Order& o) { *Relatives::at(o.page) = 'x'; }, .page = page});
}

class RelativesTest : public ::testing::Test
{
 protected:
  void SetUp() override
  {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizer's shadow lies in the arena";
#endif
    auto created = Arena::create();
    ASSERT_TRUE(created);
    arena_ = std::make_unique<Arena>(*std::move(created));
  }
  // A relative's relatives come to this process: they are not another test's to find.
  void TearDown() override
  {
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    for (int i = 0; i < 500 && ::waitpid(-1, nullptr, WNOHANG) >= 0; ++i)
      ::usleep(10'000);
  }
  std::unique_ptr<Arena> arena_;
};

}  // namespace

TEST_F(RelativesTest, EachHasItsOwnAfterMovesAndWrites)
{
  Relatives r;
  r.map(0, kPage, 4);
  for (std::size_t i = 0; i < 4; ++i)
    r.touch(0, kPage + i, 0);
  r.fork(0, 1);
  r.fork(1, 2);
  r.move(1, {.begin = kPage + 1, .end = kPage + 3}, kTo);
  r.touch(2, kPage, 7);
  r.move(0, {.begin = kPage, .end = kPage + 4}, kTo, MREMAP_DONTUNMAP);
  EXPECT_EQ(found_by_check(r), "");
  EXPECT_EQ(r.written(1), (std::vector<std::size_t>{kPage, kPage + 3, kTo, kTo + 1}));
  EXPECT_EQ(r.written(0), (std::vector<std::size_t>{kTo, kTo + 1, kTo + 2, kTo + 3}));
}

TEST_F(RelativesTest, WhoLostAPageIsNamed)
{
  Relatives r;
  r.map(0, kPage, 2);
  r.touch(0, kPage, 0);
  r.fork(0, 1);
  r.move(1, {.begin = kPage, .end = kPage + 2}, kTo);
  EXPECT_EQ(found_by_check(r), "");
  write_behind_its_back(r, 1, kTo);
  EXPECT_EQ(found_by_check(r).substr(0, 17), "then: relative 1:");
}

TEST_F(RelativesTest, ContentWhereZerosMustBeIsFound)
{
  Relatives r;
  r.map(0, kPage, 2);
  r.touch(0, kPage, 0);
  write_behind_its_back(r, 0, kPage + 1);
  EXPECT_NE(found_by_check(r), "");
}

TEST_F(RelativesTest, OneThatDiedIsAVerdict)
{
  Relatives r;
  r.map(0, kPage, 1);
  r.fork(0, 1);
  EXPECT_THROW(r.touch(1, kPage + 50, 0), Verdict);  // nothing is mapped there
}

TEST_F(RelativesTest, PagesSideBySideAreOneRun)
{
  Relatives r;
  r.map(0, kPage, 4);
  for (std::size_t i = 0; i < 3; ++i)
    r.touch(0, kPage + i, 0);
  r.touch(0, kPage + 1, 1);
  const auto runs = r.runs(0);
  ASSERT_EQ(runs.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(runs[i].page, kPage + i);
  r.touch(0, kPage + 1, 0);
  EXPECT_EQ(r.runs(0).size(), 2u);
}

}  // namespace rmaplab
