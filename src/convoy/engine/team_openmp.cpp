// SPDX-License-Identifier: Apache-2.0
#include <omp.h>

#include <cstdlib>
#include <string>

#include "convoy/base/check.hpp"
#include "convoy/engine/team.hpp"

namespace convoy {

int most_workers() {
  return omp_get_thread_limit();
}

std::string threads_library() {
  struct Version {
    int date;
    const char* name;
  };
  for (const Version& version : {Version{202111, "5.2"},
                                 {202011, "5.1"},
                                 {201811, "5.0"},
                                 {201511, "4.5"},
                                 {201307, "4.0"},
                                 {201107, "3.1"}}) {
    if (_OPENMP >= version.date) return std::string("OpenMP ") + version.name;
  }
  return "OpenMP";
}

int threads_by_environment() {
  // The first number of a list such as "4,2"; omp_get_max_threads() would count cores where it is
  // unset.
  const char* text = std::getenv("OMP_NUM_THREADS");
  return text ? std::atoi(text) : 0;
}

void run_workers(int workers, const std::function<void(int)>& work) {
  if (workers == 1) return work(0);
  int started = 0;
  omp_set_dynamic(0);  // of the calling thread: as many threads as asked for, or an error
  // With too few threads nobody may start: the others would wait for ever.
#pragma omp parallel num_threads(workers)
  {
    if (omp_get_num_threads() == workers) {
      work(omp_get_thread_num());
    } else {
#pragma omp single
      started = omp_get_num_threads();
    }
  }
  if (started != 0) {
    throw UserError(
        Fault::unavailable,
        "asked for " + std::to_string(workers) + " threads, got " + std::to_string(started),
        "OpenMP gives fewer inside a parallel region, or by OMP_THREAD_LIMIT",
        "use fewer threads, or call from outside of a parallel region");
  }
}

}  // namespace convoy
