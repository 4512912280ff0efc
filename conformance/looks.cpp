// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/looks.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

#include "conformance/check.h"

namespace rmaplab
{

namespace
{

// Of this process; a forked child goes on with a copy.
struct State {
  Looker looker;
  LookCounts* counts = nullptr;
  std::uint64_t calls = 0;
  std::atomic<int> forbidden = 0;
  bool walks = true;
  bool sees_anon_vmas = true;  // as far as is known
  bool with_parent = false;
};
State& state()
{
  static State here;
  return here;
}

// The directory has a link more for each thread.
bool has_other_threads()
{
  struct stat tasks = {};
  return ::stat("/proc/self/task", &tasks) != 0 || tasks.st_nlink > 3;
}

// The server answers one question after the other. A process that was killed while it asked
// leaves its PID behind.
class Turn
{
 public:
  explicit Turn(std::atomic<pid_t>& asking) : asking_(asking)
  {
    const struct timespec pause = {.tv_sec = 0, .tv_nsec = 100'000};
    for (pid_t other = 0; !asking_.compare_exchange_weak(other, ::getpid()); other = 0)
      if (other != 0 && ::kill(other, 0) < 0 && errno == ESRCH)
        asking_.compare_exchange_strong(other, 0);
      else
        ::nanosleep(&pause, nullptr);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { asking_ = 0; }

 private:
  std::atomic<pid_t>& asking_;
};

void note_reason(LookCounts& counts, const std::string& reason)
{
  if (counts.not_looked++ == 0)
    std::strncpy(counts.reason, reason.c_str(), sizeof counts.reason - 1);
}

Result<LookAnswer> ask(const LookQuestion& question)
{
  const Turn turn(state().counts->asking);
  return state().looker(question);
}

// An orphan's parent is an ancestor that waits too, or, where the check is no subreaper, the
// machine's first process, which is nobody's business.
std::vector<pid_t> processes()
{
  std::vector<pid_t> pids = {::getpid()};
  if (state().with_parent && ::getppid() > 1)
    pids.insert(pids.begin(), ::getppid());
  return pids;
}

// A walk takes ten times as long as a look at the anon_vmas, so that it follows single calls only
// where there is no other look.
enum class Depth { anon_vmas, walks };

void look(std::string_view when, Depth depth)
{
  State& here = state();
  LookCounts& counts = *here.counts;
  if (here.forbidden > 0 || has_other_threads()) {
    ++counts.passed_over;
    return;
  }
  const auto asked = [&](bool walk) {
    return ask({.pids = processes(), .walk = walk && here.walks});
  };
  const bool walk = depth == Depth::walks || !here.sees_anon_vmas;
  auto answer = asked(walk);
  if (answer && !answer->anon_vmas && answer->faults.empty() && !walk) {
    here.sees_anon_vmas = false;
    answer = asked(true);
  }
  if (!answer || !answer->not_looked.empty())
    return note_reason(counts, answer ? answer->not_looked : to_string(answer.error()));
  ++counts.looked;
  if (answer->faults.empty())
    return;
  std::string text = fmt::format("the reverse mapping is wrong after {}:", when);
  for (const auto& fault : answer->faults)
    text += "\n" + fault;
  not_ok(text);
}

}  // namespace

Result<SharedLookCounts> SharedLookCounts::create()
{
  UniqueFd fd(::memfd_create("rmaplab-looks", MFD_CLOEXEC));
  if (!fd || ::ftruncate(fd.get(), sizeof(LookCounts)) < 0)
    return os_error("memfd_create");
  return of(fd.release());
}

Result<SharedLookCounts> SharedLookCounts::of(int number)
{
  UniqueFd fd(number);
  void* const at =
      ::mmap(nullptr, sizeof(LookCounts), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED)
    return os_error("mmap the counts of looks");
  return SharedLookCounts(std::move(fd), static_cast<LookCounts*>(at));
}

SharedLookCounts::SharedLookCounts(SharedLookCounts&& other) noexcept
    : fd_(std::move(other.fd_)), counts_(std::exchange(other.counts_, nullptr))
{
}

SharedLookCounts::~SharedLookCounts()
{
  if (counts_)
    ::munmap(counts_, sizeof(LookCounts));
}

std::string describe_looks(std::uint64_t looked, std::uint64_t passed_over,
                           std::uint64_t not_looked, std::string_view reason)
{
  if (looked == 0)
    return fmt::format("the reverse mapping was not looked at: {}", reason);
  std::string text = fmt::format("the reverse mapping was looked at after {} calls, not after {}",
                                 looked, passed_over + not_looked);
  if (not_looked > 0)
    text += fmt::format("\n{} of those could not be looked at: {}", not_looked, reason);
  return text;
}

void begin_looks(Looker looker, LookCounts& counts)
{
  state().looker = std::move(looker);
  state().counts = &counts;
}

bool worth_a_look(std::uint64_t call)
{
  constexpr std::uint64_t kAll = 64;
  return call <= kAll || std::has_single_bit(call);
}

void look_after(std::string_view call)
{
  State& here = state();
  if (!here.counts)
    return;
  if (worth_a_look(++here.calls))
    look(call, Depth::anon_vmas);
  else
    ++here.counts->passed_over;
}

void look_now(std::string_view when)
{
  if (state().counts)
    look(when, Depth::walks);
}

Result<LookAnswer> ask_for_a_look(const char* disowned)
{
  if (!state().counts)
    return Error{.code = Errc::unsupported,
                 .context = "rmaplab-probe is not beside the runner or did not start"};
  return ask({.pids = {::getpid()}, .disowned = reinterpret_cast<std::uint64_t>(disowned)});
}

NoLooks::NoLooks()
{
  ++state().forbidden;
}

NoLooks::~NoLooks()
{
  --state().forbidden;
}

void look_at_parent_too()
{
  state().with_parent = true;
}

void no_more_walks()
{
  state().walks = false;
}

}  // namespace rmaplab
