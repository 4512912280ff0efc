// SPDX-License-Identifier: GPL-2.0-only
#include "cli/probe_rmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/files.h"
#include "base/text.h"
#include "probes/anon_pages.h"
#include "probes/rmap_faults.h"

namespace rmaplab
{

namespace
{

// Of one state: a pagemap of 8 MiB, and walks that take no longer than a fork of many VMAs.
constexpr std::uint64_t kMostRead = 1 << 20;
constexpr std::size_t kMostWalked = 1024;
constexpr std::size_t kMostFaults = 5;  // named

struct Place {
  pid_t pid;
  AddressRange vma;
};

std::string name_of(const Place& place)
{
  return fmt::format("VMA {:x}-{:x} of process {}", place.vma.begin, place.vma.end, place.pid);
}

// Private memory of a process, where no forest says which VMAs have an anon_vma.
Result<std::vector<Place>> private_vmas(pid_t pid)
{
  const auto text = read_file(fmt::format("/proc/{}/maps", pid));
  if (!text)
    return text.error();
  std::vector<Place> places;
  for (const auto line : lines_of(*text)) {
    const auto words = split_blanks(line);
    if (words.size() < 5 || words[1].size() != 4 || words[1][3] != 'p' ||
        (words.size() > 5 && words[5].starts_with("[v")))
      continue;
    const auto dash = words[0].find('-');
    const auto begin = parse_u64(words[0].substr(0, dash), 16);
    const auto end = parse_u64(words[0].substr(dash + 1), 16);
    if (begin && end)
      places.push_back({.pid = pid, .vma = {.begin = *begin, .end = *end}});
  }
  return places;
}

Result<std::vector<Place>> to_walk(const Result<Forest>& forest, const RmapQuestion& question)
{
  std::vector<Place> places;
  if (forest) {
    for (const ForestProcess& process : forest->processes)
      for (const ForestVma& vma : process.vmas)
        if (vma.anon_vma)
          places.push_back({.pid = process.pid, .vma = {.begin = vma.start, .end = vma.end}});
    return places;
  }
  for (const pid_t pid : question.pids) {
    const auto vmas = private_vmas(pid);
    if (!vmas)
      return vmas.error();
    for (const Place& place : *vmas)
      if (place.vma.begin >= question.range.begin && place.vma.begin < question.range.end)
        places.push_back(place);
  }
  return places;
}

// Every VMA where they are few, else as many as pages may be walked to, evenly.
std::vector<Place> some_of(const std::vector<Place>& places)
{
  std::vector<Place> some;
  const std::size_t step = (places.size() + kMostWalked - 1) / kMostWalked;
  for (std::size_t i = 0; i < places.size(); i += step)
    some.push_back(places[i]);
  return some;
}

Result<> walk_process(pid_t pid, const std::vector<Place>& places, std::size_t pages_each,
                      RmapReport& report)
{
  const auto pages = AnonPages::open(pid);
  if (!pages)
    return pages.error();
  std::vector<std::uint64_t> addresses;
  for (const Place& place : places) {
    if (place.pid != pid)
      continue;
    const auto found = pages->walkable(place.vma, pages_each);
    if (!found)
      return found.error();
    addresses.insert(addresses.end(), found->begin(), found->end());
  }
  if (addresses.empty())
    return ok();
  const auto walked = walk_pages(pid, addresses);
  if (!walked)
    return walked.error();
  report.walked += walked->found;
  for (const Place& place : places) {
    const auto is_here = [&](std::uint64_t address) {
      return place.pid == pid && place.vma.begin <= address && address < place.vma.end;
    };
    const auto first = std::ranges::find_if(walked->not_found, is_here);
    if (first != walked->not_found.end())
      report.faults.push_back(
          fmt::format("{}: of {} pages {} are found by no walk of the reverse mapping, the first "
                      "at {:x}: sent to another node they stay",
                      name_of(place), std::ranges::count_if(addresses, is_here),
                      std::ranges::count_if(walked->not_found, is_here), *first));
  }
  return ok();
}

void walk_all(const Result<Forest>& forest, const RmapQuestion& question, RmapReport& report)
{
  const auto all = to_walk(forest, question);
  if (!all) {
    report.no_walk = to_string(all.error());
    return;
  }
  if (all->empty())
    return;
  const auto places = some_of(*all);
  if (!forest)
    report.vmas = all->size();
  const std::size_t pages_each = std::max<std::size_t>(1, kMostWalked / places.size());
  for (const pid_t pid : question.pids)
    if (auto walked = walk_process(pid, places, pages_each, report); !walked) {
      report.no_walk = to_string(walked.error());
      return;
    }
}

void disown(Forest& forest, std::uint64_t begin)
{
  for (ForestProcess& process : forest.processes)
    for (ForestVma& vma : process.vmas)
      if (vma.start == begin) {
        vma.anon_vma.reset();
        vma.chain.clear();
      }
}

// Counts pages where an anon_vma is missing; those that could not be read are no fault.
Result<PagesOfVmas> pages_without_anon_vma(const Forest& forest)
{
  PagesOfVmas pages;
  std::uint64_t most = kMostRead;
  std::optional<Result<AnonPages>> of;
  pid_t whose = -1;
  for (const auto& [pid, vma] : vmas_without_anon_vma(forest)) {
    if (pid != whose)
      of.emplace(AnonPages::open(pid));
    whose = pid;
    if (!*of)
      return of->error();
    const auto count = (*of)->count(vma, most);
    if (!count)
      return count.error();
    if (*count > 0)
      pages[{pid, vma.begin}] = *count;
  }
  if (most == 0)
    return Error{
        .code = Errc::unsupported,
        .context = fmt::format("more than {} pages without an anon_vma to look at", kMostRead)};
  return pages;
}

}  // namespace

Result<RmapQuestion> parse_rmap_question(const std::vector<std::string_view>& words)
{
  RmapQuestion question;
  for (const auto word : words) {
    constexpr std::string_view kRange = "range=";
    constexpr std::string_view kDisowned = "disowned=";
    if (word == "walk=0" || word == "walk=1") {
      question.walk = word == "walk=1";
    } else if (word.starts_with(kDisowned)) {
      const auto begin = parse_u64(word.substr(kDisowned.size()), 16);
      if (!begin)
        return Error{.code = Errc::usage, .context = fmt::format("no address \"{}\"", word)};
      question.disowned = *begin;
    } else if (word.starts_with(kRange)) {
      const auto ends = split(word.substr(kRange.size()), '-');
      const auto begin = parse_u64(ends[0], 16);
      const auto end = ends.size() == 2 ? parse_u64(ends[1], 16) : std::nullopt;
      if (!begin || !end)
        return Error{.code = Errc::usage, .context = fmt::format("no range \"{}\"", word)};
      question.range = {.begin = *begin, .end = *end};
    } else {
      const auto pid = parse_u64(word);
      if (!pid || *pid == 0 || *pid > 0x7fffffff)
        return Error{.code = Errc::usage, .context = fmt::format("no PID \"{}\"", word)};
      question.pids.push_back(static_cast<pid_t>(*pid));
    }
  }
  if (question.pids.empty())
    return Error{.code = Errc::usage, .context = "no PID given"};
  return question;
}

RmapReport look_at_rmap(const Result<Forest>& all, const RmapQuestion& question)
{
  RmapReport report;
  auto forest = all ? Result<Forest>(in_range(*all, question.range)) : all;
  if (forest && question.disowned != 0)
    disown(*forest, question.disowned);
  if (forest) {
    const auto pages = pages_without_anon_vma(*forest);
    report.faults = faults_of(*forest, pages ? *pages : PagesOfVmas{});
    if (!pages)
      report.no_forest = to_string(pages.error());
    else
      for (const ForestProcess& process : forest->processes)
        report.vmas += process.vmas.size();
  } else {
    report.no_forest = to_string(forest.error());
  }
  // A walk from a page whose anon_vma is known to be gone reads memory that is freed.
  if (!report.faults.empty())
    report.no_walk = "the anon_vmas are wrong";
  else if (!question.walk)
    report.no_walk = "not asked for";
  else
    walk_all(forest, question, report);
  if (report.faults.size() > kMostFaults) {
    const std::size_t more = report.faults.size() - kMostFaults;
    report.faults.resize(kMostFaults);
    report.faults.push_back(fmt::format("and {} more", more));
  }
  return report;
}

std::string to_answer(const RmapReport& report)
{
  std::vector<std::string> rows;
  for (const auto& fault : report.faults)
    rows.push_back("fault " + fault);
  if (!report.no_forest.empty())
    rows.push_back("no_forest " + report.no_forest);
  if (!report.no_walk.empty())
    rows.push_back("no_walk " + report.no_walk);
  std::string text =
      fmt::format(" vmas={} walked={} rows={}", report.vmas, report.walked, rows.size());
  for (auto& row : rows) {
    std::ranges::replace(row, '\n', ' ');
    text += "\n" + row;
  }
  return text;
}

}  // namespace rmaplab
