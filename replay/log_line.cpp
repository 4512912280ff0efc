// SPDX-License-Identifier: GPL-2.0-only
#include "replay/log_line.h"

#include <linux/mman.h>
#include <linux/prctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

namespace rmaplab
{

namespace
{

struct Word {
  std::string_view name;
  std::uint64_t value;
};

// include/uapi/asm-generic/mman-common.h, mman.h, linux/mman.h and prctl.h. Without their prefix
// they still mean one thing each, but for READ and WRITE of RWF_*, which no call here takes.
constexpr Word kWords[] = {
    {"PROT_NONE", 0},
    {"PROT_READ", 1},
    {"PROT_WRITE", 2},
    {"PROT_EXEC", 4},
    {"PROT_SEM", 8},
    {"PROT_GROWSDOWN", 0x01000000},
    {"PROT_GROWSUP", 0x02000000},
    {"MAP_FILE", 0},
    {"MAP_SHARED", 1},
    {"MAP_PRIVATE", 2},
    {"MAP_SHARED_VALIDATE", 3},
    {"MAP_DROPPABLE", 8},
    {"MAP_FIXED", 0x10},
    {"MAP_ANONYMOUS", 0x20},
    {"MAP_32BIT", 0x40},
    {"MAP_GROWSDOWN", 0x100},
    {"MAP_DENYWRITE", 0x800},
    {"MAP_EXECUTABLE", 0x1000},
    {"MAP_LOCKED", 0x2000},
    {"MAP_NORESERVE", 0x4000},
    {"MAP_POPULATE", 0x8000},
    {"MAP_NONBLOCK", 0x10000},
    {"MAP_STACK", 0x20000},
    {"MAP_HUGETLB", 0x40000},
    {"MAP_SYNC", 0x80000},
    {"MAP_FIXED_NOREPLACE", 0x100000},
    {"MREMAP_MAYMOVE", 1},
    {"MREMAP_FIXED", 2},
    {"MREMAP_DONTUNMAP", 4},
    {"MADV_NORMAL", 0},
    {"MADV_RANDOM", 1},
    {"MADV_SEQUENTIAL", 2},
    {"MADV_WILLNEED", 3},
    {"MADV_DONTNEED", 4},
    {"MADV_FREE", 8},
    {"MADV_REMOVE", 9},
    {"MADV_DONTFORK", 10},
    {"MADV_DOFORK", 11},
    {"MADV_MERGEABLE", 12},
    {"MADV_UNMERGEABLE", 13},
    {"MADV_HUGEPAGE", 14},
    {"MADV_NOHUGEPAGE", 15},
    {"MADV_DONTDUMP", 16},
    {"MADV_DODUMP", 17},
    {"MADV_WIPEONFORK", 18},
    {"MADV_KEEPONFORK", 19},
    {"MADV_COLD", 20},
    {"MADV_PAGEOUT", 21},
    {"MADV_POPULATE_READ", 22},
    {"MADV_POPULATE_WRITE", 23},
    {"MADV_DONTNEED_LOCKED", 24},
    {"MADV_COLLAPSE", 25},
    {"MADV_HWPOISON", 100},
    {"MADV_SOFT_OFFLINE", 101},
    {"MADV_GUARD_INSTALL", 102},
    {"MADV_GUARD_REMOVE", 103},
    {"MCL_CURRENT", 1},
    {"MCL_FUTURE", 2},
    {"MCL_ONFAULT", 4},
    {"MLOCK_ONFAULT", 1},
    {"PR_SET_VMA", PR_SET_VMA},
    {"PR_SET_VMA_ANON_NAME", 0},
    {"PR_SET_THP_DISABLE", 41},
    {"PR_SET_MEMORY_MERGE", 67},
};

bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

std::string_view drop_blanks(std::string_view text)
{
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  return text;
}

bool starts(std::string_view text, std::string_view with)
{
  return text.substr(0, with.size()) == with;
}

// The number that the text begins with, taken off it; at most 19 digits.
std::optional<std::uint64_t> take_number(std::string_view& text)
{
  std::size_t digits = 0;
  while (digits < text.size() && digits < 19 && is_digit(text[digits]))
    ++digits;
  if (digits == 0)
    return {};
  const auto number = parse_u64(text.substr(0, digits));
  text.remove_prefix(digits);
  return number;
}

// "12.345678": seconds in ns. Taken off the text.
std::optional<std::uint64_t> take_seconds(std::string_view& text)
{
  std::string_view rest = text;
  const auto whole = take_number(rest);
  if (!whole || rest.empty() || rest.front() != '.')
    return {};
  rest.remove_prefix(1);
  std::uint64_t part = 0;
  int digits = 0;
  for (; !rest.empty() && is_digit(rest.front()); rest.remove_prefix(1))
    if (++digits <= 9)
      part = part * 10 + static_cast<std::uint64_t>(rest.front() - '0');
  constexpr std::uint64_t kSecond = 1'000'000'000;
  if (digits == 0 || *whole > UINT64_MAX / kSecond - 1)
    return {};
  for (; digits < 9; ++digits)
    part *= 10;
  text = rest;
  return *whole * kSecond + part;
}

bool is_name(std::string_view text)
{
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_';
  });
}

// Follows brackets and strings, which may hold any, a character at a time.
class Nesting
{
 public:
  // False within a string, its ends included.
  bool add(char c)
  {
    if (in_string_) {
      if (escaped_)
        escaped_ = false;
      else if (c == '\\')
        escaped_ = true;
      else if (c == '"')
        in_string_ = false;
      return false;
    }
    if (c == '"') {
      in_string_ = true;
      return false;
    }
    if (c == '(' || c == '[' || c == '{')
      ++depth_;
    else if (c == ')' || c == ']' || c == '}')
      --depth_;
    return true;
  }
  int depth() const { return depth_; }

 private:
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

// Where the bracket that the text begins within is closed.
std::size_t closing(std::string_view text)
{
  Nesting nesting;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (nesting.add(text[i]) && text[i] == ')' && nesting.depth() == -1)
      return i;
  return std::string_view::npos;
}

// "name(arguments) = result", "name(arguments <unfinished ...>".
bool take_call(std::string_view text, LogEvent& event)
{
  constexpr std::string_view kUnfinished = "<unfinished ...>";
  const auto open = text.find('(');
  if (open == std::string_view::npos || !is_name(text.substr(0, open)))
    return false;
  event.name = text.substr(0, open);
  text.remove_prefix(open + 1);
  const auto close = closing(text);
  if (close == std::string_view::npos) {
    const auto end = text.rfind(kUnfinished);
    if (end == std::string_view::npos || end + kUnfinished.size() < text.size())
      return false;
    event.kind = LogKind::call_begin;
    event.arguments = trim(text.substr(0, end));
    return true;
  }
  event.arguments = text.substr(0, close);
  std::string_view rest = trim(text.substr(close + 1));
  if (rest == "...") {  // perf trace: goes on in another line
    event.kind = LogKind::call_begin;
    return true;
  }
  if (rest.empty() || rest.front() != '=')
    return false;
  event.kind = LogKind::call;
  event.result = trim(rest.substr(1));
  return true;
}

// ---- strace ----

// "1700000000.123456 ", "10:00:00.000100 ", "     0.000214 "; off the text.
void take_strace_time(std::string_view& text, LogEvent& event)
{
  std::string_view rest = drop_blanks(text);
  const bool padded = rest.size() < text.size();
  std::string_view clock = rest;
  const auto hours = take_number(clock);
  if (hours && *hours < 24 && clock.size() > 6 && clock[0] == ':' && clock[3] == ':') {
    clock.remove_prefix(1);
    const auto minutes = take_number(clock);
    clock.remove_prefix(std::min<std::size_t>(1, clock.size()));
    std::string_view before = clock;
    auto ns = take_seconds(clock);
    if (!ns) {
      clock = before;
      if (const auto seconds = take_number(clock))
        ns = *seconds % 100 * 1'000'000'000;
    }
    if (minutes && ns && *minutes < 60 && !clock.empty() && clock.front() == ' ') {
      event.time_ns = (*hours * 60 + *minutes) * 60 * 1'000'000'000 + *ns;
      text = drop_blanks(clock);
      return;
    }
  }
  if (const auto seconds = take_seconds(rest); seconds && !rest.empty() && rest.front() == ' ') {
    event.time_ns = seconds;
    // A time since 1970 is longer than what a log lasts.
    constexpr std::uint64_t kEpoch = 100'000'000ull * 1'000'000'000;
    event.time_is_step = padded && *seconds < kEpoch;
    text = drop_blanks(rest);
  }
}

LogLine parse_strace(std::string_view line)
{
  LogEvent event;
  constexpr std::string_view kPid = "[pid ";
  std::string_view text = line;
  if (starts(text, kPid)) {
    text.remove_prefix(kPid.size());
    text = drop_blanks(text);
    const auto pid = take_number(text);
    if (!pid || text.empty() || text.front() != ']')
      return {.event = {}, .known = false};
    event.thread = *pid;
    text.remove_prefix(1);
    if (!text.empty() && text.front() == ' ')
      text.remove_prefix(1);
  } else if (!text.empty() && is_digit(text.front())) {  // strace -o: "4711  execve("
    std::string_view rest = text;
    const auto pid = take_number(rest);
    if (pid && !rest.empty() && rest.front() == ' ') {
      event.thread = *pid;
      text = rest.substr(1);
      if (!text.empty() && text.front() == ' ' && text.size() > 1 && text[1] != ' ')
        text.remove_prefix(1);
    }
  }
  take_strace_time(text, event);
  text = trim(text);
  if (text.empty() || starts(text, "--- ") || starts(text, "strace: "))
    return {};
  if (starts(text, "+++ ")) {
    event.kind = LogKind::thread_end;
    if (text.find("superseded") != std::string_view::npos)
      return {};
    return {.event = event};
  }
  constexpr std::string_view kResumed = "<... ";
  if (starts(text, kResumed)) {
    text.remove_prefix(kResumed.size());
    const auto end = text.find(" resumed>");
    if (end == std::string_view::npos || !is_name(text.substr(0, end)))
      return {.event = {}, .known = false};
    event.kind = LogKind::call_end;
    event.name = text.substr(0, end);
    text.remove_prefix(end + std::strlen(" resumed>"));
    const auto close = closing(text);
    if (close == std::string_view::npos)
      return {.event = {}, .known = false};
    event.arguments = text.substr(0, close);
    text = trim(text.substr(close + 1));
    if (text.empty() || text.front() != '=')
      return {.event = {}, .known = false};
    event.result = trim(text.substr(1));
    return {.event = event};
  }
  if (!take_call(text, event))
    return {.event = {}, .known = false};
  return {.event = event};
}

// ---- perf trace ----

// "     0.355 ( 0.017 ms): sh/17491 mmap(len: 53867, ...)       = 0x7f.."
LogLine parse_perf_trace(std::string_view line)
{
  LogEvent event;
  std::string_view text = drop_blanks(line);
  if (text.empty() || text.front() == '#')
    return {};
  const auto colon = text.find("): ");
  const auto open = text.find('(');
  if (colon == std::string_view::npos || open == std::string_view::npos || open > colon)
    return {.event = {}, .known = false};
  if (text.front() == '?') {
    text.remove_prefix(1);
  } else {
    const auto at = take_seconds(text);  // milliseconds
    if (!at)
      return {.event = {}, .known = false};
    event.time_ns = *at / 1000;
    std::string_view lasted = drop_blanks(line.substr(line.find('(') + 1));
    if (const auto ns = take_seconds(lasted))
      event.time_ns = *event.time_ns + *ns / 1000;
  }
  text = line.substr(line.find("): ") + 3);
  text = drop_blanks(text);
  // "comm/tid", where there are several; a comm may hold blanks.
  const auto call = text.find('(');
  const auto slash = text.substr(0, call).rfind('/');
  if (slash != std::string_view::npos) {
    std::string_view rest = text.substr(slash + 1);
    if (const auto tid = take_number(rest); tid && !rest.empty() && rest.front() == ' ') {
      event.thread = *tid;
      text = drop_blanks(rest);
    }
  }
  constexpr std::string_view kContinued = "... [continued]: ";
  if (starts(text, kContinued)) {
    text.remove_prefix(kContinued.size());
    const auto name_end = text.find('(');  // "execve())   = 0"
    const auto equals = text.find('=');
    if (name_end == std::string_view::npos || equals == std::string_view::npos ||
        equals < name_end || !is_name(text.substr(0, name_end)))
      return {.event = {}, .known = false};
    event.kind = LogKind::call_end;
    event.name = text.substr(0, name_end);
    event.result = trim(text.substr(equals + 1));
    return {.event = event};
  }
  if (!take_call(text, event))
    return {.event = {}, .known = false};
  return {.event = event};
}

// ---- perf script ----

// The value of "key=".
std::optional<std::uint64_t> value_of(std::string_view text, std::string_view key)
{
  for (const std::string_view word : split_blanks(text))
    if (starts(word, key)) {
      std::string_view number = word.substr(key.size());
      return take_number(number);
    }
  return {};
}

// "  sh 17506 [000]  5381.397858:  syscalls:sys_enter_brk: brk: 0x00000000"
LogLine parse_perf_script(std::string_view line)
{
  LogEvent event;
  if (line.empty() || line.front() == '#')
    return {};
  const std::string_view kGroups[] = {"syscalls:sys_enter_", "syscalls:sys_exit_",
                                      "sched:sched_process_"};
  std::size_t at = std::string_view::npos;
  std::size_t group = 0;
  for (; group < std::size(kGroups); ++group)
    if ((at = line.find(kGroups[group])) != std::string_view::npos)
      break;
  if (at == std::string_view::npos)
    return {.event = {}, .known = false};
  // Before it: comm, which may hold blanks, tid or pid/tid, [cpu], time with its colon.
  const auto words = split_blanks(line.substr(0, at));
  for (const std::string_view word : words) {
    if (word.size() > 1 && word.back() == ':') {
      std::string_view seconds = word;
      event.time_ns = take_seconds(seconds);
    }
  }
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    std::string_view number = *word;
    if (number.front() == '[' || number.back() == ':')
      continue;
    auto tid = take_number(number);
    if (tid && !number.empty() && number.front() == '/') {
      number.remove_prefix(1);
      tid = take_number(number);
    }
    if (tid && number.empty()) {
      event.thread = *tid;
      break;
    }
  }
  std::string_view rest = line.substr(at + kGroups[group].size());
  const auto colon = rest.find(':');
  if (event.thread == 0 || colon == std::string_view::npos)
    return {.event = {}, .known = false};
  event.name = rest.substr(0, colon);
  rest = trim(rest.substr(colon + 1));
  if (!is_name(event.name))
    return {.event = {}, .known = false};
  if (group == 0) {
    event.kind = LogKind::call_begin;
    event.arguments = rest;
  } else if (group == 1) {
    event.kind = LogKind::call_end;
    event.result = rest;
  } else if (event.name == "fork") {
    const auto child = value_of(rest, "child_pid=");
    if (!child)
      return {.event = {}, .known = false};
    event.kind = LogKind::fork;
    event.number = *child;
  } else if (event.name == "exec") {
    event.kind = LogKind::exec;
  } else if (event.name == "exit") {
    event.kind = LogKind::thread_end;
  } else {
    return {};
  }
  return {.event = event};
}

}  // namespace

std::string_view to_string(LogFormat format)
{
  switch (format) {
    case LogFormat::strace:
      return "strace";
    case LogFormat::perf_trace:
      return "perf trace";
    case LogFormat::perf_script:
      return "perf script";
  }
  return "";
}

std::optional<LogFormat> log_format(std::string_view line)
{
  for (const LogFormat format : {LogFormat::perf_script, LogFormat::perf_trace, LogFormat::strace})
    if (parse_log_line(format, line).event)
      return format;
  return {};
}

LogLine parse_log_line(LogFormat format, std::string_view line)
{
  switch (format) {
    case LogFormat::strace:
      return parse_strace(line);
    case LogFormat::perf_trace:
      return parse_perf_trace(line);
    case LogFormat::perf_script:
      return parse_perf_script(line);
  }
  return {};
}

std::optional<std::uint64_t> log_number(std::string_view text)
{
  text = trim(text);
  if (const auto comment = text.find(" /*"); comment != std::string_view::npos)
    text = trim(text.substr(0, comment));
  if (text.empty())
    return {};
  if (text == "NULL" || text == "(nil)")
    return 0;
  if (text.front() == '-') {
    const auto number = parse_u64(text.substr(1, text.find('<') - 1));
    return number ? std::optional(0 - *number) : std::nullopt;
  }
  std::uint64_t sum = 0;
  for (std::string_view part : split(text, '|')) {
    part = trim(part);
    if (const auto shift = part.find("<<MAP_HUGE_SHIFT"); shift != std::string_view::npos) {
      const auto number = parse_u64(part.substr(0, shift));
      if (!number || *number > 63)
        return {};
      sum |= *number << 26;
      continue;
    }
    part = part.substr(0, part.find('<'));  // strace -y: the path of a descriptor
    if (part.empty())
      return {};
    if (is_digit(part.front())) {
      const auto number = starts(part, "0x") ? parse_u64(part.substr(2), 16) : parse_u64(part);
      if (!number)
        return {};
      sum |= *number;
      continue;
    }
    const auto* word = std::find_if(std::begin(kWords), std::end(kWords), [part](const Word& one) {
      return one.name == part || (one.name.find('_') != std::string_view::npos &&
                                  one.name.substr(one.name.find('_') + 1) == part);
    });
    if (word == std::end(kWords))
      return {};
    sum |= word->value;
  }
  return sum;
}

std::optional<std::int64_t> log_result(std::string_view text)
{
  const auto words = split_blanks(text);
  if (words.empty() || words[0] == "?")
    return {};
  if (words[0] == "-1" && words.size() > 1) {
    for (int error = 1; error < 134; ++error)
      if (const char* name = ::strerrorname_np(error); name && words[1] == name)
        return -error;
    return {};
  }
  std::string_view number = words[0];
  const bool negative = number.front() == '-';
  if (negative)
    number.remove_prefix(1);
  const auto value = starts(number, "0x") ? parse_u64(number.substr(2), 16) : parse_u64(number);
  if (!value)
    return {};
  return static_cast<std::int64_t>(negative ? 0 - *value : *value);
}

std::array<std::string_view, 8> log_arguments(std::string_view text, std::string_view names)
{
  std::array<std::string_view, 8> values = {};
  std::size_t count = 0;
  std::size_t begin = 0;
  Nesting nesting;
  bool named = false;
  const auto all_names = split(names, ',');
  auto add = [&](std::string_view value) {
    value = trim(value);
    const auto colon = value.find(": ");
    const auto at = colon == std::string_view::npos
                        ? all_names.end()
                        : std::find(all_names.begin(), all_names.end(), value.substr(0, colon));
    if (at != all_names.end()) {
      named = true;
      const auto place = static_cast<std::size_t>(at - all_names.begin());
      if (place < values.size())
        values[place] = trim(value.substr(colon + 2));
    } else if (count < values.size() && !named) {
      values[count] = value;
    }
    ++count;
  };
  for (std::size_t i = 0; i < text.size() && count < 64; ++i)
    if (nesting.add(text[i]) && text[i] == ',' && nesting.depth() == 0) {
      add(text.substr(begin, i - begin));
      begin = i + 1;
    }
  add(text.substr(std::min(begin, text.size())));
  for (std::string_view& value : values)
    if (value.empty())
      value = "0";
  return values;
}

std::string_view log_path(std::string_view text)
{
  const auto open = text.find('<');
  const auto close = text.rfind('>');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return {};
  return text.substr(open + 1, close - open - 1);
}

}  // namespace rmaplab
