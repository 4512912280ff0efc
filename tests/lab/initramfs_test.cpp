// SPDX-License-Identifier: GPL-2.0-only
#include "lab/initramfs.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

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

// The least that has what is read of an ELF file: a head, segments for the loader, for
// what is loaded and for the dynamic section, whose strings are in the loaded one.
std::string elf(std::uint16_t machine, const std::string& loader,
                const std::vector<std::string>& needed)
{
  constexpr std::size_t kLoaderAt = 512;
  constexpr std::size_t kStringsAt = 1024;
  constexpr std::size_t kDynamicAt = 2048;
  constexpr std::uint64_t kAddressOfFile = 0x10000;
  std::string bytes(4096, '\0');
  auto put = [&](std::size_t at, const auto& value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  Elf64_Ehdr head = {};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_machine = machine;
  head.e_phoff = sizeof head;
  head.e_phentsize = sizeof(Elf64_Phdr);
  head.e_phnum = 3;
  put(0, head);
  std::vector<Elf64_Dyn> entries;
  std::size_t string_at = 1;  // the first string of a table is the empty one
  for (const auto& name : needed) {
    entries.push_back({.d_tag = DT_NEEDED, .d_un = {.d_val = string_at}});
    bytes.replace(kStringsAt + string_at, name.size(), name);
    string_at += name.size() + 1;
  }
  entries.push_back({.d_tag = DT_STRTAB, .d_un = {.d_ptr = kAddressOfFile + kStringsAt}});
  entries.push_back({.d_tag = DT_NULL, .d_un = {}});
  for (std::size_t i = 0; i < entries.size(); ++i)
    put(kDynamicAt + i * sizeof(Elf64_Dyn), entries[i]);
  const Elf64_Phdr interpreter = {.p_type = loader.empty() ? Elf64_Word{PT_NULL} : PT_INTERP,
                                  .p_offset = kLoaderAt,
                                  .p_filesz = loader.size() + 1};
  const Elf64_Phdr loaded = {
      .p_type = PT_LOAD, .p_offset = 0, .p_vaddr = kAddressOfFile, .p_filesz = bytes.size()};
  const Elf64_Phdr dynamic = {
      .p_type = PT_DYNAMIC, .p_offset = kDynamicAt, .p_filesz = entries.size() * sizeof(Elf64_Dyn)};
  bytes.replace(kLoaderAt, loader.size(), loader);
  put(sizeof head, interpreter);
  put(sizeof head + sizeof(Elf64_Phdr), loaded);
  put(sizeof head + 2 * sizeof(Elf64_Phdr), dynamic);
  return bytes;
}

TEST(ElfFacts, AreMachineLoaderAndNeededLibrariesInOrder)
{
  const auto facts =
      elf_facts("program", elf(EM_AARCH64, "/lib/ld.so", {"libm.so.6", "libc.so.6"}));
  ASSERT_TRUE(facts) << to_string(facts.error());
  EXPECT_EQ(facts->machine, EM_AARCH64);
  EXPECT_EQ(facts->loader, "/lib/ld.so");
  EXPECT_EQ(facts->needed, (std::vector<std::string>{"libm.so.6", "libc.so.6"}));
}

TEST(ElfFacts, LibraryHasNoLoader)
{
  const auto facts = elf_facts("library", elf(EM_AARCH64, "", {"libc.so.6"}));
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->loader, "");
}

TEST(ElfFacts, BytesThatEndBeforeTheDynamicSectionAreAUsageError)
{
  const std::string bytes = elf(EM_AARCH64, "/lib/ld.so", {"libc.so.6"});
  for (const std::size_t size : {std::size_t{0}, sizeof(Elf64_Ehdr) - 1, std::size_t{300},
                                 std::size_t{515}, std::size_t{2080}}) {
    const auto facts = elf_facts("program", bytes.substr(0, size));
    ASSERT_FALSE(facts) << size;
    EXPECT_EQ(facts.error().code, Errc::usage);
  }
}

TEST(ElfFacts, NameOutsideTheFileIsAUsageError)
{
  std::string bytes = elf(EM_AARCH64, "/lib/ld.so", {"libc.so.6"});
  const std::uint64_t far = ~std::uint64_t{0} / 2;
  std::memcpy(bytes.data() + 2048 + offsetof(Elf64_Dyn, d_un), &far, sizeof far);
  EXPECT_FALSE(elf_facts("program", bytes));
}

TEST(ElfFacts, BigEndianProgramIsAUsageError)
{
  std::string bytes = elf(EM_AARCH64, "/lib/ld.so", {});
  bytes[EI_DATA] = ELFDATA2MSB;
  EXPECT_FALSE(elf_facts("program", bytes));
}

// A sysroot in which a library needs one that the program does not name.
class ForeignLibraries : public ::testing::Test
{
 protected:
  void SetUp() override
  {
    put("lib/ld-linux-aarch64.so.1", elf(EM_AARCH64, "", {}));
    put("lib/aarch64-linux-gnu/libc.so.6", elf(EM_AARCH64, "", {"ld-linux-aarch64.so.1"}));
    put("usr/lib/aarch64-linux-gnu/libpapi.so.7",
        elf(EM_AARCH64, "", {"libpfm.so.4", "libc.so.6"}));
    put("usr/lib/aarch64-linux-gnu/libpfm.so.4", elf(EM_AARCH64, "", {"libc.so.6"}));
    put("program", elf(EM_AARCH64, "/lib/ld-linux-aarch64.so.1", {"libpapi.so.7", "libc.so.6"}));
  }
  void put(const std::string& path, const std::string& bytes)
  {
    const fs::path file = root() / path;
    ASSERT_TRUE(make_directories(file.parent_path()));
    ASSERT_TRUE(write_file(file, bytes));
  }
  fs::path root() const { return folder_->path(); }
  Result<std::vector<std::string>> found(const std::string& program) const
  {
    const auto libraries = libraries_in(root(), *find_architecture("arm64"), root() / program);
    if (!libraries)
      return libraries.error();
    std::vector<std::string> names;
    for (const auto& library : *libraries)
      names.push_back(library.lexically_relative(root()));
    return names;
  }

 private:
  Result<TempDir> folder_ = TempDir::create("rmaplab-test-");
};

TEST_F(ForeignLibraries, AreTheLoaderAndAllThatIsNeededEachOnce)
{
  const auto names = found("program");
  ASSERT_TRUE(names) << to_string(names.error());
  EXPECT_EQ(*names,
            (std::vector<std::string>{
                "lib/ld-linux-aarch64.so.1", "usr/lib/aarch64-linux-gnu/libpapi.so.7",
                "lib/aarch64-linux-gnu/libc.so.6", "usr/lib/aarch64-linux-gnu/libpfm.so.4"}));
}

TEST_F(ForeignLibraries, MissingOneIsAUsageErrorNamingItAndWhoNeedsIt)
{
  fs::remove(root() / "usr/lib/aarch64-linux-gnu/libpfm.so.4");
  const auto names = found("program");
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code, Errc::usage);
  EXPECT_NE(names.error().context.find("libpapi.so.7: library libpfm.so.4"), std::string::npos)
      << names.error().context;
}

TEST_F(ForeignLibraries, ProgramOfThisMachineIsAUsageError)
{
  put("program", elf(EM_X86_64, "/lib64/ld-linux-x86-64.so.2", {}));
  const auto names = found("program");
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code, Errc::usage);
}

TEST_F(ForeignLibraries, HaveInTheGuestThePathTheyHaveInTheSysroot)
{
  const auto files =
      program_files(root() / "program", "init",
                    {.architecture = *find_architecture("arm64"), .runner = {}, .sysroot = root()});
  ASSERT_TRUE(files) << to_string(files.error());
  ASSERT_EQ(files->size(), 5u);
  EXPECT_EQ((*files)[0].path, "init");
  EXPECT_EQ((*files)[1].path, "lib/ld-linux-aarch64.so.1");
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
