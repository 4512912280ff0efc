// SPDX-License-Identifier: GPL-2.0-only
// What a VMA has beside its memory keeps it from merging with one that does not have it,
// and no longer once it is taken away: is_mergeable_vma() of mm/vma.c.
#include <linux/mempolicy.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/uffd.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

using Change = void (*)(char* at, std::size_t pages);

struct Attribute {
  const char* name;
  const char* source;
  Change set;
  Change unset;            // nullptr: cannot be taken away
  bool populates = false;  // it faults the pages in
};

template <int advice>
void advise_or_skip(char* at, std::size_t pages)
{
  if (const int error = try_advise(at, pages, advice); error == EINVAL)
    skip(fmt::format("madvise({}): EINVAL, not in this kernel", advice));
  else
    expect_errno("madvise", 0, error);
}

template <int prot>
void set_protection(char* at, std::size_t pages)
{
  protect(at, pages, prot);
}

void name_memory(char* at, std::size_t pages, const char* name)
{
  if (::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, pages * page_size(), name) < 0)
    skip("PR_SET_VMA_ANON_NAME: " + errno_text(errno));
}

void set_policy(char* at, std::size_t pages, int mode)
{
  unsigned long nodes = 1;
  const bool none = mode == MPOL_DEFAULT;
  if (::syscall(SYS_mbind, at, pages * page_size(), mode, none ? nullptr : &nodes,
                none ? 0UL : 64UL, 0) < 0)
    skip("mbind: " + errno_text(errno));
}

void set_key(char* at, std::size_t pages, int key)
{
  if (::syscall(SYS_pkey_mprotect, at, pages * page_size(), kReadWrite, key) < 0)
    skip("pkey_mprotect: " + errno_text(errno));
}

int allocate_key()
{
  const long key = ::syscall(SYS_pkey_alloc, 0, 0);
  if (key < 0)
    skip("pkey_alloc: " + errno_text(errno));
  return static_cast<int>(key);
}

// Its descriptor is the process's: a VMA is registered with one, or it is not.
const UniqueFd& one_uffd()
{
  static const UniqueFd uffd = open_uffd();
  return uffd;
}

constexpr Attribute kAttributes[] = {
    {"readonly", "VM_WRITE", set_protection<PROT_READ>, set_protection<kReadWrite>},
    {"none", "VM_READ", set_protection<PROT_NONE>, set_protection<kReadWrite>},
    {"executable", "VM_EXEC", set_protection<kReadWrite | PROT_EXEC>, set_protection<kReadWrite>},
    {"dontfork", "VM_DONTCOPY", advise_or_skip<MADV_DONTFORK>, advise_or_skip<MADV_DOFORK>},
    {"wipeonfork", "VM_WIPEONFORK", advise_or_skip<MADV_WIPEONFORK>,
     advise_or_skip<MADV_KEEPONFORK>},
    {"dontdump", "VM_DONTDUMP", advise_or_skip<MADV_DONTDUMP>, advise_or_skip<MADV_DODUMP>},
    {"sequential", "VM_SEQ_READ", advise_or_skip<MADV_SEQUENTIAL>, advise_or_skip<MADV_NORMAL>},
    {"random", "VM_RAND_READ", advise_or_skip<MADV_RANDOM>, advise_or_skip<MADV_NORMAL>},
    {"nohugepage", "VM_NOHUGEPAGE", advise_or_skip<MADV_NOHUGEPAGE>, nullptr},
    {"mergeable", "VM_MERGEABLE", advise_or_skip<MADV_MERGEABLE>, advise_or_skip<MADV_UNMERGEABLE>},
    {"locked", "VM_LOCKED",
     [](char* at, std::size_t pages) {
       expect_errno("mlock", 0, ::mlock(at, pages * page_size()) < 0 ? errno : 0);
     },
     [](char* at, std::size_t pages) {
       expect_errno("munlock", 0, ::munlock(at, pages * page_size()) < 0 ? errno : 0);
     },
     true},
    {"locked_on_fault", "VM_LOCKONFAULT",
     [](char* at, std::size_t pages) {
       expect_errno("mlock2", 0, ::mlock2(at, pages * page_size(), MLOCK_ONFAULT) < 0 ? errno : 0);
     },
     [](char* at, std::size_t pages) {
       expect_errno("munlock", 0, ::munlock(at, pages * page_size()) < 0 ? errno : 0);
     }},
    {"named", "anon_vma_name_eq()",
     [](char* at, std::size_t pages) { name_memory(at, pages, "rmaplab"); },
     [](char* at, std::size_t pages) { name_memory(at, pages, nullptr); }},
    {"policy", "mpol_equal()",
     [](char* at, std::size_t pages) { set_policy(at, pages, MPOL_PREFERRED); },
     [](char* at, std::size_t pages) { set_policy(at, pages, MPOL_DEFAULT); }},
    {"userfaultfd", "is_mergeable_vm_userfaultfd_ctx()",
     [](char* at, std::size_t pages) { register_missing(one_uffd(), at, pages); },
     [](char* at, std::size_t pages) { unregister(one_uffd(), at, pages); }},
    {"key", "VM_PKEY_BIT0", [](char* at, std::size_t pages) { set_key(at, pages, allocate_key()); },
     [](char* at, std::size_t pages) { set_key(at, pages, 0); }},
};

enum class State { unfaulted, faulted };

void set_and_unset(const Bench& b, const Attribute& attribute, State state)
{
  attribute.set(b.at(2), 2);
  expect_layout(b, {{0, 2}, {2, 4}, {4, 6}}, "with it");
  if (attribute.unset) {
    attribute.unset(b.at(2), 2);
    // What mlock() faulted in between is one F between two U.
    if (attribute.populates && state == State::unfaulted && !merges_into_unfaulted())
      expect_layout(b, {{0, 2}, {2, 4}, {4, 6}}, "without it");
    else
      expect_layout(b, {{0, 6}}, "without it");
  }
  if (state == State::faulted)
    expect_data(b.at(0), 6);
}

void map_beside(const Bench& b, const Attribute& attribute)
{
  map(b.at(2), 2);
  attribute.set(b.at(2), 2);
  map(b.at(0), 2);
  map(b.at(4), 2);
  expect_layout(b, {{0, 2}, {2, 4}, {4, 6}});
}

void add_attribute(std::vector<Check>& checks, const Attribute& attribute)
{
  const std::string name = fmt::format("attribute/{}/", attribute.name);
  checks.push_back({.name = name + "beside",
                    .summary = "mmap() beside a VMA that has it stays apart",
                    .source = attribute.source,
                    .run = [&attribute](const Bench& b) { map_beside(b, attribute); }});
  for (const State state : {State::unfaulted, State::faulted})
    for (const Kin kin : {Kin::alone, Kin::child})
      checks.push_back(
          {.name = name + fmt::format("{}/{}", state == State::faulted ? "F" : "U", to_string(kin)),
           .summary = "it splits a VMA in three; without it the VMA is one again",
           .source = attribute.source,
           .run = [&attribute, state, kin](const Bench& b) {
             in_kin(
                 kin,
                 [&] {
                   map(b.at(0), 6);
                   if (state == State::faulted)
                     touch(b.at(0), 6);
                 },
                 [&] { set_and_unset(b, attribute, state); });
           }});
}

// Kinds of memory that mmap() alone can make.
void add_kinds(std::vector<Check>& checks)
{
  const struct {
    const char* name;
    const char* source;
    int flags;
  } kinds[] = {{"growsdown", "VM_GROWSDOWN", MAP_GROWSDOWN}, {"locked", "VM_LOCKED", MAP_LOCKED}};
  for (const auto& kind : kinds)
    checks.push_back({.name = fmt::format("attribute/mapped_{}", kind.name),
                      .summary = "mmap() with the flag stays apart from memory without it",
                      .source = kind.source,
                      .run = [flags = kind.flags](const Bench& b) {
                        map(b.at(0), 2);
                        map(b.at(2), 2, kReadWrite, flags);
                        map(b.at(4), 2);
                        expect_layout(b, {{0, 2}, {2, 4}, {4, 6}});
                      }});
}

constexpr int kGuardInstall = 102;  // MADV_GUARD_INSTALL, Linux 6.13
constexpr int kGuardRemove = 103;

// Guard markers are page table entries: they split nothing. Since VM_MAYBE_GUARD the VMA
// has a flag for them, which is left out of the comparison (VM_STICKY).
void guards(const Bench& b)
{
  map(b.at(0), 4);
  touch(b.at(0), 4);
  if (const int error = try_advise(b.at(1), 1, kGuardInstall); error == EINVAL)
    skip("MADV_GUARD_INSTALL: EINVAL, needs Linux 6.13");
  else
    expect_errno("MADV_GUARD_INSTALL", 0, error);
  expect_layout(b, {{0, 4}}, "with a guard");
  map(b.at(4), 2);
  expect_layout(b, {{0, 6}}, "beside memory without guards");
  protect(b.at(2), 1, PROT_READ);
  protect(b.at(2), 1, kReadWrite);
  expect_layout(b, {{0, 6}}, "split and merged again");
  expect_errno("MADV_GUARD_REMOVE", 0, try_advise(b.at(1), 1, kGuardRemove));
  must(check_zero_pages(b.at(1), 1));
  expect_data(b.at(0), 1);
  expect_data(b.at(2), 2);
}

void sealed(const Bench& b)
{
#ifdef __NR_mseal
  constexpr long kMseal = __NR_mseal;
#else
  constexpr long kMseal = 462;
#endif
  map(b.at(0), 6);
  touch(b.at(0), 6);
  if (::syscall(kMseal, b.at(2), 2 * page_size(), 0) < 0)
    skip("mseal: " + errno_text(errno) + ", needs Linux 6.10");
  const Layout split = {{0, 2}, {2, 4}, {4, 6}};
  expect_layout(b, split, "sealed");
  expect_errno("mremap of it", EPERM, try_move(b.at(2), 2, b.at(100)));
  expect_errno("mprotect of it", EPERM, try_protect(b.at(2), 2, PROT_READ));
  expect_errno("munmap of it", EPERM, try_unmap(b.at(2), 2));
  expect_layout(b, split, "after refusals");
  expect_data(b.at(0), 6);
}

}  // namespace

void add_attribute_checks(std::vector<Check>& checks)
{
  for (const Attribute& attribute : kAttributes)
    add_attribute(checks, attribute);
  add_kinds(checks);
  checks.push_back({.name = "attribute/guard_regions",
                    .summary = "guard markers neither split nor keep from merging",
                    .source = "madvise_guard_install(), Linux 6.13; VM_MAYBE_GUARD",
                    .run = guards});
  checks.push_back({.name = "attribute/sealed",
                    .summary = "sealed memory is not moved, protected or unmapped",
                    .source = "mseal(2), Linux 6.10",
                    .run = sealed});
}

}  // namespace rmaplab
