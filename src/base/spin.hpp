// SPDX-License-Identifier: Apache-2.0
// How long a worker that waits for another one spins before it sleeps. One pause instruction of the
// processor takes some 40 to 140 cycles.
#pragma once

#include <atomic>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/machine.hpp"

namespace convoy {

// Where each worker has a core of its own, a sleep and a wake-up cost more than the other workers
// are usually late; so a worker spins long. Where workers share cores, a worker that spins delays
// the others.
inline constexpr int kLongSpins = 2000, kShortSpins = 200;

inline int spins_for(int workers, int cores) {
  return workers <= cores ? kLongSpins : kShortSpins;
}
inline int spins_for(int workers) {
  return spins_for(workers, usable_cores());
}

inline void pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace convoy
