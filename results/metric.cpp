// SPDX-License-Identifier: GPL-2.0-only
#include "results/metric.h"

namespace rmaplab
{

namespace
{
using enum MetricClass;
using enum Direction;

constexpr Metric kMetrics[] = {
    {.name = "instructions",
     .unit = "instructions/op",
     .better = lower,
     .kind = deterministic,
     .floor = 0.001,
     .source = "time-stamp counter under QEMU -icount shift=0 (exact mode only)",
     .summary = "guest instructions per operation, median of operations begun at a timer tick"},
    {.name = "instructions_mean",
     .unit = "instructions/op",
     .better = lower,
     .kind = deterministic,
     .floor = 0.01,
     .headline = false,
     .source = "as instructions",
     .summary = "the mean of the same operations: those that met a refill or a callback weigh in"},
    {.name = "wall_time",
     .unit = "ns/op",
     .better = lower,
     .kind = noisy,
     .floor = 0.02,
     .source = "CLOCK_MONOTONIC (host and smp mode)",
     .summary = "wall time per operation, median of the repeated operations"},
    {.name = "vmas",
     .unit = "VMAs",
     .better = lower,
     .kind = exact,
     .source = "/proc/PID/maps",
     .summary = "VMAs of the workload's arena, summed over its live processes"},
    {.name = "process_vmas",
     .unit = "VMAs",
     .better = neutral,
     .kind = exact,
     .headline = false,
     .source = "/proc/PID/maps",
     .summary = "all VMAs of those processes: program, libraries, stack, vdso included"},
    {.name = "slab_vm_area_struct",
     .unit = "objects",
     .better = lower,
     .kind = deterministic,
     .source = "/proc/slabinfo after shrink; whole system",
     .summary = "vm_area_structs in use at the observed moment, less those before the workload"},
    {.name = "slab_anon_vma",
     .unit = "objects",
     .better = lower,
     .kind = deterministic,
     .source = "/proc/slabinfo after shrink; whole system",
     .summary = "anon_vmas in use at the observed moment, less those before the workload"},
    {.name = "slab_anon_vma_chain",
     .unit = "objects",
     .better = lower,
     .kind = deterministic,
     .source = "/proc/slabinfo after shrink; whole system",
     .summary = "anon_vma_chains in use at the observed moment, less those before the workload"},
    {.name = "alloc_vm_area_struct",
     .unit = "objects",
     .better = lower,
     .kind = exact,
     .source = "kmem:kmem_cache_alloc, kmem_cache_free of the process tree",
     .summary = "vm_area_structs allocated by one operation, by kernel function too"},
    {.name = "alloc_anon_vma",
     .unit = "objects",
     .better = lower,
     .kind = exact,
     .source = "kmem:kmem_cache_alloc, kmem_cache_free of the process tree",
     .summary = "anon_vmas allocated by one operation, by kernel function too"},
    {.name = "alloc_anon_vma_chain",
     .unit = "objects",
     .better = lower,
     .kind = exact,
     .source = "kmem:kmem_cache_alloc, kmem_cache_free of the process tree",
     .summary = "anon_vma_chains allocated by one operation, by kernel function too"},
    {.name = "free_vm_area_struct",
     .unit = "objects",
     .better = neutral,
     .kind = exact,
     .headline = false,
     .source = "kmem:kmem_cache_alloc, kmem_cache_free of the process tree",
     .summary = "vm_area_structs freed by one operation, by kernel function too"},
    {.name = "free_anon_vma",
     .unit = "objects",
     .better = neutral,
     .kind = exact,
     .headline = false,
     .source = "kmem:kmem_cache_alloc, kmem_cache_free of the process tree",
     .summary = "anon_vmas freed by one operation, by kernel function too"},
    {.name = "free_anon_vma_chain",
     .unit = "objects",
     .better = neutral,
     .kind = exact,
     .headline = false,
     .source = "kmem:kmem_cache_alloc, kmem_cache_free of the process tree",
     .summary = "anon_vma_chains freed by one operation, by kernel function too"},
    {.name = "live_vm_area_struct",
     .unit = "objects",
     .better = lower,
     .kind = exact,
     .headline = false,
     .source = "kmem:kmem_cache_alloc, kmem_cache_free of the process tree",
     .summary = "vm_area_structs allocated and not freed when the state was held still"},
    {.name = "live_anon_vma",
     .unit = "objects",
     .better = lower,
     .kind = exact,
     .headline = false,
     .source = "kmem:kmem_cache_alloc, kmem_cache_free of the process tree",
     .summary = "anon_vmas allocated and not freed when the state was held still"},
    {.name = "live_anon_vma_chain",
     .unit = "objects",
     .better = lower,
     .kind = exact,
     .headline = false,
     .source = "kmem:kmem_cache_alloc, kmem_cache_free of the process tree",
     .summary = "anon_vma_chains allocated and not freed when the state was held still"},
};
}  // namespace

std::span<const Metric> all_metrics()
{
  return kMetrics;
}

const Metric* find_metric(std::string_view name)
{
  for (const Metric& metric : kMetrics)
    if (metric.name == name)
      return &metric;
  return nullptr;
}

std::string_view to_string(MetricClass kind)
{
  switch (kind) {
    case exact:
      return "exact";
    case deterministic:
      return "deterministic";
    case noisy:
      return "noisy";
  }
  return "?";
}

std::string_view to_string(Direction better)
{
  switch (better) {
    case lower:
      return "lower is better";
    case higher:
      return "higher is better";
    case neutral:
      return "neither is better";
  }
  return "?";
}

}  // namespace rmaplab
