// SPDX-License-Identifier: GPL-2.0-only
#include "results/manifest.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

std::string error_of(std::string_view text)
{
  const auto manifest = parse_manifest("m.json", text);
  if (manifest)
    return "no error";
  EXPECT_EQ(manifest.error().code, Errc::parse);
  return to_string(manifest.error());
}

std::vector<std::string> differing(const Manifest& base, const Manifest& head)
{
  std::vector<std::string> keys;
  for (const auto& difference : incomparable(base, head))
    keys.push_back(difference.key);
  return keys;
}

using Keys = std::vector<std::string>;

TEST(ManifestValue, KeyThatIsNotThereIsEmpty)
{
  EXPECT_EQ(manifest_value({{"mode", "exact"}}, "mode"), "exact");
  EXPECT_EQ(manifest_value({{"mode", "exact"}}, "preset"), "");
}

TEST(ManifestJson, ReadsBackEqual)
{
  const Manifest manifest = {
      {"mode", "exact"}, {"guest.command_line", "a=\"b\\c\"\n"}, {"empty", ""}};
  const auto read = parse_manifest("m.json", manifest_json(manifest));
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(*read, manifest);
}

TEST(ManifestJson, BytesThatAreNotUtf8DoNotMakeItUnreadable)
{
  const auto read = parse_manifest("m.json", manifest_json({{"guest.cpu", "x\xffy"}}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->at("guest.cpu"), "x\xef\xbf\xbdy");
}

TEST(ParseManifest, VersionIsNoKey)
{
  const auto manifest = parse_manifest("m.json", R"({"manifest_version": 1, "mode": "smp"})");
  ASSERT_TRUE(manifest);
  EXPECT_EQ(*manifest, (Manifest{{"mode", "smp"}}));
}

TEST(ParseManifest, NewerVersionIsRefusedNamingBoth)
{
  EXPECT_EQ(error_of(R"({"manifest_version": 7})"),
            "m.json: has version 7, this rmaplab reads up to 1");
}

TEST(ParseManifest, MissingVersionIsRejected)
{
  EXPECT_EQ(error_of(R"({"mode": "exact"})"),
            "m.json: expected a whole number \"manifest_version\"");
}

TEST(ParseManifest, VersionMustBeAWholeNumber)
{
  EXPECT_EQ(error_of(R"({"manifest_version": "1"})"),
            "m.json: expected a whole number \"manifest_version\"");
}

TEST(ParseManifest, ValueMustBeText)
{
  EXPECT_EQ(error_of(R"({"manifest_version": 1, "boots": 3})"),
            "m.json: expected text for \"boots\"");
}

TEST(ParseManifest, ArrayIsRejected)
{
  EXPECT_EQ(error_of("[]"), "m.json: expected one JSON object");
}

TEST(ParseManifest, CutOffTextIsRejected)
{
  EXPECT_EQ(error_of(R"({"manifest_version": 1, "mo)"),
            "m.json:1: expected one JSON object, byte 28 cannot be parsed");
}

TEST(ParseManifest, EmptyTextIsRejected)
{
  EXPECT_EQ(error_of(""), "m.json:1: expected one JSON object, byte 1 cannot be parsed");
}

TEST(ParseManifest, AKeyThatIsThereTwiceIsRejected)
{
  EXPECT_EQ(error_of("{\"manifest_version\": 1,\n\"plan.boots\": \"3\", \"plan.boots\": \"1\"}"),
            "m.json: has \"plan.boots\" twice");
}

TEST(ParseManifest, AnErrorNamesTheLine)
{
  EXPECT_EQ(error_of("{\"manifest_version\": 1}\ngarbage").substr(0, 8), "m.json:2");
}

TEST(ParseManifest, BytesAfterTheTextAndNumbersBeyondAllAreRejected)
{
  using namespace std::string_view_literals;
  EXPECT_EQ(error_of("{\"manifest_version\": 1}\0x"sv), "m.json: has a byte 0");
  EXPECT_EQ(error_of(R"({"manifest_version": 9223372036854775808})"),
            "m.json: has version 9223372036854775808, this rmaplab reads up to 1");
  EXPECT_EQ(error_of(R"({"manifest_version": 1e999})").substr(0, 22), "m.json: cannot be read");
}

TEST(Incomparable, ModeIsReportedWithBothValues)
{
  EXPECT_EQ(incomparable({{"guest.cpus", "0-1"}}, {{"guest.cpus", "0"}}).size(), 1U);
  EXPECT_EQ(incomparable({{"kernel.machine", "x86_64"}}, {{"kernel.machine", "aarch64"}}).size(),
            1U);
  const auto differences = incomparable({{"mode", "exact"}}, {{"mode", "host"}});
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].key, "mode");
  EXPECT_EQ(differences[0].base, "exact");
  EXPECT_EQ(differences[0].head, "host");
}

TEST(Incomparable, WhereProcessesArePinnedIsReported)
{
  const auto differences = incomparable({{"pin", "none"}}, {{"pin", "one"}});
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences[0].key, "pin");
}

TEST(Incomparable, KernelIsTheAxisAndNotReported)
{
  EXPECT_EQ(differing({{"kernel.release", "6.12"}}, {{"kernel.release", "6.13"}}), Keys{});
}

TEST(Incomparable, SameValuesAreNotReported)
{
  EXPECT_EQ(differing({{"mode", "smp"}}, {{"mode", "smp"}}), Keys{});
}

TEST(Incomparable, WorkloadVersionIsReported)
{
  EXPECT_EQ(differing({{"workload.fork", "1"}}, {{"workload.fork", "2"}}), Keys{"workload.fork"});
}

TEST(Incomparable, KeyOnOneSideOnlyIsReported)
{
  EXPECT_EQ(differing({{"machine.cpus", "4"}}, {}), Keys{"machine.cpus"});
  EXPECT_EQ(differing({}, {{"machine.cpus", "4"}}), Keys{"machine.cpus"});
}

TEST(Incomparable, HostCpuDoesNotMatterWhereBothAreExact)
{
  EXPECT_EQ(
      differing({{"mode", "exact"}, {"host.cpu", "A"}}, {{"mode", "exact"}, {"host.cpu", "B"}}),
      Keys{});
}

TEST(Incomparable, HostCpuIsReportedWhereBothAreHost)
{
  EXPECT_EQ(differing({{"mode", "host"}, {"host.cpu", "A"}}, {{"mode", "host"}, {"host.cpu", "B"}}),
            Keys{"host.cpu"});
}

TEST(Manifest, HowAMachineWasSetIsTold)
{
  const Manifest base = {{"guest.thp", "[always] never"},
                         {"guest.memory_kib", "1000000"},
                         {"kernel.tainted", "0"},
                         {"guest.nodes", "0"}};
  Manifest head = base;
  EXPECT_TRUE(circumstances(base, head).empty());
  head["guest.memory_kib"] = "999000";  // what a larger kernel takes
  head.erase("guest.nodes");            // of an older rmaplab
  EXPECT_TRUE(circumstances(base, head).empty());
  head["guest.memory_kib"] = "500000";
  head["guest.thp"] = "always [never]";
  head["kernel.tainted"] = "128";
  EXPECT_EQ(circumstances(base, head).size(), 3U);
}

}  // namespace
}  // namespace rmaplab
