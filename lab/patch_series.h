// SPDX-License-Identifier: GPL-2.0-only
// A patch series as people have it: an mbox of a mailing list's archive with its cover letter
// and its replies, what `git format-patch` writes, the text of a thread's page, a bare diff.
// Pure: text in, patches out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

struct Patch {
  std::string subject;  // without "[PATCH v3 1/9]"
  int version = 1;      // of the series, as its subject says
  int number = 0;       // in it; 0: it does not say
  int total = 0;
  std::string mail;  // as `git am` takes it; "" for a bare diff
  std::string diff;  // from its first file on, as patch(1) takes it
};

struct PatchSeries {
  std::vector<Patch> patches;         // in the order in which they apply
  std::vector<std::string> left_out;  // subjects of messages that hold no patch of it
};

// `name` is what an error calls the text. Of several versions the last counts. Errc::parse
// when there is no patch in it, or one of "n/m" is missing.
Result<PatchSeries> parse_series(const std::string& name, std::string_view text);

// The same for one file of several: as they come, whatever their numbers; none is no error.
Result<PatchSeries> parse_patches(const std::string& name, std::string_view text);

// What tells one diff from another, 64 hexadecimal digits: SHA-256 of its lines without those
// that only say which blobs it was made of.
std::string diff_id(std::string_view diff);

// A file and a hunk that patch(1) could not place.
struct FailedHunk {
  std::string file;
  int hunk = 0;  // 1, 2, ...; 0: the whole file
  int line = 0;  // in the file, as the patch says; 0: unknown
  std::string why;
};
// What GNU patch printed, in the C locale.
std::vector<FailedHunk> parse_patch_output(std::string_view output);

// Whether no kernel image is built from this file of a kernel tree: tools, documentation,
// samples.
bool outside_of_image(std::string_view path);

}  // namespace rmaplab
