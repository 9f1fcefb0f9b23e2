// SPDX-License-Identifier: Apache-2.0
// Exit codes of runs that did not fail in a call (the codes of errors are convoy::Fault), after
// sysexits.h, and the ending that an exception leads to.
#pragma once

#include <exception>
#include <string>

namespace convoy::app {

inline constexpr int kDone = 0;
inline constexpr int kStopped = 75;    // on request, with a valid checkpoint
inline constexpr int kNotFinite = 76;  // a loss or weight was not finite

// Whether the computation ended without an error.
constexpr bool is_clean(int code) {
  return code == kDone || code == kStopped || code == kNotFinite;
}

// The exit code and message with which a process ends.
struct Ending {
  int code = kDone;
  std::string message;  // "problem (why): remedy", or empty
};
Ending ending_of(const std::exception_ptr& error);

}  // namespace convoy::app
