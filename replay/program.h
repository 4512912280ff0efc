// SPDX-License-Identifier: GPL-2.0-only
// What the conductor and the player share: the compiled program, which the player maps
// read-only, and the control memory, which both write. Plain structs, because the player has
// no libc and no C++ library.
//
// Everything of the player's lies below the arena: its text at kPlayerText, control memory and
// program at the addresses below. A range that begins in the arena reaches upwards only, so no
// call of a program can touch them, whatever its length.
#pragma once

#include <cstdint>

namespace rmaplab
{

inline constexpr std::uint64_t kPlayerText = 0x10000000;  // cmake/ReplayPlayer.cmake
inline constexpr std::uint64_t kControlAddress = 1ull << 34;
inline constexpr std::uint64_t kProgramAddress = 1ull << 35;
inline constexpr std::uint64_t kReplayArenaBegin = 1ull << 36;
// Stack, vdso and the kernel's own choices (mmap_base) are above on both architectures: at 2^47
// on x86-64, without randomisation and with a stack of 1 GiB.
inline constexpr std::uint64_t kReplayArenaEnd = (1ull << 47) - (1ull << 39);
// A signal frame takes some 3 KiB with AVX-512 state, and the player's own frames little.
inline constexpr std::uint64_t kReplayStackBytes = 32 << 10;
inline constexpr std::uint32_t kNoOp = 0xffffffff;

enum class OpKind : std::uint8_t {
  call,         // system call `number`, a0 to a5
  call_failed,  // a mapping call that failed when it was recorded: undone if it does not
  load,         // touch the byte at a0
  store,
  name_vma,  // PR_SET_VMA_ANON_NAME: a0 address, a1 length
  fork,      // a0 its thread, a1 the process, a2 its first op or kNoOp; a3 ForkFlags
  thread,    // a0 the thread
  exec,      // the player again, in a fresh address space
  wait,      // until process a0 has ended
  sleep,     // until a0 ns after the beginning
  pause,     // until the conductor has looked at process a0, after row a1
  exit_thread,
  exit,
};

enum ForkFlags : std::uint32_t { kForkSharesMm = 1, kForkWaits = 2 };

// A call's or touch's outcome, a byte an op, written only when it is not as recorded.
enum class Divergence : std::uint8_t {
  none,
  other_errno,
  failed,     // recorded as a success
  succeeded,  // recorded as a failure
  other_value,
  refused,  // a touch that ended in SIGSEGV or SIGBUS
};

struct Op {
  OpKind kind;
  std::uint8_t unused;
  std::uint16_t number;
  std::uint32_t thread;  // who runs it
  std::uint64_t a0, a1, a2, a4, a5;
  std::int64_t expected;
  std::uint32_t a3;  // of mmap and mremap: flags, which fit
  std::uint32_t reserved;
};
static_assert(sizeof(Op) == 64, "a cache line an op");

struct ProcessState {
  std::int32_t pid;         // written by the kernel at birth (CLONE_PARENT_SETTID)
  std::uint32_t ended;      // futex: the conductor has reaped it
  std::uint32_t released;   // futex: it no longer shares its parent's mm
  std::uint32_t looked_at;  // futex of OpKind::pause
  std::uint32_t row;        // that it stands still after
  std::uint32_t thread;     // that stands still: the first one may have ended
};

struct ThreadState {
  std::uint32_t go;  // futex: the op to run, plus 1
  std::uint32_t at;  // the op it runs, for the watchdog and for error messages
  std::uint32_t process;
  std::uint32_t first_op;
  std::uint32_t leads;  // it is the first thread of a process
  std::int32_t tid;
  std::uint32_t diverged;
  std::uint32_t first_diverged;  // op, where `diverged` is not 0
  std::int64_t found;            // what that op returned
  std::uint64_t refused;         // touches that ended in SIGSEGV or SIGBUS
  std::uint64_t unused[2];
};
static_assert(sizeof(ThreadState) == 64, "no line shared by two threads");

struct ControlHeader {
  std::uint64_t control_bytes;
  std::uint64_t program_bytes;
  // From the beginning of the control memory.
  std::uint64_t processes, threads, stacks, results;
  std::uint64_t begin_ns;  // CLOCK_MONOTONIC
  std::int32_t conductor;  // pid
  std::int32_t program_fd, player_fd, control_fd;
  std::uint32_t failed;  // the player itself could not go on
  std::uint32_t failed_op;
  std::int32_t failed_errno;
  std::uint32_t paused;  // process that waits to be looked at, 0: none
};

// Exit statuses of the player.
enum PlayerStatus : int {
  kPlayerDone = 0,
  kPlayerFailed = 70,   // ControlHeader::failed says where
  kPlayerCrashed = 71,  // a fault outside the two instructions that touch
  kPlayerOrphan = 72,   // its conductor is gone
};

}  // namespace rmaplab
