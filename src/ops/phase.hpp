// SPDX-License-Identifier: Apache-2.0
// The taps of a kernel that reach one position of the input, along one axis: the taps k with
// (position + padding - k) divisible by the stride. They depend on the position's phase alone.
#pragma once

#include "base/tensor.hpp"

namespace convoy {

struct Phase {
  Index first_tap = 0;  // the smallest
  Index taps = 0;       // first_tap, first_tap + stride, ...

  // Returns tap number `j`. Taps descend, so that the outputs that they reach ascend.
  constexpr Index tap(Index j, Index stride) const { return first_tap + stride * (taps - 1 - j); }
};

constexpr Phase phase_of(Index position, Index padding, Index kernel, Index stride) {
  const Index first = (position + padding) % stride;
  return {first, first < kernel ? (kernel - 1 - first) / stride + 1 : 0};
}

}  // namespace convoy
