// SPDX-License-Identifier: GPL-2.0-only
#include "lab/symbol_table.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

// The lines of the table, joined; the complaint where there is none.
std::string table_of(const std::string& symbols)
{
  const auto table = symbol_table("System.map", symbols);
  return table ? table->text : to_string(table.error());
}

const std::string kText = "ffffffff81000000 T _text\n";

TEST(SymbolTable, FunctionsStandByAddressWhateverTheirOrder)
{
  EXPECT_EQ(table_of(kText + "ffffffff81000200 t second\n"
                             "ffffffff81000100 T first\n"),
            "ffffffff81000000 _text\n"
            "ffffffff81000100 first\n"
            "ffffffff81000200 second\n");
}

TEST(SymbolTable, DataEndsAFunction)
{
  EXPECT_EQ(table_of(kText + "ffffffff81000100 T f\n"
                             "ffffffff81000200 D data\n"
                             "ffffffff81000300 r more_data\n"),
            "ffffffff81000000 _text\n"
            "ffffffff81000100 f\n"
            "ffffffff81000200 -\n");
}

TEST(SymbolTable, GlobalNameIsTakenBeforeWeakBeforeLocal)
{
  EXPECT_EQ(table_of(kText + "ffffffff81000100 t a\n"
                             "ffffffff81000100 W b\n"
                             "ffffffff81000100 T c\n"
                             "ffffffff81000200 t d\n"
                             "ffffffff81000200 w e\n"),
            "ffffffff81000000 _text\n"
            "ffffffff81000100 c\n"
            "ffffffff81000200 e\n");
}

TEST(SymbolTable, BoundOfASectionIsTakenLast)
{
  EXPECT_EQ(table_of(kText + "ffffffff81000000 t startup\n"
                             "ffffffff81000100 T __softirqentry_text_start\n"
                             "ffffffff81000100 t handle_softirqs\n"),
            "ffffffff81000000 startup\n"
            "ffffffff81000100 handle_softirqs\n");
}

TEST(SymbolTable, ShorterNameIsTakenThenTheFirstOfTheAlphabet)
{
  EXPECT_EQ(table_of(kText + "ffffffff81000100 T __pi_memcpy\n"
                             "ffffffff81000100 T memcpy\n"
                             "ffffffff81000200 T copy_b\n"
                             "ffffffff81000200 T copy_a\n"),
            "ffffffff81000000 _text\n"
            "ffffffff81000100 memcpy\n"
            "ffffffff81000200 copy_a\n");
}

TEST(SymbolTable, ModulesAndOffsetsAreLeftOut)
{
  EXPECT_EQ(table_of(kText + "0000000000001000 T offset_of_a_cpu\n"
                             "ffffffffc0001000 t ext4_sync\t[ext4]\n"),
            "ffffffff81000000 _text\n");
}

TEST(SymbolTable, CodeBeginsAtTextElseAtStext)
{
  const auto both = symbol_table("m", "ffffffff81000040 T _stext\nffffffff81000000 T _text\n");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->text_address, 0xffffffff81000000);
  const auto one = symbol_table("m", "ffffffff81000040 T _stext\n");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->text_address, 0xffffffff81000040);
}

TEST(SymbolTable, CodeIsAsLongAsItsEndSays)
{
  EXPECT_EQ(symbol_table("m", kText + "ffffffff81000900 T _etext\n")->text_bytes, 0x900u);
  EXPECT_EQ(symbol_table("m", kText)->text_bytes, 0u);
}

TEST(SymbolTable, TextWithoutABeginIsRejected)
{
  EXPECT_EQ(table_of("ffffffff81000000 T f\n"), "System.map: neither _text nor _stext");
}

TEST(SymbolTable, OtherTextIsRejectedByLine)
{
  EXPECT_EQ(table_of(kText + "no symbol\n"), "System.map:2: expected ADDRESS TYPE NAME: no symbol");
}

}  // namespace
}  // namespace rmaplab
