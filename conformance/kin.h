// SPDX-License-Identifier: GPL-2.0-only
// Who acts on memory that was mapped before a fork: what the kernel allows depends on
// whether a VMA's chain of anon_vmas is one long.
#pragma once

#include <functional>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rmaplab
{

enum class Kin {
  alone,
  parent,      // with a child that lives and maps the same
  after_exit,  // a child had been there
  after_exec,  // a child lives, but with a program of its own since
  child,
  grandchild,  // its parent lives
  orphan,      // grandchild, its parent dead
  reuse,       // great-grandchild whose VMAs were given the anon_vmas of a dead ancestor
};
inline constexpr Kin kAllKin[] = {Kin::alone, Kin::parent,     Kin::after_exit, Kin::after_exec,
                                  Kin::child, Kin::grandchild, Kin::orphan,     Kin::reuse};

const char* to_string(Kin kin);
// Its VMAs of before the fork are linked to anon_vmas of ancestors: vma_is_fork_child().
bool is_fork_child(Kin kin);

// Runs `before` here, then `act` in the relative; ends the check as `act` did.
void in_kin(Kin kin, const std::function<void()>& before, const std::function<void()>& act);

// Forks; the child runs `body` and exits. What ended the check there.
Result<> in_child(const std::function<void()>& body);
// The same in a child's child, after the child has ended, which runs `before`.
Result<> in_orphan(
    const std::function<void()>& body, const std::function<void()>& before = [] {});

// A child that lives as long as this does and does nothing.
class LiveChild
{
 public:
  enum class Program { same, other };  // other: it has called execve()
  explicit LiveChild(Program program = Program::same);
  LiveChild(const LiveChild&) = delete;
  LiveChild& operator=(const LiveChild&) = delete;
  ~LiveChild();

 private:
  UniqueFd hold_;  // the child reads the other end until it is closed
  pid_t pid_ = -1;
};

// Runs `body`; what it threw.
Result<> outcome_of(const std::function<void()>& body);

}  // namespace rmaplab
