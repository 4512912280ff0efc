// SPDX-License-Identifier: GPL-2.0-only
#include "lab/patch_series.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

std::string mail(const std::string& subject, const std::string& body,
                 const std::string& headers = "")
{
  return "From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: A Person <a@example.org>\nSubject: " +
         subject + "\n" + headers + "\n" + body + "\n";
}

constexpr const char* kDiff =
    "diff --git a/mm/rmap.c b/mm/rmap.c\n--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1 +1 @@\n-a\n+b\n";
const std::string kBody = std::string("Why.\n---\n mm/rmap.c | 2 +-\n\n") + kDiff + "-- \n2.52.0\n";

std::string subjects(const Result<PatchSeries>& series)
{
  if (!series)
    return to_string(series.error());
  std::string all;
  for (const Patch& patch : series->patches)
    all += patch.subject + ";";
  return all;
}

TEST(PatchSeries, AppliesInTheOrderOfItsNumbersNotOfItsMails)
{
  EXPECT_EQ(subjects(parse_series(
                "x", mail("[PATCH 2/2] mm: second", kBody) + mail("[PATCH 1/2] mm: first", kBody))),
            "mm: first;mm: second;");
}

TEST(PatchSeries, CoverLetterAndRepliesAreNoPatches)
{
  const auto series = parse_series(
      "x", mail("[PATCH 0/1] mm: cover", "What and why\n") + mail("[PATCH 1/1] mm: one", kBody) +
               mail("Re: [PATCH 1/1] mm: one", "> " + kBody + "\nLooks good.\n" + kDiff));
  EXPECT_EQ(subjects(series), "mm: one;");
  ASSERT_EQ(series->left_out.size(), 2u);
  EXPECT_EQ(series->left_out[0], "[PATCH 0/1] mm: cover");
}

TEST(PatchSeries, TheLastVersionCounts)
{
  EXPECT_EQ(subjects(parse_series(
                "x", mail("[PATCH v2 1/1] mm: new", kBody) + mail("[PATCH 1/1] mm: old", kBody))),
            "mm: new;");
}

TEST(PatchSeries, AMailThatCameTwiceCountsOnce)
{
  EXPECT_EQ(subjects(parse_series(
                "x", mail("[PATCH 1/1] mm: one", kBody) + mail("[PATCH 1/1] mm: one", kBody))),
            "mm: one;");
}

TEST(PatchSeries, AMissingPatchIsNamed)
{
  EXPECT_EQ(subjects(parse_series("x.mbox", mail("[PATCH 1/3] mm: first", kBody) +
                                                mail("[PATCH 3/3] mm: third", kBody))),
            "x.mbox: patch 2/3 is missing");
  EXPECT_EQ(subjects(parse_series("x.mbox", mail("[PATCH v3 1/3] mm: first", kBody))),
            "x.mbox: patch 2/3 is missing");
}

TEST(PatchSeries, DiffEndsAtTheSignature)
{
  const auto series = parse_series("x", mail("[PATCH] mm: one", kBody));
  ASSERT_TRUE(series);
  EXPECT_EQ(series->patches[0].diff, kDiff);
}

TEST(PatchSeries, QuotedPrintableAndBase64AreDecoded)
{
  const auto quoted = parse_series("x", mail("[PATCH] mm: one",
                                             "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 "
                                             "@@\n-x =3D 1;\n+a very long line that goes =\non\n",
                                             "Content-Transfer-Encoding: quoted-printable\n"));
  ASSERT_TRUE(quoted);
  EXPECT_NE(quoted->patches[0].diff.find("-x = 1;\n+a very long line that goes on\n"),
            std::string::npos);
  // "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n"
  const auto encoded =
      parse_series("x", mail("[PATCH] mm: one", "LS0tIGEvZgorKysgYi9mCkBAIC0xICsxIEBACi1hCitiCg==",
                             "Content-Transfer-Encoding: base64\n"));
  ASSERT_TRUE(encoded) << to_string(encoded.error());
  EXPECT_EQ(encoded->patches[0].diff, "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n");
}

TEST(PatchSeries, AThreadsPageIsReadLikeAnMbox)
{
  const auto series = parse_series(
      "x",
      std::string("linux-mm archive mirror\n* [PATCH v3 0/1] mm: cover\n"
                  "@ 2026-01-18 14:50 A Person\n\n"
                  "From: A Person @ 2026-01-18 14:50 UTC (permalink / raw)\n  To: B Person\n\n"
                  "v3:\n* Fix a typo.\n* And another.\n\n^ permalink raw reply\n\n"
                  "* [PATCH v3 1/1] mm: one\n  2026-01-18 14:50 A Person\n\n"
                  "From: A Person @ 2026-01-18 14:50 UTC (permalink / raw)\n  To: B Person\n\n") +
          kBody + "\n^ permalink raw reply\n");
  EXPECT_EQ(subjects(series), "mm: one;");
  EXPECT_EQ(series->patches[0].diff, kDiff);
  EXPECT_NE(series->patches[0].mail.find("\nSubject: [PATCH v3 1/1] mm: one\n"), std::string::npos);
}

TEST(PatchSeries, ABareDiffIsOnePatchWithoutAMail)
{
  const auto series = parse_series("fix.diff", std::string("Some words.\n\n") + kDiff);
  EXPECT_EQ(subjects(series), "fix.diff;");
  EXPECT_EQ(series->patches[0].mail, "");
}

TEST(PatchSeries, TextWithoutAPatchSaysWhatWasExpected)
{
  EXPECT_EQ(subjects(parse_series("notes.txt", "hello\n")),
            "notes.txt: expected an mbox, the text of a thread or a diff");
  EXPECT_EQ(subjects(parse_series("x", mail("Re: lunch", "no\n"))),
            "x: expected patches, found 1 mails without a diff");
}

TEST(PatchSeries, OneFileOfSeveralNeedNotBeTheFirst)
{
  const auto one = parse_patches("0002.patch", mail("[PATCH 2/9] mm: second", kBody));
  ASSERT_TRUE(one);
  EXPECT_EQ(one->patches.size(), 1u);
}

TEST(PatchSeries, BlobsThatADiffWasMadeOfDoNotTellItFromAnother)
{
  EXPECT_EQ(diff_id("diff --git a/f b/f\nindex 123..456 100644\n-a\n+b\n"),
            diff_id("diff --git a/f b/f\nindex 1234567..4567890 100644\n-a\n+b\n"));
  EXPECT_NE(diff_id("-a\n+b\n"), diff_id("-a\n+c\n"));
}

std::string failures(std::string_view output)
{
  std::string all;
  for (const FailedHunk& hunk : parse_patch_output(output))
    all += hunk.file + ":" + std::to_string(hunk.hunk) + "@" + std::to_string(hunk.line) + " " +
           hunk.why + ";";
  return all;
}

TEST(PatchOutput, EachFailedHunkIsNamedWithItsFileAndLine)
{
  EXPECT_EQ(failures("patching file mm/rmap.c\nHunk #1 succeeded at 260 (offset 2 lines).\n"
                     "Hunk #2 FAILED at 315.\n1 out of 2 hunks FAILED\npatching file mm/vma.c\n"),
            "mm/rmap.c:2@315 its context is not there;");
}

TEST(PatchOutput, AFileThatIsNotThereIsOneFailure)
{
  EXPECT_EQ(failures("can't find file to patch at input line 3\n"
                     "Perhaps you used the wrong -p or --strip option?\n"
                     "The text leading up to this was:\n--------------------------\n"
                     "|diff --git a/mm/none.c b/mm/none.c\n|--- a/mm/none.c\n|+++ b/mm/none.c\n"
                     "--------------------------\nNo file to patch.  Skipping patch.\n"
                     "1 out of 1 hunk ignored\n"),
            "mm/none.c:0@0 no such file;");
}

TEST(PatchOutput, WhatIsOutsideOfAnImageIsKnown)
{
  EXPECT_TRUE(outside_of_image("tools/testing/vma/vma_internal.h"));
  EXPECT_FALSE(outside_of_image("mm/rmap.c"));
}

}  // namespace
}  // namespace rmaplab
