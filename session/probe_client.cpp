// SPDX-License-Identifier: GPL-2.0-only
#include "session/probe_client.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/text.h"

namespace rmaplab
{

Result<std::string> ProbeClient::line()
{
  for (;;) {
    if (const auto end = received_.find('\n'); end != std::string::npos) {
      std::string text = received_.substr(0, end);
      received_.erase(0, end + 1);
      return text;
    }
    char buffer[4096];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got == 0)
      return Error{.code = Errc::unsupported, .context = "rmaplab-probe has ended"};
    if (got < 0 && errno != EINTR)
      return os_error("receive from rmaplab-probe");
    if (got > 0)
      received_.append(buffer, static_cast<std::size_t>(got));
  }
}

Result<ProbeAnswer> ProbeClient::ask(std::string_view question)
{
  if (fd_ < 0)
    return Error{.code = Errc::unsupported,
                 .context = "rmaplab-probe is not beside the runner or did not start"};
  const std::string text = std::string(question) + "\n";
  if (::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    return os_error("ask rmaplab-probe");
  const auto head = line();
  if (!head)
    return head.error();
  constexpr std::string_view kError = "error ";
  if (head->rfind(kError, 0) == 0)
    return Error{.code = Errc::unsupported, .context = head->substr(kError.size())};
  ProbeAnswer answer;
  for (const auto word : split_blanks(*head))
    if (const auto equals = word.find('='); equals != std::string_view::npos)
      answer.fields[std::string(word.substr(0, equals))] = word.substr(equals + 1);
  const auto rows = answer.fields.find("rows");
  const auto count = rows == answer.fields.end() ? 0 : parse_u64(rows->second).value_or(0);
  for (std::uint64_t i = 0; i < count; ++i) {
    auto row = line();
    if (!row)
      return row.error();
    answer.rows.push_back(*std::move(row));
  }
  return answer;
}

}  // namespace rmaplab
