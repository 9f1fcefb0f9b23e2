// SPDX-License-Identifier: Apache-2.0
// Wall time.
#pragma once

#include <chrono>

namespace convoy {

class Stopwatch {
 public:
  double seconds() const;  // since construction or the last restart
  void restart() { start_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace convoy
