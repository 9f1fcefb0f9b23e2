// SPDX-License-Identifier: Apache-2.0
#include "parallel/tally.hpp"

namespace convoy {

void Tally::add(const Tally& right) {
  loss += right.loss;
  correct += right.correct;
  samples += right.samples;
  flags |= right.flags;
}

}  // namespace convoy
