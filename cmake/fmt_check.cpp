// SPDX-License-Identifier: GPL-2.0-only
// Whether base/fmt_library.cpp holds all that our uses of fmt need; see Fmt.cmake.
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

int main()
{
  const std::vector<int> numbers = {1, 2};
  return std::puts(fmt::format("{:>{}} {:.3f} {:g} {:#x} {} {} {}", std::string("a"), 5, 1.5, 2.5f,
                               12u, true, 'c', fmt::join(numbers, ","))
                       .c_str()) < 0;
}
