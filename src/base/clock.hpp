// SPDX-License-Identifier: Apache-2.0
// Clocks for wall time.
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

// The clock for short intervals, in ticks: the processor's time stamp counter where it runs at one
// rate and equally on all cores, else the steady clock. On one thread it never decreases. The
// processor may read it some tens of nanoseconds before or after the instructions around it.
inline std::int64_t ticks() {
#if defined(__x86_64__)
  if (detail::kCountsCycles) return static_cast<std::int64_t>(__builtin_ia32_rdtsc());
#endif
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

// The length of a tick in seconds, measured against the steady clock since construction. A longer
// time since then gives a more accurate value.
class TickScale {
 public:
  TickScale() : start_(read()) {}

  double seconds_per_tick() const;  // waits until the object is some milliseconds old

  // One moment as both clocks show it.
  struct Reading {
    std::int64_t tick = 0;
    std::int64_t nanoseconds = 0;  // of the steady clock, which all processes of a machine share
  };
  const Reading& start() const { return start_; }
  static Reading read();

 private:
  Reading start_;
};

}  // namespace convoy
