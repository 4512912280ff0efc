// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace_import.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/text.h"
#include "base/unique_fd.h"
#include "replay/address_space.h"
#include "replay/page_set.h"
#include "replay/trace_io.h"
#include "replay/validate.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

namespace rmaplab
{

namespace
{

// ---- first pass: lines into calls ----

enum class What : std::uint8_t { memory, fork, exec, exit, thread_end, wait, open };

struct Item {
  What what = What::memory;
  std::uint8_t shares = 0;  // fork: 1 the memory, 2 the process (a thread)
  std::uint64_t line = 0;
  std::uint64_t thread = 0;  // as the log has it
  std::uint64_t time_ns = 0;
  std::uint64_t number = 0;      // fork, wait: the other thread; open: the descriptor
  std::uint64_t descriptor = 0;  // memory: of mmap
  std::uint32_t path = 0;        // memory: 0 none, else its number
  TraceRow row;                  // memory
};

struct Call {
  std::string_view name;
  TraceEvent event;
  std::string_view names;  // of its arguments, as perf prints them
};
constexpr Call kMemoryCalls[] = {
    {"mmap", TraceEvent::mmap, "addr,len,prot,flags,fd,off"},
    {"munmap", TraceEvent::munmap, "addr,len"},
    {"mremap", TraceEvent::mremap, "addr,old_len,new_len,flags,new_addr"},
    {"mprotect", TraceEvent::mprotect, "start,len,prot"},
    {"pkey_mprotect", TraceEvent::pkey_mprotect, "start,len,prot,pkey"},
    {"madvise", TraceEvent::madvise, "start,len_in,behavior"},
    {"brk", TraceEvent::brk, "brk"},
    {"mlock", TraceEvent::mlock, "start,len"},
    {"mlock2", TraceEvent::mlock2, "start,len,flags"},
    {"munlock", TraceEvent::munlock, "start,len"},
    {"mlockall", TraceEvent::mlockall, "flags"},
    {"munlockall", TraceEvent::munlockall, ""},
    {"prctl", TraceEvent::prctl, "option,arg2,arg3,arg4,arg5"},
};

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names)
{
  return std::find(names.begin(), names.end(), name) != names.end();
}

// clone() and its kin: 1 shares the memory, 2 a thread.
std::uint8_t sharing(std::string_view name, std::string_view arguments)
{
  if (name == "vfork")
    return 1;
  if (name == "fork")
    return 0;
  // "flags=CLONE_VM|..., " of strace, "clone_flags: VM|THREAD" or "clone_flags: 0x01200011" of
  // perf.
  const auto at = arguments.find("flags");
  if (at == std::string_view::npos)
    return name == "clone3" ? 2 : 0;  // its flags are behind a pointer: glibc's threads
  std::string_view flags = arguments.substr(at + std::strlen("flags"));
  while (!flags.empty() && (flags.front() == '=' || flags.front() == ':' || flags.front() == ' '))
    flags.remove_prefix(1);
  flags = flags.substr(0, flags.find_first_of(",} "));
  bool memory = false;
  bool thread = false;
  for (const std::string_view word : split(flags, '|')) {
    memory |= word == "CLONE_VM" || word == "VM";
    thread |= word == "CLONE_THREAD" || word == "THREAD";
    if (const auto bits =
            word.substr(0, 2) == "0x" ? parse_u64(word.substr(2), 16) : std::nullopt) {
      memory |= (*bits & CLONE_VM) != 0;
      thread |= (*bits & CLONE_THREAD) != 0;
    }
  }
  return thread ? 2 : memory ? 1 : 0;
}

class Reading
{
 public:
  Reading(std::string name, const ImportOptions& options)
      : name_(std::move(name)), options_(options)
  {
    if (options.format)
      format_ = options.format;
  }

  Result<> add(std::string_view line)
  {
    ++summary_.lines;
    if (line.size() > kMaxLogLine) {
      unreadable(fmt::format("line is longer than {} bytes", kMaxLogLine));
      return ok();
    }
    // What strace says on standard error of a thread that appears is in the middle of a line.
    constexpr std::string_view kAttached = "strace: Process ";
    if (const auto at = line.find(kAttached); at != std::string_view::npos && line.size() > 9 &&
                                              line.substr(line.size() - 9) == " attached") {
      held_ += line.substr(0, at);
      const auto number = line.substr(at + kAttached.size());
      if (const auto child = parse_u64(number.substr(0, number.find(' '))))
        attached_.insert(*child);
      ++summary_.other;
      return held_.size() > kMaxLogLine ? too_long() : ok();
    }
    std::string joined;
    if (!held_.empty()) {
      joined = held_ + std::string(line);
      held_.clear();
      line = joined;
    }
    if (!format_)
      format_ = log_format(line);
    if (!format_) {
      unreadable("expected a line of strace, perf trace or perf script");
      return ok();
    }
    const LogLine parsed = parse_log_line(*format_, line);
    if (!parsed.event) {
      if (parsed.known)
        ++summary_.other;
      else
        unreadable(fmt::format("expected a line of {}", to_string(*format_)));
      return ok();
    }
    take(*parsed.event);
    if (items_.size() > kMaxImportEvents)
      return trace_error(name_, summary_.lines,
                         fmt::format("more than {} calls are there", kMaxImportEvents));
    return ok();
  }

  void unreadable(const std::string& why, std::uint64_t line = 0)
  {
    if (summary_.unreadable++ == 0)
      summary_.first_unreadable =
          fmt::format("{}:{}: {}", name_, line ? line : summary_.lines, why);
  }

  std::vector<Item>& items() { return items_; }
  ImportSummary& summary() { return summary_; }
  bool any() const { return format_.has_value(); }
  void finish()
  {
    summary_.format = format_.value_or(LogFormat::strace);
    summary_.unfinished += begun_.size() + !held_.empty();
  }

 private:
  Result<> too_long()
  {
    held_.clear();
    return ok();
  }

  void take(const LogEvent& event)
  {
    const std::uint64_t time = time_of(event);
    find_first_thread(event);
    Item item;
    item.line = summary_.lines;
    item.thread = event.thread ? event.thread : first_thread_;
    item.time_ns = time;
    switch (event.kind) {
      case LogKind::thread_end:
        item.what = What::thread_end;
        items_.push_back(item);
        if (item.thread == first_thread_)
          first_thread_ = 0;  // lines without a PID are of whoever is left
        return;
      case LogKind::exec:
        // Where the call's own events are there too, this one comes between them.
        scheduled_exec_.insert(item.thread);
        item.what = What::exec;
        items_.push_back(item);
        return;
      case LogKind::fork: {
        const auto begun = begun_.find(item.thread);
        if (begun != begun_.end() && is_fork(begun->second.name))
          return;  // the call's end says so
        item.what = What::fork;
        item.number = event.number;
        items_.push_back(item);
        return;
      }
      case LogKind::call_begin: {
        constexpr std::size_t kMostKept = 4096;
        if (event.name == "exit_group" || event.name == "exit")
          return complete(item, event.name, event.arguments, "?");
        if (begun_.size() >= kMaxLiveThreads && !begun_.contains(item.thread))
          return unreadable("more calls are under way than threads can be");
        begun_[item.thread] = {.name = std::string(event.name),
                               .arguments = std::string(event.arguments.substr(0, kMostKept)),
                               .line = summary_.lines};
        return;
      }
      case LogKind::call_end: {
        const auto begun = begun_.find(item.thread);
        if (begun == begun_.end() || begun->second.name != event.name) {
          // perf begins to look in the middle of execve(); a child comes out of its parent's.
          if (event.name == "execve" && log_result(event.result).value_or(-1) == 0)
            return complete(item, event.name, "", event.result);
          if (is_fork(event.name))
            return;
          return unreadable(fmt::format("the end of {}, whose beginning is not there", event.name));
        }
        std::string arguments = begun->second.arguments;
        if (!arguments.empty() && !event.arguments.empty() && arguments.back() == ',')
          arguments += ' ';
        arguments += event.arguments;
        const std::string name = begun->second.name;
        begun_.erase(begun);
        return complete(item, name, arguments, event.result);
      }
      case LogKind::call:
        return complete(item, event.name, event.arguments, event.result);
    }
  }

  // Standard error of strace has no PIDs while there is but one process. The first line with one
  // that was not said to be attached has the first process's.
  void find_first_thread(const LogEvent& event)
  {
    nameless_ |= event.thread == 0;
    if (event.thread == 0 || !nameless_ || first_found_ || attached_.contains(event.thread))
      return;
    first_found_ = true;
    first_thread_ = event.thread;
    for (Item& before : items_)
      if (before.thread == 0)
        before.thread = first_thread_;
    if (auto begun = begun_.extract(0)) {
      begun.key() = first_thread_;
      begun_.insert(std::move(begun));
    }
  }

  static bool is_fork(std::string_view name)
  {
    return is_one_of(name, {"clone", "clone3", "fork", "vfork"});
  }

  void complete(Item item, std::string_view name, std::string_view arguments,
                std::string_view result_text)
  {
    const auto result = log_result(result_text);
    if (is_fork(name)) {
      item.what = What::fork;
      item.shares = sharing(name, arguments);
      if (result && *result > 0) {
        item.number = static_cast<std::uint64_t>(*result);
        items_.push_back(item);
      }
      return;
    }
    if (is_one_of(name, {"execve", "execveat"})) {
      if (scheduled_exec_.erase(item.thread) > 0)
        return;
      item.what = What::exec;
      if (result && *result == 0)
        items_.push_back(item);
      return;
    }
    if (is_one_of(name, {"exit_group", "exit"})) {
      item.what = name == "exit" ? What::thread_end : What::exit;
      items_.push_back(item);
      return;
    }
    if (is_one_of(name, {"wait4", "waitpid"})) {
      item.what = What::wait;
      if (result && *result > 0) {
        item.number = static_cast<std::uint64_t>(*result);
        items_.push_back(item);
      }
      return;
    }
    if (is_one_of(name,
                  {"open", "openat", "openat2", "creat", "memfd_create", "dup", "dup2", "dup3"})) {
      item.what = What::open;
      if (result && *result >= 0) {
        item.number = static_cast<std::uint64_t>(*result);
        items_.push_back(item);
      }
      ++summary_.other;
      return;
    }
    const auto* call = std::find_if(std::begin(kMemoryCalls), std::end(kMemoryCalls),
                                    [name](const Call& one) { return one.name == name; });
    if (call == std::end(kMemoryCalls)) {
      ++summary_.other;
      return;
    }
    if (!result) {
      if (result_text == "?" || result_text.substr(0, 2) == "? ")
        ++summary_.unfinished;  // it was interrupted, or its process killed
      else
        unreadable(fmt::format("{} with the result \"{}\"", name, result_text.substr(0, 40)));
      return;
    }
    memory_call(item, *call, arguments, *result);
  }

  void memory_call(Item& item, const Call& call, std::string_view arguments, std::int64_t result)
  {
    const auto text = log_arguments(arguments, call.names);
    std::uint64_t a[8] = {};
    const std::size_t wanted =
        call.names.empty()
            ? 0
            : static_cast<std::size_t>(std::count(call.names.begin(), call.names.end(), ',')) + 1;
    const bool prctl = call.event == TraceEvent::prctl;
    for (std::size_t i = 0; i < wanted; ++i) {
      const auto number = log_number(text[i]);
      if (prctl && (i == 0 ? !number : i == 4)) {
        if (i == 0) {  // an option of prctl() that a trace cannot have
          ++summary_.other;
          return;
        }
        break;  // a name
      }
      if (!number) {
        if (prctl && a[0] != PR_SET_VMA) {
          ++summary_.other;
          return;
        }
        return unreadable(
            fmt::format("{}: argument {} is \"{}\"", call.name, i + 1, text[i].substr(0, 40)));
      }
      a[i] = *number;
    }
    TraceRow& row = item.row;
    row.event = call.event;
    row.result = result;
    row.address = a[0];
    row.length = a[1];
    switch (call.event) {
      case TraceEvent::mmap:
        row.prot = static_cast<std::uint32_t>(a[2]);
        row.flags = a[3] & 0xffffffff;
        row.offset = row.flags & MAP_ANONYMOUS ? 0 : a[5];
        item.descriptor = a[4];
        if (const auto path = log_path(text[4]); !path.empty() && !(row.flags & MAP_ANONYMOUS))
          item.path = path_number(path);
        break;
      case TraceEvent::mremap:
        row.new_length = a[2];
        row.flags = a[3];
        row.new_address = a[3] & (MREMAP_FIXED | MREMAP_DONTUNMAP) ? a[4] : 0;
        break;
      case TraceEvent::mprotect:
        row.prot = static_cast<std::uint32_t>(a[2]);
        break;
      case TraceEvent::pkey_mprotect:
        row.prot = static_cast<std::uint32_t>(a[2]);
        if (static_cast<std::int32_t>(a[3]) == -1)
          row.event = TraceEvent::mprotect;
        else
          row.flags = a[3] & 0xffffffff;
        break;
      case TraceEvent::madvise:
      case TraceEvent::mlock2:
        row.flags = a[2] & 0xffffffff;
        break;
      case TraceEvent::brk:
        row.length = 0;
        break;
      case TraceEvent::mlockall:
        row.flags = a[0];
        row.address = row.length = 0;
        break;
      case TraceEvent::munlockall:
        row.address = row.length = 0;
        break;
      case TraceEvent::prctl:
        if (a[0] != PR_SET_VMA && a[0] != PR_SET_THP_DISABLE && a[0] != 67) {
          ++summary_.other;
          return;
        }
        row.flags = a[0];
        row.address = a[1];
        row.length = a[2];
        row.new_length = a[3];
        break;
      default:
        break;
    }
    items_.push_back(item);
  }

  // From the first; a microsecond a line where there are none.
  std::uint64_t time_of(const LogEvent& event)
  {
    constexpr std::uint64_t kStep = 1000;
    if (!event.time_ns)
      return now_ns_ += any_time_ ? 0 : kStep;
    any_time_ = true;
    if (event.time_is_step) {
      now_ns_ += std::min(*event.time_ns, UINT64_MAX - now_ns_);
      return now_ns_;
    }
    if (!first_ns_)
      first_ns_ = *event.time_ns;
    constexpr std::uint64_t kDay = 86'400ull * 1'000'000'000;
    // The time of day begins anew.
    if (*event.time_ns + kDay / 2 < last_ns_ && last_ns_ < kDay)
      midnight_ns_ += kDay;
    last_ns_ = *event.time_ns;
    const std::uint64_t at = *event.time_ns + midnight_ns_;
    now_ns_ = at > *first_ns_ ? at - *first_ns_ : 0;
    return now_ns_;
  }

  std::uint32_t path_number(std::string_view path)
  {
    return paths_.try_emplace(std::string(path), static_cast<std::uint32_t>(paths_.size() + 1))
        .first->second;
  }

  struct Begun {
    std::string name;
    std::string arguments;
    std::uint64_t line = 0;
  };
  std::string name_;
  const ImportOptions& options_;
  std::optional<LogFormat> format_;
  std::string held_;
  std::vector<Item> items_;
  std::map<std::uint64_t, Begun> begun_;  // by thread
  std::uint64_t first_thread_ = 0;        // once its lines have a PID, while it lives
  bool first_found_ = false;
  bool nameless_ = false;  // lines without a PID are there
  std::set<std::uint64_t> attached_;
  std::set<std::uint64_t> scheduled_exec_;
  std::map<std::string, std::uint32_t, std::less<>> paths_;
  std::uint64_t now_ns_ = 0;
  std::optional<std::uint64_t> first_ns_;
  std::uint64_t last_ns_ = 0;
  std::uint64_t midnight_ns_ = 0;
  bool any_time_ = false;
  ImportSummary summary_;
};

// ---- second pass: calls into a trace ----

// From an exec, or the beginning of the log, on; a fork's children are in their parent's.
struct Life {
  std::size_t begins = 0;  // behind this many rows
  std::uint32_t process = 0;
  std::uint32_t thread = 0;
  PageSet mapped;  // ever
  PageSet found;   // there from the start
};

struct Space {
  AddressSpace memory;
  std::size_t life = 0;
  std::map<std::uint64_t, std::uint32_t> files;  // by descriptor
};

struct Member {
  std::uint32_t process = 0;
  std::uint32_t thread = 0;
};

class Building
{
 public:
  Building(Reading& reading, const std::string& name, const ImportOptions& options)
      : reading_(reading), options_(options), validator_(name, header(options))
  {
    trace_.header = header(options);
  }

  Result<ImportedTrace> run(const std::string& name)
  {
    std::vector<Item>& items = reading_.items();
    place_births(items);
    for (std::size_t i = 0; i < items.size(); ++i) {
      for (auto at = births_.find(i); at != births_.end() && at->first == i; ++at)
        add(items[at->second]);
      if (!moved_.contains(i))
        add(items[i]);
    }
    ImportSummary& summary = reading_.summary();
    if (trace_.rows.empty())
      return Error{.code = Errc::parse,
                   .context = summary.unreadable
                                  ? summary.first_unreadable
                                  : name + ": no call that concerns memory is in it"};
    insert_found();
    trace_.header.lost = summary.unreadable;
    trace_.header.complete = live_ == 0;
    trace_.header.command = std::filesystem::path(name).filename().string();
    trace_.header.note = note(summary);
    if (const auto valid = validate_trace(name, trace_); !valid)
      return valid.error();
    return ImportedTrace{.trace = std::move(trace_), .summary = summary};
  }

 private:
  static TraceHeader header(const ImportOptions& options)
  {
    TraceHeader header;
    header.kernel = options.kernel;
    header.machine = options.machine;
    header.page_size = options.page_size;
    return header;
  }

  // A child may act in the log before its parent's call returns: then it is born before that.
  void place_births(const std::vector<Item>& items)
  {
    std::map<std::uint64_t, std::size_t> seen;  // threads that acted and were not born
    std::set<std::uint64_t> born;
    if (!items.empty())
      born.insert(items[0].thread);
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Item& item = items[i];
      if (!born.contains(item.thread))
        seen.try_emplace(item.thread, i);
      if (item.what == What::thread_end && item.thread) {
        born.erase(item.thread);
      } else if (item.what == What::fork) {
        const auto early = seen.find(item.number);
        if (early != seen.end()) {
          births_.emplace(early->second, i);
          moved_.insert(i);
          seen.erase(early);
        }
        born.insert(item.number);
      }
    }
  }

  // Who acts; made where the log does not say how.
  Member* actor(const Item& item)
  {
    if (item.thread == 0) {
      if (members_.empty())
        return root(0, item);
      if (members_.size() == 1)
        return &members_.begin()->second;
      const auto found = members_.find(root_);
      return found == members_.end() ? nullptr : &found->second;
    }
    const auto found = members_.find(item.thread);
    if (found != members_.end())
      return &found->second;
    if (ended_.contains(item.thread) && (item.what == What::thread_end || item.what == What::exit))
      return nullptr;
    if (trace_.rows.empty())
      return root(item.thread, item);
    // Standard error has no PIDs before there is a second process.
    if (root_ == 0 && members_.contains(0)) {
      root_ = item.thread;
      members_[root_] = members_[0];
      members_.erase(0);
      return &members_[root_];
    }
    ++reading_.summary().unborn;
    return stranger(item);
  }

  Member* root(std::uint64_t thread, const Item& item)
  {
    if (processes_ > 0)
      return nullptr;  // it has ended
    root_ = thread;
    processes_ = threads_ = 1;
    ++live_;
    Member& member = members_[thread] = {.process = 1, .thread = 1};
    threads_of_[1] = {thread};
    spaces_[1] = new_space();
    if (item.what != What::exec)
      begin_life(member, TraceEvent::start, item);
    return &member;
  }

  // A thread of which nothing is known: a process of the first one's, with memory of its own.
  Member* stranger(const Item& item)
  {
    const auto first = std::find_if(members_.begin(), members_.end(),
                                    [](const auto& one) { return one.second.process == 1; });
    if (first == members_.end())
      return nullptr;
    if (!bear(first->second, item.thread, 0, item))
      return nullptr;
    Member& member = members_[item.thread];
    if (item.what != What::exec)
      begin_life(member, TraceEvent::exec, item);
    return &member;
  }

  std::shared_ptr<Space> new_space()
  {
    return std::make_shared<Space>(
        Space{.memory = AddressSpace(options_.page_size), .life = 0, .files = {}});
  }

  bool put(TraceRow row, const Member& member, const Item& item)
  {
    row.time_ns = item.time_ns;
    row.process = member.process;
    row.thread = member.thread;
    if (const auto good = validator_.add(row, item.line); !good) {
      const std::string& why = good.error().context;
      reading_.unreadable(why.substr(std::min(why.size(), why.find(": ") + 2)), item.line);
      return false;
    }
    trace_.rows.push_back(row);
    return true;
  }

  bool begin_life(const Member& member, TraceEvent event, const Item& item)
  {
    if (!put({.event = event}, member, item))
      return false;
    auto& space = spaces_[member.process];
    auto fresh = new_space();
    if (space)
      fresh->files = space->files;
    fresh->life = lives_.size();
    space = std::move(fresh);
    lives_.push_back({.begins = trace_.rows.size(),
                      .process = member.process,
                      .thread = member.thread,
                      .mapped = {},
                      .found = {}});
    return true;
  }

  bool bear(const Member& parent, std::uint64_t thread, std::uint8_t shares, const Item& item)
  {
    const Member maker = parent;
    const bool is_thread = shares == 2;
    TraceRow row = {.event = is_thread ? TraceEvent::thread : TraceEvent::fork};
    row.result = is_thread ? threads_ + 1 : processes_ + 1;
    if (!is_thread) {
      row.length = threads_ + 1;
      row.flags = shares;
    }
    if (!put(row, maker, item))
      return false;
    Member& child = members_[thread];
    child.thread = ++threads_;
    child.process = is_thread ? maker.process : ++processes_;
    ended_.erase(thread);
    threads_of_[child.process].insert(thread);
    if (is_thread)
      return true;
    ++live_;
    const auto& space = spaces_[maker.process];
    spaces_[child.process] =
        shares == 1
            ? space
            : std::make_shared<Space>(Space{
                  .memory = space->memory.forked(), .life = space->life, .files = space->files});
    process_of_thread_[thread] = child.process;
    return true;
  }

  void add(const Item& item)
  {
    Member* found = actor(item);
    if (!found) {
      if (item.what != What::thread_end && item.what != What::exit)
        reading_.unreadable("a call of a thread that has ended", item.line);
      return;
    }
    const Member member = *found;
    switch (item.what) {
      case What::fork:
        if (!members_.contains(item.number))
          bear(member, item.number, item.shares, item);
        return;
      case What::exec:
        exec(member, item);
        return;
      case What::exit:
        end(member, item);
        return;
      case What::thread_end:
        end_thread(member, item);
        return;
      case What::wait: {
        const auto child = process_of_thread_.find(item.number);
        if (child != process_of_thread_.end() && gone_.erase(child->second) > 0)
          put({.event = TraceEvent::wait, .result = child->second}, member, item);
        return;
      }
      case What::open:
        spaces_[member.process]->files[item.number] = ++last_file_;
        return;
      case What::memory:
        memory(member, item);
        return;
    }
  }

  void exec(const Member& member, const Item& item)
  {
    if (!begin_life(member, TraceEvent::exec, item))
      return;
    auto& threads = threads_of_[member.process];
    for (auto at = threads.begin(); at != threads.end();) {
      const auto other = members_.find(*at);
      if (other != members_.end() && other->second.thread != member.thread) {
        ended_.insert(*at);
        members_.erase(other);
        at = threads.erase(at);
      } else {
        ++at;
      }
    }
  }

  void end(const Member& member, const Item& item)
  {
    if (!put({.event = TraceEvent::exit}, member, item))
      return;
    for (const std::uint64_t thread : threads_of_[member.process]) {
      members_.erase(thread);
      ended_.insert(thread);
    }
    threads_of_.erase(member.process);
    spaces_.erase(member.process);
    gone_.insert(member.process);
    --live_;
  }

  void end_thread(const Member& member, const Item& item)
  {
    auto& threads = threads_of_[member.process];
    if (threads.size() <= 1)
      return end(member, item);
    if (!put({.event = TraceEvent::exit_thread}, member, item))
      return;
    const auto at = std::find_if(members_.begin(), members_.end(), [&](const auto& one) {
      return one.second.thread == member.thread;
    });
    threads.erase(at->first);
    ended_.insert(at->first);
    members_.erase(at);
  }

  // ---- memory ----

  std::uint64_t page(std::uint64_t address) const { return address / options_.page_size; }

  // Ranges that the call names and nothing mapped: they were there from the start.
  void find_range(Space& space, std::uint64_t begin, std::uint64_t length)
  {
    const std::uint64_t end = begin + space.memory.page_up(length);
    Life& life = lives_[space.life];
    if (begin % options_.page_size || end <= begin || end > address_end(trace_.header))
      return;
    for (std::uint64_t at = page(begin); at < page(end);) {
      const auto& runs = life.mapped.as_runs();
      const auto next = runs.upper_bound(at);
      if (next != runs.begin() && std::prev(next)->second > at) {
        at = std::prev(next)->second;
        continue;
      }
      const std::uint64_t to = next == runs.end() ? page(end) : std::min(page(end), next->first);
      life.found.add(at, to);
      life.mapped.add(at, to);
      space.memory.map(at * options_.page_size, {.end = to * options_.page_size,
                                                 .flags = MAP_PRIVATE | MAP_ANONYMOUS,
                                                 .prot = PROT_READ | PROT_WRITE});
      at = to;
    }
  }

  void memory(const Member& member, const Item& item)
  {
    const std::shared_ptr<Space> space = spaces_[member.process];
    TraceRow row = item.row;
    const bool failed = row.result < 0;
    if (!failed) {
      switch (row.event) {
        case TraceEvent::mremap:
        case TraceEvent::mprotect:
        case TraceEvent::pkey_mprotect:
        case TraceEvent::madvise:
        case TraceEvent::mlock:
        case TraceEvent::mlock2:
          find_range(*space, row.address, row.length);
          break;
        default:
          break;  // munmap() of nothing succeeds
      }
    }
    if (row.event == TraceEvent::mmap) {
      if (!(row.flags & MAP_ANONYMOUS))
        row.file = file_of(*space, item);
      else if (const auto type = row.flags & MAP_TYPE;
               type == MAP_SHARED || type == MAP_SHARED_VALIDATE)
        row.file = ++last_file_;
    }
    const auto old_break = space->memory.program_break();
    if (!put(row, member, item))
      return;
    ++reading_.summary().calls;
    space->memory.apply(row);
    if (failed)
      return;
    const auto result = static_cast<std::uint64_t>(row.result);
    auto mapped = [&](std::uint64_t begin, std::uint64_t length) {
      if (length > 0)
        lives_[space->life].mapped.add(page(begin), page(begin + space->memory.page_up(length)));
    };
    switch (row.event) {
      case TraceEvent::mmap:
        mapped(result, row.length);
        touch_first(member, item, *space, result, row.length);
        return;
      case TraceEvent::mremap:
        mapped(result, row.new_length);
        return;
      case TraceEvent::brk:
        if (old_break && result > *old_break) {
          const std::uint64_t begin = space->memory.page_up(*old_break);
          if (begin < result) {
            mapped(begin, result - begin);
            touch_first(member, item, *space, begin, result - begin);
          }
        }
        return;
      case TraceEvent::mprotect:
      case TraceEvent::pkey_mprotect:
        if (row.prot & PROT_WRITE)
          touch_first(member, item, *space, row.address, row.length);
        return;
      default:
        return;
    }
  }

  void touch_first(const Member& member, const Item& item, Space& space, std::uint64_t address,
                   std::uint64_t length)
  {
    if (options_.faults == ImportFaults::none || length == 0)
      return;
    const MappedRange* range = space.memory.touch(address, TraceEvent::write);
    if (!range || (range->flags & MAP_TYPE) != MAP_PRIVATE)
      return;
    if (put({.event = TraceEvent::write, .address = address}, member, item))
      ++reading_.summary().faults;
  }

  std::uint32_t file_of(Space& space, const Item& item)
  {
    if (item.path) {
      const auto [at, is_new] = path_files_.try_emplace(item.path, last_file_ + 1);
      last_file_ += is_new;
      return at->second;
    }
    const auto [at, is_new] = space.files.try_emplace(item.descriptor, last_file_ + 1);
    last_file_ += is_new;
    return at->second;
  }

  // The ranges found are `vma` rows right behind their exec.
  void insert_found()
  {
    std::uint64_t count = 0;
    for (const Life& life : lives_)
      count += life.found.runs();
    reading_.summary().found_ranges = count;
    if (count == 0)
      return;
    std::vector<TraceRow> rows;
    rows.reserve(trace_.rows.size() + count);
    auto life = lives_.begin();
    for (std::size_t i = 0; i <= trace_.rows.size(); ++i) {
      for (; life != lives_.end() && life->begins == i; ++life)
        for (const auto& [begin, end] : life->found.as_runs()) {
          TraceRow row = {
              .process = life->process, .thread = life->thread, .event = TraceEvent::vma};
          row.time_ns = rows.empty() ? 0 : rows.back().time_ns;
          row.address = begin * options_.page_size;
          row.length = (end - begin) * options_.page_size;
          row.flags = MAP_PRIVATE | MAP_ANONYMOUS;
          row.prot = PROT_READ | PROT_WRITE;
          rows.push_back(row);
        }
      if (i < trace_.rows.size())
        rows.push_back(trace_.rows[i]);
    }
    trace_.rows = std::move(rows);
  }

  std::string note(const ImportSummary& summary) const
  {
    std::string text = fmt::format("imported from {}: ", to_string(summary.format));
    text += options_.faults == ImportFaults::none
                ? "no page faults"
                : fmt::format(
                      "{} page {} (the first page of private memory when it becomes "
                      "writable)",
                      summary.faults, kFaultsByRule);
    text += ", no counts of VMAs";
    if (summary.found_ranges)
      text += fmt::format("; {} ranges that nothing mapped taken to be there from the start",
                          summary.found_ranges);
    if (summary.unborn)
      text += fmt::format("; {} threads of unknown birth taken for processes", summary.unborn);
    if (summary.unfinished)
      text += fmt::format("; {} calls without an end left out", summary.unfinished);
    if (summary.unreadable)
      text += fmt::format("; {} lines not read", summary.unreadable);
    return text;
  }

  Reading& reading_;
  const ImportOptions& options_;
  TraceValidator validator_;
  Trace trace_;
  std::multimap<std::size_t, std::size_t> births_;  // before this item, that one
  std::set<std::size_t> moved_;
  std::map<std::uint64_t, Member> members_;  // alive, by the log's number
  std::map<std::uint32_t, std::set<std::uint64_t>> threads_of_;
  std::map<std::uint32_t, std::shared_ptr<Space>> spaces_;  // by process
  std::map<std::uint64_t, std::uint32_t> process_of_thread_;
  std::set<std::uint64_t> ended_;
  std::set<std::uint32_t> gone_;  // ended and not reaped
  std::vector<Life> lives_;
  std::map<std::uint32_t, std::uint32_t> path_files_;
  std::uint64_t root_ = 0;
  std::uint32_t processes_ = 0;
  std::uint32_t threads_ = 0;
  std::uint32_t last_file_ = 0;
  std::uint64_t live_ = 0;
};

// Lines of a file in a buffer that does not grow beyond a line's limit: what is longer comes
// cut, one byte too long.
class FileLines
{
 public:
  explicit FileLines(UniqueFd fd, std::string name)
      : fd_(std::move(fd)), name_(std::move(name)), buffer_(256 << 10, '\0')
  {
  }
  Result<std::optional<std::string_view>> next()
  {
    line_.clear();
    bool any = false;
    for (;;) {
      if (at_ == filled_) {
        ssize_t got = 0;
        do
          got = ::read(fd_.get(), buffer_.data(), buffer_.size());
        while (got < 0 && errno == EINTR);
        if (got < 0)
          return os_error("read " + name_);
        if (got == 0)
          return any ? std::optional<std::string_view>(line_) : std::nullopt;
        at_ = 0;
        filled_ = static_cast<std::size_t>(got);
      }
      any = true;
      const std::string_view rest(buffer_.data() + at_, filled_ - at_);
      const auto end = rest.find('\n');
      const std::string_view part = rest.substr(0, end);
      line_.append(part.substr(0, kMaxLogLine + 1 - std::min(line_.size(), kMaxLogLine + 1)));
      at_ += end == std::string_view::npos ? rest.size() : end + 1;
      if (end != std::string_view::npos)
        return std::optional<std::string_view>(line_);
    }
  }

 private:
  UniqueFd fd_;
  std::string name_;
  std::string buffer_;
  std::string line_;
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
};

}  // namespace

Result<ImportedTrace> import_log(const std::string& name, const LineSource& lines,
                                 const ImportOptions& options)
{
  Reading reading(name, options);
  for (;;) {
    const auto line = lines();
    if (!line)
      return line.error();
    if (!*line)
      break;
    if (auto good = reading.add(**line); !good)
      return good.error();
  }
  reading.finish();
  if (!reading.any())
    return Error{
        .code = Errc::parse,
        .context = reading.summary().lines == 0
                       ? name + ": is empty, expected a log of strace, perf trace or perf script"
                       : reading.summary().first_unreadable};
  return Building(reading, name, options).run(name);
}

Result<ImportedTrace> import_log(const std::filesystem::path& path, const ImportOptions& options)
{
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return os_error("open " + path.string());
  FileLines lines(std::move(fd), path.string());
  return import_log(
      path.string(), [&lines] { return lines.next(); }, options);
}

}  // namespace rmaplab
