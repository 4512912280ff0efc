// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace_why.h"

#include <fmt/format.h>
#include <linux/prctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

#include "base/text.h"
#include "replay/validate.h"
#include "replay/vma_model.h"

namespace rmaplab
{

namespace
{

// ---- who made it ----

// A program has some hundreds; a trace from anybody may have one a row.
constexpr std::size_t kMaxClasses = 4096;

std::string advice_text(std::uint64_t advice)
{
  struct Advice {
    std::uint64_t number;
    const char* name;
  };
  // Those that change a VMA; numbers of include/uapi/asm-generic/mman-common.h.
  constexpr std::array<Advice, 13> kNames = {{{0, "NORMAL"},
                                              {1, "RANDOM"},
                                              {2, "SEQUENTIAL"},
                                              {10, "DONTFORK"},
                                              {11, "DOFORK"},
                                              {12, "MERGEABLE"},
                                              {13, "UNMERGEABLE"},
                                              {14, "HUGEPAGE"},
                                              {15, "NOHUGEPAGE"},
                                              {16, "DONTDUMP"},
                                              {17, "DODUMP"},
                                              {18, "WIPEONFORK"},
                                              {19, "KEEPONFORK"}}};
  const auto* found = std::find_if(kNames.begin(), kNames.end(),
                                   [advice](const Advice& one) { return one.number == advice; });
  return found == kNames.end() ? std::to_string(advice) : found->name;
}

bool is_shared(std::uint64_t map)
{
  const std::uint64_t type = map & MAP_TYPE;
  return type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
}

struct CallClass {
  std::string name;
  std::optional<std::uint64_t> bytes;
};

CallClass class_of(const TraceRow& row)
{
  const std::string event(to_string(row.event));
  switch (row.event) {
    case TraceEvent::vma:
      return {.name = "exec: program, libraries, stack", .bytes = {}};
    case TraceEvent::mmap:
      return {.name = "mmap " + kind_text(row.prot, is_shared(row.flags), row.file != 0),
              .bytes = row.length};
    case TraceEvent::mprotect:
    case TraceEvent::pkey_mprotect:
      return {.name = fmt::format("{} {}", event, prot_text(row.prot)), .bytes = row.length};
    case TraceEvent::madvise:
      return {.name = fmt::format("madvise {}", advice_text(row.flags)), .bytes = row.length};
    case TraceEvent::mremap:
      return {.name = "mremap to", .bytes = row.new_length};
    case TraceEvent::prctl:
      return {.name = "prctl", .bytes = row.new_length};
    case TraceEvent::brk:
    case TraceEvent::mlockall:
    case TraceEvent::munlockall:
      return {.name = event, .bytes = {}};
    default:
      return {.name = event, .bytes = row.length};
  }
}

class Classes
{
 public:
  std::uint32_t of(const TraceRow& row)
  {
    CallClass call = class_of(row);
    std::pair<std::string, int> key(std::move(call.name),
                                    call.bytes ? size_class(*call.bytes) : -1);
    if (!numbers_.contains(key) && classes_.size() >= kMaxClasses) {
      key = {"other calls", -1};
      call.bytes.reset();
    }
    const auto [at, is_new] =
        numbers_.try_emplace(key, static_cast<std::uint32_t>(classes_.size()));
    if (is_new)
      classes_.push_back({.name = key.first});
    Class& one = classes_[at->second];
    if (call.bytes) {
      one.sized = true;
      one.least = std::min(one.least, *call.bytes);
      one.most = std::max(one.most, *call.bytes);
    }
    return at->second;
  }
  std::size_t size() const { return classes_.size(); }
  std::string name(std::size_t number) const
  {
    const Class& one = classes_[number];
    return one.sized ? one.name + " " + sizes_text(one.least, one.most) : one.name;
  }

 private:
  struct Class {
    std::string name;
    bool sized = false;
    std::uint64_t least = ~std::uint64_t{0};
    std::uint64_t most = 0;
  };
  std::map<std::pair<std::string, int>, std::uint32_t> numbers_;
  std::vector<Class> classes_;
};

// ---- the trace ----

bool may_change_vmas(TraceEvent event)
{
  switch (event) {
    case TraceEvent::start:
    case TraceEvent::exec:  // its VMAs follow
    case TraceEvent::vma:
    case TraceEvent::wait:
    case TraceEvent::thread:
    case TraceEvent::exit_thread:
    case TraceEvent::alloc_vm_area_struct:
    case TraceEvent::alloc_anon_vma:
    case TraceEvent::alloc_anon_vma_chain:
      return false;
    default:
      return !is_touch(event);
  }
}

struct Space {
  VmaModel model;
  std::vector<std::uint64_t> made;  // by class
};

// What is known of a trace's counts after one pass over it.
struct Tally {
  std::uint32_t process = 0;  // with most VMAs
  std::uint64_t line = 0;
  std::uint64_t most = 0;
  std::uint64_t compared = 0;
  std::uint64_t equal = 0;
  std::uint64_t first_apart = 0;
  std::int64_t first_apart_kernel = 0;
  std::int64_t first_apart_model = 0;
  bool process_seen = false;
};

// The rows from the first to one, through the model.
class Pass
{
 public:
  Pass(const TraceReader& reader, const VmaRules& rules, const WhyOptions& options)
      : name_(reader.name()),
        rules_(rules),
        options_(options),
        validator_(reader.name(), reader.header())
  {
  }

  Result<> add(const TraceRow& row, std::uint64_t line)
  {
    const auto notes = validator_.add(row, line);
    if (!notes)
      return notes.error();
    tally_.process_seen |= row.process == options_.process;
    if (row.event == TraceEvent::exec || row.event == TraceEvent::start ||
        !spaces_.contains(row.process))
      replace(row.process,
              std::make_shared<Space>(Space{.model = VmaModel(rules_, numbers_), .made = {}}));
    const std::shared_ptr<Space> space = spaces_[row.process];
    if (row.event == TraceEvent::exit) {
      compare(row, line, *space);
      replace(row.process, nullptr);
      return ok();
    }
    if (row.event == TraceEvent::fork) {
      if (row.result > 0)
        born(row, space);
    } else if (!(is_touch(row.event) && notes->dropped)) {
      apply(row, *space);
    }
    if (live_vmas_ > kMaxModelVmas)
      return trace_error(name_, line, fmt::format("more than {} VMAs are there", kMaxModelVmas));
    compare(row, line, *space);
    return ok();
  }

  const Tally& tally() const { return tally_; }
  const Space* space_of(std::uint32_t process) const
  {
    const auto at = spaces_.find(process);
    return at == spaces_.end() ? nullptr : at->second.get();
  }
  std::uint32_t largest() const
  {
    std::uint32_t process = 0;
    std::uint64_t most = 0;
    for (const auto& [number, space] : spaces_)
      if (space->model.count() > most) {
        most = space->model.count();
        process = number;
      }
    return process;
  }
  const Classes& classes() const { return classes_; }

 private:
  void replace(std::uint32_t process, std::shared_ptr<Space> space)
  {
    auto& place = spaces_[process];
    if (place && place.use_count() == 1)
      live_vmas_ -= place->model.vmas().size();
    place = std::move(space);
    if (!place)
      spaces_.erase(process);
  }

  void born(const TraceRow& row, const std::shared_ptr<Space>& parent)
  {
    const auto child = static_cast<std::uint32_t>(row.result);
    if (row.flags & 1) {
      spaces_[child] = parent;
      return;
    }
    auto space =
        std::make_shared<Space>(Space{.model = parent->model.forked(), .made = parent->made});
    live_vmas_ += space->model.vmas().size();
    spaces_[child] = std::move(space);
  }

  void apply(const TraceRow& row, Space& space)
  {
    const std::size_t before = space.model.vmas().size();
    const std::uint32_t maker = is_touch(row.event) ? 0 : classes_.of(row);
    const std::uint64_t made = space.model.apply(row, maker);
    live_vmas_ += space.model.vmas().size() - before;
    if (made == 0)
      return;
    if (space.made.size() < classes_.size())
      space.made.resize(classes_.size());
    space.made[maker] += made;
  }

  void compare(const TraceRow& row, std::uint64_t line, const Space& space)
  {
    const auto model = static_cast<std::int64_t>(space.model.count());
    const bool known = row.vmas >= 0 && may_change_vmas(row.event);
    if (known) {
      ++tally_.compared;
      if (row.vmas == model) {
        ++tally_.equal;
      } else if (!tally_.first_apart) {
        tally_.first_apart = line;
        tally_.first_apart_kernel = row.vmas;
        tally_.first_apart_model = model;
      }
    }
    if (options_.process && row.process != options_.process)
      return;
    const auto count = static_cast<std::uint64_t>(known ? row.vmas : model);
    if (count > tally_.most && row.event != TraceEvent::exit) {
      tally_.most = count;
      tally_.process = row.process;
      tally_.line = line;
    }
  }

  std::string name_;
  VmaRules rules_;
  WhyOptions options_;
  TraceValidator validator_;
  VmaNumbers numbers_;
  Classes classes_;
  std::map<std::uint32_t, std::shared_ptr<Space>> spaces_;  // of living processes
  std::uint64_t live_vmas_ = 0;
  Tally tally_;
};

struct Passed {
  Tally tally;
  bool faults = false;
  std::uint64_t last_line_by_time = 0;  // of the time asked for
};

Result<Passed> pass_over(const TraceOpener& open, VmaRules rules, const WhyOptions& options)
{
  auto reader = open();
  if (!reader)
    return reader.error();
  rules.page_size = reader->header().page_size;
  Pass pass(*reader, rules, options);
  Passed passed;
  const auto read = each_row(*reader, [&](const TraceRow& row, std::uint64_t line) {
    passed.faults |= is_touch(row.event);
    if (options.time_ns && row.time_ns <= *options.time_ns)
      passed.last_line_by_time = line;
    return pass.add(row, line);
  });
  if (!read)
    return read.error();
  passed.tally = pass.tally();
  if (reader->header().note.find(kFaultsByRule) != std::string::npos)
    passed.faults = false;
  if (passed.tally.line == 0 && !options.process)
    return Error{.code = Errc::parse, .context = reader->name() + ": trace has no VMAs"};
  return passed;
}

Error no_moment(const std::string& name, const std::string& what)
{
  return {.code = Errc::usage, .context = fmt::format("{}: {}", name, what)};
}

}  // namespace

Result<TraceWhy> explain_trace(const TraceOpener& open, const WhyOptions& options)
{
  VmaRules rules;
  // Whether the trace has faults is known at its end; a pass with the rules for them is right
  // for both, as a trace without has no fault that would make an anon_vma.
  auto passed = pass_over(open, rules, options);
  if (!passed)
    return passed.error();
  TraceWhy why;
  why.faults_known = passed->faults;
  if (passed->faults && passed->tally.equal < passed->tally.compared) {
    VmaRules older = rules;
    older.unfaulted_takes = false;
    auto again = pass_over(open, older, options);
    if (!again)
      return again.error();
    if (again->tally.equal > passed->tally.equal) {
      rules = older;
      passed = *again;
      why.older_rule = true;
    }
  } else if (!passed->faults) {
    rules.faults_known = false;
    passed = pass_over(open, rules, options);
    if (!passed)
      return passed.error();
  }
  const Tally& tally = passed->tally;
  auto reader = open();
  if (!reader)
    return reader.error();
  if (options.process && !tally.process_seen)
    return no_moment(reader->name(), fmt::format("has no process {}", options.process));
  if (!options.line && !options.time_ns && !tally.line)
    return no_moment(reader->name(), fmt::format("process {} never has a VMA", options.process));
  std::uint64_t line = options.line ? options.line : tally.line;
  if (options.time_ns)
    line = passed->last_line_by_time;
  rules.page_size = reader->header().page_size;
  Pass pass(*reader, rules, options);
  TraceRow row;
  for (;;) {
    const auto more = reader->next(row);
    if (!more)
      return more.error();
    if (!*more)
      return no_moment(reader->name(), fmt::format("has no row at line {}", line));
    if (auto good = pass.add(row, reader->line()); !good)
      return good.error();
    if (reader->line() >= line)
      break;
  }
  if (reader->line() != line)
    return no_moment(reader->name(), fmt::format("has no row at line {}, its first is at {}", line,
                                                 reader->line()));
  why.process = options.process   ? options.process
                : options.time_ns ? pass.largest()
                : options.line    ? row.process
                                  : tally.process;
  const Space* space = pass.space_of(why.process);
  if (!space)
    return no_moment(reader->name(),
                     fmt::format("process {} is not alive after line {}", why.process, line));
  why.trace = reader->name();
  why.line = line;
  why.time_ns = row.time_ns;
  why.event = to_string(row.event);
  why.lost = reader->header().lost;
  if (row.process == why.process && may_change_vmas(row.event))
    why.kernel_count = row.vmas;
  why.model_count = space->model.count();
  why.compared = tally.compared;
  why.equal = tally.equal;
  why.first_apart = tally.first_apart;
  why.first_apart_kernel = tally.first_apart_kernel;
  why.first_apart_model = tally.first_apart_model;
  std::vector<std::uint64_t> left(pass.classes().size());
  for (const auto& [begin, vma] : space->model.vmas()) {
    why.vmas.push_back(vma);
    why.vmas.back().anon_vma_known = why.faults_known || vma.flags & bit(VmaFlag::shared);
    why.names_in_use |= vma.name != 0;
    ++left[vma.maker];
  }
  for (std::size_t number = 0; number < left.size(); ++number) {
    const std::uint64_t made = number < space->made.size() ? space->made[number] : 0;
    if (made || left[number])
      why.makers.push_back(
          {.name = pass.classes().name(number), .made = made, .left = left[number]});
  }
  why.apart = summarize_apart(why.vmas, rules.page_size);
  return why;
}

Result<TraceWhy> explain_trace(const std::filesystem::path& path, const WhyOptions& options)
{
  return explain_trace([&path] { return TraceReader::open(path); }, options);
}

namespace
{

constexpr std::size_t kWide = 75;

std::string count_text(std::uint64_t count)
{
  return grouped(static_cast<double>(count));
}

std::string check_text(const TraceWhy& why)
{
  if (why.compared == 0)
    return "the trace has no counts of VMAs: nothing holds the model to the kernel\n";
  std::string text = why.kernel_count >= 0
                         ? fmt::format("the kernel counted {}, the model {}; ",
                                       count_text(static_cast<std::uint64_t>(why.kernel_count)),
                                       count_text(why.model_count))
                         : std::string("the model is that of the kernel ");
  return text +
         fmt::format("after {} of {} calls\n", count_text(why.equal), count_text(why.compared));
}

}  // namespace

std::string to_text(const TraceWhy& why)
{
  std::string text = why_answer(why.makers, why.apart);
  std::string place = fmt::format("{}:{}", why.trace, why.line);
  const std::string rest =
      fmt::format(" ({}), {:.3f} s", why.event, static_cast<double>(why.time_ns) * 1e-9);
  const std::string head = fmt::format("process {} after ", why.process);
  if (head.size() + place.size() + rest.size() > kWide)
    place = ".." + place.substr(place.size() -
                                std::min(place.size(), kWide - 2 - head.size() - rest.size()));
  text += head + place + rest + '\n' + check_text(why);
  std::vector<std::string> notes;
  if (why.first_apart)
    notes.push_back(fmt::format("first apart at line {}: the kernel had {}, the model {}",
                                why.first_apart, why.first_apart_kernel, why.first_apart_model));
  if (!why.faults_known)
    notes.emplace_back("no page faults were recorded: no anon_vma is known, that rule is left out");
  if (why.names_in_use)
    notes.emplace_back("a trace has no names of VMAs: all that have one are taken to be alike");
  if (why.lost)
    notes.push_back(fmt::format("the recorder lost {} events", count_text(why.lost)));
  if (why.older_rule)
    notes.emplace_back("by the rule of before 6.16: unfaulted does not take in faulted memory");
  for (const std::string& note : notes)
    text += note + '\n';
  // 25 lines: three, the notes, two tables with a blank line before each.
  const std::size_t groups = (9 - std::min<std::size_t>(notes.size(), 5)) / 2;
  text += '\n' + class_table(why.makers, true, 6);
  return text + '\n' + apart_table(why.apart, groups);
}

}  // namespace rmaplab
