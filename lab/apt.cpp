// SPDX-License-Identifier: GPL-2.0-only
#include "lab/apt.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/printable.h"
#include "base/process.h"
#include "base/text.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr const char* kSuites[] = {"bookworm", "bookworm-backports", "trixie", "trixie-backports",
                                   "sid"};

std::string first_complaint(std::string_view err)
{
  for (const auto line : lines_of(err))
    if (line.rfind("E: ", 0) == 0 || line.rfind("W: ", 0) == 0)
      return std::string(line.substr(3));
  return "apt-get said nothing";
}

}  // namespace

Apt::Apt(const std::string& architecture)
    : architecture_(architecture),
      root_(cache_directory() /
            (architecture == host_architecture() ? "apt" : "apt-" + architecture))
{
}

Result<Apt> Apt::create(const KernelOptions& options)
{
  if (!find_program("apt-get") || !find_program("dpkg-deb"))
    return Error{.code = Errc::unsupported,
                 .context = "debian: kernels need apt-get and dpkg-deb; give an image instead"};
  if (const auto ours = own_cache_directory(); !ours)
    return ours.error();
  Apt apt(options.architecture);
  for (const auto& folder : {apt.root_ / "lists/partial", apt.root_ / "archives/partial"})
    if (auto made = make_directories(folder); !made)
      return made.error();
  std::string mirror = options.mirror;
  if (mirror.empty()) {
    auto targets = run_command(
        {.argv = {"apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"}});
    if (!targets)
      return targets.error();
    const auto found = mirror_of_targets(targets->out);
    if (!found)
      return Error{.code = Errc::unsupported,
                   .context =
                       "the machine's apt sources name no Debian archive; give one with "
                       "--mirror"};
    mirror = *found;
  }
  if (!is_uri(mirror))
    return Error{.code = Errc::usage,
                 .context = fmt::format("--mirror \"{}\": expected the URI of a Debian archive, "
                                        "without blanks",
                                        printable(mirror.substr(0, mirror.find('\n'))))};
  std::string keyring;
  for (const char* path : {"/usr/share/keyrings/debian-archive-keyring.gpg",
                           "/usr/share/keyrings/debian-archive-keyring.pgp"})
    if (::access(path, R_OK) == 0)
      keyring = path;
  if (keyring.empty())
    return Error{.code = Errc::unsupported,
                 .context = "no Debian archive keyring; install debian-archive-keyring"};
  if (auto put = write_file(apt.root_ / "debian.sources",
                            sources_text(mirror, apt.architecture_, keyring));
      !put)
    return put.error();
  return apt;
}

Result<Apt> Apt::with_lists(const KernelOptions& options, std::chrono::minutes max_age,
                            const Notify& notify)
{
  auto apt = create(options);
  if (!apt)
    return apt.error();
  if (!options.offline && !apt->lists_younger_than(max_age))
    if (auto updated = apt->update(notify); !updated)
      return updated.error();
  if (!apt->have_lists())
    return Error{.code = Errc::unsupported, .context = "no package lists are in the cache"};
  return apt;
}

std::vector<std::string> Apt::command(const std::string& tool,
                                      const std::vector<std::string>& rest) const
{
  const std::string root = root_;
  std::vector<std::string> argv = {tool,
                                   "-o",
                                   "Dir::Etc::SourceList=" + root + "/debian.sources",
                                   "-o",
                                   "Dir::Etc::SourceParts=/dev/null",
                                   "-o",
                                   "Dir::State::Lists=" + root + "/lists",
                                   "-o",
                                   "Dir::Cache=" + root,
                                   "-o",
                                   "Acquire::Languages=none",
                                   "-o",
                                   "Acquire::Retries=2",
                                   "-o",
                                   "Acquire::http::Timeout=30",
                                   "-o",
                                   "APT::Get::List-Cleanup=0",
                                   "-o",
                                   "APT::Architecture=" + architecture_};
  if (::geteuid() == 0) {  // apt's own user may not reach our cache
    argv.push_back("-o");
    argv.push_back("APT::Sandbox::User=root");
  }
  argv.insert(argv.end(), rest.begin(), rest.end());
  return argv;
}

bool Apt::lists_younger_than(std::chrono::minutes age) const
{
  std::error_code error;
  const auto written = fs::last_write_time(root_ / "updated", error);
  return !error && fs::file_time_type::clock::now() - written < age;
}

Result<> Apt::update(const Notify& notify) const
{
  notify("fetching the package lists of " + fmt::format("{}", fmt::join(kSuites, ", ")));
  auto done = run_command({.argv = command("apt-get", {"update"})},
                          [&] { notify.passing("waiting for apt-get update"); });
  if (!done)
    return done.error();
  if (!have_lists())
    return Error{.code = Errc::unsupported,
                 .context = "no package list could be fetched: " + first_complaint(done->err)};
  if (!done->err.empty())
    notify("apt: " + first_complaint(done->err));
  return write_file(root_ / "updated", "");
}

bool Apt::have_lists() const
{
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root_ / "lists", error))
    if (entry.path().filename().string().find("_Packages") != std::string::npos)
      return true;
  return false;
}

Result<std::vector<std::string>> Apt::names(const std::string& begin) const
{
  auto listed = run_command({.argv = command("apt-cache", {"pkgnames", begin})});
  if (!listed)
    return listed.error();
  std::vector<std::string> names;
  for (const auto name : lines_of(listed->out))
    names.emplace_back(name);
  return names;
}

Result<std::string> Apt::madison(const std::vector<std::string>& packages) const
{
  if (packages.empty())
    return std::string();
  std::vector<std::string> arguments = {"madison"};
  arguments.insert(arguments.end(), packages.begin(), packages.end());
  auto table = run_command({.argv = command("apt-cache", arguments)});
  if (!table)
    return table.error();
  return std::move(table->out);
}

Result<fs::path> Apt::download(const std::string& package, const std::string& version,
                               const fs::path& folder, const Notify& notify) const
{
  auto done = run_command(
      {.argv = command("apt-get", {"download", package + "=" + version}), .directory = folder},
      [&] { notify.passing("downloading " + package); });
  if (!done)
    return done.error();
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".deb" &&
        entry.path().filename().string().rfind(package + "_", 0) == 0)
      return entry.path();
  return Error{.code = Errc::unsupported,
               .context = fmt::format("download of {} {}: {}", package, version,
                                      first_complaint(done->err))};
}

Result<> unpack_package(const fs::path& deb, const fs::path& into, const Notify& notify)
{
  auto done = run_command({.argv = {"dpkg-deb", "-x", deb, into}},
                          [&] { notify.passing("unpacking " + deb.filename().string()); });
  if (!done)
    return done.error();
  if (done->wait_status != 0)
    return Error{.code = Errc::os,
                 .context = fmt::format("unpack {}: {}", deb.filename().string(),
                                        trim(last_lines(done->err, 1)))};
  return ok();
}

bool is_uri(std::string_view text)
{
  return text.find(":/") != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<std::string> mirror_of_targets(std::string_view text)
{
  for (const auto line : lines_of(text)) {
    const auto columns = split(line, '|');
    if (columns.size() != 3 || columns[2] != "main")
      continue;
    for (const std::string_view suite :
         {"bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"})
      if (columns[1] == suite)
        return std::string(columns[0]);
  }
  return std::nullopt;
}

std::string sources_text(const std::string& mirror, const std::string& architecture,
                         const std::string& keyring)
{
  // One stanza a suite: one that is gone or not mirrored must not spoil the others.
  std::string text;
  for (const char* suite : kSuites)
    text += fmt::format(
        "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nArchitectures: {}\nSigned-By: {}\n\n",
        mirror, suite, architecture, keyring);
  return text;
}

}  // namespace rmaplab
