// SPDX-License-Identifier: GPL-2.0-only
#include "lab/patch_series.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

constexpr const char* kDiff =
    "diff --git a/mm/rmap.c b/mm/rmap.c\n--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1 +1 @@\n-a\n+b\n";

// A diff of its own for each text.
Mail mail(const std::string& subject, const std::string& text = "b")
{
  return {.subject = subject, .diff = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+" + text + "\n"};
}
Mail words(const std::string& subject)
{
  return {.subject = subject, .diff = ""};
}

std::string subjects(const Result<PatchSeries>& series)
{
  if (!series)
    return to_string(series.error());
  std::string all;
  for (const Patch& patch : series->patches)
    all += (patch.label.empty() ? "" : patch.label + " ") + patch.subject + ";";
  return all;
}
std::string chosen(const std::vector<Mail>& mails, const std::string& pick = "")
{
  return subjects(choose_series("x", mails, pick));
}
std::string left_out(const std::vector<Mail>& mails, const std::string& pick = "")
{
  std::string all;
  if (const auto series = choose_series("x", mails, pick))
    for (const LeftOut& one : series->left_out)
      all += one.subject + ": " + one.why + ";";
  return all;
}
// The first line of a refusal.
std::string refused(const std::vector<Mail>& mails, const std::string& pick = "")
{
  const auto series = choose_series("x", mails, pick);
  if (series)
    return "taken: " + subjects(series);
  const std::string text = to_string(series.error());
  return text.substr(0, text.find('\n'));
}
constexpr const char* kHow = "; --pick chooses, as 1,2 or v2, from";

TEST(PatchSeries, AppliesInTheOrderOfItsNumbersNotOfItsMails)
{
  EXPECT_EQ(chosen({mail("[PATCH 2/2] mm: second", "c"), mail("[PATCH 1/2] mm: first")}),
            "1/2 mm: first;2/2 mm: second;");
  EXPECT_EQ(chosen({mail("[PATCH v2 02/02] b", "c"), mail("[PATCH v2 01/02] a")}),
            "v2 1/2 a;v2 2/2 b;");
}

TEST(PatchSeries, CoverLettersAndRepliesAreLeftOutAndNamed)
{
  const std::vector<Mail> mails = {words("[PATCH 0/1] mm: cover"), mail("[PATCH 1/1] mm: one"),
                                   mail("Re: [PATCH 1/1] mm: one", "c"), words("Re: lunch")};
  EXPECT_EQ(chosen(mails), "1/1 mm: one;");
  EXPECT_EQ(left_out(mails),
            "Re: [PATCH 1/1] mm: one: a reply, with a diff that is not applied;"
            "[PATCH 0/1] mm: cover: no diff in it;Re: lunch: no diff in it;");
}

TEST(PatchSeries, TheNewestVersionCountsHoweverItIsWritten)
{
  for (const char* tag : {"PATCH v2", "PATCHv2", "PATCH V2", "RFC PATCH v2", "PATCH-v2", "RFCv2"})
    EXPECT_EQ(
        chosen({mail(std::string("[") + tag + " 1/1] mm: new", "c"), mail("[PATCH 1/1] mm: old")}),
        "v2 1/1 mm: new;")
        << tag;
  EXPECT_EQ(chosen({mail("[PATCH 1/1] mm: old"), mail("[PATCH v10 1/1] mm: new", "c"),
                    mail("[PATCH v9 1/1] mm: newer", "d")}),
            "v10 1/1 mm: new;");
}

TEST(PatchSeries, ANewVersionWithFewerPatchesTakesNoneOfTheOld)
{
  const std::vector<Mail> mails = {mail("[PATCH 1/2] a", "1"), mail("[PATCH 2/2] b", "2"),
                                   mail("[PATCHv2 1/1] a", "3")};
  EXPECT_EQ(chosen(mails), "v2 1/1 a;");
  EXPECT_EQ(left_out(mails), "[PATCH 1/2] a: an older version;[PATCH 2/2] b: an older version;");
}

TEST(PatchSeries, AMinorVersionTakesThePlaceOfItsPatch)
{
  const std::vector<Mail> mails = {mail("[PATCH v2 1/2] a", "1"), mail("[PATCH v2 2/2] b", "2"),
                                   mail("[PATCH v2.1 2/2] b", "3")};
  EXPECT_EQ(chosen(mails), "v2 1/2 a;v2.1 2/2 b;");
  EXPECT_EQ(left_out(mails), "[PATCH v2 2/2] b: v2.1 2/2 takes its place;");
}

TEST(PatchSeries, AFixGoesOnTopOfItsPatch)
{
  EXPECT_EQ(chosen({mail("[PATCH v3 1/2] a", "1"), mail("[PATCH v3 2/2] b", "2"),
                    mail("[PATCH v3 1/2 fix] a", "3")}),
            "v3 1/2 a;v3 1/2 fix a;v3 2/2 b;");
  EXPECT_EQ(chosen({mail("[PATCH 1/1] a", "1"), mail("[PATCH 1/1 fix-2] a", "2"),
                    mail("[PATCH 1/1 fix-2] a", "2")}),
            "1/1 a;1/1 fix a;");
  // A branch, and no fix.
  EXPECT_EQ(chosen({mail("[PATCH fixes 1/1] a", "1")}), "1/1 a;");
}

TEST(PatchSeries, AMailThatCameTwiceCountsOnce)
{
  EXPECT_EQ(chosen({mail("[PATCH 1/1] mm: one"), mail("[PATCH RESEND 1/1] mm: one")}),
            "1/1 mm: one;");
  EXPECT_EQ(refused({mail("[PATCH 1/1] mm: one"), mail("[PATCH 1/1] mm: one", "c")}),
            std::string("x: v1 1/1 is there twice, with different diffs") + kHow);
}

TEST(PatchSeries, AVersionThatIsNotWholeIsRefusedWithAllCandidates)
{
  EXPECT_EQ(refused({mail("[PATCH 1/3] a", "1"), mail("[PATCH 3/3] c", "2")}),
            std::string("x: v1 has no 2/3") + kHow);
  EXPECT_EQ(refused({mail("[PATCH v2 1/2] a", "1"), mail("[PATCH v2 2/2] b", "2"),
                     mail("[PATCH v3 2/2] b", "3")}),
            std::string("x: v3 has 2/2 only; v2 is whole, with 2 patches") + kHow);
  EXPECT_EQ(refused({mail("[PATCH 6.12 123/456] b")}),
            std::string("x: v1 has 123/456 only") + kHow);
  EXPECT_EQ(chosen({mail("[PATCH 1/3] a", "1"), words("[PATCH 2/3] b"), mail("[PATCH 3/3] c")}),
            "x: v1 has no 2/3; --pick chooses, as 1,2 or v2, from\n"
            "    1  [PATCH 1/3] a\n    2  [PATCH 3/3] c");
}

TEST(PatchSeries, TwoSeriesAreRefusedNeverMixed)
{
  EXPECT_EQ(
      refused({mail("[PATCH 1/1] a", "1"), mail("[PATCH 1/2] b", "2"), mail("[PATCH 2/2] c", "3")}),
      std::string("x: more than one series of v1") + kHow);
  EXPECT_EQ(refused({mail("[PATCH v2 1/1] a", "1"), mail("[PATCH v2 1/2] b", "2"),
                     mail("[PATCH v2 2/2] c", "3"), mail("[PATCH v2.1 2/2] c", "4")}),
            std::string("x: more than one series of v2") + kHow);
  EXPECT_EQ(refused({mail("[PATCH 6.12 1/1] a", "1"), mail("[PATCH 6.6 1/1] a", "2")}),
            std::string("x: more than one series of v1") + kHow);
  EXPECT_EQ(refused({mail("[PATCH 1/1] a", "1"), mail("[PATCH] b", "2")}),
            std::string("x: numbered patches, and others") + kHow);
  EXPECT_EQ(refused({mail("[PATCH v2] a", "1"), mail("[PATCH] b", "2")}),
            std::string("x: patches of more than one version") + kHow);
}

TEST(PatchSeries, PatchesWithoutNumbersApplyAsTheyCome)
{
  EXPECT_EQ(chosen({mail("[PATCH] b", "1"), mail("[PATCH] a", "2"), mail("[PATCH] b", "1")}),
            "b;a;");
  EXPECT_EQ(chosen({mail("[PATCH] a", "1"), mail("[PATCH v2] a", "2")}), "v2 a;");
  EXPECT_EQ(refused({mail("[PATCH] a", "1"), mail("[PATCH] a", "2")}),
            std::string("x: \"a\" is there twice, with different diffs") + kHow);
}

TEST(PatchSeries, PickTakesAVersionOrMailsByTheirNumbersInThatOrder)
{
  const std::vector<Mail> mails = {words("[PATCH v2 0/2] cover"), mail("[PATCH v2 1/2] a", "1"),
                                   mail("[PATCH v2 2/2] b", "2"), mail("[PATCH v3 2/2] b", "3"),
                                   mail("Re: [PATCH v3 2/2] b", "4")};
  EXPECT_EQ(chosen(mails, "v2"), "v2 1/2 a;v2 2/2 b;");
  EXPECT_EQ(chosen(mails, "1,3"), "v2 1/2 a;v3 2/2 b;");
  EXPECT_EQ(chosen(mails, "4,1-2"), "Re: [PATCH v3 2/2] b;v2 1/2 a;v2 2/2 b;");
  EXPECT_EQ(left_out(mails, "1,3"),
            "[PATCH v2 2/2] b: not picked;Re: [PATCH v3 2/2] b: not picked;"
            "[PATCH v2 0/2] cover: no diff in it;");
  for (const char* pick : {"v4", "0", "5", "2-1", "1,1", "x", "1,", "99999999999999999999"})
    EXPECT_EQ(refused(mails, pick),
              std::string("x: --pick ") + pick + ": there is no such patch" + kHow);
}

TEST(PatchSeries, ANumberThatNoSeriesHasIsShownAsItWasWritten)
{
  for (const char* number : {"99999999999/1", "2/1", "1/0", "1/99999"})
    EXPECT_EQ(refused({mail(std::string("[PATCH ") + number + "] x")}),
              std::string("x: \"[PATCH ") + number +
                  "] x\": expected n/m with n at most m and m at most 9999");
}

TEST(PatchSeries, WithoutAPatchItSaysWhatWasFound)
{
  EXPECT_EQ(chosen({words("Re: lunch")}), "x: expected patches, found 1 mail without a diff");
  EXPECT_EQ(refused({mail("Re: [PATCH] a")}),
            std::string("x: no patch but what is in replies") + kHow);
}

TEST(PatchSeries, AListOfSomebodysOwnIsTakenAsItIs)
{
  const PatchSeries series =
      take_all({mail("[PATCH v2 2/2] b"), mail("[PATCH 1/9] a"), words("notes")});
  EXPECT_EQ(subjects(series), "v2 2/2 b;1/9 a;");
  EXPECT_EQ(series.left_out.size(), 1u);
}

TEST(DiffOf, BeginsAtTheFirstFileAndEndsAtTheSignature)
{
  EXPECT_EQ(diff_of(std::string("Why.\n---\n mm/rmap.c | 2 +-\n\n") + kDiff + "-- \n2.52.0\n"),
            kDiff);
  EXPECT_EQ(diff_of("words\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n\n"),
            "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n");
  EXPECT_EQ(diff_of("hello\n"), "");
}

// "-- " that a hunk takes away is no signature.
TEST(DiffOf, HunksAreTakenByTheirCounts)
{
  const std::string diff =
      "--- a/f\n+++ b/f\n@@ -1,3 +1,2 @@\n a\n-- \n b\n--- a/g\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n";
  EXPECT_EQ(diff_of(diff + "-- \n2.52.0\n"), diff);
}

TEST(PatchSeries, BlobsThatADiffWasMadeOfDoNotTellItFromAnother)
{
  EXPECT_EQ(diff_id("diff --git a/f b/f\nindex 123..456 100644\n-a\n+b\n"),
            diff_id("diff --git a/f b/f\nindex 1234567..4567890 100644\n-a\n+b\n"));
  EXPECT_NE(diff_id("-a\n+b\n"), diff_id("-a\n+c\n"));
}

std::string refusals(std::string_view errors)
{
  std::string all;
  for (const RefusedFile& one : parse_apply_errors(errors))
    all += one.file + "@" + std::to_string(one.line) + " " + one.why + ";";
  return all;
}

TEST(ApplyErrors, EachFileIsNamedOnceWithItsLineAndReason)
{
  EXPECT_EQ(refusals("error: patch failed: mm/rmap.c:12\nerror: mm/rmap.c: patch does not apply\n"
                     "error: mm/gone.c: No such file or directory\n"
                     "error: mm/new.c: already exists in working directory\n"),
            "mm/rmap.c@12 its context is not there;mm/gone.c@0 no such file;"
            "mm/new.c@0 already exists in working directory;");
  EXPECT_EQ(refusals("error: corrupt patch at line 3\n"), "");
  EXPECT_EQ(refusals("fatal: no\n"), "");
}

TEST(OutsideOfImage, ToolsAndDocumentationAreNoPartOfAKernel)
{
  EXPECT_TRUE(outside_of_image("tools/testing/vma/vma.c"));
  EXPECT_TRUE(outside_of_image("Documentation/mm/process_addrs.rst"));
  EXPECT_FALSE(outside_of_image("mm/rmap.c"));
}

}  // namespace
}  // namespace rmaplab
