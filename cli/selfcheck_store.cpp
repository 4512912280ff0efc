// SPDX-License-Identifier: GPL-2.0-only
#include "cli/selfcheck_store.h"

#include "base/files.h"
#include "reports/selfcheck.h"

namespace rmaplab
{

namespace
{

std::filesystem::path place_of(const std::string& mode)
{
  return cache_directory() / "selfcheck" / (mode + ".json");
}

}  // namespace

Result<> store_selfcheck(const Manifest& facts)
{
  const auto place = place_of(manifest_value(facts, "mode"));
  if (auto made = make_directories(place.parent_path()); !made)
    return made.error();
  return write_file(place, manifest_json(facts));
}

std::string quoted_selfcheck(const Manifest& run)
{
  if (!is_ours_alone(cache_directory()))
    return {};
  const auto facts = read_manifest(place_of(manifest_value(run, "mode")));
  if (!facts || manifest_value(*facts, "qemu.version") != manifest_value(run, "qemu.version"))
    return {};
  return selfcheck_line(*facts);
}

}  // namespace rmaplab
