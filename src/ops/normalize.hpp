// SPDX-License-Identifier: Apache-2.0
// Turns stored pixels, bytes or floats, into the numbers that the net reads.
//
//   x[i] = (p[i] * scale - mean[c]) / stddev[c]    in double, each operation rounded, then rounded
//   c = i mod channels                             to float
//
// So floats with the values of bytes give what the bytes give. Bytes have a table of their values,
// table[c][b]. A look-up in a table is slow; so a row of the table is replaced by a formula where
// one gives every entry's bits. The formula is compared with the table when both are made.
#pragma once

#include <cstdint>
#include <vector>

#include "base/host_device.hpp"
#include "base/normalization.hpp"
#include "base/tensor.hpp"

namespace convoy {

// The formula of one channel.
struct Affine {
  double scale = 1, mean = 0, stddev = 1;
};

CONVOY_HOST_DEVICE inline float normalized(const Affine& affine, double pixel) {
  return static_cast<float>((pixel * affine.scale - affine.mean) / affine.stddev);
}

struct Normalize {
  // The most lanes of any vector (SVE's 2048 bits).
  static constexpr Index kMostLanes = 64;
  static constexpr Index kBytes = 256;

  Index channels = 1;          // 1 where all channels have one formula
  std::vector<Affine> affine;  // [channels]
  std::vector<float> table;    // [channels][256]

  // table[c][b] = fma(d, high, fma(d, low, rest)), d = b - centre, for coefficients [k] with k mod
  // channels = c. They have size [channels + kMostLanes], so that a vector of them can start at any
  // channel. They are empty where the formula is wrong for some byte.
  std::vector<float> centre, high, low, rest;
};

// Throws UserError(bad_data) where mean or stddev do not have `channels` values, a stddev is not a
// positive number, or a byte gives a number that is not finite.
Normalize make_normalize(const Normalization& normalization, Index channels);

// x [size] = pixels [size], channels innermost. Pixels that are floats have this one form, with all
// instruction sets; Backend::normalize is that of bytes.
inline void normalize(const Normalize& op, Index size, const float* pixels, float* x) {
  const Affine* affine = op.affine.data();
  for (Index c = 0; c < op.channels; ++c)
    for (Index i = c; i < size; i += op.channels) x[i] = normalized(affine[c], pixels[i]);
}

}  // namespace convoy
