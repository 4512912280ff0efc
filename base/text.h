// SPDX-License-Identifier: GPL-2.0-only
// Pure helpers for the line-and-column text that /proc, apt and our own files
// are made of. Nothing here allocates more than its result.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rmaplab
{

// Pieces between separators, empty ones included; "" gives one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);
// Runs of non-blanks (space, tab).
std::vector<std::string_view> split_blanks(std::string_view text);
// Lines without their newline; a missing final newline is no difference.
std::vector<std::string_view> lines_of(std::string_view text);
std::string_view trim(std::string_view text);
// Whole text as a number, else nothing (no blanks, no sign for unsigned).
std::optional<std::uint64_t> parse_u64(std::string_view text, int radix = 10);
std::optional<std::int64_t> parse_i64(std::string_view text);
std::optional<double> parse_double(std::string_view text);
// A line of /proc/meminfo ("SwapFree:  12 kB") in bytes; nothing when there is no such line.
std::optional<std::uint64_t> meminfo_bytes(std::string_view meminfo, std::string_view name);
// Shell pattern of fnmatch(3); several may be joined with commas.
bool glob_match(const std::string& patterns, const std::string& name);
// Upstream order of dotted versions: "6.9" < "6.12" < "6.12.1". Non-digits end a part.
int compare_versions(std::string_view a, std::string_view b);
// At most `count` last lines, for the end of a console.
std::string last_lines(std::string_view text, std::size_t count);
// Shortest text that reads back as the same double; whole numbers without a point.
std::string number_text(double value);
// 1234567 -> "1 234 567": how our reports print counts.
std::string grouped(double value);
// What the file of a setting says: "madvise" for "always [madvise] never", else the text
// without blanks around it.
std::string setting_value(std::string_view text);
// A word as a POSIX shell would need it typed.
std::string shell_quote(const std::string& word);

}  // namespace rmaplab
