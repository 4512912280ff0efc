// SPDX-License-Identifier: GPL-2.0-only
#include "probes/papi_module.h"

#include <papi.h>

#include <cstdio>
#include <vector>

namespace
{

std::vector<int> sets;  // of this module, to be freed in close()

int explain(int code, const char* action, char* reason, size_t bytes)
{
  std::snprintf(reason, bytes, "%s: %s", action, PAPI_strerror(code));
  return -1;
}

int component()
{
  return PAPI_get_component_index("perf_event");
}

// The component must be known to a set before its options can be.
int prepare_set(int set, int cpu, int kernel)
{
  if (const int code = PAPI_assign_eventset_component(set, component()); code != PAPI_OK)
    return code;
  PAPI_option_t option = {};
  option.domain = {
      .def_cidx = component(), .eventset = set, .domain = kernel ? PAPI_DOM_KERNEL : PAPI_DOM_USER};
  if (const int code = PAPI_set_opt(PAPI_DOMAIN, &option); code != PAPI_OK)
    return code;
  option = {};
  if (cpu < 0) {
    option.inherit = {.eventset = set, .inherit = PAPI_INHERIT_ALL};
    return PAPI_set_opt(PAPI_INHERIT, &option);
  }
  option.granularity = {.def_cidx = component(), .eventset = set, .granularity = PAPI_GRN_SYS};
  if (const int code = PAPI_set_opt(PAPI_GRANUL, &option); code != PAPI_OK)
    return code;
  option = {};
  option.cpu = {.eventset = set, .cpu_num = static_cast<unsigned>(cpu)};
  return PAPI_set_opt(PAPI_CPU_ATTACH, &option);
}

int add_set(int cpu, int kernel, char* reason, size_t bytes)
{
  int set = PAPI_NULL;
  if (const int code = PAPI_create_eventset(&set); code != PAPI_OK)
    return explain(code, "PAPI_create_eventset", reason, bytes);
  sets.push_back(set);
  if (const int code = prepare_set(set, cpu, kernel); code != PAPI_OK)
    return explain(code, "PAPI_set_opt", reason, bytes);
  return set;
}

int add_event(int set, const char* event, char* reason, size_t bytes)
{
  const int code = PAPI_add_named_event(set, event);
  return code == PAPI_OK ? 0 : explain(code, event, reason, bytes);
}

int start(int set)
{
  return PAPI_start(set);
}

int stop(int set, long long* values)
{
  return PAPI_stop(set, values);
}

const char* strerror(int code)
{
  return PAPI_strerror(code);
}

void close()
{
  for (int set : sets) {
    PAPI_cleanup_eventset(set);
    PAPI_destroy_eventset(&set);
  }
  sets.clear();
  PAPI_shutdown();
}

int try_once(const char* const* events, char* reason, size_t bytes)
{
  const int set = add_set(-1, 0, reason, bytes);
  if (set < 0)
    return -1;
  int count = 0;
  for (; events[count]; ++count)
    if (add_event(set, events[count], reason, bytes) < 0)
      return -1;
  std::vector<long long> values(static_cast<size_t>(count));
  int code = PAPI_start(set);
  if (code == PAPI_OK)
    code = PAPI_stop(set, values.data());
  return code == PAPI_OK ? 0 : explain(code, "PAPI_start", reason, bytes);
}

int open(const char* const* events, char* reason, size_t bytes)
{
  if (const int code = PAPI_library_init(PAPI_VER_CURRENT); code != PAPI_VER_CURRENT)
    return explain(code, "PAPI_library_init", reason, bytes);
  if (try_once(events, reason, bytes) == 0)
    return 0;
  // Of an event PAPI only says that it does not exist; its component knows why.
  const PAPI_component_info_t* info = PAPI_get_component_info(component());
  if (info && info->disabled && info->disabled_reason[0] != '\0')
    std::snprintf(reason, bytes, "%s", info->disabled_reason);
  close();
  return -1;
}

}  // namespace

const RmaplabPapi* rmaplab_papi()
{
  static const RmaplabPapi table = {.open = open,
                                    .add_set = add_set,
                                    .add_event = add_event,
                                    .start = start,
                                    .stop = stop,
                                    .strerror = strerror,
                                    .close = close};
  return &table;
}
