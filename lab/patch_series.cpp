// SPDX-License-Identifier: GPL-2.0-only
#include "lab/patch_series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/printable.h"
#include "base/text.h"
#include "lab/kernel_image.h"

namespace rmaplab
{

namespace
{

constexpr std::uint64_t kMostPatches = 9999;

std::string lower(std::string_view text)
{
  std::string result(text);
  for (char& c : result)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

struct Version {
  int major = 1;
  int minor = 0;
  auto operator<=>(const Version&) const = default;
};

std::string text_of(Version version)
{
  return version.minor > 0 ? fmt::format("v{}.{}", version.major, version.minor)
                           : fmt::format("v{}", version.major);
}

// "v3", "V2.1", "PATCHv2", "RFC-v4"; lower case.
std::optional<Version> version_of(std::string_view word)
{
  for (const std::string_view prefix : {"patch", "rfc", "resend"})
    if (word.starts_with(prefix)) {
      word.remove_prefix(prefix.size());
      if (word.starts_with("-") || word.starts_with("_"))
        word.remove_prefix(1);
      break;
    }
  if (!word.starts_with("v"))
    return std::nullopt;
  word.remove_prefix(1);
  const auto dot = word.find('.');
  const auto major = parse_u64(word.substr(0, dot));
  const auto minor = dot == std::string_view::npos ? std::optional<std::uint64_t>(0)
                                                   : parse_u64(word.substr(dot + 1));
  if (!major || !minor || *major > kMostPatches || *minor > kMostPatches)
    return std::nullopt;
  return Version{.major = static_cast<int>(*major), .minor = static_cast<int>(*minor)};
}

// What the brackets of a subject say.
struct Tags {
  bool reply = false;
  bool patch = false;  // has brackets
  bool fix = false;
  Version version;
  int number = 0;    // 0: a cover letter, where there is a total
  int total = 0;     // 0: it is not numbered
  std::string tree;  // the other words: "6.12", "mm-unstable"
  std::string rest;  // the subject behind
};

bool all_digits(std::string_view word)
{
  return !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
}

// "fix", "fixup", "fix-2", "fix2"; a branch may be called "fixes".
bool is_fix(std::string_view word)
{
  for (const std::string_view name : {"fixup", "fix"})
    if (word.starts_with(name)) {
      word.remove_prefix(name.size());
      if (word.starts_with("-"))
        word.remove_prefix(1);
      return word.empty() || all_digits(word);
    }
  return false;
}

// False: a number that no series has.
bool read_tag(std::string_view word, Tags& tags)
{
  const auto slash = word.find('/');
  if (slash != std::string_view::npos && all_digits(word.substr(0, slash)) &&
      all_digits(word.substr(slash + 1))) {
    const auto number = parse_u64(word.substr(0, slash));
    const auto total = parse_u64(word.substr(slash + 1));
    if (!number || !total || *total < 1 || *total > kMostPatches || *number > *total)
      return false;
    tags.number = static_cast<int>(*number);
    tags.total = static_cast<int>(*total);
    return true;
  }
  const std::string name = lower(word);
  if (const auto version = version_of(name))
    tags.version = *version;
  else if (is_fix(name))
    tags.fix = true;
  else if (name != "patch" && name != "rfc" && name != "resend")
    tags.tree += (tags.tree.empty() ? "" : " ") + name;
  return true;
}

Result<Tags> tags_of(const std::string& name, const std::string& subject)
{
  Tags tags;
  std::string_view left = trim(subject);
  for (const std::string_view prefix : {"re:", "aw:", "fwd:", "sv:"})
    tags.reply = tags.reply || lower(left.substr(0, prefix.size())).starts_with(prefix);
  while (left.starts_with("[")) {
    const auto end = left.find(']');
    if (end == std::string_view::npos)
      break;
    tags.patch = true;
    std::string words(left.substr(1, end - 1));
    std::replace(words.begin(), words.end(), ',', ' ');
    for (const auto word : split_blanks(words))
      if (!read_tag(word, tags))
        return Error{.code = Errc::parse,
                     .context = fmt::format("{}: \"{}\": expected n/m with n at most m and m at "
                                            "most {}",
                                            name, printable(subject), kMostPatches)};
    left = trim(left.substr(end + 1));
  }
  tags.rest = left;
  return tags;
}

struct Candidate {
  const Mail* mail = nullptr;
  Tags tags;
  std::size_t place = 0;  // from 1, in the order of the text
};

Patch patch_of(const Candidate& candidate)
{
  const Tags& tags = candidate.tags;
  std::string label;
  if (tags.version != Version{})
    label = text_of(tags.version);
  if (tags.total > 0)
    label += fmt::format("{}{}/{}{}", label.empty() ? "" : " ", tags.number, tags.total,
                         tags.fix ? " fix" : "");
  return {.subject = tags.rest, .label = label, .diff = candidate.mail->diff};
}

Error ambiguous(const std::string& name, const std::string& why,
                const std::vector<Candidate>& candidates)
{
  constexpr std::size_t kMostShown = 60;
  std::string text = fmt::format("{}: {}; --pick chooses, as 1,2 or v2, from", name, why);
  for (std::size_t i = 0; i < candidates.size() && i < kMostShown; ++i)
    text += fmt::format("\n  {:>3}  {}", candidates[i].place,
                        printable(trim(candidates[i].mail->subject)));
  if (candidates.size() > kMostShown)
    text += fmt::format("\n  and {} more", candidates.size() - kMostShown);
  return {.code = Errc::usage, .context = text};
}

// "2/3", "1/3 and 3/3", "1/9, 2/9 and 5 more".
std::string numbers_text(const std::set<int>& numbers, int total)
{
  std::vector<std::string> words;
  for (const int number : numbers)
    words.push_back(fmt::format("{}/{}", number, total));
  constexpr std::size_t kMostNamed = 4;
  if (words.size() > kMostNamed) {
    const std::size_t more = words.size() - (kMostNamed - 1);
    words.resize(kMostNamed - 1);
    words.push_back(fmt::format("{} more", more));
  }
  const std::string last = words.back();
  words.pop_back();
  return words.empty() ? last : fmt::format("{} and {}", fmt::join(words, ", "), last);
}

// Chooses from numbered patches and from others; what it does not take it leaves out.
class Chooser
{
 public:
  Chooser(const std::string& name, const std::vector<Candidate>& all) : name_(name), all_(all) {}

  Result<PatchSeries> choose()
  {
    std::vector<Candidate> numbered;
    std::vector<Candidate> others;
    for (const Candidate& candidate : all_)
      if (candidate.tags.reply)
        leave(candidate, "a reply, with a diff that is not applied");
      else if (candidate.tags.total > 0 && candidate.tags.number == 0)
        leave(candidate, "a cover letter, with a diff that is not applied");
      else
        (candidate.tags.total > 0 ? numbered : others).push_back(candidate);
    if (!numbered.empty() && !others.empty())
      return ambiguous(name_, "numbered patches, and others", all_);
    if (auto done = numbered.empty() ? choose_unnumbered(others) : choose_numbered(numbered); !done)
      return done.error();
    return std::move(series_);
  }

 private:
  using Key = std::tuple<Version, std::string, int>;  // tree, total
  struct Group {
    std::map<int, Candidate> patches;
    std::multimap<int, Candidate> fixes;

    std::set<int> numbers(bool missing, int total) const
    {
      std::set<int> found;
      for (int number = 1; number <= total; ++number)
        if (patches.contains(number) != missing)
          found.insert(number);
      return found;
    }
  };

  void leave(const Candidate& candidate, const std::string& why)
  {
    series_.left_out.push_back({candidate.mail->subject, why});
  }

  Result<> group(const std::vector<Candidate>& numbered)
  {
    for (const Candidate& candidate : numbered) {
      const Tags& tags = candidate.tags;
      Group& group = groups_[{tags.version, tags.tree, tags.total}];
      if (tags.fix) {
        const auto [fix, end] = group.fixes.equal_range(tags.number);
        if (std::any_of(fix, end, [&](const auto& one) {
              return one.second.mail->diff == candidate.mail->diff;
            }))
          leave(candidate, "it came twice");
        else
          group.fixes.emplace(tags.number, candidate);
        continue;
      }
      const auto [there, added] = group.patches.emplace(tags.number, candidate);
      if (added)
        continue;
      if (there->second.mail->diff != candidate.mail->diff)
        return ambiguous(name_,
                         fmt::format("{} {}/{} is there twice, with different diffs",
                                     text_of(tags.version), tags.number, tags.total),
                         all_);
      leave(candidate, "it came twice");
    }
    return ok();
  }

  void take(const Group& group)
  {
    for (const auto& [number, candidate] : group.patches) {
      series_.patches.push_back(patch_of(candidate));
      for (auto [fix, end] = group.fixes.equal_range(number); fix != end; ++fix) {
        series_.patches.push_back(patch_of(fix->second));
        series_.noted +=
            fmt::format("{}a fix goes on top of {}/{}", series_.noted.empty() ? "" : "; ", number,
                        candidate.tags.total);
      }
    }
  }

  Result<> choose_numbered(const std::vector<Candidate>& numbered)
  {
    if (auto done = group(numbered); !done)
      return done;
    const auto newest = std::prev(groups_.end());
    const auto& [version, tree, total] = newest->first;
    if (newest != groups_.begin() && std::get<0>(std::prev(newest)->first) == version)
      return ambiguous(name_, "more than one series of " + text_of(version), all_);
    const auto missing = newest->second.numbers(true, total);
    // "v2.1 2/3": one patch sent anew.
    const auto below = newest == groups_.begin() ? newest : std::prev(newest);
    const auto& [older, older_tree, older_total] = below->first;
    const auto older_missing = below->second.numbers(true, older_total);
    if (below != newest && below != groups_.begin() &&
        std::get<0>(std::prev(below)->first) == older && version.major == older.major)
      return ambiguous(name_, "more than one series of " + text_of(older), all_);
    if (!missing.empty() && version.minor > 0 && older.major == version.major &&
        older_tree == tree && older_total == total && older_missing.empty()) {
      Group merged = below->second;
      for (const auto& [number, candidate] : newest->second.patches) {
        leave(merged.patches[number],
              fmt::format("{} {}/{} takes its place", text_of(version), number, total));
        merged.patches[number] = candidate;
      }
      merged.fixes.insert(newest->second.fixes.begin(), newest->second.fixes.end());
      take(merged);
      leave_older(older);
      return ok();
    }
    if (!missing.empty()) {
      const auto found = newest->second.numbers(false, total);
      std::string why = fmt::format("{} has {}", text_of(version),
                                    found.empty() ? std::string("fixes only")
                                    : found.size() <= missing.size()
                                        ? fmt::format("{} only", numbers_text(found, total))
                                        : fmt::format("no {}", numbers_text(missing, total)));
      if (below != newest && older_missing.empty())
        why += fmt::format("; {} is whole, with {} patches", text_of(older), older_total);
      return ambiguous(name_, why, all_);
    }
    take(newest->second);
    leave_older(version);
    return ok();
  }

  void leave_older(Version than)
  {
    for (const auto& [key, group] : groups_) {
      if (std::get<0>(key) >= than)
        continue;
      for (const auto& [number, candidate] : group.patches)
        leave(candidate, "an older version");
      for (const auto& [number, candidate] : group.fixes)
        leave(candidate, "of an older version");
    }
  }

  Result<> choose_unnumbered(const std::vector<Candidate>& others)
  {
    std::set<std::string> diffs;
    std::map<std::string, Version> newest;  // of a subject
    std::set<Version> versions;
    for (const Candidate& candidate : others)
      newest[candidate.tags.rest] = std::max(newest[candidate.tags.rest], candidate.tags.version);
    for (const auto& [subject, version] : newest)
      versions.insert(version);
    if (versions.size() > 1)
      return ambiguous(name_, "patches of more than one version", all_);
    std::set<std::string> subjects;
    for (const Candidate& candidate : others) {
      if (candidate.tags.version != newest[candidate.tags.rest]) {
        leave(candidate, "an older version");
      } else if (!diffs.insert(candidate.mail->diff).second) {
        leave(candidate, "it came twice");
      } else if (!subjects.insert(candidate.tags.rest).second) {
        return ambiguous(name_,
                         fmt::format("\"{}\" is there twice, with different diffs",
                                     printable(candidate.tags.rest)),
                         all_);
      } else {
        series_.patches.push_back(patch_of(candidate));
      }
    }
    return ok();
  }

  const std::string& name_;
  const std::vector<Candidate>& all_;
  std::map<Key, Group> groups_;
  PatchSeries series_;
};

// "4,1-3" as numbers; nothing: it is something else.
std::optional<std::vector<std::size_t>> places_of(const std::string& pick, std::size_t most)
{
  std::vector<std::size_t> places;
  for (const auto part : split(pick, ',')) {
    const auto dash = part.find('-');
    const auto first = parse_u64(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_u64(part.substr(dash + 1));
    if (!first || !last || *first < 1 || *last < *first || *last > most)
      return std::nullopt;
    for (auto place = *first; place <= *last; ++place)
      places.push_back(place);
  }
  return std::set(places.begin(), places.end()).size() == places.size() ? std::optional(places)
                                                                        : std::nullopt;
}

Result<PatchSeries> pick_places(const std::vector<Candidate>& candidates,
                                const std::vector<std::size_t>& places)
{
  PatchSeries series;
  for (const std::size_t place : places)
    series.patches.push_back(patch_of(candidates[place - 1]));
  for (const Candidate& candidate : candidates)
    if (std::find(places.begin(), places.end(), candidate.place) == places.end())
      series.left_out.push_back({candidate.mail->subject, "not picked"});
  return series;
}

Result<PatchSeries> picked(const std::string& name, const std::vector<Candidate>& candidates,
                           const std::string& pick)
{
  if (const auto places = places_of(pick, candidates.size()))
    return pick_places(candidates, *places);
  const auto version = version_of(lower(pick));
  std::vector<Candidate> of_version;
  for (const Candidate& candidate : candidates)
    if (version && candidate.tags.version == *version)
      of_version.push_back(candidate);
  if (of_version.empty())
    return ambiguous(name, fmt::format("--pick {}: there is no such patch", printable(pick)),
                     candidates);
  auto series = Chooser(name, of_version).choose();
  if (!series)
    return series;
  for (const Candidate& candidate : candidates)
    if (candidate.tags.version != *version)
      series->left_out.push_back({candidate.mail->subject, "not picked"});
  return series;
}

}  // namespace

std::string diff_of(std::string_view text)
{
  std::string diff;
  std::size_t size = 0;  // without the empty lines behind it
  bool in_diff = false;
  std::uint64_t old_lines = 0;  // that a hunk still has
  std::uint64_t new_lines = 0;
  const auto lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto line = lines[i];
    const bool in_hunk = old_lines > 0 || new_lines > 0;
    if (in_hunk) {
      const char first = line.empty() ? ' ' : line[0];
      if (first != '+' && first != '\\' && old_lines > 0)
        --old_lines;
      if (first != '-' && first != '\\' && new_lines > 0)
        --new_lines;
    } else {
      const bool old_file =
          line.starts_with("--- ") && i + 1 < lines.size() && lines[i + 1].starts_with("+++ ");
      in_diff = in_diff || line.starts_with("diff --git ") || old_file;
      if (in_diff && (line == "-- " || line == "--"))
        break;
      const auto words = split_blanks(line);
      if (in_diff && words.size() >= 4 && words[0] == "@@" && words[3] == "@@") {
        const auto count = [](std::string_view range) {  // "-12,7", "+3"
          const auto comma = range.find(',');
          return comma == std::string_view::npos ? 1
                                                 : parse_u64(range.substr(comma + 1)).value_or(0);
        };
        old_lines = count(words[1]);
        new_lines = count(words[2]);
      }
    }
    if (in_diff)
      diff += std::string(line) + '\n';
    if (in_hunk || !line.empty())
      size = diff.size();
  }
  diff.resize(size);
  return diff;
}

Result<PatchSeries> choose_series(const std::string& name, const std::vector<Mail>& mails,
                                  const std::string& pick)
{
  std::vector<Candidate> candidates;
  std::vector<LeftOut> without;
  for (const Mail& mail : mails) {
    if (mail.diff.empty()) {
      without.push_back({mail.subject, "no diff in it"});
      continue;
    }
    auto tags = tags_of(name, mail.subject);
    if (!tags)
      return tags.error();
    candidates.push_back({.mail = &mail, .tags = *std::move(tags), .place = candidates.size() + 1});
  }
  if (candidates.empty())
    return Error{.code = Errc::parse,
                 .context = fmt::format("{}: expected patches, found {} mail{} without a diff",
                                        name, mails.size(), mails.size() == 1 ? "" : "s")};
  auto series = pick.empty() ? Chooser(name, candidates).choose() : picked(name, candidates, pick);
  if (!series)
    return series;
  if (series->patches.empty())
    return ambiguous(name, "no patch but what is in replies", candidates);
  series->left_out.insert(series->left_out.end(), without.begin(), without.end());
  return series;
}

PatchSeries take_all(const std::vector<Mail>& mails)
{
  PatchSeries series;
  for (const Mail& mail : mails) {
    if (mail.diff.empty()) {
      series.left_out.push_back({mail.subject, "no diff in it"});
      continue;
    }
    const auto tags = tags_of("", mail.subject);
    series.patches.push_back(tags ? patch_of({.mail = &mail, .tags = *tags, .place = 0})
                                  : Patch{.subject = mail.subject, .label = {}, .diff = mail.diff});
  }
  return series;
}

std::string diff_id(std::string_view diff)
{
  std::string text;
  for (const auto line : lines_of(diff))
    if (!line.starts_with("index "))
      text += std::string(line) + '\n';
  return sha256(text);
}

std::vector<RefusedFile> parse_apply_errors(std::string_view errors)
{
  std::vector<RefusedFile> refused;
  std::set<std::string> named;
  const auto add = [&](std::string_view file, int line, std::string_view why) {
    if (named.insert(std::string(file)).second)
      refused.push_back({.file = std::string(file), .line = line, .why = std::string(why)});
  };
  for (const auto line : lines_of(errors)) {
    constexpr std::string_view kError = "error: ";
    constexpr std::string_view kFailed = "patch failed: ";
    if (!line.starts_with(kError))
      continue;
    const auto said = line.substr(kError.size());
    if (said.starts_with(kFailed)) {
      const auto place = said.substr(kFailed.size());
      const auto colon = place.rfind(':');
      const auto at =
          colon == std::string_view::npos ? std::nullopt : parse_u64(place.substr(colon + 1));
      add(place.substr(0, colon), at ? static_cast<int>(*at) : 0, "its context is not there");
    } else if (const auto colon = said.rfind(": "); colon != std::string_view::npos) {
      const auto why = said.substr(colon + 2);
      if (why != "patch does not apply")  // said already
        add(said.substr(0, colon), 0,
            why == "No such file or directory" || why == "does not exist in index" ? "no such file"
                                                                                   : why);
    }
  }
  return refused;
}

bool outside_of_image(std::string_view path)
{
  for (const std::string_view folder : {"tools/", "Documentation/", "samples/", "MAINTAINERS"})
    if (path.starts_with(folder))
      return true;
  return false;
}

}  // namespace rmaplab
