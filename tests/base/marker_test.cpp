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
  EXPECT_NE(code_of(execute_marker<Marker::begin>)
                .find(std::string_view("\x0f\x1f\x80\x01\x00\xa5\x5a", 7)),
            std::string::npos);
}

TEST(Marker, ClockIsReadByTheNextInstruction)
{
  EXPECT_NE(code_of(instruction_count_after<Marker::end>)
                .find(std::string_view("\x0f\x1f\x80\x02\x00\xa5\x5a\x0f\x31", 9)),
            std::string::npos);
}
#endif

TEST(Marker, DoesNothing)
{
  execute_marker<Marker::begin>();
  announce_case(0x12ab);
  const std::uint64_t before = instruction_count();
  EXPECT_GE(instruction_count_after<Marker::end>(), before);
}

}  // namespace
}  // namespace rmaplab
