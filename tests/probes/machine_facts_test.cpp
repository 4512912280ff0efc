// SPDX-License-Identifier: GPL-2.0-only
#include "probes/machine_facts.h"

#include <elf.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace rmaplab
{
namespace
{

std::string note(std::string name, std::uint32_t type, std::string value)
{
  name += '\0';
  const Elf64_Nhdr head = {.n_namesz = static_cast<Elf64_Word>(name.size()),
                           .n_descsz = static_cast<Elf64_Word>(value.size()),
                           .n_type = type};
  name.resize((name.size() + 3) / 4 * 4);
  value.resize((value.size() + 3) / 4 * 4);
  return std::string(reinterpret_cast<const char*>(&head), sizeof head) + name + value;
}

const std::string kBuildId("\x01\x23\xab\xcd\x00\xff", 6);

TEST(BuildId, IsFoundBehindAnotherNote)
{
  EXPECT_EQ(build_id_of_notes(note("Linux", 257, "odd") + note("GNU", NT_GNU_BUILD_ID, kBuildId)),
            "0123abcd00ff");
}

TEST(BuildId, NoteOfAnotherOwnerIsNotTaken)
{
  EXPECT_EQ(build_id_of_notes(note("Xen", NT_GNU_BUILD_ID, kBuildId)), "");
}

TEST(BuildId, NoteOfAnotherTypeIsNotTaken)
{
  EXPECT_EQ(build_id_of_notes(note("GNU", NT_GNU_ABI_TAG, kBuildId)), "");
}

TEST(BuildId, TruncatedNoteHasNone)
{
  const std::string whole = note("GNU", NT_GNU_BUILD_ID, kBuildId + "zz");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(build_id_of_notes(std::string_view(whole).substr(0, size)), "") << size << " bytes";
}

TEST(BuildId, MissingPaddingOfTheLastNoteDoesNotMatter)
{
  const std::string whole = note("GNU", NT_GNU_BUILD_ID, kBuildId);
  EXPECT_EQ(build_id_of_notes(std::string_view(whole).substr(0, whole.size() - 2)), "0123abcd00ff");
}

class FakeRoot : public testing::Test
{
 protected:
  void SetUp() override { ASSERT_TRUE(temp_) << to_string(temp_.error()); }
  std::string root() const { return temp_->path().string(); }
  void add(const std::string& path, const std::string& content)
  {
    const std::filesystem::path whole = temp_->path() / path;
    ASSERT_TRUE(make_directories(whole.parent_path()));
    ASSERT_TRUE(write_file(whole, content));
  }

 private:
  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};

TEST_F(FakeRoot, CpuModelOfX86IsItsModelName)
{
  add("proc/cpuinfo", "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2.0GHz\n");
  EXPECT_EQ(cpu_model(root()), "Some CPU @ 2.0GHz");
}

TEST_F(FakeRoot, CpuModelOfArm64IsItsPart)
{
  add("proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n");
  EXPECT_EQ(cpu_model(root()), "0xd0c");
}

TEST_F(FakeRoot, CpuModelIsEmptyWhereItIsNotNamed)
{
  add("proc/cpuinfo", "processor\t: 0\n");
  EXPECT_EQ(cpu_model(root()), "");
}

TEST_F(FakeRoot, CpuModelIsEmptyWithoutCpuinfo)
{
  EXPECT_EQ(cpu_model(root()), "");
}

TEST_F(FakeRoot, FactsAreTheTrimmedTextOfTheFiles)
{
  add("proc/cmdline", "console=ttyS0 quiet\n");
  add("sys/devices/system/cpu/online", "0-3\n");
  const auto facts = machine_facts(root());
  EXPECT_EQ(facts.at("guest.command_line"), "console=ttyS0 quiet");
  EXPECT_EQ(facts.at("guest.cpus"), "0-3");
}

TEST_F(FakeRoot, WhatCannotBeReadHasNoKey)
{
  const auto facts = machine_facts(root());
  for (const char* key : {"guest.command_line", "guest.cpu", "guest.memory_kib", "kernel.build_id"})
    EXPECT_FALSE(facts.contains(key)) << key;
}

TEST_F(FakeRoot, EmptyFileHasNoKey)
{
  add("proc/cmdline", "\n");
  EXPECT_FALSE(machine_facts(root()).contains("guest.command_line"));
}

TEST_F(FakeRoot, MemoryIsTheNumberOfTheFirstLine)
{
  add("proc/meminfo", "MemTotal:        2031616 kB\nMemFree:         1000000 kB\n");
  EXPECT_EQ(machine_facts(root()).at("guest.memory_kib"), "2031616");
}

TEST_F(FakeRoot, BuildIdIsThatOfTheNotes)
{
  add("sys/kernel/notes", note("GNU", NT_GNU_BUILD_ID, kBuildId));
  EXPECT_EQ(machine_facts(root()).at("kernel.build_id"), "0123abcd00ff");
}

}  // namespace
}  // namespace rmaplab
