// SPDX-License-Identifier: Apache-2.0
// The loss sum and the counts of a step, of a part of it (partial metrics), of several steps or of
// an evaluation. Those of a step are reduced along the tree of its gradient, so that every worker
// and every rank sees the same loss and the same flags, and all stop after the same step.
#pragma once

#include <cstdint>

namespace convoy {

struct StepMetrics {
  enum Flag : std::uint32_t {
    stop_requested = 1,  // finish this step, then stop
    not_finite = 2,      // the loss of a grain is not finite: no worker updates
  };

  double loss = 0;           // sum over samples
  std::int64_t correct = 0;  // predictions
  std::int64_t samples = 0;
  std::uint32_t flags = 0;

  // this += right, for the sums of two sibling subtrees. It is not inline, so that the compiler
  // flags of a program that includes this header do not affect float arithmetic.
  void add(const StepMetrics& right);
};

}  // namespace convoy
