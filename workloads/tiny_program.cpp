// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/tiny_program.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/memfd.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U  // since 6.3; without it the kernel log has a line
#endif

namespace rmaplab
{

namespace
{

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
constexpr unsigned char kExit[] = {
    0x31, 0xff,                    // xor edi, edi
    0xb8, 0xe7, 0x00, 0x00, 0x00,  // mov eax, 231 (exit_group)
    0x0f, 0x05,                    // syscall
};
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
constexpr unsigned char kExit[] = {
    0x00, 0x00, 0x80, 0xd2,  // mov x0, #0
    0xc8, 0x0b, 0x80, 0xd2,  // mov x8, #94 (exit_group)
    0x01, 0x00, 0x00, 0xd4,  // svc #0
};
#else
#error "no tiny program for this architecture"
#endif

struct File {
  Elf64_Ehdr header;
  Elf64_Phdr segments[2];
  unsigned char code[sizeof kExit];
};

constexpr Elf64_Addr kBase = 0x400000;  // a multiple of every page size

File tiny_file()
{
  File file{.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                                   EV_CURRENT},
                       .e_type = ET_EXEC,
                       .e_machine = kMachine,
                       .e_version = EV_CURRENT,
                       .e_entry = kBase + offsetof(File, code),
                       .e_phoff = offsetof(File, segments),
                       .e_ehsize = sizeof(Elf64_Ehdr),
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 2},
            .segments = {{.p_type = PT_LOAD,
                          .p_flags = PF_R | PF_X,
                          .p_vaddr = kBase,
                          .p_paddr = kBase,
                          .p_filesz = sizeof(File),
                          .p_memsz = sizeof(File),
                          .p_align = 0x10000},
                         {.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W}},
            .code = {}};
  std::copy(std::begin(kExit), std::end(kExit), file.code);
  return file;
}

int make_file()
{
  const int fd =
      static_cast<int>(::syscall(SYS_memfd_create, "rmaplab-tiny", MFD_CLOEXEC | MFD_EXEC));
  return fd < 0 && errno == EINVAL
             ? static_cast<int>(::syscall(SYS_memfd_create, "rmaplab-tiny", MFD_CLOEXEC))
             : fd;
}

}  // namespace

Result<UniqueFd> make_tiny_program()
{
  UniqueFd writable(make_file());
  if (!writable) {
    Error error = os_error("a program in memory (vm.memfd_noexec)");
    error.code = error.sys_errno == EACCES ? Errc::unsupported : Errc::os;
    return error;
  }
  const File file = tiny_file();
  if (::write(writable.get(), &file, sizeof file) != static_cast<ssize_t>(sizeof file))
    return os_error("write a program in memory");
  // Again, for reading: what is open for writing is busy (ETXTBSY).
  UniqueFd program(
      ::open(fmt::format("/proc/self/fd/{}", writable.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!program)
    return os_error("open a program in memory");
  return program;
}

void exec_tiny_program(const UniqueFd& program)
{
  char* const none[] = {nullptr};
  char name[] = "tiny";
  char* const arguments[] = {name, nullptr};
  ::syscall(SYS_execveat, program.get(), "", arguments, none, AT_EMPTY_PATH);
}

}  // namespace rmaplab
