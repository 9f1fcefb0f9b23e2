// SPDX-License-Identifier: Apache-2.0
// Two-dimensional convolution (cross-correlation, as in PyTorch and cuDNN), zero padding.
//
//   x [H][W][C]   weights [ky][kx][c][f] (HWIO)   bias [f]   y [OH][OW][F]
//   OH = (H + 2 ph - KH) / sh + 1,  OW likewise (rounded down)
//
// Order of additions (segments.hpp; terms that read padding are terms, with x = +0):
//   forward          y[oy][ox][f] = sum of x[oy sh + ky - ph][ox sw + kx - pw][c] * w[ky][kx][c][f]
//                    rows: ky ascending; terms of a row: (kx, c) ascending; then the bias.
//   input gradient   dx[iy][ix][c] = sum of dy[oy][ox][f] * w[ky][kx][c][f] over the taps with
//                    oy sh = iy + ph - ky and ox sw = ix + pw - kx for whole oy, ox. Rows: ky
//                    descending; terms of a row: (kx descending, f ascending). A position outside
//                    of y is no term, but keeps its place when segments are cut. +0 is added last,
//                    so that no sum is -0: with finite weights, a term whose dy is +0 would change
//                    nothing. Without any tap (a stride larger than the kernel) dx is +0.
//   weight gradient  dw[ky][kx][c][f] = sum of x[...][c] * dy[oy][ox][f], db[f] = sum of 1 * dy
//                    samples in order; in a sample rows: oy ascending; terms of a row: ox
//                    ascending. Segments never span two samples; all segments of all samples are
//                    added in order.
#pragma once

#include "base/tensor.hpp"

namespace convoy {

struct Conv2d {
  Shape in;
  Index filters = 1;
  Extent kernel{3, 3};
  Extent stride{1, 1};
  Extent padding{0, 0};  // smaller than the kernel
  bool bias = true;
};

constexpr Shape output_shape(const Conv2d& op) {
  return {(op.in.height + 2 * op.padding.height - op.kernel.height) / op.stride.height + 1,
          (op.in.width + 2 * op.padding.width - op.kernel.width) / op.stride.width + 1, op.filters};
}

}  // namespace convoy
