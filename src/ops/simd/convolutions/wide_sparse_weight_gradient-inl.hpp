// SPDX-License-Identifier: Apache-2.0
// The weight gradient of a 3x3 convolution of many channels, its ReLU and a 2x2 max pool, without
// the terms whose dy is zero (sparse_weight_gradient-inl.hpp explains why the bits are the same).
// Lane = channel. One group of one or two vectors is computed at a time: the sums of all taps stay
// in registers for a segment of one filter. x is copied one group after the other, so that the part
// of a group that a segment reads stays in the first-level cache, and a vector lies in one line of
// it.
#if defined(CONVOY_OPS_SIMD_CONVOLUTIONS_WIDE_SPARSE_WEIGHT_GRADIENT_INL_HPP) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_CONVOLUTIONS_WIDE_SPARSE_WEIGHT_GRADIENT_INL_HPP
#undef CONVOY_OPS_SIMD_CONVOLUTIONS_WIDE_SPARSE_WEIGHT_GRADIENT_INL_HPP
#else
#define CONVOY_OPS_SIMD_CONVOLUTIONS_WIDE_SPARSE_WEIGHT_GRADIENT_INL_HPP
#endif

#include <bit>
#include <cstdint>

#include "ops/conv_block.hpp"
#include "ops/pass.hpp"
#include "ops/segments.hpp"
#include "ops/simd/convolutions/sparse_weight_gradient-inl.hpp"
#include "ops/sparse_gradient.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// The vectors of a group: they need 18 sums of 32 registers, or 9 of 16.
inline constexpr int kGroupVectors = HWY_MAX_BYTES == 32 ? 1 : 2;
inline constexpr int kWideKernel = 3;
inline constexpr int kWideTaps = kWideKernel * kWideKernel;

struct WideSparseScratch {
  WideSparseScratch(const Conv2d& op, float* scratch)
      : padded(input_border(op).around(op.in)),
        x(scratch),
        sums(x + padded.height * padded.width * sparse_channel_lanes(op)),
        terms(reinterpret_cast<std::uint32_t*>(sums +
                                               kWideTaps * op.filters * sparse_channel_lanes(op))),
        pixels(reinterpret_cast<Pixel*>(terms + sparse_term_words(op))) {}

  struct Pixel {
    std::int32_t dy;  // where dy of the pool lies
    std::int32_t x;   // the pixel under the kernel's first tap
  };
  Shape padded;
  float* x;              // with its border: [group][pixel][lane]
  float* sums;           // [group][filter][tap][lane], over the segments so far
  std::uint32_t* terms;  // of a segment: see find_pixels()
  Pixel* pixels;         // [pixel of dy]
};

// Adds a segment of all filters, for the group of V vectors that begins with `channel`. `first`: it
// is the first segment.
template <int V>
HWY_NOINLINE void add_wide_sparse_weights(const Conv2d& op, const WideSparseScratch& scratch,
                                          Index row, Index channel, const float* dy, bool first,
                                          float* bias) {
  const Full d;
  const Index vl = lanes(d), F = op.filters, padded = (F + 15) / 16 * 16;
  const Index line = scratch.padded.width * V * vl;
  const float* x = scratch.x + channel * scratch.padded.height * scratch.padded.width;
  float* to = scratch.sums + channel * kWideTaps * F;
  const WideSparseScratch::Pixel* pixels = scratch.pixels + row * output_shape(op).width;
  for (Index f = 0; f < F; ++f) {
    Register<Full> sum[kWideKernel][kWideKernel * V];
    HWY_UNROLL(3)
    for (int k = 0; k < kWideKernel; ++k) {
      HWY_UNROLL(6)
      for (int v = 0; v < kWideKernel * V; ++v) sum[k][v] = hn::Zero(d);
    }
    Vector of_bias = hn::Zero(d);
    // One loop is faster than one for each word, because the end of a loop is hard to predict.
    const std::uint32_t* terms = scratch.terms + f;
    std::uint64_t left = terms[0] | std::uint64_t{terms[padded]} << 32;
    std::uint64_t later = terms[2 * padded] | std::uint64_t{terms[3 * padded]} << 32;
    const float* dy_of_filter = dy + f;
    const WideSparseScratch::Pixel* of_word = pixels;
    for (int count = std::popcount(left) + std::popcount(later); count > 0; --count) {
      of_word = left == 0 ? pixels + 64 : of_word;
      left = left == 0 ? later : left;
      const WideSparseScratch::Pixel pixel = of_word[std::countr_zero(left)];
      left &= left - 1;
      const Vector value = hn::Set(d, dy_of_filter[pixel.dy]);
      const float* from = x + pixel.x * (V * vl);
      HWY_UNROLL(3)
      for (int k = 0; k < kWideKernel; ++k, from += line) {
        HWY_UNROLL(6)
        for (int v = 0; v < kWideKernel * V; ++v) {
          sum[k][v] = hn::MulAdd(value, hn::Load(d, from + v * vl), sum[k][v]);
        }
      }
      of_bias = hn::Add(of_bias, value);
    }
    HWY_UNROLL(3)
    for (int k = 0; k < kWideKernel; ++k) {
      HWY_UNROLL(6)
      for (int v = 0; v < kWideKernel * V; ++v, to += vl) {
        const Vector value = sum[k][v];
        hn::Store(first ? value : hn::Add(hn::Load(d, to), value), d, to);
      }
    }
    if (bias) bias[f] = first ? hn::GetLane(of_bias) : bias[f] + hn::GetLane(of_bias);
  }
}

// Copies a group of `width` channels of a sample, `used` of them and zeros, with the border.
// Returns whether all are finite; this way x, which is not in a near cache, is read only once.
HWY_INLINE bool copy_group(const Conv2d& op, const Shape& padded, const float* x, Index width,
                           Index used, float* to) {
  const Full d;
  const Index vl = lanes(d), C = op.in.channels, line = padded.width * width;
  const Index left = op.padding.width * width, whole = used / vl * vl;
  const auto rest = first_lanes(d, used - whole);
  const auto exponent = hn::Set(Int(), 0x7F800000);
  auto most = hn::Zero(Int());
  const auto copy = [&](Vector v, float* at) HWY_ATTR {
    most = hn::Max(most, hn::And(hn::BitCast(Int(), v), exponent));
    hn::Store(v, d, at);
  };
  to = std::fill_n(to, op.padding.height * line, 0.0F);
  for (Index row = 0; row < op.in.height; ++row) {
    to = std::fill_n(to, left, 0.0F);
    for (Index column = 0; column < op.in.width; ++column, x += C, to += width) {
      for (Index c = 0; c < whole; c += vl) copy(hn::LoadU(d, x + c), to + c);
      if (whole < width) copy(hn::MaskedLoad(rest, d, x + whole), to + whole);
    }
    to = std::fill_n(to, left, 0.0F);
  }
  std::fill_n(to, op.padding.height * line, 0.0F);
  return hn::AllFalse(Int(), hn::Eq(most, exponent));
}

HWY_INLINE void place_wide_pixels(const Conv2d& op, const WideSparseScratch& scratch) {
  const Shape out = output_shape(op);
  WideSparseScratch::Pixel* pixels = scratch.pixels;
  for (Index oy = 0; oy < out.height; ++oy) {
    for (Index ox = 0; ox < out.width; ++ox) {
      const Index window = oy / 2 * (out.width / 2) + ox / 2;
      *pixels++ = {static_cast<std::int32_t>(window * op.filters),
                   static_cast<std::int32_t>(oy * scratch.padded.width + ox)};
    }
  }
}

// Returns false where the result may differ from the gradient of all terms.
HWY_INLINE bool wide_sparse_weight_gradient(const ConvBlock& block,
                                            const WeightGradient<float>& pass) {
  constexpr int V = kGroupVectors;
  const Conv2d& op = block.conv;
  const WideSparseScratch scratch(op, pass.scratch);
  const Shape conv_out = output_shape(op), out = output_shape(block);
  const Index C = op.in.channels, F = op.filters, vl = lanes(Full());
  const Index pixels = scratch.padded.height * scratch.padded.width;
  if (holds_negative_zero(pass.dy, pass.samples * out.size())) return false;
  place_wide_pixels(op, scratch);
  // Calls work(first channel, vectors of the group).
  const auto for_each_group = [&](const auto& work) HWY_ATTR {
    for (Index c = 0; c < C; c += V * vl) work(c, C - c > vl ? V : 1);
  };
  float* bias = op.bias ? pass.gradient + kWideTaps * C * F : nullptr;
  bool first = true;
  for (Index b = 0; b < pass.samples; ++b) {
    bool finite = true;
    for_each_group([&](Index c, int vectors) HWY_ATTR {
      finite &= copy_group(op, scratch.padded, pass.x + b * op.in.size() + c, vectors * vl,
                           std::min(vectors * vl, C - c), scratch.x + c * pixels);
    });
    if (!finite) return false;
    const std::int8_t* argmax = argmax_bytes(block, pass.argmax, b);
    for (const Segment s : Segments(conv_out.height, conv_out.width)) {
      find_pixels(op, argmax, argmax_stride(block), s.rows, scratch.terms);
      for_each_group([&](Index c, int vectors) HWY_ATTR {
        const auto add = vectors == V ? add_wide_sparse_weights<V> : add_wide_sparse_weights<1>;
        add(op, scratch, s.rows.begin, c, pass.dy + b * out.size(), first, c == 0 ? bias : nullptr);
      });
      first = false;
    }
  }
  for_each_group([&](Index c, int vectors) HWY_ATTR {
    const Index width = vectors * vl;
    for (Index tap = 0; tap < kWideTaps; ++tap) {
      transpose({scratch.sums + c * kWideTaps * F + tap * width, kWideTaps * width, F,
                 std::min(width, C - c), pass.gradient + (tap * C + c) * F, F});
    }
  });
  return !holds_negative_zero(pass.gradient, kWideTaps * C * F);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
