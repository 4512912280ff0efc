// SPDX-License-Identifier: GPL-2.0-only
// A kernel's functions by address, as the plugin that counts by function takes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rmaplab
{

struct SymbolTable {
  // Lines "ADDRESS NAME", hexadecimal, by address, one name an address; "-" where the function
  // before ends and none begins.
  std::string text;
  std::uint64_t text_address = 0;  // of _text, else of _stext: where the kernel's code begins
  std::uint64_t text_bytes = 0;    // from there to _etext; 0 without one
};

// Pure. `symbols` is a System.map or what /proc/kallsyms says: "ADDRESS TYPE NAME". Functions
// are those in sections of code (t, T, w, W); what a module has ("[name]") is left out, since
// it is elsewhere in every boot. Of several names at one address a global one is taken before a
// local one, the bounds of a section (__irqentry_text_start) last of all, then the shortest,
// then the first of the alphabet. Errc::parse names the text and the line.
Result<SymbolTable> symbol_table(const std::string& name, std::string_view symbols);

}  // namespace rmaplab
