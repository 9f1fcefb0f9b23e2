// SPDX-License-Identifier: Apache-2.0
// Wall time.
#pragma once

#include <chrono>
#include <cstdint>

namespace convoy {

class Stopwatch {
 public:
  double seconds() const;  // since construction or the last restart
  void restart() { start_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

namespace detail {
extern const bool kCountsCycles;
}

// The clock for short intervals, in ticks of its own: the processor's time stamp counter where that
// ticks evenly and alike on all cores, else the steady clock. Never descends on a thread; the
// processor may read it some tens of nanoseconds away from what is written around it.
inline std::int64_t ticks() {
#if defined(__x86_64__)
  if (detail::kCountsCycles) return static_cast<std::int64_t>(__builtin_ia32_rdtsc());
#endif
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

// What ticks are in seconds, by comparison with the steady clock from construction on: the longer
// ago that is, the better.
class TickScale {
 public:
  TickScale() : start_(read()) {}

  double seconds_per_tick() const;  // waits, where this is less than some milliseconds old

  // The same moment on both clocks.
  struct Reading {
    std::int64_t tick = 0;
    std::int64_t nanoseconds = 0;  // of the steady clock, which the processes of a machine share
  };
  const Reading& start() const { return start_; }
  static Reading read();

 private:
  Reading start_;
};

}  // namespace convoy
