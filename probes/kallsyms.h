// SPDX-License-Identifier: GPL-2.0-only
// Names of kernel functions by address, from /proc/kallsyms.
//
// Whom the file shows addresses, and not zeroes: holders of CAP_SYSLOG while
// kernel.kptr_restrict is 0 or 1 (kernel/ksyms_common.c, kallsyms_show_value()).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

// Where the kernel's code begins (_text, else _stext), from the first MiB of the file, which is
// in the order of addresses. Errc::unsupported where it is not to be seen.
Result<std::uint64_t> read_text_address(const std::string& proc_root);

// Pure. Bytes of the kernel's code, out of /proc/iomem ("01000000-020ef947 : Kernel code"), which
// shows addresses to root only. Another build of the kernel seldom has as many.
std::optional<std::uint64_t> kernel_code_bytes(std::string_view iomem);

class Kallsyms
{
 public:
  // Pure. Text of /proc/kallsyms: "ADDRESS TYPE NAME", for a module's symbol also
  // "[MODULE]". Anything else is Errc::parse; text symbols that all stand at 0 are
  // Errc::unsupported.
  static Result<Kallsyms> parse(std::string text);
  // `proc_root` is "/proc" outside tests. Some 0.1 s.
  static Result<Kallsyms> read(const std::string& proc_root);

  // The text symbol at or before `address`, the first of several at one place, which is
  // what the file lists first; nothing below the first symbol. A return address is that
  // of the instruction after the call, which may be in the next function: ask for one less.
  std::optional<std::string_view> function_at(std::uint64_t address) const;
  // Where the code of this function is, its parts that the compiler split off ("NAME.cold")
  // and its variants ("NAME.isra.0") included: from each symbol to the next.
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    bool operator==(const Range&) const = default;
  };
  std::vector<Range> ranges_of(std::string_view function) const;

 private:
  struct Symbol {
    std::uint64_t address = 0;
    std::size_t name_begin = 0;  // in text_, which may move
    std::size_t name_size = 0;
  };
  std::string text_;
  std::vector<Symbol> symbols_;  // by address
};

}  // namespace rmaplab
