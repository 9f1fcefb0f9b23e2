// SPDX-License-Identifier: Apache-2.0
// What a step counts beside its gradient. It travels the same tree, so that every worker and every
// rank sees the same loss and the same flags, and all leave at the same step.
#pragma once

#include <cstdint>

namespace convoy {

struct Tally {
  enum Flag : std::uint32_t {
    stop_requested = 1,  // finish this step, then leave
    not_finite = 2,      // a loss or gradient is not finite: change nothing
  };

  double loss = 0;  // sum over samples
  std::int64_t correct = 0;
  std::int64_t samples = 0;
  std::uint32_t flags = 0;

  // this += right: the sums of a node of the tree. (Not inline: a user's compiler flags must not
  // rule float arithmetic.)
  void add(const Tally& right);
};

}  // namespace convoy
