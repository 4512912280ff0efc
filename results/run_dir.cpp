// SPDX-License-Identifier: GPL-2.0-only
#include "results/run_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <ctime>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/files.h"
#include "base/printable.h"
#include "base/regular_file.h"
#include "base/text.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr const char* kRows = "samples.rows";
constexpr const char* kChecksum = "samples.crc32";

// CRC-32 as of gzip and zlib (`crc32 samples.csv`): a digit that changed is always noticed.
std::string crc32_of(std::string_view text)
{
  boost::crc_32_type crc;
  crc.process_bytes(text.data(), text.size());
  return fmt::format("{:08x}", crc.checksum());
}

Result<> check_text(const std::string& name, const StoredSamples& stored, const Manifest& manifest)
{
  const std::string wanted_rows = manifest_value(manifest, kRows);
  const std::string wanted = manifest_value(manifest, kChecksum);
  auto reject = [&](const std::string& what) {
    return Error{.code = Errc::parse, .context = name + ": " + what};
  };
  const std::size_t rows = stored.samples.size();
  if (!wanted_rows.empty() && wanted_rows != std::to_string(rows))
    return reject(
        fmt::format("has {} rows, its manifest says {}: rows were lost or added since "
                    "it was stored",
                    rows, wanted_rows));
  if (!wanted.empty() && stored.crc32 != wanted)
    return reject(
        fmt::format("has CRC-32 {}, its manifest says {}: it was changed or damaged "
                    "since it was stored",
                    stored.crc32, wanted));
  return ok();
}

// What the manifest says otherwise; nothing where a row is one of its.
std::optional<std::string> what_contradicts(const Manifest& manifest, const Sample& sample)
{
  const std::string key = "workload." + sample.workload.str();
  const std::string version = manifest_value(manifest, key);
  if (version.empty())
    return fmt::format("workload is {}, and manifest.json has no {}", sample.workload, key);
  if (version != std::to_string(sample.workload_version))
    return fmt::format("workload_version is {}, expected {}, that of {} in manifest.json",
                       sample.workload_version, version, sample.workload);
  const std::string boots = manifest_value(manifest, "plan.boots");
  if (boots.empty())
    return std::nullopt;
  const int boot = std::max(sample.boot, 1);
  if (static_cast<std::uint64_t>(boot) > parse_u64(boots).value_or(0))
    return fmt::format("boot is {}, expected at most {}, plan.boots in manifest.json", sample.boot,
                       boots);
  const std::string planned = manifest_value(manifest, fmt::format("{}.{}", kPlanCases, boot));
  const auto words = split_blanks(planned);
  if (!planned.empty() && std::ranges::none_of(words, [&](std::string_view word) {
        return word.substr(0, word.find('=')) == sample.pass;
      }))
    return fmt::format("pass is \"{}\", expected one of plan.cases.{} in manifest.json: {}",
                       sample.pass, boot, planned);
  return std::nullopt;
}

}  // namespace

namespace
{

// Locked while whoever called this lives; nothing where another has it for longer than a look at
// whether it is claimed takes.
UniqueFd claim(const fs::path& folder)
{
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  for (int i = 0; fd && i < 20; ++i) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0)
      return fd;
    ::usleep(5'000);
  }
  return {};
}

bool is_claimed(const fs::path& folder)
{
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) < 0;
}

bool is_same(const UniqueFd& fd, const fs::path& path)
{
  struct stat open = {};
  struct stat named = {};
  return ::fstat(fd.get(), &open) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

// FOLDER.1.partial or the next that is free.
fs::path free_name(const fs::path& folder)
{
  std::error_code error;
  for (int i = 1;; ++i)
    if (fs::path name = fmt::format("{}.{}.partial", folder.string(), i);
        !fs::exists(fs::symlink_status(name, error)))
      return name;
}

bool holds_something(const fs::path& folder)
{
  std::error_code error;
  return fs::is_directory(folder, error) && !fs::is_empty(folder, error);
}

// Runs in the folder of `ours` that did not end and that nobody works on: one line.
std::string others_that_did_not_end(const fs::path& ours)
{
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(ours.parent_path(), error))
    if (entry.path().extension() == ".partial" && entry.path() != ours &&
        entry.is_directory(error) && !is_claimed(entry.path()))
      names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  if (names.empty())
    return {};
  return fmt::format(
      "{} has {} that did not end: {}; what {} measured is in samples.csv there",
      ours.parent_path().string(),
      names.size() == 1 ? "a run" : fmt::format("{} runs", names.size()),
      names.size() > 3 ? names[0] + ", ..." : fmt::format("{}", fmt::join(names, ", ")),
      names.size() == 1 ? "it" : "they");
}

}  // namespace

Result<RunWriter> RunWriter::create(const fs::path& folder,
                                    const std::function<void(const std::string&)>& tell)
{
  RunWriter writer(folder.has_filename() ? folder : folder.parent_path());
  const auto in_use = [&] {
    return Error{.code = Errc::usage,
                 .context = writer.partial_.string() + " is being written by another process"};
  };
  const auto exists_already = [&] {
    std::error_code error;
    return fs::exists(writer.folder_, error)
               ? Result<>(Error{.code = Errc::usage,
                                .context = writer.folder_.string() + " exists already"})
               : ok();
  };
  if (auto free = exists_already(); !free)
    return free.error();
  if (holds_something(writer.partial_)) {
    const UniqueFd left = claim(writer.partial_);
    if (!left)
      return in_use();
    const fs::path kept = free_name(writer.folder_);
    if (::rename(writer.partial_.c_str(), kept.c_str()) < 0)
      return os_error("rename to " + kept.string());
    if (tell)
      tell(fmt::format("{} is of a run that did not end: kept as {}", writer.partial_.string(),
                       kept.filename().string()));
  } else if (std::string others = others_that_did_not_end(writer.partial_);
             tell && !others.empty()) {
    tell(others);
  }
  if (auto made = make_directories(writer.partial_); !made)
    return made.error();
  writer.claim_ = claim(writer.partial_);
  if (!writer.claim_ || !is_same(writer.claim_, writer.partial_)) {
    const Error error_of_use = in_use();
    writer.partial_.clear();  // another's, not to be removed
    return error_of_use;
  }
  if (auto free = exists_already(); !free)  // it ended between the two looks
    return free.error();
  return writer;
}

RunWriter::~RunWriter()
{
  std::error_code error;
  if (!partial_.empty() && fs::remove(partial_, error))
    fs::remove(partial_.parent_path(), error);
}

Result<> RunWriter::append(std::span<const Sample> samples, std::string_view dmesg)
{
  std::string csv = rows_ == 0 ? samples_header() : "";
  for (Sample sample : samples) {
    sample.run = folder_.filename().string();
    csv += sample_row(sample);
  }
  if (!samples.empty())
    if (auto done = append_file(partial_ / "samples.csv", csv); !done)
      return done;
  rows_ += samples.size();
  return dmesg.empty() ? ok() : append_file(partial_ / "dmesg.txt", dmesg);
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
  Manifest manifest = run.manifest;
  manifest[kRows] = std::to_string(run.samples.size());
  manifest[kChecksum] = crc32_of(csv);
  return write_file(partial_ / "manifest.json", manifest_json(manifest));
}

void RunWriter::discard()
{
  std::error_code ignored;
  for (const char* name : {"samples.csv", "dmesg.txt"})
    fs::remove(partial_ / name, ignored);
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

namespace
{

bool is_partial(const fs::path& folder)
{
  return folder.filename().string().find(".partial") != std::string::npos;
}

// "samples.csv.gz"; "" where there is none of its kind.
std::string packed_samples(const fs::path& folder)
{
  std::error_code error;
  for (const char* name :
       {"samples.csv.gz", "samples.csv.xz", "samples.csv.zst", "samples.csv.bz2"})
    if (fs::exists(folder / name, error))
      return name;
  return {};
}

// What a reader must know of runs that say which boot of their machine they are of, or do not.
std::string note_on_boots(std::size_t runs, std::size_t boots, std::size_t unknown)
{
  std::string note;
  if (boots + unknown < runs)
    note = fmt::format("{} runs of a host are of {} boot{}: runs of one boot count once",
                       runs - unknown, boots, boots == 1 ? "" : "s");
  if (unknown > 0)
    note += fmt::format("{}{} of {} runs of a host do not say which boot they are of",
                        note.empty() ? "" : "; ", unknown, runs);
  return note;
}

}  // namespace

Result<Run> read_run(const fs::path& folder)
{
  fs::path given = folder;
  if (!given.has_filename())
    given = given.parent_path();
  std::error_code error;
  // By its own name too: a link to it, or "NAME.partial/.", is no other folder.
  if (is_partial(given) || is_partial(fs::canonical(given, error)))
    return Error{.code = Errc::usage,
                 .context = given.string() + " is a run that was not finished"};
  if (fs::is_regular_file(given, error))
    return Error{
        .code = Errc::usage,
        .context = given.string() +
                   " is a file: a run is a folder with manifest.json and samples.csv, as "
                   "`rmaplab run -o` and `ab` write it; other tools' results are not read"};
  if (fs::exists(given / "manifest.json", error) && !fs::exists(given / "samples.csv", error))
    return Error{
        .code = Errc::usage,
        .context = fmt::format("{} has no samples.csv: {}", given.string(),
                               fs::exists(given / "vmlinuz", error) ? "it is a kernel, no run"
                               : packed_samples(given).empty()
                                   ? "it is no run"
                                   : "it is packed, unpack " + packed_samples(given))};
  auto manifest = read_manifest(given / "manifest.json");
  if (!manifest)
    return manifest.error();
  const std::string manifest_name = (given / "manifest.json").string();
  constexpr std::string_view kModes[] = {"host", "exact", "smp"};
  if (const std::string mode = manifest_value(*manifest, "mode");
      std::ranges::find(kModes, mode) == std::end(kModes))
    return Error{.code = Errc::parse,
                 .context = fmt::format("{}: expected \"mode\": host, exact or smp, found \"{}\"",
                                        manifest_name, printable(mode))};
  if (auto good = check_plan_keys(manifest_name, *manifest); !good)
    return good.error();
  const fs::path file = given / "samples.csv";
  std::optional<SharedText> id;
  std::set<std::tuple<SharedText, int, int, SharedText>> fitting;  // what rows have in common
  auto stored = read_samples(
      file, parse_u64(manifest_value(*manifest, kRows)).value_or(0),
      [&](const Sample& sample) -> std::optional<std::string> {
        if (!id)
          id = sample.run;
        if (*id != sample.run)
          return fmt::format("run is \"{}\", expected \"{}\" as above", sample.run, *id);
        const std::tuple common{sample.workload, sample.workload_version, sample.boot, sample.pass};
        if (fitting.contains(common))
          return std::nullopt;
        auto wrong = what_contradicts(*manifest, sample);
        if (!wrong)
          fitting.insert(common);
        return wrong;
      });
  if (!stored)
    return stored.error();
  if (auto good = check_text(file.string(), *stored, *manifest); !good)
    return good.error();
  Run run{.folder = given, .manifest = *std::move(manifest), .samples = std::move(stored->samples)};
  run.checked = !manifest_value(run.manifest, kChecksum).empty() &&
                !manifest_value(run.manifest, kRows).empty();
  run.crc32 = stored->crc32;
  run.gaps = gaps_of(run.manifest, run.samples);
  if (!run.checked && !manifest_value(run.manifest, "plan.boots").empty())
    run.gaps.push_back({.text = fmt::format("its manifest has a plan and no {} or no {}: what was "
                                            "lost is not known",
                                            kRows, kChecksum)});
  for (const auto& [name, text] : {std::pair{"dmesg.txt", &run.dmesg}, {"config", &run.config}}) {
    if (!fs::exists(given / name, error))
      continue;
    auto content = read_regular_file(given / name);
    if (!content)
      return content.error();
    *text = *std::move(content);
  }
  return run;
}

Result<Run> read_runs(const fs::path& folder)
{
  std::error_code error;
  if (fs::exists(folder / "manifest.json", error)) {
    for (const auto& entry : fs::directory_iterator(folder, error))
      if (fs::exists(entry.path() / "manifest.json", error))
        return Error{.code = Errc::usage,
                     .context = fmt::format("{} is a run and holds runs, {} for one: give one of "
                                            "them, or a folder of boots only",
                                            folder.string(), entry.path().filename().string())};
    return read_run(folder);
  }
  if (is_partial(folder))
    return read_run(folder);
  std::vector<fs::path> folders;
  std::vector<Gap> gaps;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path& path = entry.path();
    const std::string name = path.filename();
    if (!fs::is_directory(path, error)) {
      // A report or a note may lie beside the boots; what is called like one was one.
      if (fs::is_symlink(path, error) && !fs::exists(path, error))
        gaps.push_back({.text = name + " is a link to nothing: no boot is known"});
      else if (name.find_first_not_of("0123456789TZ") == std::string::npos)
        gaps.push_back({.text = name + " is no folder: no boot is known"});
      continue;
    }
    if (is_partial(path))
      gaps.push_back({.text = path.filename().string() + " is a boot that was not finished"});
    else if (!fs::exists(path / "manifest.json", error))
      gaps.push_back(
          {.text = path.filename().string() + " has no manifest.json: no boot is known"});
    else
      folders.push_back(path);
  }
  if (folders.empty() && !gaps.empty())
    return Error{.code = Errc::usage,
                 .context = fmt::format(
                     "{} holds no finished run: {}{}", folder.string(), gaps[0].text,
                     gaps.size() > 1 ? fmt::format(" (and {} more)", gaps.size() - 1) : "")};
  if (folders.empty() && !fs::exists(folder, error) &&
      fs::exists(fs::path(folder.string() + ".partial"), error))
    return Error{.code = Errc::usage,
                 .context = folder.string() + ".partial is a run that was not finished"};
  if (folders.empty())
    return read_run(folder);
  std::sort(folders.begin(), folders.end());
  Run all;
  int boots = 0;
  bool first = true;
  struct Seen {
    std::string start;
    fs::path folder;
  };
  std::multimap<std::string, Seen> seen;  // by the checksum of their rows
  std::map<std::string, int> host_boots;  // numbers by kernel.random.boot_id
  std::size_t unknown_boots = 0;
  for (const auto& one : folders) {
    auto run = read_run(one);
    if (!run)
      return run;
    // Two runs of the exact lab may have the same rows: they began at different times.
    const std::string start = manifest_value(run->manifest, "start");
    const auto [from, to] = seen.equal_range(run->crc32);
    for (auto twin = from; twin != to; ++twin)
      if (start.empty() || twin->second.start.empty() || start == twin->second.start)
        return Error{.code = Errc::usage,
                     .context = fmt::format("{} and {} are the same run: a copy is no boot",
                                            twin->second.folder.string(), one.string())};
    seen.emplace(run->crc32, Seen{.start = start, .folder = one});
    if (std::exchange(first, false))
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
    int before = boots;
    if (manifest_value(run->manifest, "mode") == "host") {
      const std::string id = manifest_value(run->manifest, "host.boot_id");
      unknown_boots += id.empty() ? 1 : 0;
      if (!id.empty())
        before = host_boots.emplace(id, boots).first->second;
    }
    for (Sample& sample : run->samples) {
      const int boot = std::max(sample.boot, 1);
      most = std::max(most, boot);
      sample.boot = before + boot;
      all.samples.push_back(std::move(sample));
    }
    for (Gap& gap : run->gaps)
      gaps.push_back({.failed = gap.failed, .text = one.filename().string() + ": " + gap.text});
    all.checked = all.checked && run->checked;
    boots = std::max(boots, before + std::max(most, 1));
    all.dmesg += run->dmesg;
  }
  all.gaps = std::move(gaps);
  if (manifest_value(all.manifest, "mode") == "host")
    if (std::string note = note_on_boots(folders.size(), host_boots.size(), unknown_boots);
        !note.empty())
      all.notes.push_back(std::move(note));
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
