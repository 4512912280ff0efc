// SPDX-License-Identifier: GPL-2.0-only
// The keys of manifest.json: what each means and whether two runs must agree on it. The only place
// that knows; results/schema.md holds the same table, and a test holds the two together.
#pragma once

#include <string>
#include <vector>

namespace rmaplab
{

// What it means for a comparison that two runs have different values of a key.
enum class Agreement {
  none,               // it is what is compared, or tells of one run alone
  told,               // may explain a difference: told where both runs have it
  told_if_hundredth,  // the same, of a number, where it differs by more than 1 %
  required,           // their values are not comparable
  required_of_hosts,  // the same, but for the exact lab, which emulates its CPU
};

std::string to_string(Agreement agreement);

struct ManifestKeys {
  std::string keys;  // globs joined with ",", as glob_match() takes them
  Agreement agreement = Agreement::none;
  std::string meaning;  // of all of them, in their order
};
// Each key of a run's manifest is in exactly one row.
const std::vector<ManifestKeys>& manifest_keys();

// Agreement::none for a key that no row has.
Agreement agreement_on(const std::string& key);

// A table of Markdown: results/schema.md.
std::string manifest_keys_markdown();

}  // namespace rmaplab
