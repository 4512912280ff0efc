// SPDX-License-Identifier: GPL-2.0-only
// Every allocation of a fork, split, merge and move fails once, by /proc/thread-self/fail-nth
// (CONFIG_FAULT_INJECTION; Documentation/fault-injection/fault-injection.rst): the call
// succeeds or is ENOMEM, nothing is lost either way, and no object stays behind. Objects of
// the slabs, and, where a fault of the caller's stack cannot meet it, pages (page tables).
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "base/unique_fd.h"
#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/live_objects.h"
#include "conformance/looks.h"
#include "workloads/pattern.h"
#include "workloads/system_setting.h"

namespace rmaplab
{

namespace
{

constexpr int kMostAllocations = 2000;

// What debugfs wants other than it is: allocations that may wait, as all of these may, are
// spared, and so are single pages; and each that fails prints a stack, which takes longer than
// the call.
struct Wanted {
  const char* file;
  const char* value;
};
constexpr Wanted kFailSlabs[] = {{"/sys/kernel/debug/failslab/ignore-gfp-wait", "N"},
                                 {"/sys/kernel/debug/failslab/verbose", "0"}};
constexpr Wanted kFailPages[] = {{"/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N"},
                                 {"/sys/kernel/debug/fail_page_alloc/min-order", "0"},
                                 {"/sys/kernel/debug/fail_page_alloc/verbose", "0"}};

class FailNth
{
 public:
  explicit FailNth(bool pages) : file_(::open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC))
  {
    if (!file_)
      skip("/proc/thread-self/fail-nth: " + errno_text(errno) + ", needs CONFIG_FAULT_INJECTION");
    for (const Wanted& wanted : kFailSlabs)
      settings_.push_back(must(SystemSetting::set(wanted.file, wanted.value)));
    if (pages && ::access(kFailPages[0].file, W_OK) == 0)  // CONFIG_FAIL_PAGE_ALLOC
      for (const Wanted& wanted : kFailPages)
        settings_.push_back(must(SystemSetting::set(wanted.file, wanted.value)));
  }
  // The n-th allocation of this thread from now on fails; 0: none.
  void arm(int n)
  {
    const std::string text = std::to_string(n);
    if (::pwrite(file_.get(), text.data(), text.size(), 0) < 0)
      throw Verdict{os_error("write fail-nth")};
  }
  // Whether it has failed by now; disarms.
  bool fired()
  {
    char text[16] = {};
    if (::pread(file_.get(), text, sizeof text - 1, 0) < 0)
      throw Verdict{os_error("read fail-nth")};
    arm(0);
    return std::string_view(text).substr(0, 1) == "0";
  }

 private:
  UniqueFd file_;
  std::vector<SystemSetting> settings_;
};

struct Operation {
  const char* name;
  void (*before)(const Bench&);
  int (*call)(const Bench&);               // 0 or errno
  void (*after)(const Bench&, int error);  // data is intact
  bool pages = true;  // not of a fork: what fails next are faults of the caller's stack
};

// Two pages in two page tables, neither of which is there.
char* elsewhere(const Bench& b)
{
  return b.at(8 * page_size() / sizeof(std::uint64_t) - 1);
}

const Operation kOperations[] = {
    {"fork",
     [](const Bench& b) {
       map(b.at(0), 6);
       touch(b.at(0), 6);
       protect(b.at(2), 2, PROT_READ);
     },
     [](const Bench& b) {
       const pid_t pid = ::fork();
       if (pid == 0)
         ::_exit(check_pages(b.at(0), 6) ? 0 : 1);
       if (pid < 0)
         return errno;
       int status = 1;
       ::waitpid(pid, &status, 0);
       return status == 0 ? 0 : EILSEQ;  // the child found other data
     },
     [](const Bench& b, int) { expect_data(b.at(0), 6); }, false},
    {"split",
     [](const Bench& b) {
       map(b.at(0), 6);
       touch(b.at(0), 6);
     },
     [](const Bench& b) { return try_protect(b.at(2), 2, PROT_READ); },
     [](const Bench& b, int) { expect_data(b.at(0), 6); }},
    {"merge",
     [](const Bench& b) {
       map(b.at(0), 6);
       touch(b.at(0), 6);
       protect(b.at(2), 2, PROT_READ);
     },
     [](const Bench& b) { return try_protect(b.at(2), 2, kReadWrite); },
     [](const Bench& b, int) { expect_data(b.at(0), 6); }},
    {"merge_unfaulted",
     [](const Bench& b) {
       map(b.at(0), 4);
       protect(b.at(2), 2, PROT_READ);
       touch(b.at(0), 2);
     },
     [](const Bench& b) { return try_protect(b.at(2), 2, kReadWrite); },
     [](const Bench& b, int) { expect_data(b.at(0), 2); }},
    {"move",
     [](const Bench& b) {
       static_cast<void>(has_relocate_anon());  // asked here, where nothing fails
       map(b.at(0), 6);
       touch(b.at(0), 6);
     },
     [](const Bench& b) {
       return try_move(b.at(2), 2, elsewhere(b), has_relocate_anon() ? kRelocateAnon : 0);
     },
     [](const Bench& b, int error) {
       expect_data(b.at(0), 2);
       expect_data(error == 0 ? elsewhere(b) : b.at(2), 2, b.at(2));
       expect_data(b.at(4), 2);
     }},
    {"munmap",
     [](const Bench& b) {
       map(b.at(0), 6);
       touch(b.at(0), 6);
     },
     [](const Bench& b) { return try_unmap(b.at(2), 2); },
     [](const Bench& b, int error) {
       expect_data(b.at(0), 2);
       expect_data(b.at(4), 2);
       if (error != 0)
         expect_data(b.at(2), 2);
     }},
};

// Fails allocation 1, 2, ... until the call needs no more; how many failed.
int sweep(const Bench& b, FailNth& fail, const Operation& operation)
{
  for (int n = 1; n < kMostAllocations; ++n) {
    operation.before(b);
    const auto [error, fired] = [&] {
      const NoLooks armed;  // who looks allocates too
      fail.arm(n);
      const int refused = operation.call(b);
      return std::pair{refused, fail.fired()};
    }();
    look_now(fmt::format("{} whose allocation {} failed", operation.name, n));
    if (error != 0 && (error != ENOMEM || !fired))
      not_ok(fmt::format("allocation {} of {}: expected success or ENOMEM, found {}", n,
                         operation.name, errno_text(error)));
    operation.after(b, error);
    touch(b.at(0), 1);  // the memory is still good for what follows
    b.arena.clear();
    if (!fired)
      return n - 1;
  }
  not_ok(fmt::format("{} allocations and no end", kMostAllocations));
}

// Objects of the whole guest are counted, and in coarse steps: many rounds, and what each
// leaked would be many times the noise.
void balance(const Bench& b, const Operation& operation)
{
  constexpr int kRounds = 30;
  FailNth fail(operation.pages);
  expect_equal("some allocation failed", true, sweep(b, fail, operation) > 0);
  const LiveObjects before = live_objects();
  const NoLooks again;  // the first sweep was looked at
  for (int i = 0; i < kRounds; ++i)
    sweep(b, fail, operation);
  expect_none_left(before, kRounds);
}

}  // namespace

void add_enomem_checks(std::vector<Check>& checks)
{
  for (const Operation& operation : kOperations)
    checks.push_back({.name = fmt::format("enomem/{}", operation.name),
                      .summary = "each allocation fails once: ENOMEM or success, nothing is lost",
                      .source = "cleanup_partial_anon_vmas(), anon_vma_fork(), dup_anon_vma()",
                      .run = [&operation](const Bench& b) { balance(b, operation); }});
}

}  // namespace rmaplab
