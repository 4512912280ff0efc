// SPDX-License-Identifier: GPL-2.0-only
#include "lab/mailbox.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/files.h"
#include "base/printable.h"
#include "base/regular_file.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "lab/compressed_file.h"
#include "lab/git.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostUncompressed = std::uint64_t{256} << 20;
constexpr std::size_t kMostMails = 10'000;

// The next line without its end, and where the one after it begins.
std::string_view line_at(std::string_view text, std::size_t& at)
{
  const auto end = std::min(text.find('\n', at), text.size());
  auto line = text.substr(at, end - at);
  at = end + 1;
  if (!line.empty() && line.back() == '\r')
    line.remove_suffix(1);
  return line;
}

Error no_series(const std::string& name, std::string_view found)
{
  return {.code = Errc::parse,
          .context = fmt::format("{}: expected an mbox, a mail, the text of a thread or a diff{}",
                                 name, found)};
}

std::string with_newlines_of_unix(std::string_view text)
{
  std::string result;
  for (std::size_t at = 0; at < text.size();)
    result += std::string(line_at(text, at)) + '\n';
  return result;
}

Error git_is_missing()
{
  return {.code = Errc::unsupported, .context = "a series of patches needs git (Debian: git)"};
}

// What mailinfo prints: "Subject: ..." again for each line of it.
std::string subject_in(std::string_view info)
{
  constexpr std::string_view kSubject = "Subject: ";
  std::string subject;
  for (const auto line : lines_of(info))
    if (line.starts_with(kSubject))
      subject += (subject.empty() ? "" : " ") + std::string(trim(line.substr(kSubject.size())));
  return subject;
}

Result<Mail> read_mail(const std::string& name, const fs::path& file, const fs::path& folder)
{
  const UniqueFd mail(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!mail)
    return os_error("open " + file.string());
  const fs::path patch = folder / "patch";
  const auto info = git_output({.arguments = {"mailinfo", "-k", "--encoding=UTF-8", "--no-scissors",
                                              "--quoted-cr=strip", folder / "message", patch},
                                .ours = folder,
                                .stdin_fd = mail.get()});
  if (!info)
    return info.error();
  if (info->wait_status != 0)
    return Error{.code = Errc::parse,
                 .context = fmt::format("{}: mail {}: git mailinfo: {}", name,
                                        parse_u64(file.filename().string()).value_or(1),
                                        printable(trim(last_lines(info->err, 1))))};
  const auto text = read_file(patch);
  if (!text)
    return text.error();
  return Mail{.subject = subject_in(info->out), .diff = diff_of(*text)};
}

// `source`: a file or a Maildir.
Result<std::vector<Mail>> split_mails(const std::string& name, const fs::path& source, bool mboxrd)
{
  if (!find_program("git"))
    return git_is_missing();
  const auto folder = TempDir::create("rmaplab-mails");
  if (!folder)
    return folder.error();
  const fs::path parts = folder->path() / "parts";
  if (auto made = make_directories(parts); !made)
    return made.error();
  std::vector<std::string> arguments = {"mailsplit", "-b", "-d8", "-o" + parts.string()};
  if (mboxrd)
    arguments.emplace_back("--mboxrd");
  arguments.insert(arguments.end(), {"--", source});
  if (const auto split = run_git({.arguments = arguments, .ours = folder->path()}); !split)
    return Error{.code = Errc::parse,
                 .context = fmt::format("{}: {}", name, printable(split.error().context))};
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parts, error))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.size() > kMostMails)
    return Error{.code = Errc::parse,
                 .context = fmt::format("{}: {} mails, at most {} are read", name, files.size(),
                                        kMostMails)};
  std::vector<Mail> mails;
  for (const auto& file : files) {
    auto mail = read_mail(name, file, folder->path());
    if (!mail)
      return mail.error();
    mails.push_back(*std::move(mail));
  }
  return mails;
}

Result<std::vector<Mail>> mails_of(const std::string& name, const std::string& text)
{
  const auto folder = TempDir::create("rmaplab-series");
  if (!folder)
    return folder.error();
  const fs::path file = folder->path() / "mbox";
  if (auto written = write_file(file, text); !written)
    return written.error();
  return split_mails(name, file, text.starts_with("From mboxrd@z"));
}

// The mails of one file; a bare diff is one with the file's name for a subject.
Result<std::vector<Mail>> mails_of_file(const fs::path& file)
{
  auto text = read_uncompressed(file, kMostBytes, kMostUncompressed);  // lists give .mbox.gz
  if (!text)
    return text.error();
  const std::string name = file.filename();
  if (is_mail_text(*text))
    return mails_of(name, *text);
  if (const std::string mbox = mbox_of_page(*text); !mbox.empty())
    return mails_of(name, mbox);
  const std::string unix_text = with_newlines_of_unix(*text);
  const std::string diff = diff_of(unix_text);
  if (!diff.empty())
    return std::vector<Mail>{{.subject = name, .diff = diff}};
  return no_series(name, text->find('\0') == std::string::npos
                             ? ""
                             : ", found bytes that are no text (of gz, xz, lzma, bz2 and zst)");
}

// A file that quilt or git-quiltimport would take: "NAME", "NAME -p1". Within the folder.
Result<std::vector<fs::path>> listed(const fs::path& folder, std::string_view list)
{
  std::vector<fs::path> files;
  std::size_t number = 0;
  for (const auto line : lines_of(list)) {
    ++number;
    const auto words = split_blanks(trim(line.substr(0, line.find('#'))));
    if (words.empty())
      continue;
    const auto fault = [&](const std::string& expected) {
      return Error{
          .code = Errc::parse,
          .context = fmt::format("{}:{}: expected {}, found \"{}\"", (folder / "series").string(),
                                 number, expected, printable(trim(line)))};
    };
    if (words.size() > 2 || (words.size() == 2 && words[1] != "-p1"))
      return fault("a file's name, or with -p1");
    const fs::path file(words[0]);
    if (file.is_absolute() || std::find(file.begin(), file.end(), "..") != file.end())
      return fault("a name within the folder");
    files.push_back(folder / file);
  }
  return files;
}

Result<PatchSeries> read_folder(const std::string& spec, const std::string& pick)
{
  const fs::path folder(spec);
  std::error_code error;
  if (fs::is_directory(folder / "cur", error) || fs::is_directory(folder / "new", error)) {
    const auto mails = split_mails(spec, folder, false);
    return mails ? choose_series(spec, *mails, pick) : Result<PatchSeries>(mails.error());
  }
  std::vector<fs::path> files;
  const bool in_order = fs::exists(folder / "series", error);
  if (in_order) {
    const auto list = read_regular_file(folder / "series", kMostBytes);
    if (!list)
      return list.error();
    auto names = listed(folder, *list);
    if (!names)
      return names.error();
    files = *std::move(names);
  } else {
    for (const auto& entry : fs::directory_iterator(folder, error))
      for (const char* ending : {".patch", ".diff", ".eml", ".mbox"})
        if (entry.path().extension() == ending)
          files.push_back(entry.path());
    std::sort(files.begin(), files.end());
  }
  if (files.empty())
    return Error{.code = Errc::usage,
                 .context = spec + (in_order ? ": its file series names no patch"
                                             : ": holds no *.patch, *.diff, *.eml or *.mbox")};
  std::vector<Mail> all;
  for (const auto& file : files) {
    auto mails = mails_of_file(file);
    if (!mails)
      return mails.error();
    all.insert(all.end(), mails->begin(), mails->end());
  }
  if (!in_order || !pick.empty())
    return choose_series(spec, all, pick);
  auto series = take_all(all);
  if (series.patches.empty())
    return Error{.code = Errc::parse, .context = spec + ": no file of it holds a diff"};
  return series;
}

Result<PatchSeries> read_commits(const std::string& spec, const std::string& source,
                                 const std::string& pick)
{
  const auto refused = [&] {
    return Error{.code = Errc::usage,
                 .context = fmt::format("{}: no range of commits of {}", printable(spec), source)};
  };
  // The user's settings of mails and diffs have no say.
  const auto text = git_output(
      {.arguments = {"-C", source, "format-patch", "--stdout", "--pretty=mboxrd", "--no-attach",
                     "--no-cover-letter", "--no-signature", "--no-color", "--no-ext-diff",
                     "--no-textconv", "--subject-prefix=PATCH", "--src-prefix=a/",
                     "--dst-prefix=b/", "--full-index", "--end-of-options", spec}});
  if (!text)
    return text.error();
  if (text->wait_status != 0)
    return refused();
  if (text->out.empty())
    return Error{.code = Errc::usage,
                 .context = fmt::format("{}: no commits of {} in it", printable(spec), source)};
  const auto merges = run_git(
      {.arguments = {"-C", source, "rev-list", "--count", "--merges", "--end-of-options", spec}});
  if (!merges)
    return refused();
  const auto folder = TempDir::create("rmaplab-commits");
  if (!folder)
    return folder.error();
  if (auto written = write_file(folder->path() / "mbox", text->out); !written)
    return written.error();
  const auto mails = split_mails(spec, folder->path() / "mbox", true);
  if (!mails)
    return mails.error();
  auto series = pick.empty() ? take_all(*mails) : choose_series(spec, *mails, pick);
  if (series && *merges != "0")
    series->noted = fmt::format("{} merge{} in the range left out: no patch", *merges,
                                *merges == "1" ? "" : "s");
  return series;
}

}  // namespace

bool is_mail_text(std::string_view text)
{
  const auto start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos)
    return false;
  text.remove_prefix(start);
  if (text.starts_with("From "))
    return true;
  bool known = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto line = line_at(text, at);
    if (line.empty())
      return known;
    if (line[0] == ' ' || line[0] == '\t')
      continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 ||
        !std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](char c) { return c > ' ' && c < 127; }))
      return false;
    std::string name(line.substr(0, colon));
    for (char& c : name)
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    known = known || name == "from" || name == "subject" || name == "message-id";
  }
  return known;
}

// It shows a message as
//   * SUBJECT
//     ... lines of the thread ...
//   From: NAME @ DATE (permalink / raw)
//     To: ...
//
//   BODY
//   ^ permalink raw reply
std::string mbox_of_page(std::string_view text)
{
  constexpr std::string_view kRaw = " (permalink / raw)";
  std::string mbox;
  std::string subject;
  bool in_headers = false;
  bool in_message = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto line = line_at(text, at);
    if (line.starts_with("* ") && !in_message) {
      subject = line.substr(2);
    } else if (line.starts_with("From: ") && line.size() > kRaw.size() &&
               line.substr(line.size() - kRaw.size()) == kRaw) {
      mbox += fmt::format(
          "{}From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: <unknown@example.org>\n"
          "Subject: {}\nContent-Type: text/plain; charset=utf-8\n"
          "Content-Transfer-Encoding: 8bit\n\n",
          mbox.empty() ? "" : "\n", subject);
      in_message = true;
      in_headers = true;
    } else if (in_message && line.starts_with("^ permalink")) {
      in_message = false;
    } else if (in_message && in_headers) {  // who else it went to
      in_headers = !line.empty();
    } else if (in_message) {
      const auto quotes = line.find_first_not_of('>');
      const bool from =
          quotes != std::string_view::npos && line.substr(quotes).starts_with("From ");
      mbox += (from ? ">" : "") + std::string(line) + '\n';
    }
  }
  return mbox;
}

bool is_commit_range(const std::string& spec, const std::string& source)
{
  std::error_code error;
  return spec.find("..") != std::string::npos && !fs::exists(spec, error) &&
         fs::is_directory(source, error);
}

Result<PatchSeries> read_series(const std::string& spec, const std::string& source,
                                const std::string& pick)
{
  std::error_code error;
  if (is_commit_range(spec, source))
    return read_commits(spec, source, pick);
  if (!fs::exists(spec, error))
    return Error{.code = Errc::usage,
                 .context = fmt::format("{}: expected an mbox, a folder of patches or a range of "
                                        "commits A..B of the source",
                                        spec)};
  if (fs::is_directory(spec, error))
    return read_folder(spec, pick);
  const auto mails = mails_of_file(spec);
  if (!mails)
    return mails.error();
  return choose_series(fs::path(spec).filename(), *mails, pick);
}

}  // namespace rmaplab
