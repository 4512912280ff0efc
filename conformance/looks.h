// SPDX-License-Identifier: GPL-2.0-only
// The oracle of the reverse mapping in checks: after every call that merges, splits, moves,
// forks or unmaps, whoever looks from outside is asked whether each VMA of this process that
// has anonymous pages has an anon_vma, and whether a walk finds the pages. What is found ends
// the check, whatever it is about.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rmaplab
{

// What whoever looks found.
struct LookAnswer {
  std::vector<std::string> faults;
  std::string not_looked;  // "" when anon_vmas were looked at, or pages walked to
  bool anon_vmas = false;  // they were looked at
};
// Of processes at rest, VMAs of the arena.
struct LookQuestion {
  std::vector<pid_t> pids;
  bool walk = true;            // pages may be sent to another node and back
  std::uint64_t disowned = 0;  // a wrong claim: the VMA that begins there has no anon_vma
};
using Looker = std::function<Result<LookAnswer>(const LookQuestion&)>;

// Of all checks of a run, in memory that they share.
struct LookCounts {
  std::atomic<pid_t> asking;  // one process at a time asks
  std::atomic<std::uint64_t> looked;
  std::atomic<std::uint64_t> passed_over;  // calls after which nobody looked: see look_after()
  std::atomic<std::uint64_t> not_looked;   // asked, and nothing could be seen
  char reason[256];                        // of the first such
};

// The memory, as a descriptor that a check inherits.
class SharedLookCounts
{
 public:
  static Result<SharedLookCounts> create();
  static Result<SharedLookCounts> of(int fd);
  SharedLookCounts(SharedLookCounts&& other) noexcept;
  SharedLookCounts& operator=(SharedLookCounts&&) = delete;
  ~SharedLookCounts();
  int fd() const { return fd_.get(); }
  LookCounts& counts() const { return *counts_; }

 private:
  SharedLookCounts(UniqueFd fd, LookCounts* counts) : fd_(std::move(fd)), counts_(counts) {}
  UniqueFd fd_;
  LookCounts* counts_;
};

// "# the reverse mapping ..." for the end of a run; pure.
std::string describe_looks(std::uint64_t looked, std::uint64_t passed_over,
                           std::uint64_t not_looked, std::string_view reason);

// In the process of a check, before it runs; forked children inherit it. Neither may be gone
// before the process.
void begin_looks(Looker looker, LookCounts& counts);

// After a call in this process. Passed over, and counted so: where other threads run, for the
// state is not at rest; under NoLooks; and of very many calls all but some (worth_a_look()).
void look_after(std::string_view call);
// The same, never one of very many, and with walks: at the end of what a process does.
void look_now(std::string_view when);
// What whoever looks says of this process, told that the VMA that begins at `disowned` has no
// anon_vma (null: not told anything). Errc::unsupported where nobody looks.
Result<LookAnswer> ask_for_a_look(const char* disowned);

// Of the calls of one process, numbered from 1: the first ones, then ever fewer. Pure.
bool worth_a_look(std::uint64_t call);

// In a forked child whose parent waits for it: from here on the two are looked at together,
// each VMA of the child beside the one it was copied from.
void look_at_parent_too();

// No looks in this process meanwhile: allocations are made to fail, a race is on, or somebody
// holds a reference to a page.
class NoLooks
{
 public:
  NoLooks();
  NoLooks(const NoLooks&) = delete;
  NoLooks& operator=(const NoLooks&) = delete;
  ~NoLooks();
};
// Pages of this process are pinned from here on, and stay when they are sent.
void no_more_walks();

}  // namespace rmaplab
