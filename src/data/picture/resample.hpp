// SPDX-License-Identifier: Apache-2.0
// The inner loops of resize.hpp, in Highway: sums of bytes times whole numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "base/tensor.hpp"

namespace convoy {

// The bits behind the binary point of a coefficient.
inline constexpr int kCoefficientBits = 22;

// Output x is the sum of coefficients[x * taps + i] times input first[x] + i, over count[x] values
// of i. The other coefficients of its row are 0, and `taps` is a multiple of 4.
struct ResampleWindows {
  Index taps = 0;
  std::vector<std::int32_t> first, count;
  std::vector<std::int32_t> coefficients;

  Index outputs() const { return static_cast<Index>(first.size()); }
};

// Bytes that resample_row() may read behind its row, whose values do not matter.
inline constexpr Index kReadBehindRow = 4;

// Resizes a row of pixels of 1 or 3 channels.
void resample_row(const std::uint8_t* in, Index channels, const ResampleWindows& windows,
                  std::uint8_t* out);

// Computes row `y` of the output from rows of `bytes` bytes that lie one after the other; in[0]
// begins row `first_row`.
void resample_columns(const std::uint8_t* in, Index first_row, Index bytes,
                      const ResampleWindows& windows, Index y, std::uint8_t* out);

}  // namespace convoy
