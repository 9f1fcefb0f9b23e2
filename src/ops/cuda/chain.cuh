// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "runtime/gpu/kernel.hpp"

namespace convoy::cuda {

// One sum of a thread, in the order of ops/segments.hpp (like reference/chain.hpp).
class Chain {
 public:
  __device__ void term(float a, float b) { segment_ = std::fma(a, b, segment_); }
  __device__ void term(float a) { segment_ = a + segment_; }
  __device__ void end_segment() {
    total_ = first_ ? segment_ : total_ + segment_;
    first_ = false;
    segment_ = 0;
  }
  __device__ float total() const { return total_; }

 private:
  float segment_ = 0, total_ = 0;
  bool first_ = true;
};

}  // namespace convoy::cuda
