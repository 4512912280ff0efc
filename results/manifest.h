// SPDX-License-Identifier: GPL-2.0-only
// What a reader of a number must know about how it came about: flat
// "area.name" keys with text values, stored as manifest.json. Keys are only
// ever added; results/schema.md describes each.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

using Manifest = std::map<std::string, std::string>;

// "" for a key that is not there.
std::string manifest_value(const Manifest& manifest, const std::string& key);

std::string manifest_json(const Manifest& manifest);
// Pure. `name` is what an error calls the text.
Result<Manifest> parse_manifest(const std::string& name, std::string_view text);
Result<Manifest> read_manifest(const std::filesystem::path& path);

struct ManifestDifference {
  std::string key;
  std::string base;
  std::string head;
};
// Keys that make two runs' values incomparable when they differ: mode, machine,
// QEMU, preset, workload versions, kernel command line. The compared axis (the
// kernel) and the circumstances (time, host load) are not among them.
std::vector<ManifestDifference> incomparable(const Manifest& base, const Manifest& head);
// What does not make them incomparable and may explain a difference: how the machine was set, its
// memory where it differs by more than 1 %, a kernel that is tainted.
std::vector<ManifestDifference> circumstances(const Manifest& base, const Manifest& head);

}  // namespace rmaplab
