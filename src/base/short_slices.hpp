// SPDX-License-Identifier: Apache-2.0
// How soon a thread that wakes gets its core back on a busy machine. Workers that meet several
// times in a millisecond would otherwise wait, at every meeting, for the rest of some other
// program's time slice.
#pragma once

#include <cstdint>

namespace convoy {

// Asks the scheduler for the shortest time slices for the calling thread. Its share of the machine
// stays the same; only its turns are shorter and come sooner (Linux 6.12 and later; without effect
// elsewhere, and for threads of another policy than the normal one). Returns what the thread had,
// in nanoseconds, or 0 where nothing was changed.
std::uint64_t shorten_slices();

// The same for as long as the object lives.
class ShortSlices {
 public:
  ShortSlices();
  ~ShortSlices();
  ShortSlices(const ShortSlices&) = delete;
  ShortSlices& operator=(const ShortSlices&) = delete;

 private:
  std::uint64_t before_;
};

}  // namespace convoy
