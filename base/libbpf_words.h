// SPDX-License-Identifier: GPL-2.0-only
// What libbpf said while it loaded a program: the reason of a refusal is nowhere else. It has
// one printer for the whole process and hands it no context. For those who link libbpf.
#pragma once

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <string>

#include "base/text.h"

namespace rmaplab
{

// All of it since libbpf_listen().
inline std::string& libbpf_text()
{
  static std::string text;
  return text;
}

inline int keep_libbpf_text(enum libbpf_print_level level, const char* format, va_list arguments)
{
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (level != LIBBPF_WARN || length < 0)
    return 0;
  std::string text(static_cast<std::size_t>(length) + 1, '\0');  // a verifier's log is long
  std::vsnprintf(text.data(), text.size(), format, arguments);
  text.pop_back();
  libbpf_text() += text;
  return 0;
}

inline void libbpf_listen()
{
  ::libbpf_set_print(keep_libbpf_text);
  libbpf_text().clear();
}

// The last line but for those with which libbpf and the verifier close.
inline std::string last_libbpf_words()
{
  std::string words;
  for (const auto line : lines_of(libbpf_text()))
    if (!trim(line).empty() && line.find("failed to load") == std::string_view::npos &&
        line.rfind("processed ", 0) != 0 && line.rfind("-- END", 0) != 0)
      words = trim(line);
  return words;
}

}  // namespace rmaplab
