// SPDX-License-Identifier: Apache-2.0
#include "convoy/base/clock.hpp"

namespace convoy {

double Stopwatch::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

}  // namespace convoy
