// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/numa.h"

#include <fmt/format.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kMostNodes = 1024;  // CONFIG_NODES_SHIFT is 10 at most
constexpr std::size_t kBits = sizeof(unsigned long) * CHAR_BIT;

Error refusal(const char* what)
{
  if (errno == ENOSYS)
    return {.code = Errc::unsupported, .context = fmt::format("the kernel has no {}", what)};
  if (errno == EPERM)
    return {.code = Errc::unsupported,
            .context = fmt::format("{} of shared pages needs CAP_SYS_NICE", what)};
  return os_error(what);
}

}  // namespace

Result<TwoNodes> two_nodes()
{
  unsigned long mask[kMostNodes / kBits] = {};
  if (::syscall(SYS_get_mempolicy, nullptr, mask, kMostNodes, nullptr, MPOL_F_MEMS_ALLOWED) < 0)
    return refusal("get_mempolicy(2)");
  std::vector<int> nodes;
  for (std::size_t node = 0; node < kMostNodes; ++node)
    if (mask[node / kBits] >> node % kBits & 1)
      nodes.push_back(static_cast<int>(node));
  if (nodes.size() < 2)
    return Error{.code = Errc::unsupported,
                 .context = "one NUMA node only: a page has nowhere to move"};
  return TwoNodes{.home = nodes[0], .away = nodes[1]};
}

void drain_lru_batches(char* at)
{
  void* const page = at;
  const int node = 0;  // where it is or not, and whether it goes, makes no difference
  int status = 0;
  ::syscall(SYS_move_pages, 0, 1, &page, &node, &status, MPOL_MF_MOVE);
}

PageMove::PageMove(char* at, std::size_t pages, pid_t whose)
    : whose_(whose), nodes_(pages), status_(pages)
{
  for (std::size_t page = 0; page < pages; ++page)
    addresses_.push_back(at + page * page_size());
}

PageMove::PageMove(std::vector<void*> pages, pid_t whose)
    : whose_(whose), addresses_(std::move(pages)), nodes_(addresses_.size()), status_(nodes_.size())
{
}

long PageMove::call(int node)
{
  std::ranges::fill(nodes_, node);
  return ::syscall(SYS_move_pages, whose_, addresses_.size(), addresses_.data(), nodes_.data(),
                   status_.data(), MPOL_MF_MOVE_ALL);
}

Result<> PageMove::look()
{
  if (::syscall(SYS_move_pages, whose_, addresses_.size(), addresses_.data(), nullptr,
                status_.data(), 0) < 0)
    return refusal("move_pages(2)");
  return ok();
}

Result<std::size_t> PageMove::count_on(int node)
{
  if (auto looked = look(); !looked)
    return looked.error();
  return static_cast<std::size_t>(std::ranges::count(status_, node));
}

Result<std::size_t> PageMove::first_elsewhere(int node)
{
  if (auto looked = look(); !looked)
    return looked.error();
  return static_cast<std::size_t>(
      std::ranges::find_if(status_, [&](int on) { return on != node; }) - status_.begin());
}

Result<> PageMove::settle(int node)
{
  constexpr int kMostTries = 8;
  for (int tries = 0;; ++tries) {
    const auto page = first_elsewhere(node);
    if (!page)
      return page.error();
    if (*page == addresses_.size())
      return ok();
    const int on = status_[*page];
    if (tries == kMostTries)
      return Error{
          .code = Errc::mismatch,
          .context = fmt::format(
              "page {} at {} does not go to node {}: {}", *page, fmt::ptr(addresses_[*page]), node,
              on < 0 ? std::strerror(-on) : fmt::format("it stays on {}", on).c_str())};
    if (call(node) < 0)
      return refusal("move_pages(2)");
  }
}

}  // namespace rmaplab
