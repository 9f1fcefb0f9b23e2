// SPDX-License-Identifier: Apache-2.0
// The weight gradient of a convolution of few channels, its ReLU and a 2x2 max pool
// (sparse_gradient.hpp), without the terms whose dy is zero. It takes one filter at a time, and the
// filter's pixels in order. Lane = (column of the kernel, channel); K rows of V vectors hold the
// sums, which stay in registers for a segment.
//
// The bits are the same for these reasons. Where x is finite, each omitted term is a zero. Where dy
// of the pool holds no -0 (which the pool's gradient turns into +0), the other terms equal those of
// the full sum. A zero changes only a sum that is -0 (such a sum comes from a product too small for
// a float): it may become +0, and +0 stays +0. So a sum of segments is either equal with and
// without these terms, or it is -0 without them and +0 with them. Hence a gradient that holds no -0
// equals that of all terms; any other gradient is computed again from all terms.
#if defined(CONVOY_OPS_SIMD_CONVOLUTIONS_SPARSE_WEIGHT_GRADIENT_INL_HPP) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_CONVOLUTIONS_SPARSE_WEIGHT_GRADIENT_INL_HPP
#undef CONVOY_OPS_SIMD_CONVOLUTIONS_SPARSE_WEIGHT_GRADIENT_INL_HPP
#else
#define CONVOY_OPS_SIMD_CONVOLUTIONS_SPARSE_WEIGHT_GRADIENT_INL_HPP
#endif

#include <bit>
#include <cstdint>

#include "ops/conv_block.hpp"
#include "ops/pass.hpp"
#include "ops/segments.hpp"
#include "ops/simd/convolutions/thin_conv_block-inl.hpp"
#include "ops/simd/products/transpose-inl.hpp"
#include "ops/sparse_gradient.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// The vectors of sums for a row of the kernel at a time.
inline constexpr int kSparseRowVectors = 2;

struct SparseWeightScratch {
  SparseWeightScratch(const Conv2d& op, float* scratch)
      : x(scratch),
        windows(x + align_floats(input_border(op).around(op.in).size())),
        sums(windows + sparse_windows(op)),
        terms(reinterpret_cast<std::uint32_t*>(sums + sparse_sums(op))),
        pixels(reinterpret_cast<Pixel*>(terms + sparse_term_words(op))) {}

  struct Pixel {
    std::int32_t dy;      // where dy of the pool lies
    std::int32_t window;  // the first row of its window in `windows`
  };
  float* x;              // with its border
  float* windows;        // [group of vectors][column of dy][row of x][lane]: x under the kernel
  float* sums;           // [filter][row of the kernel][lane], over the segments so far
  std::uint32_t* terms;  // of a segment: [4][filter], a bit for each pixel
  Pixel* pixels;         // [pixel of dy]
};

HWY_INLINE bool all_finite(const float* x, Index n) {
  const Int d;
  const auto exponent = hn::Set(d, 0x7F800000);
  auto most = hn::Zero(d);
  Index i = 0;
  for (; i + lanes(d) <= n; i += lanes(d)) {
    most = hn::Max(most, hn::And(hn::BitCast(d, hn::LoadU(Full(), x + i)), exponent));
  }
  if (i < n) {
    const auto rest = hn::MaskedLoad(first_lanes(Full(), n - i), Full(), x + i);
    most = hn::Max(most, hn::And(hn::BitCast(d, rest), exponent));
  }
  return hn::AllFalse(d, hn::Eq(most, exponent));
}

HWY_INLINE bool holds_negative_zero(const float* values, Index n) {
  const Int d;
  const auto negative_zero = hn::Set(d, std::int32_t{-0x7FFFFFFF - 1});
  auto found = hn::Zero(d);
  const auto look = [&](Vector v) HWY_ATTR {
    found = hn::Or(found, hn::VecFromMask(d, hn::Eq(hn::BitCast(d, v), negative_zero)));
  };
  Index i = 0;
  for (; i + lanes(d) <= n; i += lanes(d)) look(hn::LoadU(Full(), values + i));
  if (i < n) look(hn::MaskedLoad(first_lanes(Full(), n - i), Full(), values + i));
  return !hn::AllTrue(d, hn::Eq(found, hn::Zero(d)));
}

// Finds the terms of a segment, which is some rows of dy.
HWY_INLINE void find_pixels(const Conv2d& op, const std::int8_t* argmax, Index stride, Range rows,
                            std::uint32_t* terms) {
  const Index F = op.filters, vl = lanes(Full()), padded = (F + 15) / 16 * 16;
  const Shape out = output_shape(op);
  const hn::RebindToUnsigned<Int> du;
  for (Index f = 0; f < F; f += vl) {
    auto bits = hn::Zero(du);
    std::uint32_t* to = terms + f;
    Index i = 0;
    const auto next = [&] HWY_ATTR {
      if (++i % 32 != 0) return;
      hn::StoreU(bits, du, to);
      bits = hn::Zero(du);
      to += padded;
    };
    for (Index row = rows.begin; row < rows.end; ++row) {
      const bool covered = row / 2 < out.height / 2;
      for (Index ox = 0; ox < out.width; ++ox) {
        if (covered && ox / 2 < out.width / 2) {
          const std::int8_t* bytes = argmax + (row / 2 * (out.width / 2) + ox / 2) * stride + f;
          const auto tap = load_bytes<1>(bytes, bytes, std::min(vl, F - f));
          const auto is_argmax =
              hn::Eq(tap, hn::Set(Int(), static_cast<std::int32_t>(row % 2 * 2 + ox % 2)));
          bits = hn::Or(bits, hn::IfThenElseZero(hn::RebindMask(du, is_argmax),
                                                 hn::Set(du, std::uint32_t{1} << i % 32)));
        }
        next();
      }
    }
    while (to < terms + 4 * padded) next();
  }
}

// Adds a segment of all filters, for V vectors from `lane` on. `first`: it is the first segment.
template <int K, int V>
HWY_NOINLINE void add_sparse_weights(const Conv2d& op, const SparseWeightScratch& scratch,
                                     Index row, Index lane, const float* dy, bool first,
                                     float* bias) {
  const Full d;
  const Index vl = lanes(d), F = op.filters, padded = (F + 15) / 16 * 16;
  const Index all = sparse_row_lanes(op);
  const float* windows = scratch.windows + lane * sparse_window_rows(op);
  const SparseWeightScratch::Pixel* pixels = scratch.pixels + row * output_shape(op).width;
  for (Index f = 0; f < F; ++f) {
    Register<Full> sum[K][V];
    HWY_UNROLL(5)
    for (int k = 0; k < K; ++k) {
      HWY_UNROLL(2)
      for (int v = 0; v < V; ++v) sum[k][v] = hn::Zero(d);
    }
    Vector of_bias = hn::Zero(d);
    for (Index word = 0; word < 2; ++word) {
      const std::uint32_t* terms = scratch.terms + 2 * word * padded + f;
      std::uint64_t left = terms[0] | std::uint64_t{terms[padded]} << 32;
      for (; left != 0; left &= left - 1) {
        const SparseWeightScratch::Pixel pixel = pixels[word * 64 + std::countr_zero(left)];
        const Vector value = hn::Set(d, dy[pixel.dy + f]);
        const float* x = windows + pixel.window * (V * vl);
        HWY_UNROLL(5)
        for (int k = 0; k < K; ++k) {
          HWY_UNROLL(2)
          for (int v = 0; v < V; ++v) {
            sum[k][v] = hn::MulAdd(value, hn::Load(d, x + (k * V + v) * vl), sum[k][v]);
          }
        }
        of_bias = hn::Add(of_bias, value);
      }
    }
    float* to = scratch.sums + f * K * all + lane;
    HWY_UNROLL(5)
    for (int k = 0; k < K; ++k, to += all) {
      HWY_UNROLL(2)
      for (int v = 0; v < V; ++v) {
        const Vector value = sum[k][v];
        hn::StoreU(first ? value : hn::Add(hn::LoadU(d, to + v * vl), value), d, to + v * vl);
      }
    }
    if (bias) bias[f] = first ? hn::GetLane(of_bias) : bias[f] + hn::GetLane(of_bias);
  }
}

// Copies the windows of a sample, `count` lanes from `lane` on. Lanes after the last one are 0.
HWY_INLINE void copy_windows(const Conv2d& op, const float* x, Index lane, Index count, float* to) {
  const Full d;
  const Shape padded = input_border(op).around(op.in);
  const Index C = op.in.channels, vl = lanes(d), line = padded.width * C;
  const Index used = std::min(op.kernel.width * C - lane, count), whole = used / vl * vl;
  const auto rest = first_lanes(d, used - whole);
  x += lane;
  to += lane * sparse_window_rows(op);
  for (Index ox = 0; ox < output_shape(op).width; ++ox, x += C) {
    const float* from = x;
    for (Index row = 0; row < padded.height; ++row, from += line, to += count) {
      for (Index i = 0; i < whole; i += vl) hn::Store(hn::LoadU(d, from + i), d, to + i);
      if (whole < used) hn::Store(hn::MaskedLoad(rest, d, from + whole), d, to + whole);
    }
  }
}

// Stores where the pixels of dy lie.
HWY_INLINE void place_pixels(const Conv2d& op, SparseWeightScratch::Pixel* pixels) {
  const Shape out = output_shape(op), padded = input_border(op).around(op.in);
  for (Index oy = 0; oy < out.height; ++oy) {
    for (Index ox = 0; ox < out.width; ++ox) {
      const Index window = oy / 2 * (out.width / 2) + ox / 2;
      *pixels++ = {static_cast<std::int32_t>(window * op.filters),
                   static_cast<std::int32_t>(ox * padded.height + oy)};
    }
  }
}

// Returns false where the result may differ from the gradient of all terms.
template <int K>
HWY_INLINE bool sparse_weight_gradients(const ConvBlock& block, const WeightGradient<float>& pass) {
  constexpr int V = kSparseRowVectors;
  const Conv2d& op = block.conv;
  const SparseWeightScratch scratch(op, pass.scratch);
  const Shape conv_out = output_shape(op), out = output_shape(block);
  const Index C = op.in.channels, F = op.filters, vl = lanes(Full()), all = sparse_row_lanes(op);
  const Index stride = argmax_stride(block), taps = K * K * C;
  if (!all_finite(pass.x, pass.samples * op.in.size()) ||
      holds_negative_zero(pass.dy, pass.samples * out.size())) {
    return false;
  }
  place_pixels(op, scratch.pixels);
  float* bias = op.bias ? pass.gradient + taps * F : nullptr;
  bool first = true;
  for (Index b = 0; b < pass.samples; ++b) {
    const float* x = with_border(pass.x + b * op.in.size(), op.in, input_border(op),
                                 {0, input_border(op).around(op.in).height}, scratch.x);
    for (Index lane = 0; lane < K * C; lane += V * vl) {
      copy_windows(op, x, lane, K * C - lane > vl ? V * vl : vl, scratch.windows);
    }
    const std::int8_t* argmax = argmax_bytes(block, pass.argmax, b);
    for (const Segment s : Segments(conv_out.height, conv_out.width)) {
      find_pixels(op, argmax, stride, s.rows, scratch.terms);
      for (Index lane = 0; lane < K * C; lane += V * vl) {
        const auto add = K * C - lane > vl ? add_sparse_weights<K, V> : add_sparse_weights<K, 1>;
        add(op, scratch, s.rows.begin, lane, pass.dy + b * out.size(), first,
            lane == 0 ? bias : nullptr);
      }
      first = false;
    }
  }
  for (Index k = 0; k < K; ++k) {
    transpose({scratch.sums + k * all, K * all, F, K * C, pass.gradient + k * K * C * F, F});
  }
  return !holds_negative_zero(pass.gradient, taps * F);
}

HWY_INLINE bool sparse_weight_gradient(const ConvBlock& block, const WeightGradient<float>& pass) {
  return block.conv.kernel.height == 3 ? sparse_weight_gradients<3>(block, pass)
                                       : sparse_weight_gradients<5>(block, pass);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
