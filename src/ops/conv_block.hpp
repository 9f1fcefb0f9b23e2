// SPDX-License-Identifier: Apache-2.0
// A convolution, the ReLU after it and, where there is one, the 2x2 max pool after that, as one
// operation. The plan joins these layers (plan/plan.hpp), and a backend runs them in one pass over
// rows that stay in the cache. The bits are the same as those of the layers one after the other.
//
//   x [H][W][C]   parameters: those of the convolution   y [OH][OW][F] after the last of its layers
//
// Between forward and backward a block with a pool keeps one byte per output,
// [pixel][argmax_stride]: the tap of the window with the largest value (ky * 2 + kx), or
// kNoneAboveZero. The bytes lie where a pool keeps its argmaxes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/conv2d.hpp"
#include "ops/padding.hpp"
#include "ops/pool2d.hpp"
#include "ops/sparse_gradient.hpp"
#include "ops/thin_conv.hpp"

namespace convoy {

struct ConvBlock {
  Conv2d conv;
  bool pool = false;  // max, 2x2, stride 2, no padding
};

inline constexpr std::int8_t kNoneAboveZero = -1;

constexpr Index argmax_stride(const ConvBlock& block) {
  return (block.conv.filters + 7) / 8 * 8;
}

// The bytes must fit where a pool has an argmax for every output.
constexpr bool is_fusible(const ConvBlock& block) {
  return !block.pool || block.conv.filters > 1;
}

constexpr Pool2d pool_of(const ConvBlock& block) {
  return {output_shape(block.conv), Pooling::max, {2, 2}, {2, 2}, {0, 0}};
}

constexpr Shape output_shape(const ConvBlock& block) {
  return block.pool ? output_shape(pool_of(block)) : output_shape(block.conv);
}

// Elements of private scratch that a pass may use.
constexpr Index scratch_size(const ConvBlock& block) {
  const Index x = align_floats(input_border(block.conv).around(block.conv.in).size());
  return std::max({x + bordered_gradient_size(block.conv), input_gradient_scratch_size(block.conv),
                   thin_scratch_size(block.conv), narrow_scratch_size(block.conv),
                   sparse_scratch_size(block.conv, block.pool),
                   sparse_weights_scratch_size(block.conv, block.pool)});
}

}  // namespace convoy
