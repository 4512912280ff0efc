// SPDX-License-Identifier: GPL-2.0-only
// The forest as a file: one JSON object, laid out one VMA a line for diff and grep.
#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "probes/forest.h"

namespace rmaplab
{

namespace
{

using Json = nlohmann::ordered_json;

constexpr int kForestVersion = 1;
constexpr const char* kMappings[] = {"anon", "file", "special"};  // by value of Mapping

// comm may hold any byte.
std::string line(const Json& json)
{
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <typename Items, typename Write>
void append_lines(std::string& text, const char* indent, const Items& items, Write write)
{
  std::size_t left = items.size();
  for (const auto& item : items)
    text += fmt::format("{}{}{}\n", indent, write(item), --left > 0 ? "," : "");
}

Json vma_json(const ForestVma& vma)
{
  // Addresses as text: not every reader of JSON has whole numbers of 64 bits.
  Json json = {{"start", fmt::format("{:#x}", vma.start)},
               {"end", fmt::format("{:#x}", vma.end)},
               {"perms", vma.perms},
               {"pgoff", fmt::format("{:#x}", vma.pgoff)},
               {"mapping", kMappings[static_cast<std::size_t>(vma.mapping)]}};
  if (vma.anon_vma)
    json["anon_vma"] = id_text(*vma.anon_vma);
  if (!vma.chain.empty())
    for (const AnonVmaId id : vma.chain)
      json["chain"].push_back(id_text(id));
  if (vma.truncated)
    json["truncated"] = true;
  return json;
}

Json anon_vma_json(AnonVmaId id, const AnonVma& anon_vma)
{
  Json json = {{"id", id_text(id)}};
  for (const auto& [key, other] : {std::pair{"root", anon_vma.root}, {"parent", anon_vma.parent}})
    if (other)
      json[key] = id_text(*other);
  for (const auto& [key, value] : {std::pair{"num_children", anon_vma.num_children},
                                   {"num_active_vmas", anon_vma.num_active_vmas},
                                   {"refcount", anon_vma.refcount}})
    if (value)
      json[key] = *value;
  return json;
}

// What the parsing functions throw at each other; parse_forest() lets none out.
struct Expected {
  std::string what;
};

const Json& member(const Json& json, const std::string& where, const char* key)
{
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (!json.is_object() || found == json.end())
    throw Expected{fmt::format("{}: expected \"{}\"", where, key)};
  return *found;
}

const Json& array(const Json& json, const std::string& where, const char* key)
{
  const Json& list = member(json, where, key);
  if (!list.is_array())
    throw Expected{fmt::format("{}: expected \"{}\" to be a list", where, key)};
  return list;
}

std::string text(const Json& json, const std::string& where, const char* key)
{
  const Json& value = member(json, where, key);
  if (!value.is_string())
    throw Expected{fmt::format("{}: expected \"{}\" to be text", where, key)};
  return value.get<std::string>();
}

template <typename Number>
Number number(const Json& json, const std::string& where, const char* key)
{
  const Json& value = member(json, where, key);
  if (!value.is_number_unsigned() ||
      value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<Number>::max()))
    throw Expected{fmt::format("{}: expected \"{}\" to be a whole number", where, key)};
  return value.get<Number>();
}

std::uint64_t address(const Json& json, const std::string& where, const char* key)
{
  const std::string hex = text(json, where, key);
  const auto value = hex.rfind("0x", 0) == 0 ? parse_u64(hex.substr(2), 16) : std::nullopt;
  if (!value)
    throw Expected{fmt::format("{}: expected \"{}\" like \"0x1000\"", where, key)};
  return *value;
}

AnonVmaId id_of(const Json& value, const std::string& where, std::size_t count)
{
  const std::string name = value.is_string() ? value.get<std::string>() : "";
  const auto id = name.rfind('A', 0) == 0 ? parse_u64(name.substr(1)) : std::nullopt;
  if (!id || *id < 1 || *id > count)
    throw Expected{fmt::format("{}: expected one of the {} anon_vmas, A1 to A{}, not {}", where,
                               count, count, value.dump())};
  return static_cast<AnonVmaId>(*id);
}

std::optional<AnonVmaId> optional_id(const Json& json, const std::string& where, const char* key,
                                     std::size_t count)
{
  return json.contains(key) ? std::optional(id_of(json[key], where, count)) : std::nullopt;
}

std::optional<std::uint64_t> optional_number(const Json& json, const std::string& where,
                                             const char* key)
{
  return json.contains(key) ? std::optional(number<std::uint64_t>(json, where, key)) : std::nullopt;
}

ForestVma vma_of(const Json& json, const std::string& where, std::size_t anon_vmas)
{
  ForestVma vma{.start = address(json, where, "start"),
                .end = address(json, where, "end"),
                .perms = text(json, where, "perms"),
                .pgoff = address(json, where, "pgoff"),
                .anon_vma = optional_id(json, where, "anon_vma", anon_vmas),
                .truncated = json.contains("truncated") && json["truncated"] == true};
  const std::string mapping = text(json, where, "mapping");
  const auto* known = std::find(std::begin(kMappings), std::end(kMappings), mapping);
  if (known == std::end(kMappings))
    throw Expected{where + ": expected \"mapping\" to be anon, file or special"};
  vma.mapping = static_cast<Mapping>(known - kMappings);
  if (json.contains("chain"))
    for (const Json& id : array(json, where, "chain"))
      vma.chain.push_back(id_of(id, where, anon_vmas));
  return vma;
}

AnonVma anon_vma_of(const Json& json, const std::string& where, AnonVmaId id, std::size_t count)
{
  if (id_of(member(json, where, "id"), where, count) != id)
    throw Expected{fmt::format("{}: expected \"id\" to be {}", where, id_text(id))};
  return {.root = optional_id(json, where, "root", count),
          .parent = optional_id(json, where, "parent", count),
          .num_children = optional_number(json, where, "num_children"),
          .num_active_vmas = optional_number(json, where, "num_active_vmas"),
          .refcount = optional_number(json, where, "refcount")};
}

Forest forest_of(const Json& json)
{
  const std::string top = "forest";
  const int version = number<int>(json, top, "forest_version");
  if (version < 1 || version > kForestVersion)
    throw Expected{
        fmt::format("has version {}, this rmaplab reads up to {}", version, kForestVersion)};
  Forest forest{.kernel = text(json, top, "kernel"),
                .page_bytes = number<std::uint64_t>(json, top, "page_bytes")};
  const Json& anon_vmas = array(json, top, "anon_vmas");
  for (const Json& anon_vma : anon_vmas) {
    const auto id = static_cast<AnonVmaId>(forest.anon_vmas.size() + 1);
    forest.anon_vmas.push_back(
        anon_vma_of(anon_vma, fmt::format("anon_vmas[{}]", id - 1), id, anon_vmas.size()));
  }
  for (const Json& process : array(json, top, "processes")) {
    const std::string where = fmt::format("processes[{}]", forest.processes.size());
    ForestProcess known{.pid = number<pid_t>(process, where, "pid"),
                        .ppid = number<pid_t>(process, where, "ppid"),
                        .comm = text(process, where, "comm")};
    for (const Json& vma : array(process, where, "vmas"))
      known.vmas.push_back(
          vma_of(vma, fmt::format("{}.vmas[{}]", where, known.vmas.size()), anon_vmas.size()));
    forest.processes.push_back(std::move(known));
  }
  const AnonVmaTrees trees = trees_of(forest);
  for (AnonVmaId id = 1; id <= forest.anon_vmas.size(); ++id)
    if (trees.depth[id - 1] == 0)
      throw Expected{fmt::format("anon_vmas[{}]: its parents go in a circle", id - 1)};
  return forest;
}

}  // namespace

std::string to_json(const Forest& forest)
{
  std::string text =
      fmt::format("{{\n\"forest_version\": {},\n\"kernel\": {},\n\"page_bytes\": {},\n",
                  kForestVersion, line(forest.kernel), forest.page_bytes);
  text += "\"processes\": [\n";
  append_lines(text, " ", forest.processes, [](const ForestProcess& process) {
    std::string vmas = fmt::format("{{\"pid\": {}, \"ppid\": {}, \"comm\": {}, \"vmas\": [\n",
                                   process.pid, process.ppid, line(process.comm));
    append_lines(vmas, "  ", process.vmas,
                 [](const ForestVma& vma) { return line(vma_json(vma)); });
    return vmas + " ]}";
  });
  text += "],\n\"anon_vmas\": [\n";
  AnonVmaId id = 0;
  append_lines(text, " ", forest.anon_vmas,
               [&id](const AnonVma& anon_vma) { return line(anon_vma_json(++id, anon_vma)); });
  return text + "]\n}\n";
}

Result<Forest> parse_forest(const std::string& name, std::string_view text)
{
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded())
    return Error{.code = Errc::parse,
                 .context = name +
                            ": expected one JSON object, as `rmaplab forest --format json` "
                            "writes it"};
  try {
    return forest_of(json);
  } catch (const Expected& expected) {
    return Error{.code = Errc::parse, .context = name + ": " + expected.what};
  }
}

}  // namespace rmaplab
