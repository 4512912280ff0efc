// SPDX-License-Identifier: GPL-2.0-only
#include "lab/patch_series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "base/text.h"
#include "lab/kernel_image.h"

namespace rmaplab
{

namespace
{

bool begins(std::string_view text, std::string_view with)
{
  return text.substr(0, with.size()) == with;
}

std::string lower(std::string_view text)
{
  std::string result(text);
  for (char& c : result)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// One mail: what its headers say, and what is below them.
struct Mail {
  std::string subject;
  std::string encoding;  // Content-Transfer-Encoding, lower case
  std::string text;      // headers and body, as `git am` takes them
  std::string body;
};

std::string from_quoted_printable(std::string_view text)
{
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      decoded += text[i];
      continue;
    }
    const auto rest = text.substr(i + 1);
    if (begins(rest, "\n") || begins(rest, "\r\n")) {  // a line that goes on
      i += rest[0] == '\r' ? 2 : 1;
      continue;
    }
    const auto byte = parse_u64(rest.substr(0, 2), 16);
    if (rest.size() < 2 || !byte) {
      decoded += '=';
      continue;
    }
    decoded += static_cast<char>(*byte);
    i += 2;
  }
  return decoded;
}

std::string from_base64(std::string_view text)
{
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string decoded;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos)
      continue;
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      decoded += static_cast<char>((bits >> count) & 0xff);
    }
  }
  return decoded;
}

Mail mail_of(std::string_view text)
{
  Mail mail{.text = std::string(text)};
  std::string name;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = trim(text.substr(at, end - at));
    const bool continued = at < end && (text[at] == ' ' || text[at] == '\t');
    at = std::min(end + 1, text.size());
    if (line.empty())
      break;
    const auto colon = line.find(':');
    std::string_view value = line;
    if (!continued) {
      if (colon == std::string_view::npos)
        continue;  // "From ADDRESS DATE" of the mbox itself
      name = lower(line.substr(0, colon));
      value = trim(line.substr(colon + 1));
    }
    std::string* const field = name == "subject"                     ? &mail.subject
                               : name == "content-transfer-encoding" ? &mail.encoding
                                                                     : nullptr;
    if (field)
      *field += (continued ? " " : "") + std::string(value);
  }
  mail.encoding = lower(mail.encoding);
  const auto body = text.substr(at);
  mail.body = mail.encoding == "quoted-printable" ? from_quoted_printable(body)
              : mail.encoding == "base64"         ? from_base64(body)
                                                  : std::string(body);
  return mail;
}

// Offsets of lines that begin a message of an mbox: "From " at the beginning or after an
// empty line.
std::vector<std::string_view> messages_of_mbox(std::string_view text)
{
  std::vector<std::size_t> starts;
  if (begins(text, "From "))
    starts.push_back(0);
  for (auto at = text.find("\n\nFrom "); at != std::string_view::npos;
       at = text.find("\n\nFrom ", at + 2))
    starts.push_back(at + 2);
  std::vector<std::string_view> messages;
  for (std::size_t i = 0; i < starts.size(); ++i)
    messages.push_back(
        text.substr(starts[i], (i + 1 < starts.size() ? starts[i + 1] : text.size()) - starts[i]));
  return messages;
}

// The page of a thread in the archive of a list (public-inbox) shows a message as
//   * SUBJECT
//     ... lines of the thread ...
//   From: NAME @ DATE (permalink / raw)
//     To: ...
//
//   BODY
//   ^ permalink raw reply
// Made into mails with a name and a date of no use to anybody but `git am`.
std::vector<std::string> messages_of_page(std::string_view text)
{
  std::vector<std::string> messages;
  std::string subject;
  bool in_headers = false;
  std::optional<std::string> message;
  for (const auto line : lines_of(text)) {
    constexpr std::string_view kRaw = " (permalink / raw)";
    if (begins(line, "* ")) {
      if (!message)
        subject = line.substr(2);
      else
        *message += std::string(line) + '\n';
      continue;
    }
    if (begins(line, "From: ") && line.size() > kRaw.size() &&
        line.substr(line.size() - kRaw.size()) == kRaw) {
      const auto name = line.substr(6, line.find(" @ ") - 6);
      message = fmt::format(
          "From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: \"{}\" <unknown@example.org>\nSubject: "
          "{}\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n",
          name, subject);
      in_headers = true;
      continue;
    }
    if (!message)
      continue;
    if (begins(line, "^ permalink")) {
      messages.push_back(*std::exchange(message, std::nullopt));
      continue;
    }
    if (in_headers) {  // who else it went to
      in_headers = !line.empty();
      continue;
    }
    *message += std::string(line) + '\n';
  }
  if (message)
    messages.push_back(*message);
  return messages;
}

// From the first line of a file's diff up to the signature; "" where there is none.
std::string diff_of(std::string_view body)
{
  std::string diff;
  bool in_diff = false;
  const auto lines = lines_of(body);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool old_file =
        begins(lines[i], "--- ") && i + 1 < lines.size() && begins(lines[i + 1], "+++ ");
    in_diff = in_diff || begins(lines[i], "diff --git ") || old_file;
    if (in_diff && (lines[i] == "-- " || lines[i] == "--"))
      break;
    if (in_diff)
      diff += std::string(lines[i]) + '\n';
  }
  return diff;
}

// "[RFC PATCH v3 1/9 mm-unstable] mm: subject" taken apart.
void read_subject(std::string_view subject, Patch& patch)
{
  while (begins(trim(subject), "[")) {
    subject = trim(subject);
    const auto end = subject.find(']');
    if (end == std::string_view::npos)
      break;
    for (const auto word : split_blanks(subject.substr(1, end - 1))) {
      const auto slash = word.find('/');
      const auto number = parse_u64(word.substr(0, slash));
      const auto total =
          slash == std::string_view::npos ? std::nullopt : parse_u64(word.substr(slash + 1));
      if (number && total) {
        patch.number = static_cast<int>(*number);
        patch.total = static_cast<int>(*total);
      } else if (word.size() > 1 && (word[0] == 'v' || word[0] == 'V')) {
        if (const auto version = parse_u64(word.substr(1)))
          patch.version = static_cast<int>(*version);
      }
    }
    subject = subject.substr(end + 1);
  }
  patch.subject = trim(subject);
}

// The last version in order, without messages that came twice.
Result<PatchSeries> ordered(const std::string& name, PatchSeries series)
{
  int newest = 0;
  for (const Patch& patch : series.patches)
    newest = std::max(newest, patch.version);
  std::map<int, Patch> numbered;
  std::vector<Patch> others;
  for (Patch& patch : series.patches) {
    if (patch.version != newest)
      series.left_out.push_back(fmt::format("v{} {}", patch.version, patch.subject));
    else if (patch.number > 0)
      numbered[patch.number] = std::move(patch);
    else
      others.push_back(std::move(patch));
  }
  series.patches.clear();
  int expected = 1;
  for (auto& [number, patch] : numbered) {
    if (number != expected)
      break;
    ++expected;
    series.patches.push_back(std::move(patch));
  }
  const int total = numbered.empty() ? 0 : numbered.begin()->second.total;
  const int most = numbered.empty() ? 0 : numbered.rbegin()->first;
  if (const int last = series.patches.empty() ? total : series.patches.front().total;
      expected <= std::max(last, most))
    return Error{
        .code = Errc::parse,
        .context = fmt::format("{}: patch {}/{} is missing", name, expected, std::max(last, most))};
  series.patches.insert(series.patches.end(), others.begin(), others.end());
  return series;
}

}  // namespace

Result<PatchSeries> parse_patches(const std::string& name, std::string_view text)
{
  std::vector<std::string> mails;
  for (const auto message : messages_of_mbox(text))
    mails.emplace_back(message);
  if (mails.empty() && text.find(" (permalink / raw)\n") != std::string_view::npos)
    mails = messages_of_page(text);
  if (mails.empty() && (begins(text, "Subject:") || begins(text, "From:")))
    mails.emplace_back(text);
  PatchSeries series;
  for (const auto& text_of_mail : mails) {
    const Mail mail = mail_of(text_of_mail);
    Patch patch{.mail = mail.text, .diff = diff_of(mail.body)};
    read_subject(mail.subject, patch);
    if (patch.diff.empty() || begins(lower(mail.subject), "re:"))
      series.left_out.push_back(mail.subject);
    else
      series.patches.push_back(std::move(patch));
  }
  if (mails.empty())
    if (const std::string diff = diff_of(text); !diff.empty())
      series.patches.push_back({.subject = name, .mail = {}, .diff = diff});
  if (mails.empty() && series.patches.empty())
    return Error{.code = Errc::parse,
                 .context = name + ": expected an mbox, the text of a thread or a diff"};
  return series;
}

Result<PatchSeries> parse_series(const std::string& name, std::string_view text)
{
  auto series = parse_patches(name, text);
  if (series && series->patches.empty())
    return Error{.code = Errc::parse,
                 .context = fmt::format("{}: expected patches, found {} mails without a diff", name,
                                        series->left_out.size())};
  return series ? ordered(name, *std::move(series)) : series;
}

std::string diff_id(std::string_view diff)
{
  std::string text;
  for (const auto line : lines_of(diff))
    if (!begins(line, "index "))
      text += std::string(line) + '\n';
  return sha256(text);
}

std::vector<FailedHunk> parse_patch_output(std::string_view output)
{
  std::vector<FailedHunk> failed;
  std::string file;
  std::string why;
  for (const auto line : lines_of(output)) {
    const auto words = split_blanks(line);
    if (begins(line, "patching file ") || begins(line, "checking file ")) {
      file = words.back();
      why.clear();
    } else if (begins(line, "can't find file")) {
      file.clear();
      why = "no such file";
    } else if (begins(line, "|+++ ") || (begins(line, "|--- ") && file.empty())) {
      const auto path = words.size() > 1 ? words[1] : std::string_view();
      if (path != "/dev/null")
        file = path.substr(path.find('/') + 1);
    } else if (line.find("previously applied) patch detected") != std::string_view::npos ||
               begins(line, "Unreversed patch detected")) {
      why = "applied already";
    } else if (words.size() >= 5 && words[0] == "Hunk" && words[2] == "FAILED") {
      const auto hunk = parse_u64(words[1].substr(1));
      const auto at = parse_u64(words[4].substr(0, words[4].find_first_not_of("0123456789")));
      failed.push_back({.file = file,
                        .hunk = hunk ? static_cast<int>(*hunk) : 0,
                        .line = at ? static_cast<int>(*at) : 0,
                        .why = why.empty() ? "its context is not there" : why});
    } else if (words.size() >= 6 && words[1] == "out" && words[5] == "ignored" && !why.empty()) {
      failed.push_back({.file = file, .why = why});
    }
  }
  return failed;
}

bool outside_of_image(std::string_view path)
{
  for (const std::string_view folder : {"tools/", "Documentation/", "samples/", "MAINTAINERS"})
    if (begins(path, folder))
      return true;
  return false;
}

}  // namespace rmaplab
