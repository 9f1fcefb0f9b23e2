// SPDX-License-Identifier: Apache-2.0
// The barrier between the workers of a rank. A worker that waits spins (base/spin.hpp) and then
// sleeps in the kernel, so that a busy machine slows a run only a little. A worker that fails calls
// abort(), and all others return.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/spin.hpp"

namespace convoy {

// For a fixed number of workers; worker 0 leads. Thread-safe.
class Barrier {
 public:
  // `spins`: turns that a worker spins at most before it sleeps.
  explicit Barrier(int workers, int spins = kShortSpins)
      : workers_(static_cast<std::uint32_t>(workers)), most_spins_(spins), spins_(spins) {}

  // Returns true once all workers have arrived, or false as soon as the barrier is aborted. Between
  // the last arrival and the first departure worker 0 runs `completion` (the others pass none): it
  // sees what all workers wrote before, and all see what it wrote.
  template <class Completion>
  bool arrive_and_wait(int worker, const Completion& completion) {
    if (worker != 0) return arrive_and_wait();
    if (!wait_for_others()) return false;
    completion();
    release();
    return !aborted_.load(std::memory_order_relaxed);
  }
  bool arrive_and_wait(int worker) {
    return arrive_and_wait(worker, [] {});
  }

  // All waits return false, now and until reset().
  void abort();

  // Makes the barrier usable again after abort(). No worker may use it meanwhile.
  void reset();

  // Seconds that worker 0 has waited here for others since construction. Worker 0 alone calls it.
  double waited() const { return waited_; }

 private:
  std::uint32_t wait_while(const std::atomic<std::uint32_t>& value, std::uint32_t old);
  bool arrive_and_wait();
  bool wait_for_others();
  void release();

  const std::uint32_t workers_;
  const int most_spins_;
  std::atomic<int> spins_;
  double waited_ = 0;
  alignas(64) std::atomic<std::uint32_t> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> phase_{0};
  alignas(64) std::atomic<bool> aborted_{false};
};

}  // namespace convoy
