# SPDX-License-Identifier: GPL-2.0-only
# Run at every build: version.h changes only when the version does.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
if(failed)
  set(commit "unknown commit")
endif()
set(RMAPLAB_VERSION "${VERSION} (${commit})")
configure_file(${SOURCE}/cli/version.h.in ${OUTPUT} @ONLY)
