// SPDX-License-Identifier: Apache-2.0
// Convolutions (ops/conv2d.hpp) are products whose strides walk over the image in place. Where the
// image is padded, they read a copy of it with a border of zeros.
#pragma once

#include "ops/cuda/packing.hpp"
#include "ops/cuda/tiling.hpp"
#include "ops/padding.hpp"

namespace convoy::cuda {

// Floats per sample of the copies with a border; 0 where none is needed.
inline Index x_border_size(const Conv2d& op) {
  return input_border(op).empty() ? 0 : input_border(op).around(op.in).size();
}
inline Index dy_border_size(const Conv2d& op) {
  return gradient_border(op).empty() ? 0 : gradient_border(op).around(output_shape(op)).size();
}

// Segments are summed separately where the grains alone are too few for all threads.
inline Partials gradient_partials(const Conv2d& op, const Work& work) {
  const Shape out = output_shape(op);
  const int segments = cuts_of(in_32_bits(out.height), in_32_bits(out.width)).segments;
  const Index block = parameter_shape(op).size();
  const Index grains = (work.samples + work.grain - 1) / work.grain;
  constexpr Index kTile = 16;  // numbers that a thread computes
  if (work.samples > 1 && grains * block >= kTile * work.threads) return {true, 1, block};
  return {false, segments, block * segments};
}

inline Operand in_border(const Operand& plain, const Operand& bordered, Index size) {
  return size > 0 ? bordered : plain;
}

inline ProductStep border_of(const Operand& from, const Operand& to, const Shape& shape,
                             const convoy::Border& b) {
  return {Border{from, to, in_32_bits(shape.height), in_32_bits(shape.width),
                 in_32_bits(shape.channels), in_32_bits(b.top), in_32_bits(b.left),
                 in_32_bits(b.bottom), in_32_bits(b.right)}};
}

inline ProductSteps lower_forward(const Conv2d& op, const Operands& at, const Work& work) {
  const Shape out = output_shape(op), outer = input_border(op).around(op.in);
  ProductSteps steps;
  if (x_border_size(op) > 0)
    steps.push_back(border_of(at.x, at.bordered_x, op.in, input_border(op)));
  const Index line = outer.width * outer.channels;
  Product p;
  p.a = in_border(at.x, at.bordered_x, x_border_size(op));
  p.b = p.bias = at.parameters;
  p.c = at.y;
  p.has_bias = op.bias;
  p.bias.offset += op.kernel.area() * op.in.channels * op.filters;
  p.height = in_32_bits(out.height), p.width = in_32_bits(out.width),
  p.columns = in_32_bits(op.filters);
  p.a_y = in_32_bits(op.stride.height * line), p.a_x = in_32_bits(op.stride.width * op.in.channels);
  p.a_row = in_32_bits(line), p.a_term = 1;
  p.b_row = in_32_bits(op.kernel.width * op.in.channels * op.filters), p.b_term = p.columns;
  p.c_y = in_32_bits(out.width * op.filters), p.c_x = p.columns;
  p.terms = cuts_of(in_32_bits(op.kernel.height), in_32_bits(op.kernel.width * op.in.channels));
  steps.push_back({tiled(p, work)});
  return steps;
}

// One phase of the positions along each axis: the positions that the same taps reach.
struct Axis {
  Index first = 0, count = 0;  // positions
  int taps = 0, packed = 0;    // the number of taps, and where their weights begin
  Index output = 0;            // where the first position's first tap reads dy with its border
};

inline Axis axis_of(Index phase, Index in, Index padding, Index kernel, Index stride,
                    Index border) {
  Axis axis;
  axis.first = ((phase - padding) % stride + stride) % stride;
  axis.count = axis.first < in ? (in - 1 - axis.first) / stride + 1 : 0;
  axis.taps = phase_taps(in_32_bits(phase), in_32_bits(kernel), in_32_bits(stride));
  axis.packed = taps_before(in_32_bits(phase), in_32_bits(kernel), in_32_bits(stride));
  const Index highest = phase + stride * (axis.taps - 1);
  axis.output = (axis.first + padding - highest) / stride + border;
  return axis;
}

inline ProductSteps lower_input_gradient(const Conv2d& op, const Operands& at, const Work& work) {
  const convoy::Border border = gradient_border(op);
  const Shape out = output_shape(op), outer = border.around(out);
  ProductSteps steps;
  if (dy_border_size(op) > 0) steps.push_back(border_of(at.dy, at.bordered_dy, out, border));
  const Operand dy = in_border(at.dy, at.bordered_dy, dy_border_size(op));
  for (Index py = 0; py < op.stride.height; ++py) {
    for (Index px = 0; px < op.stride.width; ++px) {
      const Axis y = axis_of(py, op.in.height, op.padding.height, op.kernel.height,
                             op.stride.height, border.top);
      const Axis x =
          axis_of(px, op.in.width, op.padding.width, op.kernel.width, op.stride.width, border.left);
      if (y.count == 0 || x.count == 0) continue;
      const bool empty = y.taps == 0 || x.taps == 0;  // then the sum has no terms and is +0
      Product p;
      p.a = dy, p.b = at.packed, p.c = at.dx;
      p.adds_zero = true;
      p.height = in_32_bits(y.count), p.width = in_32_bits(x.count),
      p.columns = in_32_bits(op.in.channels);
      const Index line = outer.width * outer.channels;
      if (!empty) p.a.offset += y.output * line + x.output * outer.channels;
      p.a_y = in_32_bits(line), p.a_x = in_32_bits(outer.channels);
      p.a_row = in_32_bits(line), p.a_term = 1;
      p.b.offset += (y.packed * op.kernel.width + x.packed) * op.filters * op.in.channels;
      p.b_row = in_32_bits(op.kernel.width * op.filters * op.in.channels);
      p.b_term = in_32_bits(op.in.channels);
      p.c.offset += (y.first * op.in.width + x.first) * op.in.channels;
      p.c_y = in_32_bits(op.stride.height * op.in.width * op.in.channels);
      p.c_x = in_32_bits(op.stride.width * op.in.channels);
      p.terms = empty ? cuts_of(0, 1) : cuts_of(y.taps, in_32_bits(x.taps * op.filters));
      steps.push_back({tiled(p, work), false});
    }
  }
  steps.back().barrier_after = true;
  return steps;
}

inline Product weight_product(const Conv2d& op, const Operands& at) {
  const Shape out = output_shape(op), outer = input_border(op).around(op.in);
  const Index line = outer.width * outer.channels;
  Product p;
  p.a = in_border(at.x, at.bordered_x, x_border_size(op));
  p.b = at.dy, p.c = at.partials;
  p.height = in_32_bits(op.kernel.height), p.width = in_32_bits(op.kernel.width * op.in.channels);
  p.columns = in_32_bits(op.filters);
  p.a_y = in_32_bits(line), p.a_x = 1;
  p.a_row = in_32_bits(op.stride.height * line),
  p.a_term = in_32_bits(op.stride.width * op.in.channels);
  p.b_row = in_32_bits(out.width * op.filters), p.b_term = p.columns;
  p.c_y = in_32_bits(op.kernel.width * op.in.channels * op.filters), p.c_x = p.columns;
  p.c_segment = in_32_bits(parameter_shape(op).size());
  p.terms = cuts_of(in_32_bits(out.height), in_32_bits(out.width));
  return p;
}

inline ProductSteps lower_weight_gradient(const Conv2d& op, const Operands& at, const Work& work) {
  const Partials partials = gradient_partials(op, work);
  Product weights = weight_product(op, at);
  weights.sharing = partials.by_grain ? Sharing::grains : Sharing::segments;
  ProductSteps steps{{tiled(weights, work), !op.bias}};
  if (!op.bias) return steps;
  Product bias = weights;  // the sum of 1 * dy
  bias.a = {Memory::one, 0, 0};
  bias.a_y = bias.a_x = bias.a_row = bias.a_term = 0;
  bias.height = bias.width = 1;
  bias.c.offset += parameter_shape(op).weights();
  steps.push_back({tiled(bias, work)});
  return steps;
}

}  // namespace convoy::cuda
