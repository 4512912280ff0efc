// SPDX-License-Identifier: GPL-2.0-only
// How the lab tells its caller what it is doing; the caller decides whether
// anybody is shown it.
#pragma once

#include <functional>
#include <string>

namespace rmaplab
{

// One line without a newline: "fetching linux-binary-7.0.13... (13 MB)".
using Notify = std::function<void(const std::string&)>;

}  // namespace rmaplab
