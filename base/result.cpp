// SPDX-License-Identifier: GPL-2.0-only
#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace rmaplab
{

std::string to_string(const Error& error)
{
  if (error.sys_errno == 0)
    return error.context;
  return error.context + ": " + std::strerror(error.sys_errno);
}

Error os_error(std::string context)
{
  return Error{.code = Errc::os, .context = std::move(context), .sys_errno = errno};
}

}  // namespace rmaplab
