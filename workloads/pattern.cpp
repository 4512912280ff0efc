// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/pattern.h"

#include <fmt/format.h>

#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

struct Words {
  std::uint64_t address = 0;
  std::uint64_t mark = 0;
  std::uint64_t tail = 0;  // at the page's end
  bool operator==(const Words&) const = default;
};

Words words_of(const char* origin, Mark mark)
{
  const auto address = reinterpret_cast<std::uint64_t>(origin);
  const std::uint64_t both = std::uint64_t{mark.writer} << 32 | mark.generation;
  return {.address = address, .mark = both, .tail = address ^ both};
}

volatile std::uint64_t* word_at(char* page, std::size_t byte)
{
  return reinterpret_cast<volatile std::uint64_t*>(page + byte);
}

Words read_words(const char* page)
{
  auto word = [page](std::size_t byte) {
    return *reinterpret_cast<const volatile std::uint64_t*>(page + byte);
  };
  return {.address = word(0), .mark = word(8), .tail = word(page_size() - 8)};
}

std::string describe(const Words& words)
{
  if (words == Words{})
    return "zeros";
  if (words.tail != (words.address ^ words.mark))
    return fmt::format("no whole page of ours ({:#x} {:#x} ... {:#x})", words.address, words.mark,
                       words.tail);
  return fmt::format("the page of {:#x}, generation {}, writer {}", words.address,
                     words.mark & 0xffffffffu, words.mark >> 32);
}

Result<> check_page(const char* page, std::size_t number, const Words& expected)
{
  if (const Words found = read_words(page); found != expected)
    return Error{.code = Errc::mismatch,
                 .context = fmt::format("page {} at {}: expected {}, found {}", number,
                                        fmt::ptr(page), describe(expected), describe(found))};
  return ok();
}

}  // namespace

void touch(char* address, std::size_t pages, Mark mark)
{
  for (std::size_t i = 0; i < pages; ++i) {
    char* const page = address + i * page_size();
    const Words words = words_of(page, mark);
    *word_at(page, 0) = words.address;
    *word_at(page, 8) = words.mark;
    *word_at(page, page_size() - 8) = words.tail;
  }
}

Result<> check_pages(const char* at, std::size_t pages, const char* origin, Mark mark)
{
  for (std::size_t i = 0; i < pages; ++i)
    if (auto good = check_page(at + i * page_size(), i, words_of(origin + i * page_size(), mark));
        !good)
      return good;
  return ok();
}

Result<> check_zero_pages(const char* at, std::size_t pages)
{
  for (std::size_t i = 0; i < pages; ++i)
    if (auto good = check_page(at + i * page_size(), i, Words{}); !good)
      return good;
  return ok();
}

}  // namespace rmaplab
