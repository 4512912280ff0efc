// SPDX-License-Identifier: GPL-2.0-only
#include "lab/initramfs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

struct Member {
  std::string name;
  unsigned mode = 0;
  std::string content;
};

// Members of a "newc" archive; stops where a header does not begin as it must.
std::vector<Member> members_of(const std::string& bytes)
{
  std::vector<Member> members;
  auto field = [&](std::size_t at, std::size_t index) {
    return static_cast<std::size_t>(std::stoul(bytes.substr(at + 6 + index * 8, 8), nullptr, 16));
  };
  auto padded = [](std::size_t at) { return (at + 3) / 4 * 4; };
  for (std::size_t at = 0; at + 110 <= bytes.size() && bytes.compare(at, 6, "070701") == 0;) {
    const std::size_t size = field(at, 6);
    const std::size_t name_size = field(at, 11);
    const std::size_t data = padded(at + 110 + name_size);
    members.push_back({.name = bytes.substr(at + 110, name_size - 1),
                       .mode = static_cast<unsigned>(field(at, 1)),
                       .content = bytes.substr(data, size)});
    at = padded(data + size);
  }
  return members;
}

std::vector<std::string> names_of(const std::vector<ImageFile>& files)
{
  std::vector<std::string> names;
  const auto bytes = build_initramfs(files);
  if (bytes)
    for (const Member& member : members_of(*bytes))
      names.push_back(member.name);
  return names;
}

Member member(const std::vector<ImageFile>& files, const std::string& name)
{
  const auto bytes = build_initramfs(files);
  if (bytes)
    for (const Member& found : members_of(*bytes))
      if (found.name == name)
        return found;
  ADD_FAILURE() << "no member " << name;
  return {};
}

TEST(Initramfs, SameFilesInAnotherOrderAreTheSameBytes)
{
  const auto one = build_initramfs({{.path = "init", .content = "a"}, {.path = "etc/b"}});
  const auto other = build_initramfs({{.path = "etc/b"}, {.path = "init", .content = "a"}});
  ASSERT_TRUE(one && other);
  EXPECT_EQ(*one, *other);
}

TEST(Initramfs, OtherContentIsOtherBytes)
{
  const auto one = build_initramfs({{.path = "init", .content = "a"}});
  const auto other = build_initramfs({{.path = "init", .content = "b"}});
  ASSERT_TRUE(one && other);
  EXPECT_NE(*one, *other);
}

TEST(Initramfs, BeginsWithTheMagicOfNewc)
{
  const auto bytes = build_initramfs({});
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->substr(0, 6), "070701");
}

TEST(Initramfs, FoldersComeBeforeTheFilesInThem)
{
  EXPECT_EQ(names_of({{.path = "lib/x86_64/libc.so"}, {.path = "init"}}),
            (std::vector<std::string>{"dev", "lib", "lib/x86_64", "proc", "sys", "tmp", "init",
                                      "lib/x86_64/libc.so", "TRAILER!!!"}));
}

TEST(Initramfs, FileNamedTwiceIsThereOnce)
{
  const auto names = names_of({{.path = "lib/a"}, {.path = "lib/a"}});
  EXPECT_EQ(std::count(names.begin(), names.end(), "lib/a"), 1);
}

TEST(Initramfs, ContentIsKeptByteForByte)
{
  const std::string content("a\0b\n\xff", 5);
  EXPECT_EQ(member({{.path = "init", .content = content}}, "init").content, content);
}

TEST(Initramfs, ModesAreThoseOfProgramsFilesAndFolders)
{
  const std::vector<ImageFile> files = {{.path = "bin/init", .executable = true},
                                        {.path = "command"}};
  EXPECT_EQ(member(files, "bin/init").mode, 0100755u);
  EXPECT_EQ(member(files, "command").mode, 0100644u);
  EXPECT_EQ(member(files, "bin").mode, 0040755u);
}

TEST(Libraries, TextFileIsAUsageError)
{
  const auto folder = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(folder);
  const fs::path script = folder->path() / "script";
  ASSERT_TRUE(write_file(script, "#!/bin/sh\n" + std::string(100, '#') + "\n"));
  const auto libraries = libraries_of(script);
  ASSERT_FALSE(libraries);
  EXPECT_EQ(libraries.error().code, Errc::usage);
  EXPECT_NE(libraries.error().context.find("ELF"), std::string::npos);
}

TEST(Libraries, ProgramThatIsCutOffIsAUsageError)
{
  const auto folder = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(folder);
  const auto whole = read_file("/proc/self/exe");
  ASSERT_TRUE(whole);
  const fs::path half = folder->path() / "half";
  ASSERT_TRUE(write_file(half, whole->substr(0, 100)));
  const auto libraries = libraries_of(half);
  ASSERT_FALSE(libraries);
  EXPECT_EQ(libraries.error().code, Errc::usage);
}

TEST(Libraries, MissingFileIsAnError)
{
  EXPECT_FALSE(libraries_of("/no/such/program"));
}

TEST(Libraries, OfThisProgramHoldALoaderAndLibc)
{
  const auto libraries = libraries_of(fs::read_symlink("/proc/self/exe"));
  ASSERT_TRUE(libraries) << to_string(libraries.error());
  auto named = [&](const char* begin) {
    return std::any_of(libraries->begin(), libraries->end(), [&](const fs::path& library) {
      return library.filename().string().rfind(begin, 0) == 0;
    });
  };
  EXPECT_TRUE(named("ld-linux"));
  EXPECT_TRUE(named("libc.so"));
}

TEST(ProgramFiles, ProgramHasItsGuestPathAndLibrariesTheirOwn)
{
  const auto files = program_files(fs::read_symlink("/proc/self/exe"), "init");
  ASSERT_TRUE(files) << to_string(files.error());
  ASSERT_GT(files->size(), 1u);
  EXPECT_EQ(files->front().path, "init");
  for (const ImageFile& file : *files) {
    EXPECT_NE(file.path.front(), '/');
    EXPECT_TRUE(file.executable) << file.path;
    EXPECT_EQ(file.content.substr(0, 4),
              "\x7f"
              "ELF")
        << file.path;
  }
}

}  // namespace
}  // namespace rmaplab
