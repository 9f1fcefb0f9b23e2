// SPDX-License-Identifier: Apache-2.0
// What a machine can do at most, which all other rates are a share of: fused multiply-adds, and
// bytes read and written. Measured, not looked up.
#pragma once

#include <vector>

#include "base/tensor.hpp"

namespace convoy::measure {

// FLOP/s in FP32 of `threads` threads together: each runs twelve independent chains of fused
// multiply-adds in registers, of the widest vectors that this machine has. The best of runs of a
// few milliseconds during about `seconds` (at least three).
double fma_peak(int threads, double seconds);

// Bytes a second of `threads` threads together in the triad a[i] = b[i] + s * c[i] over FP32
// vectors of their own, as in STREAM (McCalpin 1995): 12 bytes an element; that a cache may read
// `a` before it writes it does not count.
class Triad {
 public:
  // The three vectors of each thread take `bytes` together.
  Triad(int threads, Index bytes);

  // The best of several runs during about `seconds` (at least one).
  double rate(double seconds);

  Index bytes() const { return bytes_; }  // of each thread

 private:
  Index size_, bytes_;
  std::vector<Buffer<float>> memory_;  // [threads]: a, b, c
};

// Bytes of the data caches of a core, and of the last level; a usual size where the system does not
// say.
struct CacheSizes {
  Index first = 0, second = 0, last = 0;
};
CacheSizes cache_sizes();

// Bytes of a triad that no cache helps with: four times the last level for all threads together, at
// most a quarter of the machine's memory.
Index uncached_bytes();

}  // namespace convoy::measure
