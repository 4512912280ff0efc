// SPDX-License-Identifier: GPL-2.0-only
#include "cli/run_folder.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace rmaplab
{

namespace fs = std::filesystem;

Result<> check_one_kernel(const fs::path& folder)
{
  std::error_code error;
  if (fs::exists(folder / "manifest.json", error))
    return ok();
  std::vector<std::string> whole;
  std::vector<std::string> unfinished;
  for (const char* side : {"base", "head"}) {
    if (fs::is_directory(folder / side, error))
      whole.push_back((folder / side).string());
    const fs::path partial = folder / (std::string(side) + ".partial");
    if (fs::is_directory(partial, error))
      unfinished.push_back(partial.string());
  }
  // One called "base" alone may be a boot beside others of any name.
  if (whole.size() + unfinished.size() < 2)
    return ok();
  const std::string not_finished =
      unfinished.empty() ? "" : fmt::format("; not finished: {}", fmt::join(unfinished, ", "));
  return Error{
      .code = Errc::usage,
      .context = whole.empty()
                     ? fmt::format("{} has no run of one kernel{}", folder.string(), not_finished)
                     : fmt::format("{} has the runs of two kernels: give {}{}", folder.string(),
                                   fmt::join(whole, " or "), not_finished)};
}

}  // namespace rmaplab
