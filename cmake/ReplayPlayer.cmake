# SPDX-License-Identifier: GPL-2.0-only
# rmap_replay_player(SOURCE INCLUDER DEFINITION TARGET): the program that a replay's processes
# run, without libc, data and bss, and its path in DEFINITION for INCLUDER of TARGET, which
# embeds it with .incbin. One segment, read-only and executable: its mapping never has an
# anon_vma. The same code in every build type: it is what is measured.
function(rmap_replay_player source includer definition target)
  add_executable(rmaplab-player ${source})
  target_include_directories(rmaplab-player PRIVATE ${PROJECT_SOURCE_DIR})
  set_target_properties(rmaplab-player PROPERTIES CXX_CLANG_TIDY "")
  target_compile_options(rmaplab-player PRIVATE
    -O2 -g0 -ffreestanding -fno-exceptions -fno-rtti -fno-stack-protector -fno-pic -fno-common
    -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-tree-loop-distribute-patterns
    -fno-sanitize=all -mgeneral-regs-only -U_FORTIFY_SOURCE)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    target_compile_options(rmaplab-player PRIVATE -mno-outline-atomics)
  else()
    target_compile_options(rmaplab-player PRIVATE -fcf-protection=none)
  endif()
  target_link_options(rmaplab-player PRIVATE
    -nostdlib -static -no-pie -fno-sanitize=all -Wl,--build-id=none -Wl,-z,noseparate-code
    -Wl,-z,norelro -Wl,-z,noexecstack -Wl,-Ttext-segment=0x10000000 -Wl,--strip-all)
  target_link_libraries(rmaplab-player PRIVATE rmap_warnings)
  set(file ${PROJECT_BINARY_DIR}/rmaplab-player)
  set_source_files_properties(${includer} PROPERTIES
    OBJECT_DEPENDS ${file} COMPILE_DEFINITIONS ${definition}="${file}")
  add_dependencies(${target} rmaplab-player)
endfunction()
