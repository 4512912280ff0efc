// SPDX-License-Identifier: GPL-2.0-only
#include "lab/kernel_image.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "base/files.h"
#include "base/regular_file.h"
#include "base/text.h"
#include "lab/debian_archive.h"
#include "lab/module.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr std::string_view kEfiMagic("PE\0\0", 4);

std::uint32_t little_endian(std::string_view bytes, std::size_t offset, std::size_t width)
{
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[offset + i])) << (8 * i);
  return value;
}

struct PeSection {
  std::string_view name;  // at most eight bytes
  std::size_t end = 0;    // in the file
};

// Of a file with an EFI header (Microsoft, "PE Format"); none where it has none, or no room for it.
std::vector<PeSection> pe_sections(std::string_view bytes)
{
  std::vector<PeSection> all;
  if (bytes.size() < 0x40)
    return all;
  const std::size_t head = little_endian(bytes, 0x3c, 4);
  if (head > bytes.size() || bytes.size() - head < 24 || bytes.substr(head, 4) != kEfiMagic)
    return all;
  const std::size_t sections = little_endian(bytes, head + 6, 2);
  std::size_t at = head + 24 + little_endian(bytes, head + 20, 2);
  for (std::size_t i = 0; i < sections && at + 40 <= bytes.size(); ++i, at += 40) {
    const auto name = bytes.substr(at, 8);
    all.push_back(
        {.name = name.substr(0, name.find('\0')),
         .end = std::size_t{little_endian(bytes, at + 16, 4)} + little_endian(bytes, at + 20, 4)});
  }
  return all;
}

// Bytes that an arm64 Image with an EFI header says it has; the first header's size
// also counts memory that the file does not hold.
std::size_t size_by_efi_header(std::string_view bytes)
{
  std::size_t size = 0;
  for (const PeSection& section : pe_sections(bytes))
    size = std::max(size, section.end);
  return size;
}

// An arm64 Image is not compressed: its release is in the text of /proc/version.
std::string release_in_version_text(std::string_view bytes)
{
  constexpr std::string_view kBegin = "Linux version ";
  for (auto at = bytes.find(kBegin); at != std::string_view::npos; at = bytes.find(kBegin, at)) {
    at += kBegin.size();
    const auto word = bytes.substr(at, bytes.substr(at, 256).find(' '));
    if (!word.empty() && word[0] >= '0' && word[0] <= '9')
      return std::string(word);
  }
  return {};
}

bool begins(std::string_view bytes, std::string_view magic)
{
  return bytes.substr(0, magic.size()) == magic;
}

// Of an EFI zboot image: the word at offset 24 (drivers/firmware/efi/libstub/zboot-header.S).
std::string zboot_compression(std::string_view bytes)
{
  std::string name;
  for (const char c : bytes.substr(std::min<std::size_t>(24, bytes.size()), 32)) {
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9'))
      break;
    name += c;
  }
  return name.empty() ? "compressed" : name;
}

// What these bytes are that are no image we boot, and what to give instead.
std::string what_else(std::string_view bytes)
{
  constexpr std::string_view kGive =
      "give the image that `make` puts into arch/x86/boot/bzImage or "
      "arch/arm64/boot/Image";
  constexpr std::string_view kUnpack = "unpack it first";
  const struct {
    std::string_view magic;
    std::string_view what;
    std::string_view instead;
  } kinds[] = {
      {"\x7f"
       "ELF",
       "is an ELF file, as vmlinux", kGive},
      {"\x1f\x8b", "is compressed by gzip, as Image.gz", "unpack it first: gzip -dc"},
      {{"\xfd"
        "7zXZ\0",
        6},
       "is compressed by xz",
       "unpack it first: xz -dc"},
      {"\x28\xb5\x2f\xfd", "is compressed by zstd", "unpack it first: zstd -dc"},
      {"BZh", "is compressed by bzip2", "unpack it first: bzip2 -dc"},
      {"\x02\x21\x4c\x18", "is compressed by lz4", "unpack it first: lz4 -dc"},
      {"\x04\x22\x4d\x18", "is compressed by lz4", "unpack it first: lz4 -dc"},
      {"\x27\x05\x19\x56", "is an image for U-Boot (uImage)", kGive},
      {"\xd0\x0d\xfe\xed", "is a flattened image tree or device tree", kGive},
      {"!<arch>\ndebian", "is a Debian package", kUnpack},
      {"\xed\xab\xee\xdb", "is an RPM package", kUnpack},
      {"070701", "is an initramfs", kGive},
  };
  for (const auto& kind : kinds)
    if (begins(bytes, kind.magic))
      return fmt::format("{}: {}", kind.what, kind.instead);
  if (begins(bytes, "MZ") && bytes.size() > 8 && bytes.substr(4, 4) == "zimg")
    return fmt::format("is an EFI zboot image, {} (CONFIG_EFI_ZBOOT): {}", zboot_compression(bytes),
                       kGive);
  const auto sections = pe_sections(bytes);
  if (begins(bytes, "MZ") && std::any_of(sections.begin(), sections.end(),
                                         [](const PeSection& one) { return one.name == ".linux"; }))
    return "is a unified kernel image: give the kernel in it: objcopy -O binary "
           "--only-section=.linux";
  return "is no kernel image (no bzImage header)";
}

Result<Kernel> load(const std::string& spec, const std::string& source,
                    const Architecture& architecture, const fs::path& image, const fs::path& config,
                    const fs::path& ram_disk)
{
  auto bytes = read_regular_file(image);
  if (!bytes)
    return bytes.error();
  auto release = check_image(image.string(), *bytes);
  if (!release)
    return release.error();
  const std::string_view found = is_arm64_image(*bytes) ? "arm64" : "amd64";
  if (found != architecture.name)
    return Error{.code = Errc::usage,
                 .context = fmt::format("{} is a kernel for {}, not {}: say --arch {}",
                                        image.string(), found, architecture.name, found)};
  Kernel kernel{.spec = spec,
                .release = *release,
                .architecture = architecture,
                .source = source,
                .series = {},
                .config_otherwise = {},
                .image = fs::absolute(image),
                .config = {},
                .ram_disk = ram_disk,
                .system_map = {},
                .image_sha256 = sha256(*bytes),
                .config_sha256 = {}};
  if (const auto text = config.empty() ? Result<std::string>(Error{}) : read_file(config)) {
    kernel.config = fs::absolute(config);
    kernel.config_sha256 = sha256(*text);
  }
  return kernel;
}

Result<Kernel> with_system_map(Result<Kernel> kernel, const fs::path& system_map)
{
  std::error_code error;
  if (kernel && fs::is_regular_file(system_map, error))
    kernel->system_map = fs::absolute(system_map);
  return kernel;
}

// What build_kernel() put into a folder.
Result<Kernel> from_built_folder(const std::string& spec, const Architecture& architecture,
                                 const fs::path& folder)
{
  std::error_code error;
  if (!fs::exists(folder / "vmlinuz", error))
    return Error{.code = Errc::usage,
                 .context = fmt::format("{} has no vmlinuz: {}", folder.string(),
                                        fs::exists(folder / "samples.csv", error)
                                            ? "it is a run, no kernel"
                                            : "`rmaplab kernel build` did not make it")};
  if (auto whole = check_built_folder(folder, false); !whole)
    return whole.error();
  const auto manifest = read_manifest(folder / "manifest.json");
  if (!manifest)
    return manifest.error();
  auto kernel = load(spec, manifest_value(*manifest, "kernel.source"), architecture,
                     folder / "vmlinuz", folder / "config", {});
  if (!kernel)
    return kernel;
  kernel->series = manifest_value(*manifest, "kernel.series");
  kernel->config_otherwise = manifest_value(*manifest, kConfigOtherwise);
  return with_system_map(kernel, folder / "System.map");
}

// A kernel build tree: its image for this architecture and its .config.
Result<Kernel> from_build_tree(const std::string& spec, const Architecture& architecture,
                               const fs::path& tree)
{
  std::error_code error;
  if (fs::exists(tree / architecture.boot_image, error))
    return with_system_map(load(spec, "build tree " + fs::absolute(tree).string(), architecture,
                                tree / architecture.boot_image, tree / ".config",
                                module_below(tree / "drivers/block", kRamDisk)),
                           tree / "System.map");
  return Error{.code = Errc::usage,
               .context = fmt::format("{}: expected a kernel build tree with {} in it",
                                      tree.string(), architecture.boot_image)};
}

}  // namespace

std::string sha256(std::string_view bytes)
{
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return hex({reinterpret_cast<const char*>(digest), size});
}

bool is_arm64_image(std::string_view bytes)
{
  return bytes.size() > 64 && bytes.substr(56, 4) == "ARM\x64";
}

Result<std::string> check_image(const std::string& name, std::string_view bytes)
{
  auto reject = [&](const std::string& what) {
    return Error{.code = Errc::parse, .context = name + ": " + what};
  };
  if (is_arm64_image(bytes)) {
    const std::size_t size = size_by_efi_header(bytes);
    if (bytes.size() < size)
      return reject(
          fmt::format("is cut off: {} bytes where its header says {}", bytes.size(), size));
    const std::string release = release_in_version_text(bytes);
    return release.empty() ? reject("has no release text in it") : Result<std::string>(release);
  }
  constexpr std::size_t kHeader = 0x260;
  if (bytes.size() < kHeader || bytes.substr(0x202, 4) != "HdrS" ||
      little_endian(bytes, 0x1fe, 2) != 0xaa55)
    return reject(what_else(bytes));
  const std::size_t setup_sectors =
      little_endian(bytes, 0x1f1, 1) ? little_endian(bytes, 0x1f1, 1) : 4;
  const std::size_t expected =
      (setup_sectors + 1) * 512 + std::size_t{16} * little_endian(bytes, 0x1f4, 4);
  if (bytes.size() < expected)
    return reject(
        fmt::format("is cut off: {} bytes where its header says {}", bytes.size(), expected));
  const std::size_t pointer = little_endian(bytes, 0x20e, 2);  // 0: there is no text
  const std::size_t at = pointer + 0x200;
  const auto end = bytes.find('\0', at);
  if (pointer == 0 || at >= bytes.size() || end == std::string_view::npos)
    return reject("has no release text in its header");
  const auto words = split_blanks(bytes.substr(at, end - at));
  if (words.empty())
    return reject("has no release text in its header");
  return std::string(words[0]);
}

std::string built_checksum_key(const std::string& file)
{
  return "build.sha256." + file;
}

Manifest with_own_sum(Manifest manifest)
{
  const std::string key = built_checksum_key("manifest");
  manifest.erase(key);
  manifest[key] = sha256(manifest_json(manifest));
  return manifest;
}

Result<> check_built_folder(const fs::path& folder, bool must_know)
{
  const auto manifest = read_manifest(folder / "manifest.json");
  if (!manifest)
    return manifest.error();
  const std::string own = manifest_value(*manifest, built_checksum_key("manifest"));
  if (!own.empty() && with_own_sum(*manifest) != *manifest)
    return Error{.code = Errc::parse,
                 .context = fmt::format("{} is not as it was written: its SHA-256 is another",
                                        (folder / "manifest.json").string())};
  for (const char* name : {"vmlinuz", "System.map", "config"}) {
    const auto fault = [&](const std::string& what) {
      return Error{.code = Errc::parse,
                   .context = fmt::format("{} {}", (folder / name).string(), what)};
    };
    const std::string wanted = manifest_value(*manifest, built_checksum_key(name));
    if (wanted.empty() && must_know)
      return fault("has no SHA-256 in its manifest: of an older rmaplab");
    if (wanted.empty())
      continue;
    const auto bytes = read_regular_file(folder / name);
    if (!bytes)
      return bytes.error();
    if (sha256(*bytes) != wanted)
      return fault("is not the file that was built: its SHA-256 is another");
  }
  return ok();
}

Result<Kernel> find_kernel(const std::string& spec, const KernelOptions& options,
                           const Notify& notify)
{
  const auto architecture = find_architecture(options.architecture);
  if (!architecture)
    return architecture.error();
  constexpr std::string_view kDebian = "debian:";
  if (spec.rfind(kDebian, 0) == 0) {
    auto fetched = fetch_debian_kernel(spec.substr(kDebian.size()), options, notify);
    if (!fetched)
      return fetched.error();
    return load(spec, fetched->source, *architecture, fetched->image, fetched->config,
                fetched->ram_disk);
  }
  if (spec == "host")
    return Error{.code = Errc::usage,
                 .context =
                     "the running kernel cannot boot in the lab; measure it with "
                     "`rmaplab run`, or give its image: /boot/vmlinuz-..."};
  std::error_code error;
  if (fs::exists(fs::path(spec) / "manifest.json", error))
    return from_built_folder(spec, *architecture, spec);
  if (fs::is_directory(spec, error))
    return from_build_tree(spec, *architecture, spec);
  if (!fs::exists(spec, error))
    return Error{.code = Errc::usage,
                 .context = fmt::format("\"{}\" is no kernel: expected debian:VERSION, an image, a "
                                        "build tree or what `rmaplab kernel build` made",
                                        spec)};
  const fs::path image(spec);
  const std::string name = image.filename();
  constexpr std::string_view kPrefix = "vmlinuz-";
  const bool installed = name.rfind(kPrefix, 0) == 0;
  const std::string release = installed ? name.substr(kPrefix.size()) : "";
  const fs::path config = installed ? image.parent_path() / ("config-" + release) : fs::path();
  const fs::path drivers = fs::path("/lib/modules") / release / "kernel/drivers/block";
  return with_system_map(
      load(spec, "file " + fs::absolute(image).string(), *architecture, image, config,
           installed ? module_below(drivers, kRamDisk) : fs::path()),
      image.parent_path() / (installed ? "System.map-" + release : "System.map"));
}

}  // namespace rmaplab
