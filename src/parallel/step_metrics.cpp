// SPDX-License-Identifier: Apache-2.0
#include "parallel/step_metrics.hpp"

namespace convoy {

void StepMetrics::add(const StepMetrics& right) {
  loss += right.loss;
  correct += right.correct;
  samples += right.samples;
  flags |= right.flags;
}

}  // namespace convoy
