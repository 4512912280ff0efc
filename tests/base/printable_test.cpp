// SPDX-License-Identifier: GPL-2.0-only
#include "base/printable.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

TEST(Printable, KeepsTextOfAnyLanguageWithNewlinesAndTabs)
{
  const std::string text = "a\tb\n\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7";
  EXPECT_EQ(printable(text), text);
}

TEST(Printable, ControlsCannotReachATerminal)
{
  EXPECT_EQ(printable("\x1b[2Jred\x07\x7f\r"), "?[2Jred???");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(printable("\xc2\x9b"), "?");  // CSI as one character
}

TEST(Printable, NeitherWhatIsNotUtf8NorWhatXmlRefusesStays)
{
  EXPECT_EQ(printable("\xff\xfe"), "??");
  EXPECT_EQ(printable("\xc0\xaf"), "??");            // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "?");         // a surrogate
  EXPECT_EQ(printable("\xef\xbf\xbe"), "?");         // U+FFFE
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????");  // beyond U+10FFFF
  EXPECT_EQ(printable("\xe2\x82"), "??");            // cut off
}

TEST(Printable, NothingTurnsTheDirectionOfWritingOrEndsALineUnseen)
{
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a?b");  // U+202E
  EXPECT_EQ(printable("a\xe2\x80\xa8"
                      "b"),
            "a?b");  // U+2028
  EXPECT_EQ(printable("a\xe2\x81\xa6"
                      "b"),
            "a?b");  // U+2066
}

}  // namespace
}  // namespace rmaplab
