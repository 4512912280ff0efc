// SPDX-License-Identifier: GPL-2.0-only
#include "probes/kallsyms.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

Result<std::uint64_t> read_text_address(const std::string& proc_root)
{
  constexpr std::streamsize kBegin = 1 << 20;
  std::ifstream file(proc_root + "/kallsyms");
  std::string line;
  for (std::streamsize seen = 0; seen < kBegin && std::getline(file, line);
       seen += static_cast<std::streamsize>(line.size())) {
    const auto words = split_blanks(line);
    if (words.size() != 3 || (words[2] != "_text" && words[2] != "_stext"))
      continue;
    if (const auto address = parse_u64(words[0], 16); address && *address != 0)
      return *address;
  }
  return Error{.code = Errc::unsupported, .context = "kallsyms shows no _text"};
}

std::optional<std::uint64_t> kernel_code_bytes(std::string_view iomem)
{
  for (const auto line : lines_of(iomem)) {
    if (!line.ends_with(" : Kernel code"))
      continue;
    const auto range = split(split_blanks(line)[0], '-');
    const auto begin = parse_u64(range[0], 16);
    const auto last = range.size() > 1 ? parse_u64(range[1], 16) : std::nullopt;
    if (begin && last && *last > *begin)
      return *last - *begin + 1;
  }
  return std::nullopt;
}

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
