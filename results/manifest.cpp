// SPDX-License-Identifier: GPL-2.0-only
#include "results/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "base/printable.h"
#include "base/regular_file.h"
#include "base/text.h"
#include "results/manifest_keys.h"

namespace rmaplab
{

namespace
{
constexpr int kManifestVersion = 1;
constexpr std::uint64_t kMostManifestBytes = 16 << 20;

std::vector<ManifestDifference> differing(const Manifest& base, const Manifest& head,
                                          const std::function<bool(const std::string& key)>& wanted)
{
  Manifest keys = base;
  keys.insert(head.begin(), head.end());
  std::vector<ManifestDifference> differences;
  for (const auto& [key, unused] : keys)
    if (wanted(key))
      if (const auto left = manifest_value(base, key), right = manifest_value(head, key);
          left != right)
        differences.push_back({.key = key, .base = left, .head = right});
  return differences;
}

bool differ_by_a_hundredth(const std::string& base, const std::string& head)
{
  const auto left = parse_double(base);
  const auto right = parse_double(head);
  constexpr double kLittle = 0.01;
  return !left || !right || std::abs(*left - *right) > kLittle * std::abs(*left);
}

}  // namespace

std::string manifest_value(const Manifest& manifest, const std::string& key)
{
  const auto found = manifest.find(key);
  return found == manifest.end() ? std::string() : found->second;
}

std::string manifest_json(const Manifest& manifest)
{
  nlohmann::ordered_json json;
  json["manifest_version"] = kManifestVersion;
  for (const auto& [key, value] : manifest)
    if (key != "manifest_version")
      json[key] = value;
  // Text from outside (a CPU name, a command line) may not be UTF-8.
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Result<Manifest> parse_manifest(const std::string& name, std::string_view text)
{
  auto reject = [&](const std::string& expected) {
    return Error{.code = Errc::parse, .context = name + ": " + expected};
  };
  std::set<std::string> keys;
  std::string twice;
  const auto on_key = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::key && depth == 1 &&
        !keys.insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return true;
  };
  if (text.find('\0') != std::string_view::npos)
    return reject("has a byte 0");
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text, on_key);
  } catch (const nlohmann::json::parse_error& e) {
    const auto before = text.substr(0, std::min<std::size_t>(e.byte, text.size()));
    return Error{
        .code = Errc::parse,
        .context = fmt::format("{}:{}: expected one JSON object, byte {} cannot be parsed", name,
                               1 + std::count(before.begin(), before.end(), '\n'), e.byte)};
  } catch (const nlohmann::json::exception& e) {  // a number beyond all
    return reject(fmt::format("cannot be read: {}", printable(e.what())));
  }
  if (!json.is_object())
    return reject("expected one JSON object");
  if (!twice.empty())
    return reject(fmt::format("has \"{}\" twice", printable(twice)));
  const auto version = json.find("manifest_version");
  if (version == json.end() || !version->is_number_integer())
    return reject("expected a whole number \"manifest_version\"");
  if (!version->is_number_unsigned() || *version < 1 || *version > kManifestVersion)
    return reject(fmt::format("has version {}, this rmaplab reads up to {}", version->dump(),
                              kManifestVersion));
  Manifest manifest;
  for (const auto& [key, value] : json.items()) {
    if (key == "manifest_version")
      continue;
    if (!value.is_string())
      return reject(fmt::format("expected text for \"{}\"", key));
    manifest[key] = value.get<std::string>();
  }
  return manifest;
}

Result<Manifest> read_manifest(const std::filesystem::path& path)
{
  auto text = read_regular_file(path, kMostManifestBytes);
  if (!text)
    return text.error();
  return parse_manifest(path.string(), *text);
}

std::vector<ManifestDifference> incomparable(const Manifest& base, const Manifest& head)
{
  const bool emulated =
      manifest_value(base, "mode") == "exact" && manifest_value(head, "mode") == "exact";
  return differing(base, head, [&](const std::string& key) {
    const Agreement agreement = agreement_on(key);
    return agreement == Agreement::required ||
           (agreement == Agreement::required_of_hosts && !emulated);
  });
}

std::vector<ManifestDifference> circumstances(const Manifest& base, const Manifest& head)
{
  // A fact that one run alone has: the other was stored by a version that did not record it.
  auto all = differing(base, head, [&](const std::string& key) {
    const Agreement agreement = agreement_on(key);
    return (agreement == Agreement::told || agreement == Agreement::told_if_hundredth) &&
           base.contains(key) && head.contains(key);
  });
  std::erase_if(all, [](const ManifestDifference& one) {
    return agreement_on(one.key) == Agreement::told_if_hundredth &&
           !differ_by_a_hundredth(one.base, one.head);
  });
  return all;
}

}  // namespace rmaplab
