# SPDX-License-Identifier: GPL-2.0-only
# Run at every build: the first comment of each workload's file, which tells its story, as a
# table of strings for `rmaplab list`. SOURCES: files, joined with commas.
string(REPLACE "," ";" files "${SOURCES}")
set(table "")
foreach(file IN LISTS files)
  file(READ "${file}" text)
  if(text MATCHES "^// SPDX[^\n]*\n((//[^\n]*\n)+)")
    set(story "${CMAKE_MATCH_1}")
    string(REGEX REPLACE "(^|\n)// ?" "\\1" story "${story}")
    string(APPEND table "    R\"story(${story})story\",\n")
  endif()
endforeach()
file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT [[
// Made by cmake/Stories.cmake.
#pragma once

#include <string_view>

namespace rmaplab
{
inline constexpr std::string_view kStories[] = {
@table@};
}  // namespace rmaplab
]])
