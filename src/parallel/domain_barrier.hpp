// SPDX-License-Identifier: Apache-2.0
// The barrier between the processes of a memory domain, in shared memory. A process that waits
// spins and yields briefly, then sleeps on a futex that is shared between processes
// (std::atomic::wait never wakes another process).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/spin.hpp"

namespace convoy {

// A DomainBarrier lies in zeroed shared memory. One thread of each of `ranks` processes calls it.
class DomainBarrier {
 public:
  // Returns once all ranks have arrived; each then sees what the others wrote before they arrived.
  // `tag` (0 to 255) is the synchronization point; where the tags differ, the call returns false on
  // all ranks, and later calls do not wait. While it waits, the call calls `look` about every tenth
  // of a second; `look` throws to end the wait, and then the barrier can't be used any more. The
  // rank with `local_rank` 0 leads. At most 4095 ranks. `spins`: turns that it spins before it
  // yields.
  bool arrive_and_wait(int local_rank, int ranks, int tag, const std::function<void()>& look,
                       int spins = kShortSpins);

  // Wakes all processes that wait here; their `look` says why. Never throws.
  void wake_all() noexcept;

 private:
  using Look = std::function<void()>;
  bool lead(std::uint32_t others, std::uint32_t marks, int spins, const Look& look);
  bool follow(std::uint32_t others, std::uint32_t mark, int spins, const Look& look);
  void sleep(std::atomic<std::uint32_t>& word, std::uint32_t old,
             std::atomic<std::uint32_t>& sleepers, const Look& look);

  // The lower 12 bits count the ranks that arrived, without the leader; the bits above hold the sum
  // of their tags' marks. The leader sleeps on this word, the others on phase_.
  alignas(64) std::atomic<std::uint32_t> arrived_;
  std::atomic<std::uint32_t> leader_sleeps_;
  alignas(64) std::atomic<std::uint32_t> phase_;  // barriers that have ended
  std::atomic<std::uint32_t> sleepers_;
  std::atomic<std::uint32_t> disagreed_;
};

}  // namespace convoy
