// SPDX-License-Identifier: Apache-2.0
// conv_block.hpp: computes a few rows of the convolution at a time, then ReLU and pool while the
// rows are in the first-level cache. The backward pass builds dy of the convolution for one sample
// at a time, with its border, where it is read. Thin convolutions have code of their own.
#if defined(CONVOY_OPS_SIMD_CONVOLUTIONS_CONV_BLOCK_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_CONVOLUTIONS_CONV_BLOCK_INL_HPP
#undef CONVOY_OPS_SIMD_CONVOLUTIONS_CONV_BLOCK_INL_HPP
#else
#define CONVOY_OPS_SIMD_CONVOLUTIONS_CONV_BLOCK_INL_HPP
#endif

#include "ops/conv_block.hpp"
#include "ops/simd/convolutions/conv2d-inl.hpp"
#include "ops/simd/convolutions/sparse_input_gradient-inl.hpp"
#include "ops/simd/convolutions/sparse_weight_gradient-inl.hpp"
#include "ops/simd/convolutions/wide_sparse_weight_gradient-inl.hpp"
#include "ops/simd/elementwise/elementwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// The number of floats of the convolution's output in one band. A band is finished before the next
// begins.
inline constexpr Index kBandFloats = 4096;

// Computes one row of the pool from two rows of the convolution.
HWY_INLINE void pool_row(const float* rows, Index filters, Index width, Index line, float* y,
                         std::int8_t* argmax, Index stride) {
  const Index vl = lanes(Full());
  for (Index ox = 0; ox < width; ++ox) {
    for (Index f = 0; f < filters; f += vl) {
      const Index count = std::min(vl, filters - f);
      const auto mask = first_lanes(Full(), count);
      const float* x = rows + 2 * ox * filters + f;
      Vector best;
      hn::Vec<Int> tap;
      pool_window(hn::MaskedLoad(mask, Full(), x), hn::MaskedLoad(mask, Full(), x + filters),
                  hn::MaskedLoad(mask, Full(), x + line),
                  hn::MaskedLoad(mask, Full(), x + line + filters), best, tap);
      store_lanes(best, mask, Full(), y + ox * filters + f);
      std::int8_t* bytes = argmax + ox * stride + f;
      store_bytes<1>(tap, bytes, bytes, count);
    }
  }
}

inline void forward(const ConvBlock& block, const Forward<float>& pass) {
  const Conv2d& conv = block.conv;
  if (is_thin(conv)) return with_thin<ThinBlockForward>(conv, pass.samples, block, pass);
  const Shape conv_out = output_shape(conv), out = output_shape(block);
  const Shape padded = input_border(conv).around(conv.in);
  const Index line = conv_out.width * conv.filters, stride = argmax_stride(block);
  const Index band = std::max<Index>(1, kBandFloats / line / 2) * 2;
  const Index rows = block.pool ? 2 * out.height : out.height;
  float* scratch = pass.scratch + align_floats(padded.size());
  for (Index b = 0; b < pass.samples; ++b) {
    const float* x = with_border(pass.x + b * conv.in.size(), conv.in, input_border(conv),
                                 {0, padded.height}, pass.scratch);
    float* y = pass.y + b * out.size();
    std::int8_t* argmax = block.pool ? argmax_bytes(block, pass.argmax, b) : nullptr;
    for (Index row = 0; row < rows; row += band) {
      const Range part{row, std::min(row + band, rows)};
      float* to = block.pool ? scratch : y + row * line;
      forward_rectangle(conv, x, {part, {0, conv_out.width}}, pass.parameters, to, line);
      if (!block.pool) {
        map({0, part.size() * line}, to, to, to, [](Vector v, Vector) HWY_ATTR { return relu(v); });
        continue;
      }
      for (Index pair = 0; pair < part.size() / 2; ++pair) {
        const Index oy = row / 2 + pair;
        pool_row(scratch + 2 * pair * line, conv.filters, out.width, line,
                 y + oy * out.width * conv.filters, argmax + oy * out.width * stride, stride);
      }
    }
  }
}

// Computes one row of dy of the convolution from a row of the pool's dy; it is row 0 or 1 of the
// windows.
HWY_INLINE void unpool_row(const float* dy, const std::int8_t* argmax, Index stride, Index filters,
                           Index width, int row, float* to) {
  const Full d;
  const Index vl = lanes(d);
  for (Index ox = 0; ox < width; ++ox, to += 2 * filters) {
    for (Index f = 0; f < filters; f += vl) {
      const Index count = std::min(vl, filters - f);
      const auto mask = first_lanes(d, count);
      const std::int8_t* bytes = argmax + ox * stride + f;
      const auto tap = load_bytes<1>(bytes, bytes, count);
      const auto gradient = hn::Add(hn::Zero(d), hn::MaskedLoad(mask, d, dy + ox * filters + f));
      for (int column = 0; column < 2; ++column) {
        const auto is_argmax = hn::Eq(tap, hn::Set(Int(), 2 * row + column));
        store_lanes(hn::IfThenElseZero(hn::RebindMask(d, is_argmax), gradient), mask, d,
                    to + column * filters + f);
      }
    }
  }
}

// Builds dy of the convolution for sample b, with a border of zeros.
template <class Pass>
HWY_INLINE void conv_gradient(const ConvBlock& block, const Pass& pass, Index b,
                              const Border& border, float* to) {
  const Shape conv_out = output_shape(block.conv), out = output_shape(block);
  const Index F = block.conv.filters, line = border.around(conv_out).width * F;
  const Index stride = argmax_stride(block);
  const float* dy = pass.dy + b * out.size();
  std::fill_n(to, border.top * line, 0.0F);
  float* at = to + border.top * line;
  for (Index row = 0; row < conv_out.height; ++row, at += line) {
    std::fill_n(at, border.left * F, 0.0F);
    float* body = at + border.left * F;
    Index written = 0;
    if (!block.pool) {
      written = conv_out.width * F;
      map({0, written}, pass.y + b * out.size() + row * written, dy + row * written, body,
          [](Vector y, Vector g) HWY_ATTR { return relu_gradient(y, g); });
    } else if (row / 2 < out.height) {
      const Index oy = row / 2;
      written = 2 * out.width * F;
      unpool_row(dy + oy * out.width * F,
                 argmax_bytes(block, pass.argmax, b) + oy * out.width * stride, stride, F,
                 out.width, static_cast<int>(row % 2), body);
    }
    std::fill_n(body + written, line - border.left * F - written, 0.0F);
  }
  std::fill_n(at, border.bottom * line, 0.0F);
}

inline void input_gradient(const ConvBlock& block, const InputGradient<float>& pass) {
  const Conv2d& conv = block.conv;
  if (is_sparse(conv, block.pool)) return sparse_input_gradient(block, pass);
  if (is_narrow(conv, pass.samples)) {
    return with_narrow(conv, pass, [&](Index b, float* to) HWY_ATTR {
      conv_gradient(block, pass, b, Border{}, to);
    });
  }
  const float* zeros = zeros_in(conv, pass.scratch);
  for (Index b = 0; b < pass.samples; ++b) {
    conv_gradient(block, pass, b, gradient_border(conv), pass.scratch);
    input_gradient_rectangle(conv, pass.packed, pass.scratch, zeros, pass.dx + b * conv.in.size(),
                             {{0, conv.in.height}, {0, conv.in.width}});
  }
}

inline void weight_gradient(const ConvBlock& block, const WeightGradient<float>& pass,
                            Range units) {
  const Conv2d& conv = block.conv;
  const Index rows = conv.kernel.area() * conv.in.channels + (conv.bias ? 1 : 0);
  if (is_thin(conv) && units.size() == rows) {
    return with_thin<ThinBlockWeightGradient>(conv, pass.samples, block, pass);
  }
  if (has_sparse_weights(conv, block.pool) && units.size() == rows) {
    const bool done = has_few_channels(conv) ? sparse_weight_gradient(block, pass)
                                             : wide_sparse_weight_gradient(block, pass);
    if (done) return;
  }
  const Shape padded = input_border(conv).around(conv.in);
  const Border border = gradient_border(conv);
  const Index line = border.around(output_shape(conv)).width * conv.filters;
  float* dy = pass.scratch + align_floats(padded.size());
  for (Index b = 0; b < pass.samples; ++b) {
    const float* x = with_border(pass.x + b * conv.in.size(), conv.in, input_border(conv),
                                 {0, padded.height}, pass.scratch);
    conv_gradient(block, pass, b, border, dy);
    weight_gradient_of_sample(conv, x, dy + border.top * line + border.left * conv.filters, line,
                              pass.gradient, b > 0, units);
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
