// SPDX-License-Identifier: Apache-2.0
// One parallel region. team_openmp.cpp starts threads (the only file that does); team_alone.cpp,
// which a build without OpenMP has in its place, runs the one worker there is.
#pragma once

#include <functional>
#include <string>

#include "base/core_set.hpp"

namespace convoy {

// How many workers may be asked for: 1 without OpenMP.
int most_workers();

// Runs work(0) .. work(workers - 1), each on a thread of its own, work(0) on the caller's. Each may
// run on all of worker_cores(), wherever OpenMP's runtime bound it; afterwards each thread, the
// caller's among them, may run where it might before. `work` must not throw. Throws
// UserError(unavailable) where the threads can't be had.
void run_workers(int workers, const std::function<void(int)>& work);

// The cores on which workers of the calling thread may run: its own, and all of OpenMP's places
// where the runtime binds threads to these (OMP_PLACES, OMP_PROC_BIND, GOMP_CPU_AFFINITY,
// KMP_AFFINITY): then the calling thread is bound to one of them and does not know the others.
CoreSet worker_cores();

// "OpenMP 4.5"; empty where no threads can be started.
std::string threads_library();

// What the environment asks for (OMP_NUM_THREADS).
struct ThreadsWish {
  int threads = 0;          // 0: nothing
  bool unreadable = false;  // it is set, but is no list of numbers from 1 to 65536
  std::string text;         // as it is set
};
// An unreadable variable is taken out of the environment, once and for all, before OpenMP's runtime
// reads it: that of clang 14 reads memory that it never wrote, and may end the process.
// Thread-safe, but for threads of the caller that read the environment at the same time.
ThreadsWish threads_by_environment();

}  // namespace convoy
