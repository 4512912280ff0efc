// SPDX-License-Identifier: GPL-2.0-only
// What counting by kernel function needs before a guest is booted: a plugin that the QEMU at
// hand accepts, and the kernel's symbols.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "lab/kernel_image.h"
#include "lab/measure.h"
#include "lab/qemu.h"
#include "lab/symbol_table.h"

namespace rmaplab
{

struct FunctionPlugin {
  std::filesystem::path file;
  int api = 0;  // version of QEMU's plugin interface that it was built for
};

// The first of rmaplab-functions-4.so and -1.so beside the program that QEMU accepts: found by
// starting it with each. Errc::unsupported says what it had against them.
Result<FunctionPlugin> find_function_plugin(const Machine& machine);

struct KernelSymbols {
  SymbolTable table;
  std::string source;  // "System.map" or "kallsyms"
  std::string sha256;  // of its text
};

// From Kernel::system_map, else out of the kernel itself: one boot of it in the lab, the first
// time; what it says of its symbols is kept in the cache by the image's SHA-256. Either is for
// guests without KASLR (lab/qemu.cpp).
Result<KernelSymbols> symbols_of(const Kernel& kernel, const LabOptions& options,
                                 const Notify& notify, const ShowProgress& show);

}  // namespace rmaplab
