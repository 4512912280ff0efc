// SPDX-License-Identifier: GPL-2.0-only
#include "probes/event_format.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

constexpr std::string_view kFormat =
    "name: contention_begin\n"
    "ID: 408\n"
    "format:\n"
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
    "\n"
    "\tfield:void * lock_addr;\toffset:8;\tsize:8;\tsigned:0;\n"
    "\tfield:unsigned int flags;\toffset:16;\tsize:4;\tsigned:0;\n"
    "\tfield:char comm[16];\toffset:20;\tsize:16;\tsigned:0;\n"
    "\tfield:short cut;\n"
    "\n"
    "print fmt: \"%p (flags=%s)\", REC->lock_addr\n";

TEST(EventFormat, FieldHasItsOffsetAndSize)
{
  const auto field = event_field(kFormat, "flags");
  ASSERT_TRUE(field) << to_string(field.error());
  EXPECT_EQ(*field, (EventField{.offset = 16, .bytes = 4}));
}

TEST(EventFormat, TypeOfSeveralWordsIsNoPartOfTheName)
{
  EXPECT_EQ(*event_field(kFormat, "lock_addr"), (EventField{.offset = 8, .bytes = 8}));
  EXPECT_FALSE(event_field(kFormat, "int"));
}

TEST(EventFormat, ArrayIsFoundByItsName)
{
  EXPECT_EQ(*event_field(kFormat, "comm"), (EventField{.offset = 20, .bytes = 16}));
}

TEST(EventFormat, MissingFieldIsUnsupported)
{
  const auto field = event_field(kFormat, "name");
  ASSERT_FALSE(field);
  EXPECT_EQ(field.error().code, Errc::unsupported);
  EXPECT_EQ(to_string(field.error()), "this kernel's event has no field name");
}

TEST(EventFormat, FieldWithoutOffsetIsRejected)
{
  const auto field = event_field(kFormat, "cut");
  ASSERT_FALSE(field);
  EXPECT_EQ(field.error().code, Errc::parse);
}

}  // namespace
}  // namespace rmaplab
