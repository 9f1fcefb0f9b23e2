// SPDX-License-Identifier: Apache-2.0
// The state of a process that is not a child of this process. Linux.
#pragma once

#include <sys/types.h>

#include <optional>

namespace convoy::app {

inline constexpr int kBySignal = 128;  // plus the signal's number, as in shells

// Whether a signal or a debugger stopped the process.
bool is_stopped(pid_t process);

// How a process ended: its exit code, or kBySignal + signal. `pidfd` refers to the process. /proc
// has this until the parent has waited for the process; later the kernel has it, from Linux 6.15
// on.
std::optional<int> ending_of_process(int pidfd, pid_t process);

}  // namespace convoy::app
