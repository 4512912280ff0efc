# SPDX-License-Identifier: GPL-2.0-only
# rmaplab-functions-VERSION.so, one for each version of QEMU's plugin interface. A program that
# does not know all of them opens them, so their undefined symbols are QEMU's to have.
set(function_plugins "")
foreach(version 1 4)
  add_library(rmaplab-functions-${version} MODULE lab/function_plugin.c)
  set_target_properties(rmaplab-functions-${version} PROPERTIES
    PREFIX "" C_STANDARD 17 C_VISIBILITY_PRESET hidden)
  target_compile_definitions(rmaplab-functions-${version} PRIVATE PLUGIN_API=${version})
  target_compile_options(rmaplab-functions-${version} PRIVATE -O2 -Wall -Wextra -Wpedantic
    -Wshadow -Werror)
  list(APPEND function_plugins rmaplab-functions-${version})
endforeach()
