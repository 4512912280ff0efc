// SPDX-License-Identifier: GPL-2.0-only
// Where tracefs is, what an event is called there, and an instance of our own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace rmaplab
{

// The folder that holds `events`. Where tracefs is not mounted and we may
// (CAP_SYS_ADMIN), it is mounted at /sys/kernel/tracing in a mount namespace of this
// process's own, so that the machine stays as it was; call before starting threads.
// Errc::unsupported says what is missing: rights, or the kernel's CONFIG_TRACING.
Result<std::string> tracefs_root();

// Number of an event ("lock/contention_begin") for perf_event_attr.config. Errc::unsupported
// when this kernel does not have it.
Result<std::uint64_t> tracepoint_id(const std::string& root, const std::string& event);

// "rmaplab-PID" of this process, and the PID in such a name; nothing in any other name.
std::string trace_instance_name();
std::optional<pid_t> trace_instance_owner(std::string_view name);

// Removes instances of that name whose process has ended, or is this one: a killed process
// cannot remove its own, with its buffer. Those of processes of another PID namespace may
// look so too; the kernel refuses to remove an instance with an open file (EBUSY,
// __remove_instance() in kernel/trace/trace.c), and each of ours keeps its marker open.
// How many are left that should have gone.
std::size_t remove_stale_instances(const std::string& root);

// A trace buffer apart from everybody else's (Documentation/trace/ftrace.rst,
// "Instances"), off and empty at first; removed with its owner. Root.
class TraceInstance
{
 public:
  static Result<TraceInstance> create(const std::string& root, const std::string& name);
  TraceInstance(TraceInstance&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  TraceInstance& operator=(TraceInstance&&) = delete;
  ~TraceInstance();
  const std::string& folder() const { return folder_; }
  // Writes to one of its control files: set("events/kmem/enable", "1").
  Result<> set(const std::string& file, const std::string& value) const;
  // Events that did not fit in the buffer, of all CPUs: overwritten and dropped.
  Result<std::uint64_t> lost() const;

 private:
  explicit TraceInstance(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
};

}  // namespace rmaplab
