// SPDX-License-Identifier: GPL-2.0-only
// Records the address spaces of a process tree with BPF (replay/record.bpf.c): one ring buffer
// for all CPUs, so one order; drained into an unnamed file. Root, or CAP_BPF and CAP_PERFMON;
// x86-64, a kernel with BTF and open-coded VMA iterators (6.7).
//
// While a Recorder lives every system call of the machine takes the slow way out, which costs
// it some 0.1 us; a program that is followed pays some 0.2 us more for each row.
// Links libbpf, so it is a library of its own (CMake target rmap_recorder).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "replay/trace.h"

struct bpf_object;
struct bpf_link;
struct ring_buffer;
struct RecordState;

namespace rmaplab
{

// How allocations of the three structures of the anonymous rmap are told from others.
struct ObjectRules {
  struct Function {
    std::uint64_t begin = 0;  // its code; the caller of the allocator is in it
    std::uint64_t end = 0;
    bool is_vma = false;  // else it allocates anon_vmas and AVCs
  };
  std::vector<Function> functions;     // none: allocations are not counted
  std::uint32_t object_bytes[3] = {};  // vm_area_struct, anon_vma, anon_vma_chain
};

struct RecorderOptions {
  std::size_t ring_mib = 64;  // a power of two
  bool names = false;         // of files
  std::string spool_folder;   // where there is room for 50 to 130 bytes an event
  ObjectRules objects;
};

struct RecorderTotals {
  std::uint64_t rows = 0;  // raw records so far
  std::uint64_t bytes = 0;
  std::uint64_t faults = 0;
  std::uint64_t calls = 0;
  std::uint64_t lost = 0;
  std::uint64_t unfollowed = 0;  // threads
  std::uint64_t foreign = 0;     // memory calls of 32-bit programs, which are not recorded
  std::map<std::string, std::uint64_t> seen;  // what else is not recorded, by name; not those of 0
  std::uint32_t processes = 0;
  std::uint32_t threads = 0;
  std::uint32_t live_threads = 0;
};

// Limits of a process, and settings of the machine that decide what its memory calls do: THP,
// overcommit, randomisation. What cannot be read is absent.
std::map<std::string, std::string> settings_of(pid_t pid);

class Recorder
{
 public:
  // Loads and attaches the program; nobody is followed yet. Errc::unsupported with the reason.
  static Result<Recorder> open(const RecorderOptions& options);
  Recorder(Recorder&&) noexcept;
  Recorder& operator=(Recorder&&) = delete;
  ~Recorder();
  // "" when allocations are counted, else why not.
  const std::string& objects_refused() const { return objects_refused_; }
  // The next child of the calling thread is followed, from its first exec on, with all that it
  // forks. Call it right before.
  Result<> follow_next_child();
  // Follows processes that run, and all that they will fork. They are stopped for a moment:
  // their VMAs and the anonymous pages that are there come first in the trace.
  Result<> follow(std::span<const pid_t> pids);
  // Moves what the ring holds to the file; call it some fifty times a second. Errc::os when
  // the disk is full.
  Result<> drain();
  RecorderTotals totals() const;
  // What the first thread of a process that is followed has allocated since its birth or last
  // exec: vm_area_struct, anon_vma, anon_vma_chain.
  Result<std::array<std::int64_t, 3>> objects_of(pid_t pid) const;
  // Ends the recording. For the header: the command, limits and settings (settings_of()), and why
  // the recorder ended it before the program did, if it did.
  Result<Trace> finish(const std::string& command, std::map<std::string, std::string> settings = {},
                       const std::string& ended = "") &&;

 private:
  struct Free {
    void operator()(struct bpf_object* object) const;
    void operator()(struct bpf_link* link) const;
    void operator()(struct ring_buffer* ring) const;
    void operator()(struct ::RecordState* state) const;
  };
  // Where the callback of the ring puts records; at a fixed place.
  struct Spool {
    std::string pending;
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
    std::uint64_t faults = 0;
    std::uint64_t calls = 0;
  };
  Recorder() = default;
  static int take(void* spool, void* record, std::size_t size);
  Result<> flush();
  Result<> mark_thread(pid_t tid, const void* thread_state);
  Result<std::string> snapshot();

  std::unique_ptr<struct bpf_object, Free> object_;
  std::vector<std::unique_ptr<struct bpf_link, Free>> links_;
  std::unique_ptr<struct ring_buffer, Free> ring_;
  std::unique_ptr<Spool> spool_;
  UniqueFd file_;
  std::unique_ptr<struct ::RecordState, Free> state_;  // shared with the program
  std::string objects_refused_;
};

}  // namespace rmaplab
