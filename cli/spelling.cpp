// SPDX-License-Identifier: GPL-2.0-only
#include "cli/spelling.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace rmaplab
{

std::size_t letters_apart(std::string_view a, std::string_view b)
{
  // Rows of the table of distances between beginnings of both: the last two and this one.
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    now[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(now);
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before_last[j - 2] + 1);
    }
  }
  return now[b.size()];
}

std::vector<std::string> nearest_words(std::string_view word,
                                       const std::vector<std::string>& candidates)
{
  if (word.empty())
    return {};
  std::size_t least = std::max<std::size_t>(word.size() / 3, 1);
  std::vector<std::string> nearest;
  for (const std::string& candidate : candidates) {
    const std::size_t apart = letters_apart(word, candidate);
    if (apart > least || apart >= std::max(word.size(), candidate.size()))
      continue;
    if (apart < least)
      nearest.clear();
    least = apart;
    nearest.push_back(candidate);
  }
  if (nearest.empty())
    std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(nearest),
                 [&](const std::string& candidate) { return candidate.rfind(word, 0) == 0; });
  return nearest;
}

std::string proposal(std::string_view word, const std::vector<std::string>& candidates)
{
  const auto near = nearest_words(word, candidates);
  return near.empty() ? "" : fmt::format(" (did you mean {}?)", fmt::join(near, " or "));
}

}  // namespace rmaplab
