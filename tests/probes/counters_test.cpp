// SPDX-License-Identifier: GPL-2.0-only
#include "probes/counters.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <stdexcept>

#include "base/files.h"

namespace rmaplab
{
namespace
{

TEST(CounterScaling, WholeTimeIsTheCountItself)
{
  EXPECT_EQ(scaled_value({.value = 1000, .enabled_ns = 400, .running_ns = 400}), 1000.0);
}

TEST(CounterScaling, QuarterOfTheTimeIsFourTimesTheCount)
{
  EXPECT_EQ(scaled_value({.value = 1000, .enabled_ns = 400, .running_ns = 100}), 4000.0);
}

TEST(CounterScaling, NeverOnThePmuIsNoValue)
{
  EXPECT_FALSE(scaled_value({.value = 0, .enabled_ns = 400, .running_ns = 0}));
}

TEST(CounterScaling, NeverEnabledIsAZeroThatWasCounted)
{
  EXPECT_EQ(scaled_value({.value = 0, .enabled_ns = 0, .running_ns = 0}), 0.0);
}

// perf_event_open()'s own rule (kernel/events/core.c, perf_allow_cpu(); Debian refuses
// everything from 3 on).
std::function<int(Reach)> kernel_with(int paranoid, bool perfmon)
{
  return [=](Reach reach) {
    const int limit = reach == Reach::cpus ? 0 : 2;
    return perfmon || paranoid <= limit ? 0 : EACCES;
  };
}

TEST(CounterReach, PerfmonCountsCpusWhateverParanoidSays)
{
  EXPECT_EQ(choose_reach(kernel_with(4, true)).reach, Reach::cpus);
}

TEST(CounterReach, ParanoidZeroCountsCpus)
{
  EXPECT_EQ(choose_reach(kernel_with(0, false)).reach, Reach::cpus);
}

TEST(CounterReach, ParanoidOneAndTwoCountTasks)
{
  EXPECT_EQ(choose_reach(kernel_with(1, false)).reach, Reach::tasks);
  EXPECT_EQ(choose_reach(kernel_with(2, false)).reach, Reach::tasks);
}

TEST(CounterReach, RefusedBothKeepsTheErrno)
{
  const ReachChoice choice = choose_reach(kernel_with(3, false));
  EXPECT_EQ(choice.reach, Reach::none);
  EXPECT_EQ(choice.error, EACCES);
}

TEST(CounterRefusal, EnoentWithoutCpuPmuIsNoPmu)
{
  for (const int error : {ENOENT, ENODEV, EOPNOTSUPP})
    EXPECT_EQ(explain_refusal(error, {.cpu_pmu = false}).reason.substr(0, 6), "no PMU") << error;
  EXPECT_EQ(
      explain_refusal(ENOENT, {.cpu_pmu = false}).reason,
      "no PMU: /sys/bus/event_source/devices has none of a CPU (perf_event_open: No such file "
      "or directory)");
}

TEST(CounterRefusal, EnoentWithCpuPmuIsAnEventItLacks)
{
  EXPECT_EQ(explain_refusal(ENOENT, {.cpu_pmu = true}).reason,
            "this CPU's PMU has no such event (perf_event_open: No such file or directory)");
}

TEST(CounterRefusal, EaccesNamesParanoidAndItsRemedy)
{
  const Refusal refusal = explain_refusal(EACCES, {.paranoid = 2});
  EXPECT_EQ(refusal.reason, "kernel.perf_event_paranoid is 2 (perf_event_open: Permission denied)");
  EXPECT_EQ(refusal.remedy, "CAP_PERFMON, or sysctl kernel.perf_event_paranoid=-1");
}

TEST(CounterRefusal, UnderSeccompEpermAndEnosysAreTheFilters)
{
  for (const int error : {EPERM, ENOSYS})
    EXPECT_EQ(explain_refusal(error, {.seccomp = true}).remedy,
              "a seccomp profile that allows perf_event_open");
}

TEST(CounterRefusal, WithoutSeccompEnosysIsTheKernels)
{
  EXPECT_EQ(explain_refusal(ENOSYS, {}).remedy, "a kernel with CONFIG_PERF_EVENTS");
}

TEST(CounterRegistry, NameAndScopeAreUnique)
{
  std::set<std::pair<std::string_view, Scope>> seen;
  for (const Counter& counter : all_counters())
    EXPECT_TRUE(seen.insert({counter.name, counter.scope}).second) << counter.name;
}

TEST(CounterRegistry, NoRoundHasMoreThanFourCounters)
{
  std::map<std::size_t, int> in_round;
  for (const Counter& counter : all_counters())
    if (counter.hardware) {
      EXPECT_LE(++in_round[counter.round], 4) << counter.name;
    }
}

TEST(CounterRegistry, HardwareHasBothSidesAndSoftwareTheirSum)
{
  for (const Counter& counter : all_counters())
    EXPECT_EQ(counter.hardware, counter.scope != Scope::both) << counter.name;
}

// What follows opens real counters.

constexpr std::size_t kPages = 300;

// Touches kPages fresh pages in a child as well as here: 600 faults and more.
void touch_pages()
{
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* area =
      ::mmap(nullptr, kPages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ::madvise(area, kPages * page, MADV_NOHUGEPAGE);
  for (std::size_t i = 0; i < kPages; ++i)
    static_cast<volatile char*>(area)[i * page] = 1;
  const pid_t child = ::fork();
  if (child == 0) {
    for (std::size_t i = 0; i < kPages; ++i)
      static_cast<volatile char*>(area)[i * page] = 2;
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  ::munmap(area, kPages * page);
}

std::vector<CounterValue> count(Counters& counters, const std::function<void()>& operation)
{
  for (std::size_t round = 0; round < counters.rounds(); ++round) {
    counters.begin();
    operation();
    counters.end();
  }
  return counters.read();
}

const CounterValue& value_of(const std::vector<CounterValue>& values, std::string_view name)
{
  for (const CounterValue& value : values)
    if (value.name == name)
      return value;
  throw std::out_of_range(std::string(name));
}

// Holds with any rights. "" or what is wrong.
std::string what_is_wrong()
{
  auto counters = Counters::open();
  if (!counters)
    return to_string(counters.error());
  static_cast<void>(count(*counters, touch_pages));
  const auto values = count(*counters, touch_pages);
  if (values.size() != all_counters().size())
    return "not one value for each row";
  for (const CounterValue& value : values) {
    if (value.value.has_value() != value.reason.empty())
      return std::string(value.name) + ": neither value nor reason, or both";
    if (value.value.has_value() != !value.source.empty())
      return std::string(value.name) + ": a value without source";
  }
  for (const std::string_view name : {"task_clock_ns", "page_faults", "context_switches"}) {
    const CounterValue& value = value_of(values, name);
    if (!value.value)
      return std::string(name) + " is absent: " + value.reason;
    if (value.operations != counters->rounds())
      return std::string(name) + " was not counted in each operation";
  }
  const CounterValue& faults = value_of(values, "page_faults");
  if (*faults.value / faults.operations < 2 * kPages)
    return "too few page faults: " + std::to_string(*faults.value);
  const CounterValue& clock = value_of(values, "task_clock_ns");
  // 600 faults take more than 50 us; no operation here takes a second of CPU.
  if (*clock.value / clock.operations < 50e3 || *clock.value / clock.operations > 1e9)
    return "task clock: " + std::to_string(*clock.value);
  return "";
}

TEST(Counters, EachRowHasAValueOrAReasonAndFaultsAreCounted)
{
  EXPECT_EQ(what_is_wrong(), "");
}

TEST(Counters, NothingIsKeptFromBeforeTheLastReading)
{
  auto counters = Counters::open();
  ASSERT_TRUE(counters) << to_string(counters.error());
  static_cast<void>(count(*counters, touch_pages));
  const auto values = counters->read();
  for (const CounterValue& value : values) {
    EXPECT_FALSE(value.value) << value.name;
    EXPECT_FALSE(value.reason.empty()) << value.name;
  }
}

TEST(Counters, CapabilitiesSayHardwareAndSoftwareApart)
{
  const auto capabilities = counters_capability();
  ASSERT_EQ(capabilities.size(), 2u);
  EXPECT_EQ(capabilities[0].probe, "hardware counters");
  EXPECT_EQ(capabilities[1].probe, "software counters");
  for (const Capability& capability : capabilities)
    EXPECT_FALSE(capability.reason.empty()) << capability.probe;
}

TEST(Counters, MissingPapiModuleIsAReasonNotAnError)
{
  auto counters = Counters::open({.papi_module = "/nowhere/rmaplab-papi.so"});
  ASSERT_TRUE(counters) << to_string(counters.error());
  for (const CounterValue& value : count(*counters, [] {})) {
    EXPECT_NE(value.source, "PAPI");
    if (!value.value && value.scope != Scope::both) {
      EXPECT_NE(value.reason.find("PAPI: built without PAPI: no /nowhere/rmaplab-papi.so"),
                std::string::npos)
          << value.reason;
    }
  }
}

#if defined(RMAPLAB_PAPI_MODULE)
TEST(Counters, PapiCountsOrSaysWhyAndIsGoneFromTheAddressSpace)
{
#if defined(__SANITIZE_ADDRESS__)
  const __lsan::ScopedDisabler papi_leaks_at_shutdown;
#endif
  std::string source;
  std::string reason;
  {
    auto counters = Counters::open({.papi_module = RMAPLAB_PAPI_MODULE});
    ASSERT_TRUE(counters) << to_string(counters.error());
    const auto values = count(*counters, touch_pages);
    const CounterValue& instructions = value_of(values, "instructions");
    source = instructions.source;
    reason = instructions.reason;
    const auto maps = read_file("/proc/self/maps");
    ASSERT_TRUE(maps);
    EXPECT_EQ(maps->find("libpapi") != std::string::npos, source == "PAPI");
  }
  if (source.empty()) {
    EXPECT_NE(reason.find("PAPI: "), std::string::npos) << reason;
    EXPECT_EQ(reason.find("built without"), std::string::npos) << reason;
  }
  const auto maps = read_file("/proc/self/maps");
  ASSERT_TRUE(maps);
  EXPECT_EQ(maps->find("libpapi"), std::string::npos);
}
#endif

TEST(Counters, DescriptorsAreClosedOnExec)
{
  auto counters = Counters::open();
  ASSERT_TRUE(counters) << to_string(counters.error());
  FILE* listing = ::popen("ls -l /proc/self/fd", "r");
  ASSERT_TRUE(listing);
  std::string text;
  for (int c; (c = std::fgetc(listing)) != EOF;)
    text += static_cast<char>(c);
  ::pclose(listing);
  EXPECT_EQ(text.find("perf_event"), std::string::npos) << text;
}

// In a child: a check fails with its exit status and what is wrong on stderr.
void exit_with_verdict(Reach expected)
{
  auto counters = Counters::open();
  std::string wrong = counters && counters->reach() == expected ? "" : "another reach";
  if (wrong.empty())
    wrong = what_is_wrong();
  std::fprintf(stderr, "%s\n", wrong.empty() ? "good" : wrong.c_str());
  std::_Exit(wrong.empty() ? 0 : 1);
}

TEST(Counters, OrdinaryUserCountsWhatParanoidAllows)
{
  const PerfFacts facts = read_perf_facts();
  if (!facts.paranoid)
    GTEST_SKIP() << "this kernel has no perf_event_paranoid";
  const auto expected = choose_reach(kernel_with(*facts.paranoid, false)).reach;
  EXPECT_EXIT(
      {
        if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0)
          std::_Exit(2);
        exit_with_verdict(expected);
      },
      testing::ExitedWithCode(0), "good");
}

// As in a container whose profile has no perf_event_open: the software counters of
// getrusage remain.
void refuse_perf_event_open()
{
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {.len = std::size(code), .filter = code};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    std::_Exit(2);
}

TEST(Counters, SeccompLeavesWhatGetrusageTells)
{
  EXPECT_EXIT(
      {
        refuse_perf_event_open();
        exit_with_verdict(Reach::none);
      },
      testing::ExitedWithCode(0), "good");
}

TEST(Counters, SeccompIsTheReasonOfWhatIsAbsent)
{
  EXPECT_EXIT(
      {
        refuse_perf_event_open();
        std::string text;
        for (const Capability& capability : counters_capability())
          text += to_string(capability) + "\n";
        std::fputs(text.c_str(), stderr);
        std::_Exit(0);
      },
      testing::ExitedWithCode(0),
      "no: a seccomp filter .* refuses it .*Operation not permitted.*\n"
      "partly: without cpu_migrations: a seccomp filter");
}

}  // namespace
}  // namespace rmaplab
