// SPDX-License-Identifier: Apache-2.0
// Exit codes that are not errors of a call (those are convoy::Fault), after sysexits.h, and what an
// exception means to a user.
#pragma once

#include <exception>
#include <string>

namespace convoy::app {

inline constexpr int kDone = 0;
inline constexpr int kStopped = 75;    // on request, with a valid checkpoint
inline constexpr int kNotFinite = 76;  // a loss or weight was not finite

// No error: the computation came to an end.
constexpr bool is_clean(int code) {
  return code == kDone || code == kStopped || code == kNotFinite;
}

// How a process ends.
struct Ending {
  int code = kDone;
  std::string message;  // "problem (why): remedy", or empty
};
Ending ending_of(const std::exception_ptr& error);

}  // namespace convoy::app
