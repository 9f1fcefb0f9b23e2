// SPDX-License-Identifier: Apache-2.0
// Exit codes that are not errors of a call (those are convoy::Fault), after sysexits.h.
#pragma once

namespace convoy::app {

inline constexpr int kDone = 0;
inline constexpr int kStopped = 75;    // on request, with a valid checkpoint
inline constexpr int kNotFinite = 76;  // a loss or weight was not finite

}  // namespace convoy::app
