# SPDX-License-Identifier: GPL-2.0-only
# rmap_bpf_program(SOURCE INCLUDER DEFINITION): compiles the BPF program SOURCE with clang and
# gives INCLUDER, which embeds it with .incbin, the path of the object in DEFINITION.
# The programs declare the few kernel structures they read and relocate them against the
# running kernel's BTF: neither bpftool nor a vmlinux.h nor kernel headers are needed.
find_program(RMAPLAB_CLANG clang REQUIRED)

function(rmap_bpf_program source includer definition)
  get_filename_component(name ${source} NAME_WLE)
  set(object ${PROJECT_BINARY_DIR}/${name}.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${RMAPLAB_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror
            -ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -I${PROJECT_SOURCE_DIR}
            -MD -MF ${object}.d -c ${PROJECT_SOURCE_DIR}/${source} -o ${object}
    DEPENDS ${PROJECT_SOURCE_DIR}/${source} DEPFILE ${object}.d VERBATIM)
  set_source_files_properties(${includer} PROPERTIES OBJECT_DEPENDS ${object}
    COMPILE_DEFINITIONS ${definition}="${object}")
endfunction()
