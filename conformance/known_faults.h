// SPDX-License-Identifier: GPL-2.0-only
// Faults that released kernels are known to have: which check sees them, the commit that
// mended them, and where. A gate of old kernels expects them (`check --known`); nothing here
// makes a check ok.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rmaplab
{

struct KnownFault {
  const char* checks;  // globs, joined with commas
  const char* told;    // what a check says of it
  const char* commit;
  const char* subject;
  const char* since;   // the release whose commit broke it
  const char* mended;  // releases, stable ones too
};

const std::vector<KnownFault>& known_faults();
// Null: none of them. `text` is what the check said.
const KnownFault* find_known_fault(const std::string& check, std::string_view text);
// A line that says which it is.
std::string describe(const KnownFault& fault);

}  // namespace rmaplab
