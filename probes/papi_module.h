// SPDX-License-Identifier: GPL-2.0-only
// What rmaplab-papi.so offers: PAPI behind a table of C functions.
//
// A module of its own, loaded only when counters are asked for: what benchmarks fork
// is the runner's address space, and PAPI with libpfm's tables would be part of it.
#pragma once

#include <cstddef>

extern "C" {

// Functions that can fail return a negative number and write the reason, ended with a
// zero byte, into `reason` (of `bytes` > 0).
struct RmaplabPapi {
  // Starts PAPI and counts `events` (ended with nullptr) of this thread once. Only that
  // proves that it can: PAPI_query_event() says yes for CPUs it merely knows.
  int (*open)(const char* const* events, char* reason, size_t bytes);
  // An empty event set: of all that runs on `cpu` (PAPI_CPU_ATTACH), or with -1 of this
  // thread and the children it forks from then on (PAPI_INHERIT); either the user's or
  // the kernel's side, since PAPI has one domain a set. Returns its number.
  int (*add_set)(int cpu, int kernel, char* reason, size_t bytes);
  // The event joins the set as its next value.
  int (*add_event)(int set, const char* event, char* reason, size_t bytes);
  // PAPI's return code, 0 is good. One set a CPU (or this thread) at a time.
  int (*start)(int set);
  // Stops and writes one value for each event of the set.
  int (*stop)(int set, long long* values);
  const char* (*strerror)(int code);
  // Frees all sets and PAPI with them.
  void (*close)();
};

// The module's only symbol.
__attribute__((visibility("default"))) const RmaplabPapi* rmaplab_papi();
}
