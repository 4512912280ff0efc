// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <new>
#include <string_view>

#include "base/guardian.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/spelling.h"

namespace rmaplab
{

namespace
{

// The command that was being read when parsing ended, and how it is called.
struct Reached {
  const CLI::App* command;
  std::string name;
};

Reached reached(const CLI::App& app)
{
  Reached at{.command = &app, .name = "rmaplab"};
  while (!at.command->get_subcommands().empty()) {
    at.command = at.command->get_subcommands().front();
    at.name += " " + at.command->get_name();
  }
  return at;
}

std::vector<std::string> commands_of(const CLI::App& app)
{
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

// "--replicas": every way to write an option, but not what stands for a positional argument.
std::vector<std::string> options_of(const CLI::App& app)
{
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames())
      names.push_back("--" + name);
    for (const std::string& name : option->get_snames())
      names.push_back("-" + name);
  }
  return names;
}

// What was wrong with the command line, in one line.
std::string mistake(const CLI::App& app, const CLI::ParseError& error)
{
  const Reached at = reached(app);
  const std::vector<std::string> unknown = app.remaining(true);
  // An option that nobody knows is what went wrong, whatever else its value was then taken for.
  for (const std::string& word : unknown)
    if (word.size() > 1 && word[0] == '-' && word != "--") {
      const std::string name = word.substr(0, word.find('='));
      return fmt::format("{}: no option {}{}; see `{} --help`", at.name, name,
                         proposal(name, options_of(*at.command)), at.name);
    }
  const auto commands = commands_of(*at.command);
  if (!commands.empty()) {
    const std::string name = at.name + (at.command == &app ? " help" : " --help");
    if (unknown.empty())
      return fmt::format("{}: a command is missing, one of {}; see `{}`", at.name,
                         fmt::join(commands, ", "), name);
    return fmt::format("{}: no command \"{}\"{}; see `{}`", at.name, unknown.front(),
                       proposal(unknown.front(), commands), name);
  }
  return fmt::format("{}: {}; see `{} --help`", at.name, error.what(), at.name);
}

// The arguments as parse() wants them, last one first. "help" and "version" are what people type
// who do not know the options yet; "help kernel build" is "kernel build --help".
std::vector<std::string> plain_words(int argc, char** argv)
{
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == "version")
    words[0] = "--version";
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  std::reverse(words.begin(), words.end());
  return words;
}

}  // namespace

}  // namespace rmaplab

int main(int argc, char** argv)
{
  using namespace rmaplab;
  fill_standard_descriptors();
  install_interrupt_handler();
  // Where it cannot be started, what a kill leaves behind stays behind.
  const auto guardian = Guardian::start();
  command_line() = "rmaplab";
  for (int i = 1; i < argc; ++i)
    command_line() += " " + shell_quote(argv[i]);

  // To git bisect run 2 means a bad commit.
  const bool bisecting = std::any_of(argv + 1, argv + argc, [](std::string_view word) {
    return word == "--bisect" || word.starts_with("--bisect=");
  });
  const int failed = bisecting ? kBisectSkip : kUsage;

  CLI::App app(
      "rmaplab: what a change to Linux's anonymous reverse mapping costs and saves,\n"
      "measured on real kernels.\n\n"
      "Exit status: 0 done, 1 a workload, guest or gate failed, 2 usage or environment,\n"
      "3 inconclusive, 77 nothing could run, 130 interrupted.",
      "rmaplab");
  app.require_subcommand(1);
  app.set_version_flag("--version", version());
  int exit_status = kDone;
  add_ab(app, exit_status);
  add_check(app, exit_status);
  add_compare(app, exit_status);
  add_doctor(app, exit_status);
  add_forest(app, exit_status);
  add_gate(app, exit_status);
  add_kernel(app, exit_status);
  add_lab(app, exit_status);
  add_list(app, exit_status);
  add_record(app, exit_status);
  add_replay(app, exit_status);
  add_run(app, exit_status);
  add_selfcheck(app, exit_status);
  add_trace(app, exit_status);
  try {
    app.parse(plain_words(argc, argv));
  } catch (const CLI::ParseError& e) {
    // --help, --version; not beside a command that there is none of.
    if (e.get_exit_code() == 0 && app.remaining(true).empty()) {
      exit_status = app.exit(e) == 0 ? kDone : kUsage;
    } else {
      std::cerr << mistake(app, e) << '\n';
      if (argc == 1)
        std::cerr << '\n' << app.help();
      return failed;
    }
  } catch (const std::bad_alloc&) {
    warn("out of memory: an input or a result is larger than this process may have");
    return failed;
  } catch (const std::exception& e) {
    warn(e.what());
    return failed;
  }
  // A report that a full disk cut short is no report, whatever it says.
  if (!(std::cout << std::flush)) {
    warn("write standard output: not all of it could be written");
    return failed;
  }
  return exit_status;
}
