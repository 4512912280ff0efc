// SPDX-License-Identifier: GPL-2.0-only
// What somebody who typed a word that nobody knows may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rmaplab
{

// Pure. Letters to insert, drop, change or swap with their neighbour until one word is the other.
std::size_t letters_apart(std::string_view a, std::string_view b);

// Pure. The candidates nearest to `word`, in their order: those at the least distance, where that
// is at most a third of the word's letters, at least one and less than all of them, or else those
// that begin with it.
std::vector<std::string> nearest_words(std::string_view word,
                                       const std::vector<std::string>& candidates);

// Pure. " (did you mean ab or gate?)"; "" where nothing is near.
std::string proposal(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace rmaplab
