// SPDX-License-Identifier: GPL-2.0-only
#include "reports/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "stats/curve.h"

namespace rmaplab
{

namespace
{

constexpr std::string_view kMetric = "instructions";
// Two slopes closer than this are the same bend.
constexpr double kAlike = 0.05;

// "fork_chain_alive over depth, vmas=10" -> size -> cost.
using Curves = std::map<std::string, std::map<double, double>>;

// The case as a point of one curve a number among its arguments.
void add_case(Curves& curves, const std::string& workload, std::string_view arguments, double cost)
{
  const auto pieces = split(arguments, ';');
  for (const auto piece : pieces) {
    const auto equals = piece.find('=');
    const auto size =
        equals == std::string_view::npos ? std::nullopt : parse_double(piece.substr(equals + 1));
    if (!size)
      continue;
    std::string name = fmt::format("{} over {}", workload, piece.substr(0, equals));
    for (const auto other : pieces)
      if (other != piece)
        name += fmt::format(", {}", other);
    curves[name][*size] = cost;
  }
}

// A look for a bend takes as many steps as the square of the sizes: those of a workload are some
// ten.
constexpr std::size_t kMostSizes = 1000;

// What is not looked at, on one line; nothing where that is none.
void tell_too_long(const Curves& curves, std::vector<std::string>& lines)
{
  std::size_t count = 0;
  std::string first;
  for (const auto& [name, points] : curves)
    if (points.size() > kMostSizes && ++count == 1)
      first = name;
  if (count > 0)
    lines.push_back(fmt::format("{} of more than {} sizes, not looked at: {}{}",
                                count == 1 ? "a curve" : fmt::format("{} curves", count),
                                kMostSizes, first, count == 1 ? "" : ", ..."));
}

std::optional<Curve> fitted(const std::map<double, double>& points)
{
  if (points.size() > kMostSizes)
    return std::nullopt;
  std::vector<CurvePoint> list;
  for (const auto& [size, cost] : points)
    list.push_back({size, cost});
  return curve_of(list);
}

std::string slope_text(double slope)
{
  return std::abs(slope) < 100 ? fmt::format("{:.3g}", slope) : grouped(std::round(slope));
}

// "5 000 instructions a step up to 256, 7 400 beyond (9 % above the line)"
std::string bend_text(const Curve& curve)
{
  return fmt::format("{} instructions each up to {:g}, {} beyond ({:.0f} % above the line)",
                     slope_text(curve.slope), curve.bend->knee, slope_text(curve.bend->beyond),
                     curve.bend->excess * 100);
}

std::string straight_text(const Curve& curve)
{
  return fmt::format("{} instructions each, no bend", slope_text(curve.slope));
}

bool bend_alike(const Curve& base, const Curve& head)
{
  const double least = std::min(base.bend->beyond, head.bend->beyond);
  return base.bend->knee == head.bend->knee &&
         std::abs(base.bend->beyond - head.bend->beyond) <= kAlike * std::abs(least);
}

}  // namespace

std::vector<std::string> curve_lines(const Comparison& comparison)
{
  Curves base;
  Curves head;
  for (const ComparisonRow& row : comparison.rows) {
    if (row.metric->name != kMetric || !row.site.empty() || !row.base.spread || !row.head.spread)
      continue;
    add_case(base, row.workload, row.arguments, row.base.spread->median);
    add_case(head, row.workload, row.arguments, row.head.spread->median);
  }
  std::vector<std::string> lines;
  std::string alike;
  for (const auto& [name, points] : base) {
    const auto left = fitted(points);
    const auto right = fitted(head[name]);
    if (!left || !right || (!left->bend && !right->bend))
      continue;
    if (left->bend && right->bend && bend_alike(*left, *right)) {
      alike += fmt::format("{}{}", alike.empty() ? "" : "; ", name);
      continue;
    }
    const auto side = [](const Curve& curve) {
      return curve.bend ? bend_text(curve) + ": bends" : straight_text(curve);
    };
    lines.push_back(fmt::format("curve: {}: base {}; head {}", name, side(*left), side(*right)));
  }
  if (!alike.empty())
    lines.push_back("curves that bend on both sides alike: " + alike);
  tell_too_long(base, lines);
  return lines;
}

std::vector<std::string> curve_lines(const Run& run)
{
  std::map<std::pair<std::string, std::string>, std::vector<double>> cases;
  for (const Sample& sample : run.samples)
    if (sample.metric == kMetric && sample.value && sample.site.empty())
      cases[{sample.workload, sample.arguments}].push_back(*sample.value);
  Curves curves;
  for (const auto& [key, values] : cases)
    if (const auto spread = spread_of(values))
      add_case(curves, key.first, key.second, spread->median);
  std::vector<std::string> lines;
  for (const auto& [name, points] : curves)
    if (const auto curve = fitted(points); curve && curve->bend)
      lines.push_back(fmt::format("curve: {}: {}: bends", name, bend_text(*curve)));
  tell_too_long(curves, lines);
  return lines;
}

}  // namespace rmaplab
