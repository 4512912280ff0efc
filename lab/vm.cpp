// SPDX-License-Identifier: GPL-2.0-only
#include "lab/vm.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/interrupt.h"
#include "base/text.h"
#include "base/ticks.h"
#include "base/unique_fd.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr std::string_view kPanic = "Kernel panic - not syncing";

// The line of the console that says why the kernel panicked.
std::string panic_line(const std::string& console)
{
  for (const auto line : lines_of(console))
    if (const auto at = line.find(kPanic); at != std::string_view::npos)
      return std::string(trim(line.substr(at)));
  return std::string(kPanic);
}

// What a person would see: without the carriage returns of the 8250 driver and the
// escape sequences of the firmware.
std::string plain_text(const std::string& console)
{
  std::string text;
  for (std::size_t i = 0; i < console.size(); ++i) {
    const char c = console[i];
    if (c == '\033') {
      ++i;
      if (i < console.size() && console[i] == '[')
        do {
          ++i;
        } while (i < console.size() && (console[i] < '@' || console[i] > '~'));
    } else if (c == '\n' || c == '\t' || (c >= ' ' && c <= '~')) {
      text += c;
    }
  }
  return text;
}

std::string disk_note(const fs::path& folder)
{
  std::error_code error;
  const auto space = fs::space(folder, error);
  constexpr std::uintmax_t kLittle = 1 << 20;
  if (!error && space.available < kLittle)
    return fmt::format(" (no space left in {})", folder.parent_path().string());
  return {};
}

// Far above what a full run of every pass, or a kernel that complains of each case, writes.
constexpr std::uint64_t kMostConsoleBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostChannelBytes = std::uint64_t{1} << 30;

// What the driver of a PC's serial lines says where a kernel was built for one alone
// (drivers/tty/serial/8250/8250_platform.c). Results that come over the second are noise then.
constexpr std::string_view kOneSerialLine = "Serial: 8250/16550 driver, 1 ports";

std::string serial_note(const fs::path& console)
{
  const auto text = read_from(console, 0, kMostConsoleBytes);
  if (!text || text->find(kOneSerialLine) == std::string::npos)
    return {};
  return "; this kernel drives one serial line, and results take a second: "
         "CONFIG_SERIAL_8250_NR_UARTS and CONFIG_SERIAL_8250_RUNTIME_UARTS of 2 or more";
}

constexpr std::string_view kLockup = "BUG: soft lockup";  // kernel/watchdog.c

// For how long that thread of the process which waited longest was ready to run and had no
// CPU, in ns: the second field of schedstat (Documentation/scheduler/sched-stats.rst). 0 where
// the kernel does not count it.
std::uint64_t longest_wait_for_cpu_ns(pid_t pid)
{
  std::uint64_t longest = 0;
  std::error_code error;
  for (const auto& task : fs::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
    const auto text = read_file(task.path() / "schedstat");
    const auto fields = text ? split_blanks(*text) : std::vector<std::string_view>();
    if (fields.size() > 1)
      longest = std::max(longest, parse_u64(fields[1]).value_or(0));
  }
  return longest;
}

}  // namespace

Result<Vm> Vm::start(const Machine& machine, BootSpec spec, const std::string& initramfs,
                     int hang_timeout_s, int limit_s)
{
  auto folder = TempDir::create("rmaplab-boot-");
  if (!folder)
    return folder.error();
  spec.initramfs = folder->path() / "initramfs.cpio";
  spec.console = folder->path() / "console.txt";
  spec.channel = folder->path() / "channel.bin";
  spec.function_counts = folder->path() / "functions.txt";
  if (auto put = write_file(spec.initramfs, initramfs); !put)
    return put.error();
  Vm vm(*std::move(folder), spec);
  UniqueFd complaints(
      ::open((vm.folder_.path() / "qemu.txt").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  auto qemu = Child::spawn({.argv = qemu_arguments(machine, spec),
                            .stdout_fd = complaints.get(),
                            .stderr_fd = complaints.get(),
                            .own_group = true});
  if (!qemu)
    return qemu.error();
  vm.qemu_.emplace(*std::move(qemu));
  vm.hang_timeout_s_ = hang_timeout_s;
  vm.limit_s_ = limit_s;
  vm.began_ns_ = monotonic_ns();
  vm.note_sign_of_life();
  return vm;
}

void Vm::note_sign_of_life()
{
  last_sign_ns_ = monotonic_ns();
  waited_at_sign_ns_ = longest_wait_for_cpu_ns(qemu_->pid());
}

bool Vm::end(BootOutcome outcome, const std::string& reason)
{
  qemu_->kill_and_reap();
  if (auto console = read_from(spec_.console, 0, kMostConsoleBytes))
    report_.console = plain_text(*console);
  if (auto counts = read_file(spec_.function_counts))
    report_.function_counts = *std::move(counts);
  report_.outcome = outcome;
  report_.reason = reason;
  return true;
}

bool Vm::step()
{
  // Ask before reading: what an ended QEMU wrote is then complete.
  const auto qemu_status = qemu_->poll();
  auto fresh = read_from(spec_.channel, channel_bytes_, kMostChannelBytes + 1 - channel_bytes_);
  std::error_code error;
  const auto console_size = fs::file_size(spec_.console, error);
  if (fresh && !fresh->empty()) {
    channel_bytes_ += fresh->size();
    lockups_ = 0;
    note_sign_of_life();
    if (auto fed = reader_.feed(*fresh, report_.records); !fed)
      return end(BootOutcome::garbled,
                 to_string(fed.error()) + disk_note(folder_.path()) + serial_note(spec_.console));
    if (reader_.ended())
      report_.guest_status =
          static_cast<int>(parse_u64(report_.records.back().payload).value_or(2));
  }
  if (interrupted())
    return end(BootOutcome::interrupted, "interrupted");
  if (reader_.ended()) {
    // Let it reboot by itself: the console then ends alike in every boot.
    constexpr std::uint64_t kGraceNs = 10'000'000'000u;
    return qemu_status || monotonic_ns() - last_sign_ns_ > kGraceNs ? end(BootOutcome::finished, "")
                                                                    : false;
  }
  if (!error && console_size != console_bytes_) {
    const auto written = read_from(spec_.console, console_bytes_, kMostConsoleBytes);
    lockups_ += written && written->find(kLockup) != std::string::npos;
    console_bytes_ = console_size;
    note_sign_of_life();
  }
  if (console_bytes_ > kMostConsoleBytes)
    return end(BootOutcome::hung,
               fmt::format("wrote more than {} MiB to its console", kMostConsoleBytes >> 20));
  if (channel_bytes_ > kMostChannelBytes)
    return end(BootOutcome::garbled, fmt::format("more than {} MiB", kMostChannelBytes >> 20));
  if (monotonic_ns() - began_ns_ > static_cast<std::uint64_t>(limit_s_) * 1'000'000'000u)
    return end(BootOutcome::hung, fmt::format("did not end within {} s", limit_s_));
  // It is reported again and again, for ever: words, but no life.
  constexpr int kMostLockups = 3;
  if (lockups_ >= kMostLockups)
    return end(BootOutcome::hung, fmt::format("\"{}\" {} times, and no record", kLockup, lockups_));
  if (qemu_status) {
    end(BootOutcome::ended_early, "");
    if (report_.console.find(kPanic) != std::string::npos) {
      report_.outcome = BootOutcome::panicked;
      report_.reason = panic_line(report_.console);
      return true;
    }
    const auto said = read_file(folder_.path() / "qemu.txt");
    const std::string complaint = said ? std::string(trim(last_lines(*said, 1))) : "";
    if (*qemu_status != 0)
      report_.reason = "QEMU ended with " + describe_wait_status(*qemu_status) +
                       (complaint.empty() ? "" : ": " + complaint);
    else
      report_.reason = report_.console.empty()
                           ? "the machine reset before the kernel wrote anything: is the image "
                             "whole, and for this architecture?"
                           : "the guest rebooted before its last record";
    report_.reason += disk_note(folder_.path());
    return true;
  }
  const std::uint64_t silent_ns = monotonic_ns() - last_sign_ns_;
  const std::uint64_t timeout_ns = static_cast<std::uint64_t>(hang_timeout_s_) * 1'000'000'000u;
  if (silent_ns > timeout_ns &&
      silent_ns > timeout_ns + longest_wait_for_cpu_ns(qemu_->pid()) - waited_at_sign_ns_) {
    const bool panicked = [&] {
      const auto console = read_from(spec_.console, 0, kMostConsoleBytes);
      return console && console->find(kPanic) != std::string::npos;
    }();
    end(BootOutcome::hung,
        fmt::format("no sign of life for {} s", hang_timeout_s_) + disk_note(folder_.path()));
    if (panicked) {
      report_.outcome = BootOutcome::panicked;
      report_.reason = panic_line(report_.console);
    }
    return true;
  }
  return false;
}

}  // namespace rmaplab
