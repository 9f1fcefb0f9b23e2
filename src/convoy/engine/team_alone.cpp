// SPDX-License-Identifier: Apache-2.0
#include "convoy/base/check.hpp"
#include "convoy/engine/team.hpp"

namespace convoy {

int most_workers() {
  return 1;
}

std::string threads_library() {
  return "";
}

int threads_by_environment() {
  return 0;
}

void run_workers(int workers, const std::function<void(int)>& work) {
  CONVOY_ASSERT(workers == 1);
  static_cast<void>(workers);
  work(0);
}

}  // namespace convoy
