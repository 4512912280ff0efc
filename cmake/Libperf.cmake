# SPDX-License-Identifier: GPL-2.0-only
# The target `libperf`: the kernel's tools/lib/perf (LGPL-2.1 or BSD-2-Clause), of
# which Debian has no package, built from the distribution's kernel source
# (linux-source, /usr/src/linux-source-VERSION.tar.xz) or from an unpacked tree named
# with -DRMAPLAB_LINUX_SOURCE=DIR. Its thirteen C files need nothing but libc.
set(RMAPLAB_LINUX_SOURCE "" CACHE PATH "Linux source tree for libperf (default: /usr/src/linux-source-*.tar.xz)")
enable_language(C)

if(RMAPLAB_LINUX_SOURCE)
  set(_linux "${RMAPLAB_LINUX_SOURCE}")
else()
  file(GLOB _archives /usr/src/linux-source-*.tar.xz)
  if(NOT _archives)
    message(FATAL_ERROR "libperf: no /usr/src/linux-source-*.tar.xz (Debian: apt-get install linux-source); "
                        "or name an unpacked tree with -DRMAPLAB_LINUX_SOURCE=DIR")
  endif()
  list(SORT _archives COMPARE NATURAL ORDER DESCENDING)
  list(GET _archives 0 _archive)
  get_filename_component(_name "${_archive}" NAME)
  string(REPLACE ".tar.xz" "" _name "${_name}")
  # Beside the presets' folders: unpacked once for all of them.
  set(_linux "${PROJECT_SOURCE_DIR}/build/${_name}")
  if(NOT EXISTS "${_linux}/unpacked")
    message(STATUS "libperf: unpacking ${_archive} (some seconds)")
    file(MAKE_DIRECTORY "${_linux}")
    execute_process(
      COMMAND tar -xJf "${_archive}" -C "${_linux}" --strip-components=1
              "${_name}/tools/lib/perf" "${_name}/tools/lib/api" "${_name}/tools/lib/zalloc.c"
              "${_name}/tools/lib/str_error_r.c" "${_name}/tools/include"
              "${_name}/tools/arch/x86/include" "${_name}/tools/arch/arm64/include"
      RESULT_VARIABLE _result)
    if(NOT _result EQUAL 0)
      message(FATAL_ERROR "libperf: cannot unpack ${_archive}")
    endif()
    file(TOUCH "${_linux}/unpacked")
  endif()
endif()

set(_tools "${_linux}/tools")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(_arch arm64)
else()
  set(_arch x86)
endif()
add_library(libperf STATIC
  ${_tools}/lib/perf/core.c ${_tools}/lib/perf/cpumap.c ${_tools}/lib/perf/threadmap.c
  ${_tools}/lib/perf/evsel.c ${_tools}/lib/perf/evlist.c ${_tools}/lib/perf/mmap.c
  ${_tools}/lib/perf/xyarray.c ${_tools}/lib/perf/lib.c ${_tools}/lib/zalloc.c
  ${_tools}/lib/api/fs/fs.c ${_tools}/lib/api/fd/array.c ${_tools}/lib/api/debug.c
  ${_tools}/lib/str_error_r.c)
set_target_properties(libperf PROPERTIES PREFIX "" C_STANDARD 11 C_EXTENSIONS ON
                                         POSITION_INDEPENDENT_CODE ON C_CLANG_TIDY "")
target_compile_definitions(libperf PRIVATE _GNU_SOURCE)
target_compile_options(libperf PRIVATE -w -fvisibility=hidden)
target_include_directories(libperf PRIVATE
  ${_tools}/lib/perf/include ${_tools}/lib ${_tools}/lib/api ${_tools}/include
  ${_tools}/arch/${_arch}/include ${_tools}/arch/${_arch}/include/uapi ${_tools}/include/uapi)
# Only perf/*.h go out: tools/include would shadow linux/*.h.
target_include_directories(libperf SYSTEM INTERFACE ${_tools}/lib/perf/include)
# The map of "whichever CPU" has another name in 6.12 than in 6.1: the header says which.
file(READ "${_tools}/lib/perf/include/perf/cpumap.h" _cpumap)
if(NOT _cpumap MATCHES "(perf_cpu_map__new_any_cpu|perf_cpu_map__dummy_new) *\\(void\\)")
  message(FATAL_ERROR "libperf: ${_tools}/lib/perf/include/perf/cpumap.h declares neither "
                      "perf_cpu_map__new_any_cpu() nor perf_cpu_map__dummy_new()")
endif()
target_compile_definitions(libperf INTERFACE RMAPLAB_PERF_ANY_CPU=${CMAKE_MATCH_1})
