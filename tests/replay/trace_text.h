// SPDX-License-Identifier: GPL-2.0-only
// Traces as text, for tests: a header and rows.
#pragma once

#include <string>

namespace rmaplab
{

inline const std::string kTraceHead =
    "# rmaplab trace: 1\n"
    "# kernel: 6.18.44\n"
    "# machine: x86_64\n"
    "# page_size: 4096\n"
    "# clock: monotonic\n"
    "# command: true\n"
    "# lost: 0\n"
    "# complete: yes\n"
    "time_ns,process,thread,event,address,length,new_address,new_length,flags,prot,file,offset,"
    "result,vmas\n";
// The line of the first row.
inline constexpr int kFirstRow = 10;

inline std::string trace_of(const std::string& rows)
{
  return kTraceHead + rows;
}

// A program that maps, splits, forks, moves and ends.
inline const std::string kSmallRows =
    "0,1,1,exec,,,,,,,,,,3\n"
    "0,1,1,vma,0x400000,8192,,,0x2,0x5,1,,,3\n"
    "0,1,1,vma,0x7ffff0000000,8192,,,0x200000122,0x3,,,,3\n"
    "0,1,1,vma,0x7ffff0010000,8192,,,0x100000002,0x5,,,,3\n"
    "100,1,1,brk,0x0,,,,,,,,0x600000,3\n"
    "110,1,1,brk,0x604000,,,,,,,,0x604000,4\n"
    "120,1,1,write,0x600000,,,,,,,,,4\n"
    "200,1,1,mmap,0x0,40960,,,0x22,0x3,,,0x7f0000000000,5\n"
    "210,1,1,write,0x7f0000000000,,,,,,,,,5\n"
    "211,1,1,write,0x7f0000001000,,,,,,,,,5\n"
    "220,1,1,mprotect,0x7f0000001000,4096,,,,0x1,,,0,7\n"
    "230,1,1,madvise,0x7f0000004000,4096,,,0xa,,,,0,9\n"
    "300,1,1,fork,,2,,,0x0,,,,2,9\n"
    "310,2,2,write,0x7f0000000000,,,,,,,,,8\n"
    "320,1,1,mremap,0x7f0000008000,8192,0x0,16384,0x1,,,,0x7f0000100000,10\n"
    "330,2,2,munmap,0x7f0000000000,4096,,,,,,,0,7\n"
    "340,2,2,munmap,0x7f0000000001,4096,,,,,,,-22,7\n"
    "350,1,1,thread,,,,,,,,,3,10\n"
    "360,1,3,read,0x400000,,,,,,,,,10\n"
    "370,1,3,exit_thread,,,,,,,,,,10\n"
    "390,2,2,alloc_vm_area_struct,,,,,,,,,9,\n"
    "390,2,2,alloc_anon_vma,,,,,,,,,3,\n"
    "390,2,2,alloc_anon_vma_chain,,,,,,,,,6,\n"
    "400,2,2,exit,,,,,,,,,,\n"
    "410,1,1,wait,,,,,,,,,2,10\n"
    "420,1,1,exit,,,,,,,,,,\n";

}  // namespace rmaplab
