// SPDX-License-Identifier: GPL-2.0-only
// What the plugin of the exact lab counted in one boot (lab/function_plugin.c): text, a line a
// window, repetition and function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

// Instructions that belong to no function of the kernel.
inline constexpr const char* kUserCode = "[user]";
inline constexpr const char* kUnknownCode = "[unknown]";  // modules, BPF programs

// Of all operations of a repetition together.
struct FunctionCount {
  std::size_t window = 0;  // number of the case in its plan, from 0
  int repetition = 0;
  std::uint64_t operations = 0;
  std::string function;
  std::uint64_t calls = 0;  // executions of its first instruction
  std::uint64_t instructions = 0;
  bool operator==(const FunctionCount&) const = default;
};

// Pure. A last line without its newline, of a guest that was killed, is left out. `name` is
// what an error calls the text.
Result<std::vector<FunctionCount>> parse_function_counts(const std::string& name,
                                                         std::string_view text);

}  // namespace rmaplab
