// SPDX-License-Identifier: GPL-2.0-only
#include "lab/debian_archive.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "lab/module.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr const char* kSuites[] = {"bookworm", "bookworm-backports", "trixie", "trixie-backports",
                                   "sid"};
constexpr std::chrono::minutes kListsStayFresh = std::chrono::hours(24);
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

// The private apt: folders in our cache, and the options that point there.
class Apt
{
 public:
  static Result<Apt> create(const KernelOptions& options)
  {
    if (!find_program("apt-get") || !find_program("dpkg-deb"))
      return Error{.code = Errc::unsupported,
                   .context = "debian: kernels need apt-get and dpkg-deb; give an image instead"};
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

  std::vector<std::string> command(const std::string& tool, std::vector<std::string> rest) const
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

  bool lists_younger_than(std::chrono::minutes age) const
  {
    std::error_code error;
    const auto written = fs::last_write_time(root_ / "updated", error);
    return !error && fs::file_time_type::clock::now() - written < age;
  }

  // Succeeds when at least one suite answered: a mirror need not have all.
  Result<> update(const Notify& notify) const
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

  bool have_lists() const
  {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root_ / "lists", error))
      if (entry.path().filename().string().find("_Packages") != std::string::npos)
        return true;
    return false;
  }

  static std::string first_complaint(std::string_view err)
  {
    for (const auto line : lines_of(err))
      if (line.rfind("E: ", 0) == 0 || line.rfind("W: ", 0) == 0)
        return std::string(line.substr(3));
    return "apt-get said nothing";
  }

  Result<std::vector<ArchivedKernel>> kernels() const
  {
    auto names = run_command({.argv = command("apt-cache", {"pkgnames", "linux-"})});
    if (!names)
      return names.error();
    std::vector<std::string> madison = {"madison"};
    for (const auto name : lines_of(names->out))
      if ((name.rfind("linux-binary-", 0) == 0 || name.rfind("linux-image-", 0) == 0 ||
           name.rfind("linux-base-", 0) == 0 || name.rfind("linux-modules-", 0) == 0) &&
          name.find("-cloud-") != std::string_view::npos)
        madison.emplace_back(name);
    if (madison.size() == 1)
      return std::vector<ArchivedKernel>{};
    auto table = run_command({.argv = command("apt-cache", madison)});
    if (!table)
      return table.error();
    return parse_madison(table->out);
  }

  // Downloads one package into `folder` and gives the file.
  Result<fs::path> download(const std::string& package, const std::string& version,
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

 private:
  explicit Apt(const std::string& architecture)
      : architecture_(architecture),
        root_(cache_directory() /
              (architecture == host_architecture() ? "apt" : "apt-" + architecture))
  {
  }
  std::string architecture_;
  fs::path root_;
};

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

// Whether all that the archive has of it is here; what was fetched before modules were
// kept lacks their folder.
bool is_complete(const FetchedKernel& kernel)
{
  std::error_code error;
  return fs::exists(kernel.image, error) &&
         fs::exists(kernel.image.parent_path() / kModules, error);
}

Result<> unpack(const fs::path& deb, const fs::path& into, const Notify& notify)
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
  if (auto done = unpack(*deb, work / "tree", notify); !done)
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
      if (auto done = unpack(*extra, work / "tree", notify); !done)
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
  std::error_code error;
  if (fs::exists(final_folder, error))  // from before modules were kept
    fs::rename(work / "kernel" / kModules, final_folder / kModules, error);
  else
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
  auto apt = Apt::create(options);
  if (!apt)
    return apt.error();
  if (!options.offline && !apt->lists_younger_than(max_age))
    if (auto updated = apt->update(notify); !updated)
      return updated.error();
  if (!apt->have_lists())
    return Error{.code = Errc::unsupported, .context = "no package lists are in the cache"};
  return apt->kernels();
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
  const auto cached = choose_kernel(list_cached_kernels(options.architecture), version);
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
  if (is_complete(kept))
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
