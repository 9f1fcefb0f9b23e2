// SPDX-License-Identifier: Apache-2.0
// After a 2x2 max pool three of four numbers of a convolution's dy are zero, and no bit of its
// input gradient depends on such a term (conv2d.hpp). These functions tell which blocks have code
// that skips such terms (simd/convolutions/sparse_input_gradient-inl.hpp), and how much scratch it
// needs.
#pragma once

#include "ops/conv2d.hpp"
#include "ops/segments.hpp"
#include "ops/thin_conv.hpp"

namespace convoy {

// A segment is one row of the kernel, or whole pixels of dy in it. The filters must fit a word of
// 64 bits.
constexpr bool is_sparse(const Conv2d& op, bool pool) {
  const bool kernel = op.kernel == Extent{3, 3} || op.kernel == Extent{5, 5};
  const Index row = op.kernel.width * op.filters;
  return pool && kernel && op.stride == Extent{1, 1} && op.filters <= 64 &&
         2 * row > kSegmentTerms && (row <= kSegmentTerms || kSegmentTerms % op.filters == 0);
}

// The number of floats from one column of dx to the next; dx is stored with its border, column by
// column. It is an odd number of cache lines, so that the columns do not compete for the same
// places in the cache.
constexpr Index sparse_column(const Conv2d& op) {
  const Index lines = ((op.in.height + 2 * op.padding.height) * op.in.channels + 15) / 16;
  return (lines | 1) * 16;
}

// The lanes (row, channel) of a column of the kernel.
constexpr Index sparse_lanes(const Conv2d& op) {
  return (op.kernel.height * op.in.channels + kMostLanes - 1) / kMostLanes * kMostLanes;
}

// Scratch for the weights as vectors, dx, and a word for each pixel of dy.
constexpr Index sparse_scratch_size(const Conv2d& op, bool pool) {
  if (!is_sparse(op, pool)) return 0;
  const Shape out = output_shape(op);
  return op.kernel.width * op.filters * sparse_lanes(op) +
         (op.in.width + 2 * op.padding.width) * sparse_column(op) + kMostLanes +
         2 * out.height * out.width;
}

// The weight gradient has such code too: one version for few channels
// (simd/convolutions/sparse_weight_gradient-inl.hpp), and one for more channels and a 3x3 kernel
// (simd/convolutions/wide_sparse_weight_gradient-inl.hpp). A row of dy must not be longer than a
// segment.
constexpr bool has_few_channels(const Conv2d& op) {
  return 2 * op.in.channels <= kMostLanes;
}
constexpr bool has_sparse_weights(const Conv2d& op, bool pool) {
  const bool kernel =
      op.kernel == Extent{3, 3} || (op.kernel == Extent{5, 5} && has_few_channels(op));
  return pool && kernel && op.stride == Extent{1, 1} && !is_thin(op) &&
         output_shape(op).width <= kSegmentTerms / 2;
}

// The lanes of a row of the kernel.
constexpr Index sparse_row_lanes(const Conv2d& op) {
  return (op.kernel.width * op.in.channels + kMostLanes - 1) / kMostLanes * kMostLanes;
}

// The sizes of the parts of its scratch, in floats or numbers of 32 bits.
constexpr Index sparse_window_rows(const Conv2d& op) {
  return (op.in.height + 2 * op.padding.height) * output_shape(op).width;
}
constexpr Index sparse_windows(const Conv2d& op) {
  return sparse_window_rows(op) * sparse_row_lanes(op);
}
constexpr Index sparse_sums(const Conv2d& op) {
  return op.filters * op.kernel.height * sparse_row_lanes(op);
}
constexpr Index sparse_term_words(const Conv2d& op) {
  return kSegmentTerms / 32 * ((op.filters + 15) / 16 * 16);
}

// The lanes of a pixel of x, in the version for many channels.
constexpr Index sparse_channel_lanes(const Conv2d& op) {
  return (op.in.channels + kMostLanes - 1) / kMostLanes * kMostLanes;
}

constexpr Index sparse_weights_scratch_size(const Conv2d& op, bool pool) {
  if (!has_sparse_weights(op, pool)) return 0;
  const Shape out = output_shape(op), padded = input_border(op).around(op.in);
  const Index lists = sparse_term_words(op) + align_floats(2 * out.height * out.width);
  if (has_few_channels(op)) {
    return align_floats(padded.size()) + sparse_windows(op) + sparse_sums(op) + lists;
  }
  return sparse_channel_lanes(op) * (padded.height * padded.width + op.kernel.area() * op.filters) +
         lists;
}

}  // namespace convoy
