// SPDX-License-Identifier: GPL-2.0-only
// A patch series out of the mails that hold it, its cover letter, its replies and its older
// versions (lab/mailbox.h): which of them are the series. Never a mixture: what is not clear is
// refused, with all candidates. Pure: text in, patches out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

struct Mail {
  std::string subject;  // decoded, as it was sent: "[PATCH v3 1/9] mm: one"
  std::string diff;     // diff_of() its text; "" where there is none
};

struct Patch {
  std::string subject;  // without "[PATCH v3 1/9]"
  std::string label;    // "v3 1/9"; "" where it says nothing
  std::string diff;     // from its first file on
};

struct LeftOut {
  std::string subject;
  std::string why;
};

struct PatchSeries {
  std::vector<Patch> patches;  // in the order in which they apply
  std::vector<LeftOut> left_out;
  std::string noted;  // what is unusual about the choice; "" for nothing
};

// From the first line of a file's diff up to a signature; "" where there is none. Hunks are taken
// by their counts of lines, whatever is in them.
std::string diff_of(std::string_view text);

// `name` is what an error calls the text. `pick` chooses where a choice is left: "" does not, "v2"
// or "v2.1" takes that version, "4,1-3" takes those of the mails with a diff in that order, as an
// error numbers them. Otherwise the newest version counts if it is whole, "v2.1 2/3" takes the
// place of v2's 2/3, "2/3 fix" goes on top of 2/3, what came twice counts once, replies are left
// out. Errc::parse where there is no patch, Errc::usage with all candidates where a version is not
// whole or more than one series is there.
Result<PatchSeries> choose_series(const std::string& name, const std::vector<Mail>& mails,
                                  const std::string& pick = {});

// All of them, as they come: of a list that somebody made.
PatchSeries take_all(const std::vector<Mail>& mails);

// What tells one diff from another, 64 hexadecimal digits: SHA-256 of its lines without those
// that only say which blobs it was made of.
std::string diff_id(std::string_view diff);

// A file that `git apply` could not change.
struct RefusedFile {
  std::string file;
  int line = 0;  // of the hunk, as the patch says; 0: the whole file
  std::string why;
};
// What it printed on stderr, in the C locale.
std::vector<RefusedFile> parse_apply_errors(std::string_view errors);

// Whether no kernel image is built from this file of a kernel tree: tools, documentation,
// samples.
bool outside_of_image(std::string_view path);

}  // namespace rmaplab
