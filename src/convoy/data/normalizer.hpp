// SPDX-License-Identifier: Apache-2.0
// Fills the input of a grain: bytes of the images named, normalised, NHWC.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "convoy/base/normalization.hpp"
#include "convoy/data/dataset.hpp"

namespace convoy {

// Immutable; safe from any number of threads.
class Normalizer {
 public:
  // Throws UserError(bad_data) where mean or stddev do not have `channels` values, or a stddev is
  // not a positive number.
  Normalizer(const Normalization& normalization, Index channels);

  // x = [bytes.size()], channels innermost.
  void apply(std::span<const std::uint8_t> bytes, float* x) const;

  // x = [samples.size()][height][width][channels]; labels = [samples.size()] unless null.
  void fill(const Dataset& data, std::span<const std::uint32_t> samples, float* x,
            Label* labels) const;

 private:
  Index channels_;
  std::vector<float> table_;  // [channel][256]; one row where all channels are alike
};

}  // namespace convoy
