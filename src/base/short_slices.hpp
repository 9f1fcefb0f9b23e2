// SPDX-License-Identifier: Apache-2.0
// How soon a thread that wakes gets its core back on a busy machine. Workers wait at barriers
// several times per millisecond; with long time slices they would wait at each one until another
// program's slice ends.
#pragma once

#include <cstdint>

namespace convoy {

// Asks the scheduler for the shortest time slices for the calling thread. The thread's share of the
// machine stays the same, but its turns are shorter and come sooner. This works on Linux 6.12 and
// later; it has no effect on other systems, or on threads whose policy is not the normal one.
// Returns the thread's previous slice in nanoseconds, or 0 where nothing was changed.
std::uint64_t shorten_slices();

// Shortens the slices of the calling thread for as long as the object lives.
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
