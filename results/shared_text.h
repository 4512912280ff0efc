// SPDX-License-Identifier: GPL-2.0-only
// A text that many rows have, held once: a row of a run says "fork_flat" and "instructions/op" in
// 4 bytes each.
#pragma once

#include <fmt/format.h>

#include <bit>
#include <compare>
#include <concepts>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace rmaplab
{

// Made of any text and read as a std::string. A text that was held once is held until the process
// ends: what a run's rows can say is little and repeats. One thread at a time.
class SharedText
{
 public:
  SharedText() = default;  // ""
  SharedText(std::string_view text) : number_(number_of(text)) {}
  SharedText(const std::string& text) : SharedText(std::string_view(text)) {}
  SharedText(const char* text) : SharedText(std::string_view(text)) {}

  const std::string& str() const;
  operator const std::string&() const { return str(); }
  operator std::string_view() const { return str(); }
  bool empty() const { return number_ == 0; }

  // The same text: the same number.
  bool operator==(const SharedText&) const = default;
  std::strong_ordering operator<=>(const SharedText& other) const
  {
    return number_ == other.number_ ? std::strong_ordering::equal : str() <=> other.str();
  }
  template <typename Text>
  requires(std::convertible_to<Text, std::string_view> && !std::same_as<Text, SharedText>) bool
  operator==(const Text& text) const
  {
    return std::string_view(str()) == std::string_view(text);
  }

 private:
  friend struct std::hash<SharedText>;
  static std::uint32_t number_of(std::string_view text);
  std::uint32_t number_ = 0;
};

inline std::ostream& operator<<(std::ostream& out, const SharedText& text)
{
  return out << text.str();
}

}  // namespace rmaplab

template <>
struct std::hash<rmaplab::SharedText> {
  std::size_t operator()(const rmaplab::SharedText& text) const noexcept { return text.number_; }
};

template <>
struct fmt::formatter<rmaplab::SharedText> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const rmaplab::SharedText& text, Context& context) const
  {
    return fmt::formatter<std::string_view>::format(text.str(), context);
  }
};

namespace rmaplab
{

// Of several numbers or texts in their order.
template <typename... Parts>
std::size_t hash_of(const Parts&... parts) noexcept
{
  std::size_t sum = 0;
  // 2^64 by the golden ratio: small numbers go to all bits, whose lower half alone is not enough.
  ((sum = (std::rotl(sum, 32) ^ std::hash<Parts>()(parts)) * 0x9e3779b97f4a7c15U), ...);
  return sum ^ (sum >> 32);
}

}  // namespace rmaplab
