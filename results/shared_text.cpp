// SPDX-License-Identifier: GPL-2.0-only
#include "results/shared_text.h"

#include <unordered_map>
#include <vector>

namespace rmaplab
{

namespace
{

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const
  {
    return std::hash<std::string_view>()(text);
  }
};

struct Held {
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers{{"", 0}};
  std::vector<const std::string*> texts{&numbers.begin()->first};  // by number
};

Held& held()
{
  static Held texts;
  return texts;
}

}  // namespace

const std::string& SharedText::str() const
{
  return *held().texts[number_];
}

std::uint32_t SharedText::number_of(std::string_view text)
{
  if (text.empty())
    return 0;
  Held& all = held();
  if (const auto found = all.numbers.find(text); found != all.numbers.end())
    return found->second;
  const auto [added, is_new] =
      all.numbers.emplace(text, static_cast<std::uint32_t>(all.texts.size()));
  all.texts.push_back(&added->first);
  return added->second;
}

}  // namespace rmaplab
