// SPDX-License-Identifier: GPL-2.0-only
#include "replay/replay.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <vector>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "base/text.h"
#include "base/ticks.h"
#include "base/unique_fd.h"
#include "replay/player_image.h"
#include "replay/sandbox.h"

namespace rmaplab
{

namespace
{

std::uint64_t page_up(std::uint64_t bytes)
{
  constexpr std::uint64_t kPage = 64 << 10;  // the largest page of arm64
  return (bytes + kPage - 1) / kPage * kPage;
}

// A file in memory; its descriptor closes when something is executed that should not have it.
Result<UniqueFd> make_memory(const char* name, std::uint64_t bytes)
{
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd)
    return os_error("a file in memory");
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) < 0)
    return os_error(fmt::format("a file in memory of {} bytes", bytes));
  return fd;
}

// The control memory of one copy, mapped here too.
class Control
{
 public:
  static Result<Control> create(const CompiledProgram& program)
  {
    ControlHeader header = {};
    header.processes = page_up(sizeof header);
    header.threads = page_up(header.processes + program.processes.size() * sizeof(ProcessState));
    header.stacks = page_up(header.threads + (program.threads + 1ull) * sizeof(ThreadState));
    header.results = header.stacks + (program.threads + 1ull) * kReplayStackBytes;
    header.control_bytes = page_up(header.results + program.ops.size());
    header.program_bytes = page_up(program.ops.size() * sizeof(Op));
    auto fd = make_memory("rmaplab-control", header.control_bytes);
    if (!fd)
      return fd.error();
    void* at =
        ::mmap(nullptr, header.control_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0);
    if (at == MAP_FAILED)
      return os_error("map the control memory");
    header.control_fd = fd->get();
    return Control(*std::move(fd), at, header);
  }
  Control(Control&& other) noexcept
      : fd_(std::move(other.fd_)), at_(std::exchange(other.at_, nullptr)), layout_(other.layout_)
  {
  }
  Control& operator=(Control&&) = delete;
  ~Control()
  {
    if (at_)
      ::munmap(at_, layout_.control_bytes);
  }

  int fd() const { return fd_.get(); }
  ControlHeader& header() { return *static_cast<ControlHeader*>(at_); }
  ProcessState& process(std::uint32_t n) { return place<ProcessState>(layout_.processes)[n]; }
  ThreadState& thread(std::uint32_t n) { return place<ThreadState>(layout_.threads)[n]; }
  const Divergence* results() { return place<Divergence>(layout_.results); }

  // As before the first play; also returns the memory.
  Result<> empty(int program_fd, int player_fd)
  {
    if (::ftruncate(fd_.get(), 0) < 0 ||
        ::ftruncate(fd_.get(), static_cast<off_t>(layout_.control_bytes)) < 0)
      return os_error("empty the control memory");
    header() = layout_;
    header().program_fd = program_fd;
    header().player_fd = player_fd;
    header().conductor = ::getpid();
    return ok();
  }

 private:
  Control(UniqueFd fd, void* at, const ControlHeader& layout)
      : fd_(std::move(fd)), at_(at), layout_(layout)
  {
  }
  template <typename T>
  T* place(std::uint64_t offset)
  {
    return reinterpret_cast<T*>(static_cast<char*>(at_) + offset);
  }
  UniqueFd fd_;
  void* at_;
  ControlHeader layout_;
};

void wake(std::uint32_t* word)
{
  ::syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void set_and_wake(std::uint32_t* word, std::uint32_t value)
{
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
  wake(word);
}

// What the first process of a copy does between clone and exec. It shares our memory (vfork:
// a copy of our address space would be work of the measured region), so it only makes
// system calls and says in `error` what failed.
struct FirstSteps {
  pid_t group;  // 0: a new one
  pid_t conductor;
  int player_fd;
  const std::vector<int>* kept_fds;
  char* const* argv;
  const char* failed = nullptr;
  int error = 0;
};

void raise_limit(int resource, rlim_t wanted)
{
  struct rlimit limit = {};
  ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : std::min(wanted, limit.rlim_max);
  ::setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

int first_steps(void* data)
{
  auto& steps = *static_cast<FirstSteps*>(data);
  auto fail = [&steps](const char* what, int error) {
    steps.failed = what;
    steps.error = error;
    return 127;
  };
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != steps.conductor)
    return fail("our parent has gone", ESRCH);
  if (::setpgid(0, steps.group) < 0)
    return fail("setpgid", errno);
  // The same addresses of stack and vdso in every process: no luck in the counts.
  ::personality(ADDR_NO_RANDOMIZE);
  const struct rlimit no_core = {};
  ::setrlimit(RLIMIT_CORE, &no_core);
  raise_limit(RLIMIT_STACK, 1ul << 30);  // of recorded stacks, which grow in the arena
  raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
  // Should memory run out after all, the replay goes and not the user's other programs.
  if (const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    [[maybe_unused]] const ssize_t wrote = ::write(fd, "1000", 4);
    ::close(fd);
  }
  ::syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
  for (const int fd : *steps.kept_fds)
    if (::fcntl(fd, F_SETFD, 0) < 0)
      return fail("keep a descriptor", errno);
  if (const int error = enter_sandbox())
    return fail("seccomp", error);
  char* const none[] = {nullptr};
  ::syscall(SYS_execveat, steps.player_fd, "", steps.argv, none, AT_EMPTY_PATH);
  return fail("execute the player", errno);
}

// Interrupts wait4(), so that the conductor looks at the clock, at Ctrl-C and at pauses.
class Ticker
{
 public:
  static Result<Ticker> create(int milliseconds)
  {
    Ticker ticker;
    struct sigaction action = {};
    action.sa_handler = [](int) {};  // no SA_RESTART: that is the point
    if (::sigaction(signal_number(), &action, &ticker.before_) < 0)
      return os_error("a signal of our own");
    struct sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = signal_number();
    event._sigev_un._tid = ::gettid();
    const struct timespec every = {.tv_sec = milliseconds / 1000,
                                   .tv_nsec = milliseconds % 1000 * 1'000'000l};
    const struct itimerspec period = {.it_interval = every, .it_value = every};
    if (::timer_create(CLOCK_MONOTONIC, &event, &ticker.timer_) < 0)
      return os_error("a timer");
    ticker.armed_ = true;
    if (::timer_settime(ticker.timer_, 0, &period, nullptr) < 0)
      return os_error("a timer");
    return ticker;
  }
  Ticker(Ticker&& other) noexcept
      : timer_(other.timer_), armed_(std::exchange(other.armed_, false)), before_(other.before_)
  {
  }
  Ticker& operator=(Ticker&&) = delete;
  ~Ticker()
  {
    if (!armed_)
      return;
    ::timer_delete(timer_);
    ::sigaction(signal_number(), &before_, nullptr);
  }

 private:
  Ticker() = default;
  static int signal_number() { return SIGRTMIN + 7; }
  timer_t timer_ = {};
  bool armed_ = false;
  struct sigaction before_ = {};
};

}  // namespace

struct PreparedReplay::State {
  ReplayOptions options;
  CompiledProgram program;
  UniqueFd program_fd;
  UniqueFd player;
  std::vector<UniqueFd> files;  // of number n at [n]
  std::vector<Control> copies;
  std::vector<int> kept_fds;
  bool fresh = false;
};

PreparedReplay::PreparedReplay(std::unique_ptr<State> state) : state_(std::move(state)) {}
PreparedReplay::PreparedReplay(PreparedReplay&&) noexcept = default;
PreparedReplay::~PreparedReplay() = default;

namespace
{

using State = PreparedReplay::State;

bool kernel_has_droppable()
{
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
  void* at = ::mmap(nullptr, 1, PROT_READ, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);
  if (at != MAP_FAILED)
    ::munmap(at, 1);
  return at != MAP_FAILED;
}

// The descriptors are known only now.
Result<> make_files(State& state)
{
  CompiledProgram& program = state.program;
  state.files.resize(program.file_bytes.size());
  rlim_t open_files = program.file_bytes.size() + 256;
  struct rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < open_files) {
    limit.rlim_cur = std::min(open_files, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  for (std::size_t n = 1; n < program.file_bytes.size(); ++n) {
    if (program.file_bytes[n] == 0)
      continue;
    auto file = make_memory("rmaplab-file", program.file_bytes[n]);
    if (!file)
      return file.error();
    state.files[n] = *std::move(file);
    state.kept_fds.push_back(state.files[n].get());
  }
  for (const std::uint32_t op : program.file_ops)
    program.ops[op].a4 = static_cast<std::uint64_t>(state.files[program.ops[op].a4].get());
  return ok();
}

Result<> write_program(State& state)
{
  const std::uint64_t bytes = state.program.ops.size() * sizeof(Op);
  auto fd = make_memory("rmaplab-program", page_up(bytes));
  if (!fd)
    return fd.error();
  const auto* at = reinterpret_cast<const char*>(state.program.ops.data());
  for (std::uint64_t done = 0; done < bytes;) {
    const ssize_t wrote = ::write(fd->get(), at + done, bytes - done);
    if (wrote <= 0)
      return os_error("write the program");
    done += static_cast<std::uint64_t>(wrote);
  }
  state.program_fd = *std::move(fd);
  return ok();
}

// What is in /proc of a first thread that has ended is empty: that, or another one that lives.
pid_t living_thread(pid_t pid)
{
  const auto is_alive = [pid](pid_t tid) {
    const auto stat = read_file(fmt::format("/proc/{}/task/{}/stat", pid, tid));
    const auto name_end = stat ? stat->rfind(')') : std::string::npos;
    return name_end != std::string::npos && stat->compare(name_end, 4, ") Z ") != 0;
  };
  if (is_alive(pid))
    return pid;
  std::error_code gone;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), gone))
    if (const auto tid = parse_u64(entry.path().filename().string());
        tid && is_alive(static_cast<pid_t>(*tid)))
      return static_cast<pid_t>(*tid);
  return pid;
}

// One play.
class Conductor
{
 public:
  explicit Conductor(State& state) : state_(state) {}
  ~Conductor() { kill_all(); }
  Conductor(const Conductor&) = delete;
  Conductor& operator=(const Conductor&) = delete;

  Result<> start();
  Result<> conduct();
  ReplayOutcome outcome();

 private:
  struct Living {
    std::uint32_t copy;
    std::uint32_t process;
  };
  Result<> start_copy(Control& copy);
  Result<> reaped(pid_t pid, int status);
  bool look_at_pauses();
  void hold_all();
  Result<> look();
  Error died(std::uint32_t copy, std::uint32_t process, int status);
  std::string row_text(std::uint32_t op) const;
  void kill_all();

  State& state_;
  pid_t group_ = 0;
  std::vector<Living> living_;  // born or not yet, not ended
  std::uint64_t progress_ = 0;
  std::uint64_t progress_ns_ = 0;
};

Result<> Conductor::start_copy(Control& copy)
{
  std::vector<std::string> words = {
      "player", std::to_string(copy.fd()), std::to_string(copy.header().control_bytes),
      std::to_string(state_.program.processes[1].first_thread), std::to_string(kNoOp)};
  std::vector<char*> argv;
  for (std::string& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);

  std::vector<int> kept = state_.kept_fds;
  kept.push_back(copy.fd());
  FirstSteps steps = {.group = group_,
                      .conductor = ::getpid(),
                      .player_fd = state_.player.get(),
                      .kept_fds = &kept,
                      .argv = argv.data()};
  ThreadState& first = copy.thread(state_.program.processes[1].first_thread);
  first.process = 1;
  first.leads = 1;
  alignas(16) static thread_local char stack[64 << 10];
  const pid_t pid =
      ::clone(first_steps, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &steps);
  if (pid < 0)
    return os_error("start a replay's first process");
  if (steps.failed) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return Error{.code = Errc::os,
                 .context = fmt::format("start a replay's first process: {}", steps.failed),
                 .sys_errno = steps.error};
  }
  if (!group_)
    group_ = pid;
  copy.process(1).pid = pid;
  return ok();
}

Result<> Conductor::start()
{
  for (Control& copy : state_.copies)
    if (const auto started = start_copy(copy); !started)
      return started.error();
  const auto processes = static_cast<std::uint32_t>(state_.program.processes.size());
  living_.reserve(state_.copies.size() * processes);
  for (std::uint32_t process = 1; process < processes; ++process)
    for (std::uint32_t copy = 0; copy < state_.copies.size(); ++copy)
      if (state_.program.processes[process].exit_op != kNoOp)
        living_.push_back({.copy = copy, .process = process});
  progress_ns_ = monotonic_ns();
  for (Control& copy : state_.copies) {
    copy.header().begin_ns = progress_ns_;
    const auto& first = state_.program.processes[1];
    set_and_wake(&copy.thread(first.first_thread).go, first.first_op + 1);
  }
  return ok();
}

std::string Conductor::row_text(std::uint32_t op) const
{
  if (op >= state_.program.rows.size() || state_.program.rows[op] == kNoRow)
    return "before the first row";
  return fmt::format("at row {}", state_.program.rows[op] + 1);
}

Error Conductor::died(std::uint32_t copy, std::uint32_t process, int status)
{
  Control& control = state_.copies[copy];
  const ControlHeader& header = control.header();
  if (WIFEXITED(status) && WEXITSTATUS(status) == kPlayerFailed && header.failed)
    return {.code = Errc::mismatch,
            .context = fmt::format("replay: process {} could not go on {}", process,
                                   row_text(header.failed_op)),
            .sys_errno = header.failed_errno};
  std::uint32_t at = 0;
  for (std::uint32_t n = 1; n <= state_.program.threads; ++n)
    if (control.thread(n).process == process)
      at = std::max(at, control.thread(n).at);
  return {.code = Errc::mismatch,
          .context = fmt::format("replay: process {} ended early, {}: {}", process, row_text(at),
                                 describe_wait_status(status))};
}

Result<> Conductor::reaped(pid_t pid, int status)
{
  const auto found = std::find_if(living_.begin(), living_.end(), [&](const Living& one) {
    return state_.copies[one.copy].process(one.process).pid == pid;
  });
  if (found == living_.end())
    return Error{.code = Errc::mismatch,
                 .context = fmt::format("replay: an unknown process ended: {}",
                                        describe_wait_status(status))};
  const Living one = *found;
  living_.erase(found);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != kPlayerDone)
    return died(one.copy, one.process, status);
  Control& control = state_.copies[one.copy];
  ProcessState& process = control.process(one.process);
  if (state_.options.order == ReplayOrder::tree) {
    set_and_wake(&process.released, 1);
    set_and_wake(&process.ended, 1);
    return ok();
  }
  process.ended = 1;
  const std::uint32_t next = state_.program.processes[one.process].exit_op + 1;
  if (next < state_.program.ops.size())
    set_and_wake(&control.thread(state_.program.ops[next].thread).go, next + 1);
  return ok();
}

// Whether anybody stood still.
bool Conductor::look_at_pauses()
{
  bool any = false;
  for (std::size_t n = 0; state_.options.watches() && n < living_.size(); ++n) {
    ProcessState& process = state_.copies[living_[n].copy].process(living_[n].process);
    if (__atomic_load_n(&process.looked_at, __ATOMIC_ACQUIRE) != 1)
      continue;
    any = true;
    // What is in /proc of a first thread that has ended is empty.
    const ThreadState& thread = state_.copies[living_[n].copy].thread(process.thread);
    if (state_.options.pauses == ReplayPauses::row)
      hold_all();
    else
      state_.options.look(living_[n].process, thread.leads ? process.pid : thread.tid, process.row);
    set_and_wake(&process.looked_at, 2);
  }
  return any;
}

void Conductor::hold_all()
{
  std::vector<pid_t> tids;
  for (const Living& one : living_)
    if (const pid_t pid = state_.copies[one.copy].process(one.process).pid)
      tids.push_back(living_thread(pid));
  state_.options.hold(tids);
}

// Called some times a second.
Result<> Conductor::look()
{
  if (interrupted())
    return Error{.code = Errc::interrupted, .context = "interrupted"};
  look_at_pauses();
  std::uint64_t progress = living_.size();
  const std::uint64_t now = monotonic_ns();
  // Who waits for its recorded time is not stuck.
  bool sleeps = false;
  for (Control& copy : state_.copies)
    for (std::uint32_t n = 1; n <= state_.program.threads; ++n) {
      const std::uint32_t at = copy.thread(n).at;
      progress += at;
      const Op& op = state_.program.ops[at];
      sleeps = sleeps ||
               (op.kind == OpKind::sleep && op.thread == n && copy.header().begin_ns + op.a0 > now);
    }
  if (progress != progress_ || sleeps) {
    progress_ = progress;
    progress_ns_ = now;
  } else if (now - progress_ns_ >
             static_cast<std::uint64_t>(state_.options.timeout_s) * 1'000'000'000) {
    std::uint32_t at = 0;
    for (const Living& one : living_) {
      const ProcessState& process = state_.copies[one.copy].process(one.process);
      if (process.pid)
        for (std::uint32_t n = 1; n <= state_.program.threads; ++n)
          if (state_.copies[one.copy].thread(n).process == one.process)
            at = std::max(at, state_.copies[one.copy].thread(n).at);
    }
    return Error{.code = Errc::mismatch,
                 .context = fmt::format("replay: no progress for {} s {}", state_.options.timeout_s,
                                        row_text(at))};
  }
  return ok();
}

Result<> Conductor::conduct()
{
  unsigned spins = 0;
  while (!living_.empty()) {
    int status = 0;
    // A pause after each call is too often for the ticker.
    const bool poll = state_.options.watches() && state_.options.pauses == ReplayPauses::calls;
    const pid_t pid = ::waitpid(-group_, &status, poll ? __WALL | WNOHANG : __WALL);
    if (pid == 0) {
      if (look_at_pauses())
        continue;
      constexpr unsigned kSpins = 1024;
      if (++spins % kSpins == 0)
        if (const auto looked = look(); !looked)
          return looked.error();
      ::sched_yield();
      continue;
    }
    if (pid > 0) {
      if (const auto done = reaped(pid, status); !done)
        return done.error();
      continue;
    }
    if (errno != EINTR)
      return os_error("wait for a replay's processes");
    if (const auto looked = look(); !looked)
      return looked.error();
  }
  return ok();
}

// A fork that is under way when the signal comes is restarted after it, so is not finished
// (copy_process() looks at pending signals under the lock that kill() takes).
void Conductor::kill_all()
{
  if (!group_)
    return;
  ::kill(-group_, SIGKILL);
  while (::waitpid(-group_, nullptr, __WALL) > 0 || errno == EINTR) {
  }
  group_ = 0;
}

ReplayOutcome Conductor::outcome()
{
  const CompiledProgram& program = state_.program;
  const std::uint64_t copies = state_.copies.size();
  ReplayOutcome outcome = {.calls = program.calls * copies,
                           .moves = program.moves * copies,
                           .touches = program.touches * copies,
                           .threads = program.threads * copies,
                           .not_replayed = program.not_replayed * copies,
                           .left_out = program.left_out};
  for (RowsLeftOut& rows : outcome.left_out)
    rows.rows *= copies;
  for (const auto& process : program.processes)
    outcome.processes += process.exit_op != kNoOp ? copies : 0;
  std::uint64_t wrong = 0;
  for (Control& copy : state_.copies) {
    std::uint64_t diverged = 0;
    const std::uint64_t refused_before = outcome.refused;
    std::uint32_t first_row = kNoRow;
    for (std::uint32_t n = 1; n <= program.threads; ++n) {
      const ThreadState& thread = copy.thread(n);
      outcome.refused += thread.refused;
      diverged += thread.diverged;
      if (!thread.diverged || program.rows[thread.first_diverged] >= first_row)
        continue;
      first_row = program.rows[thread.first_diverged];
      if (!outcome.first || outcome.first->row >= first_row)
        outcome.first = {.row = first_row,
                         .expected = program.ops[thread.first_diverged].expected,
                         .found = thread.found};
    }
    std::uint64_t refused = outcome.refused - refused_before;
    for (std::size_t op = 0; (diverged || refused) && op < program.ops.size(); ++op) {
      if (copy.results()[op] == Divergence::none)
        continue;
      if (copy.results()[op] == Divergence::refused) {
        --refused;
        if (&copy == state_.copies.data() && !program.is_layout(static_cast<std::uint32_t>(op)))
          outcome.refused_rows.push_back(program.rows[op]);
        continue;
      }
      ++(program.is_layout(static_cast<std::uint32_t>(op)) ? outcome.mappings_failed : wrong);
      --diverged;
    }
  }
  outcome.as_recorded = outcome.calls - wrong;
  std::ranges::sort(outcome.refused_rows);
  return outcome;
}

}  // namespace

Result<PreparedReplay> prepare(const Trace& trace, const ReplayOptions& options)
{
  if (trace.header.page_size &&
      trace.header.page_size != static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE)))
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("the trace has pages of {} bytes, this machine {}",
                                        trace.header.page_size, ::sysconf(_SC_PAGESIZE))};
  auto program = compile(trace, {.order = options.order,
                                 .pace = options.pace,
                                 .pauses = options.watches() ? options.pauses : ReplayPauses::none,
                                 .pause_row = options.pause_row,
                                 .relocate = options.relocate,
                                 .droppable = kernel_has_droppable()});
  if (!program)
    return program.error();
  auto state = std::make_unique<State>();
  state->options = options;
  state->program = *std::move(program);
  auto player = make_player_program();
  if (!player)
    return player.error();
  state->player = *std::move(player);
  state->kept_fds.push_back(state->player.get());
  if (const auto made = make_files(*state); !made)
    return made.error();
  if (const auto written = write_program(*state); !written)
    return written.error();
  state->kept_fds.push_back(state->program_fd.get());
  for (int n = 0; n < options.copies; ++n) {
    auto control = Control::create(state->program);
    if (!control)
      return control.error();
    state->copies.push_back(*std::move(control));
  }
  PreparedReplay replay(std::move(state));
  if (const auto emptied = rewind(replay); !emptied)
    return emptied.error();
  return replay;
}

Result<> rewind(PreparedReplay& replay)
{
  State& state = replay.state();
  for (std::size_t n = 1; n < state.files.size(); ++n)
    if (state.files[n] &&
        (::ftruncate(state.files[n].get(), 0) < 0 ||
         ::ftruncate(state.files[n].get(), static_cast<off_t>(state.program.file_bytes[n])) < 0))
      return os_error("empty a file in memory");
  for (Control& copy : state.copies)
    if (const auto emptied = copy.empty(state.program_fd.get(), state.player.get()); !emptied)
      return emptied.error();
  state.fresh = true;
  return ok();
}

Result<ReplayOutcome> play(PreparedReplay& replay)
{
  State& state = replay.state();
  if (!state.fresh)
    if (const auto emptied = rewind(replay); !emptied)
      return emptied.error();
  state.fresh = false;
  const auto ticker = Ticker::create(state.options.watches() ? 1 : 250);
  if (!ticker)
    return ticker.error();
  Conductor conductor(state);
  if (const auto started = conductor.start(); !started)
    return started.error();
  if (const auto conducted = conductor.conduct(); !conducted)
    return conducted.error();
  return conductor.outcome();
}

}  // namespace rmaplab
