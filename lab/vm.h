// SPDX-License-Identifier: GPL-2.0-only
// One boot of one kernel, from start to the last record, and what can go wrong.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/process.h"
#include "base/result.h"
#include "lab/qemu.h"
#include "results/wire.h"

namespace rmaplab
{

enum class BootOutcome {
  finished,     // the guest sent its last record
  panicked,     // "Kernel panic" on the console
  hung,         // neither console nor records for the time allowed
  ended_early,  // QEMU ended without last record or panic
  garbled,      // the results channel broke its own rules
  interrupted,  // Ctrl-C
};

struct BootReport {
  BootOutcome outcome = BootOutcome::finished;
  int guest_status = 0;         // of the guest's command; valid when finished
  std::string reason;           // one line for every other outcome
  std::vector<Record> records;  // all that arrived, whatever the outcome
  std::string console;
  std::string function_counts;  // of the plugin, as far as it has written them
};

// Sole owner of one QEMU: killed and reaped with it.
class Vm
{
 public:
  // `hang_timeout_s` of time without a byte counts as hanging. Time for which QEMU waited for a
  // CPU of the host is not counted: a guest on a busy machine is slow, not dead.
  // A boot that is not over after `limit_s` of the host's time, or that writes without an end, is
  // over then: hung.
  static Result<Vm> start(const Machine& machine, BootSpec spec, const std::string& initramfs,
                          int hang_timeout_s, int limit_s);
  Vm(Vm&&) = default;
  // Looks at what came since the last call; true when the boot is over. Cheap:
  // meant to be called some ten times a second.
  bool step();
  // Records of the boot so far: for progress.
  const std::vector<Record>& records() const { return report_.records; }
  // Written by the guest's console so far: the only sign of how far a boot is.
  std::uint64_t console_bytes() const { return console_bytes_; }
  // After step() returned true.
  BootReport take_report() { return std::move(report_); }

 private:
  Vm(TempDir folder, BootSpec spec) : folder_(std::move(folder)), spec_(std::move(spec)) {}
  bool end(BootOutcome outcome, const std::string& reason);
  void note_sign_of_life();

  TempDir folder_;
  BootSpec spec_;
  std::optional<Child> qemu_;
  RecordReader reader_;
  BootReport report_;
  std::uint64_t channel_bytes_ = 0;
  std::uint64_t console_bytes_ = 0;
  std::uint64_t last_sign_ns_ = 0;
  std::uint64_t waited_at_sign_ns_ = 0;
  int hang_timeout_s_ = 0;
  int limit_s_ = 0;
  std::uint64_t began_ns_ = 0;
  int lockups_ = 0;  // looks at the console that found one reported, since the last record
};

}  // namespace rmaplab
