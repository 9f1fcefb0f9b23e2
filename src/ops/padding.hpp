// SPDX-License-Identifier: Apache-2.0
// Copies of one sample with a border of zeros, so that the inner loops need no test for the edge.
#pragma once

#include <algorithm>

#include "ops/conv2d.hpp"

namespace convoy {

struct Border {
  Index top = 0, left = 0, bottom = 0, right = 0;

  constexpr bool empty() const { return top + left + bottom + right == 0; }
  constexpr Shape around(const Shape& s) const {
    return {top + s.height + bottom, left + s.width + right, s.channels};
  }
};

// The zeros around x that the forward pass and the weight gradient read.
constexpr Border input_border(const Conv2d& op) {
  return {op.padding.height, op.padding.width, op.padding.height, op.padding.width};
}

// The zeros around dy that the input gradient reads.
constexpr Border gradient_border(const Conv2d& op) {
  const Shape out = output_shape(op);
  const auto before = [](Index kernel, Index padding, Index stride) {
    return (kernel - 1 - padding + stride - 1) / stride;
  };
  const auto after = [](Index in, Index padding, Index stride, Index outputs) {
    return std::max<Index>(0, (in - 1 + padding) / stride - (outputs - 1));
  };
  return {before(op.kernel.height, op.padding.height, op.stride.height),
          before(op.kernel.width, op.padding.width, op.stride.width),
          after(op.in.height, op.padding.height, op.stride.height, out.height),
          after(op.in.width, op.padding.width, op.stride.width, out.width)};
}

// The size of dy with its border, in whole vectors, and of a zero for every channel of dx.
constexpr Index bordered_gradient_size(const Conv2d& op) {
  return align_floats(gradient_border(op).around(output_shape(op)).size());
}
constexpr Index input_gradient_scratch_size(const Conv2d& op) {
  return bordered_gradient_size(op) + op.in.channels;
}

// Copies rows [rows.begin, rows.end) (counted with the border) from x into `padded`, and returns
// `padded`; returns x where no border is needed.
template <class Real>
const Real* with_border(const Real* x, const Shape& shape, const Border& border, Range rows,
                        Real* padded) {
  if (border.empty()) return x;
  const Shape outer = border.around(shape);
  const Index width = outer.width * outer.channels, line = shape.width * shape.channels;
  for (Index row = rows.begin; row < rows.end; ++row) {
    Real* to = padded + row * width;
    if (row < border.top || row >= border.top + shape.height) {
      std::fill_n(to, width, Real{0});
      continue;
    }
    Real* body = std::fill_n(to, border.left * outer.channels, Real{0});
    body = std::copy_n(x + (row - border.top) * line, line, body);
    std::fill_n(body, border.right * outer.channels, Real{0});
  }
  return padded;
}

}  // namespace convoy
