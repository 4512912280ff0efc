// SPDX-License-Identifier: GPL-2.0-only
#include "lab/architecture.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include "base/files.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr const char* kRunner = "rmaplab-runner";

constexpr Architecture kArchitectures[] = {
    {.name = "amd64",
     .machine = "x86_64",
     .elf_machine = EM_X86_64,
     .boot_image = "arch/x86/boot/bzImage",
     .libraries = "x86_64-linux-gnu"},
    {.name = "arm64",
     .machine = "aarch64",
     .elf_machine = EM_AARCH64,
     .boot_image = "arch/arm64/boot/Image",
     .libraries = "aarch64-linux-gnu"},
};

}  // namespace

Result<Architecture> find_architecture(std::string_view name)
{
  for (const Architecture& known : kArchitectures)
    if (known.name == name || known.machine == name)
      return known;
  return Error{.code = Errc::unsupported,
               .context = fmt::format("the lab has no machine for {} yet", name)};
}

std::vector<std::string> architecture_names()
{
  std::vector<std::string> names;
  for (const Architecture& known : kArchitectures)
    names.emplace_back(known.name);
  return names;
}

std::string host_architecture()
{
  struct utsname names = {};
  ::uname(&names);
  const auto known = find_architecture(names.machine);
  return known ? std::string(known->name) : names.machine;
}

Result<GuestBuild> guest_build(const Architecture& architecture)
{
  if (architecture.name == host_architecture())
    return GuestBuild{
        .architecture = architecture, .runner = program_directory() / kRunner, .sysroot = {}};
  const fs::path folder = program_directory().parent_path() / architecture.name;
  const GuestBuild build{
      .architecture = architecture, .runner = folder / kRunner, .sysroot = folder / "sysroot"};
  std::error_code error;
  if (!fs::exists(build.runner, error))
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("no {} for {} guests in {}: cmake --preset {} && "
                                        "cmake --build --preset {}",
                                        kRunner, architecture.name, folder.string(),
                                        architecture.name, architecture.name)};
  return build;
}

}  // namespace rmaplab
