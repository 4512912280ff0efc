// SPDX-License-Identifier: GPL-2.0-only
// rmaplab-probe: what has to look at a workload from outside, in a process of its own, so
// that neither its libraries nor its memory are part of what is measured.
//
//   rmaplab-probe forest PID...   the anon_vma forest of the processes, as JSON
//   rmaplab-probe contention -- COMMAND   who waits for which lock while it runs
//   rmaplab-probe serve --fd N    answers each line read from the socket N with one line:
//     forest PID...     ok NAME=VALUE...  (forest.h's summary)
//     forest-capability ok rows=1, then STATE TAB REASON TAB REMEDY
//     forest-json PID...  ok rows=N, then the N lines of the forest as JSON
//     rmap [walk=0|1] [range=HEX-HEX] [disowned=HEX] PID...  is their reverse mapping right:
//                       ok vmas=N walked=N rows=N, then N lines (cli/probe_rmap.h)
//     contention-open   loads what tracing takes
//     contention-start  traces lock waits of the whole machine until
//     contention-stop   ok NAME=VALUE... rows=N, then N lines KIND,CLASS,CALLER,...
//                       (contention_csv() of probe_contention.h, without its header)
//     curve-start PID   counts the VMAs of the process and its descendants until
//     curve-stop        ok peak=VMAS samples=N rows=N, then N lines NS VMAS
//   or with "error TEXT". A line longer than 64 KiB ends it.
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "base/text.h"
#include "base/ticks.h"
#include "cli/probe_contention.h"
#include "cli/probe_rmap.h"
#include "probes/forest_reader.h"
#include "probes/lock_contention.h"
#include "probes/process_tree.h"
#include "probes/vma_count.h"
#include "probes/vma_curve.h"

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

int print_forest(const std::vector<std::string>& words)
{
  const auto pids = parse_pids({words.begin(), words.end()});
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
    const auto answered = words.empty() ? unknown(line) : dispatch(line, words);
    return answered ? "ok" + *answered : "error " + to_string(answered.error());
  }
  // Work of what has been started; how long until the next, in ms (-1: none).
  int work()
  {
    if (tracing_)
      if (auto pumped = (*contention_)->pump(0); !pumped)
        tracing_error_ = pumped.error();
    if (curve_ && !curve_->error) {
      sample();
      return 1;
    }
    return tracing_ ? 5 : -1;
  }

 private:
  using Answer = Result<std::string>;

  static Answer unknown(std::string_view line)
  {
    return Error{.code = Errc::usage, .context = fmt::format("unknown request \"{}\"", line)};
  }
  Answer dispatch(std::string_view line, const Words& words)
  {
    const Words rest(words.begin() + 1, words.end());
    if (words[0] == "forest")
      return forest(rest);
    if (words[0] == "forest-capability") {
      const Capability capability = forest_capability();
      return fmt::format(" rows=1\n{}\t{}\t{}", to_string(capability.state), capability.reason,
                         capability.remedy);
    }
    if (words[0] == "forest-json")
      return forest_json(rest);
    if (words[0] == "rmap")
      return rmap(rest);
    if (words[0] == "contention-open")
      return contention_open();
    if (words[0] == "contention-start")
      return contention_start();
    if (words[0] == "contention-stop")
      return contention_stop();
    if (words[0] == "curve-start")
      return curve_start(rest);
    if (words[0] == "curve-stop")
      return curve_stop();
    return unknown(line);
  }

  Result<Forest> read_forest(const Words& words)
  {
    const auto pids = parse_pids(words);
    return pids ? read_forest_of(*pids) : pids.error();
  }
  Result<Forest> read_forest_of(const std::vector<pid_t>& pids)
  {
    if (!reader_)
      reader_.emplace(ForestReader::open());
    if (!*reader_)
      return reader_->error();
    return (*reader_)->read(pids);
  }
  Answer rmap(const Words& words)
  {
    const auto question = parse_rmap_question(words);
    if (!question)
      return question.error();
    return to_answer(look_at_rmap(read_forest_of(question->pids), *question));
  }
  Answer forest_json(const Words& words)
  {
    const auto forest = read_forest(words);
    if (!forest)
      return forest.error();
    std::string text = to_json(*forest);
    text.pop_back();  // send_line() ends it
    return fmt::format(" rows={}\n{}", 1 + std::count(text.begin(), text.end(), '\n'), text);
  }
  Answer forest(const Words& words)
  {
    const auto forest = read_forest(words);
    if (!forest)
      return forest.error();
    std::string text;
    for (const auto& [name, value] : fields(summarise(*forest)))
      text += fmt::format(" {}={}", name, value);
    return text;
  }

  Answer contention_open()
  {
    tracing_ = false;
    contention_.emplace(ContentionTrace::open());  // a new one: the last one's waits are its own
    return *contention_ ? Answer("") : Answer(contention_->error());
  }
  Answer contention_start()
  {
    if (!contention_ || !*contention_)
      return Error{.code = Errc::usage, .context = "contention-start before contention-open"};
    tracing_error_.reset();
    if (auto started = (*contention_)->start(); !started)
      return started.error();
    tracing_ = true;
    return std::string();
  }
  Answer contention_stop()
  {
    if (!std::exchange(tracing_, false))
      return Error{.code = Errc::usage, .context = "contention-stop before contention-start"};
    auto trace = std::exchange(contention_, std::nullopt);  // its rings go with it
    if (tracing_error_)
      return *tracing_error_;
    if (auto stopped = (*trace)->stop(); !stopped)
      return stopped.error();
    const ContentionReport report = (*trace)->report();
    std::string rows = contention_csv(report);
    rows.erase(0, rows.find('\n') + 1);
    if (!rows.empty())
      rows.pop_back();
    const PairCounts& counts = report.counts;
    return fmt::format(
        " begins={} ends={} continued={} unmatched_begins={} unmatched_ends={} lost={} "
        "seconds={:.6f} rows={}{}{}",
        counts.begins, counts.ends, counts.continued, counts.unmatched_begins,
        counts.unmatched_ends, report.lost, report.seconds, report.rows.size(),
        rows.empty() ? "" : "\n", rows);
  }

  struct Curve {
    pid_t root = 0;
    std::uint64_t began_ns = 0;
    VmaCurve counts = VmaCurve(64);
    std::optional<Error> error;
  };
  Answer curve_start(const Words& words)
  {
    const auto pids = parse_pids(words);
    if (!pids)
      return pids.error();
    curve_.emplace(Curve{.root = pids->front(), .began_ns = monotonic_ns()});
    sample();
    if (!curve_->error)
      return std::string();
    return *std::exchange(curve_, std::nullopt)->error;
  }
  void sample()
  {
    const auto tree = read_tree_vmas("/proc", curve_->root, {});
    if (tree)
      curve_->counts.add({.at = monotonic_ns() - curve_->began_ns, .count = tree->vmas.all});
    else
      curve_->error = tree.error();
  }
  Answer curve_stop()
  {
    if (!curve_)
      return Error{.code = Errc::usage, .context = "curve-stop before curve-start"};
    sample();
    const Curve curve = *std::exchange(curve_, std::nullopt);
    if (curve.error)
      return *curve.error;
    std::string text = fmt::format(" peak={} samples={} rows={}", curve.counts.peak().count,
                                   curve.counts.samples(), curve.counts.points().size());
    for (const CurvePoint& point : curve.counts.points())
      text += fmt::format("\n{} {}", point.at, point.count);
    return text;
  }

  std::optional<Result<ForestReader>> reader_;
  std::optional<Result<ContentionTrace>> contention_;
  bool tracing_ = false;
  std::optional<Error> tracing_error_;
  std::optional<Curve> curve_;
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

constexpr std::size_t kLongestRequest = 64 << 10;  // a forest of ten thousand PIDs

// Until the other end is closed; what it sends after the last newline is no request.
Result<> serve(int fd)
{
  Server server;
  std::string received;
  for (;;) {
    struct pollfd request = {.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&request, 1, server.work());
    if (ready == 0 || (ready < 0 && errno == EINTR))
      continue;
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
    if (received.size() > kLongestRequest)
      return Error{.code = Errc::parse, .context = "a request longer than 64 KiB"};
  }
}

int run(int argc, char** argv)
{
  int status = kUsageStatus;
  CLI::App app("looks at processes from outside", "rmaplab-probe");
  app.require_subcommand(1);

  std::vector<std::string> pids;
  auto* forest = app.add_subcommand("forest", "the anon_vma forest of processes, as JSON");
  forest->add_option("pid", pids, "processes")->required();
  forest->callback([&] { status = print_forest(pids); });

  int fd = -1;
  auto* server = app.add_subcommand("serve", "answer requests read from a socket");
  server->add_option("--fd", fd, "the socket")->required()->check(CLI::Range(0, 65535));
  server->callback([&] {
    const auto served = serve(fd);
    status = served ? 0 : complain(served.error());
  });

  ContentionOptions traced;
  auto* contention = app.add_subcommand(
      "contention", "who waits for which lock, in the whole machine, while a command runs");
  contention->add_option("--rows", traced.rows, "rows of the table")->capture_default_str();
  contention->add_flag("--csv", traced.csv, "every row, with a histogram, as CSV");
  contention->add_option("command", traced.command, "after --: the command and its arguments")
      ->required();
  contention->positionals_at_end();
  contention->callback([&] {
    install_interrupt_handler();  // the server has none: it ends with its socket, or at once
    status = run_probe_contention(traced, std::cout);
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsageStatus;
  }
  return status;
}

}  // namespace

}  // namespace rmaplab

int main(int argc, char** argv)
{
  return rmaplab::run(argc, argv);
}
