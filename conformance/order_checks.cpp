// SPDX-License-Identifier: GPL-2.0-only
// Pieces of one faulted VMA moved to a contiguous place in an order and arrangement that
// the seed chooses: which of them are one VMA in the end follows from a model.
#include <algorithm>
#include <numeric>
#include <random>

#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/relocation_model.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kPieces = 12;
constexpr std::size_t kFrom = 1000;
constexpr int kArrangements = 16;

struct Arrangement {
  std::vector<std::size_t> order;  // piece that moves first, second, ...
  std::vector<std::size_t> place;  // of piece i
};

Arrangement arrange(std::uint64_t seed, int number)
{
  std::mt19937_64 random(seed * 1000 + static_cast<std::uint64_t>(number));
  Arrangement a;
  a.order.resize(kPieces);
  std::iota(a.order.begin(), a.order.end(), 0);
  a.place = a.order;
  const auto shuffle = [&](std::vector<std::size_t>& values) {
    for (std::size_t i = values.size() - 1; i > 0; --i)  // std::shuffle differs by library
      std::swap(values[i], values[random() % (i + 1)]);
  };
  shuffle(a.order);
  // A few swaps only, so that some neighbours stay neighbours.
  for (int i = 0; i < 4; ++i)
    std::swap(a.place[random() % kPieces], a.place[random() % kPieces]);
  return a;
}

Layout layout_between(const std::vector<std::size_t>& border_before)
{
  Layout layout;
  for (std::size_t i = 0; i < kPieces; ++i) {
    if (i == 0 || border_before[i])
      layout.push_back({i, i});
    layout.back().end = i + 1;
  }
  return layout;
}

// Without relocation two neighbours are one VMA when they had been neighbours: all pieces
// have one anon_vma, and their vm_pgoff went with them.
Layout without_relocation(const Arrangement& a)
{
  std::vector<std::size_t> piece_at(kPieces);
  for (std::size_t i = 0; i < kPieces; ++i)
    piece_at[a.place[i]] = i;
  std::vector<std::size_t> border(kPieces, 0);
  for (std::size_t p = 1; p < kPieces; ++p)
    border[p] = piece_at[p] != piece_at[p - 1] + 1;
  return layout_between(border);
}

// With it which layouts are right is a matter of conformance/relocation_model.h.
Order places_filled(const Arrangement& a)
{
  Order order;
  for (const std::size_t piece : a.order)
    order.push_back(a.place[piece]);
  return order;
}

void move_all(const Bench& b, const Arrangement& a, int flags)
{
  map(b.at(kFrom), kPieces);
  advise(b.at(kFrom), kPieces, MADV_NOHUGEPAGE);
  touch(b.at(kFrom), kPieces);
  for (const std::size_t piece : a.order)
    move(b.at(kFrom + piece), 1, b.at(a.place[piece]), flags);
}

void expect_pieces(const Bench& b, const Arrangement& a)
{
  for (std::size_t piece = 0; piece < kPieces; ++piece)
    expect_data(b.at(a.place[piece]), 1, b.at(kFrom + piece));
}

}  // namespace

void add_order_checks(std::vector<Check>& checks)
{
  for (int number = 0; number < kArrangements; ++number) {
    checks.push_back({.name = fmt::format("order/mremap/{}", number),
                      .summary = "pieces moved as the seed says: which are one VMA in the end",
                      .source = "copy_vma(): same anon_vma and distance of vm_pgoff",
                      .run = [number](const Bench& b) {
                        const Arrangement a = arrange(b.seed, number);
                        move_all(b, a, 0);
                        expect_layout(b, without_relocation(a));
                        expect_pieces(b, a);
                      }});
    checks.push_back({.name = fmt::format("order/relocate/{}", number),
                      .summary = "the same with MREMAP_RELOCATE_ANON",
                      .source = "MREMAP_RELOCATE_ANON as posted in 2025",
                      .run = [number](const Bench& b) {
                        if (!has_relocate_anon())
                          skip("this kernel has no MREMAP_RELOCATE_ANON");
                        const Arrangement a = arrange(b.seed, number);
                        move_all(b, a, kRelocateAnon);
                        const Order order = places_filled(a);
                        const Layout found = layout_of(b);
                        const auto choices = choices_of(order, found);
                        if (!choices)
                          not_ok(fmt::format("VMAs: expected {} or {} or between them, found {}",
                                             to_string(joined_lower(order)),
                                             to_string(joined_upper(order)), to_string(found)));
                        note("joined between two: " + *choices);
                        expect_pieces(b, a);
                      }});
  }
}

}  // namespace rmaplab
