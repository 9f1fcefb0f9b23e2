// SPDX-License-Identifier: Apache-2.0
// How a worker that waits for another spins before it sleeps. A turn of the processor's pause
// takes some 40 to 140 cycles.
#pragma once

#include <atomic>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/machine.hpp"

namespace convoy {

// Where each worker of the machine has a core, sleeping and being woken costs more than the others
// are late as a rule; where they share cores, who spins keeps the others from working.
inline constexpr int kPatientSpins = 2000, kBriefSpins = 200;

inline int spins_for(int workers, int cores) {
  return workers <= cores ? kPatientSpins : kBriefSpins;
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
