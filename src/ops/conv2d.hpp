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

#include "ops/op_traits.hpp"
#include "ops/window.hpp"

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

template <>
struct OpTraits<Conv2d> : OpDefaults<Conv2d> {
  static constexpr std::array<ModelFileType<Conv2d>, 1> types = {{{"conv2d", "conv"}}};
  static constexpr Units forward_units = Units::pixels;
  static constexpr Units input_gradient_units = Units::pixels;
  static constexpr PassFlops flops(const Conv2d& op) {
    return flops_of_product(output_shape(op).size() * op.kernel.area() * op.in.channels);
  }
  static constexpr ParameterShape parameters(const Conv2d& op) {
    const Index area = op.kernel.area();
    return {area * op.in.channels, op.filters, op.bias, area * op.in.channels, area * op.filters};
  }
  // [ky][kx][c][f]
  static std::vector<Index> weight_shape(const Conv2d& op) {
    return {op.kernel.height, op.kernel.width, op.in.channels, op.filters};
  }
  // The transposed weights for the input gradient.
  static constexpr Index packed_size(const Conv2d& op) { return parameters(op).weights(); }
  static Index scratch_size(const Conv2d& op);

  template <class Self, class Visit>
  static constexpr void visit_keys(Self& op, const Visit& visit) {
    visit("filters", op.filters, Required{"filters = 8"}, kPositiveSide);
    visit("kernel", op.kernel, Required{"kernel = 3, or kernel = [3, 5] for height and width"},
          kPositiveSide);
    visit("stride", op.stride, Extent{1, 1}, kPositiveSide);
    visit("padding", op.padding, Extent{0, 0}, kAnySide);
    visit("bias", op.bias, true);
  }

  template <class Fail>
  static void check(const Conv2d& op, const Fail& fail) {
    check_window("kernel", op.in, op.kernel, op.padding, fail);
    if (op.padding.height < op.kernel.height && op.padding.width < op.kernel.width) return;
    fail("padding", "padding " + to_string(op.padding) + " is not smaller than the kernel",
         "kernel " + to_string(op.kernel) + ": whole outputs would see zeros alone",
         "use a padding of at most kernel - 1");
  }
};

}  // namespace convoy
