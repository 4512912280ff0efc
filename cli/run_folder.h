// SPDX-License-Identifier: GPL-2.0-only
// Folders that people give where one run is wanted.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace rmaplab
{

// Errc::usage for the folder of an `ab` or `gate`, which holds a run of each kernel: says which
// folders in it are meant, and which were not finished. ok() for everything else, also for what
// is no folder: read_runs() says what is wrong with that.
Result<> check_one_kernel(const std::filesystem::path& folder);

}  // namespace rmaplab
