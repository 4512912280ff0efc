// SPDX-License-Identifier: GPL-2.0-only
// stack_grow: a MAP_GROWSDOWN area is written to page by page, downwards.
//
// Sharing: none: one VMA with an anon_vma of its own, whose one AVC stays.
// Kernel: expand_stack() > expand_downwards(): the root write-locked to take the VMA's AVC
// out of the interval tree and put it back, once a page. Series 1 leaves it as it is, as
// it allocates nothing. kind=mapped is the control: the same writes to an area that is
// mapped whole. Figures are per page faulted in.
// Not measured: mapping the area, the first page's fault.
#include <sys/mman.h>
#include <sys/resource.h>

#include "workloads/rows.h"
#include "workloads/steps.h"

namespace rmaplab
{

namespace
{

enum Kind : std::int64_t { grown, mapped };

// acct_stack_growth() holds every such area to RLIMIT_STACK, not only the stack.
Result<> room_to_grow(std::size_t pages)
{
  struct rlimit limit {
  };
  if (::getrlimit(RLIMIT_STACK, &limit) < 0)
    return os_error("getrlimit of the stack");
  if (limit.rlim_cur / page_size() <= pages)
    return Error{.code = Errc::unsupported, .context = "the limit of the stack is less than that"};
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  const std::size_t pages = range_of(state, 0);
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  if (auto room = room_to_grow(pages); !room)
    return meter.fail(state, room.error());
  const bool grows = state.range(1) == grown;
  const auto build = [&]() -> Result<> {
    auto got = grows ? arena->map(arena->at(pages), 1, MAP_GROWSDOWN)
                     : arena->map(arena->at(0), pages + 1);
    touch(arena->at(pages), got ? 1 : 0);
    return got;
  };
  const auto act = [&]() -> Result<> {
    for (std::size_t i = pages; i-- > 0;)
      touch(arena->at(i), 1);
    return ok();
  };
  time_steps(state, meter, *arena, {.build = build, .act = act, .check = [&] {
                                      return check_pages(arena->at(0), pages + 1);
                                    }});
}

}  // namespace

const Workload stack_grow{
    .name = "stack_grow",
    .summary = "a MAP_GROWSDOWN area grows page by page as it is written to",
    .kernel_path = "expand_stack, expand_downwards",
    .patches = "control",
    .item = "page faulted in",
    .arguments = {{.name = "pages"}, {.name = "kind", .labels = {"grown", "mapped"}}},
    .quick = {{10, grown}, {1000, grown}, {10, mapped}, {1000, mapped}},
    .full = {{10, grown},
             {100, grown},
             {1000, grown},
             {3000, grown},
             {10, mapped},
             {100, mapped},
             {1000, mapped},
             {3000, mapped}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) { return v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 2 * v[0]; },
    .run = run,
};

}  // namespace rmaplab
