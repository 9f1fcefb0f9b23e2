// SPDX-License-Identifier: Apache-2.0
// The inner loops of resize.hpp, in Highway: sums of bytes times whole numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "base/tensor.hpp"

namespace convoy {

// The bits behind the binary point of a coefficient.
inline constexpr int kCoefficientBits = 22;

// The lower of them, in two numbers of 16 bits.
inline constexpr int kLowBits = 11;

// Coefficients k = 2^kLowBits high + low, 0 <= low < 2^kLowBits, in the order in which vectors of
// pixels take them: for each pair of coefficients a and b, [a b a b a b a b].
struct RgbCoefficients {
  std::vector<std::int16_t> high, low;
};

// Output x is the sum of coefficients[x * taps + i] times input first[x] + i, over count[x] values
// of i. The other coefficients of its row are 0, and `taps` is a multiple of 4.
struct ResampleWindows {
  Index taps = 0;
  std::vector<std::int32_t> first, count;
  std::vector<std::int32_t> coefficients;
  RgbCoefficients rgb;  // empty until split_coefficients()

  Index outputs() const { return static_cast<Index>(first.size()); }
  void split_coefficients();
};

// Bytes behind its row that resample_row() may read, whose values do not matter, and behind its
// output that it may overwrite.
inline constexpr Index kReadBehindRow = 16, kWrittenBehindRow = 1;

// Resizes a row of pixels of 1 or 3 channels; for 3, `windows` has split coefficients.
void resample_row(const std::uint8_t* in, Index channels, const ResampleWindows& windows,
                  std::uint8_t* out);

// Computes row `y` of the output from rows of `bytes` bytes that lie one after the other; in[0]
// begins row `first_row`.
void resample_columns(const std::uint8_t* in, Index first_row, Index bytes,
                      const ResampleWindows& windows, Index y, std::uint8_t* out);

}  // namespace convoy
