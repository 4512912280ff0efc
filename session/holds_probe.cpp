// SPDX-License-Identifier: GPL-2.0-only
// The holds pass: how often an operation takes the rwsems of anon_vma roots, and how long it
// keeps them, from LOCK_STAT.
//
// In the exact lab a nanosecond of the guest's clock is an instruction (-icount shift=0), so
// that a hold is counted, not timed. Elsewhere the counts of other processes are in it.
#include <optional>
#include <string>

#include "probes/lock_stat.h"
#include "session/probes.h"

namespace rmaplab
{

namespace
{

class HoldsProbe : public PassProbe
{
 public:
  explicit HoldsProbe(const PlannedCase& planned)
      : items_(static_cast<double>(planned.workload->items(planned.values)))
  {
  }
  ~HoldsProbe() override
  {
    if (was_on_ && !*was_on_)  // as it was found
      static_cast<void>(stop_lock_stat("/proc"));
  }
  std::vector<std::string_view> metrics() const override
  {
    return {"anon_vma_hold_time", "anon_vma_acquisitions", "anon_vma_hold_each"};
  }
  Result<> arm() override
  {
    if (const Capability can = lock_stat_capability("/proc");
        can.state == Capability::State::not_here)
      return Error{.code = Errc::unsupported, .context = can.reason};
    auto was_on = clear_lock_stat("/proc");
    if (!was_on)
      return was_on.error();
    was_on_ = *was_on;
    return ok();
  }
  void begin() override
  {
    if (auto cleared = clear_lock_stat("/proc"); !cleared)
      error_ = cleared.error();
  }
  void end() override
  {
    // Off first: reading the file takes locks too.
    if (auto stopped = stop_lock_stat("/proc"); !stopped)
      error_ = stopped.error();
    for (const auto& lock_class : kAnonVmaLockClasses) {
      const auto stat = read_lock_stat("/proc", lock_class);
      if (!stat && stat.error().code == Errc::unsupported)
        continue;  // nobody took it in this way
      if (!stat) {
        error_ = stat.error();
        continue;
      }
      hold_ns_ += stat->hold.total_us * 1e3;
      acquisitions_ += static_cast<double>(stat->acquisitions);
    }
    ++operations_;
  }
  Repeats repeats(Repeats given) const override { return given; }
  void report(const Rows& rows) override
  {
    if (error_)
      return skip_all(rows, to_string(*error_));
    if (operations_ == 0)
      return skip_all(rows, "no operation was counted");
    const double each = operations_ * items_;
    rows.value("anon_vma_hold_time", 0, hold_ns_ / each);
    rows.value("anon_vma_acquisitions", 0, acquisitions_ / each);
    if (acquisitions_ > 0)
      rows.value("anon_vma_hold_each", 0, hold_ns_ / acquisitions_);
    else
      rows.no_value("anon_vma_hold_each", 0, SampleStatus::skip, "no anon_vma lock was taken");
  }

 private:
  void skip_all(const Rows& rows, const std::string& reason) const
  {
    for (const auto metric : metrics())
      rows.no_value(metric, 0, SampleStatus::skip, reason);
  }

  double items_;
  double hold_ns_ = 0;
  double acquisitions_ = 0;
  double operations_ = 0;
  std::optional<bool> was_on_;
  std::optional<Error> error_;
};

}  // namespace

std::unique_ptr<PassProbe> make_holds_probe(const PlannedCase& planned)
{
  return std::make_unique<HoldsProbe>(planned);
}

}  // namespace rmaplab
