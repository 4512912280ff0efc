// SPDX-License-Identifier: GPL-2.0-only
// What a pass arms around a workload: the one interface of all probes.
//
// Arming one must not change what another measures: each pass is a run of its own,
// and a row says which it comes from. What a probe costs stands in its module.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "session/rows.h"

namespace rmaplab
{

class PassProbe
{
 public:
  virtual ~PassProbe() = default;
  // Metrics whose rows it writes; all of them are skips when arm() fails.
  virtual std::vector<std::string_view> metrics() const = 0;
  // Before the workload builds anything.
  virtual Result<> arm() = 0;
  // Around each operation that counts.
  virtual void begin() {}
  virtual void end() {}
  // Whether the workload shall hold its state still for observe().
  virtual bool observes() const { return false; }
  // The processes whose state it is, at rest; ours is the first.
  virtual void observe(std::span<const pid_t>) {}
  // After the loop, when the workload did its work. `run` runs it once more in a child, from
  // fork to reaping: one operation, not observed.
  virtual void run_again(const std::function<Result<>()>& run) { static_cast<void>(run); }
  // After that.
  virtual void report(const Rows& rows) = 0;
  // How often the workload runs; by default one operation.
  virtual Repeats repeats(Repeats) const { return {}; }
};

// Names of the rows a pass gives in any case, the one that a failed case is told by first.
std::vector<std::string> metrics_of(const Plan& plan, Pass pass);

// Every pass but Pass::bare has one.
std::unique_ptr<PassProbe> make_probe(const Plan& plan, const PlannedCase& planned);

}  // namespace rmaplab
