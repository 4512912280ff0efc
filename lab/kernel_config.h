// SPDX-License-Identifier: GPL-2.0-only
// Kconfig text: fragments on top of one another, and whether the kernel took what they want.
// Pure.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rmaplab
{

// What a .config or a fragment sets: "NUMA_EMU" -> "y"; "n" for "# CONFIG_X is not set".
std::map<std::string, std::string> config_options(std::string_view text);

// `base` with the options of `fragment` in the place of its own.
std::string merge_config(std::string_view base, std::string_view fragment);

// Options that `wanted` sets and `final_config`, after `make olddefconfig`, has otherwise:
// "LOCK_STAT: wanted y, is n", sorted. An option wanted off that is absent is as wanted.
std::vector<std::string> refused_options(std::string_view wanted, std::string_view final_config);

// Whether it is a whole configuration, as the kernel's own tools write it, and no fragment.
bool is_whole_config(std::string_view text);

// Options that a source has, and whether one can choose them: whether they have a prompt.
using ConfigSymbols = std::map<std::string, bool>;
// Adds those of one Kconfig file (Documentation/kbuild/kconfig-language.rst).
void add_symbols(std::string_view kconfig, ConfigSymbols& symbols);

// What became of a whole configuration that was made with another compiler, for another version
// or by a distribution.
struct ConfigChanges {
  std::size_t options = 0;             // that it sets
  std::size_t unknown = 0;             // changed: this source does not have them
  std::size_t computed = 0;            // changed: no one chooses them
  std::vector<std::string> otherwise;  // changed by what they depend on, as refused_options()
};
ConfigChanges config_changes(std::string_view wanted, std::string_view final_config,
                             const ConfigSymbols& symbols);

// The same in words, on one line: the counts, and the first of what can be chosen. `name` is that
// of the configuration.
std::string to_string(const std::string& name, const ConfigChanges& changes);

// Keys and certificates that `config` has built in and that are files of whoever made it:
// "SYSTEM_TRUSTED_KEYS" -> "debian/certs/a.pem", where `is_there` says that the source lacks them.
std::map<std::string, std::string> missing_keys(
    std::string_view config, const std::function<bool(const std::string&)>& is_there);

}  // namespace rmaplab
