// SPDX-License-Identifier: Apache-2.0
// What can be known of a process that is no child of this one's. Linux.
#pragma once

#include <sys/types.h>

#include <optional>

namespace convoy::app {

inline constexpr int kBySignal = 128;  // beside the signal's number, as shells count

// By a signal, or a debugger.
bool is_stopped(pid_t process);

// How a process ended: its exit code, or kBySignal + signal. `pidfd` is one of it. Until its parent
// has taken note of it, /proc knows; later the kernel itself, if it is Linux 6.15 or newer.
std::optional<int> ending_of_process(int pidfd, pid_t process);

}  // namespace convoy::app
