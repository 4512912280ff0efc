// SPDX-License-Identifier: GPL-2.0-only
#include "base/text.h"

#include <fnmatch.h>

#include <charconv>
#include <cmath>

namespace rmaplab
{

std::vector<std::string_view> split(std::string_view text, char separator)
{
  std::vector<std::string_view> pieces;
  for (;;) {
    const auto at = text.find(separator);
    pieces.push_back(text.substr(0, at));
    if (at == std::string_view::npos)
      return pieces;
    text.remove_prefix(at + 1);
  }
}

std::vector<std::string_view> split_blanks(std::string_view text)
{
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos)
      return words;
    text.remove_prefix(begin);
    const auto end = text.find_first_of(" \t");
    words.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  }
}

std::vector<std::string_view> lines_of(std::string_view text)
{
  if (text.empty())
    return {};
  if (text.back() == '\n')
    text.remove_suffix(1);
  return split(text, '\n');
}

std::string_view trim(std::string_view text)
{
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

namespace
{
template <typename T, typename... More>
std::optional<T> parse_whole(std::string_view text, More... more)
{
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, more...);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}
}  // namespace

std::optional<std::uint64_t> parse_u64(std::string_view text, int radix)
{
  return parse_whole<std::uint64_t>(text, radix);
}

std::optional<std::int64_t> parse_i64(std::string_view text)
{
  return parse_whole<std::int64_t>(text);
}

std::optional<double> parse_double(std::string_view text)
{
  return parse_whole<double>(text);
}

std::optional<std::uint64_t> meminfo_bytes(std::string_view meminfo, std::string_view name)
{
  for (const auto line : lines_of(meminfo)) {
    const auto words = split_blanks(line);
    if (words.size() == 3 && words[0] == std::string(name) + ":" && words[2] == "kB")
      if (const auto kib = parse_u64(words[1]))
        return *kib << 10;
  }
  return std::nullopt;
}

bool glob_match(const std::string& patterns, const std::string& name)
{
  for (const auto pattern : split(patterns, ','))
    if (::fnmatch(std::string(pattern).c_str(), name.c_str(), 0) == 0)
      return true;
  return false;
}

int compare_versions(std::string_view a, std::string_view b)
{
  auto next_part = [](std::string_view& text) -> long {
    long part = 0;
    std::size_t used = 0;
    while (used < text.size() && text[used] >= '0' && text[used] <= '9')
      part = part * 10 + (text[used++] - '0');
    const bool more = used > 0 && used < text.size() && text[used] == '.';
    text.remove_prefix(more ? used + 1 : text.size());
    return used > 0 ? part : -1;
  };
  while (!a.empty() || !b.empty()) {
    const long left = next_part(a);
    const long right = next_part(b);
    if (left != right)
      return left < right ? -1 : 1;
  }
  return 0;
}

std::string last_lines(std::string_view text, std::size_t count)
{
  const auto lines = lines_of(text);
  std::string tail;
  for (std::size_t i = lines.size() > count ? lines.size() - count : 0; i < lines.size(); ++i) {
    tail += lines[i];
    tail += '\n';
  }
  return tail;
}

std::string number_text(double value)
{
  char buffer[64];
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  if (value == std::floor(value) && std::abs(value) < kExactIntegers) {
    const auto [end, error] =
        std::to_chars(buffer, buffer + sizeof buffer, static_cast<std::int64_t>(value));
    return error == std::errc{} ? std::string(buffer, end) : std::string();
  }
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return error == std::errc{} ? std::string(buffer, end) : std::string();
}

std::string grouped(double value)
{
  const double whole = std::round(value);
  std::string digits = number_text(std::abs(whole));
  if (digits.find('e') != std::string::npos)  // beyond 2^53
    return number_text(value);
  for (auto at = digits.size(); at > 3; at -= 3)
    digits.insert(at - 3, 1, ' ');
  if (whole < 0)
    digits.insert(0, 1, '-');
  return digits;
}

std::string setting_value(std::string_view text)
{
  const auto open = text.find('[');
  const auto close = text.find(']');
  if (open != std::string_view::npos && close != std::string_view::npos && open < close)
    return std::string(text.substr(open + 1, close - open - 1));
  return std::string(trim(text));
}

std::string shell_quote(const std::string& word)
{
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos)
    return word;
  std::string quoted = "'";
  for (const char c : word)
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace rmaplab
