// SPDX-License-Identifier: GPL-2.0-only
// The program that a replay's processes run. It has no libc, no .data and no .bss, its stacks
// are in shared memory and it unmaps the one that the kernel gave it: from then on it owns no
// anonymous VMA, so every anon_vma and anon_vma_chain of a replay's process belongs to the
// recorded program. Of its own it has three VMAs: text, control memory, program.
//
// Arguments: control memory's descriptor and bytes, thread, next op (or kNoOp: wait for it).
#include <asm/unistd.h>
#include <elf.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/time_types.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#include "replay/program.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

using namespace rmaplab;

namespace
{

constexpr long kAtEmptyPath = 0x1000;
constexpr unsigned long kSaRestorer = 0x04000000;

// As the kernel has it; libc's struct differs.
struct KernelSigaction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  std::uint64_t mask;
};

inline __attribute__((always_inline)) long call(long number, std::uint64_t a = 0,
                                                std::uint64_t b = 0, std::uint64_t c = 0,
                                                std::uint64_t d = 0, std::uint64_t e = 0,
                                                std::uint64_t f = 0)
{
#if defined(__x86_64__)
  long result = 0;
  register std::uint64_t r10 asm("r10") = d;
  register std::uint64_t r8 asm("r8") = e;
  register std::uint64_t r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register std::uint64_t x0 asm("x0") = a;
  register std::uint64_t x1 asm("x1") = b;
  register std::uint64_t x2 asm("x2") = c;
  register std::uint64_t x3 asm("x3") = d;
  register std::uint64_t x4 asm("x4") = e;
  register std::uint64_t x5 asm("x5") = f;
  asm volatile("svc 0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory");
  return static_cast<long>(x0);
#else
#error "no player for this architecture"
#endif
}

template <typename T>
std::uint64_t bits(T* pointer)
{
  return reinterpret_cast<std::uint64_t>(pointer);
}

[[noreturn]] void leave(int status)
{
  for (;;)
    call(__NR_exit_group, static_cast<std::uint64_t>(status));
}

ControlHeader& control()
{
  return *reinterpret_cast<ControlHeader*>(kControlAddress);
}

const Op* program()
{
  return reinterpret_cast<const Op*>(kProgramAddress);
}

ThreadState& thread_state(std::uint32_t thread)
{
  return reinterpret_cast<ThreadState*>(kControlAddress + control().threads)[thread];
}

ProcessState& process_state(std::uint32_t process)
{
  return reinterpret_cast<ProcessState*>(kControlAddress + control().processes)[process];
}

// 16 bytes below its top: what a thread finds there is its number.
std::uint64_t stack_of(std::uint32_t thread)
{
  return kControlAddress + control().stacks + (thread + 1ull) * kReplayStackBytes - 16;
}

[[noreturn]] void fail(std::uint32_t op, long result)
{
  control().failed_op = op;
  control().failed_errno = static_cast<std::int32_t>(-result);
  __atomic_store_n(&control().failed, 1, __ATOMIC_RELEASE);
  leave(kPlayerFailed);
}

void wake(std::uint32_t* word)
{
  call(__NR_futex, bits(word), FUTEX_WAKE, 0x7fffffff);
}

// Until *word is not `value`.
std::uint32_t await_change(std::uint32_t* word, std::uint32_t value)
{
  for (;;) {
    const std::uint32_t seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    if (seen != value)
      return seen;
    call(__NR_futex, bits(word), FUTEX_WAIT, value);
  }
}

std::uint32_t await_turn(ThreadState& self)
{
  const std::uint32_t go = await_change(&self.go, 0);
  __atomic_store_n(&self.go, 0, __ATOMIC_RELAXED);
  return go - 1;
}

void hand_over(std::uint32_t op)
{
  ThreadState& next = thread_state(program()[op].thread);
  __atomic_store_n(&next.go, op + 1, __ATOMIC_RELEASE);
  wake(&next.go);
}

}  // namespace

// In assembler: the entry, the two instructions that may fault (the thread's state is the
// second argument, for the handler), the way back from it, and clone, whose child begins on
// a stack of its own.
extern "C" {
void rmap_load(std::uint64_t address, ThreadState* self);
void rmap_store(std::uint64_t address, ThreadState* self, std::uint64_t value);
void rmap_sigreturn();
long rmap_clone(std::uint64_t flags, std::uint64_t stack, std::int32_t* parent_tid);
[[noreturn]] void rmap_switch_stack(std::uint64_t stack, std::uint64_t old_end,
                                    std::uint64_t next_op);
extern const char rmap_load_at[], rmap_load_past[], rmap_store_at[], rmap_store_past[];
[[noreturn]] void rmap_start(const std::uint64_t* stack);
[[noreturn]] void rmap_born(std::uint64_t thread);
[[noreturn]] void rmap_settled(std::uint64_t thread, std::uint64_t old_end, std::uint64_t next_op);
}

#if defined(__x86_64__)
asm(R"(
.text
.globl _start
_start:
  xor %ebp, %ebp
  mov %rsp, %rdi
  and $-16, %rsp
  call rmap_start
  ud2
rmap_load:
rmap_load_at:
  movb (%rdi), %al
rmap_load_past:
  ret
rmap_store:
rmap_store_at:
  movb %dl, (%rdi)
rmap_store_past:
  ret
rmap_sigreturn:
  mov $15, %eax
  syscall
rmap_clone:
  mov $56, %eax
  xor %r10d, %r10d
  xor %r8d, %r8d
  syscall
  test %rax, %rax
  jz 1f
  ret
1:
  xor %ebp, %ebp
  mov (%rsp), %rdi
  call rmap_born
  ud2
rmap_switch_stack:
  mov %rdi, %rsp
  xor %ebp, %ebp
  mov (%rsp), %rdi
  call rmap_settled
  ud2
)");
#else
asm(R"(
.text
.globl _start
_start:
  mov x29, #0
  mov x0, sp
  bl rmap_start
  brk #0
rmap_load:
rmap_load_at:
  ldrb w2, [x0]
rmap_load_past:
  ret
rmap_store:
rmap_store_at:
  strb w2, [x0]
rmap_store_past:
  ret
rmap_sigreturn:
  mov x8, #139
  svc 0
rmap_clone:
  mov x8, #220
  mov x3, #0
  mov x4, #0
  svc 0
  cbz x0, 1f
  ret
1:
  mov x29, #0
  ldr x0, [sp]
  bl rmap_born
  brk #0
rmap_switch_stack:
  mov sp, x0
  mov x29, #0
  ldr x0, [sp]
  bl rmap_settled
  brk #0
)");
#endif

namespace
{

// A touch that the recorded program was refused as well, or one of memory that a call before
// should have mapped: counted, and the instruction skipped. The stack it runs on is the
// thread's own in the control memory, which is always there.
void on_fault(int, siginfo_t*, void* context)
{
  auto* registers = &static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  auto& pc = registers->gregs[REG_RIP];
  const auto self = static_cast<std::uint64_t>(registers->gregs[REG_RSI]);
#else
  auto& pc = registers->pc;
  const std::uint64_t self = registers->regs[1];
#endif
  using Pc = __decltype(pc + 0);
  if (pc == static_cast<Pc>(bits(rmap_load_at)))
    pc = static_cast<Pc>(bits(rmap_load_past));
  else if (pc == static_cast<Pc>(bits(rmap_store_at)))
    pc = static_cast<Pc>(bits(rmap_store_past));
  else
    leave(kPlayerCrashed);
  auto* const thread = reinterpret_cast<ThreadState*>(self);
  ++thread->refused;
  reinterpret_cast<Divergence*>(kControlAddress + control().results)[thread->at] =
      Divergence::refused;
}

void catch_faults()
{
  const KernelSigaction action = {.handler = on_fault,
                                  .flags = SA_SIGINFO | kSaRestorer,
                                  .restorer = rmap_sigreturn,
                                  .mask = 0};
  call(__NR_rt_sigaction, SIGSEGV, bits(&action), 0, sizeof action.mask);
  call(__NR_rt_sigaction, SIGBUS, bits(&action), 0, sizeof action.mask);
}

void die_with_conductor()
{
  call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL);
  if (call(__NR_getppid) != control().conductor)  // it died before the line above
    leave(kPlayerOrphan);
}

// Apart from the loop: only calls that did not return as recorded come here.
__attribute__((noinline)) void diverged(ThreadState& self, std::uint32_t i, long found)
{
  const std::int64_t expected = program()[i].expected;
  auto is_error = [](std::int64_t value) { return value < 0 && value >= -4095; };
  Divergence what = Divergence::other_value;
  if (is_error(found))
    what = is_error(expected) ? Divergence::other_errno : Divergence::failed;
  else if (is_error(expected))
    what = Divergence::succeeded;
  reinterpret_cast<Divergence*>(kControlAddress + control().results)[i] = what;
  if (self.diverged++ == 0) {
    self.first_diverged = i;
    self.found = found;
  }
}

void give_birth(std::uint32_t i, const Op& op, ThreadState& self)
{
  const auto thread = static_cast<std::uint32_t>(op.a0);
  const bool process = op.kind == OpKind::fork;
  ThreadState& child = thread_state(thread);
  child.process = process ? static_cast<std::uint32_t>(op.a1) : self.process;
  child.first_op = process ? static_cast<std::uint32_t>(op.a2) : kNoOp;
  child.leads = process;
  *reinterpret_cast<std::uint64_t*>(stack_of(thread)) = thread;
  ProcessState& state = process_state(child.process);
  // Every process is a child of the conductor, which reaps it (and which a child's end signals
  // as ours would: CLONE_PARENT takes the exit signal over).
  std::uint64_t flags = CLONE_PARENT_SETTID;
  if (!process)
    flags |= CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM;
  else
    flags |= CLONE_PARENT | SIGCHLD | (op.a3 & kForkSharesMm ? CLONE_VM : 0);
  const long result = rmap_clone(flags, stack_of(thread), process ? &state.pid : &child.tid);
  if (result < 0)
    fail(i, result);
  if (process && (op.a3 & kForkWaits))
    await_change(&state.released, 0);
}

char* append_number(char* end, std::uint64_t number)
{
  char digits[20];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number);
  while (count)
    *end++ = digits[--count];
  *end++ = 0;
  return end;
}

[[noreturn]] void execute(std::uint32_t i, std::uint32_t thread)
{
  char text[96];
  char* at[4];
  char* end = text;
  const std::uint64_t numbers[] = {static_cast<std::uint64_t>(control().control_fd),
                                   control().control_bytes, thread, i + 1};
  for (int n = 0; n < 4; ++n) {
    at[n] = end;
    end = append_number(end, numbers[n]);
  }
  char name[] = {'p', 'l', 'a', 'y', 'e', 'r', 0};
  char* const argv[] = {name, at[0], at[1], at[2], at[3], nullptr};
  char* const none[] = {nullptr};
  const char empty = 0;
  fail(i, call(__NR_execveat, static_cast<std::uint64_t>(control().player_fd), bits(&empty),
               bits(argv), bits(none), kAtEmptyPath));
}

[[noreturn]] void play(std::uint32_t thread, std::uint32_t i)
{
  static constexpr char kName[] = "replayed";
  ThreadState& self = thread_state(thread);
  for (;;) {
    const Op& op = program()[i];
    if (op.thread != thread) {
      hand_over(i);
      i = await_turn(self);
      continue;
    }
    self.at = i;
    long result = 0;
    if (op.kind == OpKind::call) [[likely]] {  // some 25 instructions, not counting the kernel's
      result = call(op.number, op.a0, op.a1, op.a2, op.a3, op.a4, op.a5);
      if (result != op.expected) [[unlikely]]
        diverged(self, i, result);
      ++i;
      continue;
    }
    switch (op.kind) {
      case OpKind::call:
        break;
      case OpKind::call_failed:
        result = call(op.number, op.a0, op.a1, op.a2, op.a3, op.a4, op.a5);
        if (result != op.expected)
          diverged(self, i, result);
        if (result >= 0)
          call(__NR_munmap, static_cast<std::uint64_t>(result),
               op.number == __NR_mremap ? op.a2 : op.a1);
        break;
      case OpKind::load:
        rmap_load(op.a0, &self);
        break;
      case OpKind::store:
        rmap_store(op.a0, &self, op.a0 >> 12 | 1);
        break;
      case OpKind::name_vma:
        result = call(__NR_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, op.a0, op.a1, bits(kName));
        if (result != op.expected)
          diverged(self, i, result);
        break;
      case OpKind::fork:
      case OpKind::thread:
        give_birth(i, op, self);
        break;
      case OpKind::exec:
        execute(i, thread);
      case OpKind::wait:
        await_change(&process_state(static_cast<std::uint32_t>(op.a0)).ended, 0);
        break;
      case OpKind::sleep: {
        const std::uint64_t until = control().begin_ns + op.a0;
        const __kernel_timespec when = {.tv_sec = static_cast<long long>(until / 1'000'000'000),
                                        .tv_nsec = static_cast<long long>(until % 1'000'000'000)};
        call(__NR_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, bits(&when), 0);
        break;
      }
      case OpKind::pause: {
        const auto process = static_cast<std::uint32_t>(op.a0);
        process_state(process).row = static_cast<std::uint32_t>(op.a1);
        process_state(process).thread = thread;
        __atomic_store_n(&process_state(process).looked_at, 1, __ATOMIC_RELEASE);
        await_change(&process_state(process).looked_at, 1);
        break;
      }
      case OpKind::exit_thread:
        // Its end changes nothing in the address space, so nobody waits for it.
        hand_over(i + 1);
        for (;;)
          call(__NR_exit, 0);
      case OpKind::exit:
        leave(kPlayerDone);
    }
    ++i;
  }
}

std::uint64_t number_of(const char* text)
{
  std::uint64_t number = 0;
  for (; *text >= '0' && *text <= '9'; ++text)
    number = number * 10 + static_cast<std::uint64_t>(*text - '0');
  return number;
}

// Beyond the last string that the kernel has put on the stack, which is the name of the
// executed file (fs/exec.c), there are eight zero bytes up to the VMA's end.
std::uint64_t stack_end(const std::uint64_t* stack)
{
  const std::uint64_t* at = stack + 1 + *stack + 1;
  while (*at)
    ++at;
  const char* last = nullptr;
  std::uint64_t page = 4096;
  for (++at; at[0] != AT_NULL; at += 2) {
    if (at[0] == AT_EXECFN)
      last = reinterpret_cast<const char*>(at[1]);
    if (at[0] == AT_PAGESZ)
      page = at[1];
  }
  if (!last)
    leave(kPlayerCrashed);
  while (*last)
    ++last;
  return (bits(last) + 1 + page - 1) / page * page;
}

}  // namespace

void rmap_start(const std::uint64_t* stack)
{
  auto argument = [stack](int n) { return number_of(reinterpret_cast<const char*>(stack[1 + n])); };
  if (stack[0] != 5)
    leave(kPlayerCrashed);
  const std::uint64_t bytes = argument(2);
  const auto thread = static_cast<std::uint32_t>(argument(3));
  if (call(__NR_mmap, kControlAddress, bytes, PROT_READ | PROT_WRITE,
           MAP_SHARED | MAP_FIXED_NOREPLACE, argument(1), 0) != static_cast<long>(kControlAddress))
    leave(kPlayerCrashed);
  const long mapped =
      call(__NR_mmap, kProgramAddress, control().program_bytes, PROT_READ,
           MAP_SHARED | MAP_FIXED_NOREPLACE, static_cast<std::uint64_t>(control().program_fd), 0);
  if (mapped != static_cast<long>(kProgramAddress))
    fail(kNoOp, mapped);
  *reinterpret_cast<std::uint64_t*>(stack_of(thread)) = thread;
  rmap_switch_stack(stack_of(thread), stack_end(stack), argument(4));
}

void rmap_settled(std::uint64_t thread, std::uint64_t old_end, std::uint64_t next_op)
{
  // More than the kernel gives a new program (128 KiB and the arguments), less than the gap
  // of 128 MiB that it leaves below a stack (mmap_base).
  constexpr std::uint64_t kMost = 16 << 20;
  const long dropped = call(__NR_munmap, old_end - kMost, kMost);
  if (dropped < 0)
    fail(kNoOp, dropped);
  catch_faults();
  die_with_conductor();
  ThreadState& self = thread_state(static_cast<std::uint32_t>(thread));
  self.leads = 1;  // whoever calls execve() does, from then on
  ProcessState& process = process_state(self.process);
  if (next_op != kNoOp && !process.released) {
    __atomic_store_n(&process.released, 1, __ATOMIC_RELEASE);
    wake(&process.released);
  }
  play(static_cast<std::uint32_t>(thread),
       next_op == kNoOp ? await_turn(self) : static_cast<std::uint32_t>(next_op));
}

void rmap_born(std::uint64_t thread)
{
  ThreadState& self = thread_state(static_cast<std::uint32_t>(thread));
  if (self.leads)
    die_with_conductor();
  play(static_cast<std::uint32_t>(thread),
       self.first_op == kNoOp ? await_turn(self) : self.first_op);
}
