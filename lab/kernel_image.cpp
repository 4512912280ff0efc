// SPDX-License-Identifier: GPL-2.0-only
#include "lab/kernel_image.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstring>
#include <optional>

#include "base/files.h"
#include "base/text.h"
#include "lab/debian_archive.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

std::uint32_t little_endian(std::string_view bytes, std::size_t offset, std::size_t width)
{
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[offset + i])) << (8 * i);
  return value;
}

Result<Kernel> load(const std::string& spec, const std::string& source, const fs::path& image,
                    const fs::path& config)
{
  auto bytes = read_file(image);
  if (!bytes)
    return bytes.error();
  auto release = check_image(image.string(), *bytes);
  if (!release)
    return release.error();
  Kernel kernel{.spec = spec,
                .release = *release,
                .source = source,
                .image = fs::absolute(image),
                .config = {},
                .image_sha256 = sha256(*bytes),
                .config_sha256 = {}};
  if (const auto text = config.empty() ? Result<std::string>(Error{}) : read_file(config)) {
    kernel.config = fs::absolute(config);
    kernel.config_sha256 = sha256(*text);
  }
  return kernel;
}

// A kernel build tree: its image for this architecture and its .config.
Result<Kernel> from_build_tree(const std::string& spec, const fs::path& tree)
{
  for (const char* image : {"arch/x86/boot/bzImage", "arch/arm64/boot/Image"}) {
    std::error_code error;
    if (fs::exists(tree / image, error))
      return load(spec, "build tree " + fs::absolute(tree).string(), tree / image,
                  tree / ".config");
  }
  return Error{
      .code = Errc::usage,
      .context = tree.string() + ": expected a kernel build tree with arch/x86/boot/bzImage in it"};
}

}  // namespace

std::string sha256(std::string_view bytes)
{
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return hex({reinterpret_cast<const char*>(digest), size});
}

Result<std::string> check_image(const std::string& name, std::string_view bytes)
{
  auto reject = [&](const std::string& what) {
    return Error{.code = Errc::parse, .context = name + ": " + what};
  };
  if (bytes.size() > 64 && bytes.substr(56, 4) == "ARM\x64")
    return std::string("arm64");
  constexpr std::size_t kHeader = 0x260;
  if (bytes.size() < kHeader || bytes.substr(0x202, 4) != "HdrS" ||
      little_endian(bytes, 0x1fe, 2) != 0xaa55)
    return reject("is no kernel image (no bzImage header)");
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

Result<Kernel> find_kernel(const std::string& spec, const KernelOptions& options,
                           const Notify& notify)
{
  constexpr std::string_view kDebian = "debian:";
  if (spec.rfind(kDebian, 0) == 0) {
    auto fetched = fetch_debian_kernel(spec.substr(kDebian.size()), options, notify);
    if (!fetched)
      return fetched.error();
    return load(spec, fetched->source, fetched->image, fetched->config);
  }
  if (spec == "host")
    return Error{.code = Errc::usage,
                 .context =
                     "the running kernel cannot boot in the lab; measure it with "
                     "`rmaplab run`, or give its image: /boot/vmlinuz-..."};
  std::error_code error;
  if (fs::is_directory(spec, error))
    return from_build_tree(spec, spec);
  if (!fs::exists(spec, error))
    return Error{.code = Errc::usage,
                 .context = fmt::format("\"{}\" is no kernel: expected debian:VERSION, an image "
                                        "or a build tree",
                                        spec)};
  const fs::path image(spec);
  const std::string name = image.filename();
  const fs::path config = name.rfind("vmlinuz-", 0) == 0
                              ? image.parent_path() / ("config-" + name.substr(8))
                              : fs::path();
  return load(spec, "file " + fs::absolute(image).string(), image, config);
}

}  // namespace rmaplab
