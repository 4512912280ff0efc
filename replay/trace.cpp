// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace.h"

namespace rmaplab
{

namespace
{

constexpr unsigned kAddress = bit(TraceColumn::address);
constexpr unsigned kLength = bit(TraceColumn::length);
constexpr unsigned kNewAddress = bit(TraceColumn::new_address);
constexpr unsigned kNewLength = bit(TraceColumn::new_length);
constexpr unsigned kFlags = bit(TraceColumn::flags);
constexpr unsigned kProt = bit(TraceColumn::prot);
constexpr unsigned kFile = bit(TraceColumn::file) | bit(TraceColumn::offset);
constexpr unsigned kResult = bit(TraceColumn::result);
constexpr unsigned kRange = kAddress | kLength;

}  // namespace

const std::array<TraceEventShape, kTraceEvents> kTraceEventShapes = {{
    {"start", 0},
    {"vma", kRange | kFlags | kProt | kFile},
    {"mmap", kRange | kFlags | kProt | kFile | kResult, true},
    {"munmap", kRange | kResult},
    {"mremap", kRange | kNewAddress | kNewLength | kFlags | kResult, true},
    {"mprotect", kRange | kProt | kResult},
    {"pkey_mprotect", kRange | kFlags | kProt | kResult},
    {"madvise", kRange | kFlags | kResult},
    {"brk", kAddress | kResult, true},
    {"mlock", kRange | kResult},
    {"mlock2", kRange | kFlags | kResult},
    {"munlock", kRange | kResult},
    {"mlockall", kFlags | kResult},
    {"munlockall", kResult},
    {"prctl", kFlags | kRange | kNewLength | kResult},
    {"uffd_move", kRange | kNewAddress | kResult},
    {"fork", kLength | kFlags | kResult},
    {"thread", kResult},
    {"exec", 0},
    {"wait", kResult},
    {"exit_thread", 0},
    {"exit", 0},
    {"read", kAddress},
    {"write", kAddress},
    {"fetch", kAddress},
    {"alloc_vm_area_struct", kResult},
    {"alloc_anon_vma", kResult},
    {"alloc_anon_vma_chain", kResult},
}};

const std::array<std::string_view, kTraceColumns> kTraceColumnNames = {
    "time_ns",    "process", "thread", "event", "address", "length", "new_address",
    "new_length", "flags",   "prot",   "file",  "offset",  "result", "vmas"};

}  // namespace rmaplab
