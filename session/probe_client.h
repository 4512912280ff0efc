// SPDX-License-Identifier: GPL-2.0-only
// Asks the server of rmaplab-probe, which looks at a workload from a process of its own.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

struct ProbeAnswer {
  std::map<std::string, std::string> fields;
  std::vector<std::string> rows;  // as many as the field `rows` says
};

class ProbeClient
{
 public:
  // Not its owner. -1: every question is answered with Errc::unsupported.
  explicit ProbeClient(int fd) : fd_(fd) {}
  // Blocks until the answer is complete. Errc::unsupported with the server's reason where
  // it cannot do what was asked.
  Result<ProbeAnswer> ask(std::string_view question);

 private:
  Result<std::string> line();
  int fd_;
  std::string received_;
};

}  // namespace rmaplab
