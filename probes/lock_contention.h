// SPDX-License-Identifier: GPL-2.0-only
// Who waited for which lock, how long: lock:contention_begin and lock:contention_end
// (include/trace/events/lock.h, Linux 5.19 on) of all CPUs, with kernel call chains.
//
// An rwsem's events fire only when the waiter goes to sleep: a writer that spins until
// the owner is done (kernel/locking/rwsem.c, rwsem_optimistic_spin()) leaves none. No
// event is therefore not no contention: compare throughput with a control as well.
// Spinning on mutexes and spinlocks does show. Tracing delays sleepers and changes
// contention either way: never in a timed pass.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "probes/capability.h"

namespace rmaplab
{

enum class LockKind { read, write, spin, mutex, other };  // read, write: of an rwsem
std::string_view to_string(LockKind kind);

// The events give a lock's address and no name. A function that takes one sort of rwsem
// only tells the class and teaches the address; the address then tells it where the
// function takes several (vma_prepare() and vma_complete() take a file's i_mmap_rwsem
// as well as the anon_vma root's, dup_mmap() i_mmap_rwsem and mmap_lock). So:
//   anon_vma    rwsem of an anon_vma root, with its inner wait_lock
//   i_mmap      i_mmap_rwsem of a file, the same
//   mmap_lock   likewise
//   page_table  spinlocks taken by functions that lock page tables
//   other       every other lock, and rwsems that nothing told the class of
// An address that was taught two classes (memory used anew) tells nothing.
enum class LockClass { anon_vma, i_mmap, mmap_lock, page_table, other };
std::string_view to_string(LockClass lock_class);

struct ContentionEvent {
  enum class Type { begin, end };
  Type type = Type::begin;
  std::uint64_t time_ns = 0;
  std::uint64_t lock = 0;  // address
  std::uint32_t tid = 0;   // 0 is the idle task of each CPU
  std::uint32_t cpu = 0;
  std::uint32_t flags = 0;  // LCB_F_*; of a begin
  std::uint32_t chain = 0;  // number of the call chain; of a begin
};
LockKind kind_of_flags(std::uint32_t flags);

struct LockWait {
  std::uint64_t lock = 0;
  std::uint64_t ns = 0;
  std::uint32_t chain = 0;
  LockKind kind = LockKind::other;
};

// begins = waits + continued + unmatched_begins; ends = waits + unmatched_ends.
struct PairCounts {
  std::uint64_t begins = 0;
  std::uint64_t ends = 0;
  std::uint64_t continued = 0;  // mutex waiters that went from spinning to sleep and back
  std::uint64_t unmatched_begins = 0;
  std::uint64_t unmatched_ends = 0;
  bool operator==(const PairCounts&) const = default;
};

// Pure. Takes events in the order of time and makes waits of them. A task may wait
// for a spinlock while it waits for an rwsem: both are waits, one inside the other.
class WaitPairer
{
 public:
  void add(const ContentionEvent& event);
  const std::vector<LockWait>& waits() const { return waits_; }  // 24 bytes a wait
  // As of now: waits still going on are unmatched.
  PairCounts counts() const;

 private:
  struct Open {
    std::uint64_t lock = 0;
    std::uint64_t since_ns = 0;
    std::uint32_t chain = 0;
    LockKind kind = LockKind::other;
  };
  std::map<std::uint64_t, std::vector<Open>> open_;  // by task
  std::vector<LockWait> waits_;
  PairCounts counts_;
};

using CallChain = std::vector<std::string>;  // function names, innermost first

// The lock's own functions left out, at most three that called them:
// "anon_vma_clone < anon_vma_fork < dup_mmap".
std::string caller_text(const CallChain& chain);

struct ContentionRow {
  LockKind kind = LockKind::other;
  LockClass lock_class = LockClass::other;
  std::string caller;
  std::uint64_t waits = 0;
  std::uint64_t total_ns = 0;
  std::uint64_t p99_ns = 0;  // nearest rank
  std::uint64_t max_ns = 0;
  // [i]: waits of at least 2^(i-1) and less than 2^i ns; [0]: of 0.
  std::array<std::uint64_t, 65> histogram = {};
};

struct ContentionReport {
  std::vector<ContentionRow> rows;  // longest total first
  PairCounts counts;
  std::uint64_t lost = 0;  // records the rings had no room for
  double seconds = 0;      // traced
};

// Pure. `chains[i]` is chain number i of the waits.
std::vector<ContentionRow> contention_rows(std::span<const LockWait> waits,
                                           std::span<const CallChain> chains);

// System-wide, a ring of 8 MiB a CPU. Root, or CAP_PERFMON with a readable tracefs;
// PERF_FORMAT_LOST, so Linux 6.0 on.
class ContentionTrace
{
 public:
  // Everything that can be missing is missed here, as Errc::unsupported.
  static Result<ContentionTrace> open();
  ContentionTrace(ContentionTrace&&) noexcept;
  ContentionTrace& operator=(ContentionTrace&&) = delete;
  ~ContentionTrace();

  Result<> start();
  // Call in a loop while the load runs in other processes: waits at most `timeout_ms`
  // for a ring to fill to a thirty-second, then empties all.
  // What it costs: docs/probe-costs.md.
  Result<> pump(int timeout_ms);
  // Ends tracing and empties the rings.
  Result<> stop();
  // After stop().
  ContentionReport report() const;

 private:
  struct State;
  explicit ContentionTrace(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Tries to open a trace.
Capability contention_capability();

}  // namespace rmaplab
