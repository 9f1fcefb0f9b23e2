// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/tensor.hpp"
#include "data/dataset.hpp"

namespace convoy {

// The samples of a step, or of an evaluation, cut into grains.
struct GrainList {
  const Dataset* data = nullptr;
  std::span<const std::uint32_t> samples;
  Index grain = 1;

  Index count() const { return (static_cast<Index>(samples.size()) + grain - 1) / grain; }
  // The samples (positions in `samples`) of grains [grains).
  Range range(Range grains) const {
    return {grains.begin * grain, std::min(grains.end * grain, static_cast<Index>(samples.size()))};
  }
};

}  // namespace convoy
