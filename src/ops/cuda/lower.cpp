// SPDX-License-Identifier: Apache-2.0
#include "ops/cuda/lower.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"
#include "ops/cuda/packing.hpp"
#include "ops/padding.hpp"
#include "ops/phase.hpp"
#include "ops/segments.hpp"

namespace convoy::cuda {
namespace {

constexpr int kWarp = 32;

int number(Index n) {
  return static_cast<int>(n);
}

// The most columns that a thread may read in one access.
int widest_columns(const Product& p) {
  const auto fits = [&](int width) {
    return p.columns % width == 0 && p.b.offset % width == 0 && p.b.stride % width == 0 &&
           p.b_row % width == 0 && p.b_term % width == 0;
  };
  return fits(4) ? 4 : fits(2) ? 2 : 1;
}

// Chooses large tiles where these are enough for all threads. Where they are not, lanes share the
// segments of a sum; where that is not enough, tiles have fewer columns.
Product tiled(Product p, const Work& work) {
  p.tile_columns = widest_columns(p);
  p.tile_rows = 4;
  if (tile_count(p, work.samples, work.grain) >= work.threads) return p;
  p.tile_rows = 1;
  const auto idle = [&] {
    return tile_count(p, work.samples, work.grain) * p.lanes() * 2 <= work.threads;
  };
  if (p.sharing == Sharing::samples) {
    const int most =
        std::min(kWarp, number(std::bit_ceil(static_cast<unsigned>(p.terms.segments))));
    while (p.lanes() < most && idle()) ++p.lane_bits;
  }
  while (p.tile_columns > 1 && idle()) p.tile_columns /= 2;
  return p;
}

// --- convolution ---

Operand in_border(const Operand& plain, const Operand& bordered, Index size) {
  return size > 0 ? bordered : plain;
}

Step border_of(const Operand& from, const Operand& to, const Shape& shape,
               const convoy::Border& b) {
  return {Border{from, to, number(shape.height), number(shape.width), number(shape.channels),
                 number(b.top), number(b.left), number(b.bottom), number(b.right)}};
}

Steps lower_forward(const Conv2d& op, const Operands& at, const Work& work) {
  const Shape out = output_shape(op), outer = input_border(op).around(op.in);
  Steps steps;
  if (bordered_x_size(op) > 0)
    steps.push_back(border_of(at.x, at.bordered_x, op.in, input_border(op)));
  const Index line = outer.width * outer.channels;
  Product p;
  p.a = in_border(at.x, at.bordered_x, bordered_x_size(op));
  p.b = p.bias = at.parameters;
  p.c = at.y;
  p.has_bias = op.bias;
  p.bias.offset += op.kernel.area() * op.in.channels * op.filters;
  p.height = number(out.height), p.width = number(out.width), p.columns = number(op.filters);
  p.a_y = number(op.stride.height * line), p.a_x = number(op.stride.width * op.in.channels);
  p.a_row = number(line), p.a_term = 1;
  p.b_row = number(op.kernel.width * op.in.channels * op.filters), p.b_term = p.columns;
  p.c_y = number(out.width * op.filters), p.c_x = p.columns;
  p.terms = cuts_of(number(op.kernel.height), number(op.kernel.width * op.in.channels));
  steps.push_back({tiled(p, work)});
  return steps;
}

// One phase of the positions along each axis: the positions that the same taps reach.
struct Axis {
  Index first = 0, count = 0;  // positions
  int taps = 0, packed = 0;    // the number of taps, and where their weights begin
  Index output = 0;            // where the first position's first tap reads dy with its border
};

Axis axis_of(Index phase, Index in, Index padding, Index kernel, Index stride, Index border) {
  Axis axis;
  axis.first = ((phase - padding) % stride + stride) % stride;
  axis.count = axis.first < in ? (in - 1 - axis.first) / stride + 1 : 0;
  axis.taps = phase_taps(number(phase), number(kernel), number(stride));
  axis.packed = taps_before(number(phase), number(kernel), number(stride));
  const Index highest = phase + stride * (axis.taps - 1);
  axis.output = (axis.first + padding - highest) / stride + border;
  return axis;
}

Steps lower_input_gradient(const Conv2d& op, const Operands& at, const Work& work) {
  const convoy::Border border = gradient_border(op);
  const Shape out = output_shape(op), outer = border.around(out);
  Steps steps;
  if (bordered_dy_size(op) > 0) steps.push_back(border_of(at.dy, at.bordered_dy, out, border));
  const Operand dy = in_border(at.dy, at.bordered_dy, bordered_dy_size(op));
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
      p.height = number(y.count), p.width = number(x.count), p.columns = number(op.in.channels);
      const Index line = outer.width * outer.channels;
      if (!empty) p.a.offset += y.output * line + x.output * outer.channels;
      p.a_y = number(line), p.a_x = number(outer.channels);
      p.a_row = number(line), p.a_term = 1;
      p.b.offset += (y.packed * op.kernel.width + x.packed) * op.filters * op.in.channels;
      p.b_row = number(op.kernel.width * op.filters * op.in.channels);
      p.b_term = number(op.in.channels);
      p.c.offset += (y.first * op.in.width + x.first) * op.in.channels;
      p.c_y = number(op.stride.height * op.in.width * op.in.channels);
      p.c_x = number(op.stride.width * op.in.channels);
      p.terms = empty ? cuts_of(0, 1) : cuts_of(y.taps, number(x.taps * op.filters));
      steps.push_back({tiled(p, work), false});
    }
  }
  steps.back().barrier_after = true;
  return steps;
}

Product weight_product(const Conv2d& op, const Operands& at) {
  const Shape out = output_shape(op), outer = input_border(op).around(op.in);
  const Index line = outer.width * outer.channels;
  Product p;
  p.a = in_border(at.x, at.bordered_x, bordered_x_size(op));
  p.b = at.dy, p.c = at.partials;
  p.height = number(op.kernel.height), p.width = number(op.kernel.width * op.in.channels);
  p.columns = number(op.filters);
  p.a_y = number(line), p.a_x = 1;
  p.a_row = number(op.stride.height * line), p.a_term = number(op.stride.width * op.in.channels);
  p.b_row = number(out.width * op.filters), p.b_term = p.columns;
  p.c_y = number(op.kernel.width * op.in.channels * op.filters), p.c_x = p.columns;
  p.c_segment = number(parameter_shape(op).size());
  p.terms = cuts_of(number(out.height), number(out.width));
  return p;
}

Steps lower_weight_gradient(const Conv2d& op, const Operands& at, const Work& work) {
  const Partials partials = partials_of(op, work);
  Product weights = weight_product(op, at);
  weights.sharing = partials.by_grain ? Sharing::grains : Sharing::segments;
  Steps steps{{tiled(weights, work), !op.bias}};
  if (!op.bias) return steps;
  Product bias = weights;  // the sum of 1 * dy
  bias.a = {Memory::one, 0, 0};
  bias.a_y = bias.a_x = bias.a_row = bias.a_term = 0;
  bias.height = bias.width = 1;
  bias.c.offset += parameter_shape(op).weights();
  steps.push_back({tiled(bias, work)});
  return steps;
}

// --- dense ---

Product dense_product(const Operand& a, const Operand& b, const Operand& c, Index terms,
                      Index columns) {
  Product p;
  p.a = a, p.b = b, p.c = c;
  p.columns = number(columns);
  p.a_term = 1, p.b_term = p.columns;
  p.terms = cuts_of(1, number(terms));
  return p;
}

Steps lower_forward(const Dense& op, const Operands& at, const Work& work) {
  Product p = dense_product(at.x, at.parameters, at.y, op.in.size(), op.units);
  p.has_bias = op.bias;
  p.bias = at.parameters;
  p.bias.offset += op.in.size() * op.units;
  return {{tiled(p, work)}};
}

Steps lower_input_gradient(const Dense& op, const Operands& at, const Work& work) {
  return {{tiled(dense_product(at.dy, at.packed, at.dx, op.units, op.in.size()), work)}};
}

// --- operations that are no products ---

Pooling2d in_32_bits(const Pool2d& op) {
  const Shape out = output_shape(op);
  Pooling2d small;
  small.pooling = op.pooling;
  small.height = number(op.in.height), small.width = number(op.in.width);
  small.channels = number(op.in.channels);
  small.out_height = number(out.height), small.out_width = number(out.width);
  small.kernel_height = number(op.kernel.height), small.kernel_width = number(op.kernel.width);
  small.stride_height = number(op.stride.height), small.stride_width = number(op.stride.width);
  small.pad_height = number(op.padding.height), small.pad_width = number(op.padding.width);
  return small;
}

Subsampling in_32_bits(const Subsample& op) {
  const Shape out = output_shape(op);
  Subsampling small;
  small.shared = op.shared, small.bias = op.bias;
  small.height = number(op.in.height), small.width = number(op.in.width);
  small.channels = number(op.in.channels);
  small.out_height = number(out.height), small.out_width = number(out.width);
  small.kernel_height = number(op.kernel.height), small.kernel_width = number(op.kernel.width);
  small.stride_height = number(op.stride.height), small.stride_width = number(op.stride.width);
  small.columns = number(parameter_shape(op).columns);
  return small;
}

Elementwise in_32_bits(const Activation& op) {
  return {op.function, number(op.in.size())};
}

Addition in_32_bits(const Add& op) {
  return {number(op.in.size())};
}

// (An operation without a 32-bit form has no kernels for a GPU.)
template <class OpType>
Pass pass_of(PassKind kind, const OpType& op, const Operands& at) {
  return {kind, in_32_bits(op), at.x,  at.other, at.parameters,
          at.y, at.argmax,      at.dy, at.dx,    at.partials};
}

template <class T>
inline constexpr bool is_product = std::is_same_v<T, Conv2d> || std::is_same_v<T, Dense>;

}  // namespace

Index bordered_x_size(const Op& op) {
  const auto* conv = std::get_if<Conv2d>(&op);
  if (!conv || input_border(*conv).empty()) return 0;
  return input_border(*conv).around(conv->in).size();
}

Index bordered_dy_size(const Op& op) {
  const auto* conv = std::get_if<Conv2d>(&op);
  if (!conv || gradient_border(*conv).empty()) return 0;
  return gradient_border(*conv).around(output_shape(*conv)).size();
}

Steps forward(const Op& op, const Operands& operands, const Work& work) {
  return std::visit(
      [&](const auto& o) -> Steps {
        if constexpr (is_product<std::decay_t<decltype(o)>>) {
          return lower_forward(o, operands, work);
        } else {
          return {{pass_of(PassKind::forward, o, operands)}};
        }
      },
      op);
}

Steps input_gradient(const Op& op, const Operands& operands, const Work& work) {
  return std::visit(
      [&](const auto& o) -> Steps {
        if constexpr (is_product<std::decay_t<decltype(o)>>) {
          return lower_input_gradient(o, operands, work);
        } else {
          return {{pass_of(PassKind::input_gradient, o, operands)}};
        }
      },
      op);
}

// Segments are summed separately where the grains alone are too few for all threads.
Partials partials_of(const Op& op, const Work& work) {
  const Shape out = output_shape(op);
  const int segments = cuts_of(number(out.height), number(out.width)).segments;
  const Index block = parameter_shape(op).size();
  if (const auto* subsample = std::get_if<Subsample>(&op)) {
    const int count = segments * (subsample->shared ? number(subsample->in.channels) : 1);
    return {false, count, block * count};
  }
  CONVOY_ASSERT(std::holds_alternative<Conv2d>(op));
  const Index grains = (work.samples + work.grain - 1) / work.grain;
  constexpr Index kTile = 16;  // numbers that a thread computes
  if (work.samples > 1 && grains * block >= kTile * work.threads) return {true, 1, block};
  return {false, segments, block * segments};
}

Steps weight_gradient(const Op& op, const Operands& operands, const Work& work) {
  if (const auto* conv = std::get_if<Conv2d>(&op))
    return lower_weight_gradient(*conv, operands, work);
  return {{pass_of(PassKind::weight_gradient, std::get<Subsample>(op), operands)}};
}

}  // namespace convoy::cuda
