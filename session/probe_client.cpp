// SPDX-License-Identifier: GPL-2.0-only
#include "session/probe_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/text.h"
#include "base/ticks.h"

namespace rmaplab
{

namespace
{

Error unsupported(std::string why)
{
  return {.code = Errc::unsupported, .context = std::move(why)};
}

}  // namespace

Error ProbeClient::lose(Error why)
{
  ::shutdown(fd_, SHUT_RDWR);
  return gone_.emplace(std::move(why));
}

Result<std::string> ProbeClient::line(std::uint64_t deadline_ns)
{
  for (;;) {
    if (const auto end = received_.find('\n'); end != std::string::npos) {
      std::string text = received_.substr(0, end);
      received_.erase(0, end + 1);
      return text;
    }
    const std::uint64_t now = monotonic_ns();
    struct pollfd answer = {.fd = fd_, .events = POLLIN, .revents = 0};
    // Rounded up, so that the last turn does not spin.
    const int left_ms =
        now < deadline_ns ? static_cast<int>((deadline_ns - now + 999'999) / 1'000'000) : 0;
    const int ready = ::poll(&answer, 1, left_ms);
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready < 0)
      return os_error("wait for rmaplab-probe");
    if (ready == 0)
      return unsupported(
          fmt::format("rmaplab-probe did not answer within {:g} s", timeout_ms_ * 1e-3));
    char buffer[4096];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got == 0 || (got < 0 && errno == ECONNRESET))
      return unsupported("rmaplab-probe has ended");
    if (got < 0 && errno != EINTR)
      return os_error("receive from rmaplab-probe");
    if (got > 0)
      received_.append(buffer, static_cast<std::size_t>(got));
  }
}

Result<ProbeAnswer> ProbeClient::ask(std::string_view question)
{
  if (fd_ < 0)
    return unsupported("rmaplab-probe is not beside the runner or did not start");
  if (gone_)
    return *gone_;
  const std::uint64_t deadline =
      monotonic_ns() + static_cast<std::uint64_t>(timeout_ms_) * 1'000'000u;
  const std::string text = std::string(question) + "\n";
  if (::send(fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
      static_cast<ssize_t>(text.size()))
    return lose(errno == EPIPE || errno == ECONNRESET ? unsupported("rmaplab-probe has ended")
                                                      : os_error("ask rmaplab-probe"));
  const auto head = line(deadline);
  if (!head)
    return lose(head.error());
  constexpr std::string_view kError = "error ";
  if (head->starts_with(kError))
    return unsupported(head->substr(kError.size()));
  const auto words = split_blanks(*head);
  const auto no_answer = [&](const std::string& text_of_it) {
    return lose(
        {.code = Errc::parse, .context = fmt::format("rmaplab-probe answered \"{}\"", text_of_it)});
  };
  if (words.empty() || words[0] != "ok")
    return no_answer(*head);
  ProbeAnswer answer;
  for (const auto word : words)
    if (const auto equals = word.find('='); equals != std::string_view::npos)
      answer.fields[std::string(word.substr(0, equals))] = word.substr(equals + 1);
  const auto rows = answer.fields.find("rows");
  const auto count = rows == answer.fields.end() ? 0 : parse_u64(rows->second);
  if (!count)
    return no_answer(*head);
  for (std::uint64_t i = 0; i < *count; ++i) {
    auto row = line(deadline);
    if (!row)
      return lose(row.error());
    answer.rows.push_back(*std::move(row));
  }
  return answer;
}

}  // namespace rmaplab
