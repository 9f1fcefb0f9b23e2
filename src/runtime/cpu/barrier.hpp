// SPDX-License-Identifier: Apache-2.0
// Where workers meet. A worker that waits spins (base/spin.hpp) and then sleeps in the kernel, so a
// busy machine slows a run down but does not make it collapse. Breakable: a worker that fails lets
// all others leave.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/spin.hpp"

namespace convoy {

// For a fixed number of workers; worker 0 leads. Thread-safe.
class Barrier {
 public:
  // `spins`: at most, of who waits.
  explicit Barrier(int workers, int spins = kBriefSpins)
      : workers_(static_cast<std::uint32_t>(workers)), most_spins_(spins), spins_(spins) {}

  // Returns once all workers are here, and true; or false, as soon as the barrier is broken.
  // Between the last arrival and the first departure worker 0 runs `completion` (others pass none):
  // it sees what all wrote before, and all see what it wrote.
  template <class Completion>
  bool meet(int worker, const Completion& completion) {
    if (worker != 0) return arrive_and_wait();
    if (!wait_for_others()) return false;
    completion();
    release();
    return !broken_.load(std::memory_order_relaxed);
  }
  bool meet(int worker) {
    return meet(worker, [] {});
  }

  // No worker waits here any more, until reset().
  void break_up();

  // While no worker is near: the barrier is whole again.
  void reset();

  // Seconds that worker 0 waited for others here, since the barrier was made; for worker 0.
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
  alignas(64) std::atomic<bool> broken_{false};
};

}  // namespace convoy
