// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/family.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

constexpr Mark mark_of(std::size_t generation)
{
  const auto number = static_cast<std::uint32_t>(generation);
  return {.generation = number, .writer = number};
}

}  // namespace

std::size_t FamilyShape::descendants() const
{
  std::size_t sum = 0;
  std::size_t generation = 1;
  for (std::size_t i = 0; i < depth && sum <= Meeting::kMostProcesses; ++i)
    sum += generation *= fanout;
  return sum;
}

std::int64_t FamilyShape::memory_pages() const
{
  // A VMA and its AVC take less than a page between them, page tables of the area included.
  const std::size_t own = mapped_by == MappedBy::first ? pages : 0;
  const std::size_t member =
      static_cast<std::size_t>(kProcessPages) + vmas * (1 + depth / 16) + own;
  return static_cast<std::int64_t>((1 + descendants()) * member + vmas * pages);
}

Family::Family(const Arena& arena, const FamilyShape& shape, Meeting meeting)
    : arena_(&arena),
      shape_(shape),
      meeting_(std::move(meeting)),
      area_(shape.at ? shape.at : arena.at(0)),
      pages_(area_ + shape.vmas / 2 / 2 * 2 * shape.pages * page_size())
{
}

Family::Family(Family&& other) noexcept
    : arena_(std::exchange(other.arena_, nullptr)),
      shape_(other.shape_),
      meeting_(std::move(other.meeting_)),
      area_(other.area_),
      pages_(other.pages_),
      children_(std::exchange(other.children_, {}))
{
}

Family::~Family()
{
  if (!arena_)
    return;
  meeting_.release();
  static_cast<void>(reap_children());
  arena_->clear();
}

Result<Family> Family::create(const Arena& arena, const FamilyShape& shape)
{
  if (shape.descendants() > Meeting::kMostProcesses)
    return Error{
        .code = Errc::usage,
        .context = fmt::format("a family of more than {} descendants", Meeting::kMostProcesses)};
  if (shape.vmas == 0 || shape.pages == 0)
    return Error{.code = Errc::usage, .context = "a family without VMAs or pages"};
  auto meeting = Meeting::create();
  if (!meeting)
    return meeting.error();
  Family family(arena, shape, *std::move(meeting));
  if (auto mapped = family.map(); !mapped)
    return mapped.error();
  if (auto forked = family.fork_children(0); !forked)
    return forked.error();
  if (!family.meeting_.await_arrivals(static_cast<int>(shape.descendants())))
    return Error{.code = Errc::os, .context = "not all processes of the family came to be"};
  return family;
}

Result<> Family::map() const
{
  if (auto mapped = arena_->map(area_, shape_.vmas * shape_.pages); !mapped)
    return mapped;
  const auto before = static_cast<std::size_t>(pages_ - area_) / page_size();
  touch(area_, before);
  if (auto touched = touch_pages(); !touched)
    return touched;
  touch(pages_ + shape_.pages * page_size(), shape_.vmas * shape_.pages - before - shape_.pages);
  const std::size_t bytes = shape_.pages * page_size();
  for (std::size_t i = 1; i < shape_.vmas; i += 2)
    if (::mprotect(area_ + i * bytes, bytes, PROT_READ) < 0)
      return os_error("mprotect every second VMA of the family's area");
  return ok();
}

Result<> Family::touch_pages() const
{
  if (shape_.cgroup)
    if (auto entered = shape_.cgroup->enter(); !entered)
      return entered;
  touch(pages_, shape_.pages);
  return shape_.cgroup ? shape_.cgroup->leave() : ok();
}

// 0 in nobody: the member lives and ends in here.
pid_t Family::fork_member(std::size_t generation)
{
  const pid_t pid = sys_fork();
  if (pid != 0)
    return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  children_.clear();
  if (shape_.mapped_by == MappedBy::first)
    touch(pages_, shape_.pages, mark_of(generation));
  bool good = static_cast<bool>(fork_children(generation));
  good = meeting_.arrive_and_wait() && good;
  good = reap_children() == 0 && good;
  sys_exit(good && check_own(generation) ? 0 : 1);
}

Result<> Family::fork_children(std::size_t generation)
{
  if (generation == shape_.depth)
    return ok();
  for (std::size_t i = 0; i < shape_.fanout; ++i) {
    const pid_t pid = fork_member(generation + 1);
    if (pid < 0)
      return os_error("fork a member of the family");
    children_.push_back(pid);
  }
  return ok();
}

int Family::reap_children()
{
  int worst = 0;
  for (const pid_t pid : std::exchange(children_, {}))
    worst = std::max(worst, reap(pid));
  return worst;
}

Result<> Family::check_own(std::size_t generation) const
{
  return check_pages(pages_, shape_.pages,
                     shape_.mapped_by == MappedBy::first ? mark_of(generation) : Mark{});
}

std::vector<pid_t> Family::pids() const
{
  std::vector<pid_t> all = {::getpid()};
  for (std::size_t i = 0; i < shape_.descendants(); ++i)
    all.push_back(meeting_.arrived_pid(static_cast<int>(i)));
  return all;
}

Result<> Family::check_and_end()
{
  meeting_.release();
  const int worst = reap_children();
  if (auto intact = check_own(0); !intact)
    return intact;
  arena_->clear();
  arena_ = nullptr;
  if (worst != 0)
    return Error{.code = Errc::mismatch,
                 .context = "a process of the family found another content in its pages"};
  return ok();
}

}  // namespace rmaplab
