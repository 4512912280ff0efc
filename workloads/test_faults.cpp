// SPDX-License-Identifier: GPL-2.0-only
// test_crash, test_hang: workloads that go wrong, to prove that rmaplab notices.
// Hidden: they run only when named.
#include <csignal>

#include "workloads/rows.h"

namespace rmaplab
{

const Workload test_crash{
    .name = "test_crash",
    .summary = "dies of a segmentation fault (for tests of rmaplab itself)",
    .kernel_path = "none",
    .item = "crash",
    .quick = {{}},
    .full = {{}},
    .run = [](benchmark::State&, Meter&) { std::raise(SIGSEGV); },
    .hidden = true,
};

const Workload test_hang{
    .name = "test_hang",
    .summary = "never ends (for tests of rmaplab itself)",
    .kernel_path = "none",
    .item = "hang",
    .quick = {{}},
    .full = {{}},
    .run =
        [](benchmark::State&, Meter&) {
          for (;;)
            ::pause();
        },
    .hidden = true,
};

}  // namespace rmaplab
