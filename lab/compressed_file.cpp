// SPDX-License-Identifier: GPL-2.0-only
#include "lab/compressed_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <memory>

#include "base/regular_file.h"

namespace rmaplab
{

Result<std::string> read_uncompressed(const std::filesystem::path& file, std::uint64_t most_bytes,
                                      std::uint64_t most_uncompressed)
{
  auto bytes = read_regular_file(file, most_bytes);
  if (!bytes)
    return bytes.error();
  const std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(),
                                                                      archive_read_free);
  for (const auto support : {archive_read_support_filter_gzip, archive_read_support_filter_xz,
                             archive_read_support_filter_bzip2, archive_read_support_filter_zstd,
                             archive_read_support_filter_lzma})
    support(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_memory(reader.get(), bytes->data(), bytes->size()) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
    return bytes;
  std::string text;
  char buffer[16384];
  for (;;) {
    const auto got = archive_read_data(reader.get(), buffer, sizeof buffer);
    if (got == 0)
      return text;
    if (got < 0)
      return Error{
          .code = Errc::parse,
          .context = fmt::format("{}: {}", file.string(), archive_error_string(reader.get()))};
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > most_uncompressed)
      return Error{.code = Errc::parse,
                   .context = fmt::format("{}: uncompressed it has more than {} MiB", file.string(),
                                          most_uncompressed >> 20)};
  }
}

}  // namespace rmaplab
