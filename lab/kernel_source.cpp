// SPDX-License-Identifier: GPL-2.0-only
#include "lab/kernel_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/printable.h"
#include "base/process.h"
#include "base/regular_file.h"
#include "base/text.h"
#include "lab/debian_source.h"
#include "lab/git.h"

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

// The repository whose work tree begins at this folder, and no other above it. Errc::usage where
// git refuses to read it, as another user's.
Result<bool> is_repository(const fs::path& folder)
{
  const auto top = git_output({.arguments = {"-C", folder, "rev-parse", "--show-toplevel"}});
  if (!top)
    return top.error();
  std::error_code error;
  if (top->wait_status == 0)
    return fs::equivalent(std::string(trim(top->out)), folder, error);
  if (!fs::exists(folder / ".git", error))
    return false;
  const auto complaints = lines_of(top->err);
  return Error{.code = Errc::usage,
               .context = fmt::format(
                   "{}: {}; where you trust it: git config --global --add "
                   "safe.directory {}",
                   folder.string(),
                   complaints.empty() ? "git does not read it" : printable(complaints.front()),
                   shell_quote(folder))};
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
  bool told = false;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) {
    if (interrupted())
      return Error{.code = Errc::interrupted, .context = "interrupted"};
    if (!told)
      notify(fmt::format("waiting for another build of this source to end ({})",
                         folder.filename().string()));
    told = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return fd;
}

// A repository that a tarball brings names programs that git runs, and a device or a pipe is no
// source.
void keep_files_only(const fs::path& tree)
{
  std::error_code error;
  fs::remove_all(tree / ".git", error);
  std::vector<fs::path> others;
  for (auto it = fs::recursive_directory_iterator(tree, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const auto type = it->symlink_status(error).type();
    if (type != fs::file_type::regular && type != fs::file_type::directory &&
        type != fs::file_type::symlink)
      others.push_back(it->path());
  }
  for (const auto& path : others)
    fs::remove(path, error);
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
      run_command({.argv = {"tar", "-xf", tarball, "--strip-components=1", "--no-same-owner",
                            "--no-same-permissions", "--exclude=.git", "-C", part}},
                  [&] { notify.passing("unpacking " + tarball.filename().string()); });
  if (!done)
    return done.error();
  if (done->wait_status != 0)
    return Error{.code = Errc::parse,
                 .context = fmt::format("unpack {}: {}", tarball.string(),
                                        printable(trim(lines_of(done->err).empty()
                                                           ? std::string_view("tar said nothing")
                                                           : lines_of(done->err)[0])))};
  keep_files_only(part);
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

// Says how many files of a user's tree, as git lists them, are not in what is built from it.
void tell_others(const fs::path& tree, const Result<std::string>& listed, const std::string& why,
                 const Notify& notify)
{
  const std::string name = printable(tree.filename().string());
  if (!listed)
    return notify(fmt::format("{}: which files are {} is not known: {}", name, why,
                              printable(listed.error().context)));
  if (listed->empty())
    return;
  const auto files = lines_of(*listed);
  const char* const plural = files.size() == 1 ? "" : "s";
  notify(fmt::format("{}: {} file{} or folder{} {}: not in the source, the first {}", name,
                     files.size(), plural, plural, why, printable(files.front())));
}

struct AsItLies {
  std::string spec;
  fs::path tree;
  fs::path work;
  fs::path index;       // of our own, over the user's files: nothing of his is written
  std::string tracked;  // the commit whose files count; "": all that is there
};

// A commit, in the repository of `work`, of the files of `tree`.
Result<std::string> commit_as_it_lies(const AsItLies& from, const Notify& notify)
{
  const auto waiting = [&] { notify.passing("reading the source into a work tree"); };
  const std::vector<std::string> environment = {"GIT_INDEX_FILE=" + from.index.string()};
  const std::vector<std::string> ours = {"--git-dir=" + (from.work / ".git").string(),
                                         "--work-tree=" + from.tree.string()};
  const auto git = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> all = ours;
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_git(
        {.arguments = all, .ours = from.work, .environment = environment, .directory = from.tree},
        waiting);
  };
  std::error_code error;
  if (!from.tracked.empty() && !fs::exists(from.index, error))
    if (auto done = git({"read-tree", from.tracked}); !done)
      return done;
  if (auto done = git({"add", from.tracked.empty() ? "--all" : "--update", "."}); !done)
    return Error{.code = Errc::os,
                 .context = fmt::format("{}: {}", from.spec, done.error().context)};
  if (from.tracked.empty()) {
    const auto found = git({"ls-files", "--", "Makefile", "Kconfig"});
    if (!found)
      return found;
    if (lines_of(*found).size() < 2 || found->empty()) {
      // As Debian's linux-source, where all is a package's business and none git's.
      notify(from.spec + ": its .gitignore hides its Makefile or Kconfig: all files are read");
      if (auto done = git({"add", "--all", "--force", "."}); !done)
        return done;
    } else {
      tell_others(from.tree,
                  git({"ls-files", "--others", "--ignored", "--exclude-standard", "--directory"}),
                  "ignored by its .gitignore", notify);
    }
  }
  const auto written = git({"write-tree"});
  if (!written)
    return written;
  return git({"commit-tree", *written, "-m", "as it lies"});
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
  return run_git({.arguments = all, .ours = work_tree(), .environment = environment}, waiting);
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
    const auto bytes = read_regular_file(tarball);
    if (!bytes)
      return bytes.error();
    source.id_ = fmt::format("{} (sha256 {})", tarball.filename().string(), short_hash(*bytes));
    key = tarball.filename().string() + "-" + short_hash(*bytes);
  } else {
    return no_source(spec, "is not there").error();
  }

  const auto cache = own_cache_directory();
  if (!cache)
    return cache.error();
  source.folder_ = *cache / "builds" / key;
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
    const auto asked_git = is_repository(tree);
    if (!asked_git)
      return asked_git.error();
    const bool repository = *asked_git;
    if (!revision.empty() && !repository)
      return Error{.code = Errc::usage,
                   .context = fmt::format("{} is no git repository: it has no {}", spec, revision)};
    if (!fs::exists(work / ".git/HEAD", error)) {
      fs::remove_all(work, error);
      const auto made = repository
                            ? run_git({.arguments = {"clone", "--quiet", "--shared",
                                                     "--no-checkout", "--", tree, work}},
                                      waiting)
                            : run_git({.arguments = {"init", "--quiet", "--", work}, .ours = work});
      if (!made)
        return made.error();
    }
    std::string commit;
    std::string described;
    bool as_it_lies = !repository;
    if (repository) {
      const auto asked =
          run_git({.arguments = {"-C", tree, "rev-parse", "--verify", "--quiet", "--end-of-options",
                                 (revision.empty() ? "HEAD" : revision) + "^{commit}"}});
      if (!asked)
        return Error{
            .code = Errc::usage,
            .context = fmt::format("{}: no commit {}", spec, revision.empty() ? "HEAD" : revision)};
      commit = *asked;
      const auto changed = run_git(
          {.arguments = {"-C", tree, "--no-optional-locks", "status", "--porcelain", "-uno"}},
          waiting);
      if (!changed)
        return changed.error();
      as_it_lies = revision.empty() && !changed->empty();
      const auto line = run_git(
          {.arguments = {"-C", tree, "log", "-1", "--format=%h (\"%s\")", "--abbrev=12", commit}});
      described = line ? *line : commit.substr(0, 12);
      if (as_it_lies)
        described += " and uncommitted changes";
    }
    if (as_it_lies) {
      const auto made = commit_as_it_lies({.spec = spec,
                                           .tree = tree,
                                           .work = work,
                                           .index = source.folder_ / "index",
                                           .tracked = repository ? commit : std::string()},
                                          notify);
      if (!made)
        return made.error();
      commit = *made;
    }
    if (repository && revision.empty())
      tell_others(tree,
                  run_git({.arguments = {"-C", tree, "ls-files", "--others", "--exclude-standard",
                                         "--directory"}}),
                  "not tracked", notify);
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
  AppliedSeries applied{.how = reverse ? "git apply -R" : "git apply", .notes = {}};
  auto patches = series.patches;
  if (reverse)
    std::reverse(patches.begin(), patches.end());
  for (const Patch& patch : patches) {
    if (auto done = apply_patch(patch, reverse, applied.notes); !done) {
      if (auto clean = reset(notify); !clean)
        return clean.error();
      return done.error();
    }
  }
  return applied;
}

// The rules of `git apply`, and no other's: nothing below .git, outside of the tree or through a
// link, no context that only nearly fits.
Result<> KernelSource::apply_patch(const Patch& patch, bool reverse,
                                   std::vector<std::string>& notes) const
{
  const fs::path file = folder_ / "series.diff";
  if (auto written = write_file(file, patch.diff); !written)
    return written.error();
  const auto run = [&](bool backwards, const std::vector<std::string>& options) {
    std::vector<std::string> arguments = kOwnTree;
    arguments.insert(arguments.end(), {"apply", "--index"});
    if (backwards)
      arguments.emplace_back("-R");
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {"--", file});
    return git_output({.arguments = arguments, .ours = work_tree(), .directory = work_tree()});
  };
  auto done = run(reverse, {});
  if (!done)
    return done.error();
  if (done->wait_status == 0)
    return ok();
  auto refused = parse_apply_errors(done->err);
  const bool outside = !refused.empty() &&
                       std::all_of(refused.begin(), refused.end(),
                                   [](const RefusedFile& r) { return outside_of_image(r.file); });
  if (outside) {
    std::vector<std::string> excluded;
    for (const RefusedFile& r : refused)
      excluded.push_back("--exclude=" + r.file);
    const auto again = run(reverse, excluded);
    if (!again)
      return again.error();
    if (again->wait_status == 0) {
      for (const RefusedFile& r : refused)
        notes.push_back(printable(r.file) + " does not take it and was left: no part of an image");
      return ok();
    }
  }
  const auto other_way = run(!reverse, {"--check"});
  if (!other_way)
    return other_way.error();
  const std::string name = patch.label.empty() ? patch.subject : patch.label;
  std::string text = fmt::format(
      "the series does not {} {}, nothing was built: {}{}", reverse ? "come off" : "apply to", id_,
      printable(name),
      other_way->wait_status == 0 ? reverse ? " is not in it" : " is in it already" : "");
  for (const RefusedFile& r : refused)
    text += fmt::format("\n  {}{}: {}", printable(r.file),
                        r.line > 0 ? fmt::format(" at line {}", r.line) : "", printable(r.why));
  if (refused.empty())
    text += fmt::format("\n  {}", printable(trim(last_lines(done->err, 1))));
  return Error{.code = Errc::usage, .context = text};
}

namespace
{

// Files that a diff says it changes, as its lines have them: some may not be there.
std::vector<fs::path> files_of(std::string_view diff)
{
  std::vector<fs::path> files;
  for (const auto line : lines_of(diff))
    for (const std::string_view before : {"--- a/", "+++ b/", "rename from "})
      if (line.starts_with(before))
        files.emplace_back(line.substr(before.size(), line.find('\t') - before.size()));
  return files;
}

}  // namespace

Result<SourceState> SourceState::keep(const KernelSource& source, const std::vector<Patch>& patches,
                                      const Notify& notify)
{
  SourceState state(source);
  if (patches.empty())
    return state;
  if (auto clean = source.reset(notify); !clean)
    return clean.error();
  std::error_code error;
  const fs::path top = fs::canonical(source.work_tree(), error);
  for (const Patch& patch : patches)
    for (const fs::path& file : files_of(patch.diff)) {
      const fs::path path = top / file;
      // As it is written: no link, no way out of the tree.
      if (fs::canonical(path, error) == path && fs::is_regular_file(path, error))
        state.times_.emplace_back(path, fs::last_write_time(path, error));
    }
  return state;
}

SourceState::~SourceState()
{
  // Where it is not reset, the times of now stay and make does more than it must.
  if (!source_ || times_.empty() || !source_->reset({[](const std::string&, Note) {}}))
    return;
  std::error_code error;
  for (const auto& [path, time] : times_)
    if (fs::last_write_time(path, error) != time && !error)
      fs::last_write_time(path, time, error);
}

}  // namespace rmaplab
