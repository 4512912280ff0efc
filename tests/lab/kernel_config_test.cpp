// SPDX-License-Identifier: GPL-2.0-only
#include "lab/kernel_config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "lab/debian_source.h"
#include "lab/kernel_build.h"

namespace rmaplab
{
namespace
{

TEST(KernelConfig, AFragmentReplacesWhatItSetsAndKeepsTheRest)
{
  EXPECT_EQ(merge_config("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=1\n",
                         "# why\nCONFIG_B=y\n# CONFIG_A is not set\n"),
            "CONFIG_C=1\n# CONFIG_A is not set\nCONFIG_B=y\n");
}

TEST(KernelConfig, WhatTheKernelRefusedIsNamed)
{
  EXPECT_EQ(refused_options("CONFIG_LOCK_STAT=y\nCONFIG_HZ=100\n# CONFIG_MODULES is not set\n",
                            "CONFIG_HZ=250\n# CONFIG_LOCK_STAT is not set\n"),
            (std::vector<std::string>{"HZ: wanted 100, is 250", "LOCK_STAT: wanted y, is n"}));
}

TEST(KernelConfig, AnOptionNobodyKnowsIsAbsent)
{
  EXPECT_EQ(refused_options("CONFIG_NO_SUCH=y\n", ""),
            (std::vector<std::string>{"NO_SUCH: wanted y, is absent"}));
}

TEST(KernelConfig, OffAndAbsentAreTheSame)
{
  EXPECT_TRUE(refused_options("# CONFIG_MODULES is not set\n", "CONFIG_A=y\n").empty());
}

TEST(KernelConfig, AWholeConfigurationIsKnownByItsFirstLines)
{
  EXPECT_TRUE(
      is_whole_config("#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 7.2.13 Kernel "
                      "Configuration\n"));
  EXPECT_FALSE(is_whole_config("CONFIG_LOCK_STAT=y\n"));
}

TEST(KernelConfig, SymbolsAreChosenWhereTheyHaveAPrompt)
{
  ConfigSymbols symbols;
  add_symbols(
      "config A\n\tbool \"a thing\"\n\tdefault y\n\nconfig B\n\tdef_bool y\n"
      "menuconfig C\n\ttristate\n\tprompt \"c\" if EXPERT\n"
      "config D\n\tint\nchoice\n\tprompt \"which\"\nconfig E\n\tbool 'e'\nendchoice\n",
      symbols);
  EXPECT_EQ(symbols,
            (ConfigSymbols{{"A", true}, {"B", false}, {"C", true}, {"D", false}, {"E", true}}));
}

TEST(KernelConfig, WhatChangedOfAWholeConfigurationIsCountedByItsReason)
{
  const ConfigSymbols symbols = {{"CC_VERSION_TEXT", false}, {"KASAN", true}, {"HZ_100", true}};
  const auto changes = config_changes(
      "CONFIG_CC_VERSION_TEXT=\"gcc 14\"\nCONFIG_GONE=y\nCONFIG_KASAN=y\nCONFIG_HZ_100=y\n",
      "CONFIG_CC_VERSION_TEXT=\"gcc 12\"\nCONFIG_HZ_100=y\nCONFIG_NEW=y\n", symbols);
  EXPECT_EQ(changes.options, 4U);
  EXPECT_EQ(changes.unknown, 1U);
  EXPECT_EQ(changes.computed, 1U);
  EXPECT_EQ(changes.otherwise, std::vector<std::string>{"KASAN: wanted y, is absent"});
}

TEST(KernelConfig, KeysOfADistributionAreMissing)
{
  const auto missing = missing_keys(
      "CONFIG_MODULE_SIG_KEY=\"certs/signing_key.pem\"\nCONFIG_SYSTEM_REVOCATION_KEYS=\"\"\n"
      "CONFIG_SYSTEM_TRUSTED_KEYS=\"debian/certs/a.pem\"\n"
      "CONFIG_SYSTEM_BLACKLIST_HASH_LIST=\"there.list\"\n",
      [](const std::string& file) { return file == "there.list"; });
  EXPECT_EQ(missing,
            (std::map<std::string, std::string>{{"SYSTEM_TRUSTED_KEYS", "debian/certs/a.pem"}}));
}

TEST(KernelConfig, EveryFragmentThatComesWithUsHasItsReasons)
{
  const auto names = fragment_names();
  EXPECT_NE(std::find(names.begin(), names.end(), "bench"), names.end());
}

TEST(KernelBuild, TheCompilersFirstErrorIsToldNotMakesLast)
{
  EXPECT_EQ(first_build_error("  CC      mm/rmap.o\n"
                              "mm/rmap.c:12:3: error: expected ';' before '}' token\n"
                              "make[3]: *** [scripts/Makefile.build:289: mm/rmap.o] Error 1\n"
                              "make: *** [Makefile:248: __sub-make] Error 2\n"),
            "mm/rmap.c:12:3: error: expected ';' before '}' token");
  EXPECT_EQ(first_build_error("make: *** No rule to make target 'bzImage'.  Stop.\n"),
            "make: *** No rule to make target 'bzImage'.  Stop.");
}

TEST(ConfigChanges, InWordsAreOneLineOfCountsAndTheFirstNames)
{
  ConfigChanges changes{.options = 50, .unknown = 3, .computed = 2};
  EXPECT_EQ(to_string("distro.config", changes),
            "distro.config: 50 options; 3 that this source does not have, 2 that nobody chooses "
            "(compiler, version) and 0 that can be chosen came out otherwise");
  for (int i = 10; i < 22; ++i)
    changes.otherwise.push_back(fmt::format("X{}: wanted y, is absent", i));
  const std::string text = to_string("distro.config", changes);
  EXPECT_NE(text.find(" and 12 that can be chosen came out otherwise: X10: wanted y, is absent; "),
            std::string::npos);
  EXPECT_NE(text.find("; X19: wanted y, is absent; and 2 more"), std::string::npos);
  EXPECT_EQ(text.find("X20"), std::string::npos);
}

TEST(KernelBuild, AMissingHeaderIsToldWithItsPackage)
{
  EXPECT_EQ(first_build_error("tools/objtool/elf.c:9:10: fatal error: gelf.h: No such file or "
                              "directory\n"),
            "tools/objtool/elf.c:9:10: fatal error: gelf.h: No such file or directory (Debian: "
            "apt-get install libelf-dev)");
  EXPECT_EQ(first_build_error("mm/a.c:1:10: fatal error: nosuch.h: No such file or directory\n"),
            "mm/a.c:1:10: fatal error: nosuch.h: No such file or directory");
}

TEST(DebianSource, TheNewestOfAVersionIsChosen)
{
  constexpr std::string_view kTable =
      "linux-source-7.2 | 7.2.13-1 | http://mirror.example/debian sid/main amd64 Packages\n"
      "linux-source-7.2 | 7.2.12-1~bpo13+1 | http://mirror.example/debian x/main amd64 Packages\n"
      "linux-source-7.3 | 7.3.4-1~bpo13+1 | http://mirror.example/debian x/main amd64 Packages\n";
  ASSERT_TRUE(choose_source(kTable, "7.2"));
  EXPECT_EQ(choose_source(kTable, "7.2")->version, "7.2.13-1");
  EXPECT_EQ(choose_source(kTable, "7.2.12")->version, "7.2.12-1~bpo13+1");
  EXPECT_FALSE(choose_source(kTable, "7.22"));
}

}  // namespace
}  // namespace rmaplab
