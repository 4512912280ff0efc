// SPDX-License-Identifier: GPL-2.0-only
// What the running kernel says of itself and its machine, for the manifest.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace rmaplab
{

// Keys "kernel.*" and "guest.*" as described in results/schema.md. What cannot be
// read has no key. Any user; a few keys need root. `root` is "" outside tests:
// it stands before /proc and /sys.
std::map<std::string, std::string> machine_facts(const std::string& root);

// Pure. The GNU build id in the bytes of /sys/kernel/notes, as hexadecimal; ""
// where there is none.
std::string build_id_of_notes(std::string_view notes);

// CPU model of this machine as /proc/cpuinfo names it; "" where it does not.
std::string cpu_model(const std::string& root);

}  // namespace rmaplab
