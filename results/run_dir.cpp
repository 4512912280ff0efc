// SPDX-License-Identifier: GPL-2.0-only
#include "results/run_dir.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/files.h"

namespace rmaplab
{

namespace fs = std::filesystem;

Result<RunWriter> RunWriter::create(const fs::path& folder)
{
  RunWriter writer(folder.has_filename() ? folder : folder.parent_path());
  std::error_code error;
  if (fs::exists(folder, error))
    return Error{.code = Errc::usage, .context = folder.string() + " exists already"};
  if (auto made = make_directories(writer.partial_); !made)
    return made.error();
  return writer;
}

RunWriter::~RunWriter()
{
  std::error_code error;
  if (!partial_.empty() && fs::remove(partial_, error))
    fs::remove(partial_.parent_path(), error);
}

Result<> RunWriter::store(const Run& run)
{
  std::string csv = samples_header();
  for (const Sample& sample : run.samples)
    csv += sample_row(sample);
  if (auto done = write_file(partial_ / "samples.csv", csv); !done)
    return done;
  if (auto done = write_file(partial_ / "dmesg.txt", run.dmesg); !done)
    return done;
  if (run.config.empty())
    ::unlink((partial_ / "config").c_str());  // of a run that never finished
  else if (auto done = write_file(partial_ / "config", run.config); !done)
    return done;
  return write_file(partial_ / "manifest.json", manifest_json(run.manifest));
}

Result<fs::path> RunWriter::finish()
{
  std::error_code error;
  fs::rename(partial_, folder_, error);
  if (error)
    return Error{
        .code = Errc::os, .context = "rename to " + folder_.string(), .sys_errno = error.value()};
  return folder_;
}

Result<Run> read_run(const fs::path& folder)
{
  fs::path given = folder;
  if (!given.has_filename())
    given = given.parent_path();
  if (given.extension() == ".partial")
    return Error{.code = Errc::usage,
                 .context = given.string() + " is a run that was not finished"};
  auto manifest = read_manifest(given / "manifest.json");
  if (!manifest)
    return manifest.error();
  auto samples = read_samples(given / "samples.csv");
  if (!samples)
    return samples.error();
  Run run{.folder = given, .manifest = *std::move(manifest), .samples = *std::move(samples)};
  std::error_code error;
  for (const auto& [name, text] : {std::pair{"dmesg.txt", &run.dmesg}, {"config", &run.config}}) {
    if (!fs::exists(given / name, error))
      continue;
    auto content = read_file(given / name);
    if (!content)
      return content.error();
    *text = *std::move(content);
  }
  return run;
}

Result<Run> read_runs(const fs::path& folder)
{
  std::error_code error;
  if (fs::exists(folder / "manifest.json", error) || folder.extension() == ".partial")
    return read_run(folder);
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() != ".partial" && fs::exists(entry.path() / "manifest.json", error))
      folders.push_back(entry.path());
  if (folders.empty())
    return read_run(folder);
  std::sort(folders.begin(), folders.end());
  Run all;
  int boots = 0;
  for (const auto& one : folders) {
    auto run = read_run(one);
    if (!run)
      return run;
    if (boots == 0)
      all = {.folder = folder, .manifest = run->manifest, .config = run->config};
    const bool same_kernel = manifest_value(all.manifest, "kernel.release") ==
                                 manifest_value(run->manifest, "kernel.release") &&
                             manifest_value(all.manifest, "kernel.build_id") ==
                                 manifest_value(run->manifest, "kernel.build_id");
    const auto differences = incomparable(all.manifest, run->manifest);
    if (!same_kernel || !differences.empty())
      return Error{.code = Errc::usage,
                   .context = fmt::format("{} and {} are no boots of one kernel: they differ in {}",
                                          folders[0].string(), one.string(),
                                          same_kernel ? differences[0].key : "the kernel")};
    int most = 0;
    for (Sample& sample : run->samples) {
      const int boot = std::max(sample.boot, 1);
      most = std::max(most, boot);
      sample.boot = boots + boot;
      all.samples.push_back(std::move(sample));
    }
    boots += most;
    all.dmesg += run->dmesg;
  }
  return all;
}

std::string time_stamp()
{
  const std::time_t now = std::time(nullptr);
  struct tm utc = {};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return text;
}

}  // namespace rmaplab
