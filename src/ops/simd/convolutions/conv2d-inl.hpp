// SPDX-License-Identifier: Apache-2.0
// conv2d.hpp as products: the vector form of reference/conv2d.hpp.
#if defined(CONVOY_OPS_SIMD_CONVOLUTIONS_CONV2D_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_CONVOLUTIONS_CONV2D_INL_HPP
#undef CONVOY_OPS_SIMD_CONVOLUTIONS_CONV2D_INL_HPP
#else
#define CONVOY_OPS_SIMD_CONVOLUTIONS_CONV2D_INL_HPP
#endif

#include "ops/conv2d.hpp"
#include "ops/padding.hpp"
#include "ops/pass.hpp"
#include "ops/phase.hpp"
#include "ops/rectangle.hpp"
#include "ops/simd/convolutions/narrow_input_gradient-inl.hpp"
#include "ops/simd/convolutions/thin_conv_block-inl.hpp"
#include "ops/simd/products/product-inl.hpp"
#include "ops/simd/products/transpose-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// Calls work(sample, rectangle) for the pixels of a range of (sample, row, column) units.
template <class Work>
HWY_INLINE void for_each_rectangle(Range units, Index height, Index width, const Work& work) {
  const Index area = height * width;
  for (Index at = units.begin; at < units.end;) {
    const Index sample = at / area, end = std::min(units.end, (sample + 1) * area);
    const Rectangles parts = rectangles({at - sample * area, end - sample * area}, width);
    for (int i = 0; i < parts.count; ++i) work(sample, parts.parts[i]);
    at = end;
  }
}

// Writes the outputs of a rectangle of one sample to `c`, whose rows are c_outer apart. M: pixels,
// N: filters, terms: taps. A: x with its border. B: the weights as they are.
HWY_INLINE void forward_rectangle(const Conv2d& op, const float* x, const Rectangle& r,
                                  const float* parameters, float* c, Index c_outer) {
  const Shape padded = input_border(op).around(op.in);
  const Index F = op.filters, line = padded.width * padded.channels;
  Product p;
  p.m_outer = r.rows.size();
  p.m_inner = r.columns.size();
  p.n = F;
  p.row_count = op.kernel.height;
  p.row_length = op.kernel.width * op.in.channels;
  p.a = x + r.rows.begin * op.stride.height * line +
        r.columns.begin * op.stride.width * op.in.channels;
  p.a_outer = op.stride.height * line;
  p.a_inner = op.stride.width * op.in.channels;
  p.a_row = line;
  p.a_term = 1;
  p.b = parameters;
  p.b_row = p.row_length * F;
  p.b_term = F;
  p.c = c;
  p.c_outer = c_outer;
  p.c_inner = F;
  p.bias = op.bias ? parameters + op.kernel.area() * op.in.channels * F : nullptr;
  product(p);
}

inline void forward(const Conv2d& op, const Forward<float>& pass, Range units) {
  const Shape out = output_shape(op);
  if (is_thin(op) && units.size() == out.height * out.width * pass.samples) {
    return with_thin<ThinForward>(op, pass.samples, pass);
  }
  for_each_rectangle(units, out.height, out.width, [&](Index b, const Rectangle& r) HWY_ATTR {
    const Index top = r.rows.begin * op.stride.height;
    const Range rows{top, (r.rows.end - 1) * op.stride.height + op.kernel.height};
    const float* x =
        with_border(pass.x + b * op.in.size(), op.in, input_border(op), rows, pass.scratch);
    const Index pixel = (b * out.height + r.rows.begin) * out.width + r.columns.begin;
    forward_rectangle(op, x, r, pass.parameters, pass.y + pixel * op.filters,
                      out.width * op.filters);
  });
}

// Where the packed weights of a phase (of the rows, of the columns) begin, in taps.
inline Index phase_offset(const Conv2d& op, Index row_phase, Index column_phase) {
  Index taps = 0;
  for (Index y = 0; y <= row_phase; ++y) {
    const Index rows = phase_of(y, 0, op.kernel.height, op.stride.height).taps;
    if (y < row_phase) {
      taps += rows * op.kernel.width;
    } else {
      for (Index x = 0; x < column_phase; ++x) {
        taps += rows * phase_of(x, 0, op.kernel.width, op.stride.width).taps;
      }
    }
  }
  return taps;
}

// Packed: for each phase [ky descending][kx descending][f][c]. Unit: a weight row (ky, kx, c).
inline void pack(const Conv2d& op, const float* weights, float* packed, Range units) {
  const Index C = op.in.channels, F = op.filters;
  for (Index unit = units.begin; unit < units.end;) {
    const Index ky = unit / (op.kernel.width * C), kx = unit / C % op.kernel.width, c = unit % C;
    const Index channels = std::min(C - c, units.end - unit);  // channels of this tap
    const Index row_phase = ky % op.stride.height, column_phase = kx % op.stride.width;
    const Phase py = phase_of(row_phase, 0, op.kernel.height, op.stride.height);
    const Phase px = phase_of(column_phase, 0, op.kernel.width, op.stride.width);
    const Index j = py.taps - 1 - ky / op.stride.height, i = px.taps - 1 - kx / op.stride.width;
    const Index tap = phase_offset(op, row_phase, column_phase) + j * px.taps + i;
    transpose({weights + unit * F, F, channels, F, packed + tap * F * C + c, C});
    unit += channels;
  }
}

// The positions of one phase in a range: first, first + stride, ...
struct Positions {
  Index first = 0;
  Index count = 0;
};

HWY_INLINE Positions positions_of(Range range, Index phase, Index padding, Index stride) {
  const Index shift = (phase - (range.begin + padding) % stride + stride) % stride;
  const Index first = range.begin + shift;
  return {first, first < range.end ? (range.end - 1 - first) / stride + 1 : 0};
}

// Computes the pixels of one phase in a rectangle. M: pixels, N: channels, terms: (taps of the
// phase, filters).
HWY_INLINE void input_gradient_of_phase(const Conv2d& op, const float* packed, const float* dy,
                                        const float* zeros, const Shape& padded,
                                        const Border& border, float* dx, const Rectangle& r,
                                        Index row_phase, Index column_phase) {
  const Index C = op.in.channels, F = op.filters, line = padded.width * F;
  const Positions ys = positions_of(r.rows, row_phase, op.padding.height, op.stride.height);
  const Positions xs = positions_of(r.columns, column_phase, op.padding.width, op.stride.width);
  if (ys.count == 0 || xs.count == 0) return;
  const Phase py = phase_of(row_phase, 0, op.kernel.height, op.stride.height);
  const Phase px = phase_of(column_phase, 0, op.kernel.width, op.stride.width);
  float* c = dx + (ys.first * op.in.width + xs.first) * C;
  if (py.taps == 0 || px.taps == 0) {
    for (Index y = 0; y < ys.count; ++y) {
      for (Index x = 0; x < xs.count; ++x) {
        std::fill_n(c + (y * op.stride.height * op.in.width + x * op.stride.width) * C, C, 0.0F);
      }
    }
    return;
  }
  const Index oy =
      (ys.first + op.padding.height - py.tap(0, op.stride.height)) / op.stride.height + border.top;
  const Index ox =
      (xs.first + op.padding.width - px.tap(0, op.stride.width)) / op.stride.width + border.left;
  Product p;
  p.m_outer = ys.count;
  p.m_inner = xs.count;
  p.n = C;
  p.row_count = py.taps;
  p.row_length = px.taps * F;
  p.a = dy + oy * line + ox * F;
  p.a_outer = line;
  p.a_inner = F;
  p.a_row = line;
  p.a_term = 1;
  p.b = packed + phase_offset(op, row_phase, column_phase) * F * C;
  p.b_row = p.row_length * C;
  p.b_term = C;
  p.c = c;
  p.c_outer = op.stride.height * op.in.width * C;
  p.c_inner = op.stride.width * C;
  p.bias = zeros;
  product(p);
}

// The zeros that are added last; they lie in a pass's scratch.
HWY_INLINE const float* zeros_in(const Conv2d& op, float* scratch) {
  float* zeros = scratch + bordered_gradient_size(op);
  std::fill_n(zeros, op.in.channels, 0.0F);
  return zeros;
}

// Computes a rectangle of dx of one sample, from dy with its border.
HWY_INLINE void input_gradient_rectangle(const Conv2d& op, const float* packed, const float* dy,
                                         const float* zeros, float* dx, const Rectangle& r) {
  const Border border = gradient_border(op);
  const Shape padded = border.around(output_shape(op));
  for (Index y = 0; y < op.stride.height; ++y) {
    for (Index x = 0; x < op.stride.width; ++x) {
      input_gradient_of_phase(op, packed, dy, zeros, padded, border, dx, r, y, x);
    }
  }
}

inline void input_gradient(const Conv2d& op, const InputGradient<float>& pass, Range units) {
  const Shape out = output_shape(op);
  const Border border = gradient_border(op);
  const Shape padded = border.around(out);
  if (is_narrow(op, pass.samples) && units.size() == op.in.height * op.in.width * pass.samples) {
    return with_narrow(op, pass, [&](Index b, float* to) {
      std::copy_n(pass.dy + b * out.size(), out.size(), to);
    });
  }
  const float* zeros = zeros_in(op, pass.scratch);
  for_each_rectangle(units, op.in.height, op.in.width, [&](Index b, const Rectangle& r) HWY_ATTR {
    const Index last_tap = op.kernel.height - 1 - op.stride.height * border.top;
    const Range rows{
        (r.rows.begin + op.padding.height - last_tap) / op.stride.height,
        std::min((r.rows.end - 1 + op.padding.height) / op.stride.height + border.top + 1,
                 padded.height)};
    const float* dy = with_border(pass.dy + b * out.size(), out, border, rows, pass.scratch);
    input_gradient_rectangle(op, pass.packed, dy, zeros, pass.dx + b * op.in.size(), r);
  });
}

// Adds weight rows [units) of one sample, from x with its border and dy, whose rows are dy_row
// apart, to the gradient of the samples before. M: taps, N: filters, terms: pixels.
HWY_INLINE void weight_gradient_of_sample(const Conv2d& op, const float* x, const float* dy,
                                          Index dy_row, float* gradient, bool add, Range units) {
  const Shape out = output_shape(op), padded = input_border(op).around(op.in);
  const Index F = op.filters, line = padded.width * padded.channels;
  const Index row = op.kernel.width * op.in.channels, taps = op.kernel.height * row;
  const bool bias = units.end > taps;
  const Rectangles parts = rectangles({units.begin, std::min(units.end, taps)}, row);
  Product p;
  p.n = F;
  p.row_count = out.height;
  p.row_length = out.width;
  p.a_outer = line;
  p.a_inner = 1;
  p.a_row = op.stride.height * line;
  p.a_term = op.stride.width * op.in.channels;
  p.b = dy;
  p.b_row = dy_row;
  p.b_term = F;
  p.c_outer = row * F;
  p.c_inner = F;
  p.add = add;
  for (int i = 0; i < std::max(parts.count, 1); ++i) {
    const Rectangle& r = parts.parts[i];
    p.m_outer = r.rows.size();
    p.m_inner = r.columns.size();
    p.a = x + r.rows.begin * line + r.columns.begin;
    p.c = gradient + (r.rows.begin * row + r.columns.begin) * F;
    p.column_sums = bias && i >= parts.count - 1 ? gradient + taps * F : nullptr;
    product(p);
  }
}

inline void weight_gradient(const Conv2d& op, const WeightGradient<float>& pass, Range units) {
  const Shape out = output_shape(op), padded = input_border(op).around(op.in);
  if (is_thin(op) && units.size() == op.kernel.area() * op.in.channels + (op.bias ? 1 : 0)) {
    return with_thin<ThinWeightGradient>(op, pass.samples, pass);
  }
  for (Index b = 0; b < pass.samples; ++b) {
    const float* x = with_border(pass.x + b * op.in.size(), op.in, input_border(op),
                                 {0, padded.height}, pass.scratch);
    weight_gradient_of_sample(op, x, pass.dy + b * out.size(), out.width * op.filters,
                              pass.gradient, b > 0, units);
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
