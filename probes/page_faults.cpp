// SPDX-License-Identifier: GPL-2.0-only
#include "probes/page_faults.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>

extern "C" {
#include <perf/core.h>
#include <perf/cpumap.h>
#include <perf/event.h>
#include <perf/evlist.h>
#include <perf/evsel.h>
#include <perf/mmap.h>
#include <perf/threadmap.h>
}

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

namespace
{

// A PERF_RECORD_SAMPLE with the sample_type below (perf_event_open(2)).
struct FaultSample {
  perf_event_header header;
  std::uint32_t pid;
  std::uint32_t tid;
  std::uint64_t address;
};

perf_event_attr fault_attr()
{
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_PAGE_FAULTS;
  attr.sample_period = 1;
  attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_ADDR;
  attr.disabled = 1;
  attr.inherit = 1;
  return attr;
}

// libperf opens without PERF_FLAG_FD_CLOEXEC and does not tell the descriptors.
void close_perf_events_on_exec()
{
  namespace fs = std::filesystem;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd", error)) {
    std::error_code gone;  // the iterator's own descriptor
    if (fs::read_symlink(entry.path(), gone) == "anon_inode:[perf_event]")
      if (const auto fd = parse_u64(entry.path().filename().string()))
        ::fcntl(static_cast<int>(*fd), F_SETFD, FD_CLOEXEC);
  }
}

std::string paranoid_level()
{
  const auto text = read_file("/proc/sys/kernel/perf_event_paranoid");
  return text ? std::string(trim(*text)) : "unknown";
}

Error open_error(int error)
{
  if (error == ENOSYS || error == ENOENT)
    return Error{.code = Errc::unsupported,
                 .context = "no page-fault event: the kernel lacks CONFIG_PERF_EVENTS"};
  if (error == EACCES || error == EPERM)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("perf_event_open, kernel.perf_event_paranoid is {}",
                                        paranoid_level()),
                 .sys_errno = error};
  return Error{.code = Errc::os, .context = "open the page-fault event", .sys_errno = error};
}

}  // namespace

FaultSums sum_faults(const FaultReport& report, AddressRange range,
                     const std::vector<AddressRange>& vmas)
{
  FaultSums sums;
  sums.of_vma.resize(vmas.size());
  std::map<pid_t, ProcessFaults> processes;
  std::uint64_t in_kernel = 0;
  for (const PageFault& fault : report.faults) {
    ProcessFaults& process = processes[fault.pid];
    process.pid = fault.pid;
    in_kernel += fault.in_kernel ? 1 : 0;
    if (fault.address < range.begin || fault.address >= range.end) {
      ++process.outside;
      ++sums.outside;
      continue;
    }
    ++process.in_range;
    ++sums.in_range;
    const auto after = std::upper_bound(
        vmas.begin(), vmas.end(), fault.address,
        [](std::uint64_t address, const AddressRange& vma) { return address < vma.begin; });
    if (after != vmas.begin() && fault.address < std::prev(after)->end)
      ++sums.of_vma[static_cast<std::size_t>(after - vmas.begin()) - 1];
    else
      ++sums.in_no_vma;
  }
  if (report.kernel_mode_seen)
    sums.in_kernel = in_kernel;
  for (const auto& [pid, process] : processes)
    sums.processes.push_back(process);
  return sums;
}

Result<FaultTrace> FaultTrace::open(std::size_t ring_bytes)
{
  libperf_init(nullptr);  // it would print to stderr; what fails comes back as errno
  // An event that is deleted keeps its references to the maps: the same for all of them.
  // One ring a CPU, since the kernel gives an inherited event of any CPU none.
  static perf_cpu_map* const cpus = perf_cpu_map__new(nullptr);
  static pid_t calling_thread = 0;
  static perf_thread_map* const threads = perf_thread_map__new_array(1, &calling_thread);

  FaultTrace trace;
  trace.events_ = perf_evlist__new();
  perf_event_attr attr = fault_attr();
  trace.event_ = perf_evsel__new(&attr);
  if (!cpus || !threads || !trace.events_ || !trace.event_) {
    free(trace.event_);
    return Error{.code = Errc::os, .context = "make a libperf event list", .sys_errno = ENOMEM};
  }
  perf_evlist__add(trace.events_, trace.event_);
  perf_evlist__set_maps(trace.events_, cpus, threads);
  int error = -perf_evlist__open(trace.events_);
  if (error == EACCES || error == EPERM) {
    perf_evsel__attr(trace.event_)->exclude_kernel = 1;
    trace.kernel_mode_seen_ = false;
    error = -perf_evlist__open(trace.events_);
  }
  if (error != 0)
    return open_error(error);
  close_perf_events_on_exec();

  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::size_t pages = std::bit_ceil(std::max<std::size_t>(ring_bytes / page_bytes, 1));
  while (perf_evlist__mmap(trace.events_, static_cast<int>(pages)) != 0) {
    if (pages == 1) {
      Error failed = os_error("map a ring for page faults");
      if (failed.sys_errno == EPERM)
        failed = Error{.code = Errc::unsupported,
                       .context =
                           "a perf ring of one page a CPU is more than "
                           "kernel.perf_event_mlock_kb and RLIMIT_MEMLOCK leave"};
      return failed;
    }
    pages /= 2;
  }
  trace.room_ = pages * page_bytes / sizeof(FaultSample);
  return trace;
}

FaultTrace::~FaultTrace()
{
  perf_evlist__delete(events_);
}

void FaultTrace::begin()
{
  perf_evlist__enable(events_);
}

void FaultTrace::end()
{
  perf_evlist__disable(events_);
}

Result<std::uint64_t> FaultTrace::count() const
{
  std::uint64_t sum = 0;
  for (int cpu = 0; cpu < perf_cpu_map__nr(perf_evsel__cpus(event_)); ++cpu) {
    perf_counts_values values;
    if (const int error = -perf_evsel__read(event_, cpu, 0, &values); error != 0)
      return Error{
          .code = Errc::os, .context = "read the count of page faults", .sys_errno = error};
    sum += values.val;
  }
  return sum;
}

Result<FaultReport> FaultTrace::read()
{
  end();
  const auto counted = count();
  if (!counted)
    return counted.error();
  FaultReport report;
  report.kernel_mode_seen = kernel_mode_seen_;
  for (perf_mmap* ring = perf_evlist__next_mmap(events_, nullptr, false); ring;
       ring = perf_evlist__next_mmap(events_, ring, false)) {
    if (perf_mmap__read_init(ring) < 0)
      continue;
    while (const perf_event* event = perf_mmap__read_event(ring)) {
      if (event->header.type == PERF_RECORD_SAMPLE) {
        FaultSample sample;
        std::memcpy(&sample, event, sizeof sample);
        report.faults.push_back(
            {.address = sample.address,
             .pid = static_cast<pid_t>(sample.pid),
             .in_kernel =
                 (sample.header.misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL});
      }
      perf_mmap__consume(ring);
    }
    perf_mmap__read_done(ring);
  }
  report.lost = *counted - counted_ - report.faults.size();
  counted_ = *counted;
  return report;
}

Capability page_faults_capability()
{
  Capability capability{.probe = "page faults"};
  const auto no = [&](const Error& error, std::string remedy) {
    capability.state = Capability::State::not_here;
    capability.reason = to_string(error);
    capability.remedy = std::move(remedy);
    return capability;
  };
  auto trace = FaultTrace::open(1);
  if (!trace)
    return no(trace.error(), trace.error().sys_errno == 0
                                 ? ""
                                 : "sysctl kernel.perf_event_paranoid=1 or CAP_PERFMON; in a "
                                   "container a seccomp profile that allows perf_event_open");
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const page =
      ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    return no(os_error("map a page to fault"), "");
  trace->begin();
  *static_cast<volatile char*>(page) = 1;
  const auto report = trace->read();
  ::munmap(page, page_bytes);
  if (!report)
    return no(report.error(), "");
  const auto begin = reinterpret_cast<std::uint64_t>(page);
  if (sum_faults(*report, {.begin = begin, .end = begin + page_bytes}, {}).in_range != 1)
    return no(Error{.code = Errc::unsupported, .context = "a fault made on purpose was not seen"},
              "");
  if (report->kernel_mode_seen) {
    capability.reason = "every fault with its address, those taken in kernel mode too";
  } else {
    capability.state = Capability::State::partly;
    capability.reason = fmt::format(
        "faults taken in kernel mode (copy_to_user) are not seen: kernel.perf_event_paranoid "
        "is {}",
        paranoid_level());
    capability.remedy = "sysctl kernel.perf_event_paranoid=1 or CAP_PERFMON";
  }
  return capability;
}

}  // namespace rmaplab
