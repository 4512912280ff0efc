// SPDX-License-Identifier: GPL-2.0-only
#include "probes/kallsyms.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace rmaplab
{
namespace
{

constexpr const char* kSymbols =
    "ffffffff81000100 T down_write\n"
    "ffffffff81000000 T _stext\n"
    "ffffffff81000000 T startup_64\n"
    "ffffffff81000180 D not_code\n"
    "ffffffff81000200 t unlink_anon_vmas.isra.0\n"
    "ffffffff81000300 W weak_one\n"
    "ffffffffc0001000 t ext4_sync\t[ext4]\n";

std::string function_at(std::uint64_t address)
{
  const auto symbols = Kallsyms::parse(kSymbols);
  EXPECT_TRUE(symbols);
  return std::string(symbols->function_at(address).value_or("none"));
}

TEST(Kallsyms, AddressInsideAFunctionIsThatFunction)
{
  EXPECT_EQ(function_at(0xffffffff81000100), "down_write");
  EXPECT_EQ(function_at(0xffffffff810001ff), "down_write");
}

TEST(Kallsyms, DataBetweenFunctionsIsNoFunction)
{
  EXPECT_EQ(function_at(0xffffffff81000190), "down_write");
}

TEST(Kallsyms, NameIsKeptAsTheFileHasIt)
{
  EXPECT_EQ(function_at(0xffffffff81000200), "unlink_anon_vmas.isra.0");
}

TEST(Kallsyms, WeakFunctionCounts)
{
  EXPECT_EQ(function_at(0xffffffff81000301), "weak_one");
}

TEST(Kallsyms, FirstOfTwoNamesAtOnePlaceIsTaken)
{
  EXPECT_EQ(function_at(0xffffffff81000010), "_stext");
}

TEST(Kallsyms, ModuleIsNoPartOfTheName)
{
  EXPECT_EQ(function_at(0xffffffffc0001234), "ext4_sync");
}

TEST(Kallsyms, AddressBelowTheFirstSymbolHasNone)
{
  EXPECT_EQ(function_at(0xffffffff80ffffff), "none");
}

TEST(Kallsyms, NamesSurviveAMove)
{
  auto symbols = Kallsyms::parse("10 T a\n20 T b\n");  // short enough to be inside the string
  ASSERT_TRUE(symbols);
  const Kallsyms moved = *std::move(symbols);
  EXPECT_EQ(moved.function_at(0x15), "a");
}

TEST(Kallsyms, HiddenAddressesAreUnsupported)
{
  const auto symbols = Kallsyms::parse(
      "0000000000000000 T down_write\n"
      "0000000000000000 t ext4_sync\t[ext4]\n");
  ASSERT_FALSE(symbols);
  EXPECT_EQ(symbols.error().code, Errc::unsupported);
  EXPECT_EQ(to_string(symbols.error()), "kallsyms shows no addresses");
}

TEST(Kallsyms, TextWithoutCodeIsRejected)
{
  const auto symbols = Kallsyms::parse("ffffffff81000000 D data\n");
  ASSERT_FALSE(symbols);
  EXPECT_EQ(symbols.error().code, Errc::parse);
}

TEST(Kallsyms, BadLineIsRejectedWithItsText)
{
  for (const char* line : {"ffffffff81000000 T", "wxyz T name", "ffffffff81000000 Tt name"}) {
    const auto symbols = Kallsyms::parse(line);
    ASSERT_FALSE(symbols) << line;
    EXPECT_EQ(to_string(symbols.error()), std::string("kallsyms: bad line: ") + line);
  }
}

TEST(Kallsyms, MissingFileIsUnsupported)
{
  const auto symbols = Kallsyms::read("/nonexistent");
  ASSERT_FALSE(symbols);
  EXPECT_EQ(symbols.error().code, Errc::unsupported);
}

}  // namespace
TEST(Kallsyms, a_function_has_the_code_up_to_the_next_symbol)
{
  const auto symbols = Kallsyms::parse(
      "1000 t anon_vma_fork\n1000 t alias\n1800 t anon_vma_forks\n"
      "2000 t anon_vma_fork.cold\n2100 t last\n");
  ASSERT_TRUE(symbols);
  using Range = Kallsyms::Range;
  EXPECT_EQ(symbols->ranges_of("anon_vma_fork"),
            (std::vector<Range>{{0x1000, 0x1800}, {0x2000, 0x2100}}));
  EXPECT_TRUE(symbols->ranges_of("last").empty());  // nobody knows its end
  EXPECT_TRUE(symbols->ranges_of("anon_vma").empty());
}

TEST(Kallsyms, CodeBeginsAtText)
{
  const auto folder = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(folder);
  const auto begin = [&](const std::string& text) {
    EXPECT_TRUE(write_file(folder->path() / "kallsyms", text));
    return read_text_address(folder->path());
  };
  const auto found = begin(std::string("0000000000000000 A cpu_data\n") + kSymbols);
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, 0xffffffff81000000);
  const auto hidden = begin("0000000000000000 T _text\n");
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().code, Errc::unsupported);
}

TEST(Kallsyms, CodeIsAsLongAsIomemSays)
{
  EXPECT_EQ(kernel_code_bytes("00100000-7ffdefff : System RAM\n"
                              "  01000000-020ef947 : Kernel code\n"
                              "  02200000-02e8cfff : Kernel rodata\n"),
            0x10ef948);
  EXPECT_EQ(kernel_code_bytes("00000000-00000000 : Kernel code\n"), std::nullopt);
  EXPECT_EQ(kernel_code_bytes(""), std::nullopt);
}

}  // namespace rmaplab
