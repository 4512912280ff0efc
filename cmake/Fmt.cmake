# SPDX-License-Identifier: GPL-2.0-only
# rmap_fmt: the formatting library in an archive of our own (base/fmt_library.cpp), or as
# headers where that does not link with the fmt at hand.
find_package(fmt REQUIRED)
get_target_property(fmt_headers fmt::fmt-header-only INTERFACE_INCLUDE_DIRECTORIES)
try_compile(RMAP_FMT_LINKS ${PROJECT_BINARY_DIR}/fmt-check
  SOURCES ${PROJECT_SOURCE_DIR}/cmake/fmt_check.cpp ${PROJECT_SOURCE_DIR}/base/fmt_library.cpp
  CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${fmt_headers}"
  CXX_STANDARD 20)
if(RMAP_FMT_LINKS)
  add_library(rmap_fmt STATIC ${PROJECT_SOURCE_DIR}/base/fmt_library.cpp)
  target_include_directories(rmap_fmt SYSTEM PUBLIC ${fmt_headers})
else()
  message(STATUS "fmt ${fmt_VERSION} as headers: building takes longer")
  add_library(rmap_fmt INTERFACE)
  target_link_libraries(rmap_fmt INTERFACE fmt::fmt-header-only)
endif()
