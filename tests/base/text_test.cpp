// SPDX-License-Identifier: GPL-2.0-only
#include "base/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace rmaplab
{
namespace
{

using Pieces = std::vector<std::string_view>;

TEST(Split, KeepsEmptyPieces)
{
  EXPECT_EQ(split(",a,,b,", ','), (Pieces{"", "a", "", "b", ""}));
}

TEST(Split, EmptyTextIsOneEmptyPiece)
{
  EXPECT_EQ(split("", ','), Pieces{""});
}

TEST(SplitBlanks, TakesRunsOfSpacesAndTabsAsOne)
{
  EXPECT_EQ(split_blanks(" \ta  b\t\tc "), (Pieces{"a", "b", "c"}));
}

TEST(SplitBlanks, NothingButBlanksHasNoWords)
{
  EXPECT_EQ(split_blanks(" \t "), Pieces{});
}

TEST(LinesOf, FinalNewlineMakesNoDifference)
{
  EXPECT_EQ(lines_of("a\n\nb\n"), (Pieces{"a", "", "b"}));
  EXPECT_EQ(lines_of("a\n\nb"), (Pieces{"a", "", "b"}));
}

TEST(LinesOf, EmptyTextHasNoLines)
{
  EXPECT_EQ(lines_of(""), Pieces{});
}

TEST(LinesOf, LoneNewlineIsOneEmptyLine)
{
  EXPECT_EQ(lines_of("\n"), Pieces{""});
}

TEST(Trim, RemovesBlanksOfBothEndsOnly)
{
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
}

TEST(Trim, NothingButBlanksBecomesEmpty)
{
  EXPECT_EQ(trim(" \r\n\t"), "");
}

TEST(ParseU64, ReadsTheWholeRange)
{
  EXPECT_EQ(parse_u64("0"), 0u);
  EXPECT_EQ(parse_u64("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
}

TEST(ParseU64, ReadsTheRadixAskedFor)
{
  EXPECT_EQ(parse_u64("7fFf", 16), 0x7fffu);
}

TEST(ParseU64, RejectsWhatIsNotWhollyAnUnsignedNumber)
{
  for (const char* junk : {"", " ", "1 ", " 1", "-1", "+1", "1x", "0x10", "1.0"})
    EXPECT_EQ(parse_u64(junk), std::nullopt) << '"' << junk << '"';
}

TEST(ParseU64, RejectsOverflow)
{
  EXPECT_EQ(parse_u64("18446744073709551616"), std::nullopt);
}

TEST(ParseI64, ReadsNegativeNumbers)
{
  EXPECT_EQ(parse_i64("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
}

TEST(ParseI64, RejectsWhatIsNotWhollyANumber)
{
  for (const char* junk : {"", "-", "--1", "+1", "1-", "1e3", "9223372036854775808"})
    EXPECT_EQ(parse_i64(junk), std::nullopt) << '"' << junk << '"';
}

TEST(ParseDouble, ReadsFractionsAndExponents)
{
  EXPECT_EQ(parse_double("-0.125"), -0.125);
  EXPECT_EQ(parse_double("1e+22"), 1e22);
}

TEST(ParseDouble, RejectsWhatIsNotWhollyANumber)
{
  for (const char* junk : {"", " 1", "1 ", "1,5", "1.5ns", "+1", "1e", "."})
    EXPECT_EQ(parse_double(junk), std::nullopt) << '"' << junk << '"';
}

TEST(GlobMatch, StarStandsForAnything)
{
  EXPECT_TRUE(glob_match("fork_*", "fork_exit"));
  EXPECT_FALSE(glob_match("fork_*", "mmap_fork_exit"));
}

TEST(GlobMatch, OneOfSeveralPatternsSuffices)
{
  EXPECT_TRUE(glob_match("mmap,fork?,exit", "fork2"));
}

TEST(GlobMatch, NoneOfSeveralPatternsIsNoMatch)
{
  EXPECT_FALSE(glob_match("mmap,fork?,exit", "fork"));
}

TEST(GlobMatch, CommaSeparatesAndIsNotMatched)
{
  EXPECT_FALSE(glob_match("a,b", "a,b"));
}

TEST(CompareVersions, ComparesPartsAsNumbers)
{
  EXPECT_LT(compare_versions("6.9", "6.12"), 0);
  EXPECT_GT(compare_versions("6.12", "6.9"), 0);
}

TEST(CompareVersions, LongerOfTwoWithTheSameBeginningIsNewer)
{
  EXPECT_LT(compare_versions("6.12", "6.12.1"), 0);
  EXPECT_GT(compare_versions("6.12.1", "6.12"), 0);
}

TEST(CompareVersions, SameVersionIsEqual)
{
  EXPECT_EQ(compare_versions("6.12.1", "6.12.1"), 0);
}

TEST(CompareVersions, NonDigitsEndTheVersion)
{
  EXPECT_EQ(compare_versions("6.12.1-rc3", "6.12.1+deb13"), 0);
}

TEST(NumberText, WholeNumbersHaveNeitherPointNorExponent)
{
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(-64), "-64");
  EXPECT_EQ(number_text(1e15), "1000000000000000");
}

TEST(NumberText, IsTheShortestThatReadsBack)
{
  EXPECT_EQ(number_text(0.1), "0.1");
}

TEST(NumberText, ReadsBackAsTheSameDouble)
{
  for (const double value :
       {0.1 + 0.2, 1.0 / 3, 1234.5678901234567, 1e-300, 5e-324, 9007199254740993.0, 1e300})
    EXPECT_EQ(parse_double(number_text(value)), value) << number_text(value);
}

TEST(Grouped, SetsABlankBeforeEveryThreeDigits)
{
  EXPECT_EQ(grouped(1234567), "1 234 567");
  EXPECT_EQ(grouped(100000), "100 000");
}

TEST(Grouped, LeavesThreeDigitsAlone)
{
  EXPECT_EQ(grouped(999), "999");
}

TEST(Grouped, SignIsNoDigit)
{
  EXPECT_EQ(grouped(-123), "-123");
  EXPECT_EQ(grouped(-1234), "-1 234");
}

TEST(Grouped, RoundsToWholeNumbers)
{
  EXPECT_EQ(grouped(1999.5), "2 000");
}

TEST(LastLines, GivesTheEndOfTheText)
{
  EXPECT_EQ(last_lines("a\nb\nc\n", 2), "b\nc\n");
}

TEST(LastLines, GivesAllWhereThereAreFewer)
{
  EXPECT_EQ(last_lines("a\nb", 5), "a\nb\n");
  EXPECT_EQ(last_lines("", 5), "");
}

TEST(ShellQuote, LeavesPlainWordsAlone)
{
  EXPECT_EQ(shell_quote("--filter=fork_exit/64,x@y:%"), "--filter=fork_exit/64,x@y:%");
}

TEST(SettingValue, IsTheWordInBracketsOrTheWholeText)
{
  EXPECT_EQ(setting_value("always [madvise] never\n"), "madvise");
  EXPECT_EQ(setting_value("65530\n"), "65530");
  EXPECT_EQ(setting_value("]odd[\n"), "]odd[");
}

TEST(ShellQuote, QuotesWhatTheShellWouldExpand)
{
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("$HOME*"), "'$HOME*'");
}

TEST(ShellQuote, EscapesTheQuoteItself)
{
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
}

TEST(ShellQuote, EmptyWordIsAPairOfQuotes)
{
  EXPECT_EQ(shell_quote(""), "''");
}

TEST(MeminfoBytes, ReadsALineOfKilobytesByItsWholeName)
{
  constexpr std::string_view kText =
      "MemTotal:       16 kB\nSwapCached:        4 kB\nHugePages_Total:       3\n";
  EXPECT_EQ(meminfo_bytes(kText, "MemTotal"), 16u << 10);
  EXPECT_EQ(meminfo_bytes(kText, "Mem"), std::nullopt);
  EXPECT_EQ(meminfo_bytes(kText, "HugePages_Total"), std::nullopt);
}

}  // namespace
}  // namespace rmaplab
