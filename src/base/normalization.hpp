// SPDX-License-Identifier: Apache-2.0
// The formula that turns a stored byte into a number that the net reads: (b * scale - mean[c]) /
// stddev[c].
#pragma once

#include <vector>

namespace convoy {

// `mean` and `stddev` are in scaled units. Each is empty (then it is 0 or 1) or holds a value for
// each channel. The formula is computed for each of the 256 bytes, in double, and rounded to float.
struct Normalization {
  double scale = 0x1.010101010101p-8;  // 1 / 255
  std::vector<double> mean;
  std::vector<double> stddev;

  friend bool operator==(const Normalization&, const Normalization&) = default;
};

}  // namespace convoy
