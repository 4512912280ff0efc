// SPDX-License-Identifier: GPL-2.0-only
// A private apt: configuration, lists and downloads in folders of our cache, checked by apt as
// ever; the system's own sources stay as they are. No root needed.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/kernel_image.h"
#include "lab/progress.h"

namespace rmaplab
{

inline constexpr std::chrono::minutes kListsStayFresh = std::chrono::hours(24);

class Apt
{
 public:
  // Errc::unsupported without apt, a keyring or a mirror that the machine's sources name.
  static Result<Apt> create(const KernelOptions& options);
  // The same with package lists, fetched anew when they are older than asked.
  static Result<Apt> with_lists(const KernelOptions& options, std::chrono::minutes max_age,
                                const Notify& notify);

  // Packages whose names begin so.
  Result<std::vector<std::string>> names(const std::string& begin) const;
  // `apt-cache madison` of packages: "NAME | VERSION | URI SUITE/COMPONENT ARCH Packages".
  Result<std::string> madison(const std::vector<std::string>& packages) const;
  // Downloads one package into `folder` and gives the file.
  Result<std::filesystem::path> download(const std::string& package, const std::string& version,
                                         const std::filesystem::path& folder,
                                         const Notify& notify) const;

 private:
  explicit Apt(const std::string& architecture);
  std::vector<std::string> command(const std::string& tool,
                                   const std::vector<std::string>& rest) const;
  bool lists_younger_than(std::chrono::minutes age) const;
  bool have_lists() const;
  // Succeeds when at least one suite answered: a mirror need not have all.
  Result<> update(const Notify& notify) const;

  std::string architecture_;
  std::filesystem::path root_;
};

// Unpacks a package's files below `into`.
Result<> unpack_package(const std::filesystem::path& deb, const std::filesystem::path& into,
                        const Notify& notify);

// The pure parts.
// Whether it may stand in a sources file: one word, of plain characters, with a scheme.
bool is_uri(std::string_view text);
// The URI of Debian's main archive in `apt-get indextargets` lines "URI|SUITE|COMPONENT".
std::optional<std::string> mirror_of_targets(std::string_view text);
// A deb822 sources file with every suite that we look in.
std::string sources_text(const std::string& mirror, const std::string& architecture,
                         const std::string& keyring);

}  // namespace rmaplab
