// SPDX-License-Identifier: GPL-2.0-only
// Every allocation and freeing of a VMA, anon_vma or AVC by one process tree, exit
// included, with the kernel function that did it.
//
// From kmem:kmem_cache_alloc and kmem_cache_free in a tracefs instance that follows
// forks (set_event_pid with options/event-fork). perf's per-task events would miss the
// teardown: perf_event_exit_task() runs before exit_mm() (kernel/exit.c). The alloc
// event has no cache name on 6.12; there the object size, the calling function and the
// name under which the same pointer is freed tell the cache. Exact as long as nothing
// is lost, which is counted. Costs about a microsecond an event while armed: a pass of
// its own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "probes/capability.h"
#include "probes/tracefs.h"

namespace rmaplab
{

// One cache of the anonymous rmap, as this kernel lays it out.
struct RmapCache {
  std::string name;               // "anon_vma_chain"
  std::uint64_t object_size = 0;  // bytes asked of the cache; 0: not known
  // Names an event may give for it: its own, and with merged caches those of the others.
  std::vector<std::string> event_names;
  bool merged() const { return event_names.size() > 1; }
};

// `sys_root` is "/sys" outside tests. Any user.
std::vector<RmapCache> read_rmap_caches(const std::string& sys_root);

struct ObjectCount {
  std::uint64_t allocated = 0;
  std::uint64_t freed = 0;
  bool operator==(const ObjectCount&) const = default;
};

// By cache, then by function ("anon_vma_fork").
using ObjectTable = std::map<std::string, std::map<std::string, ObjectCount>>;

ObjectCount total(const ObjectTable& table, const std::string& cache);

struct ObjectTrace {
  ObjectTable operation;  // between the last begin and the end after it
  // From the start of the trace to the first observation; nothing without one.
  std::optional<ObjectTable> until_observed;
  // 6.12 frees VMAs from RCU callbacks, in whatever task those run (vm_area_free_rcu_cb()):
  // such frees are not this process tree's and are left out.
  bool vmas_freed_by_rcu = false;
  // gfp flags with which anon_vma_clone() allocates AVCs, as the event prints them:
  // GFP_NOWAIT under the lock, or GFP_KERNEL before it is taken. "" when it did not.
  std::string clone_gfp;
};

// Pure. Text of an instance's `trace` file. A line of ours that does not parse is
// Errc::parse with its number.
Result<ObjectTrace> parse_object_trace(std::string_view text, const std::vector<RmapCache>& caches);

class ObjectEvents
{
 public:
  // Arms for the calling process and what it will fork, pinned to the CPU it is on so
  // that one buffer of `buffer_kib` holds all events in their order; it stays pinned, and
  // what it forks and executes afterwards as well. Root. Errc::unsupported: no tracefs, no
  // such events.
  static Result<ObjectEvents> arm(std::size_t buffer_kib);
  // Marks in the trace.
  void begin() const { mark("begin"); }
  void end() const { mark("end"); }
  void observe() const { mark("observe"); }
  // Ends the trace and reads it. Errc::unsupported when events were lost.
  Result<ObjectTrace> read();
  // After read(): a new trace, from nothing.
  Result<> restart();

 private:
  ObjectEvents(TraceInstance instance, std::vector<RmapCache> caches, int marker);
  void mark(std::string_view what) const;
  TraceInstance instance_;
  std::vector<RmapCache> caches_;
  UniqueFd marker_;
};

// After a process that had armed was killed: its instance and buffer. Waits up to a second
// for the processes it forked to let go of them.
void remove_stale_object_traces();

// Tries to arm and to see an allocation of this process.
Capability object_events_capability();

}  // namespace rmaplab
