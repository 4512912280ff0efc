// SPDX-License-Identifier: GPL-2.0-only
#include "base/marker.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "base/ticks.h"

namespace rmaplab
{
namespace
{

[[gnu::noinline]] void begin_alone()
{
  execute_marker<Marker::begin>();
}

[[gnu::noinline]] std::uint64_t end_and_count()
{
  return instruction_count_after<Marker::end>();
}

template <typename Function>
std::string code_of(Function* function)
{
  std::string bytes(64, '\0');
  std::memcpy(bytes.data(), reinterpret_cast<const void*>(function), bytes.size());
  return bytes;
}

#if defined(__x86_64__)
TEST(Marker, IsANopWithItsCodeInTheOperand)
{
  EXPECT_NE(code_of(begin_alone).find(std::string_view("\x0f\x1f\x80\x01\x00\xa5\x5a", 7)),
            std::string::npos);
}

TEST(Marker, ClockIsReadByTheNextInstruction)
{
  EXPECT_NE(
      code_of(end_and_count).find(std::string_view("\x0f\x1f\x80\x02\x00\xa5\x5a\x0f\x31", 9)),
      std::string::npos);
}
#endif

TEST(Marker, DoesNothing)
{
  begin_alone();
  announce_case(0x12ab);
  const std::uint64_t before = instruction_count();
  EXPECT_GE(end_and_count(), before);
}

}  // namespace
}  // namespace rmaplab
