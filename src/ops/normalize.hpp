// SPDX-License-Identifier: Apache-2.0
// Turns stored bytes into the numbers that the net reads.
//
//   x[i] = table[c][bytes[i]]     table[c][b] = (b * scale - mean[c]) / stddev[c], in double, each
//   c = i mod channels            operation rounded, then rounded to float
//
// A look-up in a table is slow; so a row of the table is replaced by a formula where one gives
// every entry's bits. The formula is compared with the table when both are made.
#pragma once

#include <cstdint>
#include <vector>

#include "base/normalization.hpp"
#include "base/tensor.hpp"

namespace convoy {

struct Normalize {
  // The most lanes of any vector (SVE's 2048 bits).
  static constexpr Index kMostLanes = 64;
  static constexpr Index kBytes = 256;

  Index channels = 1;        // 1 where all channels have one row
  std::vector<float> table;  // [channels][256]

  // table[c][b] = fma(d, high, fma(d, low, rest)), d = b - centre, for coefficients [k] with k mod
  // channels = c. They have size [channels + kMostLanes], so that a vector of them can start at any
  // channel. They are empty where the formula is wrong for some byte.
  std::vector<float> centre, high, low, rest;
};

// Throws UserError(bad_data) where mean or stddev do not have `channels` values, a stddev is not a
// positive number, or a byte gives a number that is not finite.
Normalize make_normalize(const Normalization& normalization, Index channels);

}  // namespace convoy
