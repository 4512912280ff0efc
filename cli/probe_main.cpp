// SPDX-License-Identifier: GPL-2.0-only
// rmaplab-probe: what has to look at a workload from outside, in a process of its own, so
// that neither its libraries nor its memory are part of what is measured.
//
//   rmaplab-probe forest PID...   the anon_vma forest of the processes, as JSON
//   rmaplab-probe serve --fd N    answers each line read from the socket N with one line:
//     forest PID...  ->  ok NAME=VALUE...  (forest.h's summary; arena_*: of the workloads'
//                        address range alone), or  error TEXT
#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "probes/forest_reader.h"
#include "probes/process_tree.h"
#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

constexpr int kUsageStatus = 2;  // as rmaplab's own

using Words = std::vector<std::string_view>;

Result<std::vector<pid_t>> parse_pids(const Words& words)
{
  std::vector<pid_t> pids;
  for (const auto word : words) {
    const auto pid = parse_pid(word);
    if (!pid)
      return pid.error();
    pids.push_back(*pid);
  }
  if (pids.empty())
    return Error{.code = Errc::usage, .context = "no PID given"};
  return pids;
}

int complain(const Error& error)
{
  std::cerr << "rmaplab-probe: " << to_string(error) << '\n';
  return kUsageStatus;
}

int print_forest(const Words& words)
{
  const auto pids = parse_pids(words);
  if (!pids)
    return complain(pids.error());
  const auto reader = ForestReader::open();
  if (!reader)
    return complain(reader.error());
  const auto forest = reader->read(*pids);
  if (!forest)
    return complain(forest.error());
  std::cout << to_json(*forest) << std::flush;
  return std::cout ? 0 : complain(os_error("write the forest"));
}

// Keeps what was loaded from one request to the next.
class Server
{
 public:
  std::string answer(std::string_view line)
  {
    Words words = split_blanks(line);
    Result<std::string> answered =
        Error{.code = Errc::usage, .context = fmt::format("unknown request \"{}\"", line)};
    if (!words.empty() && words[0] == "forest")
      answered = forest({words.begin() + 1, words.end()});
    return answered ? "ok" + *answered : "error " + to_string(answered.error());
  }

 private:
  Result<std::string> forest(const Words& words)
  {
    const auto pids = parse_pids(words);
    if (!pids)
      return pids.error();
    if (!reader_)
      reader_.emplace(ForestReader::open());
    if (!*reader_)
      return reader_->error();
    auto forest = (*reader_)->read(*pids);
    if (!forest)
      return forest.error();
    std::string text;
    for (const auto& [name, value] : fields(summarise(*forest)))
      text += fmt::format(" {}={}", name, value);
    const ForestSummary arena =
        summarise(in_range(*std::move(forest), {.begin = kArenaBegin, .end = kArenaEnd}));
    return text + fmt::format(" arena_vmas={} arena_avcs={} arena_anon_vmas={}", arena.vmas,
                              arena.avcs, arena.anon_vmas);
  }

  std::optional<Result<ForestReader>> reader_;
};

Result<> send_line(int fd, std::string text)
{
  text += '\n';
  for (std::string_view left = text; !left.empty();) {
    const ssize_t sent = ::send(fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent >= 0)
      left.remove_prefix(static_cast<std::size_t>(sent));
    else if (errno != EINTR)
      return os_error("answer");
  }
  return ok();
}

// Until the other end is closed; what it sends after the last newline is no request.
Result<> serve(int fd)
{
  Server server;
  std::string received;
  for (;;) {
    char buffer[4096];
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got == 0)
      return ok();
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return os_error(fmt::format("receive from descriptor {}", fd));
    received.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end; (end = received.find('\n')) != std::string::npos;) {
      if (auto sent = send_line(fd, server.answer(std::string_view(received).substr(0, end)));
          !sent)
        return sent;
      received.erase(0, end + 1);
    }
  }
}

int run(const Words& words)
{
  if (!words.empty() && words[0] == "forest")
    return print_forest({words.begin() + 1, words.end()});
  if (words.size() == 3 && words[0] == "serve" && words[1] == "--fd")
    if (const auto fd = parse_u64(words[2]); fd && *fd <= std::numeric_limits<int>::max()) {
      const auto served = serve(static_cast<int>(*fd));
      return served ? 0 : complain(served.error());
    }
  std::cerr << "usage: rmaplab-probe forest PID... | serve --fd N\n";
  return kUsageStatus;
}

}  // namespace

}  // namespace rmaplab

int main(int argc, char** argv)
{
  return rmaplab::run({argv + 1, argv + argc});
}
