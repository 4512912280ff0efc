// SPDX-License-Identifier: GPL-2.0-only
// Processes that share memory and do what they are told, one after the other, while one of
// them, which is number 0, remembers what each must have where. (kin.h runs one act in one
// relative; here all live on and are looked at.)
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "conformance/check.h"
#include "workloads/pattern.h"

namespace rmaplab
{

class Relatives;

// What a relative is to do; plain data, for it goes through a socket. Code is at the same
// address in all of them: none has called execve().
struct Order {
  void (*act)(Relatives&, const Order&) = nullptr;
  std::size_t page = 0;
  std::size_t pages = 0;
  std::size_t to = 0;  // page, or number of a relative
  int flags = 0;
  const char* origin = nullptr;
  Mark mark = {};
};

// Pages count from the arena's begin.
class Relatives
{
 public:
  static constexpr std::size_t kMost = 5;
  using Number = std::size_t;

  struct Content {
    const char* origin = nullptr;  // of touch(); nullptr: zeros
    Mark mark = {};
  };

  Relatives();
  Relatives(const Relatives&) = delete;
  Relatives& operator=(const Relatives&) = delete;
  // Ends and reaps all but number 0, of whose memory nothing is unmapped.
  ~Relatives();

  // One relative's act, for which it knows what it must find later.
  void map(Number who, std::size_t page, std::size_t pages);
  void touch(Number who, std::size_t page, std::uint32_t generation);
  // All of the page: what touch() writes at `origin`, and zeros between.
  void write_like(Number who, std::size_t page, const char* origin);
  void move(Number who, Span from, std::size_t to, int flags = 0);
  void grow(Number who, Span from, std::size_t to, std::size_t pages);
  void protect(Number who, Span span, int prot);
  // `child` is the number of the new one.
  void fork(Number parent, Number child);
  void end(Number who);  // a child of number 0

  // Pages side by side that were written side by side, or hold zeros.
  struct Run {
    std::size_t page = 0;
    std::size_t pages = 0;
    const char* origin = nullptr;
    Mark mark = {};
  };
  std::vector<Run> runs(Number who) const;
  // Every page that `who` has mapped, read by itself.
  void check(Number who, const std::string& when);
  void check_all(const std::string& when);

  // An order that changes no content and no place.
  void ask(Number who, const Order& order);

  std::vector<Number> alive() const;
  pid_t pid(Number who) const { return members_[who].pid; }
  // Pages that hold something, in ascending order.
  std::vector<std::size_t> written(Number who) const;
  static std::string name(Number who);  // "the parent", "relative 2"

  static char* at(std::size_t page);

 private:
  struct Member {
    pid_t pid = -1;
    UniqueFd ours;  // number 0's end of its socket
    UniqueFd theirs;
    UniqueFd life;  // a pidfd: the others hold `theirs` too, whose end says nothing
    std::map<std::size_t, Content> memory;
  };
  pid_t fork_member(Number child);
  [[noreturn]] void serve(Number self);

  std::vector<Member> members_;
};

}  // namespace rmaplab
