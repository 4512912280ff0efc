// SPDX-License-Identifier: GPL-2.0-only
// The one way a function of rmaplab reports that it could not do its work.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace rmaplab
{

enum class Errc {
  os,           // a syscall failed; sys_errno says how
  parse,        // input did not have the documented form
  unsupported,  // this kernel, CPU or privilege level cannot do it: a skip
  usage,        // the caller asked for something meaningless
  interrupted,  // the user asked to stop (Ctrl-C)
  mismatch,     // the kernel did what it must not: an oracle of ours says so
};

struct Error {
  Errc code = Errc::os;
  std::string context;  // what we were doing, with the object
  int sys_errno = 0;
};

// One line for a person: the context and, where there is one, the errno text.
std::string to_string(const Error& error);

// Error of the syscall that just failed; reads errno.
Error os_error(std::string context);

// Member names as in std::expected, for the day the toolchain has it.
template <typename T = std::monostate>
class [[nodiscard]] Result
{
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Error error) : state_(std::move(error)) {}
  explicit operator bool() const { return std::holds_alternative<T>(state_); }
  T& operator*() &
  {
    assert(*this);
    return std::get<T>(state_);
  }
  const T& operator*() const& { return std::get<T>(state_); }
  T&& operator*() && { return std::get<T>(std::move(state_)); }
  T* operator->() { return &std::get<T>(state_); }
  const T* operator->() const { return &std::get<T>(state_); }
  const Error& error() const { return std::get<Error>(state_); }

 private:
  std::variant<T, Error> state_;
};

inline Result<> ok()
{
  return std::monostate{};
}

}  // namespace rmaplab
