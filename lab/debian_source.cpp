// SPDX-License-Identifier: GPL-2.0-only
#include "lab/debian_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"
#include "lab/apt.h"
#include "lab/debian_archive.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr std::string_view kPackage = "linux-source-";

fs::path sources_folder()
{
  return cache_directory() / "sources";
}

// Where the tarball of a package is in the cache, whether it is there or not.
fs::path place_of(const SourcePackage& package)
{
  return sources_folder() / (package.package + "_" + package.version) / "linux.tar.xz";
}

std::optional<SourcePackage> choose_cached(const std::string& version)
{
  std::string table;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(sources_folder(), error)) {
    const std::string name = entry.path().filename();
    const auto underscore = name.find('_');
    if (underscore != std::string::npos && fs::exists(entry.path() / "linux.tar.xz"))
      table += name.substr(0, underscore) + " | " + name.substr(underscore + 1) + " | -\n";
  }
  return choose_source(table, version);
}

Result<> fetch(const Apt& apt, const SourcePackage& package, const Notify& notify)
{
  auto work = TempDir::create("rmaplab-source-");
  if (!work)
    return work.error();
  notify(fmt::format("fetching {} {} (some 165 MB)", package.package, package.version));
  const auto deb = apt.download(package.package, package.version, work->path(), notify);
  if (!deb)
    return deb.error();
  if (auto done = unpack_package(*deb, work->path() / "tree", notify); !done)
    return done.error();
  const fs::path packed = work->path() / "tree/usr/src" / (package.package + ".tar.xz");
  std::error_code error;
  if (!fs::exists(packed, error))
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("{} {} holds no {}", package.package, package.version,
                                        packed.filename().string())};
  const fs::path place = place_of(package);
  if (auto made = make_directories(place.parent_path()); !made)
    return made.error();
  const fs::path part = place.string() + fmt::format(".tmp{}", ::getpid());
  fs::copy_file(packed, part, fs::copy_options::overwrite_existing, error);
  if (!error)
    fs::rename(part, place, error);
  if (!error)
    return ok();
  std::error_code ignored;
  fs::remove(part, ignored);
  return Error{.code = Errc::os, .context = "write " + place.string(), .sys_errno = error.value()};
}

}  // namespace

std::optional<SourcePackage> choose_source(std::string_view madison, const std::string& version)
{
  std::optional<SourcePackage> best;
  for (const auto line : lines_of(madison)) {
    const auto columns = split(line, '|');
    if (columns.size() < 2 || trim(columns[0]).substr(0, kPackage.size()) != kPackage)
      continue;
    SourcePackage found{.package = std::string(trim(columns[0])),
                        .version = std::string(trim(columns[1]))};
    const std::string upstream = found.version.substr(0, found.version.rfind('-'));
    if (upstream != version && upstream.rfind(version + ".", 0) != 0)
      continue;
    if (!best || compare_debian_versions(best->version, found.version) < 0)
      best = std::move(found);
  }
  return best;
}

Result<FetchedSource> fetch_debian_source(const std::string& version, const KernelOptions& options,
                                          const Notify& notify)
{
  if (version.empty() || version.find_first_not_of("0123456789.") != std::string::npos)
    return Error{
        .code = Errc::usage,
        .context = fmt::format("debian:{}: expected a version like 7.2 or 7.2.13", version)};
  const auto cached = choose_cached(version);
  const bool exact = cached && cached->version.rfind(version + "-", 0) == 0;
  if (cached && (exact || options.offline))
    return FetchedSource{.package = *cached, .tarball = place_of(*cached)};
  if (options.offline)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("the source of debian:{} is not in the cache", version)};
  const auto apt = Apt::with_lists(options, kListsStayFresh, notify);
  if (!apt)
    return apt.error();
  const auto names = apt->names(std::string(kPackage));
  if (!names)
    return names.error();
  const auto table = apt->madison(*names);
  if (!table)
    return table.error();
  const auto chosen = choose_source(*table, version);
  if (!chosen && !cached) {
    std::string packages;
    for (const auto& name : *names)
      if (name.size() > kPackage.size() &&
          name.find_first_not_of("0123456789.", kPackage.size()) == std::string::npos)
        packages += (packages.empty() ? "" : ", ") + name.substr(kPackage.size());
    return Error{.code = Errc::usage,
                 .context = fmt::format("debian:{}: no suite has its source; there are {}", version,
                                        packages)};
  }
  const SourcePackage package = chosen ? *chosen : *cached;
  std::error_code error;
  if (!fs::exists(place_of(package), error))
    if (auto done = fetch(*apt, package, notify); !done)
      return done.error();
  return FetchedSource{.package = package, .tarball = place_of(package)};
}

}  // namespace rmaplab
