// SPDX-License-Identifier: GPL-2.0-only
// test_*: workloads that go wrong, to prove that rmaplab notices. Hidden: they run only
// when named.
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <csignal>

#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "workloads/rows.h"
#include "workloads/system_setting.h"

namespace rmaplab
{

namespace
{

// Figures as of a workload to which nothing happened.
void once(benchmark::State& state, Meter& meter)
{
  for ([[maybe_unused]] auto _ : state) {
    meter.start();
    meter.stop(state);
  }
}

}  // namespace

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

// Touches pages and writes over one: what a kernel that loses a page looks like.
const Workload test_corrupt{
    .name = "test_corrupt",
    .summary = "finds one page of its memory changed (for tests of rmaplab itself)",
    .kernel_path = "none",
    .item = "check",
    .quick = {{}},
    .full = {{}},
    .run =
        [](benchmark::State& state, Meter& meter) {
          auto stage = Stage::create();
          if (!stage)
            return meter.fail(state, stage.error());
          constexpr std::size_t kPages = 4;
          if (auto mapped = stage->arena.map(stage->arena.at(0), kPages); !mapped)
            return meter.fail(state, mapped.error());
          touch(stage->arena.at(0), kPages);
          touch(stage->arena.at(2), 1, {.generation = 7});
          if (auto good = check_pages(stage->arena.at(0), kPages); !good)
            return meter.fail(state, good.error());
          once(state, meter);
        },
    .hidden = true,
};

// User space may write to the kernel's log; only the facility shows that it did.
const Workload test_warn{
    .name = "test_warn",
    .summary = "writes a warning into the kernel's log (for tests of rmaplab itself)",
    .kernel_path = "none",
    .item = "warning",
    .quick = {{}},
    .full = {{}},
    .run =
        [](benchmark::State& state, Meter& meter) {
          constexpr std::string_view kLine = "WARNING: CPU: 0 PID: 1 at test/of/rmaplab.c:1\n";
          const int log = ::open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
          if (log < 0 || ::write(log, kLine.data(), kLine.size()) < 0)
            return meter.fail(state, os_error("write to /dev/kmsg"));
          ::close(log);
          once(state, meter);
        },
    .hidden = true,
};

const Workload test_leak{
    .name = "test_leak",
    .summary = "leaves two sleeping processes behind (for tests of rmaplab itself)",
    .kernel_path = "none",
    .item = "leak",
    .arguments = {{.name = "ends", .labels = {"well", "never"}}},
    .quick = {{0}},
    .full = {{0}, {1}},
    .run =
        [](benchmark::State& state, Meter& meter) {
          for (int i = 0; i < 2; ++i)
            if (sys_fork() == 0) {
              if (i == 1)
                ::syscall(SYS_setsid);  // out of the case's process group
              for (;;)
                ::pause();
            }
          while (state.range(0) == 1)
            ::pause();
          once(state, meter);
        },
    .hidden = true,
};

const Workload test_setting{
    .name = "test_setting",
    .summary = "leaves vm.max_map_count one higher, or dies so (for tests of rmaplab itself)",
    .kernel_path = "none",
    .item = "setting",
    .arguments = {{.name = "ends", .labels = {"well", "killed"}}},
    .quick = {{0}, {1}},
    .full = {{0}, {1}},
    .run =
        [](benchmark::State& state, Meter& meter) {
          constexpr const char* kFile = "/proc/sys/vm/max_map_count";
          const auto text = read_file(kFile);
          const auto now = text ? parse_u64(trim(*text)) : std::nullopt;
          if (!now)
            return meter.fail(state, os_error("read vm.max_map_count"));
          auto setting = SystemSetting::set(kFile, std::to_string(*now + 1));
          if (!setting)
            return meter.fail(state, setting.error());
          static_cast<void>(new SystemSetting(*std::move(setting)));  // nobody restores it
          if (state.range(0) == 1)
            std::raise(SIGKILL);
          once(state, meter);
        },
    .hidden = true,
};

// A grandchild that outlives whoever ran the workload holds copies of its VMAs.
const Workload test_unfreed{
    .name = "test_unfreed",
    .summary = "leaves objects alive beyond its process's end (for tests of rmaplab itself)",
    .kernel_path = "none",
    .item = "leak",
    .quick = {{}},
    .full = {{}},
    .run =
        [](benchmark::State& state, Meter& meter) {
          auto stage = Stage::create();
          if (!stage)
            return meter.fail(state, stage.error());
          if (auto mapped = map_faulted_islands(stage->arena, 10); !mapped)
            return meter.fail(state, mapped.error());
          if (sys_fork() == 0)
            for (;;)
              ::pause();
          once(state, meter);
        },
    .hidden = true,
};

// A page that is pinned for a device behind PinnedBuffer's back: it stays where it is when it is
// sent away, as one does that no walk finds.
const Workload test_stays{
    .name = "test_stays",
    .summary = "has a page that cannot leave its node (for tests of rmaplab itself)",
    .kernel_path = "none",
    .item = "page",
    .quick = {{}},
    .full = {{}},
    .run =
        [](benchmark::State& state, Meter& meter) {
          auto stage = Stage::create();
          if (!stage)
            return meter.fail(state, stage.error());
          constexpr std::size_t kPages = 4;
          if (auto mapped = stage->arena.map(stage->arena.at(0), kPages); !mapped)
            return meter.fail(state, mapped.error());
          touch(stage->arena.at(0), kPages);
          struct io_uring_params parameters = {};
          const UniqueFd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters)));
          const struct iovec buffer = {.iov_base = stage->arena.at(2), .iov_len = page_size()};
          if (::syscall(SYS_io_uring_register, ring.get(), IORING_REGISTER_BUFFERS, &buffer, 1) < 0)
            return meter.fail(state, os_error("register a buffer of io_uring"));
          for ([[maybe_unused]] auto _ : state) {
            meter.start();
            meter.stop(state);
            const pid_t self = ::getpid();
            meter.observe({&self, 1});
          }
        },
    .hidden = true,
};

}  // namespace rmaplab
