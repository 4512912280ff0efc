// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/told.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <new>

namespace rmaplab
{

struct Told::Shared {
  std::atomic<bool> failed;
  Errc code;
  int sys_errno;
  char context[240];
  double numbers[kNumbers];
};

Result<Told> Told::create()
{
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return os_error("mmap a shared page");
  return Told(new (memory) Shared{});
}

Told::~Told()
{
  if (shared_)
    ::munmap(shared_, sizeof(Shared));
}

void Told::keep(const Result<>& result)
{
  if (result || shared_->failed)
    return;
  const Error& error = result.error();
  const std::size_t length = std::min(error.context.size(), sizeof shared_->context - 1);
  std::copy_n(error.context.data(), length, shared_->context);
  shared_->context[length] = '\0';
  shared_->code = error.code;
  shared_->sys_errno = error.sys_errno;
  shared_->failed = true;  // after the rest is there to be read
}

double& Told::number(std::size_t i) const
{
  return shared_->numbers[i];
}

bool Told::good() const
{
  return !shared_->failed;
}

Result<> Told::result() const
{
  if (good())
    return ok();
  return Error{.code = shared_->code, .context = shared_->context, .sys_errno = shared_->sys_errno};
}

void Told::reset()
{
  new (shared_) Shared{};
}

}  // namespace rmaplab
