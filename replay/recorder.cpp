// SPDX-License-Identifier: GPL-2.0-only
#include "replay/recorder.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/files.h"
#include "base/libbpf_words.h"
#include "base/text.h"
#include "base/ticks.h"
#include "replay/assemble.h"
#include "replay/record_event.h"

// The compiled program; why the names are global: probes/forest_reader.cpp.
asm(".pushsection .rodata\n"
    ".balign 8\n"
    ".globl rmaplab_record_bpf_begin, rmaplab_record_bpf_end\n"
    ".hidden rmaplab_record_bpf_begin, rmaplab_record_bpf_end\n"
    "rmaplab_record_bpf_begin:\n"
    ".incbin \"" RMAPLAB_RECORD_BPF
    "\"\n"
    "rmaplab_record_bpf_end:\n"
    ".popsection\n");
extern "C" const char rmaplab_record_bpf_begin[];
extern "C" const char rmaplab_record_bpf_end[];

namespace rmaplab
{

namespace
{

constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";
constexpr std::size_t kFlushBytes = 1 << 20;
// In the order of kSeenMbind ...
constexpr std::array<const char*, kSeenKinds> kSeenNames = {"mbind",
                                                            "mseal",
                                                            "remap_file_pages",
                                                            "io_setup",
                                                            "io_uring",
                                                            "userfaultfd",
                                                            "o_direct",
                                                            "failed_forks",
                                                            "failed_execs",
                                                            "setrlimit",
                                                            "personality",
                                                            "shadow_stack",
                                                            "moved_pages",
                                                            "writes_from_outside",
                                                            "prctl_set_mm",
                                                            "faults_above_2_47",
                                                            "threads_of_32_bit_programs"};

Error refused(std::string reason)
{
  return {.code = Errc::unsupported, .context = "record: " + std::move(reason)};
}

Error explain_load(int error)
{
  const std::string& text = libbpf_text();
  auto says = [&text](const char* part) { return text.find(part) != std::string::npos; };
  if (error == ENOSYS)
    return refused("this kernel has no bpf(); a kernel with CONFIG_BPF_SYSCALL");
  if (::access(kBtf, F_OK) != 0)
    return refused(
        "this kernel does not describe its structures: no /sys/kernel/btf/vmlinux; a kernel with "
        "CONFIG_DEBUG_INFO_BTF");
  if (says("bpf_iter_task_vma"))
    return refused(
        "this kernel lets no BPF program walk VMAs (bpf_iter_task_vma_new); 6.7 or later");
  if (says("page_fault_user") || says("page_fault_kernel"))
    return refused("this kernel has no tracepoints of page faults (exceptions:page_fault_user)");
  if (says("bpf_probe_read"))
    return refused(
        "the kernel is locked down (confidentiality): BPF may not read its memory; boot without "
        "lockdown=confidentiality");
  if (error == EPERM)
    return refused("loading a BPF tracing program takes CAP_BPF and CAP_PERFMON; run it as root");
  return refused(to_string({.context = "the kernel refuses the BPF program", .sys_errno = error}) +
                 " (" + last_libbpf_words() + ")");
}

// A map of one section of global variables.
struct bpf_map* section(struct bpf_object* object, std::string_view suffix)
{
  struct bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object)
  {
    const std::string_view name = ::bpf_map__name(map);
    if (name.size() >= suffix.size() && name.substr(name.size() - suffix.size()) == suffix)
      return map;
  }
  return nullptr;
}

RecordConfig configuration(const RecorderOptions& options)
{
  RecordConfig config = {};
  config.names = options.names ? 1 : 0;
  const auto count = std::min<std::size_t>(options.objects.functions.size(), kObjectRanges);
  std::copy_n(options.objects.object_bytes, kObjectKinds, config.object_bytes);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& function = options.objects.functions[i];
    config.range[i] = {.begin = function.begin,
                       .end = function.end,
                       .is_vma = function.is_vma ? 1u : 0u,
                       .pad = 0};
  }
  return config;
}

// Unnamed, so that it goes with us however we end.
Result<UniqueFd> open_spool(const std::string& folder)
{
  UniqueFd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) {
    if (!file)
      return os_error("create a temporary file in " + folder);
    return file;
  }
  std::string name = folder + "/.rmaplab-record-XXXXXX";
  UniqueFd named(::mkostemp(name.data(), O_CLOEXEC));
  if (!named)
    return os_error("create a temporary file in " + folder);
  ::unlink(name.c_str());
  return named;
}

std::vector<pid_t> threads_of(pid_t pid)
{
  std::vector<pid_t> threads;
  std::error_code gone;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), gone))
    if (const auto tid = parse_u64(entry.path().filename().string()))
      threads.push_back(static_cast<pid_t>(*tid));
  std::ranges::sort(threads);
  // The first thread's number is the process's, wherever it is in order.
  std::ranges::stable_partition(threads, [pid](pid_t tid) { return tid == pid; });
  return threads;
}

bool is_stopped(pid_t pid, pid_t tid)
{
  const auto stat = read_file(fmt::format("/proc/{}/task/{}/stat", pid, tid));
  if (!stat)
    return true;  // it has ended
  const auto name_end = stat->rfind(')');
  return name_end != std::string::npos && name_end + 2 < stat->size() &&
         std::string_view("TtZX").find((*stat)[name_end + 2]) != std::string_view::npos;
}

// Stops processes for as long as it lives; those that were stopped before stay so.
class Stopped
{
 public:
  explicit Stopped(std::span<const pid_t> pids)
  {
    for (const pid_t pid : pids)
      if (!is_stopped(pid, pid) && ::kill(pid, SIGSTOP) == 0)
        pids_.push_back(pid);
  }
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;
  ~Stopped()
  {
    for (const pid_t pid : pids_)
      ::kill(pid, SIGCONT);
  }
  // False when a thread does not stop within a second: it sleeps in the kernel.
  bool wait() const
  {
    constexpr struct timespec kPause = {.tv_sec = 0, .tv_nsec = 1'000'000};
    for (int tries = 0; tries < 1000; ++tries) {
      bool all = true;
      for (const pid_t pid : pids_)
        for (const pid_t tid : threads_of(pid))
          all = all && is_stopped(pid, tid);
      if (all)
        return true;
      ::nanosleep(&kPause, nullptr);
    }
    return false;
  }

 private:
  std::vector<pid_t> pids_;
};

template <typename Record>
void append(std::string& to, const Record& record)
{
  to.append(reinterpret_cast<const char*>(&record), sizeof record);
}

// Fault records for the anonymous pages of a VMA that are there (bits of
// Documentation/admin-guide/mm/pagemap.rst).
void append_pages(std::string& to, int pagemap, const VmaRecord& vma, std::uint64_t page_size)
{
  constexpr std::uint64_t kPresent = 1ull << 63, kSwapped = 1ull << 62, kFile = 1ull << 61;
  std::vector<std::uint64_t> entries(8192);
  for (std::uint64_t at = vma.start; at < vma.end;) {
    const std::uint64_t want = std::min<std::uint64_t>((vma.end - at) / page_size, entries.size());
    const ssize_t got = ::pread(pagemap, entries.data(), want * sizeof entries[0],
                                static_cast<off_t>(at / page_size * sizeof entries[0]));
    if (got <= 0)
      return;
    const auto pages = static_cast<std::uint64_t>(got) / sizeof entries[0];
    for (std::uint64_t i = 0; i < pages; ++i)
      if ((entries[i] & (kPresent | kSwapped)) && !(entries[i] & kFile))
        append(to, FaultRecord{.head = {kRecordFault, vma.head.thread, vma.head.time_ns},
                               .process = vma.process,
                               .code = kFaultWrite,
                               .address = at + i * page_size});
    at += pages * page_size;
  }
}

// Of the anonymous VMAs' pages among these records, at their end.
void append_present_pages(std::string& records, std::span<const pid_t> pid_of_process)
{
  std::string pages;
  const auto page_size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  for (std::size_t at = 0; at + sizeof(VmaRecord) <= records.size();) {
    RecordHead head;
    std::memcpy(&head, &records[at], sizeof head);
    if (head.kind != kRecordVma) {  // a name
      at += sizeof(FileRecord);
      continue;
    }
    VmaRecord vma;
    std::memcpy(&vma, &records[at], sizeof vma);
    at += sizeof vma;
    if (!(vma.has & kVmaHasAnon))
      continue;
    const UniqueFd pagemap(
        ::open(fmt::format("/proc/{}/pagemap", pid_of_process[vma.process]).c_str(),
               O_RDONLY | O_CLOEXEC));
    if (pagemap)
      append_pages(pages, pagemap.get(), vma, page_size);
  }
  records += pages;
}

}  // namespace

void Recorder::Free::operator()(struct bpf_object* object) const
{
  ::bpf_object__close(object);
}
void Recorder::Free::operator()(struct bpf_link* link) const
{
  ::bpf_link__destroy(link);
}
void Recorder::Free::operator()(struct ring_buffer* ring) const
{
  ::ring_buffer__free(ring);
}

Recorder::Recorder(Recorder&&) noexcept = default;

Recorder::~Recorder()
{
  ring_.reset();
  links_.clear();
}

Result<Recorder> Recorder::open(const RecorderOptions& options)
{
  Recorder recorder;
  auto spool = open_spool(options.spool_folder);
  if (!spool)
    return spool.error();
  recorder.file_ = *std::move(spool);
  recorder.spool_ = std::make_unique<Spool>();

  libbpf_listen();
  struct bpf_object_open_opts open_options = {};
  open_options.sz = sizeof open_options;
  open_options.object_name = "rmaplab_record";
  recorder.object_.reset(::bpf_object__open_mem(
      rmaplab_record_bpf_begin,
      static_cast<std::size_t>(rmaplab_record_bpf_end - rmaplab_record_bpf_begin), &open_options));
  struct bpf_object* const object = recorder.object_.get();
  if (!object)
    return explain_load(errno);
  const RecordConfig config = configuration(options);
  if (const int result =
          ::bpf_map__set_initial_value(section(object, ".rodata.config"), &config, sizeof config);
      result < 0)
    return refused("its BPF program has another configuration: it was built wrongly");
  ::bpf_map__set_max_entries(::bpf_object__find_map_by_name(object, "ring"),
                             static_cast<__u32>(options.ring_mib << 20));
  struct bpf_program* const on_object = ::bpf_object__find_program_by_name(object, "on_object");
  if (options.objects.functions.empty())
    ::bpf_program__set_autoload(on_object, false);
  if (const int result = ::bpf_object__load(object); result < 0)
    return explain_load(-result);
  void* const shared = ::mmap(nullptr, sizeof(RecordState), PROT_READ | PROT_WRITE, MAP_SHARED,
                              ::bpf_map__fd(section(object, ".data.state")), 0);
  if (shared == MAP_FAILED)
    return os_error("map the state of the BPF program");
  recorder.state_.reset(static_cast<RecordState*>(shared));

  struct bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object)
  {
    if (!::bpf_program__autoload(program) ||
        std::string_view(::bpf_program__name(program)) == "snapshot")
      continue;
    recorder.links_.emplace_back(::bpf_program__attach(program));
    if (recorder.links_.back())
      continue;
    const Error error = os_error(fmt::format("attach {}", ::bpf_program__section_name(program)));
    if (program != on_object)
      return refused(to_string(error));
    recorder.links_.pop_back();
    recorder.objects_refused_ = to_string(error);
  }
  recorder.ring_.reset(::ring_buffer__new(::bpf_object__find_map_fd_by_name(object, "ring"), take,
                                          recorder.spool_.get(), nullptr));
  if (!recorder.ring_)
    return os_error("map the ring buffer");
  if (options.objects.functions.empty())
    recorder.objects_refused_ = "no rules";
  return recorder;
}

int Recorder::take(void* spool, void* record, std::size_t size)
{
  auto* const to = static_cast<Spool*>(spool);
  to->pending.append(static_cast<const char*>(record), size);
  ++to->rows;
  const unsigned kind = static_cast<const RecordHead*>(record)->kind;
  to->faults += kind == kRecordFault;
  to->calls += kind == kRecordCall;
  return to->pending.size() >= kFlushBytes ? -ENOBUFS : 0;  // come back for more
}

Result<> Recorder::flush()
{
  std::string_view left = spool_->pending;
  while (!left.empty()) {
    const ssize_t written = ::write(file_.get(), left.data(), left.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return os_error("write the recorded events");
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  spool_->bytes += spool_->pending.size();
  spool_->pending.clear();
  return ok();
}

Result<> Recorder::drain()
{
  for (;;) {
    const int got = ::ring_buffer__consume(ring_.get());
    if (got >= 0)
      return spool_->pending.size() >= kFlushBytes ? flush() : ok();
    if (got != -ENOBUFS)
      return Error{.code = Errc::os, .context = "read the ring buffer", .sys_errno = -got};
    if (auto flushed = flush(); !flushed)
      return flushed;
  }
}

void Recorder::Free::operator()(struct RecordState* state) const
{
  ::munmap(state, sizeof *state);
}

RecorderTotals Recorder::totals() const
{
  const volatile RecordState& state = *state_;
  std::map<std::string, std::uint64_t> seen;
  for (std::size_t kind = 0; kind < kSeenKinds; ++kind)
    if (const std::uint64_t count = state.seen[kind])
      seen.emplace(kSeenNames[kind], count);
  return {.rows = spool_->rows,
          .bytes = spool_->bytes + spool_->pending.size(),
          .faults = spool_->faults,
          .calls = spool_->calls,
          .lost = state.lost,
          .unfollowed = state.unfollowed,
          .foreign = state.foreign,
          .seen = std::move(seen),
          .processes = state.processes,
          .threads = state.threads,
          .live_threads = state.live};
}

Result<> Recorder::mark_thread(pid_t tid, const void* thread_state)
{
  // O_EXCL is PIDFD_THREAD (6.9), without which only first threads have one.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, tid, O_EXCL)));
  if (!pidfd)
    pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, tid, 0)));
  if (!pidfd)
    return os_error(fmt::format("follow thread {}", tid));
  const int fd = pidfd.get();
  const int map = ::bpf_object__find_map_fd_by_name(object_.get(), "followed");
  if (::bpf_map_update_elem(map, &fd, thread_state, BPF_ANY) < 0)
    return os_error(fmt::format("follow thread {}", tid));
  return ok();
}

Result<std::array<std::int64_t, 3>> Recorder::objects_of(pid_t pid) const
{
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd)
    return os_error(fmt::format("look at process {}", pid));
  const int fd = pidfd.get();
  ThreadState of = {};
  if (::bpf_map_lookup_elem(::bpf_object__find_map_fd_by_name(object_.get(), "followed"), &fd,
                            &of) < 0)
    return os_error(fmt::format("what process {} allocated", pid));
  std::array<std::int64_t, 3> counts;
  static_assert(kObjectKinds == counts.size());
  std::ranges::copy(of.objects, counts.begin());
  return counts;
}

Result<> Recorder::follow_next_child()
{
  const ThreadState launcher = {.launch = 1};
  return mark_thread(static_cast<pid_t>(::syscall(SYS_gettid)), &launcher);
}

Result<std::string> Recorder::snapshot()
{
  if (auto drained = drain(); !drained)
    return drained.error();
  if (auto flushed = flush(); !flushed)
    return flushed.error();
  const std::unique_ptr<struct bpf_link, Free> link(::bpf_program__attach_iter(
      ::bpf_object__find_program_by_name(object_.get(), "snapshot"), nullptr));
  if (!link)
    return os_error("attach the BPF iterator over tasks");
  const UniqueFd fd(::bpf_iter_create(::bpf_link__fd(link.get())));
  if (!fd)
    return os_error("create the BPF iterator over tasks");
  char nothing[64];
  ssize_t got;
  while ((got = ::read(fd.get(), nothing, sizeof nothing)) > 0 || (got < 0 && errno == EINTR)) {
  }
  if (got < 0)
    return os_error("run the BPF iterator over tasks");
  for (int result = -ENOBUFS; result == -ENOBUFS;)
    result = ::ring_buffer__consume(ring_.get());
  return std::exchange(spool_->pending, {});
}

Result<> Recorder::follow(std::span<const pid_t> pids)
{
  const Stopped stopped(pids);
  if (!stopped.wait())
    return refused("a thread of the processes does not stop: it sleeps in the kernel");
  const std::uint64_t now = monotonic_ns();
  std::string records;
  std::vector<pid_t> pid_of_process = {0};
  for (const pid_t pid : pids) {
    const auto threads = threads_of(pid);
    if (threads.empty())
      continue;
    pid_of_process.push_back(pid);
    state_->processes = state_->processes + 1;
    for (const pid_t tid : threads) {
      state_->threads = state_->threads + 1;
      const ThreadState of = {.thread = state_->threads, .process = state_->processes};
      if (auto marked = mark_thread(tid, &of); !marked)
        return marked;
      __atomic_fetch_add(&state_->live, 1u, __ATOMIC_RELAXED);
      append(
          records,
          StartRecord{.head = {kRecordStart, of.thread, now}, .process = of.process, .pid = pid});
    }
  }
  auto vmas = snapshot();
  if (!vmas)
    return vmas.error();
  // All of the same time: sorting by thread then puts a process's start, VMAs and pages
  // together.
  for (std::size_t at = 0; at + sizeof(VmaRecord) <= vmas->size();) {
    RecordHead head;
    std::memcpy(&head, &(*vmas)[at], sizeof head);
    head.time_ns = now;
    std::memcpy(&(*vmas)[at], &head, sizeof head);
    at += head.kind == kRecordVma ? sizeof(VmaRecord) : sizeof(FileRecord);
  }
  append_present_pages(*vmas, pid_of_process);
  spool_->pending = records + *vmas;
  return flush();
}

std::map<std::string, std::string> settings_of(pid_t pid)
{
  std::map<std::string, std::string> settings;
  constexpr std::pair<const char*, __rlimit_resource> kLimits[] = {
      {"rlimit_as", RLIMIT_AS},           {"rlimit_data", RLIMIT_DATA},
      {"rlimit_memlock", RLIMIT_MEMLOCK}, {"rlimit_nofile", RLIMIT_NOFILE},
      {"rlimit_nproc", RLIMIT_NPROC},     {"rlimit_stack", RLIMIT_STACK}};
  auto shown = [](rlim_t limit) {
    return limit == RLIM_INFINITY ? std::string("unlimited") : std::to_string(limit);
  };
  for (const auto& [name, resource] : kLimits) {
    struct rlimit limit = {};
    if (::prlimit(pid, resource, nullptr, &limit) == 0)
      settings[name] = shown(limit.rlim_cur);
  }
  constexpr const char* kHuge = "/sys/kernel/mm/transparent_hugepage/";
  const std::pair<const char*, std::string> files[] = {
      {"thp", std::string(kHuge) + "enabled"},
      {"thp_shmem", std::string(kHuge) + "shmem_enabled"},
      {"overcommit_memory", "/proc/sys/vm/overcommit_memory"},
      {"max_map_count", "/proc/sys/vm/max_map_count"},
      {"randomize_va_space", "/proc/sys/kernel/randomize_va_space"},
      {"personality", fmt::format("/proc/{}/personality", pid)}};
  for (const auto& [name, path] : files) {
    const auto text = read_file(path);
    if (!text || text->empty())
      continue;
    // Of "always [madvise] never" the word in brackets.
    const auto open = text->find('['), close = text->find(']');
    settings[name] = open < close && close != std::string::npos
                         ? text->substr(open + 1, close - open - 1)
                         : text->substr(0, text->find('\n'));
  }
  return settings;
}

Result<Trace> Recorder::finish(const std::string& command,
                               std::map<std::string, std::string> settings,
                               const std::string& ended) &&
{
  links_.clear();
  if (auto drained = drain(); !drained)
    return drained.error();
  if (auto flushed = flush(); !flushed)
    return flushed.error();
  struct utsname names = {};
  ::uname(&names);
  const RecorderTotals all = totals();
  const AssembleOptions options = {.kernel = names.release,
                                   .machine = names.machine,
                                   .command = command,
                                   .page_size = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE)),
                                   .lost = all.lost + all.unfollowed + all.foreign,
                                   .objects = objects_refused_.empty(),
                                   .settings = std::move(settings),
                                   .seen = all.seen,
                                   .ended = ended};
  if (all.bytes == 0)
    return assemble({}, options);
  void* const mapped = ::mmap(nullptr, all.bytes, PROT_READ, MAP_PRIVATE, file_.get(), 0);
  if (mapped == MAP_FAILED)
    return os_error("map the recorded events");
  auto trace = assemble({static_cast<const std::byte*>(mapped), all.bytes}, options);
  ::munmap(mapped, all.bytes);
  return trace;
}

}  // namespace rmaplab
