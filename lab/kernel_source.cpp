// SPDX-License-Identifier: GPL-2.0-only
#include "lab/kernel_source.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <thread>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "base/text.h"
#include "lab/debian_source.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr std::string_view kDebian = "debian:";

// For our own work tree. Nobody else writes there: size and time of a file say whether it changed,
// and that of a cache that was copied, with other inodes, is not written again.
const std::vector<std::string> kOwnTree = {"-c", "core.checkStat=minimal", "-c",
                                           "core.trustctime=false"};

// The user's settings, hooks and keys have no say in a work tree of ours.
std::vector<std::string> git_command(const std::vector<std::string>& arguments)
{
  std::vector<std::string> argv = {"git"};
  for (const char* setting :
       {"safe.directory=*", "user.name=rmaplab", "user.email=rmaplab@localhost",
        "core.hooksPath=/dev/null", "core.autocrlf=false", "commit.gpgSign=false", "gc.auto=0",
        "advice.detachedHead=false"})
    argv.insert(argv.end(), {"-c", setting});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

Result<std::string> run_git(const std::vector<std::string>& arguments,
                            const std::vector<std::string>& environment = {},
                            const std::function<void()>& waiting = {})
{
  auto done = run_command({.argv = git_command(arguments), .environment = environment}, waiting);
  if (!done)
    return done.error();
  if (done->wait_status != 0)
    return Error{.code = Errc::os,
                 .context = fmt::format("git {}: {}", fmt::join(arguments, " "),
                                        trim(last_lines(done->err, 1)))};
  return std::string(trim(done->out));
}

// The repository whose work tree begins at this folder, and no other above it.
bool is_repository(const fs::path& folder)
{
  const auto top = run_git({"-C", folder, "rev-parse", "--show-toplevel"});
  std::error_code error;
  return top && fs::equivalent(*top, folder, error);
}

Result<> no_source(const std::string& spec, const std::string& why)
{
  return Error{.code = Errc::usage,
               .context = fmt::format("{}: {}; expected a kernel tree, a tarball of one or "
                                      "debian:VERSION",
                                      spec, why)};
}

Result<UniqueFd> lock_folder(const fs::path& folder, const Notify& notify)
{
  if (auto made = make_directories(folder); !made)
    return made.error();
  const fs::path path = folder / "lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd)
    return os_error("open " + path.string());
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) {
    if (interrupted())
      return Error{.code = Errc::interrupted, .context = "interrupted"};
    notify.passing("waiting for another build of this source");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return fd;
}

// What `tar -x --strip-components=1` of the first folder does; it appears whole or not at all.
Result<> unpack_tarball(const fs::path& tarball, const fs::path& into, const Notify& notify)
{
  const fs::path part = into.string() + ".tmp";
  std::error_code error;
  fs::remove_all(part, error);
  if (auto made = make_directories(part); !made)
    return made.error();
  const auto done =
      run_command({.argv = {"tar", "-xf", tarball, "--strip-components=1", "-C", part}},
                  [&] { notify.passing("unpacking " + tarball.filename().string()); });
  if (!done)
    return done.error();
  if (done->wait_status != 0)
    return Error{
        .code = Errc::parse,
        .context = fmt::format("unpack {}: {}", tarball.string(), trim(last_lines(done->err, 1)))};
  fs::rename(part, into, error);
  return error ? Result<>(Error{.code = Errc::os,
                                .context = "rename to " + into.string(),
                                .sys_errno = error.value()})
               : ok();
}

std::string short_hash(const std::string& text)
{
  return sha256(text).substr(0, 12);
}

}  // namespace

Result<std::string> KernelSource::git(const std::vector<std::string>& arguments,
                                      const std::vector<std::string>& environment,
                                      const std::function<void()>& waiting) const
{
  std::vector<std::string> all = kOwnTree;
  all.push_back("--git-dir=" + (work_tree() / ".git").string());
  all.push_back("--work-tree=" + work_tree().string());
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run_git(all, environment, waiting);
}

Result<KernelSource> KernelSource::open(const std::string& spec, const std::string& revision,
                                        const KernelOptions& options, const Notify& notify)
{
  if (!find_program("git"))
    return Error{.code = Errc::unsupported,
                 .context = "a kernel from source needs git (Debian: git)"};
  KernelSource source;
  std::error_code error;
  fs::path tarball;
  fs::path tree;
  std::string key;
  if (spec.rfind(kDebian, 0) == 0) {
    const auto fetched = fetch_debian_source(spec.substr(kDebian.size()), options, notify);
    if (!fetched)
      return fetched.error();
    tarball = fetched->tarball;
    source.id_ = fetched->package.package + " " + fetched->package.version;
    key = fetched->package.package + "_" + fetched->package.version;
  } else if (fs::is_directory(spec, error)) {
    tree = fs::canonical(spec, error);
    if (!fs::exists(tree / "Makefile", error) || !fs::exists(tree / "Kconfig", error))
      return no_source(spec, "has no Makefile and Kconfig").error();
    key = tree.filename().string() + "-" + short_hash(tree.string());
  } else if (fs::is_regular_file(spec, error)) {
    tarball = fs::canonical(spec, error);
    const auto bytes = read_file(tarball);
    if (!bytes)
      return bytes.error();
    source.id_ = fmt::format("{} (sha256 {})", tarball.filename().string(), short_hash(*bytes));
    key = tarball.filename().string() + "-" + short_hash(*bytes);
  } else {
    return no_source(spec, "is not there").error();
  }

  source.folder_ = cache_directory() / "builds" / key;
  auto lock = lock_folder(source.folder_, notify);
  if (!lock)
    return lock.error();
  source.lock_ = *std::move(lock);
  const fs::path work = source.work_tree();
  auto waiting = [&] { notify.passing("reading the source into a work tree"); };

  if (!tarball.empty()) {
    if (!fs::exists(work, error))
      if (auto done = unpack_tarball(tarball, work, notify); !done)
        return done.error();
    if (!fs::exists(work / "Makefile", error)) {
      fs::remove_all(work, error);
      return no_source(spec, "has no Makefile in its first folder").error();
    }
    if (!fs::exists(source.folder_ / "read", error)) {
      for (const auto& arguments : std::vector<std::vector<std::string>>{
               {"init", "--quiet"},
               // One pack, quickly. As a setting of all commands it would make every file binary.
               {"-c", "core.bigFileThreshold=1", "-c", "core.compression=1", "add", "--all",
                "--force"},
               {"commit", "--quiet", "--allow-empty", "-m", source.id_},
               {"update-ref", "refs/rmaplab/source", "HEAD"}})
        if (auto done = source.git(arguments, {}, waiting); !done)
          return done.error();
      if (auto written = write_file(source.folder_ / "read", ""); !written)
        return written.error();
    }
    const auto commit = source.git({"rev-parse", "refs/rmaplab/source"});
    if (!commit)
      return commit.error();
    source.commit_ = *commit;
  } else {
    const bool repository = is_repository(tree);
    if (!revision.empty() && !repository)
      return Error{.code = Errc::usage,
                   .context = fmt::format("{} is no git repository: it has no {}", spec, revision)};
    if (!fs::exists(work / ".git/HEAD", error)) {
      fs::remove_all(work, error);
      const auto made =
          repository
              ? run_git({"clone", "--quiet", "--shared", "--no-checkout", tree, work}, {}, waiting)
              : run_git({"init", "--quiet", work});
      if (!made)
        return made.error();
    }
    std::string commit;
    std::string described;
    bool as_it_lies = !repository;
    if (repository) {
      const auto asked = run_git({"-C", tree, "rev-parse", "--verify", "--quiet",
                                  (revision.empty() ? "HEAD" : revision) + "^{commit}"});
      if (!asked)
        return Error{
            .code = Errc::usage,
            .context = fmt::format("{}: no commit {}", spec, revision.empty() ? "HEAD" : revision)};
      commit = *asked;
      const auto changed = run_git(
          {"-C", tree, "--no-optional-locks", "status", "--porcelain", "-uno"}, {}, waiting);
      if (!changed)
        return changed.error();
      as_it_lies = revision.empty() && !changed->empty();
      const auto line =
          run_git({"-C", tree, "log", "-1", "--format=%h (\"%s\")", "--abbrev=12", commit});
      described = line ? *line : commit.substr(0, 12);
      if (as_it_lies)
        described += " and uncommitted changes";
    }
    if (as_it_lies) {
      // An index of our own over the user's files: nothing of his is written.
      const std::vector<std::string> environment = {"GIT_INDEX_FILE=" +
                                                    (source.folder_ / "index").string()};
      const std::string git_dir = "--git-dir=" + (work / ".git").string();
      const std::string over = "--work-tree=" + tree.string();
      if (repository && !fs::exists(source.folder_ / "index", error))
        if (auto done = run_git({git_dir, "read-tree", commit}, environment); !done)
          return done.error();
      std::vector<std::string> add = {git_dir, over, "add", repository ? "--update" : "--all", "."};
      if (auto done = run_command(
              {.argv = git_command(add), .environment = environment, .directory = tree}, waiting);
          !done || done->wait_status != 0)
        return done ? Error{.code = Errc::os,
                            .context = fmt::format("git add of {}: {}", spec,
                                                   trim(last_lines(done->err, 1)))}
                    : done.error();
      const auto written = run_git({git_dir, "write-tree"}, environment);
      if (!written)
        return written.error();
      const auto made = run_git({git_dir, "commit-tree", *written, "-m", "as it lies"});
      if (!made)
        return made.error();
      commit = *made;
    }
    source.commit_ = commit;
    source.id_ = tree.filename().string() + (described.empty() ? "" : " at " + described);
  }
  const auto hash = source.git({"rev-parse", source.commit_ + "^{tree}"});
  if (!hash)
    return hash.error();
  source.tree_ = *hash;
  if (source.id_.find(' ') == std::string::npos)
    source.id_ += " (tree " + source.tree_.substr(0, 12) + ")";
  return source;
}

Result<> KernelSource::reset(const Notify& notify) const
{
  auto waiting = [&] { notify.passing("bringing the work tree to its source's state"); };
  std::error_code error;
  fs::remove_all(work_tree() / ".git/rebase-apply", error);
  fs::remove(work_tree() / ".git/index.lock", error);  // of a build that was killed
  // checkout --force writes every file whose stat data differ, whatever is in it. After a copy that
  // did not keep times this reads all of them instead; its status says that some differ.
  static_cast<void>(git({"update-index", "-q", "--refresh"}, {}, waiting));
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"checkout", "--quiet", "--force", "--detach", commit_},
           {"clean", "--quiet", "-d", "--force", "-x"}})
    if (auto done = git(arguments, {}, waiting); !done)
      return done.error();
  return ok();
}

Result<AppliedSeries> KernelSource::apply(const PatchSeries& series, bool reverse,
                                          const Notify& notify) const
{
  AppliedSeries applied;
  const bool mails = std::all_of(series.patches.begin(), series.patches.end(),
                                 [](const Patch& patch) { return !patch.mail.empty(); });
  if (!reverse && mails) {
    std::vector<std::string> arguments = kOwnTree;
    arguments.insert(arguments.end(), {"am", "--quiet"});
    std::error_code error;
    const fs::path mailbox = folder_ / "series";
    fs::remove_all(mailbox, error);
    if (auto made = make_directories(mailbox); !made)
      return made.error();
    for (std::size_t i = 0; i < series.patches.size(); ++i) {
      const fs::path file = mailbox / fmt::format("{:04}.patch", i + 1);
      if (auto written = write_file(file, series.patches[i].mail); !written)
        return written.error();
      arguments.push_back(file);
    }
    // git am works in the folder that it is started in.
    auto done = run_command({.argv = git_command(arguments), .directory = work_tree()});
    if (!done)
      return done.error();
    if (done->wait_status == 0) {
      applied.how = "git am";
      return applied;
    }
    if (auto clean = reset(notify); !clean)
      return clean.error();
  }
  if (auto done = apply_by_patch(series, reverse, applied); !done) {
    if (auto clean = reset(notify); !clean)
      return clean.error();
    return done.error();
  }
  return applied;
}

Result<> KernelSource::apply_by_patch(const PatchSeries& series, bool reverse,
                                      AppliedSeries& applied) const
{
  if (!find_program("patch"))
    return Error{.code = Errc::unsupported,
                 .context = "a series that git am does not take needs patch (Debian: patch)"};
  applied.how = reverse ? "patch -R -p1" : "patch -p1";
  std::vector<std::string> failures;
  std::set<std::string> left_out;
  std::size_t hunks = 0;
  auto patches = series.patches;
  if (reverse)
    std::reverse(patches.begin(), patches.end());
  const fs::path file = folder_ / "series.diff";
  for (const Patch& patch : patches) {
    if (auto written = write_file(file, patch.diff); !written)
      return written.error();
    std::vector<std::string> argv = {"patch",           "-p1",
                                     "--force",         "--no-backup-if-mismatch",
                                     "--reject-file=-", "--input=" + file.string()};
    if (reverse)
      argv.emplace_back("--reverse");
    auto done = run_command({.argv = argv, .environment = {"LC_ALL=C"}, .directory = work_tree()});
    if (!done)
      return done.error();
    for (const auto line : lines_of(patch.diff))
      hunks += line.substr(0, 3) == "@@ ";
    const std::string name =
        patch.number > 0 ? fmt::format("{}/{}", patch.number, patch.total) : patch.subject;
    const auto failed = parse_patch_output(done->out);
    for (const FailedHunk& hunk : failed) {
      if (outside_of_image(hunk.file))
        left_out.insert(hunk.file);
      else if (hunk.hunk == 0)
        failures.push_back(fmt::format("  {} {}: {}", name, hunk.file, hunk.why));
      else
        failures.push_back(fmt::format("  {} {}: hunk {} at line {}: {}", name, hunk.file,
                                       hunk.hunk, hunk.line, hunk.why));
    }
    if (done->wait_status != 0 && failed.empty())
      failures.push_back(
          fmt::format("  {}: patch: {}", name, trim(last_lines(done->err + done->out, 1))));
    for (const auto line : lines_of(done->out))
      if (line.find(" with fuzz ") != std::string_view::npos)
        applied.notes.push_back(fmt::format("{}: {}", name, trim(line)));
  }
  for (const auto& path : left_out)
    applied.notes.push_back(path + " does not take it and was left: no part of an image");
  if (failures.empty())
    return ok();
  return Error{.code = Errc::usage,
               .context = fmt::format("the series does not {} {}: {} of {} hunks failed, nothing "
                                      "was built\n{}",
                                      reverse ? "come off" : "apply to", id_, failures.size(),
                                      hunks, fmt::join(failures, "\n"))};
}

bool is_commit_range(const std::string& spec, const std::string& source)
{
  std::error_code error;
  return spec.find("..") != std::string::npos && !fs::exists(spec, error) &&
         fs::is_directory(source, error);
}

namespace
{

// A file, uncompressed: archives of lists are fetched as .mbox.gz.
Result<std::string> read_text(const fs::path& file)
{
  auto bytes = read_file(file);
  if (!bytes)
    return bytes.error();
  std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(),
                                                                archive_read_free);
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_memory(reader.get(), bytes->data(), bytes->size()) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
    return bytes;
  std::string text;
  char buffer[16384];
  for (;;) {
    const auto got = archive_read_data(reader.get(), buffer, sizeof buffer);
    if (got == 0)
      return text;
    if (got < 0)
      return Error{
          .code = Errc::parse,
          .context = fmt::format("{}: {}", file.string(), archive_error_string(reader.get()))};
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace

Result<PatchSeries> read_series(const std::string& spec, const std::string& source)
{
  std::error_code error;
  if (is_commit_range(spec, source)) {
    const auto mails = run_git({"-C", source, "format-patch", "--stdout", spec});
    if (!mails)
      return Error{.code = Errc::usage,
                   .context = fmt::format("{}: no range of commits of {}", spec, source)};
    return parse_series(spec, *mails + "\n");
  }
  if (!fs::exists(spec, error))
    return Error{.code = Errc::usage,
                 .context = fmt::format("{}: expected an mbox, a folder of patches or a range of "
                                        "commits A..B of the source",
                                        spec)};
  if (!fs::is_directory(spec, error)) {
    const auto text = read_text(spec);
    if (!text)
      return text.error();
    return parse_series(fs::path(spec).filename(), *text);
  }
  std::vector<fs::path> files;
  if (const auto list = read_file(fs::path(spec) / "series")) {
    for (const auto line : lines_of(*list))
      if (const auto name = trim(line.substr(0, line.find('#'))); !name.empty())
        files.push_back(fs::path(spec) / name);
  } else {
    for (const auto& entry : fs::directory_iterator(spec, error))
      if (entry.path().extension() == ".patch" || entry.path().extension() == ".diff")
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
  }
  if (files.empty())
    return Error{.code = Errc::usage, .context = spec + ": holds no *.patch"};
  PatchSeries whole;
  for (const auto& file : files) {
    const auto text = read_text(file);
    if (!text)
      return text.error();
    auto one = parse_patches(file.filename(), *text);
    if (!one)
      return one.error();
    whole.patches.insert(whole.patches.end(), one->patches.begin(), one->patches.end());
    whole.left_out.insert(whole.left_out.end(), one->left_out.begin(), one->left_out.end());
  }
  if (whole.patches.empty())
    return Error{.code = Errc::parse, .context = spec + ": no file of it holds a diff"};
  return whole;
}

}  // namespace rmaplab
