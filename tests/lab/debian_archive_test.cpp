// SPDX-License-Identifier: GPL-2.0-only
#include "lab/debian_archive.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

std::string line(const std::string& package, const std::string& version,
                 const std::string& suite = "sid")
{
  return package + " | " + version + " | http://mirror.example/debian " + suite +
         "/main amd64 Packages\n";
}

std::string chosen(const std::string& table, const std::string& version)
{
  const auto kernel = choose_kernel(parse_madison(table), version);
  return kernel ? kernel->package : "none";
}

TEST(DebianArchive, MadisonLineIsTakenApart)
{
  const auto kernels = parse_madison(
      " linux-binary-7.0.13+deb13-cloud-amd64 | 7.0.13-1~bpo13+1 | "
      "http://mirror.example/debian trixie-backports/main amd64 Packages\n");
  ASSERT_EQ(kernels.size(), 1u);
  EXPECT_EQ(kernels[0].package, "linux-binary-7.0.13+deb13-cloud-amd64");
  EXPECT_EQ(kernels[0].version, "7.0.13-1~bpo13+1");
  EXPECT_EQ(kernels[0].suite, "trixie-backports");
  EXPECT_EQ(kernels[0].upstream, "7.0.13");
}

TEST(DebianArchive, LinesOfAnotherFormAreLeftOut)
{
  EXPECT_TRUE(parse_madison("N: Unable to locate package\n\na | b\n").empty());
}

TEST(DebianArchive, NewestIsLastByNumberNotByText)
{
  const auto kernels = parse_madison(line("linux-image-6.12.9-cloud-amd64", "6.12.9-1") +
                                     line("linux-image-6.12.48-cloud-amd64", "6.12.48-1") +
                                     line("linux-image-6.9.7-cloud-amd64", "6.9.7-1"));
  ASSERT_EQ(kernels.size(), 3u);
  EXPECT_EQ(kernels[0].upstream, "6.9.7");
  EXPECT_EQ(kernels[1].upstream, "6.12.9");
  EXPECT_EQ(kernels[2].upstream, "6.12.48");
}

TEST(DebianArchive, DebugPackagesAreLeftOut)
{
  EXPECT_TRUE(parse_madison(line("linux-image-7.0.13-cloud-amd64-dbg", "7.0.13-1")).empty());
}

TEST(DebianArchive, UnsignedPackagesAreLeftOut)
{
  EXPECT_TRUE(parse_madison(line("linux-image-7.0.13-cloud-amd64-unsigned", "7.0.13-1")).empty());
}

TEST(DebianArchive, RealTimeFlavourIsLeftOut)
{
  EXPECT_TRUE(parse_madison(line("linux-image-7.0.13-rt-amd64", "7.0.13-1")).empty());
}

TEST(DebianArchive, GenericFlavourIsLeftOut)
{
  EXPECT_TRUE(parse_madison(line("linux-image-7.0.13-amd64", "7.0.13-1")).empty());
}

TEST(DebianArchive, MetaPackagesAreLeftOut)
{
  EXPECT_TRUE(parse_madison(line("linux-image-cloud-amd64", "7.0.13-1")).empty());
}

TEST(DebianArchive, BinaryPackageShadowsTheDependencyListWhateverTheOrder)
{
  const std::string binary = line("linux-binary-6.19.14-cloud-amd64", "6.19.14-1");
  const std::string image = line("linux-image-6.19.14-cloud-amd64", "6.19.14-1");
  EXPECT_EQ(chosen(binary + image, "6.19.14"), "linux-binary-6.19.14-cloud-amd64");
  EXPECT_EQ(chosen(image + binary, "6.19.14"), "linux-binary-6.19.14-cloud-amd64");
}

TEST(DebianArchive, BinaryPackageOfAnotherAbiShadowsNothing)
{
  EXPECT_EQ(chosen(line("linux-binary-6.19.13-cloud-amd64", "6.19.13-1") +
                       line("linux-image-6.19.14-cloud-amd64", "6.19.14-1"),
                   "6.19"),
            "linux-image-6.19.14-cloud-amd64");
}

TEST(DebianArchive, ImagePackageIsTheKernelWhereThereIsNoBinaryPackage)
{
  EXPECT_EQ(chosen(line("linux-image-6.12.48+deb13-cloud-amd64", "6.12.48-1"), "6.12.48"),
            "linux-image-6.12.48+deb13-cloud-amd64");
}

TEST(DebianArchive, ConfigPackageIsNoKernel)
{
  EXPECT_EQ(chosen(line("linux-base-7.0.13-cloud-amd64", "7.0.13-1"), "7.0.13"), "none");
}

TEST(DebianArchive, SeriesPicksItsNewest)
{
  const std::string table = line("linux-binary-7.0.13-cloud-amd64", "7.0.13-1") +
                            line("linux-binary-7.0.9-cloud-amd64", "7.0.9-1") +
                            line("linux-binary-7.1.2-cloud-amd64", "7.1.2-1");
  EXPECT_EQ(chosen(table, "7.0"), "linux-binary-7.0.13-cloud-amd64");
}

TEST(DebianArchive, ExactVersionPicksItAmongNewerOnes)
{
  const std::string table = line("linux-binary-7.0.13-cloud-amd64", "7.0.13-1") +
                            line("linux-binary-7.0.9-cloud-amd64", "7.0.9-1");
  EXPECT_EQ(chosen(table, "7.0.9"), "linux-binary-7.0.9-cloud-amd64");
}

TEST(DebianArchive, ExactVersionIsNoPrefixOfALongerNumber)
{
  EXPECT_EQ(chosen(line("linux-binary-7.0.13-cloud-amd64", "7.0.13-1"), "7.0.1"), "none");
}

TEST(DebianArchive, SeriesMatchesNoLongerMinorNumber)
{
  EXPECT_EQ(chosen(line("linux-binary-7.01.1-cloud-amd64", "7.01.1-1"), "7.0"), "none");
}

TEST(DebianArchive, SeriesMatchesNoLongerMajorNumber)
{
  EXPECT_EQ(chosen(line("linux-binary-17.0.1-cloud-amd64", "17.0.1-1"), "7.0"), "none");
}

}  // namespace
}  // namespace rmaplab
