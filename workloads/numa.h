// SPDX-License-Identifier: GPL-2.0-only
// Pages that are sent from node to node: the walk of the reverse mapping that user space
// can ask for most exactly.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

struct TwoNodes {
  int home = 0;
  int away = 0;
};

// Two nodes whose memory this process may use; Errc::unsupported where there is one.
Result<TwoNodes> two_nodes();

// Puts the batches of pages that every CPU holds back on the LRU lists, from where alone
// reclaim takes them: any call of move_pages(2) that asks for a move does. `at` is mapped.
void drain_lru_batches(char* at);

// One call of move_pages(2) for a range, with its lists made before: only call() is to be
// timed.
class PageMove
{
 public:
  // `whose`: of another process (CAP_SYS_NICE and access as of ptrace); 0: of this one.
  PageMove(char* at, std::size_t pages, pid_t whose = 0);
  PageMove(std::vector<void*> pages, pid_t whose);
  // Pages that other processes map too included (MPOL_MF_MOVE_ALL). 0 and more as of the
  // system call, -1 with errno.
  long call(int node);
  // All pages are on the node; else they are sent there once more, for a page may be held
  // for a moment by somebody else. Errc::mismatch names one that stays nevertheless.
  Result<> settle(int node);
  // How many of the pages are on the node.
  Result<std::size_t> count_on(int node);

 private:
  Result<> look();  // status_ is each page's node
  Result<std::size_t> first_elsewhere(int node);

  pid_t whose_;
  std::vector<void*> addresses_;
  std::vector<int> nodes_;
  std::vector<int> status_;
};

}  // namespace rmaplab
