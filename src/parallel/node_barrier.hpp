// SPDX-License-Identifier: Apache-2.0
// Where the processes of a node meet: a barrier in shared memory. Spins and yields briefly, then
// sleeps on a futex that is shared between processes (std::atomic::wait never wakes another
// process).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/spin.hpp"

namespace convoy {

// Lives in zeroed shared memory. One thread of each of `ranks` processes.
class NodeBarrier {
 public:
  // Returns once all are here; each then sees what the others wrote before. `tag` (0 to 255) says
  // what for: false, on all, where they came for different things (nobody then waits any more).
  // `look` is called every tenth of a second or so while waiting, and throws when there is no point
  // in waiting any longer (the barrier is of no use then). Place 0 leads. At most 4095 ranks.
  // `spins`: turns before it yields.
  bool meet(int place, int ranks, int tag, const std::function<void()>& look,
            int spins = kBriefSpins);

  // No process waits here any more: wakes all, whose `look` will say why. Never throws.
  void wake_all() noexcept;

 private:
  using Look = std::function<void()>;
  bool lead(std::uint32_t others, std::uint32_t marks, int spins, const Look& look);
  bool follow(std::uint32_t others, std::uint32_t mark, int spins, const Look& look);
  void sleep(std::atomic<std::uint32_t>& word, std::uint32_t old,
             std::atomic<std::uint32_t>& sleepers, const Look& look);

  // Ranks that arrived, all but the leader, in the lower 12 bits, and the sum of the marks of their
  // tags above. The leader alone sleeps on it, the others on phase_.
  alignas(64) std::atomic<std::uint32_t> arrived_;
  std::atomic<std::uint32_t> leader_sleeps_;
  alignas(64) std::atomic<std::uint32_t> phase_;  // meetings that are over
  std::atomic<std::uint32_t> sleepers_;
  std::atomic<std::uint32_t> disagreed_;
};

}  // namespace convoy
