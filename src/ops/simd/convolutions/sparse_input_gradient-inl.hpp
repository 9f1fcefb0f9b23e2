// SPDX-License-Identifier: Apache-2.0
// The input gradient of a convolution, its ReLU and a 2x2 max pool (sparse_gradient.hpp). Of the
// four numbers of dy under a window, all but the one at the argmax are zero, and are no terms of
// this sum.
//
// The code reads one row of dy at a time, its pixels from left to right, and the filters of each
// pixel in order. Lane = (row of the kernel, channel). Each column of dx to which a pixel of dy
// contributes has one or several vectors of sums. They stay in registers, and move on by one column
// with each pixel. dx is stored with a border, column by column, so that these lanes lie one after
// the other.
#if defined(CONVOY_OPS_SIMD_CONVOLUTIONS_SPARSE_INPUT_GRADIENT_INL_HPP) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_CONVOLUTIONS_SPARSE_INPUT_GRADIENT_INL_HPP
#undef CONVOY_OPS_SIMD_CONVOLUTIONS_SPARSE_INPUT_GRADIENT_INL_HPP
#else
#define CONVOY_OPS_SIMD_CONVOLUTIONS_SPARSE_INPUT_GRADIENT_INL_HPP
#endif

#include <bit>
#include <cstdint>

#include "ops/conv_block.hpp"
#include "ops/pass.hpp"
#include "ops/segments.hpp"
#include "ops/simd/convolutions/thin_conv_block-inl.hpp"
#include "ops/sparse_gradient.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// Vectors of sums for a column of dx. They are so few that their weights stay in the first-level
// cache.
template <int K>
inline constexpr int kSparseVectors = HWY_MAX_BYTES == 64 ? (K == 5 ? 2 : 3) : (K == 5 ? 2 : 4);

struct SparseScratch {
  SparseScratch(const Conv2d& op, float* scratch)
      : weights(scratch),
        dx(weights + op.kernel.width * op.filters * sparse_lanes(op)),
        column(sparse_column(op)),
        dx_size((op.in.width + 2 * op.padding.width) * column + kMostLanes),
        terms(reinterpret_cast<std::uint64_t*>(dx + dx_size)) {}
  float* weights;  // [group of vectors][filter][column of the kernel][lane]
  float* dx;       // [column][row, channel]
  Index column;
  Index dx_size;
  std::uint64_t* terms;  // [pixel of dy][word]: a bit for each filter
};

// Finds the terms of two rows of dy, from a row of windows.
HWY_INLINE void find_terms(const Conv2d& op, const std::int8_t* argmax, Index stride,
                           std::uint64_t* terms) {
  const hn::FixedTag<std::int8_t, 8> d;
  const Index F = op.filters, width = output_shape(op).width;
  std::fill_n(terms, 2 * width, std::uint64_t{0});
  for (Index window = 0; window < width / 2; ++window) {
    for (Index f = 0; f < F; f += 8) {
      const auto winners = hn::LoadU(d, argmax + window * stride + f);
      // The bytes after the last filter may have any value.
      const std::uint64_t valid = F - f < 8 ? (1U << (F - f)) - 1 : 255;
      for (int tap = 0; tap < 4; ++tap) {
        std::uint8_t bits = 0;
        hn::StoreMaskBits(d, hn::Eq(winners, hn::Set(d, static_cast<std::int8_t>(tap))), &bits);
        terms[tap / 2 * width + 2 * window + tap % 2] |= (bits & valid) << f;
      }
    }
  }
}

// The sums to which a pixel of dy contributes, for V vectors of each column of dx. The sums for
// column k of the kernel are sum[(k + R) % K]: R increases with the pixels.
template <int K, int V>
struct SparseSums {
  HWY_INLINE SparseSums() {  // a defaulted one would not be compiled for the target
    HWY_UNROLL(5)
    for (int i = 0; i < K; ++i) clear(i);
  }
  HWY_INLINE void clear(int i) {
    HWY_UNROLL(4)
    for (int v = 0; v < V; ++v) sum[i][v] = hn::Zero(Full());
  }

  template <int R>
  HWY_INLINE void add_pixel(const float* dy, std::uint64_t terms, const float* weights) {
    const Full d;
    const Index vl = lanes(d);
    for (; terms != 0; terms &= terms - 1) {
      const Index f = std::countr_zero(terms);
      const Vector value = hn::Set(d, dy[f]);
      const float* w = weights + f * (K * V * vl);
      HWY_UNROLL(5)
      for (int k = 0; k < K; ++k) {
        HWY_UNROLL(4)
        for (int v = 0; v < V; ++v) {
          const int i = (k + R) % K;
          sum[i][v] = hn::MulAdd(value, hn::Load(d, w + (k * V + v) * vl), sum[i][v]);
        }
      }
    }
  }

  // Adds a segment to dx. The unused lanes after the last one are cleared, since they may hold
  // anything: 0 * infinity.
  HWY_INLINE void end_segment(int i, hn::Mask<Full> last, float* to) {
    const Full d;
    HWY_UNROLL(4)
    for (int v = 0; v < V; ++v, to += lanes(d)) {
      const Vector value =
          v + 1 < V ? Vector(sum[i][v]) : hn::IfThenElseZero(last, Vector(sum[i][v]));
      hn::StoreU(hn::Add(hn::LoadU(d, to), value), d, to);
    }
    clear(i);
  }

  Register<Full> sum[K][V];
};

// Adds the terms of a row of dy. dy: the row of windows. `to`: column 0 of dx.
template <int K, int V>
HWY_NOINLINE void add_sparse_row(const Conv2d& op, const float* dy, const std::uint64_t* terms,
                                 const float* weights, hn::Mask<Full> last, Index column,
                                 float* to) {
  const Index F = op.filters, width = output_shape(op).width;
  const Index pixels = K * F <= kSegmentTerms ? K : kSegmentTerms / F;  // pixels of a segment
  SparseSums<K, V> sums;
  Index ox = 0;
  const auto pixel = [&](auto rotation) HWY_ATTR {
    constexpr int R = decltype(rotation)::value;
    sums.template add_pixel<R>(dy + ox / 2 * F, terms[ox], weights);
    if (pixels < K) {
      HWY_UNROLL(5)
      for (int k = 1; k < K; ++k) {
        if ((K - k) % pixels == 0) sums.end_segment((k + R) % K, last, to + k * column);
      }
    }
    sums.end_segment(R, last, to);
    ++ox;
    to += column;
  };
  for (; width - ox >= K;) {
    pixel(std::integral_constant<int, 0>());
    pixel(std::integral_constant<int, 1>());
    pixel(std::integral_constant<int, 2>());
    if constexpr (K == 5) {
      pixel(std::integral_constant<int, 3>());
      pixel(std::integral_constant<int, 4>());
    }
  }
  while (ox < width) {
    pixel(std::integral_constant<int, 0>());
    HWY_UNROLL(5)
    for (int k = 0; k + 1 < K; ++k) {
      HWY_UNROLL(4)
      for (int v = 0; v < V; ++v) sums.sum[k][v] = sums.sum[k + 1][v];
    }
    sums.clear(K - 1);
  }
  HWY_UNROLL(5)
  for (int k = 0; k + 1 < K; ++k) sums.end_segment(k, last, to + k * column);
}

// Computes a sample, for the group of at most V vectors that begins with `lane`.
template <int K, int V = kSparseVectors<K>>
HWY_INLINE void add_sparse_group(const Conv2d& op, const float* dy, const SparseScratch& scratch,
                                 Index lane) {
  const Index vl = lanes(Full()), C = op.in.channels, left = K * C - lane;
  if constexpr (V > 1) {
    if (left <= (V - 1) * vl) return add_sparse_group<K, V - 1>(op, dy, scratch, lane);
  }
  const Shape out = output_shape(op);
  const auto last = first_lanes(Full(), left - (V - 1) * vl);
  for (Index oy = 0; oy < out.height / 2 * 2; ++oy) {
    add_sparse_row<K, V>(op, dy + oy / 2 * (out.width / 2) * op.filters,
                         scratch.terms + oy * out.width, scratch.weights + K * op.filters * lane,
                         last, scratch.column, scratch.dx + oy * C + lane);
  }
}

// Packed: [ky descending][kx descending][f][c].
template <int K>
HWY_INLINE void pack_sparse(const Conv2d& op, const float* packed, float* to) {
  constexpr Index kMost = kSparseVectors<K>;
  const Index C = op.in.channels, F = op.filters, vl = lanes(Full()), all = K * C;
  for (Index lane = 0; lane < all; lane += kMost * vl) {
    const Index used = std::min(kMost * vl, all - lane), width = (used + vl - 1) / vl * vl;
    for (Index f = 0; f < F; ++f) {
      for (Index kx = 0; kx < K; ++kx, to += width) {
        for (Index i = 0, count = 0; i < used; i += count) {
          const Index ky = (lane + i) / C, c = (lane + i) % C;
          count = std::min(C - c, used - i);
          std::copy_n(packed + ((K * K - 1 - ky * K - kx) * F + f) * C + c, count, to + i);
        }
        std::fill(to + used, to + width, 0.0F);
      }
    }
  }
}

// Copies dx without its border, in the usual order.
template <class D>
struct RemoveBorder {
  static HWY_INLINE void call(const Conv2d& op, const SparseScratch& scratch, float* dx) {
    const D d;
    const Index C = op.in.channels, vl = lanes(d), whole = C / vl * vl;
    const auto rest = first_lanes(d, C - whole);
    const float* row = scratch.dx + op.padding.width * scratch.column + op.padding.height * C;
    for (Index y = 0; y < op.in.height; ++y, row += C) {
      const float* from = row;
      for (Index x = 0; x < op.in.width; ++x, from += scratch.column, dx += C) {
        for (Index c = 0; c < whole; c += vl) hn::StoreU(hn::LoadU(d, from + c), d, dx + c);
        if (whole < C) store_lanes(hn::LoadU(d, from + whole), rest, d, dx + whole);
      }
    }
  }
};

template <int K>
HWY_INLINE void sparse_input_gradients(const ConvBlock& block, const InputGradient<float>& pass) {
  constexpr Index kMost = kSparseVectors<K>;
  const Conv2d& op = block.conv;
  const SparseScratch scratch(op, pass.scratch);
  const Shape in = op.in, out = output_shape(block);
  const Index C = in.channels, vl = lanes(Full()), stride = argmax_stride(block);
  pack_sparse<K>(op, pass.packed, scratch.weights);
  for (Index b = 0; b < pass.samples; ++b) {
    const float* dy = pass.dy + b * out.size();
    const std::int8_t* argmax = argmax_bytes(block, pass.argmax, b);
    std::fill_n(scratch.dx, scratch.dx_size, 0.0F);
    for (Index row = 0; row < out.height; ++row) {
      find_terms(op, argmax + row * out.width * stride, stride,
                 scratch.terms + 2 * row * output_shape(op).width);
    }
    // The last row of the kernel is the first in every sum.
    for (Index lane = (K * C - 1) / (kMost * vl) * (kMost * vl); lane >= 0; lane -= kMost * vl) {
      add_sparse_group<K>(op, dy, scratch, lane);
    }
    with_lanes_for<RemoveBorder>(C, op, scratch, pass.dx + b * in.size());
  }
}

HWY_INLINE void sparse_input_gradient(const ConvBlock& block, const InputGradient<float>& pass) {
  if (block.conv.kernel.height == 3) {
    sparse_input_gradients<3>(block, pass);
  } else {
    sparse_input_gradients<5>(block, pass);
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
