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

#include "ops/op_traits.hpp"
#include "ops/window.hpp"

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

template <>
struct OpTraits<Subsample> : OpDefaults<Subsample> {
  static constexpr std::array<ModelFileType<Subsample>, 1> types = {{{"subsample", "subsample"}}};
  static constexpr Units forward_units = Units::pixels;
  static constexpr Units input_gradient_units = Units::pixels;
  static constexpr PassFlops flops(const Subsample& op) {
    return flops_of_product(output_shape(op).size() * op.kernel.area());
  }
  static constexpr ParameterShape parameters(const Subsample& op) {
    const Index area = op.kernel.area();
    return {area, op.shared ? 1 : op.in.channels, op.bias, area, area, false};
  }
  // [ky][kx][1 or c]
  static std::vector<Index> weight_shape(const Subsample& op) {
    return {op.kernel.height, op.kernel.width, parameters(op).columns};
  }

  template <class Self, class Visit>
  static constexpr void visit_keys(Self& op, const Visit& visit) {
    visit("size", op.kernel, Required{"size = 2", "kernel"}, kPositiveSide);
    visit("stride", op.stride, op.kernel, kPositiveSide);
    visit("shared", op.shared, true);
    visit("bias", op.bias, true);
  }

  template <class Fail>
  static void check(const Subsample& op, const Fail& fail) {
    check_window("size", op.in, op.kernel, {0, 0}, fail);
  }
};

}  // namespace convoy
