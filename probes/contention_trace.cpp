// SPDX-License-Identifier: GPL-2.0-only
// The reader of probes/lock_contention.h: perf events through libperf.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

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
#include "base/ticks.h"
#include "probes/event_format.h"
#include "probes/kallsyms.h"
#include "probes/lock_contention.h"
#include "probes/tracefs.h"

namespace rmaplab
{

namespace
{

constexpr const char* kBeginEvent = "lock/contention_begin";
constexpr const char* kEndEvent = "lock/contention_end";
constexpr std::size_t kRingBytes = std::size_t{8} << 20;
constexpr std::uint32_t kWakeupBytes = kRingBytes / 32;
// Deep enough for the lock's own functions and the three callers shown.
constexpr std::uint16_t kChainDepth = 16;
constexpr std::uint64_t kSampleType =
    PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_RAW;

// Where this kernel's records hold what we read.
struct RecordLayout {
  std::uint64_t begin_id = 0;
  std::uint64_t end_id = 0;
  EventField type;  // of the event
  EventField pid;   // of the task: perf's own field is of a namespace, and -1 in late exit
  EventField begin_lock;
  EventField flags;
  EventField end_lock;
};

Result<RecordLayout> read_layout(const std::string& root)
{
  const auto begin_id = tracepoint_id(root, kBeginEvent);
  if (!begin_id)
    return begin_id.error();
  const auto end_id = tracepoint_id(root, kEndEvent);
  if (!end_id)
    return end_id.error();
  RecordLayout layout{.begin_id = *begin_id, .end_id = *end_id};
  const struct {
    const char* event;
    const char* name;
    EventField* field;
  } wanted[] = {{kBeginEvent, "common_type", &layout.type},
                {kBeginEvent, "common_pid", &layout.pid},
                {kBeginEvent, "lock_addr", &layout.begin_lock},
                {kBeginEvent, "flags", &layout.flags},
                {kEndEvent, "lock_addr", &layout.end_lock}};
  for (const auto& one : wanted) {
    const auto format = read_file(root + "/events/" + one.event + "/format");
    if (!format)
      return format.error();
    const auto field = event_field(*format, one.name);
    if (!field)
      return field.error();
    *one.field = *field;
  }
  return layout;
}

// Takes values from the front of a record; asked for more than there is, it is `bad`
// for good and gives zeroes.
class RecordReader
{
 public:
  explicit RecordReader(std::string_view bytes) : bytes_(bytes) {}
  template <typename T>
  T take()
  {
    T value = {};
    const std::string_view raw = take_bytes(sizeof value);
    std::memcpy(&value, raw.data(), raw.size());
    return value;
  }
  std::string_view take_bytes(std::size_t count)
  {
    bad_ = bad_ || count > bytes_.size();
    if (bad_)
      return {};
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  bool bad() const { return bad_; }

 private:
  std::string_view bytes_;
  bool bad_ = false;
};

// Little-endian or not, the field is a whole number of this machine.
std::uint64_t field_of(std::string_view raw, EventField field)
{
  RecordReader reader(raw);
  reader.take_bytes(field.offset);
  switch (field.bytes) {
    case 2:
      return reader.take<std::uint16_t>();
    case 4:
      return reader.take<std::uint32_t>();
    default:
      return reader.take<std::uint64_t>();
  }
}

// Equal call chains are kept once. The key is the chain's bytes as the ring has them.
class ChainNumbers
{
 public:
  std::uint32_t number_of(std::string_view bytes)
  {
    if (const auto known = numbers_.find(bytes); known != numbers_.end())
      return known->second;
    const auto number = static_cast<std::uint32_t>(numbers_.size());
    numbers_.emplace(bytes, number);
    return number;
  }
  // By number.
  std::vector<CallChain> resolve(const Kallsyms& symbols) const
  {
    std::vector<CallChain> chains(numbers_.size());
    for (const auto& [bytes, number] : numbers_) {
      RecordReader reader(bytes);
      while (true) {
        const auto address = reader.take<std::uint64_t>();
        if (reader.bad())
          break;
        if (address >= static_cast<std::uint64_t>(PERF_CONTEXT_MAX))
          continue;  // a marker: kernel from here, user from here
        const auto name = symbols.function_at(address - 1);
        // ".isra.0", ".part.0": the compiler's, not the source's.
        chains[number].push_back(name ? std::string(name->substr(0, name->find('.')))
                                      : fmt::format("{:#x}", address));
      }
    }
    return chains;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const
    {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
};

struct Parsed {
  ContentionEvent event;
  std::string_view chain;  // bytes in the ring
};

// Body of a PERF_RECORD_SAMPLE of kSampleType; nothing when it is not one of ours.
std::optional<Parsed> parse_sample(std::string_view body, const RecordLayout& layout)
{
  RecordReader reader(body);
  Parsed parsed;
  parsed.event.time_ns = reader.take<std::uint64_t>();
  parsed.event.cpu = reader.take<std::uint32_t>();
  reader.take<std::uint32_t>();
  const auto frames = reader.take<std::uint64_t>();
  parsed.chain = reader.take_bytes(frames * sizeof(std::uint64_t));
  const std::string_view raw = reader.take_bytes(reader.take<std::uint32_t>());
  if (reader.bad())
    return std::nullopt;
  const std::uint64_t type = field_of(raw, layout.type);
  if (type != layout.begin_id && type != layout.end_id)
    return std::nullopt;
  const bool begin = type == layout.begin_id;
  parsed.event.type = begin ? ContentionEvent::Type::begin : ContentionEvent::Type::end;
  parsed.event.tid = static_cast<std::uint32_t>(field_of(raw, layout.pid));
  parsed.event.lock = field_of(raw, begin ? layout.begin_lock : layout.end_lock);
  parsed.event.flags = begin ? static_cast<std::uint32_t>(field_of(raw, layout.flags)) : 0;
  return parsed;
}

struct perf_event_attr attr_for(std::uint64_t tracepoint, bool with_chain)
{
  struct perf_event_attr attr = {};
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.config = tracepoint;
  attr.sample_period = 1;
  attr.sample_type = kSampleType;
  attr.exclude_callchain_user = 1;
  attr.exclude_callchain_kernel = with_chain ? 0 : 1;
  attr.sample_max_stack = with_chain ? kChainDepth : 0;
  attr.read_format = PERF_FORMAT_ID | PERF_FORMAT_LOST;
  attr.disabled = 1;
  attr.watermark = 1;
  attr.wakeup_watermark = kWakeupBytes;
  attr.use_clockid = 1;  // monotonic_ns() says up to when the rings were read
  attr.clockid = CLOCK_MONOTONIC;
  return attr;
}

int no_print(enum libperf_print_level, const char*, va_list)
{
  return 0;
}

// libperf opens its descriptors without O_CLOEXEC; the load would inherit them.
void close_perf_events_on_exec()
{
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) == "anon_inode:[perf_event]")
      ::fcntl(std::stoi(entry.path().filename()), F_SETFD, FD_CLOEXEC);
  }
}

}  // namespace

struct ContentionTrace::State {
  RecordLayout layout;
  Kallsyms symbols;
  struct perf_evlist* events = nullptr;
  struct perf_evsel* both[2] = {};  // owned by `events`
  struct perf_cpu_map* cpus = nullptr;
  struct perf_thread_map* threads = nullptr;

  ChainNumbers chains;
  WaitPairer pairer;
  std::vector<ContentionEvent> pending;  // read, not yet paired
  std::uint64_t lost = 0;
  std::uint64_t drained_at = 0;  // when the drain before began
  std::uint64_t started_at = 0;
  std::uint64_t stopped_at = 0;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State()
  {
    if (events) {
      ::perf_evlist__munmap(events);
      ::perf_evlist__close(events);
      ::perf_evlist__delete(events);
    }
    ::perf_cpu_map__put(cpus);
    ::perf_thread_map__put(threads);
  }

  Result<> open_events();
  void take(const union perf_event& record);
  void drain();
  void pair_until(std::uint64_t time_ns);
  Result<std::uint64_t> lost_by_kernel() const;
};

Result<> ContentionTrace::State::open_events()
{
  ::libperf_init(no_print);
  const auto failed = [](const char* what, int negative_errno) {
    const bool rights = negative_errno == -EACCES || negative_errno == -EPERM;
    return Error{.code = rights ? Errc::unsupported : Errc::os,
                 .context = std::string(what) + " lock contention events",
                 .sys_errno = -negative_errno};
  };
  events = ::perf_evlist__new();
  cpus = ::perf_cpu_map__new(nullptr);
  // Not NULL: perf_evlist__mmap() would follow the pointer.
  threads = ::perf_thread_map__new_dummy();
  if (!events || !cpus || !threads)
    return failed("set up", -ENOMEM);
  for (const bool begin : {true, false}) {
    struct perf_event_attr attr = attr_for(begin ? layout.begin_id : layout.end_id, begin);
    struct perf_evsel* const event = ::perf_evsel__new(&attr);
    if (!event)
      return failed("set up", -ENOMEM);
    ::perf_evlist__add(events, event);
    both[begin ? 0 : 1] = event;
  }
  ::perf_evlist__set_maps(events, cpus, threads);
  if (const int result = ::perf_evlist__open(events); result < 0)
    return failed("open", result);
  close_perf_events_on_exec();
  const auto pages = kRingBytes / static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (const int result = ::perf_evlist__mmap(events, static_cast<int>(pages)); result < 0)
    return failed("map a ring for", result);
  return ok();
}

void ContentionTrace::State::take(const union perf_event& record)
{
  const std::string_view body(reinterpret_cast<const char*>(&record) + sizeof record.header,
                              record.header.size - sizeof record.header);
  if (record.header.type == PERF_RECORD_LOST) {
    lost += record.lost.lost;
  } else if (record.header.type == PERF_RECORD_SAMPLE) {
    auto parsed = parse_sample(body, layout);
    if (!parsed)
      return;
    if (parsed->event.type == ContentionEvent::Type::begin)
      parsed->event.chain = chains.number_of(parsed->chain);
    pending.push_back(parsed->event);
  }
}

void ContentionTrace::State::pair_until(std::uint64_t time_ns)
{
  std::ranges::stable_sort(pending, {}, &ContentionEvent::time_ns);
  const auto rest = std::ranges::upper_bound(pending, time_ns, {}, &ContentionEvent::time_ns);
  std::for_each(pending.begin(), rest, [this](const auto& event) { pairer.add(event); });
  pending.erase(pending.begin(), rest);
}

// A task may begin to wait on one CPU and end on another, so the rings must be merged
// by time. A ring read early in this drain lacks what a ring read late may have; what
// is older than the drain before is complete.
void ContentionTrace::State::drain()
{
  const std::uint64_t began = monotonic_ns();
  for (auto* ring = ::perf_evlist__next_mmap(events, nullptr, false); ring;
       ring = ::perf_evlist__next_mmap(events, ring, false)) {
    if (::perf_mmap__read_init(ring) < 0)
      continue;
    while (const auto* record = ::perf_mmap__read_event(ring)) {
      take(*record);
      ::perf_mmap__consume(ring);
    }
    // No perf_mmap__read_done(): it skips what came in after the last read.
  }
  pair_until(std::exchange(drained_at, began));
}

Result<std::uint64_t> ContentionTrace::State::lost_by_kernel() const
{
  std::uint64_t sum = 0;
  for (struct perf_evsel* event : both)
    for (int cpu = 0; cpu < ::perf_cpu_map__nr(cpus); ++cpu) {
      struct perf_counts_values counts = {};
      if (const int result = ::perf_evsel__read(event, cpu, 0, &counts); result < 0)
        return Error{.code = Errc::os,
                     .context = "read what was lost of the lock contention events",
                     .sys_errno = -result};
      sum += counts.lost;
    }
  return sum;
}

ContentionTrace::ContentionTrace(std::unique_ptr<State> state) : state_(std::move(state)) {}
ContentionTrace::ContentionTrace(ContentionTrace&&) noexcept = default;
ContentionTrace::~ContentionTrace() = default;

Result<ContentionTrace> ContentionTrace::open()
{
  auto state = std::make_unique<State>();
  const auto root = tracefs_root();
  if (!root)
    return root.error();
  auto layout = read_layout(*root);
  if (!layout)
    return layout.error();
  state->layout = *layout;
  auto symbols = Kallsyms::read("/proc");
  if (!symbols)
    return symbols.error();
  state->symbols = *std::move(symbols);
  if (auto opened = state->open_events(); !opened)
    return opened.error();
  return ContentionTrace(std::move(state));
}

Result<> ContentionTrace::start()
{
  state_->drained_at = state_->started_at = monotonic_ns();
  ::perf_evlist__enable(state_->events);
  return ok();
}

Result<> ContentionTrace::pump(int timeout_ms)
{
  if (::perf_evlist__poll(state_->events, timeout_ms) < 0 && errno != EINTR)
    return os_error("wait for lock contention events");
  state_->drain();
  return ok();
}

Result<> ContentionTrace::stop()
{
  ::perf_evlist__disable(state_->events);
  state_->stopped_at = monotonic_ns();
  state_->drain();
  state_->pair_until(~std::uint64_t{0});
  const auto lost = state_->lost_by_kernel();
  if (!lost)
    return lost.error();
  // PERF_RECORD_LOST comes with the next record that fits: the last losses lack it.
  state_->lost = std::max(state_->lost, *lost);
  return ok();
}

ContentionReport ContentionTrace::report() const
{
  const auto chains = state_->chains.resolve(state_->symbols);
  return {.rows = contention_rows(state_->pairer.waits(), chains),
          .counts = state_->pairer.counts(),
          .lost = state_->lost,
          .seconds = static_cast<double>(state_->stopped_at - state_->started_at) * 1e-9};
}

Capability contention_capability()
{
  Capability capability{.probe = "lock contention"};
  const auto trace = ContentionTrace::open();
  if (trace) {
    capability.reason = "lock:contention_begin and contention_end; an rwsem's spinning leaves none";
    return capability;
  }
  capability.state = Capability::State::not_here;
  capability.reason = to_string(trace.error());
  const auto root = tracefs_root();
  if (!root)
    capability.remedy = "root, a kernel with CONFIG_TRACING";
  else if (!tracepoint_id(*root, kBeginEvent))
    capability.remedy = "a kernel with lock:contention_begin (Linux 5.19) and CONFIG_TRACEPOINTS";
  else if (!Kallsyms::read("/proc"))
    capability.remedy = "CAP_SYSLOG and sysctl kernel.kptr_restrict=1 or 0";
  else
    capability.remedy = "CAP_PERFMON or sysctl kernel.perf_event_paranoid=-1";
  return capability;
}

}  // namespace rmaplab
