// SPDX-License-Identifier: GPL-2.0-only
#include "probes/object_events.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/text.h"
#include "probes/slab.h"

namespace rmaplab
{

namespace
{

constexpr std::string_view kMark = "rmaplab:";

struct Event {
  enum class Kind { allocation, freeing, mark };
  Kind kind = Kind::mark;
  std::string_view site;      // "anon_vma_fork+0x6d"
  std::string_view function;  // "anon_vma_fork"
  std::string_view pointer;
  std::string_view name;  // "" where the event has none
  std::uint64_t bytes = 0;
  std::string_view gfp;
  std::string_view mark;
};

// The value of "key=" in blank-separated fields; "" when there is none.
std::string_view field(std::string_view fields, std::string_view key)
{
  for (std::size_t at = fields.find(key); at != std::string_view::npos;
       at = fields.find(key, at + 1))
    if ((at == 0 || fields[at - 1] == ' ') && fields.substr(at + key.size(), 1) == "=") {
      const auto value = fields.substr(at + key.size() + 1);
      return value.substr(0, value.find(' '));
    }
  return {};
}

// Nothing for a line that is not ours: comments, "CPU 0 buffer started".
std::optional<Result<Event>> parse_line(std::string_view line)
{
  const auto at_mark = line.find(kMark);
  if (line.find("tracing_mark_write: ") != std::string_view::npos &&
      at_mark != std::string_view::npos)
    return Event{.mark = trim(line.substr(at_mark + kMark.size()))};
  constexpr std::string_view kEvents[] = {"kmem_cache_alloc: ", "kmem_cache_free: "};
  for (const auto event : kEvents) {
    const auto at = line.find(event);
    if (at == std::string_view::npos)
      continue;
    const auto fields = line.substr(at + event.size());
    const bool allocation = event == kEvents[0];
    Event found{.kind = allocation ? Event::Kind::allocation : Event::Kind::freeing,
                .site = field(fields, "call_site"),
                .pointer = field(fields, "ptr"),
                .name = field(fields, "name"),
                .gfp = field(fields, "gfp_flags")};
    found.site = found.site.substr(0, found.site.find('/'));
    found.function = found.site.substr(0, found.site.find('+'));
    const auto bytes = parse_u64(field(fields, "bytes_req"));
    found.bytes = bytes.value_or(0);
    if (found.function.empty() || found.pointer.empty() || (allocation && !bytes) ||
        (!allocation && found.name.empty()))
      return Error{.code = Errc::parse,
                   .context = fmt::format("expected call_site=, ptr= and {}= after {}",
                                          allocation ? "bytes_req" : "name", event)};
    return found;
  }
  return std::nullopt;
}

bool contains(std::string_view text, std::string_view part)
{
  return text.find(part) != std::string_view::npos;
}

// Whether a function of this name handles objects of the cache, for where the cache's
// name alone cannot tell: merged caches, events without a name.
bool is_rmap_function(std::string_view function, const RmapCache& cache)
{
  if (cache.name == "vm_area_struct")
    return contains(function, "vm_area") || contains(function, "vma");
  return contains(function, "anon_vma");
}

const RmapCache* cache_of_name(std::string_view name, std::string_view function,
                               const std::vector<RmapCache>& caches)
{
  for (const RmapCache& cache : caches)
    for (const auto& event_name : cache.event_names)
      if (event_name == name && (!cache.merged() || is_rmap_function(function, cache)))
        return &cache;
  return nullptr;
}

// For events without a name: which cache a call site allocates from.
class UnnamedSites
{
 public:
  explicit UnnamedSites(const std::vector<RmapCache>& caches) : caches_(caches) {}
  // Learns from the names under which a site's objects are freed.
  void learn(const Event& event)
  {
    if (event.kind == Event::Kind::mark || event.pointer.front() == '(')
      return;  // "(____ptrval____)": hashed before there were random numbers for it
    if (event.kind == Event::Kind::allocation)
      site_of_pointer_[event.pointer] = Site{event.site, event.bytes};
    else if (event.kind == Event::Kind::freeing)
      if (const auto found = site_of_pointer_.find(event.pointer);
          found != site_of_pointer_.end()) {
        ++votes_[found->second][cache_of_name(event.name, event.function, caches_)];
        site_of_pointer_.erase(found);
      }
  }
  const RmapCache* cache_of(const Event& event) const
  {
    for (const RmapCache& cache : caches_)
      if (cache.object_size == event.bytes && is_rmap_function(event.function, cache))
        return &cache;
    // Inlined into a function whose name says nothing. The most votes: pointers may be
    // printed as hashes of 32 bits, and two of them be equal.
    if (const auto known = votes_.find({event.site, event.bytes}); known != votes_.end())
      return std::max_element(known->second.begin(), known->second.end(),
                              [](const auto& a, const auto& b) { return a.second < b.second; })
          ->first;
    return nullptr;
  }

 private:
  using Site = std::pair<std::string_view, std::uint64_t>;
  const std::vector<RmapCache>& caches_;
  std::map<std::string_view, Site> site_of_pointer_;
  std::map<Site, std::map<const RmapCache*, std::size_t>> votes_;
};

Result<std::vector<Event>> events_of(std::string_view text)
{
  std::vector<Event> events;
  std::size_t number = 0;
  for (const auto line : lines_of(text)) {
    ++number;
    auto event = parse_line(line);
    if (!event)
      continue;
    if (!*event)
      return Error{.code = Errc::parse,
                   .context = fmt::format("trace:{}: {}", number, event->error().context)};
    events.push_back(**event);
  }
  return events;
}

// Event filter that lets the three caches through; by size where there is no name.
std::string name_filter(const std::vector<RmapCache>& caches)
{
  std::string filter;
  for (const RmapCache& cache : caches)
    for (const auto& name : cache.event_names)
      filter += fmt::format("{}name==\"{}\"", filter.empty() ? "" : "||", name);
  return filter;
}

std::string size_filter(const std::vector<RmapCache>& caches)
{
  std::string filter;
  for (const RmapCache& cache : caches)
    if (cache.object_size > 0)
      filter += fmt::format("{}bytes_req=={}", filter.empty() ? "" : "||", cache.object_size);
  return filter;
}

Result<> arm_instance(const TraceInstance& instance, const std::vector<RmapCache>& caches,
                      std::size_t buffer_kib)
{
  const int cpu = ::sched_getcpu();
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<std::size_t>(cpu), &only);
  if (::sched_setaffinity(0, sizeof only, &only) < 0)
    return os_error("pin to one CPU");
  const std::string pid = std::to_string(::getpid());
  const std::pair<std::string, std::string> steps[] = {
      // A count instead of a time: a strict order.
      {"trace_clock", "counter"},
      {"options/overwrite", "0"},
      {fmt::format("per_cpu/cpu{}/buffer_size_kb", cpu), std::to_string(buffer_kib)},
      // Before set_event_pid: children are followed from the first fork on.
      {"options/event-fork", "1"},
      {"set_event_pid", pid},
      {"events/kmem/kmem_cache_free/filter", name_filter(caches)},
  };
  for (const auto& [file, value] : steps)
    if (auto done = instance.set(file, value); !done)
      return done;
  // Pointers as they are, where the kernel has the option: they are only compared.
  static_cast<void>(instance.set("options/hash-ptr", "0"));
  const std::string alloc_filter = "events/kmem/kmem_cache_alloc/filter";
  if (!instance.set(alloc_filter, name_filter(caches)))
    if (const std::string sizes = size_filter(caches); !sizes.empty())
      if (auto done = instance.set(alloc_filter, sizes); !done)
        return done;
  for (const char* event :
       {"events/kmem/kmem_cache_alloc/enable", "events/kmem/kmem_cache_free/enable", "tracing_on"})
    if (auto done = instance.set(event, "1"); !done)
      return done;
  return ok();
}

}  // namespace

std::vector<RmapCache> read_rmap_caches(const std::string& sys_root)
{
  const std::string slab = sys_root + "/kernel/slab/";
  std::vector<RmapCache> caches;
  for (const std::string& name : kRmapCaches) {
    RmapCache cache{.name = name, .event_names = {name}};
    if (const auto size = read_file(slab + name + "/object_size"))
      cache.object_size = parse_u64(trim(*size)).value_or(0);
    if (const auto others = merged_with(sys_root, name))
      cache.event_names.insert(cache.event_names.end(), others->begin(), others->end());
    caches.push_back(std::move(cache));
  }
  return caches;
}

ObjectCount total(const ObjectTable& table, const std::string& cache)
{
  ObjectCount sum;
  if (const auto found = table.find(cache); found != table.end())
    for (const auto& [function, count] : found->second) {
      sum.allocated += count.allocated;
      sum.freed += count.freed;
    }
  return sum;
}

Result<ObjectTrace> parse_object_trace(std::string_view text, const std::vector<RmapCache>& caches)
{
  const auto events = events_of(text);
  if (!events)
    return events.error();
  UnnamedSites unnamed(caches);
  for (const Event& event : *events)
    unnamed.learn(event);

  ObjectTrace trace;
  ObjectTable all;
  bool inside = false;
  for (const Event& event : *events) {
    if (event.kind == Event::Kind::mark) {
      inside = event.mark == "begin" || (inside && event.mark != "end");
      if (event.mark == "begin")
        trace.operation.clear();
      if (event.mark == "observe" && !trace.until_observed)
        trace.until_observed = all;
      continue;
    }
    const bool allocation = event.kind == Event::Kind::allocation;
    const RmapCache* cache = event.name.empty() ? unnamed.cache_of(event)
                                                : cache_of_name(event.name, event.function, caches);
    if (!cache)
      continue;
    if (!allocation && contains(event.function, "rcu")) {
      trace.vmas_freed_by_rcu = true;
      continue;
    }
    if (allocation && event.function == "anon_vma_clone")
      trace.clone_gfp = event.gfp;
    for (ObjectTable* table : {&all, inside ? &trace.operation : nullptr})
      if (table) {
        ObjectCount& count = (*table)[cache->name][std::string(event.function)];
        ++(allocation ? count.allocated : count.freed);
      }
  }
  return trace;
}

ObjectEvents::ObjectEvents(TraceInstance instance, std::vector<RmapCache> caches, int marker)
    : instance_(std::move(instance)), caches_(std::move(caches)), marker_(marker)
{
}

Result<ObjectEvents> ObjectEvents::arm(std::size_t buffer_kib)
{
  const auto root = tracefs_root();
  if (!root)
    return root.error();
  if (auto id = tracepoint_id(*root, "kmem/kmem_cache_alloc"); !id)
    return id.error();
  static_cast<void>(remove_stale_instances(*root));  // those in use are no hindrance
  auto instance = TraceInstance::create(*root, trace_instance_name());
  if (!instance)
    return instance.error();
  auto caches = read_rmap_caches("/sys");
  if (auto armed = arm_instance(*instance, caches, buffer_kib); !armed)
    return armed.error();
  const int marker = ::open((instance->folder() + "/trace_marker").c_str(), O_WRONLY | O_CLOEXEC);
  if (marker < 0)
    return os_error("open the trace marker");
  return ObjectEvents(*std::move(instance), std::move(caches), marker);
}

void ObjectEvents::mark(std::string_view what) const
{
  char text[32];
  const auto end = fmt::format_to_n(text, sizeof text, "{}{}\n", kMark, what);
  // A mark that is missing shows: the operation's table stays empty.
  static_cast<void>(!::write(marker_.get(), text, end.size));
}

Result<ObjectTrace> ObjectEvents::read()
{
  if (auto off = instance_.set("tracing_on", "0"); !off)
    return off.error();
  const auto lost = instance_.lost();
  if (!lost)
    return lost.error();
  if (*lost > 0)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("{} object events did not fit in the buffer", *lost)};
  const auto text = read_file(instance_.folder() + "/trace");
  if (!text)
    return text.error();
  return parse_object_trace(*text, caches_);
}

Result<> ObjectEvents::restart()
{
  // Opening `trace` to overwrite it empties the buffer and its counts of what was lost.
  if (auto emptied = instance_.set("trace", "0"); !emptied)
    return emptied;
  return instance_.set("tracing_on", "1");
}

void remove_stale_object_traces()
{
  const auto root = tracefs_root();
  if (!root)
    return;  // nor had the killed process one
  constexpr struct timespec kPause = {.tv_sec = 0, .tv_nsec = 20'000'000};
  for (int i = 0; i < 50 && remove_stale_instances(*root) > 0; ++i)
    ::nanosleep(&kPause, nullptr);
}

Capability object_events_capability()
{
  Capability capability{.probe = "object events",
                        .reason =
                            "kmem:kmem_cache_alloc and _free of one process tree, per "
                            "call site, exit included"};
  auto fail = [&](const Error& error) {
    capability.state = Capability::State::not_here;
    capability.reason = to_string(error);
    capability.remedy =
        error.sys_errno == EPERM || error.sys_errno == EACCES || contains(error.context, "root")
            ? "run as root on a host where tracefs may be written"
            : "a kernel with CONFIG_FTRACE and CONFIG_EVENT_TRACING";
    return capability;
  };
  cpu_set_t before;
  ::sched_getaffinity(0, sizeof before, &before);
  auto events = ObjectEvents::arm(64);
  if (!events) {
    ::sched_setaffinity(0, sizeof before, &before);
    return fail(events.error());
  }
  events->begin();
  // Cannot be merged with what is there: another protection on either side.
  void* const page = ::mmap(nullptr, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED)
    ::munmap(page, 1);
  events->end();
  const auto trace = events->read();
  ::sched_setaffinity(0, sizeof before, &before);
  if (!trace)
    return fail(trace.error());
  if (total(trace->operation, "vm_area_struct").allocated == 0)
    return fail({.code = Errc::unsupported, .context = "an mmap showed no allocation of a VMA"});
  return capability;
}

}  // namespace rmaplab
