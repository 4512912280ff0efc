// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>

namespace rmaplab
{

// For a terminal, an XML file or a mail, whatever a run's or a guest's text holds: control
// characters but newline and tab, bytes that are not UTF-8 and what XML 1.0 has no place for
// (U+FFFE, U+FFFF, surrogates) become '?'.
std::string printable(std::string_view text);

}  // namespace rmaplab
