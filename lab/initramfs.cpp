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
#include <set>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

// The loader that an ELF program names; "" for a static one.
Result<std::string> loader_of(const fs::path& program)
{
  auto bytes = read_file(program);
  if (!bytes)
    return bytes.error();
  const Error no_elf{.code = Errc::usage,
                     .context = program.string() + ": expected a 64-bit ELF program"};
  Elf64_Ehdr head;
  if (bytes->size() < sizeof head || bytes->substr(0, 4) != ELFMAG)
    return no_elf;
  std::memcpy(&head, bytes->data(), sizeof head);
  if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(Elf64_Phdr))
    return no_elf;
  for (std::size_t i = 0; i < head.e_phnum; ++i) {
    Elf64_Phdr segment;
    const std::size_t at = head.e_phoff + i * sizeof segment;
    if (at > bytes->size() || bytes->size() - at < sizeof segment)
      return no_elf;
    std::memcpy(&segment, bytes->data() + at, sizeof segment);
    if (segment.p_type != PT_INTERP)
      continue;
    if (segment.p_offset > bytes->size() || segment.p_filesz > bytes->size() - segment.p_offset)
      return no_elf;
    const std::string name = bytes->substr(segment.p_offset, segment.p_filesz);
    return name.substr(0, name.find('\0'));
  }
  return std::string();
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

}  // namespace

Result<std::vector<fs::path>> libraries_of(const fs::path& program)
{
  std::error_code error;
  const fs::path canonical = fs::canonical(program, error);  // /proc/self would be the loader's
  auto loader = loader_of(error ? program : canonical);
  if (!loader)
    return loader.error();
  if (loader->empty())
    return std::vector<fs::path>{};
  auto listed = run_command({.argv = {*loader, "--list", canonical}});
  if (!listed)
    return listed.error();
  std::vector<fs::path> libraries = {*loader};
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

Result<std::vector<ImageFile>> program_files(const fs::path& program, const std::string& guest_path)
{
  auto libraries = libraries_of(program);
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
    if (auto added = add(library, library.string().substr(1)); !added)
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
