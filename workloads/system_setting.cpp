// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/system_setting.h"

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

Result<SystemSetting> SystemSetting::set(const std::filesystem::path& path,
                                         const std::string& value)
{
  auto unsupported = [](Error error) {
    error.code = Errc::unsupported;
    return error;
  };
  const auto text = read_file(path);
  if (!text)
    return unsupported(text.error());
  if (auto written = write_setting(path, value); !written)
    return unsupported(written.error());
  return SystemSetting(path, setting_value(*text));
}

SystemSetting::~SystemSetting()
{
  if (!path_.empty())
    static_cast<void>(write_setting(path_, before_));
}

}  // namespace rmaplab
