// SPDX-License-Identifier: Apache-2.0
// The peak rates of a machine, of which all other rates are a share: fused multiply-adds, and bytes
// read and written. They are measured, not looked up.
#pragma once

#include <vector>

#include "base/tensor.hpp"

namespace convoy::measure {

// FLOP/s in FP32 of `threads` threads together: each runs twelve independent chains of fused
// multiply-adds in registers, with the widest vectors that this machine has. Returns the best of
// runs of a few milliseconds (at least three) that take about `seconds` together.
double fma_peak(int threads, double seconds);

// Bytes per second of `threads` threads together in the triad a[i] = b[i] + s * c[i], each over
// FP32 vectors of its own, as in STREAM (McCalpin 1995). An element counts 12 bytes; if a cache
// reads `a` before it writes it, that does not count.
class Triad {
 public:
  // The three vectors of each thread take `bytes` together.
  Triad(int threads, Index bytes);

  // Returns the best of several runs (at least one) that take about `seconds` together.
  double rate(double seconds);

  Index bytes() const { return bytes_; }  // of each thread

 private:
  Index size_, bytes_;
  std::vector<Buffer<float>> memory_;  // [threads]: a, b, c
};

// Bytes of the data caches of a core, and of the last level; typical sizes if the system does not
// report them.
struct CacheSizes {
  Index first = 0, second = 0, last = 0;
};
CacheSizes cache_sizes();

// Bytes of a triad that is too large for every cache: four times the last level for all threads
// together, at most a quarter of the machine's memory.
Index uncached_bytes();

}  // namespace convoy::measure
