// SPDX-License-Identifier: GPL-2.0-only
// The forest pass: the anon_vma forest of a workload held still, as rmaplab-probe reads it.
#include <fmt/format.h>

#include <algorithm>

#include "session/probe_client.h"
#include "session/probes.h"

namespace rmaplab
{

namespace
{

class ForestProbe : public PassProbe
{
 public:
  explicit ForestProbe(const Plan& plan) : client_(plan.probe_fd) {}
  // What says why there is no forest.
  std::vector<std::string_view> metrics() const override { return {"forest_avcs"}; }
  Result<> arm() override { return ok(); }
  bool observes() const override { return true; }
  void observe(std::span<const pid_t> processes) override
  {
    // Workloads give them as they came to rest, which is chance; two forests are compared
    // process by process, so: in order of birth (but for a wrap of the pids).
    std::vector<pid_t> born(processes.begin(), processes.end());
    std::sort(born.begin(), born.end());
    std::string question = "forest-json";
    for (const pid_t pid : born)
      question += fmt::format(" {}", pid);
    forest_ = client_.ask(question);
  }
  void report(const Rows& rows) override
  {
    if (!forest_)
      return rows.no_value("forest_avcs", 0, SampleStatus::skip, to_string(forest_.error()));
    std::string json;
    for (const std::string& row : forest_->rows)
      json += row + '\n';
    rows.text(json);
  }

 private:
  ProbeClient client_;
  Result<ProbeAnswer> forest_ =
      Error{.code = Errc::unsupported, .context = "this workload holds no state still"};
};

}  // namespace

std::unique_ptr<PassProbe> make_forest_probe(const Plan& plan)
{
  return std::make_unique<ForestProbe>(plan);
}

}  // namespace rmaplab
