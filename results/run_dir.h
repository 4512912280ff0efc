// SPDX-License-Identifier: GPL-2.0-only
// A run on disk: manifest.json, samples.csv, dmesg.txt and, where it is known, the
// kernel's config, in one folder. While it is being measured the folder is called NAME.partial
// and gets its values as they come: a process that is killed leaves no half run that looks whole,
// and what was measured is still there.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "results/gaps.h"
#include "results/manifest.h"
#include "results/sample.h"

namespace rmaplab
{

struct Run {
  std::filesystem::path folder;
  Manifest manifest;
  std::vector<Sample> samples;
  std::string dmesg;   // consoles of the boots, one after another; on the host the log meanwhile
  std::string config;  // the kernel's .config; empty when it came without one
  // What it lacks of its plan, set by whoever made or read it. A run that has any is not whole:
  // every report says so first, and no gate passes it.
  std::vector<Gap> gaps;
  // What else a reader must know of it before any figure, a line each.
  std::vector<std::string> notes;
  std::string crc32;  // of samples.csv as it was read
  // False where it was read and has no row count and checksum, as runs of rmaplab before them.
  bool checked = true;
};

class RunWriter
{
 public:
  // Creates FOLDER.partial and claims it while this object lives. Errc::usage where FOLDER exists,
  // or another process has claimed it. What a process that was killed left under that name is
  // kept as FOLDER.N.partial; `tell` gets a line for it, and one for others beside it.
  static Result<RunWriter> create(const std::filesystem::path& folder,
                                  const std::function<void(const std::string&)>& tell = {});
  RunWriter(RunWriter&& other) noexcept
      : folder_(std::move(other.folder_)),
        partial_(std::exchange(other.partial_, {})),
        claim_(std::move(other.claim_)),
        rows_(other.rows_)
  {
  }
  RunWriter& operator=(RunWriter&&) = delete;
  // Removes FOLDER.partial where nothing was stored, and the folder above it when that is empty.
  ~RunWriter();
  // Adds values, as of the run that is called as the folder, and lines of dmesg.txt as they come:
  // there when it returns, whoever is killed next.
  Result<> append(std::span<const Sample> samples, std::string_view dmesg);
  // Values that append() has added.
  std::size_t rows() const { return rows_; }
  // Replaces all that was added or stored before; complete when it returns.
  Result<> store(const Run& run);
  // What was added is of no use any more: nothing stays.
  void discard();
  // The run is whole: gives the folder its final name.
  Result<std::filesystem::path> finish();
  const std::filesystem::path& partial() const { return partial_; }

 private:
  explicit RunWriter(const std::filesystem::path& folder)
      : folder_(folder), partial_(folder.string() + ".partial")
  {
  }
  std::filesystem::path folder_;
  std::filesystem::path partial_;
  UniqueFd claim_;  // of partial_, locked: gone with the process, however that ends
  std::size_t rows_ = 0;
};

// Rejects with file and line; a folder named *.partial is Errc::usage. samples.csv must have the
// rows and the checksum of the manifest, and each row the workload version that it names.
Result<Run> read_run(const std::filesystem::path& folder);

// The same, or several runs in one folder as the boots 1, 2, ... of one: `rmaplab run` after
// each boot of a real machine. Errc::usage where they are not of one kernel, or differ in what
// makes runs incomparable. What lies there without being a run (NAME.partial, a folder without a
// manifest) is a gap of the run that is returned.
Result<Run> read_runs(const std::filesystem::path& folder);

// "20261120T170512Z": UTC, sorts by time, safe as a file name.
std::string time_stamp();

}  // namespace rmaplab
