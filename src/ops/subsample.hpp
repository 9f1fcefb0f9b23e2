// SPDX-License-Identifier: Apache-2.0
// Trainable subsampling (LeCun et al. 1998, with a full kernel in place of a single coefficient): a
// depthwise convolution without padding. All channels share one kernel and one bias, or each has
// its own.
//
//   shared       weights [ky][kx][1]  bias [1]      own  weights [ky][kx][c]  bias [c]
//   y[oy][ox][c] = sum of x[oy sh + ky][ox sw + kx][c] * w[ky][kx][c or 0], then the bias
//
// Order of additions (segments.hpp):
//   forward          rows: ky ascending; terms: kx ascending.
//   input gradient   rows: ky descending; terms: kx descending, over the taps that reach the pixel
//                    with this stride. Taps whose output does not exist keep their place when
//                    segments are cut, but are no terms. Without any tap dx is +0.
//   weight gradient  samples in order, in a sample rows: oy ascending, terms: ox ascending.
//                    Segments never span two samples. Shared: each segment is computed for every
//                    channel, and the channels' values of a segment are added in channel order
//                    before the next segment.
#pragma once

#include "base/tensor.hpp"

namespace convoy {

struct Subsample {
  Shape in;
  Extent kernel{2, 2};
  Extent stride{2, 2};
  bool shared = true;
  bool bias = true;
};

constexpr Shape output_shape(const Subsample& op) {
  return {(op.in.height - op.kernel.height) / op.stride.height + 1,
          (op.in.width - op.kernel.width) / op.stride.width + 1, op.in.channels};
}

}  // namespace convoy
