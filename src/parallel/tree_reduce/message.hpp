// SPDX-License-Identifier: Apache-2.0
// The message that memory domains send each other while they finish a tree (tree_reduce.cpp): the
// partial metrics of some subtrees, then for each subtree a part of its gradient; each array begins
// on a cache line. A memory domain without subtrees sends one entry of metrics, for its flags.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/tensor.hpp"
#include "parallel/step_metrics.hpp"

namespace convoy {

inline Index metrics_bytes(Index pieces) {
  return align_floats(std::max<Index>(pieces, 1) * static_cast<Index>(sizeof(StepMetrics) / 4)) * 4;
}
inline Index message_bytes(Index pieces, Index floats) {
  return metrics_bytes(pieces) + pieces * align_floats(floats) * 4;
}
inline StepMetrics* metrics_of(std::byte* message) {
  return reinterpret_cast<StepMetrics*>(message);
}
inline float* floats_of(std::byte* message, Index pieces, Index floats, Index piece) {
  return reinterpret_cast<float*>(message + metrics_bytes(pieces)) + piece * align_floats(floats);
}

}  // namespace convoy
