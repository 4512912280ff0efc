// SPDX-License-Identifier: GPL-2.0-only
// The Kernel Test Anything Protocol, version 1 (Documentation/dev-tools/ktap.rst). Pure.
#pragma once

#include <string>
#include <string_view>

namespace rmaplab
{

enum class Outcome { ok, not_ok, skip };

std::string ktap_header(std::size_t plan);
// "# text", every line of it; "" for an empty text.
std::string ktap_diagnostic(std::string_view text);
// The line of result `number` (from 1). `text` is the reason of a skip, and diagnostics
// before the line otherwise.
std::string ktap_result(std::size_t number, std::string_view name, Outcome outcome,
                        std::string_view text = {});

}  // namespace rmaplab
