// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/barrier.hpp"

#include <algorithm>

#include "base/clock.hpp"

namespace convoy {
namespace {

// Added to arrived_ by abort(), so that a sleeping leader sees a change.
constexpr std::uint32_t kAborted = 1U << 16;

}  // namespace

// Waits until `value` is not `old`: spins, then sleeps. Where spinning was in vain, another thread
// probably has the core of the awaited worker, so the next wait spins half as long; where spinning
// sufficed, the next wait spins twice as long, up to most_spins_.
std::uint32_t Barrier::wait_while(const std::atomic<std::uint32_t>& value, std::uint32_t old) {
  const int spins = spins_.load(std::memory_order_relaxed);
  for (int i = 0; i < spins; ++i) {
    const std::uint32_t now = value.load(std::memory_order_acquire);
    if (now != old) {
      if (spins < most_spins_) {
        spins_.store(std::min(2 * spins, most_spins_), std::memory_order_relaxed);
      }
      return now;
    }
    pause();
  }
  spins_.store(std::max(spins / 2, std::min(kShortSpins, most_spins_)), std::memory_order_relaxed);
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

bool Barrier::arrive_and_wait() {
  const std::uint32_t phase = phase_.load(std::memory_order_acquire);
  if (aborted_.load(std::memory_order_acquire)) return false;
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 2 == workers_) arrived_.notify_one();
  wait_while(phase_, phase);
  return !aborted_.load(std::memory_order_acquire);
}

bool Barrier::wait_for_others() {
  std::uint32_t arrived = arrived_.load(std::memory_order_acquire);
  if (arrived + 1 < workers_) {
    const Stopwatch clock;
    while (arrived + 1 < workers_) arrived = wait_while(arrived_, arrived);
    waited_ += clock.seconds();
  }
  return !aborted_.load(std::memory_order_acquire);
}

void Barrier::release() {
  if (workers_ == 1) return;
  arrived_.fetch_sub(workers_ - 1, std::memory_order_acq_rel);
  phase_.fetch_add(1, std::memory_order_acq_rel);
  phase_.notify_all();
}

void Barrier::abort() {
  aborted_.store(true, std::memory_order_release);
  arrived_.fetch_add(kAborted, std::memory_order_acq_rel);
  arrived_.notify_all();
  phase_.fetch_add(1, std::memory_order_acq_rel);
  phase_.notify_all();
}

void Barrier::reset() {
  arrived_.store(0, std::memory_order_relaxed);
  aborted_.store(false, std::memory_order_relaxed);
}

}  // namespace convoy
