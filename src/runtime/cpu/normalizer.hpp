// SPDX-License-Identifier: Apache-2.0
// Fills the input of a grain with the normalised pixels of its images, NHWC.
#pragma once

#include <cstdint>
#include <span>

#include "data/dataset.hpp"
#include "ops/backend.hpp"

namespace convoy {

// Immutable; safe from any number of threads.
class Normalizer {
 public:
  // Throws as make_normalize() does. Keeps a reference to the backend.
  Normalizer(const Normalization& normalization, Index channels, const Backend& backend);

  // Writes the named images of `data`, which must have that number of channels. x =
  // [samples.size()][height][width][channels]; labels = [samples.size()] unless null.
  void fill(const Dataset& data, std::span<const std::uint32_t> samples, float* x,
            Label* labels) const;

 private:
  const Normalize normalize_;
  const Backend& backend_;
};

}  // namespace convoy
