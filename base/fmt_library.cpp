// SPDX-License-Identifier: GPL-2.0-only
// fmt, compiled once. Debian ships it as headers and as a shared library; a shared one would be
// mapped in every process that is measured, and as headers alone it costs each of our files
// four seconds of compiling. cmake/Fmt.cmake falls back to that where this does not link.
#include <fmt/format-inl.h>

// What fmt/format.h declares as instantiated elsewhere (fmt 9 and 10).
FMT_BEGIN_NAMESPACE
namespace detail
{
template FMT_API auto thousands_sep_impl<char>(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
}  // namespace detail
FMT_END_NAMESPACE
