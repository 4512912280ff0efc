// SPDX-License-Identifier: GPL-2.0-only
#include "lab/module.h"

#include <elf.h>
#include <fmt/format.h>

#include "lab/compressed_file.h"

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
  constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;
  auto bytes = read_uncompressed(file, kMostBytes, kMostBytes);
  if (!bytes)
    return Error{.code = bytes.error().code, .context = "module " + bytes.error().context};
  if (bytes->rfind(ELFMAG, 0) != 0)
    return Error{.code = Errc::parse,
                 .context = fmt::format("module {}: is no ELF file", file.string())};
  return bytes;
}

}  // namespace rmaplab
