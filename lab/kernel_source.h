// SPDX-License-Identifier: GPL-2.0-only
// The source of a kernel to build: a tree, a tarball or Debian's package, as a work tree of our
// own in the cache. The user's tree is only read, its repository too. The work tree is kept, and
// goes from one state to the next by the files that differ: a build after it compiles those.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "lab/kernel_image.h"
#include "lab/patch_series.h"
#include "lab/progress.h"

namespace rmaplab
{

// How a series went into a source.
struct AppliedSeries {
  std::string how;                 // "git apply", "git apply -R"
  std::vector<std::string> notes;  // files left out
};

// Sole user of a work tree while it lives: others wait.
class KernelSource
{
 public:
  // SPEC: a git repository's work tree (uncommitted changes to tracked files are part of it), a
  // folder, a tarball, or debian:VERSION. `revision` of a repository instead of what is checked
  // out; "" for that. Errc::usage for a source without Makefile, Errc::unsupported without git.
  static Result<KernelSource> open(const std::string& spec, const std::string& revision,
                                   const KernelOptions& options, const Notify& notify);

  const std::string& id() const { return id_; }      // for people: "linux-source-7.2 7.2.13-1"
  const std::string& tree() const { return tree_; }  // git's hash of its content
  // Where it lies: the work tree is `folder() / "linux"`, the rest is for builds of it.
  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path work_tree() const { return folder_ / "linux"; }

  // The work tree as the source is, patches gone.
  Result<> reset(const Notify& notify) const;
  // On top of that, by `git apply`, as `git am` does; files that no image is built from may
  // fail. Otherwise Errc::usage with a line for each file, and the work tree is reset.
  Result<AppliedSeries> apply(const PatchSeries& series, bool reverse, const Notify& notify) const;

 private:
  KernelSource() = default;
  Result<std::string> git(const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment = {},
                          const std::function<void()>& waiting = {}) const;
  Result<> apply_patch(const Patch& patch, bool reverse, std::vector<std::string>& notes) const;

  std::filesystem::path folder_;
  UniqueFd lock_;
  std::string id_;
  std::string commit_;
  std::string tree_;
};

// The work tree as its source is, with the times of the files that `patches` name: both are put
// back when this goes, so that what make made of them before is newer than they. The source must
// outlive it.
class SourceState
{
 public:
  static Result<SourceState> keep(const KernelSource& source, const std::vector<Patch>& patches,
                                  const Notify& notify);
  SourceState(SourceState&& other) noexcept
      : source_(std::exchange(other.source_, nullptr)), times_(std::move(other.times_))
  {
  }
  SourceState& operator=(SourceState&&) = delete;
  ~SourceState();

 private:
  explicit SourceState(const KernelSource& source) : source_(&source) {}
  const KernelSource* source_;
  std::vector<std::pair<std::filesystem::path, std::filesystem::file_time_type>> times_;
};

}  // namespace rmaplab
