// SPDX-License-Identifier: GPL-2.0-only
#include "lab/debian_archive.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/process.h"
#include "base/regular_file.h"
#include "base/text.h"
#include "lab/apt.h"
#include "lab/kernel_image.h"
#include "lab/module.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr std::chrono::minutes kListsJustFetched{10};

std::string upstream_of(std::string_view package_version)
{
  // The revision begins at the last '-'; a release candidate ("7.1~rc4") stays one.
  return std::string(package_version.substr(0, package_version.rfind('-')));
}

bool is_version(const std::string& text)
{
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos &&
         text.front() != '.' && text.back() != '.';
}

// The first file below `folder` whose path ends as asked; packages put the image in
// boot/ or in usr/lib/modules/RELEASE/.
fs::path find_below(const fs::path& folder, const std::string& name_begins)
{
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    std::error_code ignored;
    if (entry.is_regular_file(ignored) &&
        (name == name_begins || name.rfind(name_begins + "-", 0) == 0))
      return entry.path();
  }
  return {};
}

// Of a kernel in the cache; empty where the archive has no modules for it.
constexpr const char* kModules = "modules";

fs::path kernels_folder()
{
  return cache_directory() / "kernels";
}

FetchedKernel in_cache(const ArchivedKernel& kernel)
{
  const fs::path folder = kernels_folder() / (kernel.package + "_" + kernel.version);
  std::error_code error;
  const fs::path config = folder / "config";
  return {.source = kernel.package + " " + kernel.version,
          .image = folder / "vmlinuz",
          .config = fs::exists(config, error) ? config : fs::path(),
          .ram_disk = module_below(folder / kModules, kRamDisk)};
}

// Of each file of a kernel in the cache its SHA-256 when it was fetched, as sha256sum(1) has it.
constexpr const char* kSums = "sums";

Result<> write_sums(const fs::path& folder)
{
  std::string sums;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (!entry.is_regular_file(error))
      continue;
    const auto bytes = read_regular_file(entry.path());
    if (!bytes)
      return bytes.error();
    sums +=
        fmt::format("{}  {}\n", sha256(*bytes), entry.path().lexically_relative(folder).string());
  }
  return write_file(folder / kSums, sums);
}

// What was cut or changed since it was fetched; ok() also where an older rmaplab kept no sums.
Result<> check_sums(const FetchedKernel& kernel)
{
  const fs::path folder = kernel.image.parent_path();
  constexpr std::uint64_t kMostBytes = 1 << 20;
  std::error_code error;
  if (!fs::exists(folder / kSums, error))
    return ok();
  const auto sums = read_regular_file(folder / kSums, kMostBytes);
  if (!sums)
    return sums.error();
  for (const auto line : lines_of(*sums)) {
    const auto words = split_blanks(line);
    if (words.size() != 2)
      continue;
    const auto bytes = read_regular_file(folder / words[1]);
    if (!bytes || sha256(*bytes) != words[0])
      return Error{.code = Errc::parse,
                   .context = fmt::format("{} is not the file that was fetched: its SHA-256 is "
                                          "another",
                                          (folder / words[1]).string())};
  }
  return ok();
}

// Whether all that the archive has of it is here, with its sums; what was fetched before modules
// were kept lacks their folder.
bool is_complete(const FetchedKernel& kernel)
{
  std::error_code error;
  const fs::path folder = kernel.image.parent_path();
  return fs::exists(kernel.image, error) && fs::exists(folder / kModules, error) &&
         fs::exists(folder / kSums, error);
}

Result<> copy_into(const fs::path& from, const fs::path& to)
{
  auto bytes = read_file(from);
  if (!bytes)
    return bytes.error();
  return write_file(to, *bytes);
}

// Downloads and unpacks in a temporary folder of the cache; the kernel's own folder
// appears whole or not at all.
Result<FetchedKernel> fetch(const Apt& apt, const ArchivedKernel& kernel,
                            const std::vector<ArchivedKernel>& all, const Notify& notify)
{
  const fs::path final_folder = kernels_folder() / (kernel.package + "_" + kernel.version);
  const fs::path work = final_folder.string() + fmt::format(".tmp{}", ::getpid());
  struct Cleanup {
    fs::path path;
    ~Cleanup()
    {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } cleanup{work};
  if (auto made = make_directories(work / "tree"); !made)
    return made.error();
  notify(fmt::format("fetching {} {} from {}", kernel.package, kernel.version, kernel.suite));
  auto deb = apt.download(kernel.package, kernel.version, work, notify);
  if (!deb)
    return deb.error();
  if (auto done = unpack_package(*deb, work / "tree", notify); !done)
    return done.error();
  // From 6.19 config and modules are in packages of their own, which leave the archive
  // before the image's does.
  const std::string abi = kernel.package.substr(kernel.package.find('-', 6) + 1);
  bool complete = true;
  for (const auto& other : all)
    if ((other.package == "linux-base-" + abi || other.package == "linux-modules-" + abi) &&
        other.version == kernel.version) {
      const auto extra = apt.download(other.package, other.version, work, notify);
      if (!extra && extra.error().code == Errc::interrupted)
        return extra.error();
      if (!extra) {
        notify("going on without it: " + to_string(extra.error()));
        complete = false;
        continue;
      }
      if (auto done = unpack_package(*extra, work / "tree", notify); !done)
        return done.error();
    }

  const fs::path image = find_below(work / "tree", "vmlinuz");
  if (image.empty())
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("{} {} holds no vmlinuz", kernel.package, kernel.version)};
  // Without the folder the next fetch tries again.
  if (auto made = make_directories(work / "kernel" / (complete ? kModules : "")); !made)
    return made.error();
  if (const fs::path module = module_below(work / "tree", kRamDisk); complete && !module.empty())
    if (auto copied = copy_into(module, work / "kernel" / kModules / module.filename()); !copied)
      return copied.error();
  if (auto copied = copy_into(image, work / "kernel/vmlinuz"); !copied)
    return copied.error();
  if (const fs::path config = find_below(work / "tree", "config"); !config.empty())
    if (auto copied = copy_into(config, work / "kernel/config"); !copied)
      return copied.error();
  if (auto summed = write_sums(work / "kernel"); !summed)
    return summed.error();
  std::error_code error;
  fs::remove_all(final_folder, error);  // damaged, or of an older rmaplab
  fs::rename(work / "kernel", final_folder, error);
  if (error && !is_complete(in_cache(kernel)))
    return Error{.code = Errc::os,
                 .context = "rename to " + final_folder.string(),
                 .sys_errno = error.value()};
  return in_cache(kernel);
}

}  // namespace

int compare_debian_versions(std::string_view a, std::string_view b)
{
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  // '~' before the end, the end before letters, letters before the rest.
  auto weight = [](std::string_view text) {
    if (text.empty())
      return 0;
    const char c = text.front();
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return c == '~' ? -1 : letter ? static_cast<int>(c) : static_cast<int>(c) + 256;
  };
  auto take_number = [&](std::string_view& text) {
    unsigned long number = 0;
    while (!text.empty() && is_digit(text.front())) {
      number = number * 10 + static_cast<unsigned long>(text.front() - '0');
      text.remove_prefix(1);
    }
    return number;
  };
  while (!a.empty() || !b.empty()) {
    while ((!a.empty() && !is_digit(a.front())) || (!b.empty() && !is_digit(b.front()))) {
      const int left = !a.empty() && is_digit(a.front()) ? 0 : weight(a);
      const int right = !b.empty() && is_digit(b.front()) ? 0 : weight(b);
      if (left != right)
        return left < right ? -1 : 1;
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
    const unsigned long left = take_number(a);
    const unsigned long right = take_number(b);
    if (left != right)
      return left < right ? -1 : 1;
  }
  return 0;
}

std::vector<ArchivedKernel> parse_madison(std::string_view text)
{
  std::vector<ArchivedKernel> kernels;
  for (const auto line : lines_of(text)) {
    const auto columns = split(line, '|');  // package | version | URI SUITE/COMPONENT ARCH Packages
    if (columns.size() != 3)
      continue;
    const auto where = split_blanks(columns[2]);
    ArchivedKernel kernel{.package = std::string(trim(columns[0])),
                          .version = std::string(trim(columns[1])),
                          .suite = where.size() > 1
                                       ? std::string(where[1].substr(0, where[1].find('/')))
                                       : std::string(),
                          .upstream = {}};
    kernel.upstream = upstream_of(kernel.version);
    const bool flavour = kernel.package.size() > 12 &&
                         kernel.package.find("-cloud-") != std::string::npos &&
                         kernel.package.find("-dbg") == std::string::npos &&
                         kernel.package.find("unsigned") == std::string::npos;
    const bool numbered =
        kernel.package.find_first_of("0123456789") == kernel.package.find('-', 6) + 1;
    if (flavour && numbered)
      kernels.push_back(std::move(kernel));
  }
  std::stable_sort(kernels.begin(), kernels.end(), [](const auto& a, const auto& b) {
    const int order = compare_versions(a.upstream, b.upstream);
    return order != 0 ? order < 0 : compare_debian_versions(a.version, b.version) < 0;
  });
  return kernels;
}

std::optional<ArchivedKernel> choose_kernel(const std::vector<ArchivedKernel>& kernels,
                                            const std::string& version)
{
  const ArchivedKernel* best = nullptr;
  for (const auto& kernel : kernels) {
    if (kernel.upstream != version && kernel.upstream.rfind(version + ".", 0) != 0)
      continue;
    // linux-image-X is the kernel up to 6.18, and from 6.19 a list of dependencies
    // beside linux-binary-X, which then is the kernel.
    const bool binary = kernel.package.rfind("linux-binary-", 0) == 0;
    const bool image = kernel.package.rfind("linux-image-", 0) == 0;
    if (!binary && !image)
      continue;
    const bool shadowed =
        image && std::any_of(kernels.begin(), kernels.end(), [&](const auto& other) {
          return other.package == "linux-binary-" + kernel.package.substr(12);
        });
    if (!shadowed)
      best = &kernel;  // the list is sorted, newest last
  }
  return best ? std::optional(*best) : std::nullopt;
}

std::vector<ArchivedKernel> list_cached_kernels(const std::string& architecture)
{
  std::string table;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kernels_folder(), error)) {
    const std::string name = entry.path().filename();
    const auto underscore = name.find('_');
    if (underscore != std::string::npos && name.find(".tmp") == std::string::npos &&
        name.find("-" + architecture + "_") != std::string::npos &&
        fs::exists(entry.path() / "vmlinuz"))
      table += name.substr(0, underscore) + " | " + name.substr(underscore + 1) + " | - cache/ -\n";
  }
  return parse_madison(table);
}

namespace
{

Result<std::vector<ArchivedKernel>> kernels_of_lists(const KernelOptions& options,
                                                     std::chrono::minutes max_age,
                                                     const Notify& notify)
{
  const auto apt = Apt::with_lists(options, max_age, notify);
  if (!apt)
    return apt.error();
  const auto names = apt->names("linux-");
  if (!names)
    return names.error();
  std::vector<std::string> wanted;
  for (const auto& name : *names)
    if ((name.rfind("linux-binary-", 0) == 0 || name.rfind("linux-image-", 0) == 0 ||
         name.rfind("linux-base-", 0) == 0 || name.rfind("linux-modules-", 0) == 0) &&
        name.find("-cloud-") != std::string::npos)
      wanted.push_back(name);
  const auto table = apt->madison(wanted);
  if (!table)
    return table.error();
  return parse_madison(*table);
}

}  // namespace

Result<std::vector<ArchivedKernel>> list_debian_kernels(const KernelOptions& options,
                                                        const Notify& notify)
{
  return kernels_of_lists(options, kListsStayFresh, notify);
}

Result<FetchedKernel> fetch_debian_kernel(const std::string& version, const KernelOptions& options,
                                          const Notify& notify)
{
  if (!is_version(version))
    return Error{
        .code = Errc::usage,
        .context = fmt::format("debian:{}: expected a version like 7.0.13 or 7.0", version)};
  if (const auto ours = own_cache_directory(); !ours)
    return ours.error();
  auto cached = choose_kernel(list_cached_kernels(options.architecture), version);
  const auto sums = cached ? check_sums(in_cache(*cached)) : ok();
  if (!sums && options.offline)
    return Error{.code = Errc::parse, .context = sums.error().context + "; --offline fetches none"};
  if (!sums) {
    notify(sums.error().context + ": fetched again");
    std::error_code error;
    fs::remove_all(in_cache(*cached).image.parent_path(), error);
    cached.reset();
  }
  if (cached &&
      (options.offline || (cached->upstream == version && is_complete(in_cache(*cached)))))
    return in_cache(*cached);
  if (options.offline)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("debian:{} is not in the cache", version)};
  auto all = list_debian_kernels(options, notify);
  if (!all) {
    if (all.error().code == Errc::interrupted)
      return all.error();
    if (cached) {
      notify(fmt::format("no package lists: debian:{} is {} from the cache", version,
                         cached->upstream));
      return in_cache(*cached);
    }
    return Error{.code = all.error().code,
                 .context = fmt::format("debian:{} is not in the cache and {}", version,
                                        to_string(all.error()))};
  }
  auto chosen = choose_kernel(*all, version);
  if (!chosen) {  // it may be newer than our lists
    all = kernels_of_lists(options, kListsJustFetched, notify);
    if (!all)
      return all.error();
    chosen = choose_kernel(*all, version);
  }
  if (!chosen && cached) {
    notify(fmt::format("debian:{} has left the archive: {} from the cache", version,
                       cached->upstream));
    return in_cache(*cached);
  }
  if (!chosen) {
    std::string newest;
    for (auto it = all->rbegin(); it != all->rend() && newest.empty(); ++it)
      if (choose_kernel(*all, it->upstream))
        newest = it->upstream;
    return Error{.code = Errc::usage,
                 .context = fmt::format("debian:{}: no suite has it, the newest is {}; see "
                                        "`rmaplab kernel list`",
                                        version, newest.empty() ? "unknown" : newest)};
  }
  if (chosen->upstream != version)
    notify(fmt::format("debian:{} is {}", version, chosen->upstream));
  const FetchedKernel kept = in_cache(*chosen);
  std::error_code error;
  if (is_complete(kept) && check_sums(kept))
    return kept;
  auto apt = Apt::create(options);
  if (!apt)
    return apt.error();
  auto fetched = fetch(*apt, *chosen, *all, notify);
  if (fetched || fetched.error().code == Errc::interrupted || !fs::exists(kept.image, error))
    return fetched;
  notify(fmt::format("debian:{} without its modules: {}", version, to_string(fetched.error())));
  return kept;
}

}  // namespace rmaplab
