// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/pinned_buffer.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "workloads/arena.h"

namespace rmaplab
{
namespace
{

constexpr std::size_t kPages = 4;
constexpr Mark kSecond{.generation = 1};

class PinnedBufferTest : public testing::Test
{
 protected:
  void SetUp() override
  {
    pages_ = static_cast<char*>(
        ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(pages_, MAP_FAILED);
    touch(pages_, kPages);
  }
  void TearDown() override { ::munmap(pages_, bytes_); }

  std::size_t bytes_ = kPages * page_size();
  char* pages_ = nullptr;
};

#define PIN_OR_SKIP(buffer)                                \
  auto buffer = PinnedBuffer::pin(pages_, kPages);         \
  if (!buffer && buffer.error().code == Errc::unsupported) \
    GTEST_SKIP() << to_string(buffer.error());             \
  ASSERT_TRUE(buffer) << to_string(buffer.error())

TEST_F(PinnedBufferTest, ADeviceSeesWhatIsWrittenAfterwards)
{
  PIN_OR_SKIP(buffer);
  EXPECT_TRUE(buffer->check_seen(pages_));
  touch(pages_, kPages, kSecond);
  EXPECT_TRUE(buffer->check_seen(pages_, kSecond));
}

TEST_F(PinnedBufferTest, PagesPutInTheirPlaceAreNotSeen)
{
  PIN_OR_SKIP(buffer);
  ::madvise(pages_, bytes_, MADV_DONTNEED);
  touch(pages_, kPages, kSecond);
  const auto seen = buffer->check_seen(pages_, kSecond);
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, Errc::mismatch) << to_string(seen.error());
}

TEST_F(PinnedBufferTest, OutlivesTheMappingItWasPinnedThrough)
{
  PIN_OR_SKIP(buffer);
  ::munmap(pages_, bytes_);
  EXPECT_TRUE(buffer->check_seen(pages_));
}

TEST_F(PinnedBufferTest, WhatIsNotMappedIsAnErrorOfTheSystem)
{
  PIN_OR_SKIP(buffer);  // where there is an io_uring
  ::munmap(pages_, bytes_);
  const auto other = PinnedBuffer::pin(pages_, kPages);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::os) << to_string(other.error());
}

}  // namespace
}  // namespace rmaplab
