// SPDX-License-Identifier: GPL-2.0-only
// What kernels may do either way, asked of the running one: by trying it, in a part of the
// arena that no check uses, once a process.
#pragma once

#include <string>

namespace rmaplab
{

// mremap(MREMAP_RELOCATE_ANON) is no EINVAL.
bool has_relocate_anon();
// The rule that a faulted VMA merges into an unfaulted one beside it, of Linux commit
// 879bca0a2c4f ("mm/vma: fix incorrectly disallowed anonymous VMA merges", in v6.16), holds.
// Of a kernel with a516403787e0 ("fs/proc: extend the PAGEMAP_SCAN ioctl to report guard
// regions"), which is of the same release and of nothing that merges, it must; of another it
// is tried, for it may have been backported, and that it does not is a difference.
bool merges_into_unfaulted();

// The kernel is of Linux 6.12 or later, by what fcntl(F_CREATED_QUERY) answers, which has to do
// with no memory.
bool is_since_6_12();

// One line an answer.
std::string describe_answers();

}  // namespace rmaplab
