// SPDX-License-Identifier: GPL-2.0-only
#include "session/oracles.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "session/leftovers.h"
#include "session/settings_record.h"

namespace rmaplab
{

namespace
{
// A kernel that complains of every page would fill the results with it; the log has all.
constexpr std::size_t kMostComplaints = 10;
}  // namespace

Oracles::Oracles(bool shared)
    : log_(KernelLog::open()),
      counts_(read_kernel_counts("")),
      shared_(shared),
      settings_(shared ? SettingsRecord::before(SettingsRecord::kFolder, "")
                       : SettingsGuard::take(""))
{
  adopt_orphans();
}

std::vector<std::string> Oracles::restore_settings() const
{
  if (shared_ && SettingsRecord::another_lives(SettingsRecord::kFolder))
    return {};
  return settings_.restore();
}

std::vector<std::string> Oracles::complaints()
{
  std::vector<std::string> all;
  const KernelLog::News news = log_ ? log_->read() : KernelLog::News{};
  for (const LogRecord& record : news.records) {
    text_ += to_string(record);
    for (const auto line : lines_of(record.text))
      if (is_complaint(line) && all.size() < kMostComplaints &&
          std::find(all.begin(), all.end(), line) == all.end())
        all.emplace_back(line);
  }
  if (news.lost > 0)
    text_ +=
        fmt::format("({} or more records were overwritten before they were read)\n", news.lost);
  lost_ += news.lost;
  auto counts = read_kernel_counts("");
  if (all.empty())
    for (const auto& counter : grown(counts_, counts))
      all.push_back(counter +
                    (log_ ? ", without a line that says why" : ", the log cannot be read"));
  counts_ = std::move(counts);
  return all;
}

}  // namespace rmaplab
