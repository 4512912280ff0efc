// SPDX-License-Identifier: GPL-2.0-only
// Two processes that send pages of one address space to another NUMA node at the same time:
// walks of the reverse mapping that do not wait for each other, or do.
#pragma once

#include <benchmark/benchmark.h>

#include "workloads/arena.h"
#include "workloads/meter.h"
#include "workloads/numa.h"
#include "workloads/processes.h"

namespace rmaplab
{

class WalkPair
{
 public:
  static Result<WalkPair> create(const TwoNodes& nodes);
  WalkPair(WalkPair&& other) noexcept;
  WalkPair& operator=(WalkPair&&) = delete;
  ~WalkPair();  // the second process is gone

  // Forks the second process, which will send `pages` at `at` of this one and maps none of them
  // itself; both halves are on the home node from here on. CAP_SYS_NICE, see PageMove.
  Result<> begin(const Arena& arena, char* first, char* second, std::size_t pages);
  // All iterations: there and back again, both at once. How often one of the two slept in its
  // walk is the outcome walk_sleeps.
  Result<> run(benchmark::State& state, Meter& meter);
  // False: the second process failed. Does nothing when there is none.
  bool end();

 private:
  struct Shared;
  WalkPair(const TwoNodes& nodes, Meeting meeting, Shared* shared)
      : nodes_(nodes), meeting_(std::move(meeting)), shared_(shared)
  {
  }
  int target(std::uint32_t round) const { return round % 2 ? nodes_.home : nodes_.away; }
  bool walk(PageMove& move, std::uint32_t round);
  [[noreturn]] void follow(const Arena& arena, char* at, std::size_t pages, pid_t whose);
  Result<> iterate(std::uint32_t round, PageMove& move, benchmark::State& state, Meter& meter);

  TwoNodes nodes_;
  Meeting meeting_;
  Shared* shared_;
  char* first_ = nullptr;
  std::size_t pages_ = 0;
  pid_t second_ = 0;
};

}  // namespace rmaplab
