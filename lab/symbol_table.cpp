// SPDX-License-Identifier: GPL-2.0-only
#include "lab/symbol_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "base/text.h"

namespace rmaplab
{

namespace
{

// Below are offsets (of variables of a CPU) and constants.
constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63;

struct Symbol {
  std::uint64_t address = 0;
  int rank = 0;  // of several at one address the least is taken
  std::string_view name;
  auto order() const { return std::tuple(address, rank, name.size(), name); }
};

bool bounds_a_section(std::string_view name)
{
  return name.ends_with("_start") || name.ends_with("_end") || name.ends_with("_begin") ||
         name == "_text" || name == "_stext" || name == "_etext" || name == "_sinittext" ||
         name == "_einittext";
}

int rank_of(char type, std::string_view name)
{
  constexpr int kNoFunction = 4;
  switch (type) {
    case 'T':
      return bounds_a_section(name) ? 3 : 0;
    case 'W':
    case 'w':
      return bounds_a_section(name) ? 3 : 1;
    case 't':
      return bounds_a_section(name) ? 3 : 2;
    default:
      return kNoFunction;
  }
}

}  // namespace

Result<SymbolTable> symbol_table(const std::string& name, std::string_view symbols)
{
  std::vector<Symbol> all;
  SymbolTable table;
  std::uint64_t text_end = 0;
  std::size_t number = 0;
  for (const auto line : lines_of(symbols)) {
    ++number;
    const auto words = split_blanks(line);
    const auto address = words.size() >= 3 ? parse_u64(words[0], 16) : std::nullopt;
    if (!address || words[1].size() != 1)
      return Error{
          .code = Errc::parse,
          .context = fmt::format("{}:{}: expected ADDRESS TYPE NAME: {}", name, number, line)};
    if (words.size() > 3 || *address < kKernelHalf)
      continue;
    if (words[2] == "_text" || (words[2] == "_stext" && table.text_address == 0))
      table.text_address = *address;
    if (words[2] == "_etext")
      text_end = *address;
    all.push_back({.address = *address, .rank = rank_of(words[1][0], words[2]), .name = words[2]});
  }
  if (table.text_address == 0)
    return Error{.code = Errc::parse, .context = name + ": neither _text nor _stext"};
  if (text_end > table.text_address)
    table.text_bytes = text_end - table.text_address;
  std::ranges::sort(all, {}, &Symbol::order);
  std::uint64_t last = 0;
  bool in_function = false;
  for (const Symbol& symbol : all) {
    const bool function = symbol.rank < rank_of('D', "");
    if (symbol.address == last || (!function && !in_function))
      continue;
    last = symbol.address;
    in_function = function;
    table.text += fmt::format("{:x} {}\n", symbol.address, function ? symbol.name : "-");
  }
  return table;
}

}  // namespace rmaplab
