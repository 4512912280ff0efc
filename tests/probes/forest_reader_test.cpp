// SPDX-License-Identifier: GPL-2.0-only
#include "probes/forest_reader.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace rmaplab
{
namespace
{

TEST(ForestRefusal, NamesTheFirstThingToPutRight)
{
  EXPECT_EQ(explain_refusal({.error = ENOSYS}).remedy, "a kernel with CONFIG_BPF_SYSCALL");
  EXPECT_EQ(explain_refusal({.error = EPERM, .btf = true}).reason,
            "loading a BPF tracing program takes CAP_BPF and CAP_PERFMON");
  EXPECT_EQ(explain_refusal({.error = EPERM}).remedy, "run it as root");
  EXPECT_EQ(explain_refusal({.error = ESRCH, .may_load = true}).remedy,
            "a kernel with CONFIG_DEBUG_INFO_BTF");
  EXPECT_EQ(
      explain_refusal({.error = EINVAL,
                       .btf = true,
                       .may_load = true,
                       .libbpf_says = "program of this type cannot use helper bpf_probe_read#4"})
          .remedy,
      "boot without lockdown=confidentiality");
}

TEST(ForestRefusal, UnknownCauseKeepsLibbpfsWords)
{
  EXPECT_EQ(explain_refusal({.error = EPERM, .btf = true, .may_load = true}).reason,
            "the kernel refuses BPF although we have the capabilities");
  EXPECT_EQ(
      explain_refusal({.error = ESRCH, .btf = true, .may_load = true, .libbpf_says = "libbpf: y"})
          .reason,
      "this kernel has no BPF iterator over VMAs (iter/task_vma) (libbpf: y)");
  const Refusal other =
      explain_refusal({.error = EINVAL, .btf = true, .may_load = true, .libbpf_says = "func#1"});
  EXPECT_EQ(other.reason, "the kernel refuses the BPF program: Invalid argument (func#1)");
  EXPECT_EQ(other.remedy, "");
}

}  // namespace
}  // namespace rmaplab
