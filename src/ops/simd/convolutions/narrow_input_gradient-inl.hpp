// SPDX-License-Identifier: Apache-2.0
// Input gradients of convolutions whose input channels fill at most half a vector (stride 1, square
// kernels of 3 or 5). Two samples lie side by side, lane = channel * 2 + sample, and two such pairs
// are computed at a time. dy needs no border: only positions in y are terms (conv2d.hpp).
//
// A row of the kernel moves over a row of dy from left to right. A pixel of dy contributes to as
// many neighbouring columns of dx as the kernel is wide. Their sums stay in registers, and move on
// by one with each pixel, so that one broadcast of each number of dy serves all of them.
#if defined(CONVOY_OPS_SIMD_CONVOLUTIONS_NARROW_INPUT_GRADIENT_INL_HPP) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_CONVOLUTIONS_NARROW_INPUT_GRADIENT_INL_HPP
#undef CONVOY_OPS_SIMD_CONVOLUTIONS_NARROW_INPUT_GRADIENT_INL_HPP
#else
#define CONVOY_OPS_SIMD_CONVOLUTIONS_NARROW_INPUT_GRADIENT_INL_HPP
#endif

#include "ops/conv2d.hpp"
#include "ops/pass.hpp"
#include "ops/segments.hpp"
#include "ops/simd/convolutions/sample_pairs-inl.hpp"
#include "ops/thin_conv.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

HWY_INLINE bool is_narrow(const Conv2d& op, Index samples) {
  return is_narrow(op) && samples > 1 && kSideBySide * op.in.channels <= lanes(Full());
}

// Scratch of a pass; see narrow_scratch_size().
struct NarrowScratch {
  NarrowScratch(const Conv2d& op, float* scratch)
      : dy_size(align_floats(output_shape(op).size())),
        single(scratch),
        pairs(single + 2 * dy_size),
        weights(pairs + 4 * dy_size),
        chains(weights + op.kernel.area() * op.filters * kMostLanes),
        totals(chains + 2 * op.in.width * kMostLanes) {}
  Index dy_size;
  float* single;   // dy of two samples
  float* pairs;    // the same, side by side, for up to four samples
  float* weights;  // one vector per term
  float* chains;   // [pair][column of dx][lane], of the segment in progress
  float* totals;   // likewise, of the segments before
};

// Adds one pixel of dy, with all filters, to K neighbours of dx, for P pairs of samples that are
// pair_step apart.
template <int K, int P>
HWY_INLINE void add_pixel(const float* dy, Index pair_step, const float* weights, Index filters,
                          Register<Full> (&sum)[P][K]) {
  const Full d;
  const Index vl = lanes(d), tap = filters * vl;
  for (Index f = 0; f < filters; ++f, dy += 2, weights += vl) {
    HWY_UNROLL(2)
    for (int p = 0; p < P; ++p) {
      const Vector value = broadcast<2>(dy + p * pair_step);
      HWY_UNROLL(5)
      for (int j = 0; j < K; ++j) {
        sum[p][j] = hn::MulAdd(value, hn::Load(d, weights + j * tap), sum[p][j]);
      }
    }
  }
}

// Adds the terms of one row of the kernel, from one row of dy, to the chains. Neighbour j of pixel
// ox is column ox + before - j of dx.
template <int K, int P>
HWY_INLINE void add_row(const Conv2d& op, const float* dy, Index pair_step, const float* weights,
                        float* chains) {
  const Full d;
  const Index vl = lanes(d), width = op.in.width, before = K - 1 - op.padding.width;
  const Index out_width = output_shape(op).width;
  const auto chain = [&](int p, Index column)
                         HWY_ATTR { return chains + (p * width + column) * vl; };
  const auto load = [&](int p, Index column) HWY_ATTR {
    return column >= 0 && column < width ? hn::Load(d, chain(p, column)) : hn::Zero(d);
  };
  const auto store = [&](Vector v, int p, Index column) HWY_ATTR {
    if (column >= 0 && column < width) hn::Store(v, d, chain(p, column));
  };
  Register<Full> sum[P][K];
  for (int p = 0; p < P; ++p) {
    HWY_UNROLL(5)
    for (int j = 0; j < K; ++j) sum[p][j] = load(p, before - j);
  }
  for (Index ox = 0;; ++ox) {
    add_pixel<K, P>(dy + ox * op.filters * 2, pair_step, weights, op.filters, sum);
    if (ox + 1 == out_width) break;
    HWY_UNROLL(2)
    for (int p = 0; p < P; ++p) {
      store(sum[p][K - 1], p, ox + before - (K - 1));
      HWY_UNROLL(5)
      for (int j = K - 1; j > 0; --j) sum[p][j] = sum[p][j - 1];
      sum[p][0] = load(p, ox + 1 + before);
    }
  }
  for (int p = 0; p < P; ++p) {
    HWY_UNROLL(5)
    for (int j = 0; j < K; ++j) store(sum[p][j], p, out_width - 1 + before - j);
  }
}

// Computes dx of 2 P samples. Where there are fewer, the last samples repeat one.
template <int K, int P>
HWY_INLINE void narrow_gradient(const Conv2d& op, const NarrowScratch& scratch,
                                float* const (&dx)[2 * P]) {
  const Full d;
  const Shape out = output_shape(op);
  const Index vl = lanes(d), C = op.in.channels, size = P * op.in.width * vl;
  const Index pair_step = 2 * scratch.dy_size, line = out.width * op.filters * 2;
  const Index segment_rows = kSegmentTerms / (K * op.filters);
  const auto add_chains = [&] HWY_ATTR {
    for (Index i = 0; i < size; i += vl) {
      const Vector chain = hn::Load(d, scratch.chains + i);
      hn::Store(hn::Add(hn::Load(d, scratch.totals + i), chain), d, scratch.totals + i);
    }
    std::fill_n(scratch.chains, size, 0.0F);
  };
  for (Index y = 0; y < op.in.height; ++y) {
    std::fill_n(scratch.chains, size, 0.0F);
    std::fill_n(scratch.totals, size, 0.0F);
    for (Index row = 0; row < K; ++row) {  // rows of the kernel, the last one first
      const Index oy = y + op.padding.height - (K - 1) + row;
      if (oy >= 0 && oy < out.height) {
        add_row<K, P>(op, scratch.pairs + oy * line, pair_step,
                      scratch.weights + row * K * op.filters * vl, scratch.chains);
      }
      if ((row + 1) % segment_rows == 0 || row + 1 == K) add_chains();
    }
    for (int p = 0; p < P; ++p) {
      for (Index x = 0; x < op.in.width; ++x) {
        const Index at = (y * op.in.width + x) * C;
        store_filters<2>(hn::Load(d, scratch.totals + (p * op.in.width + x) * vl), dx[2 * p] + at,
                         dx[2 * p + 1] + at, C);
      }
    }
  }
}

// Computes all samples; make_dy(b, to) writes dy of the convolution for sample b.
template <int K, class MakeDy>
HWY_INLINE void narrow_input_gradients(const Conv2d& op, const InputGradient<float>& pass,
                                       const MakeDy& make_dy) {
  const NarrowScratch scratch(op, pass.scratch);
  const Index terms = K * K * op.filters, size = op.in.size();
  for (Index t = 0; t < terms; ++t) {  // packed: [tap][f][c]
    const float* w = pass.packed + t * op.in.channels;
    hn::Store(load_filters<2>(w, w, op.in.channels), Full(), scratch.weights + t * lanes(Full()));
  }
  for (Index b = 0; b < pass.samples; b += 4) {
    const bool two_pairs = b + 2 < pass.samples;
    float* dx[4];
    for (Index pair = 0; pair < (two_pairs ? 2 : 1); ++pair) {
      for (Index s = 0; s < 2; ++s) {
        const Index sample = std::min(b + 2 * pair + s, pass.samples - 1);
        dx[2 * pair + s] = pass.dx + sample * size;
        make_dy(sample, scratch.single + s * scratch.dy_size);
      }
      interleave(scratch.single, scratch.single + scratch.dy_size, scratch.dy_size,
                 scratch.pairs + pair * 2 * scratch.dy_size);
    }
    if (two_pairs) {
      narrow_gradient<K, 2>(op, scratch, dx);
    } else {
      narrow_gradient<K, 1>(op, scratch, {dx[0], dx[1]});
    }
  }
}

template <class MakeDy>
HWY_INLINE void with_narrow(const Conv2d& op, const InputGradient<float>& pass,
                            const MakeDy& make_dy) {
  if (op.kernel.height == 3) {
    narrow_input_gradients<3>(op, pass, make_dy);
  } else {
    narrow_input_gradients<5>(op, pass, make_dy);
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
