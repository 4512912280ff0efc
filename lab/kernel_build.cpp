// SPDX-License-Identifier: GPL-2.0-only
#include "lab/kernel_build.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/printable.h"
#include "base/process.h"
#include "base/regular_file.h"
#include "base/text.h"
#include "base/ticks.h"
#include "base/unique_fd.h"
#include "lab/compressed_file.h"
#include "lab/kernel_config.h"
#include "lab/kernel_source.h"
#include "lab/mailbox.h"
#include "lab/sandbox.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr const char* kBase = "bench";  // below every other fragment

// Of what a stranger's Makefile makes: far more than any kernel's.
constexpr std::uint64_t kMostLogBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostImageBytes = std::uint64_t{1} << 30;

struct Tool {
  const char* program;
  const char* package;      // Debian's
  const char* option = "";  // of a configuration that has it built with this program
};
constexpr Tool kTools[] = {{"git", "git"},
                           {"make", "make"},
                           {"flex", "flex"},
                           {"bison", "bison"},
                           {"bc", "bc"},
                           {"ld", "binutils"},
                           {"gzip", "gzip", "KERNEL_GZIP"},
                           {"lz4", "lz4", "KERNEL_LZ4"},
                           {"xz", "xz-utils", "KERNEL_XZ"},
                           {"zstd", "zstd", "KERNEL_ZSTD"},
                           {"pahole", "dwarves", "DEBUG_INFO_BTF"}};

// What a build includes that no program of kTools brings.
constexpr Tool kHeaders[] = {{"libelf.h", "libelf-dev"},
                             {"gelf.h", "libelf-dev"},
                             {"openssl/", "libssl-dev"},
                             {"ncurses.h", "libncurses-dev"}};

// Kbuild's name of an architecture, and the prefix of its compiler where it is foreign.
struct Toolchain {
  std::string arch;
  std::string prefix;
  std::string compiler() const { return prefix + "gcc"; }
};
Toolchain toolchain_of(const Architecture& architecture)
{
  const bool foreign = architecture.name != host_architecture();
  return {.arch = architecture.name == "amd64" ? "x86_64" : std::string(architecture.name),
          .prefix = foreign ? std::string(architecture.libraries) + "-" : ""};
}

// `wanted`: the configuration, as far as it is asked for. All that is missing at once.
bool has_line(std::string_view text, std::string_view line)
{
  const auto lines = lines_of(text);
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

Result<> check_tools(const Toolchain& toolchain, std::string_view wanted)
{
  std::vector<std::string> missing;
  std::vector<std::string> packages;
  auto need = [&](const Tool& tool) {
    if (!find_program(tool.program)) {
      missing.emplace_back(tool.program);
      packages.emplace_back(tool.package);
    }
  };
  for (const Tool& tool : kTools)
    if (!*tool.option || has_line(wanted, fmt::format("CONFIG_{}=y", tool.option)))
      need(tool);
  if (!find_program(toolchain.compiler())) {
    missing.push_back(toolchain.compiler());
    packages.push_back(toolchain.prefix.empty()
                           ? "gcc"
                           : "gcc-" + toolchain.prefix.substr(0, toolchain.prefix.size() - 1));
  }
  if (missing.empty())
    return ok();
  return Error{.code = Errc::unsupported,
               .context = fmt::format("building a kernel needs {} (Debian: apt-get install {})",
                                      fmt::join(missing, ", "), fmt::join(packages, " "))};
}

struct Fragment {
  std::string name;
  std::string text;
};

std::string merged(const std::vector<Fragment>& fragments)
{
  std::string all;
  for (const Fragment& fragment : fragments)
    all = merge_config(all, fragment.text);
  return all;
}

Result<Fragment> read_fragment(const std::string& name)
{
  const bool ours = name.find('/') == std::string::npos && name.find('.') == std::string::npos;
  const fs::path file = ours ? kernel_configs_folder() / (name + ".config") : fs::path(name);
  std::error_code error;
  if (!fs::exists(file, error))
    return Error{.code = Errc::usage,
                 .context = fmt::format("configuration \"{}\": expected one of {}, or a file", name,
                                        fmt::join(fragment_names(), ", "))};
  constexpr std::uint64_t kMostBytes = 16 << 20;
  auto text = read_uncompressed(file, kMostBytes, kMostBytes);
  if (!text)
    return text.error();
  if (config_options(*text).empty())
    return Error{.code = Errc::usage,
                 .context = fmt::format("configuration {}: has no line CONFIG_NAME=... nor "
                                        "\"# CONFIG_NAME is not set\"",
                                        name)};
  return Fragment{.name = name, .text = *std::move(text)};
}

// In the order in which they lie on one another.
Result<std::vector<Fragment>> read_fragments(const BuildOptions& options,
                                             const Architecture& architecture)
{
  std::vector<std::string> names = options.configs;
  if (names.empty())
    names = {kBase};
  std::vector<Fragment> fragments;
  for (const auto& name : names) {
    auto fragment = read_fragment(name);
    if (!fragment)
      return fragment.error();
    fragments.push_back(*std::move(fragment));
  }
  // What is whole lies below what is a part, in whatever order they were given.
  const auto parts =
      std::stable_partition(fragments.begin(), fragments.end(),
                            [](const Fragment& one) { return is_whole_config(one.text); });
  if (parts - fragments.begin() > 1)
    return Error{.code = Errc::usage,
                 .context = fmt::format("configurations {} and {} are both whole: give one of them",
                                        fragments[0].name, fragments[1].name)};
  if (parts != fragments.begin())
    return fragments;
  std::vector<Fragment> all;
  for (const std::string& below :
       {std::string(kBase), std::string(architecture.name == "arm64" ? "arm64" : "")})
    if (!below.empty() && std::find(names.begin(), names.end(), below) == names.end()) {
      auto fragment = read_fragment(below);
      if (!fragment)
        return fragment.error();
      all.push_back(*std::move(fragment));
    }
  all.insert(all.end(), fragments.begin(), fragments.end());
  // A base that was asked for by name lies below the others all the same.
  std::stable_sort(all.begin(), all.end(), [](const Fragment& a, const Fragment& b) {
    return a.name == kBase && b.name != kBase;
  });
  return all;
}

// A file that the source's Makefile made in `folder`, and that is no link to elsewhere: we read
// and write with rights that it may not have.
Result<fs::path> made_in(const fs::path& folder, const fs::path& name)
{
  std::error_code error;
  const fs::path top = fs::canonical(folder, error);
  const fs::path file = fs::canonical(folder / name, error);
  if (error)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("the build made no {}", (folder / name).string())};
  if (file != top / name || !fs::is_regular_file(file, error))
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("the build made {} a link or no file: it is not followed",
                                        (folder / name).string())};
  if (const auto size = fs::file_size(file, error); error || size > kMostImageBytes)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("the build made {} of {} bytes: not taken",
                                        (folder / name).string(), size)};
  return file;
}

Result<std::string> read_made(const fs::path& folder, const fs::path& name)
{
  const auto file = made_in(folder, name);
  return file ? read_regular_file(*file) : file.error();
}

// One source's builds of one configuration: the folder that make works in.
class BuildFolder
{
 public:
  BuildFolder(const KernelSource& source, fs::path out, Toolchain toolchain, int jobs,
              std::optional<Sandbox> sandbox)
      : source_(source),
        out_(std::move(out)),
        toolchain_(std::move(toolchain)),
        jobs_(jobs),
        sandbox_(std::move(sandbox))
  {
  }
  fs::path log() const { return out_.string() + ".log"; }
  const fs::path& out() const { return out_; }

  // Output goes to the log; Errc::unsupported with its first complaint.
  Result<> make(const std::vector<std::string>& targets, const Notify& notify) const
  {
    const UniqueFd log_fd(
        ::open(log().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0644));
    if (!log_fd)
      return os_error("open " + log().string());
    std::vector<std::string> argv = {"make",
                                     "--no-print-directory",
                                     "-C",
                                     source_.work_tree(),
                                     "O=" + out_.string(),
                                     "ARCH=" + toolchain_.arch,
                                     fmt::format("-j{}", jobs_)};
    if (!toolchain_.prefix.empty())
      argv.push_back("CROSS_COMPILE=" + toolchain_.prefix);
    argv.insert(argv.end(), targets.begin(), targets.end());
    if (sandbox_)
      argv = sandbox_->wrap(argv, {.readable = {source_.work_tree()}, .writable = {out_}});
    // The same bytes for the same source, whenever, by whomever and how often it is built; no
    // "+" or "-dirty" that says that our work tree is patched.
    auto child = Child::spawn(
        {.argv = argv,
         .environment = {"LC_ALL=C",
                         "LOCALVERSION=", "KBUILD_BUILD_TIMESTAMP=1 Jan 2026 00:00:00 UTC",
                         "KBUILD_BUILD_USER=rmaplab", "KBUILD_BUILD_HOST=rmaplab",
                         "KBUILD_BUILD_VERSION=1"},
         .stdout_fd = log_fd.get(),
         .stderr_fd = log_fd.get(),
         .own_group = true});
    if (!child)
      return child.error();
    std::optional<int> status;
    std::uint64_t read = 0;
    std::ptrdiff_t lines = 0;
    while (!(status = child->poll())) {
      if (interrupted())
        return Error{.code = Errc::interrupted, .context = "interrupted"};
      status = child->wait(200);
      if (status)
        break;
      // What came since the last look, at most kMostLogBytes in all.
      const auto fresh = read_from(log(), read, kMostLogBytes - std::min(read, kMostLogBytes));
      if (!fresh)
        continue;
      read += fresh->size();
      lines += std::count(fresh->begin(), fresh->end(), '\n');
      if (!fresh->empty())
        notify.passing(
            fmt::format("{} files done: {}", lines, printable(trim(last_lines(*fresh, 1)))));
      if (read >= kMostLogBytes)
        return Error{
            .code = Errc::unsupported,
            .context = fmt::format("make {}: more than {} MiB of output; the log is {}",
                                   fmt::join(targets, " "), kMostLogBytes >> 20, log().string())};
    }
    if (*status == 0)
      return ok();
    const auto text = read_from(log(), 0, kMostLogBytes);
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("make {}: {}; the log is {}", fmt::join(targets, " "),
                                        text ? printable(first_build_error(*text)) : "no log",
                                        log().string())};
  }

  // .config from the fragments; left alone where it is as it would be. All that a fragment sets
  // must be so in the end; a whole configuration may come out otherwise.
  Result<> configure(std::vector<Fragment> fragments, const Notify& notify) const
  {
    const bool whole = is_whole_config(fragments.front().text);
    const std::string strict = merged({fragments.begin() + (whole ? 1 : 0), fragments.end()});
    if (whole)
      fragments.push_back({.name = "keys", .text = replace_keys(merged(fragments), notify)});
    const std::string wanted = merged(fragments);
    std::error_code error;
    const auto before = fs::exists(out_ / kWanted, error) ? read_made(out_, kWanted)
                                                          : Result<std::string>(std::string());
    if (before && *before == wanted && fs::exists(out_ / ".config", error))
      return check(strict);
    if (auto made = make_directories(out_); !made)
      return made.error();
    const fs::path config = out_ / ".config";
    std::string base;
    fs::remove_all(config, error);  // of a build before, a link or a folder maybe
    if (!whole) {
      if (auto done = make({"tinyconfig"}, notify); !done)
        return done.error();
      auto tiny = read_made(out_, ".config");
      if (!tiny)
        return tiny.error();
      base = *tiny;
    }
    if (auto written = write_file(config, merge_config(base, wanted)); !written)
      return written.error();
    if (auto done = make({"olddefconfig"}, notify); !done)
      return done.error();
    if (auto checked = check(strict); !checked)
      return checked.error();
    return write_file(out_ / kWanted, wanted);
  }

  // What came out otherwise of a whole configuration, in words; "" of fragments.
  Result<std::string> config_otherwise(const Fragment& given) const
  {
    if (!is_whole_config(given.text))
      return std::string();
    const auto config = read_made(out_, ".config");
    if (!config)
      return config.error();
    ConfigSymbols symbols;
    std::error_code error;
    for (auto it = fs::recursive_directory_iterator(source_.work_tree(), error);
         !error && it != fs::recursive_directory_iterator(); it.increment(error))
      if (it->path().filename().string().starts_with("Kconfig") && it->is_regular_file(error))
        if (const auto text = read_regular_file(it->path()))
          add_symbols(*text, symbols);
    return printable(to_string(fs::path(given.name).filename().string(),
                               config_changes(given.text, *config, symbols)));
  }

 private:
  // The configuration that .config was made for.
  static constexpr const char* kWanted = ".rmaplab-wanted";
  // A distribution's keys are files of its own build.
  std::string replace_keys(const std::string& wanted, const Notify& notify) const
  {
    std::string fragment;
    const auto missing = missing_keys(wanted, [&](const std::string& file) {
      std::error_code error;
      const bool outside = fs::path(file).is_absolute();
      return fs::exists(source_.work_tree() / file, error) && !(outside && sandbox_);
    });
    for (const auto& [name, file] : missing) {
      notify(fmt::format("{}: {} is not in the source: left out", name, printable(file)));
      fragment += fmt::format("CONFIG_{}=\"{}\"\n", name,
                              name == "MODULE_SIG_KEY" ? "certs/signing_key.pem" : "");
    }
    return fragment;
  }

  Result<> check(const std::string& wanted) const
  {
    const auto config = read_made(out_, ".config");
    if (!config)
      return config.error();
    const auto refused = refused_options(wanted, *config);
    if (refused.empty())
      return ok();
    return Error{.code = Errc::usage,
                 .context = fmt::format("{} does not take {} of the options wanted:\n  {}",
                                        source_.id(), refused.size(), fmt::join(refused, "\n  "))};
  }

  const KernelSource& source_;
  fs::path out_;
  Toolchain toolchain_;
  int jobs_;
  std::optional<Sandbox> sandbox_;
};

// A Makefile may leave in the folder that it works in what the next build there takes for its own.
// So a series is built in a copy of what the source without it left: at the same place, which make
// has in its files, and gone when this goes.
class SeriesFolder
{
 public:
  // `out`: the folder that make works in. It may be missing.
  static Result<SeriesFolder> create(const fs::path& out, const Notify& notify)
  {
    if (auto back = restore(out); !back)
      return back.error();
    SeriesFolder folder(out);
    std::error_code error;
    if (auto made = make_directories(out); !made)
      return made.error();
    fs::rename(out, kept(out), error);
    if (error)
      return Error{
          .code = Errc::os, .context = "rename " + out.string(), .sys_errno = error.value()};
    const auto copied =
        run_command({.argv = {"cp", "-aT", "--reflink=auto", "--", kept(out), out}},
                    [&] { notify.passing("copying what the source without the series left"); });
    if (!copied)
      return copied.error();
    if (copied->wait_status != 0)
      return Error{.code = Errc::os,
                   .context = fmt::format("copy {}: {}", kept(out).string(),
                                          printable(trim(last_lines(copied->err, 1))))};
    return folder;
  }
  SeriesFolder(SeriesFolder&& other) noexcept : out_(std::exchange(other.out_, {})) {}
  SeriesFolder& operator=(SeriesFolder&&) = delete;
  ~SeriesFolder()
  {
    if (!out_.empty())
      static_cast<void>(restore(out_));  // else the next build's first step says why not
  }
  // Also after a build that was killed.
  static Result<> restore(const fs::path& out)
  {
    std::error_code error;
    if (!fs::exists(kept(out), error))
      return ok();
    fs::remove_all(out, error);
    if (!error)
      fs::rename(kept(out), out, error);
    return error ? Result<>(Error{.code = Errc::os,
                                  .context = fmt::format("put {} back", kept(out).string()),
                                  .sys_errno = error.value()})
                 : ok();
  }

 private:
  explicit SeriesFolder(fs::path out) : out_(std::move(out)) {}
  static fs::path kept(const fs::path& out) { return out.string() + ".base"; }
  fs::path out_;
};

// What BuildOptions::sandbox comes to here.
Result<std::optional<Sandbox>> sandbox_of(const std::string& wanted, const Notify& notify)
{
  if (wanted == "off" || (wanted == "auto" && ::geteuid() != 0))
    return std::optional<Sandbox>();
  auto sandbox = Sandbox::find();
  if (sandbox)
    return std::optional<Sandbox>(*std::move(sandbox));
  if (wanted == "on" || sandbox.error().code != Errc::unsupported)
    return Error{.code = sandbox.error().code,
                 .context = "--sandbox on: " + sandbox.error().context};
  notify("warning: the source's Makefile runs as root, outside of a sandbox: " +
         sandbox.error().context);
  return std::optional<Sandbox>();
}

Result<> copy_to(const fs::path& from, const fs::path& to)
{
  std::error_code error;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  return error ? Result<>(Error{.code = Errc::os,
                                .context = "copy to " + to.string(),
                                .sys_errno = error.value()})
               : ok();
}

constexpr const char* kFiles[] = {"vmlinuz", "System.map", "config", "manifest.json"};

// The folder appears whole or not at all.
Result<> store(const BuildFolder& built, const Architecture& architecture, const Manifest& manifest,
               const fs::path& folder)
{
  const fs::path part = folder.string() + ".tmp";
  std::error_code error;
  fs::remove_all(part, error);
  if (auto made = make_directories(part); !made)
    return made.error();
  const std::pair<fs::path, const char*> files[] = {
      {architecture.boot_image, "vmlinuz"}, {"System.map", "System.map"}, {".config", "config"}};
  Manifest whole = manifest;
  for (const auto& [from, name] : files) {
    const auto made = made_in(built.out(), from);
    if (!made)
      return made.error();
    if (auto copied = copy_to(*made, part / name); !copied)
      return copied.error();
    const auto bytes = read_regular_file(part / name);
    if (!bytes)
      return bytes.error();
    whole[built_checksum_key(name)] = sha256(*bytes);
  }
  if (auto written = write_file(part / "manifest.json", manifest_json(with_own_sum(whole)));
      !written)
    return written.error();
  fs::remove_all(folder, error);
  fs::rename(part, folder, error);
  return error ? Result<>(Error{.code = Errc::os,
                                .context = "rename to " + folder.string(),
                                .sys_errno = error.value()})
               : ok();
}

Result<std::string> compiler_version(const Toolchain& toolchain)
{
  auto said = ask_program({.argv = {toolchain.compiler(), "--version"}});
  if (!said)
    return said.error();
  const auto lines = lines_of(said->out);
  return lines.empty() ? std::string("unknown") : std::string(lines[0]);
}

// Which patches it is, and what of the text is none of them.
void tell_series(const std::string& spec, const PatchSeries& series, const std::string& how,
                 const Notify& notify)
{
  const std::size_t count = series.patches.size();
  notify(fmt::format(
      "{}: {} patch{} {}{}{}", printable(spec), count, count == 1 ? "" : "es", how,
      series.left_out.empty() ? "" : fmt::format(", {} left out", series.left_out.size()),
      series.noted.empty() ? "" : ": " + series.noted));
  for (const Patch& patch : series.patches)
    notify(fmt::format("  {}{}{}", patch.label, patch.label.empty() ? "" : " ",
                       printable(patch.subject)));
  for (const LeftOut& left : series.left_out)
    notify(fmt::format("  left out: {}: {}", printable(left.subject), left.why));
}

}  // namespace

fs::path kernel_configs_folder()
{
  return fs::path(RMAPLAB_SOURCE_DIR) / "kernel-configs";
}

std::vector<std::string> fragment_names()
{
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kernel_configs_folder(), error))
    if (entry.path().extension() == ".config")
      names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

Result<> check_build_tools(const std::string& architecture)
{
  const auto found = find_architecture(architecture);
  if (!found)
    return found.error();
  const auto base = read_fragment(kBase);
  if (!base)
    return base.error();
  return check_tools(toolchain_of(*found), base->text);
}

std::string first_build_error(std::string_view log)
{
  auto with_package = [](std::string_view line) {
    std::string text(trim(line));
    if (text.find(": No such file") != std::string::npos)
      for (const Tool& header : kHeaders)
        if (text.find(std::string(": ") + header.program) != std::string::npos)
          return text + fmt::format(" (Debian: apt-get install {})", header.package);
    return text;
  };
  std::string first;
  for (const auto line : lines_of(log)) {
    const bool compiler = line.find(": error: ") != std::string_view::npos ||
                          line.find(": fatal error: ") != std::string_view::npos ||
                          line.find("undefined reference to") != std::string_view::npos;
    if (compiler)
      return with_package(line);
    if (first.empty() && (line.find("*** ") != std::string_view::npos ||
                          line.find(": not found") != std::string_view::npos))
      first = trim(line);
  }
  return first.empty() ? std::string(trim(last_lines(log, 1))) : first;
}

Result<BuiltKernel> build_kernel(const BuildOptions& options, const Notify& notify)
{
  const std::uint64_t began = monotonic_ns();
  const auto architecture = find_architecture(options.kernel.architecture);
  if (!architecture)
    return architecture.error();
  const Toolchain toolchain = toolchain_of(*architecture);
  const auto fragments = read_fragments(options, *architecture);
  if (!fragments)
    return fragments.error();
  const std::string wanted = merged(*fragments);
  if (auto tools = check_tools(toolchain, wanted); !tools)
    return tools.error();
  PatchSeries series;
  std::string revision;
  if (!options.series.empty()) {
    auto read = read_series(options.series, options.source, options.pick);
    if (!read)
      return read.error();
    series = *std::move(read);
    if (options.use_series)
      tell_series(options.series, series, options.reverse ? "taken off" : "applied", notify);
    if (const auto dots = options.series.find("..");
        is_commit_range(options.series, options.source))
      revision = options.reverse
                     ? options.series.substr(options.series.find_first_not_of('.', dots))
                     : options.series.substr(0, dots);
  }
  if (!options.use_series)
    series.patches.clear();
  PatchSeries before;
  for (const auto& file : options.before) {
    auto read = read_series(file, options.source);
    if (!read)
      return Error{.code = read.error().code,
                   .context = read.error().context +
                              "\n(--pick is for --series: --before takes a file of its own)"};
    tell_series(file, *read, "applied before", notify);
    before.patches.insert(before.patches.end(), read->patches.begin(), read->patches.end());
  }
  const auto compiler = compiler_version(toolchain);
  if (!compiler)
    return compiler.error();
  const auto source = KernelSource::open(options.source, revision, options.kernel, notify);
  if (!source)
    return source.error();

  BuiltKernel built;
  built.manifest = {{"manifest_version", "1"},
                    {"kernel.source", source->id()},
                    {"build.tree", source->tree()},
                    {"build.compiler", *compiler}};
  std::string inputs = source->tree() + *compiler + std::string(architecture->name);
  for (const Fragment& fragment : *fragments)
    built.manifest["build.config"] += (built.manifest["build.config"].empty() ? "" : " ") +
                                      fs::path(fragment.name).filename().string();
  inputs += wanted;
  if (is_whole_config(fragments->front().text))
    inputs += kConfigOtherwise;  // its manifest says it since then
  for (const Patch& patch : before.patches)
    inputs += "before" + diff_id(patch.diff);
  for (const Patch& patch : series.patches)
    inputs += (options.reverse ? "off" : "on") + diff_id(patch.diff);
  for (std::size_t i = 0; i < before.patches.size(); ++i)
    built.manifest[fmt::format("build.before.{}", i + 1)] = fmt::format(
        "{} {}", diff_id(before.patches[i].diff).substr(0, 12), before.patches[i].subject);
  for (std::size_t i = 0; i < series.patches.size(); ++i)
    built.manifest[fmt::format("build.series.{:02}", i + 1)] = fmt::format(
        "{} {}", diff_id(series.patches[i].diff).substr(0, 12), series.patches[i].subject);
  if (!series.patches.empty())
    built.manifest["kernel.series"] = fmt::format(
        "{} patch{} {}: {}{}", series.patches.size(), series.patches.size() == 1 ? "" : "es",
        options.reverse ? "taken off" : "applied", series.patches.front().subject,
        series.patches.size() == 1 ? "" : ", ...");

  built.folder = source->folder() / "kernels" / sha256(inputs).substr(0, 16);
  std::error_code error;
  const bool is_there = fs::exists(built.folder / "manifest.json", error);
  const auto whole = is_there ? check_built_folder(built.folder, true) : Result<>(Error{});
  if (is_there && !whole)
    notify(fmt::format("{}: built again", whole.error().context));
  if (is_there && whole) {
    auto manifest = read_manifest(built.folder / "manifest.json");
    if (!manifest)
      return manifest.error();
    built.manifest = *std::move(manifest);
    built.compiled = false;
    if (const std::string text = manifest_value(built.manifest, kConfigOtherwise); !text.empty())
      notify(printable(text));
  } else {
    const auto sandbox = sandbox_of(options.sandbox, notify);
    if (!sandbox)
      return sandbox.error();
    built.manifest["build.sandbox"] = *sandbox ? (*sandbox)->name() : "none";
    const int jobs =
        options.jobs > 0 ? options.jobs : static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
    // By the names of the fragments: what is edited in one is compiled, not everything. By what
    // lies below the series: others' patches are no part of it.
    std::string names = built.manifest["build.config"];
    std::replace(names.begin(), names.end(), ' ', '+');
    std::string below;
    for (const Patch& patch : before.patches)
      below += diff_id(patch.diff);
    const BuildFolder folder(
        *source,
        source->folder() / fmt::format("out-{}-{}-{}{}", toolchain.arch, names,
                                       sha256(*compiler).substr(0, 8),
                                       below.empty() ? "" : "-" + sha256(below).substr(0, 8)),
        toolchain, jobs, *sandbox);
    if (auto back = SeriesFolder::restore(folder.out()); !back)
      return back.error();
    // The work tree as it is to be, configured and made.
    const auto make = [&](bool with_series) -> Result<> {
      if (auto clean = source->reset(notify); !clean)
        return clean;
      for (const auto& [patches, off] : {std::pair{&before, false}, {&series, options.reverse}}) {
        if (patches->patches.empty() || (patches == &series && !with_series))
          continue;
        const auto applied = source->apply(*patches, off, notify);
        if (!applied)
          return applied.error();
        for (const auto& note : applied->notes)
          notify(note);
        built.manifest[patches == &before ? "build.before.how" : "build.series.how"] = applied->how;
      }
      notify(fmt::format("building {}{}", source->id(),
                         with_series ? ", " + built.manifest["kernel.series"] : ""));
      if (auto done = folder.configure(*fragments, notify); !done)
        return done;
      if (with_series == !series.patches.empty()) {
        const auto otherwise = folder.config_otherwise(fragments->front());
        if (!otherwise)
          return otherwise.error();
        if (!otherwise->empty()) {
          built.manifest[kConfigOtherwise] = *otherwise;
          notify(*otherwise);
        }
      }
      return folder.make({architecture->name == "amd64" ? "bzImage" : "Image"}, notify);
    };
    const auto keep = [&]() -> Result<> {
      const auto config = read_made(folder.out(), ".config");
      if (!config)
        return config.error();
      built.manifest["build.config_sha256"] = sha256(*config);
      return store(folder, *architecture, built.manifest, built.folder);
    };
    std::vector<Patch> patches = before.patches;
    patches.insert(patches.end(), series.patches.begin(), series.patches.end());
    const auto source_state = SourceState::keep(*source, patches, notify);
    if (!source_state)
      return source_state.error();
    // What the source itself was last built as in this folder.
    const fs::path made = folder.out().string() + ".made";
    const std::string state = sha256(source->tree() + wanted);
    const auto make_source = [&]() -> Result<> {
      fs::remove(made, error);
      auto done = make(false);
      return done ? write_file(made, state) : done;
    };
    if (series.patches.empty()) {
      if (auto done = make_source(); !done)
        return done.error();
      if (auto kept = keep(); !kept)
        return kept.error();
    } else {
      if (const auto before_it = read_file(made); !before_it || *before_it != state)
        if (const auto done = make_source(); !done) {
          if (done.error().code == Errc::interrupted)
            return done.error();
          notify("without the series it does not build: " + printable(done.error().context));
        }
      const auto copy = SeriesFolder::create(folder.out(), notify);
      if (!copy)
        return copy.error();
      if (auto done = make(true); !done)
        return done.error();
      if (auto kept = keep(); !kept)
        return kept.error();
    }
  }
  if (!options.out.empty()) {
    if (auto made = make_directories(options.out); !made)
      return made.error();
    for (const char* name : kFiles)
      if (auto copied = copy_to(built.folder / name, options.out / name); !copied)
        return copied.error();
    built.folder = options.out;
  }
  built.build_s = static_cast<double>(monotonic_ns() - began) * 1e-9;
  return built;
}

}  // namespace rmaplab
