// SPDX-License-Identifier: GPL-2.0-only
#include "results/run_dir.h"

#include <unistd.h>

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
