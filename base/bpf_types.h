// SPDX-License-Identifier: GPL-2.0-only
// For BPF programs: the kernel's names of integers, which the headers of libbpf expect, so that
// neither a vmlinux.h nor kernel headers are needed.
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

// Fields of such a structure are asked of the running kernel's BTF.
#define KERNEL_STRUCT __attribute__((preserve_access_index))
