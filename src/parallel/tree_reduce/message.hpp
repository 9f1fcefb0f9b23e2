// SPDX-License-Identifier: Apache-2.0
// What nodes send each other while they finish a tree (tree_reduce.cpp): the tallies of some
// subtrees, then for each of them a part of its gradient; all on cache lines. A node without
// subtrees has flags to tell, in a tally of its own.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/tensor.hpp"
#include "parallel/tally.hpp"

namespace convoy {

inline Index tally_bytes(Index pieces) {
  return align_floats(std::max<Index>(pieces, 1) * static_cast<Index>(sizeof(Tally) / 4)) * 4;
}
inline Index message_bytes(Index pieces, Index floats) {
  return tally_bytes(pieces) + pieces * align_floats(floats) * 4;
}
inline Tally* tallies_of(std::byte* message) {
  return reinterpret_cast<Tally*>(message);
}
inline float* floats_of(std::byte* message, Index pieces, Index floats, Index piece) {
  return reinterpret_cast<float*>(message + tally_bytes(pieces)) + piece * align_floats(floats);
}

}  // namespace convoy
