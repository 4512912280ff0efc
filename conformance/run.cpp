// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/run.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/ktap.h"
#include "base/process.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "conformance/answers.h"
#include "conformance/check.h"
#include "conformance/kin.h"
#include "conformance/known_faults.h"

namespace rmaplab
{

namespace
{

constexpr const char* kNobodyLooks = "rmaplab-probe is not beside the runner or did not start";

struct Ended {
  Outcome outcome = Outcome::not_ok;
  std::string text;
};

// What the process wrote; it is over, or what is left of it was killed.
std::string read_rest(int fd)
{
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  return text;
}

Ended judge(std::optional<int> status, std::string text, int limit_ms)
{
  if (!status)
    return {Outcome::not_ok, fmt::format("killed: not done within {} s\n", limit_ms / 1000) + text};
  if (!WIFEXITED(*status))
    return {Outcome::not_ok, describe_wait_status(*status) + "\n" + text};
  switch (WEXITSTATUS(*status)) {
    case kCheckOk:
      return {Outcome::ok, std::move(text)};
    case kCheckSkipped:
      return {Outcome::skip, std::move(text)};
    case kCheckNotOk:
      return {Outcome::not_ok, std::move(text)};
    default:
      return {Outcome::not_ok, describe_wait_status(*status) + "\n" + text};
  }
}

// How often the kernel has warned or oopsed since it booted; nothing before Linux 6.1.
std::optional<std::uint64_t> kernel_complaints()
{
  const auto warned = read_file("/sys/kernel/warn_count");
  const auto oopsed = read_file("/sys/kernel/oops_count");
  if (!warned || !oopsed)
    return std::nullopt;
  return parse_u64(trim(*warned)).value_or(0) + parse_u64(trim(*oopsed)).value_or(0);
}

// A race may take as much longer as it makes more moves.
int limit_ms_of(const CheckPlan& plan)
{
  const std::uint64_t times = std::clamp<std::uint64_t>(plan.moves / Bench::kMoves, 1, 360);
  return plan.limit_s * 1000 * static_cast<int>(times);
}

// Nothing when it has not ended by then, or the user interrupted.
std::optional<int> wait_for(Child& child, int limit_ms, const std::function<void()>& running)
{
  constexpr int kStepMs = 1000;
  std::optional<int> status;
  for (int left_ms = limit_ms; left_ms > 0 && !status && !interrupted(); left_ms -= kStepMs) {
    running();
    status = child.wait(std::min(kStepMs, left_ms));
  }
  return status;
}

Result<Ended> run_apart(const Check& check, const CheckPlan& plan, const std::string& program,
                        int counts_fd, const std::function<void()>& running)
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    return os_error("pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  SpawnOptions options{.argv = {program, "check-one", fmt::format("--seed={}", plan.seed),
                                fmt::format("--moves={}", plan.moves)},
                       .stdout_fd = write_end.get(),
                       .own_group = true};
  if (const int probe = plan.probe_fd(); probe >= 0) {
    options.pass_fds = {{probe, kCheckProbeFd}, {counts_fd, kCheckCountsFd}};
    options.argv.push_back(fmt::format("--probe-fd={}", kCheckProbeFd));
    options.argv.push_back(fmt::format("--counts-fd={}", kCheckCountsFd));
  }
  options.argv.push_back(check.name);
  auto child = Child::spawn(options);
  if (!child)
    return child.error();
  write_end.reset();
  const int limit_ms = limit_ms_of(plan);
  const auto status = wait_for(*child, limit_ms, running);
  child->kill_and_reap();  // its descendants too, which hold the pipe
  return judge(status, read_rest(read_end.get()), limit_ms);
}

}  // namespace

Result<CheckTotals> run_checks(const CheckPlan& plan, const std::string& program,
                               const std::function<void(const std::string&)>& write,
                               const CheckProgress& running)
{
  auto checks = select_checks(plan.glob);
  if (!checks)
    return checks.error();
  write(ktap_header(checks->size()));
  write(ktap_diagnostic(fmt::format("seed {}\n{}", plan.seed, describe_answers())));
  const auto looks = SharedLookCounts::create();
  if (!looks)
    return looks.error();
  CheckTotals totals;
  std::size_t number = 0;
  for (const Check* check : *checks) {
    const auto before = kernel_complaints();
    auto ended = run_apart(*check, plan, program, looks->fd(),
                           [&] { running(number, checks->size(), check->name); });
    if (interrupted())
      return Error{.code = Errc::interrupted, .context = "interrupted"};
    if (!ended)
      return ended.error();
    // Whatever the check found: a VM_WARN_ON() that fired is a kernel that is wrong.
    if (kernel_complaints() != before)
      *ended = {Outcome::not_ok, "the kernel warned meanwhile: see dmesg\n" + ended->text};
    if (ended->outcome == Outcome::not_ok)
      if (const KnownFault* known = find_known_fault(check->name, ended->text)) {
        ++totals.known;
        ended->text += describe(*known);
      }
    write(ktap_result(++number, check->name, ended->outcome, ended->text));
    ++(ended->outcome == Outcome::ok       ? totals.ok
       : ended->outcome == Outcome::not_ok ? totals.not_ok
                                           : totals.skipped);
  }
  const LookCounts& counts = looks->counts();
  write(ktap_diagnostic(describe_looks(counts.looked, counts.passed_over, counts.not_looked,
                                       plan.probe_fd() >= 0 ? counts.reason : kNobodyLooks)));
  if (totals.known > 0)
    write(ktap_diagnostic(fmt::format("{} of the not ok are known faults of this kernel{}",
                                      totals.known, plan.known ? ", expected (--known)" : "")));
  write(ktap_diagnostic(
      fmt::format("{} ok, {} not ok, {} skipped", totals.ok, totals.not_ok, totals.skipped)));
  return totals;
}

Result<> run_check(const std::string& name, const CheckPlan& plan)
{
  for (const Check& check : all_checks()) {
    if (check.name != name)
      continue;
    auto arena = Arena::create();
    if (!arena)
      return arena.error();
    std::optional<SharedLookCounts> counts;
    if (plan.counts_fd >= 0) {
      auto shared = SharedLookCounts::of(plan.counts_fd);
      if (!shared)
        return shared.error();
      counts.emplace(*std::move(shared));
      begin_looks(plan.looker, counts->counts());
    }
    return outcome_of([&] {
      check.run({.arena = *arena, .seed = plan.seed, .moves = plan.moves});
      look_now("all that the check did");
    });
  }
  return Error{.code = Errc::usage, .context = "no check " + name};
}

}  // namespace rmaplab
