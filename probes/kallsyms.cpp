// SPDX-License-Identifier: GPL-2.0-only
#include "probes/kallsyms.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

Result<Kallsyms> Kallsyms::parse(std::string text)
{
  Kallsyms symbols;
  symbols.text_ = std::move(text);
  std::uint64_t highest = 0;
  for (const auto line : lines_of(symbols.text_)) {
    const auto words = split_blanks(line);
    const auto address = words.size() >= 3 ? parse_u64(words[0], 16) : std::nullopt;
    if (!address || words[1].size() != 1)
      return Error{.code = Errc::parse, .context = fmt::format("kallsyms: bad line: {}", line)};
    if (std::string_view("tTwW").find(words[1][0]) == std::string_view::npos)
      continue;
    highest = std::max(highest, *address);
    symbols.symbols_.push_back(
        {.address = *address,
         .name_begin = static_cast<std::size_t>(words[2].data() - symbols.text_.data()),
         .name_size = words[2].size()});
  }
  if (symbols.symbols_.empty())
    return Error{.code = Errc::parse, .context = "kallsyms: no text symbol"};
  if (highest == 0)
    return Error{.code = Errc::unsupported, .context = "kallsyms shows no addresses"};
  std::ranges::stable_sort(symbols.symbols_, {}, &Symbol::address);
  return symbols;
}

Result<Kallsyms> Kallsyms::read(const std::string& proc_root)
{
  auto text = read_file(proc_root + "/kallsyms");
  if (!text) {
    Error error = text.error();
    error.code = Errc::unsupported;  // CONFIG_KALLSYMS, or hidden from a container
    return error;
  }
  return parse(*std::move(text));
}

std::optional<std::string_view> Kallsyms::function_at(std::uint64_t address) const
{
  const auto after = std::ranges::upper_bound(symbols_, address, {}, &Symbol::address);
  if (after == symbols_.begin())
    return std::nullopt;
  const auto first =
      std::ranges::lower_bound(symbols_, std::prev(after)->address, {}, &Symbol::address);
  return std::string_view(text_).substr(first->name_begin, first->name_size);
}

std::vector<Kallsyms::Range> Kallsyms::ranges_of(std::string_view function) const
{
  std::vector<Range> ranges;
  for (auto symbol = symbols_.begin(); symbol != symbols_.end(); ++symbol) {
    const auto name = std::string_view(text_).substr(symbol->name_begin, symbol->name_size);
    if (name.substr(0, function.size()) != function ||
        (name.size() > function.size() && name[function.size()] != '.'))
      continue;
    const auto next =
        std::ranges::upper_bound(symbol, symbols_.end(), symbol->address, {}, &Symbol::address);
    if (next != symbols_.end())
      ranges.push_back({.begin = symbol->address, .end = next->address});
  }
  return ranges;
}

}  // namespace rmaplab
