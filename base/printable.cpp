// SPDX-License-Identifier: GPL-2.0-only
#include "base/printable.h"

#include <cstdint>

namespace rmaplab
{

namespace
{

struct Scalar {
  std::uint32_t value = 0;
  std::size_t bytes = 0;  // 0: not UTF-8 (RFC 3629)
};

Scalar scalar_at(std::string_view text)
{
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80)
    return {.value = first, .bytes = 1};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes)
    return {};
  std::uint32_t value = first & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80)
      return {};
    value = value << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[bytes] || value > 0x10ffff)
    return {};
  return {.value = value, .bytes = bytes};
}

// Marks that turn the direction of writing or end a line where no newline is: what a reader sees
// would not be what is there (Unicode Standard Annex #9, 2.1 to 2.7; Technical Report #36, 2.11).
bool deceives(std::uint32_t value)
{
  return value == 0x061c || value == 0x200e || value == 0x200f ||
         (value >= 0x2028 && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069) ||
         value == 0xfeff;
}

bool can_be_shown(std::uint32_t value)
{
  const bool control =
      value < 0x20 ? value != '\n' && value != '\t' : value >= 0x7f && value < 0xa0;
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  return !control && !surrogate && !deceives(value) && value != 0xfffe && value != 0xffff;
}

}  // namespace

std::string printable(std::string_view text)
{
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const Scalar scalar = scalar_at(text);
    if (scalar.bytes > 0 && can_be_shown(scalar.value))
      shown += text.substr(0, scalar.bytes);
    else
      shown += '?';
    text.remove_prefix(scalar.bytes > 0 ? scalar.bytes : 1);
  }
  return shown;
}

}  // namespace rmaplab
