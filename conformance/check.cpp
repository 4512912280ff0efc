// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/check.h"

#include <unistd.h>

#include <csignal>
#include <cstring>

#include "base/text.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/vma_oracle.h"
#include "probes/kernel_log.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

// Wrong on purpose: so tests/host/check.sh sees that a wrong outcome is reported.
void add_hidden_checks(std::vector<Check>& checks)
{
  const struct {
    const char* name;
    void (*run)(const Bench&);
  } rows[] = {{"hidden/wrong", [](const Bench&) { expect_equal("one and one", 3, 1 + 1); }},
              {"hidden/wrong_in_child",
               [](const Bench& b) {
                 must(in_child([&] {
                   map(b.at(0), 2);
                   expect_layout(b, {{0, 1}, {1, 2}});
                 }));
               }},
              {"hidden/crash", [](const Bench&) { ::raise(SIGSEGV); }},
              {"hidden/hang", [](const Bench&) { ::pause(); }},
              {"hidden/kernel_log",
               [](const Bench&) { write_kernel_log("BUG: KASAN: of no check's making"); }},
              {"hidden/skip", [](const Bench&) { skip("on purpose"); }}};
  for (const auto& row : rows)
    checks.push_back({.name = row.name,
                      .summary = "not ok on purpose",
                      .source = "tests/host/check.sh",
                      .run = row.run,
                      .hidden = true});
}

std::vector<Check> make_checks()
{
  std::vector<Check> checks;
  add_oracle_checks(checks);
  add_merge_checks(checks);
  add_attribute_checks(checks);
  add_memory_checks(checks);
  add_order_checks(checks);
  add_relocate_checks(checks);
  add_race_checks(checks);
  add_uffd_checks(checks);
  add_pin_checks(checks);
  add_limit_checks(checks);
  add_fork_checks(checks);
  add_fork_state_checks(checks);
  add_enomem_checks(checks);
  add_part_checks(checks);
  add_reach_move_checks(checks);
  add_hidden_checks(checks);
  return checks;
}

}  // namespace

const std::vector<Check>& all_checks()
{
  static const std::vector<Check> checks = make_checks();
  return checks;
}

Result<std::vector<const Check*>> select_checks(const std::string& glob)
{
  std::vector<const Check*> selected;
  for (const Check& check : all_checks())
    if (check.hidden ? check.name == glob : glob_match(glob, check.name))
      selected.push_back(&check);
  if (selected.empty())
    return Error{
        .code = Errc::usage,
        .context = fmt::format("no check matches \"{}\"; see `rmaplab check --list`", glob)};
  return selected;
}

// Written at once: a check's standard output is what the run tells of it, its children's too.
void note(std::string text)
{
  text += '\n';
  static_cast<void>(::write(1, text.data(), text.size()) < 0);
}

void skip(std::string reason)
{
  throw Verdict{{.code = Errc::unsupported, .context = std::move(reason)}};
}

void not_ok(std::string what)
{
  throw Verdict{{.code = Errc::mismatch, .context = std::move(what)}};
}

std::string errno_text(int number)
{
  if (number == 0)
    return "success";
  const char* const name = ::strerrorname_np(number);
  return name ? name : std::to_string(number);
}

void expect_errno(std::string_view call, int expected, int found)
{
  if (expected != found)
    not_ok(fmt::format("{}: expected {}, found {}", call, errno_text(expected), errno_text(found)));
}

std::string to_string(const Layout& layout)
{
  std::string text;
  for (const Span& span : layout)
    text += fmt::format("{}{}-{}", text.empty() ? "" : " ", span.begin, span.end);
  return text.empty() ? "none" : text;
}

Layout layout_of(const Bench& bench)
{
  const auto base = reinterpret_cast<std::uint64_t>(bench.at(0));
  Layout found;
  for (const AddressRange& vma : must(vmas_of_self({.begin = kArenaBegin, .end = kArenaEnd})))
    found.push_back({(vma.begin - base) / page_size(), (vma.end - base) / page_size()});
  return found;
}

void expect_either(const Bench& bench, const LayoutChoice& one, const LayoutChoice& other)
{
  const Layout found = layout_of(bench);
  for (const LayoutChoice* choice : {&one, &other})
    if (found == choice->layout)
      return note(fmt::format("VMAs are {}: {}", to_string(found), choice->name));
  not_ok(fmt::format("VMAs: expected {} ({}) or {} ({}), found {}", to_string(one.layout), one.name,
                     to_string(other.layout), other.name, to_string(found)));
}

void expect_layout(const Bench& bench, const Layout& expected, std::string_view when)
{
  const Layout found = layout_of(bench);
  if (found != expected)
    not_ok(fmt::format("VMAs{}{}: expected {}, found {}", when.empty() ? "" : " ", when,
                       to_string(expected), to_string(found)));
}

void expect_data(const char* at, std::size_t pages, const char* origin)
{
  must(check_pages(at, pages, origin));
}

}  // namespace rmaplab
