// SPDX-License-Identifier: GPL-2.0-only
#include "lab/module.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <fmt/format.h>

#include <memory>

namespace rmaplab
{

namespace fs = std::filesystem;

fs::path module_below(const fs::path& folder, const std::string& name)
{
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    const std::string file = entry.path().filename();
    std::error_code ignored;
    if ((file == name + ".ko" || file.rfind(name + ".ko.", 0) == 0) &&
        entry.is_regular_file(ignored))
      return entry.path();
  }
  return {};
}

Result<std::string> read_module(const fs::path& file)
{
  const std::unique_ptr<struct archive, decltype(&archive_read_free)> in(archive_read_new(),
                                                                         archive_read_free);
  archive_read_support_filter_all(in.get());
  archive_read_support_format_raw(in.get());
  struct archive_entry* entry = nullptr;
  constexpr std::size_t kBlock = 64 << 10;
  std::string bytes;
  la_ssize_t more = archive_read_open_filename(in.get(), file.c_str(), kBlock) == ARCHIVE_OK &&
                            archive_read_next_header(in.get(), &entry) == ARCHIVE_OK
                        ? 1
                        : -1;
  while (more > 0) {
    std::string block(kBlock, '\0');
    more = archive_read_data(in.get(), block.data(), block.size());
    bytes.append(block, 0, more > 0 ? static_cast<std::size_t>(more) : 0);
  }
  if (more < 0)
    return Error{
        .code = Errc::parse,
        .context = fmt::format("module {}: {}", file.string(), archive_error_string(in.get()))};
  if (bytes.rfind(ELFMAG, 0) != 0)
    return Error{.code = Errc::parse,
                 .context = fmt::format("module {}: is no ELF file", file.string())};
  return bytes;
}

}  // namespace rmaplab
