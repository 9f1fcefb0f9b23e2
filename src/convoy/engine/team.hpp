// SPDX-License-Identifier: Apache-2.0
// One parallel region. team_openmp.cpp starts threads (the only file that does); team_alone.cpp,
// which a build without OpenMP has in its place, runs the one worker there is.
#pragma once

#include <functional>
#include <string>

namespace convoy {

// How many workers may be asked for: 1 without OpenMP.
int most_workers();

// Runs work(0) .. work(workers - 1), each on a thread of its own, work(0) on the caller's. `work`
// must not throw. Throws UserError(unavailable) where the threads can't be had.
void run_workers(int workers, const std::function<void(int)>& work);

// "OpenMP 4.5"; empty where no threads can be started.
std::string threads_library();

// What the environment asks for (OMP_NUM_THREADS), 0 if nothing.
int threads_by_environment();

}  // namespace convoy
