// SPDX-License-Identifier: GPL-2.0-only
// What kernels may do either way, asked of the running one: by trying it, in a part of the
// arena that no check uses, once a process.
#pragma once

#include <string>

namespace rmaplab
{

// mremap(MREMAP_RELOCATE_ANON) is no EINVAL.
bool has_relocate_anon();
// A faulted VMA merges into an unfaulted one beside it. Not before Linux commit
// 879bca0a2c4f ("mm/vma: fix incorrectly disallowed anonymous VMA merges").
bool merges_into_unfaulted();
// The same in a fork child when the faulted VMA comes by mremap(): so between the commit
// above and 3b617fd3d317 ("mm/vma: enforce VMA fork limit on unfaulted,faulted mremap merge
// too"), which stable kernels have too.
bool moves_of_fork_children_merge();

// One line an answer.
std::string describe_answers();

}  // namespace rmaplab
