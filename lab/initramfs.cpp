// SPDX-License-Identifier: GPL-2.0-only
#include "lab/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <set>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

// The struct that begins at `at`; nothing when the bytes end before it does.
template <typename T>
std::optional<T> struct_at(std::string_view bytes, std::uint64_t at)
{
  T value;
  if (at > bytes.size() || bytes.size() - at < sizeof value)
    return std::nullopt;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The zero-terminated text that begins at `at`.
std::string text_at(std::string_view bytes, std::uint64_t at)
{
  const auto rest = bytes.substr(std::min<std::uint64_t>(at, bytes.size()));
  return std::string(rest.substr(0, rest.find('\0')));
}

using Writer = std::unique_ptr<struct archive, decltype(&archive_write_free)>;
using Entry = std::unique_ptr<struct archive_entry, decltype(&archive_entry_free)>;

Result<> put(struct archive* archive, const std::string& path, unsigned mode,
             const std::string& content)
{
  const Entry entry(archive_entry_new(), archive_entry_free);
  archive_entry_set_pathname(entry.get(), path.c_str());
  archive_entry_set_filetype(entry.get(), mode & S_IFMT);
  archive_entry_set_perm(entry.get(), mode & 07777);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
  archive_entry_set_nlink(entry.get(), 1);
  archive_entry_set_mtime(entry.get(), 0, 0);
  if (archive_write_header(archive, entry.get()) != ARCHIVE_OK ||
      archive_write_data(archive, content.data(), content.size()) !=
          static_cast<la_ssize_t>(content.size()))
    return Error{
        .code = Errc::os,
        .context = fmt::format("add {} to the initramfs: {}", path, archive_error_string(archive))};
  return ok();
}

Result<ElfFacts> read_elf(const fs::path& file)
{
  auto bytes = read_file(file);
  if (!bytes)
    return bytes.error();
  return elf_facts(file.string(), *bytes);
}

}  // namespace

Result<ElfFacts> elf_facts(const std::string& name, std::string_view bytes)
{
  const Error no_elf{.code = Errc::usage, .context = name + ": expected a 64-bit ELF program"};
  const auto head = struct_at<Elf64_Ehdr>(bytes, 0);
  if (!head || bytes.substr(0, SELFMAG) != ELFMAG || head->e_ident[EI_CLASS] != ELFCLASS64 ||
      head->e_ident[EI_DATA] != ELFDATA2LSB || head->e_phentsize != sizeof(Elf64_Phdr))
    return no_elf;
  ElfFacts facts{.machine = head->e_machine, .loader = {}, .needed = {}};
  std::vector<Elf64_Phdr> segments;
  for (std::size_t i = 0; i < head->e_phnum; ++i) {
    const auto segment = struct_at<Elf64_Phdr>(bytes, head->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment)
      return no_elf;
    const bool read_below = segment->p_type == PT_INTERP || segment->p_type == PT_DYNAMIC;
    if (read_below &&
        (segment->p_offset > bytes.size() || segment->p_filesz > bytes.size() - segment->p_offset))
      return no_elf;
    segments.push_back(*segment);
  }
  std::vector<Elf64_Dyn> entries;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_INTERP)
      facts.loader =
          text_at(bytes.substr(0, segment.p_offset + segment.p_filesz), segment.p_offset);
    if (segment.p_type == PT_DYNAMIC)
      for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= segment.p_filesz;
           at += sizeof(Elf64_Dyn))
        entries.push_back(*struct_at<Elf64_Dyn>(bytes, segment.p_offset + at));
  }
  // DT_STRTAB is an address; the segment that is loaded there says where it is in the file.
  std::optional<std::uint64_t> strings;
  for (const Elf64_Dyn& entry : entries)
    for (const Elf64_Phdr& segment : segments)
      if (entry.d_tag == DT_STRTAB && segment.p_type == PT_LOAD &&
          entry.d_un.d_ptr >= segment.p_vaddr &&
          entry.d_un.d_ptr - segment.p_vaddr < segment.p_filesz)
        strings = entry.d_un.d_ptr - segment.p_vaddr + segment.p_offset;
  for (const Elf64_Dyn& entry : entries) {
    if (entry.d_tag == DT_NULL)
      break;
    if (entry.d_tag != DT_NEEDED)
      continue;
    const std::string library = strings ? text_at(bytes, *strings + entry.d_un.d_val) : "";
    if (library.empty())
      return no_elf;
    facts.needed.push_back(library);
  }
  return facts;
}

Result<std::vector<fs::path>> libraries_in(const fs::path& sysroot,
                                           const Architecture& architecture,
                                           const fs::path& program)
{
  std::vector<fs::path> files = {program};  // grows while it is walked
  std::set<std::string> seen;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto facts = read_elf(files[i]);
    if (!facts)
      return facts.error();
    if (facts->machine != architecture.elf_machine)
      return Error{
          .code = Errc::usage,
          .context = fmt::format("{}: is no program for {}", files[i].string(), architecture.name)};
    if (!facts->loader.empty() && seen.insert(fs::path(facts->loader).filename()).second)
      files.push_back(sysroot / facts->loader.substr(1));
    for (const auto& name : facts->needed) {
      if (!seen.insert(name).second)
        continue;
      fs::path found;
      for (const char* folder : {"lib", "usr/lib"})
        for (const fs::path& in : {fs::path(folder) / architecture.libraries, fs::path(folder)}) {
          std::error_code error;
          if (found.empty() && fs::is_regular_file(sysroot / in / name, error))
            found = sysroot / in / name;
        }
      if (found.empty())
        return Error{.code = Errc::usage,
                     .context = fmt::format("{}: library {} is missing", files[i].string(), name)};
      files.push_back(found);
    }
  }
  files.erase(files.begin());
  return files;
}

Result<std::vector<fs::path>> libraries_of(const fs::path& program)
{
  std::error_code error;
  const fs::path canonical = fs::canonical(program, error);  // /proc/self would be the loader's
  const auto facts = read_elf(error ? program : canonical);
  if (!facts)
    return facts.error();
  const std::string& loader = facts->loader;
  if (loader.empty())
    return std::vector<fs::path>{};
  auto listed = run_command({.argv = {loader, "--list", canonical}});
  if (!listed)
    return listed.error();
  std::vector<fs::path> libraries = {loader};
  for (const auto line : lines_of(listed->out)) {
    const auto words = split_blanks(line);  // "libm.so.6 => /lib/.../libm.so.6 (0x...)"
    if (words.size() >= 3 && words[1] == "=>") {
      if (words[2].front() != '/')
        return Error{
            .code = Errc::usage,
            .context = fmt::format("{}: library {} is missing", program.string(), words[0])};
      libraries.emplace_back(words[2]);
    }
  }
  if (listed->wait_status != 0)
    return Error{.code = Errc::usage,
                 .context = fmt::format("{}: {}", program.string(),
                                        trim(last_lines(listed->err + listed->out, 1)))};
  return libraries;
}

Result<std::vector<ImageFile>> program_files(const fs::path& program, const std::string& guest_path,
                                             const GuestBuild& build)
{
  const fs::path& sysroot = build.sysroot;
  auto libraries =
      sysroot.empty() ? libraries_of(program) : libraries_in(sysroot, build.architecture, program);
  if (!libraries)
    return libraries.error();
  std::vector<ImageFile> files;
  auto add = [&](const fs::path& from, const std::string& to) -> Result<> {
    auto bytes = read_file(from);
    if (!bytes)
      return bytes.error();
    files.push_back({.path = to, .content = *std::move(bytes), .executable = true});
    return ok();
  };
  if (auto added = add(program, guest_path); !added)
    return added.error();
  for (const auto& library : *libraries)
    if (auto added = add(library, library.lexically_relative(sysroot.empty() ? "/" : sysroot));
        !added)
      return added.error();
  return files;
}

Result<std::string> build_initramfs(std::vector<ImageFile> files)
{
  for (const ImageFile& file : files)
    if (file.path.empty() || file.path.front() == '/')
      return Error{.code = Errc::usage,
                   .context = fmt::format("\"{}\" is no relative path in the guest", file.path)};
  std::stable_sort(files.begin(), files.end(),
                   [](const ImageFile& a, const ImageFile& b) { return a.path < b.path; });
  files.erase(std::unique(files.begin(), files.end(),
                          [](const ImageFile& a, const ImageFile& b) { return a.path == b.path; }),
              files.end());
  std::set<std::string> folders = {"dev", "proc", "sys", "tmp"};
  for (const ImageFile& file : files)
    for (fs::path parent = fs::path(file.path).parent_path(); !parent.empty();
         parent = parent.parent_path())
      folders.insert(parent);

  Writer archive(archive_write_new(), archive_write_free);
  archive_write_set_format_cpio_newc(archive.get());
  archive_write_set_bytes_in_last_block(archive.get(), 1);
  std::string bytes;
  auto collect = [](struct archive*, void* to, const void* data, std::size_t size) -> la_ssize_t {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data), size);
    return static_cast<la_ssize_t>(size);
  };
  if (archive_write_open(archive.get(), &bytes, nullptr, collect, nullptr) != ARCHIVE_OK)
    return Error{.code = Errc::os, .context = "start the initramfs"};
  for (const auto& folder : folders)
    if (auto done = put(archive.get(), folder, S_IFDIR | 0755, ""); !done)
      return done.error();
  for (const ImageFile& file : files)
    if (auto done =
            put(archive.get(), file.path, S_IFREG | (file.executable ? 0755 : 0644), file.content);
        !done)
      return done.error();
  if (archive_write_close(archive.get()) != ARCHIVE_OK)
    return Error{.code = Errc::os, .context = "finish the initramfs"};
  return bytes;
}

}  // namespace rmaplab
