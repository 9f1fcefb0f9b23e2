// SPDX-License-Identifier: Apache-2.0
// Behind a 2x2 max pool three of four numbers of a convolution's dy are zero, and no bit of its
// input gradient depends on such a term (conv2d.hpp): which blocks have code that skips them
// (simd/sparse_gradient-inl.hpp), and its scratch.
#pragma once

#include "convoy/ops/conv2d.hpp"
#include "convoy/ops/segments.hpp"
#include "convoy/ops/thin_conv.hpp"

namespace convoy {

// A segment is a row of the kernel, or whole pixels of dy in it; the filters fit a word of 64 bits.
constexpr bool is_sparse(const Conv2d& op, bool pool) {
  const bool kernel = op.kernel == Extent{3, 3} || op.kernel == Extent{5, 5};
  const Index row = op.kernel.width * op.filters;
  return pool && kernel && op.stride == Extent{1, 1} && op.filters <= 64 &&
         2 * row > kSegmentTerms && (row <= kSegmentTerms || kSegmentTerms % op.filters == 0);
}

// Of dx with its border, columns first: floats from one column to the next. An odd number of cache
// lines, so that the columns do not compete for the same places in the cache.
constexpr Index sparse_column(const Conv2d& op) {
  const Index lines = ((op.in.height + 2 * op.padding.height) * op.in.channels + 15) / 16;
  return (lines | 1) * 16;
}

// Lanes of a column of the kernel: (row, channel).
constexpr Index sparse_lanes(const Conv2d& op) {
  return (op.kernel.height * op.in.channels + kMostLanes - 1) / kMostLanes * kMostLanes;
}

// The weights as vectors, dx, a word for each pixel of dy.
constexpr Index sparse_scratch_size(const Conv2d& op, bool pool) {
  if (!is_sparse(op, pool)) return 0;
  const Shape out = output_shape(op);
  return op.kernel.width * op.filters * sparse_lanes(op) +
         (op.in.width + 2 * op.padding.width) * sparse_column(op) + kMostLanes +
         2 * out.height * out.width;
}

}  // namespace convoy
