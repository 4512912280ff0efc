// SPDX-License-Identifier: GPL-2.0-only
// A check: one named claim about how a kernel behaves, and the words checks are written in.
//
// A check runs in a process of its own (run.h). It is a straight line: each helper below
// that finds something else than it expects throws, and run_check() makes that a Result;
// no exception leaves this folder.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "workloads/arena.h"

namespace rmaplab
{

// What a check is given.
struct Bench {
  const Arena& arena;
  std::uint64_t seed = 1;  // of permutations
  static constexpr std::uint64_t kMoves = 300;
  std::uint64_t moves = kMoves;  // that a race makes
  char* at(std::size_t page) const { return arena.at(page); }
};

struct Check {
  std::string name;     // family/rule[/where]: stable, people name it in reports
  std::string summary;  // one line
  std::string source;   // where the rule is from: a function, a commit, a manual page
  std::function<void(const Bench&)> run;
  bool hidden = false;  // not listed, matches no pattern: only its very name selects it
};

// All of them in the order they run in; pure.
const std::vector<Check>& all_checks();
// Those of a glob, not the hidden ones, or the one of that name. Errc::usage when none is.
Result<std::vector<const Check*>> select_checks(const std::string& glob);

// Of a kernel without and with MREMAP_RELOCATE_ANON.
template <typename T>
struct Expect {
  T absent;
  T present;
};

// Ends the check that is running: Errc::unsupported is a skip, anything else not ok.
struct Verdict {
  Error error;
};
// A line that is told with the check's outcome, whatever it is.
void note(std::string text);
[[noreturn]] void skip(std::string reason);
[[noreturn]] void not_ok(std::string what);

template <typename T>
T must(Result<T> result)
{
  if (!result)
    throw Verdict{result.error()};
  return *std::move(result);
}

template <typename T>
void expect_equal(std::string_view what, const T& expected, const T& found)
{
  if (!(expected == found))
    not_ok(fmt::format("{}: expected {}, found {}", what, expected, found));
}

std::string errno_text(int number);  // "EINVAL"; "success" for 0
// `found` is 0 or the errno of a call.
void expect_errno(std::string_view call, int expected, int found);

// Pages of the arena, counted from its at(0).
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const Span&) const = default;
};
using Layout = std::vector<Span>;
std::string to_string(const Layout& layout);  // "0-2 2-4"; "none"
Layout layout_of(const Bench& bench);         // of the arena's VMAs
// Number and borders of the VMAs in the arena are these.
void expect_layout(const Bench& bench, const Layout& expected, std::string_view when = {});
// One or the other, where the interface leaves the choice; a note says which.
struct LayoutChoice {
  const char* name;
  Layout layout;
};
void expect_either(const Bench& bench, const LayoutChoice& one, const LayoutChoice& other);
// Pages at `at` hold what touch() wrote at `origin`.
void expect_data(const char* at, std::size_t pages, const char* origin);
inline void expect_data(const char* at, std::size_t pages)
{
  expect_data(at, pages, at);
}

}  // namespace rmaplab
