// SPDX-License-Identifier: GPL-2.0-only
#include "replay/page_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rmaplab
{

bool PageSet::contains(std::uint64_t page) const
{
  const auto after = runs_.upper_bound(page);
  return after != runs_.begin() && std::prev(after)->second > page;
}

bool PageSet::add(std::uint64_t page)
{
  if (contains(page))
    return false;
  add(page, page + 1);
  return true;
}

std::uint64_t PageSet::add(std::uint64_t begin, std::uint64_t end)
{
  if (begin >= end)
    return 0;
  const std::uint64_t before = size_;
  auto at = runs_.upper_bound(begin);
  if (at != runs_.begin() && std::prev(at)->second >= begin)
    --at;
  while (at != runs_.end() && at->first <= end) {
    begin = std::min(begin, at->first);
    end = std::max(end, at->second);
    size_ -= at->second - at->first;
    at = runs_.erase(at);
  }
  runs_.emplace_hint(at, begin, end);
  size_ += end - begin;
  return size_ - before;
}

PageSet PageSet::extract(std::uint64_t begin, std::uint64_t end)
{
  PageSet taken;
  if (begin >= end)
    return taken;
  auto at = runs_.upper_bound(begin);
  if (at != runs_.begin() && std::prev(at)->second > begin)
    --at;
  while (at != runs_.end() && at->first < end) {
    const auto [first, last] = *at;
    const std::uint64_t from = std::max(first, begin);
    const std::uint64_t to = std::min(last, end);
    at = runs_.erase(at);
    if (first < from)
      runs_.emplace_hint(at, first, from);
    if (to < last)
      at = runs_.emplace_hint(at, to, last);
    taken.runs_.emplace_hint(taken.runs_.end(), from, to);
    taken.size_ += to - from;
  }
  size_ -= taken.size_;
  return taken;
}

std::uint64_t PageSet::remove(std::uint64_t begin, std::uint64_t end)
{
  return extract(begin, end).size();
}

void PageSet::add_shifted(const PageSet& other, std::uint64_t by)
{
  for (const auto& [begin, end] : other.runs_)
    add(begin + by, end + by);
}

WrittenPages::WrittenPages(WrittenPages&& other) noexcept
    : total_(other.total_),
      own_(std::exchange(other.own_, {})),
      layers_(std::exchange(other.layers_, {}))
{
}

WrittenPages::~WrittenPages()
{
  *total_ -= own_.size();
}

void WrittenPages::adopt()
{
  std::erase_if(layers_, [&](std::shared_ptr<Layer>& layer) {
    if (layer.use_count() > 1)
      return false;
    // The smaller goes into the larger: over a whole trace that is cheap.
    if (layer->pages.runs() > own_.runs())
      std::swap(layer->pages, own_);
    const std::uint64_t before = own_.size() + layer->pages.size();
    own_.add_shifted(layer->pages, 0);
    layer->pages = PageSet();
    *total_ -= before - own_.size();
    return true;
  });
}

void WrittenPages::write(std::uint64_t begin, std::uint64_t end)
{
  // Children end in any order: fork() and forget() look at the other layers.
  if (!layers_.empty() && layers_.back().use_count() == 1)
    adopt();
  *total_ += end - begin == 1 ? std::uint64_t{own_.add(begin)} : own_.add(begin, end);
}

void WrittenPages::forget(std::uint64_t begin, std::uint64_t end)
{
  if (!layers_.empty() && layers_.back().use_count() == 1)
    adopt();
  *total_ -= own_.remove(begin, end);
}

void WrittenPages::move(std::uint64_t begin, std::uint64_t end, std::uint64_t to)
{
  if (!layers_.empty() && layers_.back().use_count() == 1)
    adopt();
  const PageSet moved = own_.extract(begin, end);
  const std::uint64_t before = own_.size() + moved.size();
  own_.add_shifted(moved, to - begin);
  *total_ -= before - own_.size();
}

WrittenPages WrittenPages::fork()
{
  adopt();
  if (own_.size() > 0)
    layers_.push_back(std::make_shared<Layer>(std::exchange(own_, {}), *total_));
  WrittenPages child(*total_);
  child.layers_ = layers_;
  return child;
}

}  // namespace rmaplab
