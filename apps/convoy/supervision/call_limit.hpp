// SPDX-License-Identifier: Apache-2.0
// A time limit for calls of the MPI library that wait for all ranks without a limit: if a rank is
// stopped before it has left MPI_Init, the others would wait there forever.
#pragma once

#include <functional>

namespace convoy::app {

// Returns a function for RanksOptions::around_unlimited_call, for rank `rank` of this job. If a
// call takes longer than `seconds`, it ends the process with exit code 77 and, on rank 0, a message
// on stderr. (Rank 1 prints it half a second later if it still runs, because rank 0 is then the
// stopped rank.) Seconds in which this process itself was stopped do not count. Uses SIGALRM; use
// it once in a process.
std::function<void(const char* call)> limited_calls(double seconds, int rank);

}  // namespace convoy::app
