// SPDX-License-Identifier: GPL-2.0-only
// The mails of a series as `git am` reads them, by git mailsplit and git mailinfo, which know the
// encodings, the attachments and the quoting: an mbox, one mail, a Maildir, a folder of patches (by
// quilt's or git's file `series` where it has one), a range of commits; and what git does not read,
// the text of a thread's page, a bare diff. Compressed files too.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "lab/patch_series.h"

namespace rmaplab
{

// Pure. Whether a text is mails: it begins with "From " or with the headers of one.
bool is_mail_text(std::string_view text);
// Pure. The page of a thread in a list's archive (public-inbox) as an mbox; "" for other texts.
std::string mbox_of_page(std::string_view text);

// The patches of `spec`: a file, a folder, or commits A..B of the repository `source`. `pick` as of
// choose_series(); of a file `series` and of commits all are taken, in their order. A text is read
// up to 64 MiB, uncompressed to 256. Errc::usage for what is not there or a choice that is left,
// Errc::parse with what was expected, Errc::unsupported without git.
Result<PatchSeries> read_series(const std::string& spec, const std::string& source,
                                const std::string& pick = {});
// Whether it is a range of commits of `source` and no file.
bool is_commit_range(const std::string& spec, const std::string& source);

}  // namespace rmaplab
