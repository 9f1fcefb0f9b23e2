// SPDX-License-Identifier: Apache-2.0
// How a stored byte becomes a number that the net reads: (b * scale - mean[c]) / stddev[c].
#pragma once

#include <vector>

namespace convoy {

// `mean` and `stddev` are empty (0 and 1), or hold one value a channel; they are in scaled units.
// The arithmetic is done once for each of the 256 bytes, in double, and rounded to float.
struct Normalization {
  double scale = 0x1.010101010101p-8;  // 1 / 255
  std::vector<double> mean;
  std::vector<double> stddev;

  friend bool operator==(const Normalization&, const Normalization&) = default;
};

}  // namespace convoy
