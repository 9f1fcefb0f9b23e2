// SPDX-License-Identifier: Apache-2.0
// The program's one parallel region. workers/openmp.cpp starts the worker threads; a build without
// OpenMP has workers/alone.cpp instead, which runs a single worker.
#pragma once

#include <functional>
#include <string>

#include "base/core_set.hpp"

namespace convoy {

// The most workers that can be asked for: 1 without OpenMP.
int most_workers();

// Runs work(0) .. work(workers - 1), each on a thread of its own, work(0) on the caller's. During
// the call each thread may run on all of worker_cores(), whatever OpenMP's runtime bound it to;
// afterwards each thread, including the caller's, has its previous affinity. `work` must not throw.
// Throws UserError(unavailable) where the threads can't be created.
void run_workers(int workers, const std::function<void(int)>& work);

// The cores on which workers of the calling thread may run: the cores of the calling thread and,
// where OpenMP's runtime binds threads to places (OMP_PLACES, OMP_PROC_BIND, GOMP_CPU_AFFINITY,
// KMP_AFFINITY), the cores of all places. In that case the calling thread is bound to one place, so
// its affinity does not show the others.
CoreSet worker_cores();

// "OpenMP 4.5"; empty where no threads can be started.
std::string threads_library();

// What the environment asks for (OMP_NUM_THREADS).
struct ThreadsWish {
  int threads = 0;          // 0: not set
  bool unreadable = false;  // set, but not a list of numbers from 1 to 65536
  std::string text;         // the variable's value
};
// Removes an unreadable variable from the environment for good, before OpenMP's runtime reads it:
// the runtime of clang 14 then reads uninitialised memory and may end the process. Thread-safe,
// unless other threads read the environment at the same time.
ThreadsWish threads_by_environment();

}  // namespace convoy
