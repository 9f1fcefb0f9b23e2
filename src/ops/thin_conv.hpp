// SPDX-License-Identifier: Apache-2.0
// Tells which convolutions are thin: they have so few channels that vectors and tiles made for wide
// layers would be mostly empty. They have code of their own (simd/convolutions/thin_conv-inl.hpp),
// with the same bits.
#pragma once

#include <algorithm>

#include "ops/conv2d.hpp"
#include "ops/padding.hpp"
#include "ops/segments.hpp"

namespace convoy {

// The number of samples that lie side by side in a vector, and the lanes of the longest vector in
// use.
inline constexpr Index kSideBySide = 2;
inline constexpr Index kMostLanes = 16;

constexpr bool is_thin(const Conv2d& op) {
  const Shape out = output_shape(op);
  const bool kernel = op.kernel == Extent{3, 3} || op.kernel == Extent{5, 5};
  const bool channels = op.in.channels == 1 || op.in.channels == 3;
  // A row of outputs is not longer than a segment, so segments are whole rows.
  return kernel && channels && op.stride == Extent{1, 1} && out.height >= 2 && out.width >= 2 &&
         out.width <= kSegmentTerms;
}

// The segments of a sample's sum in the weight gradient.
constexpr Index gradient_segments(const Conv2d& op) {
  const Shape out = output_shape(op);
  const Index rows = std::max<Index>(1, kSegmentTerms / out.width);
  return (out.height + rows - 1) / rows;
}

// Elements for the sums of the weight gradient, as vectors for every tap and the bias. They hold
// all segments and their total, or one segment and the totals of all filters.
constexpr Index thin_sums_size(const Conv2d& op) {
  const Index lanes = (op.filters + kMostLanes - 1) / kMostLanes * kMostLanes;
  return (op.kernel.area() * op.in.channels + 1) *
         (kMostLanes + std::max(lanes, gradient_segments(op) * kMostLanes));
}

// Elements of scratch for one pass. They hold two samples side by side and, in the forward pass,
// the weights as vectors; in the weight gradient, the sums, and dy of a segment with one row before
// and one after it.
constexpr Index thin_scratch_size(const Conv2d& op) {
  if (!is_thin(op)) return 0;
  return align_floats(kSideBySide * input_border(op).around(op.in).size()) + thin_sums_size(op) +
         (kSegmentTerms + 2 * output_shape(op).width) * kMostLanes;
}

// The input gradient has such code where dx has few channels
// (simd/convolutions/narrow_input_gradient-inl.hpp), and a segment is one or several rows of the
// kernel.
constexpr bool is_narrow(const Conv2d& op) {
  const bool kernel = op.kernel == Extent{3, 3} || op.kernel == Extent{5, 5};
  return kernel && op.stride == Extent{1, 1} && kSideBySide * op.in.channels <= kMostLanes &&
         op.kernel.width * op.filters <= kSegmentTerms;
}

// Scratch for dy of two samples, dy of four samples side by side, the weights as vectors, and two
// rows of dx of four samples.
constexpr Index narrow_scratch_size(const Conv2d& op) {
  if (!is_narrow(op)) return 0;
  return 6 * align_floats(output_shape(op).size()) +
         (op.kernel.area() * op.filters + 4 * op.in.width) * kMostLanes;
}

}  // namespace convoy
