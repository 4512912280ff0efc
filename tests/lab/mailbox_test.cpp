// SPDX-License-Identifier: GPL-2.0-only
// The forms in which people have a series: each is read as `git am` reads it.
#include "lab/mailbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "base/files.h"
#include "base/process.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

std::string diff(const std::string& file)
{
  return fmt::format(
      "diff --git a/mm/{0} b/mm/{0}\n--- a/mm/{0}\n+++ b/mm/{0}\n@@ -1 +1 @@\n"
      "-a = 1;\n+b = 1; /* \xc3\xbc */\n",
      file);
}

std::string body(const std::string& file)
{
  return "Why it is so.\n---\n mm/x.c | 2 +-\n\n" + diff(file) + "-- \n2.52.0\n";
}

std::string headers(const std::string& subject)
{
  return "From: A Person <a@example.org>\nDate: Thu, 1 Jan 2026 00:00:00 +0000\nSubject: " +
         subject + "\n";
}
constexpr const char* kPlain =
    "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n";

std::string mail(const std::string& subject, const std::string& text)
{
  return headers(subject) + kPlain + "\n" + text;
}

constexpr const char* kFrom = "From mboxrd@z Thu Jan  1 00:00:00 1970\n";

std::string two_mails(const char* between = "\n")
{
  return kFrom + mail("[PATCH 1/2] mm: first", body("one.c")) + between + kFrom +
         mail("[PATCH 2/2] mm: second", body("two.c"));
}

std::string with_crlf(const std::string& text)
{
  std::string result;
  for (const char c : text)
    result += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return result;
}

std::string base64(const std::string& bytes)
{
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j)
      text += i + j > bytes.size() ? '=' : kDigits[bits >> (18 - 6 * j) & 63];
    if (i % 57 == 54)
      text += '\n';
  }
  return text + "\n";
}

std::string quoted_printable(const std::string& text)
{
  std::string result;
  for (const char c : text)
    result += c == '=' || static_cast<unsigned char>(c) > 126
                  ? fmt::format("={:02X}", static_cast<unsigned char>(c))
                  : std::string(1, c);
  return result;
}

std::string attached(const std::string& text, bool encoded)
{
  return headers("[PATCH] mm: one") +
         "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"xx\"\n\n--xx\n" + kPlain +
         "\nWhy it is so.\n\n--xx\nContent-Type: text/x-patch; name=\"one.patch\"\n"
         "Content-Disposition: attachment; filename=\"one.patch\"\n" +
         (encoded ? "Content-Transfer-Encoding: base64\n\n" + base64(text) : "\n" + text) +
         "\n--xx--\n";
}

class Mailbox : public testing::Test
{
 protected:
  void SetUp() override
  {
    ASSERT_TRUE(temp_);
    if (!find_program("git"))
      GTEST_SKIP() << "no git";
  }
  fs::path path(const std::string& name) const { return temp_->path() / name; }
  void put(const std::string& name, const std::string& text) const
  {
    ASSERT_TRUE(make_directories(path(name).parent_path()));
    ASSERT_TRUE(write_file(path(name), text));
  }
  std::string read(const std::string& name, const std::string& source = "") const
  {
    const auto series =
        read_series(name.find("..") == std::string::npos ? path(name) : fs::path(name), source);
    if (!series) {
      std::string text = to_string(series.error());
      for (auto at = text.find(path("").string()); at != std::string::npos;
           at = text.find(path("").string()))
        text.erase(at, path("").string().size());
      return text.substr(0, text.find('\n'));
    }
    std::string all;
    for (const Patch& patch : series->patches) {
      all += (patch.label.empty() ? "" : patch.label + " ") + patch.subject + ";";
      EXPECT_NE(patch.diff.find("+b = 1; /* \xc3\xbc */\n"), std::string::npos) << patch.diff;
    }
    return all;
  }
  bool run(const std::vector<std::string>& argv) const
  {
    const auto done = run_command({.argv = argv, .directory = temp_->path()});
    return done && done->wait_status == 0;
  }

 private:
  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};

constexpr const char* kTwo = "1/2 mm: first;2/2 mm: second;";

TEST_F(Mailbox, EveryFormOfOneFileIsRead)
{
  const std::string quote = "\n> " + diff("two.c") + "\nI see.\n" + diff("three.c");
  const std::vector<std::tuple<const char*, std::string, const char*>> forms = {
      {"an mbox", two_mails(), kTwo},
      {"no empty line between", two_mails(""), kTwo},
      {"CRLF", with_crlf(two_mails()), kTwo},
      {"with a reply that has a diff",
       two_mails() + "\n" + kFrom + mail("Re: [PATCH 2/2] mm: second", quote), kTwo},
      {"one mail", mail("[PATCH v2] mm: one", body("one.c")), "v2 mm: one;"},
      {"one mail that begins with another header",
       "Delivered-To: b@example.org\nReceived: by x\n\twith y\n" +
           mail("[PATCH] mm: one", body("one.c")),
       "mm: one;"},
      {"one mail, base64, CRLF within",
       headers("[PATCH] mm: one") +
           "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" +
           base64(with_crlf(body("one.c"))),
       "mm: one;"},
      {"quoted-printable",
       headers("[PATCH] mm: one") +
           "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
           "quoted-printable\n\n" +
           quoted_printable(body("one.c")),
       "mm: one;"},
      {"a subject as of RFC 2047",
       mail("=?UTF-8?q?=5BPATCH_1/1=5D_mm=3A_?= =?UTF-8?b?w7xiZXI=?=", body("one.c")),
       "1/1 mm: \xc3\xbc"
       "ber;"},
      {"a subject of two lines", mail("[PATCH 1/1] mm:\n a long one", body("one.c")),
       "1/1 mm: a long one;"},
      {"a line that begins with From",
       kFrom + mail("[PATCH 1/1] mm: one",
                    "From the caller's view\nnothing changes.\n" + body("one.c")),
       "1/1 mm: one;"},
      {"an attachment", attached(diff("one.c"), false), "mm: one;"},
      {"an attachment, base64", attached(diff("one.c"), true), "mm: one;"},
      {"a bare diff", "Some words.\n\n" + diff("one.c"), "form;"},
      {"a bare diff, CRLF", with_crlf(diff("one.c")), "form;"},
      {"a thread's page",
       "linux-mm archive mirror\n* [PATCH v3 1/1] mm: one\n@ 2026-01-18 14:50 A Person\n\n"
       "From: A Person @ 2026-01-18 14:50 UTC (permalink / raw)\n  To: B Person\n\n"
       "v3:\n* Fix a typo.\nFrom here on all is well.\n" +
           body("one.c") + "\n^ permalink raw reply\n",
       "v3 1/1 mm: one;"},
      {"nothing", "", "form: expected an mbox, a mail, the text of a thread or a diff"},
      {"words", "hello\n", "form: expected an mbox, a mail, the text of a thread or a diff"},
      {"a mail without a diff", mail("Re: lunch", "no\n"),
       "form: expected patches, found 1 mail without a diff"},
      {"bytes", std::string("\x04\x22\x4d\x18\0\0", 6),
       "form: expected an mbox, a mail, the text of a thread or a diff, found bytes that are no "
       "text (of gz, xz, lzma, bz2 and zst)"},
  };
  for (const auto& [name, text, expected] : forms) {
    put("form", text);
    EXPECT_EQ(read("form"), expected) << name;
  }
}

TEST_F(Mailbox, CompressedFilesAreRead)
{
  for (const auto& [program, ending] :
       {std::pair{"gzip", ".gz"}, {"xz", ".xz"}, {"bzip2", ".bz2"}, {"zstd", ".zst"}}) {
    if (!find_program(program))
      continue;
    put("series.mbox", two_mails());
    ASSERT_TRUE(run({program, "series.mbox"})) << program;
    EXPECT_EQ(read(std::string("series.mbox") + ending), kTwo) << program;
    fs::remove(path("series.mbox"));
  }
}

TEST_F(Mailbox, AFolderIsReadByItsSeriesOrByNames)
{
  put("patches/0002-b.patch", mail("[PATCH 2/2] mm: second", body("two.c")));
  put("patches/0001-a.patch", mail("[PATCH 1/2] mm: first", body("one.c")));
  put("patches/notes", "nothing");
  EXPECT_EQ(read("patches"), kTwo);
  put("patches/v2-0001-a.patch", mail("[PATCH v2 1/1] mm: first", body("one.c")));
  EXPECT_EQ(read("patches"), "v2 1/1 mm: first;");

  put("quilt/b.patch", diff("two.c"));
  put("quilt/a.patch", diff("one.c"));
  put("quilt/series", "# quilt\nb.patch -p1\n\na.patch # last\n");
  EXPECT_EQ(read("quilt"), "b.patch;a.patch;");
  for (const char* line : {"/etc/passwd", "../form", "a.patch -p0", "a.patch -p1 x"}) {
    put("quilt/series", std::string(line) + "\n");
    EXPECT_EQ(read("quilt").find("quilt/series:1: expected "), 0u) << line << read("quilt");
  }
}

TEST_F(Mailbox, AMaildirIsRead)
{
  put("mail/cur/1.x:2,S", mail("[PATCH 2/2] mm: second", body("two.c")));
  put("mail/new/2.x", mail("[PATCH 1/2] mm: first", body("one.c")));
  put("mail/tmp/x", "");
  EXPECT_EQ(read("mail"), kTwo);
}

TEST_F(Mailbox, CommitsAreReadWhateverTheirMessagesSay)
{
  put("tree/mm/one.c", "a = 1;\n");
  const auto git = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"git", "-C", path("tree"), "-c", "user.name=T", "-c",
                                         "user.email=t@example.org"});
    return run(arguments);
  };
  ASSERT_TRUE(git({"init", "-q"}) && git({"add", "-A"}) && git({"commit", "-qm", "base"}));
  put("tree/mm/one.c", "b = 1; /* \xc3\xbc */\n");
  ASSERT_TRUE(git({"commit", "-qam", "mm: one", "-m",
                   "From a b c 10:10:10 2026 nothing changes.\n\ndiff of words"}));
  const std::string tree = path("tree");
  EXPECT_EQ(read("HEAD~1..HEAD", tree), "mm: one;");
  EXPECT_EQ(read("HEAD..HEAD", tree), "HEAD..HEAD: no commits of tree in it");
  EXPECT_EQ(read("--output=" + path("written").string() + "..HEAD", tree).find("no range of"),
            std::string("--output=..HEAD: ").size() + std::string("written").size());
  EXPECT_FALSE(fs::exists(path("written..HEAD")));
}

}  // namespace
}  // namespace rmaplab
