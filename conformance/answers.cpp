// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/answers.h"

#include <cerrno>

#include "conformance/calls.h"
#include "conformance/check.h"
#include "conformance/kin.h"
#include "conformance/vma_oracle.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kPages = 32;

// Half-way up the arena; 64 KiB pages make it 1 Mi pages long.
char* scratch(std::size_t page)
{
  return reinterpret_cast<char*>(kArenaBegin + (kArenaEnd - kArenaBegin) / 2) + page * page_size();
}

std::size_t vmas_in(std::size_t begin, std::size_t end)
{
  return must(vmas_of_self({.begin = reinterpret_cast<std::uint64_t>(scratch(begin)),
                            .end = reinterpret_cast<std::uint64_t>(scratch(end))}))
      .size();
}

bool ask_relocate_anon()
{
  map(scratch(0), 1);
  touch(scratch(0), 1);
  const int error = try_move(scratch(0), 1, scratch(2), kRelocateAnon);
  unmap(scratch(0), kPages);
  return error != EINVAL;
}

bool ask_merges_into_unfaulted()
{
  map(scratch(0), 4);
  protect(scratch(0), 2, PROT_READ);
  touch(scratch(2), 2);
  protect(scratch(2), 2, PROT_READ);
  const std::size_t vmas = vmas_in(0, 4);
  unmap(scratch(0), kPages);
  return vmas == 1;
}

bool ask_moves_of_fork_children()
{
  map(scratch(2), 2);
  touch(scratch(2), 2);
  bool merged = false;
  const auto refused = in_child([] {
    move(scratch(2), 2, scratch(16));
    map(scratch(0), 2);
    move(scratch(16), 2, scratch(2));
    if (vmas_in(0, 4) == 1)
      not_ok("merged");
  });
  merged = !refused;
  unmap(scratch(0), kPages);
  return merged;
}

}  // namespace

bool has_relocate_anon()
{
  static const bool answer = ask_relocate_anon();
  return answer;
}

bool merges_into_unfaulted()
{
  static const bool answer = ask_merges_into_unfaulted();
  return answer;
}

bool moves_of_fork_children_merge()
{
  static const bool answer = ask_moves_of_fork_children();
  return answer;
}

std::string describe_answers()
{
  std::string text;
  const auto asked = outcome_of([&] {
    const auto yes_no = [](bool yes) { return yes ? "yes" : "no"; };
    text = fmt::format(
        "mremap knows MREMAP_RELOCATE_ANON: {}\n"
        "a faulted VMA merges into an unfaulted one (879bca0a2c4f): {}\n"
        "so does a fork child's that is moved (before 3b617fd3d317): {}",
        yes_no(has_relocate_anon()), yes_no(merges_into_unfaulted()),
        yes_no(moves_of_fork_children_merge()));
  });
  return asked ? text : to_string(asked.error());
}

}  // namespace rmaplab
