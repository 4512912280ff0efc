// SPDX-License-Identifier: GPL-2.0-only
// What a child tells the process that measures it: what went wrong first, and numbers. In
// shared memory outside the arena, which has no part in the anonymous rmap.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace rmaplab
{

class Told
{
 public:
  static constexpr std::size_t kNumbers = 4;

  static Result<Told> create();
  Told(Told&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  Told& operator=(Told&&) = delete;
  ~Told();

  // Child: keeps the first error of all; what is told is taken from `result` as it is.
  void keep(const Result<>& result);
  double& number(std::size_t i) const;
  bool good() const;
  // Parent.
  Result<> result() const;
  void reset();

 private:
  struct Shared;
  explicit Told(Shared* shared) : shared_(shared) {}
  Shared* shared_;
};

}  // namespace rmaplab
