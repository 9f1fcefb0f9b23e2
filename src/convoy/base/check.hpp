// SPDX-License-Identifier: Apache-2.0
// The three kinds of error, and the three ways to raise them.
//
//   what a user got wrong       throw UserError(fault, problem, why, remedy)
//                               "problem (why): remedy"
//   a broken internal contract  CONVOY_ASSERT(condition)
//                               debug builds only
//   a failed call of a system   throw SystemError(fault, call, place, reason)
//                               "call failed on place (reason)"
//
// The library never prints and never exits: main() catches and turns `fault()` into the exit code.
#pragma once

#include <cassert>
#include <stdexcept>
#include <string>
#include <string_view>

#define CONVOY_ASSERT(condition) assert(condition)

namespace convoy {

// What went wrong, numbered as the program's exit codes (after sysexits.h).
enum class Fault {
  usage = 2,         // the command line
  bad_data = 65,     // a data, model or checkpoint file that does not hold what it should
  not_found = 66,    // an input that is not there
  unavailable = 69,  // a device or a service that this machine or build does not have
  internal = 70,     // a bug
  io = 74,           // reading or writing failed (disk full, permission)
  peer = 77,         // another rank failed or hangs
};

class Error : public std::runtime_error {
 public:
  Fault fault() const noexcept { return fault_; }

 protected:
  Error(Fault fault, const std::string& message) : std::runtime_error(message), fault_(fault) {}

 private:
  Fault fault_;
};

// Something that the user can mend. `why` may be empty; `remedy` never is.
class UserError : public Error {
 public:
  UserError(Fault fault, std::string_view problem, std::string_view why, std::string_view remedy);
};

// A call of the operating system or of a library that failed. `place` is the file, device or peer.
class SystemError : public Error {
 public:
  SystemError(Fault fault, std::string_view call, std::string_view place, std::string_view reason);
  // The reason is that of `errno_value`.
  SystemError(Fault fault, std::string_view call, std::string_view place, int errno_value);
};

}  // namespace convoy
