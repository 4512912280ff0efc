// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/walk_pair.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <new>
#include <utility>

namespace rmaplab
{

namespace
{

// Turns of the meeting: the second process is ready; of round i, both walk; the second has.
constexpr std::uint32_t kReady = 1;
constexpr std::uint32_t walks(std::uint32_t round)
{
  return 2 * round + 2;
}
constexpr std::uint32_t has_walked(std::uint32_t round)
{
  return 2 * round + 3;
}
constexpr std::uint32_t kOver = ~std::uint32_t{0} >> 1;

std::int64_t sleeps_until_now()
{
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nvcsw;
}

}  // namespace

// In memory that both share.
struct WalkPair::Shared {
  std::atomic<std::uint32_t> over = 0;
  std::atomic<std::uint32_t> failed = 0;
  std::atomic<std::int64_t> sleeps = 0;
};

Result<WalkPair> WalkPair::create(const TwoNodes& nodes)
{
  auto meeting = Meeting::create();
  if (!meeting)
    return meeting.error();
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return os_error("mmap a shared page");
  return WalkPair(nodes, *std::move(meeting), new (memory) Shared);
}

WalkPair::WalkPair(WalkPair&& other) noexcept
    : nodes_(other.nodes_),
      meeting_(std::move(other.meeting_)),
      shared_(std::exchange(other.shared_, nullptr)),
      first_(other.first_),
      pages_(other.pages_),
      second_(std::exchange(other.second_, 0))
{
}

WalkPair::~WalkPair()
{
  if (!shared_)
    return;
  end();
  ::munmap(shared_, sizeof(Shared));
}

bool WalkPair::walk(PageMove& move, std::uint32_t round)
{
  const std::int64_t before = sleeps_until_now();
  const bool good = move.call(target(round)) == 0;
  shared_->sleeps += sleeps_until_now() - before;
  return good;
}

void WalkPair::follow(const Arena& arena, char* at, std::size_t pages, pid_t whose)
{
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_worker(1);
  PageMove move(at, pages, whose);
  arena.clear();  // its own copies: no part of what is walked through
  meeting_.set_turn(kReady);
  for (std::uint32_t round = 0;; ++round) {
    if (!meeting_.wait_turn(walks(round)))
      sys_exit(1);
    if (shared_->over)
      sys_exit(0);
    if (!walk(move, round))
      shared_->failed = 1;
    if (shared_->over)  // the first has given up
      sys_exit(0);
    meeting_.set_turn(has_walked(round));
  }
}

Result<> WalkPair::begin(const Arena& arena, char* first, char* second, std::size_t pages)
{
  first_ = first;
  pages_ = pages;
  const pid_t self = ::getpid();
  second_ = sys_fork();
  if (second_ == 0)
    follow(arena, second, pages, self);
  if (second_ < 0) {
    second_ = 0;
    return os_error("fork the second walker");
  }
  if (!meeting_.wait_turn(kReady))
    return Error{.code = Errc::os, .context = "the second walker did not come to be"};
  for (char* half : {first, second})
    if (auto home = PageMove(half, pages).settle(nodes_.home); !home)
      return home;
  return ok();
}

Result<> WalkPair::iterate(std::uint32_t round, PageMove& move, benchmark::State& state,
                           Meter& meter)
{
  shared_->sleeps = 0;
  meter.start();
  meeting_.set_turn(walks(round));
  const bool first = walk(move, round);
  const bool second = meeting_.wait_turn(has_walked(round)) && !shared_->failed;
  meter.stop(state);
  if (!first || !second)
    return Error{.code = Errc::os, .context = "a walker could not send all of its pages"};
  meter.outcome("walk_sleeps", static_cast<double>(shared_->sleeps));
  return ok();
}

Result<> WalkPair::run(benchmark::State& state, Meter& meter)
{
  PageMove move(first_, pages_);
  std::uint32_t round = 0;
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(round++, move, state, meter); !done)
      return done;
  return ok();
}

bool WalkPair::end()
{
  if (second_ <= 0)
    return true;
  shared_->over = 1;
  meeting_.set_turn(kOver);
  return reap(std::exchange(second_, 0)) == 0;
}

}  // namespace rmaplab
