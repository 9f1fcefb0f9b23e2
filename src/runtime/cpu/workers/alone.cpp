// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/check.hpp"
#include "runtime/cpu/workers.hpp"

namespace convoy {

int most_workers() {
  return 1;
}

std::string threads_library() {
  return "";
}

ThreadsWish threads_by_environment() {
  return {};
}

CoreSet worker_cores() {
  return CoreSet::of_this_thread();
}

void run_workers(int workers, const std::function<void(int)>& work) {
  if (workers == 1) return work(0);
  throw UserError(Fault::unavailable, fmt::format("{} threads can't be started", workers),
                  "built without OpenMP", "use one thread, or build with CONVOY_OPENMP=ON");
}

}  // namespace convoy
