// SPDX-License-Identifier: GPL-2.0-only
// Sets of pages as runs, and the pages that a process owns alone or with relatives: how much
// memory a replay may take, known before it starts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace rmaplab
{

// Page numbers (address / page size), kept as runs.
class PageSet
{
 public:
  // Whether it is new.
  bool add(std::uint64_t page);
  // How many of them are new.
  std::uint64_t add(std::uint64_t begin, std::uint64_t end);
  // How many of [begin, end) were there.
  std::uint64_t remove(std::uint64_t begin, std::uint64_t end);
  // The part of [begin, end), taken out.
  PageSet extract(std::uint64_t begin, std::uint64_t end);
  // All of it, `by` pages further (modulo 2^64: also back).
  void add_shifted(const PageSet& other, std::uint64_t by);
  bool contains(std::uint64_t page) const;
  std::uint64_t size() const { return size_; }
  std::size_t runs() const { return runs_.size(); }
  // begin -> end, ascending and apart.
  const std::map<std::uint64_t, std::uint64_t>& as_runs() const { return runs_; }

 private:
  std::map<std::uint64_t, std::uint64_t> runs_;  // begin -> end; apart from each other
  std::uint64_t size_ = 0;
};

// Pages that an address space wrote. fork() copies none: what was written before it is one
// layer that parent and child hold together, what either writes later is its own. An upper
// bound: pages of a layer that all its holders unmapped or copied stay counted until but one
// of them is left.
class WrittenPages
{
 public:
  // `total` counts the pages of all that share it; it outlives them.
  explicit WrittenPages(std::uint64_t& total) : total_(&total) {}
  WrittenPages(WrittenPages&& other) noexcept;
  WrittenPages& operator=(WrittenPages&&) = delete;
  ~WrittenPages();
  void write(std::uint64_t page) { write(page, page + 1); }
  void write(std::uint64_t begin, std::uint64_t end);
  void forget(std::uint64_t begin, std::uint64_t end);
  void move(std::uint64_t begin, std::uint64_t end, std::uint64_t to);
  WrittenPages fork();

 private:
  // Pages that several hold; who made it counted them.
  struct Layer {
    Layer(PageSet its_pages, std::uint64_t& its_total)
        : pages(std::move(its_pages)), total(&its_total)
    {
    }
    Layer(const Layer&) = delete;
    Layer& operator=(const Layer&) = delete;
    ~Layer() { *total -= pages.size(); }
    PageSet pages;
    std::uint64_t* total;
  };
  // Takes the layers over that nobody else holds any more.
  void adopt();

  std::uint64_t* total_;
  PageSet own_;
  std::vector<std::shared_ptr<Layer>> layers_;
};

}  // namespace rmaplab
