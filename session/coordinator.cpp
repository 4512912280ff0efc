// SPDX-License-Identifier: GPL-2.0-only
#include "session/coordinator.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/marker.h"
#include "base/process.h"
#include "base/ticks.h"
#include "base/unique_fd.h"
#include "probes/kallsyms.h"
#include "probes/kernel_log.h"
#include "probes/machine_facts.h"
#include "probes/object_events.h"
#include "results/gaps.h"
#include "results/metric.h"
#include "results/sample.h"
#include "session/capabilities.h"
#include "session/leftovers.h"
#include "session/oracles.h"
#include "session/pass_probe.h"
#include "session/probe_client.h"
#include "session/probe_server.h"
#include "session/replay_workload.h"
#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

constexpr int kRecordFd = 3;
constexpr int kProbeFd = 4;

MeasuredSample failed_row(const Plan& plan, const PlannedCase& planned, const std::string& reason)
{
  const std::string metric = metrics_of(plan, planned.pass).front();
  return MeasuredSample{.run = {},
                        .boot = 0,
                        .replica = plan.replica,
                        .workload = std::string(planned.workload->name),
                        .workload_version = planned.workload->version,
                        .arguments = arguments_text(*planned.workload, planned.values),
                        .repetition = 0,
                        .metric = metric,
                        .unit = std::string(find_metric(metric)->unit),
                        .value = std::nullopt,
                        .status = SampleStatus::fail,
                        .reason = reason,
                        .pass = std::string(to_string(planned.pass)),
                        .site = {}};
}

// What a case sent, and how it ended; no reason when it ended well.
struct CaseOutcome {
  std::vector<Record> records;
  std::string failure;
  std::vector<std::string> left;  // processes behind it, when it ended well
};

bool readable(const UniqueFd& pipe)
{
  struct pollfd watched = {.fd = pipe.get(), .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, 0) > 0;
}

Result<CaseOutcome> collect(Child& child, UniqueFd pipe, int timeout_s)
{
  CaseOutcome outcome;
  RecordReader reader;
  const std::uint64_t deadline =
      monotonic_ns() + static_cast<std::uint64_t>(timeout_s) * 1'000'000'000u;
  for (;;) {
    if (interrupted())
      return Error{.code = Errc::interrupted, .context = "interrupted"};
    if (monotonic_ns() > deadline) {
      outcome.failure = fmt::format("did not end within {} s and was killed", timeout_s);
      return outcome;
    }
    // A process that it left behind may hold the pipe. Ask before reading: what a case that
    // has ended wrote is then complete.
    if (child.poll() && !readable(pipe))
      break;
    const auto more = reader.read_some(pipe.get(), 1000, outcome.records);
    if (!more)
      return more.error();
    if (!*more)
      break;
  }
  const auto status = child.wait(10'000);
  if (!status)
    outcome.failure = "closed its results and did not end";
  else if (*status != 0)
    outcome.failure = "ended with " + describe_wait_status(*status);
  else if (!reader.ended())
    outcome.failure = "ended without its last record";
  return outcome;
}

bool asks_server(Pass pass)
{
  return pass == Pass::state || pass == Pass::objects || pass == Pass::faults ||
         pass == Pass::contention || pass == Pass::forest;
}

Result<> write_capabilities(ProbeServer& server, RecordWriter& out)
{
  ProbeClient client(server.fd());
  for (const Capability& capability : probe_capabilities(client)) {
    const auto [key, value] = capability_fact(capability);
    if (auto written = out.write("env", fmt::format("{}={}", key, value)); !written)
      return written;
  }
  return ok();
}

Result<CaseOutcome> run_one(const Plan& plan, const PlannedCase& planned, const std::string& runner,
                            ProbeServer& server)
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    return os_error("pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  SpawnOptions options;
  options.argv = case_arguments(plan, planned);
  options.argv.insert(options.argv.begin(), runner);
  options.pass_fds = {{write_end.get(), kRecordFd}};
  if (const int fd = asks_server(planned.pass) ? server.fd() : -1; fd >= 0) {
    options.pass_fds.emplace_back(fd, kProbeFd);
    options.argv.push_back("--probe-fd=" + std::to_string(kProbeFd));
  }
  options.own_group = true;
  const ReplicaLayout layout = layout_of_replica(plan.replica);
  options.in_child = [layout] {
    ::personality(ADDR_NO_RANDOMIZE);
    struct rlimit stack = {};
    ::getrlimit(RLIMIT_STACK, &stack);
    stack.rlim_cur = layout.stack_limit_bytes;  // refused below a lower hard limit: no harm
    ::setrlimit(RLIMIT_STACK, &stack);
  };
  auto child = Child::spawn(options);
  if (!child)
    return child.error();
  write_end.reset();
  auto outcome = collect(*child, std::move(read_end), plan.case_timeout_s);
  if (!outcome || !outcome->failure.empty()) {
    child->kill_and_reap();
    end_leftovers(server.pid());  // of no interest: it could not end its processes
  } else {
    outcome->left = end_leftovers(server.pid());
  }
  return outcome;
}

// What the case is to be blamed for beside its own failure.
std::vector<std::string> findings(const CaseOutcome& outcome, Oracles& oracles)
{
  std::vector<std::string> all;
  if (!outcome.failure.empty())
    all.push_back(outcome.failure);
  for (const auto& process : outcome.left)
    all.push_back("left " + process + " behind");
  for (const auto& setting : oracles.restore_settings())
    if (outcome.failure.empty())  // else it had no chance to restore it
      all.push_back("left " + setting);
  for (const auto& complaint : oracles.complaints())
    all.push_back("kernel log: " + complaint);
  return all;
}

bool is_failed_row(const Record& record)
{
  if (record.kind != "sample")
    return false;
  const auto samples = parse_samples("a case's row", samples_header() + record.payload);
  return !samples || samples->empty() || samples->front().status == SampleStatus::fail;
}

// On the host; a guest's log is on its console.
Result<> write_log(const Plan& plan, Oracles& oracles, RecordWriter& out)
{
  const std::string text = oracles.take_text();
  return plan.mode == Mode::host && !text.empty() ? out.write("dmesg", text) : ok();
}

// After the last case: the capabilities are tried, the kernel may complain of that too.
Result<bool> finish(const Plan& plan, Oracles& oracles, ProbeServer& server, RecordWriter& out)
{
  if (plan.replica <= 1)
    if (auto written = write_capabilities(server, out); !written)
      return written.error();
  const auto late = oracles.complaints();
  for (const auto& complaint : late)
    if (auto written = out.write("err", "kernel log after the last case: " + complaint + "\n");
        !written)
      return written.error();
  if (oracles.lost() > 0)
    if (auto written =
            out.write("env", fmt::format("kernel_log.lost={} or more records", oracles.lost()));
        !written)
      return written.error();
  if (auto written = write_log(plan, oracles, out); !written)
    return written.error();
  return late.empty();
}

// By which the lab knows a symbol table of this very kernel, loaded where it says.
void add_kernel_code(std::map<std::string, std::string>& facts)
{
  if (const auto address = read_text_address("/proc"))
    facts["kernel.code_address"] = fmt::format("{:x}", *address);
  const auto iomem = read_file("/proc/iomem");
  if (const auto bytes = iomem ? kernel_code_bytes(*iomem) : std::nullopt)
    facts["kernel.code_bytes"] = std::to_string(*bytes);
}

// "bare=57 state=57"; the forest pass brings no rows.
std::string planned_by_pass(const std::vector<PlannedCase>& cases)
{
  std::string text;
  for (const PassInfo& info : all_passes()) {
    const auto count = std::count_if(cases.begin(), cases.end(), [&](const PlannedCase& planned) {
      return planned.pass == info.pass && info.pass != Pass::forest;
    });
    if (count > 0)
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", info.name, count);
  }
  return text;
}

Result<> write_environment(const Plan& plan, const std::vector<PlannedCase>& cases,
                           RecordWriter& out)
{
  auto facts = machine_facts("");
  facts["preset"] = plan.preset;
  facts["pin"] = plan.pin;
  facts[kPlanCases] = planned_by_pass(cases);
  for (const PlannedCase& planned : cases) {
    const std::string name(planned.workload->name);
    facts["workload." + name] = std::to_string(planned.workload->version);
    facts["item." + name] = planned.workload->item;
  }
  if (plan.mode == Mode::exact) {
    facts["probe.ticks_of_1000_instructions"] = std::to_string(ticks_of_1000_instructions());
    add_kernel_code(facts);
  }
  for (const auto& [key, value] : facts)
    if (auto written = out.write("env", fmt::format("{}={}", key, value)); !written)
      return written;
  return ok();
}

}  // namespace

Result<> run_doctor(RecordWriter& out)
{
  for (const auto& [key, value] : machine_facts(""))
    if (auto written = out.write("env", fmt::format("{}={}", key, value)); !written)
      return written;
  ProbeServer server;
  return write_capabilities(server, out);
}

std::vector<std::string> case_arguments(const Plan& plan, const PlannedCase& planned)
{
  std::vector<std::string> words = {"case",
                                    std::string(planned.workload->name),
                                    arguments_text(*planned.workload, planned.values),
                                    "--pass=" + std::string(to_string(planned.pass)),
                                    "--mode=" + std::string(to_string(plan.mode)),
                                    "--preset=" + plan.preset,
                                    "--pin=" + plan.pin,
                                    "--replica=" + std::to_string(plan.replica),
                                    "--record-fd=" + std::to_string(kRecordFd)};
  if (planned.workload->name == kReplayWorkload)
    for (const std::string& trace : plan.traces)
      words.push_back("--trace=" + trace);
  return words;
}

Result<bool> run_plan(const Plan& plan, const std::string& runner, RecordWriter& out)
{
  const auto cases = plan_cases(plan);
  if (!cases)
    return cases.error();
  if (plan.mode == Mode::exact) {
    const std::uint64_t ticks = ticks_of_1000_instructions();
    if (ticks < 1000 || ticks > 1100)
      return Error{.code = Errc::unsupported,
                   .context = fmt::format("the cycle counter read {} over 1000 instructions: this "
                                          "is no guest of the exact lab",
                                          ticks)};
  }
  if (auto written = write_environment(plan, *cases, out); !written)
    return written.error();
  auto ballast = Arena::create();
  if (!ballast)
    return ballast.error();
  const std::size_t ballast_vmas = layout_of_replica(plan.replica).ballast_vmas;
  if (auto mapped = map_faulted_islands(*ballast, ballast_vmas); !mapped)
    return mapped.error();
  Oracles oracles(plan.mode == Mode::host && ::geteuid() == 0);
  const auto [log_key, log_state] = capability_fact(kernel_log_capability());
  if (auto written = out.write("env", log_key + "=" + log_state); !written)
    return written.error();
  if (plan.mode != Mode::host)
    write_kernel_log(kCasesBegin);
  bool all_good = true;
  ProbeServer server;
  std::set<std::string> facts;  // that cases found and that have been passed on
  std::size_t done = 0;
  for (const PlannedCase& planned : *cases) {
    const std::string label =
        fmt::format("{} {} ({})", planned.workload->name,
                    arguments_text(*planned.workload, planned.values), to_string(planned.pass));
    if (auto written = out.write("progress", fmt::format("{} {} {}", done, cases->size(), label));
        !written)
      return written.error();
    if (plan.mode == Mode::exact)
      announce_case(static_cast<unsigned>(done));
    auto outcome = run_one(plan, planned, runner, server);
    if (planned.pass == Pass::objects && (!outcome || !outcome->failure.empty()))
      remove_stale_object_traces();
    if (!outcome) {
      oracles.restore_settings();
      return outcome.error();
    }
    for (const Record& record : outcome->records) {
      const bool new_fact = record.kind == "env" && facts.insert(record.payload).second;
      if (record.kind != "sample" && record.kind != "out" && !new_fact)
        continue;
      all_good = all_good && !is_failed_row(record);
      if (auto written = out.write(record.kind, record.payload); !written)
        return written.error();
    }
    if (!outcome->failure.empty())
      server.restart();
    for (const auto& finding : findings(*outcome, oracles)) {
      all_good = false;
      const std::string row = sample_row(
          failed_row(plan, planned, std::string(planned.workload->name) + " " + finding));
      if (auto written = out.write("sample", row); !written)
        return written.error();
    }
    if (auto written = write_log(plan, oracles, out); !written)
      return written.error();
    ++done;
  }
  if (plan.mode == Mode::exact)
    announce_case(static_cast<unsigned>(done));
  const auto finished = finish(plan, oracles, server, out);
  if (!finished)
    return finished.error();
  if (auto written = out.write("progress", fmt::format("{0} {0} done", done)); !written)
    return written.error();
  return all_good && *finished;
}

}  // namespace rmaplab
