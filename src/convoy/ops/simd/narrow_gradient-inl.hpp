// SPDX-License-Identifier: Apache-2.0
// Input gradients of convolutions whose input channels fill half a vector or less (stride 1): those
// of two samples side by side, lane = channel * 2 + sample, so that one 64-bit broadcast of dy
// feeds both. A tile is some pixels of a row of dx. Order of additions: conv2d.hpp.
#if defined(CONVOY_OPS_SIMD_NARROW_GRADIENT_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_NARROW_GRADIENT_INL_HPP
#undef CONVOY_OPS_SIMD_NARROW_GRADIENT_INL_HPP
#else
#define CONVOY_OPS_SIMD_NARROW_GRADIENT_INL_HPP
#endif

#include "convoy/ops/conv2d.hpp"
#include "convoy/ops/pass.hpp"
#include "convoy/ops/segments.hpp"
#include "convoy/ops/simd/side_by_side-inl.hpp"
#include "convoy/ops/thin_conv.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

HWY_INLINE bool is_narrow(const Conv2d& op, Index samples) {
  return op.stride == Extent{1, 1} && samples > 1 && kSideBySide * op.in.channels <= lanes(Full());
}

// What all tiles share. dy with its border, side by side.
struct NarrowGradient {
  Segments segments;
  Index row_length;      // terms of a row of the kernel
  Index line, pixel;     // floats from one row, one pixel of dy to the next
  const float* weights;  // [kernel row][term][lane]
  Index channels;
};

// kPixels pixels of dx, whose first term is *dy, to both samples.
template <int kPixels>
HWY_NOINLINE void narrow_tile(const NarrowGradient& g, const float* dy, float* first,
                              float* second) {
  const Full d;
  const Index vl = lanes(d), pixel = g.pixel;
  alignas(64) float total[kPixels * HWY_LANES(float)];  // the registers are for the sums
  bool begun = false;
  for (const Segment s : g.segments) {
    Register<Full> sum[kPixels];
    HWY_UNROLL(14)
    for (int i = 0; i < kPixels; ++i) sum[i] = hn::Zero(d);
    // One pointer serves four pixels, so that all stay in registers. Rows are not a loop of their
    // own: gcc would keep the sums twice.
    const float* at[(kPixels + 3) / 4];
    HWY_UNROLL(4)
    for (int i = 0; i < (kPixels + 3) / 4; ++i) {
      at[i] = dy + s.rows.begin * g.line + s.terms.begin * 2 + 4 * i * pixel;
    }
    const float* w = g.weights + (s.rows.begin * g.row_length + s.terms.begin) * vl;
    Index left = s.terms.size();
    for (Index t = s.rows.size() * s.terms.size(); t > 0; --t, w += vl) {
      const Vector weight = hn::Load(d, w);
      HWY_UNROLL(14)
      for (int i = 0; i < kPixels; ++i) {
        sum[i] = hn::MulAdd(broadcast<2>(at[i / 4] + i % 4 * pixel), weight, sum[i]);
      }
      Index step = 2;
      if (--left == 0) {
        left = s.terms.size();
        step += g.line - 2 * left;
      }
      HWY_UNROLL(4)
      for (int i = 0; i < (kPixels + 3) / 4; ++i) at[i] += step;
    }
    HWY_UNROLL(14)
    for (int i = 0; i < kPixels; ++i) {
      Vector value = sum[i];
      if (begun) value = hn::Add(hn::Load(d, total + i * vl), value);
      hn::Store(value, d, total + i * vl);
    }
    begun = true;
  }
  for (int i = 0; i < kPixels; ++i) {
    store_filters<2>(hn::Load(d, total + i * vl), first + i * g.channels, second + i * g.channels,
                     g.channels);
  }
}

// A sum and a total each in the registers.
inline constexpr int kNarrowPixels = HWY_MAX_BYTES == 32 ? 6 : 14;

template <int kPixels>
HWY_INLINE void dispatch_pixels(Index pixels, const NarrowGradient& g, const float* dy,
                                float* first, float* second) {
  if constexpr (kPixels > 1) {
    if (pixels < kPixels) return dispatch_pixels<kPixels - 1>(pixels, g, dy, first, second);
  }
  narrow_tile<kPixels>(g, dy, first, second);
}

// dx of samples [b, b + 2) (of the last one alone where the other is the same).
inline void narrow_input_gradient(const Conv2d& op, const float* dy, const float* weights,
                                  float* first, float* second) {
  const Shape padded = gradient_border(op).around(output_shape(op));
  const Index C = op.in.channels, F = op.filters;
  const NarrowGradient g{Segments(op.kernel.height, op.kernel.width * F),
                         op.kernel.width * F,
                         padded.width * F * 2,
                         F * 2,
                         weights,
                         C};
  const Index tiles = (op.in.width + kNarrowPixels - 1) / kNarrowPixels;
  for (Index y = 0; y < op.in.height; ++y) {
    for (Index i = 0; i < tiles; ++i) {
      const Range part = split(op.in.width, tiles, i);
      const Index at = (y * op.in.width + part.begin) * C;
      dispatch_pixels<kNarrowPixels>(part.size(), g, dy + y * g.line + part.begin * g.pixel,
                                     first + at, second + at);
    }
  }
}

// Scratch of a pass; see narrow_scratch_size().
struct NarrowScratch {
  NarrowScratch(const Conv2d& op, float* scratch)
      : pair(scratch + 2 * bordered_gradient_size(op)),
        weights(pair + 2 * bordered_gradient_size(op)),
        bordered{scratch, scratch + bordered_gradient_size(op)} {}
  float* pair;         // dy of two samples side by side
  float* weights;      // one vector a term
  float* bordered[2];  // dy of each
};

// All samples; make_bordered(b, to) writes dy of a sample with its border.
template <class MakeBordered>
HWY_INLINE void narrow_input_gradients(const Conv2d& op, const InputGradient<float>& pass,
                                       const MakeBordered& make_bordered) {
  const NarrowScratch scratch(op, pass.scratch);
  const Index terms = op.kernel.area() * op.filters, size = op.in.size();
  for (Index t = 0; t < terms; ++t) {  // packed: [tap][f][c]
    const float* w = pass.packed + t * op.in.channels;
    hn::Store(load_filters<2>(w, w, op.in.channels), Full(), scratch.weights + t * lanes(Full()));
  }
  for (Index b = 0; b < pass.samples; b += 2) {
    const Index other = std::min(b + 1, pass.samples - 1);
    make_bordered(b, scratch.bordered[0]);
    make_bordered(other, scratch.bordered[1]);
    interleave(scratch.bordered[0], scratch.bordered[1], bordered_gradient_size(op), scratch.pair);
    narrow_input_gradient(op, scratch.pair, scratch.weights, pass.dx + b * size,
                          pass.dx + other * size);
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
