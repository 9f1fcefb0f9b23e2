// SPDX-License-Identifier: Apache-2.0
// A limit for the calls of the MPI library that wait for all ranks without one: where a rank is
// stopped before it has left MPI_Init, the others would stay in there for ever.
#pragma once

#include <functional>

namespace convoy::app {

// For RanksOptions::around_unlimited_call, of rank `rank` of this job. A call that takes longer
// than `seconds` ends the process with exit code 77 and, on rank 0, a message on stderr. (Rank 1
// says it half a second later, if it is still there: then rank 0 is the one that is stopped.)
// Seconds in which this process itself was stopped do not count. Uses SIGALRM; one in a process.
std::function<void(const char* call)> limited_calls(double seconds, int rank);

}  // namespace convoy::app
