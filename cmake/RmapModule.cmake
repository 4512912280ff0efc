# SPDX-License-Identifier: GPL-2.0-only
# The layers of docs/architecture.md. A module may use only modules of a lower
# number; scripts/check-layers holds #include lines to the same table.
set(RMAP_LAYER_base 0)
set(RMAP_LAYER_workloads 1)
set(RMAP_LAYER_probes 1)
set(RMAP_LAYER_replay 1)
set(RMAP_LAYER_results 1)
set(RMAP_LAYER_stats 1)
set(RMAP_LAYER_session 2)
set(RMAP_LAYER_conformance 2)
set(RMAP_LAYER_lab 2)
set(RMAP_LAYER_reports 2)
set(RMAP_LAYER_cli 3)

add_library(rmap_warnings INTERFACE)
target_compile_options(rmap_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                                               -Wold-style-cast
                                               -Wno-missing-field-initializers -Werror)
# What newer compilers believe to see by following values through inlined code differs from release
# to release and is no reason that a user's build ends; it is still printed.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  target_compile_options(rmap_warnings INTERFACE -Wno-error=stringop-overflow
    -Wno-error=stringop-overread -Wno-error=array-bounds -Wno-error=maybe-uninitialized
    -Wno-error=dangling-reference -Wno-error=free-nonheap-object -Wno-error=restrict)
endif()

# Half of a compilation is the reading of these. For the sanitizers' build alone: a file that lacks an
# #include of its own must not compile elsewhere, and with -O2 g++ 12 warns of the library's own code
# in them.
option(RMAPLAB_PRECOMPILE "Precompile headers that most files have" OFF)
function(rmap_precompile target)
  if(RMAPLAB_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE <algorithm> <filesystem> <functional> <map> <memory>
      <optional> <set> <string> <string_view> <vector> <fmt/format.h> ${ARGN})
  endif()
endfunction()

function(rmap_module name)
  cmake_parse_arguments(ARG "" "" "DEPS;SOURCES;LIBRARIES" ${ARGN})
  foreach(dep IN LISTS ARG_DEPS)
    if(NOT RMAP_LAYER_${dep} LESS RMAP_LAYER_${name})
      message(FATAL_ERROR "${name} may not depend on ${dep}: not a lower layer")
    endif()
  endforeach()
  list(TRANSFORM ARG_SOURCES PREPEND "${PROJECT_SOURCE_DIR}/${name}/")
  add_library(rmap_${name} STATIC ${ARG_SOURCES})
  target_include_directories(rmap_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  list(TRANSFORM ARG_DEPS PREPEND rmap_)
  target_link_libraries(rmap_${name} PUBLIC ${ARG_DEPS} ${ARG_LIBRARIES} rmap_fmt
                                     PRIVATE rmap_warnings)
  rmap_precompile(rmap_${name})
endfunction()
