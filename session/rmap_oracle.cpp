// SPDX-License-Identifier: GPL-2.0-only
#include "session/rmap_oracle.h"

#include <fmt/format.h>

#include "base/text.h"
#include "workloads/pinned_buffer.h"

namespace rmaplab
{

namespace
{

// A state of 65 thousand VMAs in an emulated guest takes some seconds.
constexpr int kTimeoutMs = 120'000;

constexpr std::string_view kPinned = "pages are pinned: they stay where they are";

}  // namespace

Result<RmapLook> parse_rmap_look(const ProbeAnswer& answer)
{
  RmapLook look;
  const auto number = [&](const char* name) {
    const auto field = answer.fields.find(name);
    return field == answer.fields.end() ? std::nullopt : parse_u64(field->second);
  };
  const auto vmas = number("vmas");
  const auto walked = number("walked");
  if (!vmas || !walked)
    return Error{.code = Errc::parse, .context = "rmaplab-probe's answer lacks vmas or walked"};
  look.vmas = *vmas;
  look.walked = *walked;
  for (const std::string& row : answer.rows) {
    const auto blank = row.find(' ');
    const std::string_view kind = std::string_view(row).substr(0, blank);
    const std::string text = blank == std::string::npos ? "" : row.substr(blank + 1);
    if (kind == "fault")
      look.faults.push_back(text);
    else if (kind == "no_forest")
      look.no_forest = text;
    else if (kind == "no_walk")
      look.no_walk = text;
    else
      return Error{.code = Errc::parse,
                   .context = fmt::format("rmaplab-probe answered \"{}\"", row)};
  }
  return look;
}

RmapVerdict verdict_of(const Result<RmapLook>& look)
{
  if (!look)
    return {SampleStatus::skip, to_string(look.error())};
  if (!look->faults.empty()) {
    std::string all;
    for (const auto& fault : look->faults)
      all += (all.empty() ? "" : "; ") + fault;
    return {SampleStatus::fail, all};
  }
  if (!look->no_forest.empty() && (!look->no_walk.empty() || look->walked == 0))
    return {SampleStatus::skip,
            fmt::format("not looked at: anon_vmas: {}; walks: {}", look->no_forest,
                        look->no_walk.empty() ? "no page" : look->no_walk)};
  std::string text = look->no_forest.empty()
                         ? fmt::format("{} VMAs and their anon_vmas", look->vmas)
                         : fmt::format("anon_vmas not looked at: {}", look->no_forest);
  text += look->no_walk.empty() ? fmt::format(", {} pages by a walk", look->walked)
                                : fmt::format(", no page by a walk: {}", look->no_walk);
  return {SampleStatus::ok, text};
}

void RmapOracle::look(std::span<const pid_t> processes)
{
  if (looked_)
    return;
  const bool pinned = PinnedBuffer::any();
  std::string question = pinned ? "rmap walk=0" : "rmap";
  for (const pid_t pid : processes)
    question += fmt::format(" {}", pid);
  const auto answer = ProbeClient(fd_, kTimeoutMs).ask(question);
  looked_.emplace(answer ? parse_rmap_look(*answer) : Result<RmapLook>(answer.error()));
  if (pinned && *looked_)
    (*looked_)->no_walk = kPinned;
}

void RmapOracle::report(const Rows& rows, const std::string& not_held) const
{
  if (!looked_)
    return rows.no_value(metric_, 0, SampleStatus::skip,
                         not_held.empty() ? "this workload holds no state still" : not_held);
  const RmapVerdict verdict = verdict_of(*looked_);
  if (verdict.status == SampleStatus::ok)
    rows.value(metric_, 0, 0, {}, verdict.text);
  else
    rows.no_value(metric_, 0, verdict.status, verdict.text);
}

}  // namespace rmaplab
