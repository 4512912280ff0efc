// SPDX-License-Identifier: GPL-2.0-only
#include "cli/stored_runs.h"

#include <fmt/format.h>

#include <algorithm>

namespace rmaplab
{

Result<StoredRuns> measure_and_store(const std::vector<Kernel>& kernels,
                                     const std::vector<std::string>& ids,
                                     const std::filesystem::path& folder, const LabRunOptions& opt,
                                     Screen& screen)
{
  const std::string stamp = time_stamp();
  std::vector<RunWriter> writers;
  for (const auto& id : ids) {
    auto writer = RunWriter::create(folder / id, screen.notify());
    if (!writer)
      return writer.error();
    writers.push_back(*std::move(writer));
  }
  auto measured = run_plan_in_lab(kernels, opt, screen, writers);
  if (!measured)
    return measured.error();

  StoredRuns stored;
  Result<> storing = ok();
  bool interrupted = false;
  std::vector<std::filesystem::path> kept;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    KernelRun& one = (*measured)[i];
    interrupted = interrupted || one.interrupted;
    const bool came_to_nothing = one.interrupted && one.samples.empty() && one.failures.empty();
    if (const int told = tell_failures(one, ids[i], screen); told != kDone)
      stored.status = told;
    stored.runs.push_back(as_run(one, kernels[i], ids[i]));
    stored.runs.back().manifest["start"] = stamp;
    if (came_to_nothing) {
      writers[i].discard();
      continue;
    }
    kept.push_back(writers[i].partial());
    if (auto put = writers[i].store(stored.runs.back()); !put)
      storing = put;  // what was measured is still compared and printed
    if (workload_failed(stored.runs.back()))
      stored.status = kCheckFailed;
  }
  if (interrupted)
    return Error{.code = Errc::interrupted, .context = interrupted_text(kept)};
  for (std::size_t i = 0; i < writers.size(); ++i)
    if (storing && !stored.runs[i].samples.empty())
      if (auto finished = writers[i].finish(); !finished)
        storing = finished.error();
  stored.on_disk = static_cast<bool>(storing);
  if (!storing)
    stored.status = complain(storing.error());
  return stored;
}

namespace
{

// Facts of the machine that a side lacks because its boots died before they said them: a failure
// to tell, no reason to compare nothing.
bool is_excused(const ManifestDifference& difference, const Comparison& comparison)
{
  const auto died = [](const std::vector<Gap>& gaps) {
    return std::any_of(gaps.begin(), gaps.end(), [](const Gap& gap) { return gap.failed; });
  };
  return (difference.base.empty() && died(comparison.base_gaps)) ||
         (difference.head.empty() && died(comparison.head_gaps));
}

}  // namespace

Result<> check_comparable(const Comparison& comparison)
{
  constexpr std::string_view kWorkload = "workload.";
  std::vector<std::string> keys;
  std::vector<std::string> alone[2];  // workloads of the base, of the head
  for (const auto& difference : comparison.incomparable) {
    if (is_excused(difference, comparison))
      continue;
    if (difference.key.starts_with(kWorkload) &&
        (difference.base.empty() || difference.head.empty()))
      alone[difference.base.empty() ? 1 : 0].push_back(difference.key.substr(kWorkload.size()));
    else
      keys.push_back(
          fmt::format("{} ({} against {})", difference.key, difference.base, difference.head));
  }
  // What ran before moves a figure by up to some tenths of a percent.
  for (std::size_t i = 0; i < 2; ++i)
    if (!alone[i].empty())
      keys.push_back(
          fmt::format("the workloads, of which the {} alone has {} (measure both with "
                      "the same -w)",
                      i == 0 ? "base" : "head", fmt::join(alone[i], ", ")));
  if (keys.empty())
    return ok();
  return Error{
      .code = Errc::usage,
      .context = fmt::format("runs cannot be compared, they differ in {}; --force compares "
                             "them all the same",
                             fmt::join(keys, ", "))};
}

}  // namespace rmaplab
