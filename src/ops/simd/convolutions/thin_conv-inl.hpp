// SPDX-License-Identifier: Apache-2.0
// Convolutions of few channels (thin_conv.hpp), forward and weight gradient. If such a layer were
// padded to whole vectors, or a tile were set up for so few terms, that would cost more than its
// arithmetic.
//
// Legend: K kernel side, C input channels, F filters, S samples side by side.
//
// Where the filters fill at most half a vector, a vector holds those of two samples (S = 2), lane =
// filter * S + sample, and one 64-bit broadcast loads one input of both. x is copied once, with its
// border, to [row][column][channel][sample]. Where a layer has more filters than a vector has
// lanes, they are computed in panels.
//
// The forward pass computes 2x4 outputs at a time: eight chains keep the multipliers busy,
// neighbours share inputs, and the outputs are two windows of a 2x2 pool. A Sink stores them. In
// the weight gradient a Source writes dy of a segment; then all sums stay in registers, and two
// columns are taken at a time. Orders of additions: conv2d.hpp.
#if defined(CONVOY_OPS_SIMD_CONVOLUTIONS_THIN_CONV_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_CONVOLUTIONS_THIN_CONV_INL_HPP
#undef CONVOY_OPS_SIMD_CONVOLUTIONS_THIN_CONV_INL_HPP
#else
#define CONVOY_OPS_SIMD_CONVOLUTIONS_THIN_CONV_INL_HPP
#endif

#include <algorithm>

#include "ops/pass.hpp"
#include "ops/simd/convolutions/sample_pairs-inl.hpp"
#include "ops/thin_conv.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// The samples of a vector, the same one twice where there is no second.
struct Pair {
  Index sample[2];
  bool both;
};

// Filters of a vector: at most lanes / S.
struct Panel {
  Index first;
  Index filters;
};

// Scratch of a pass; see thin_scratch_size().
struct ThinScratch {
  ThinScratch(const Conv2d& op, float* scratch)
      : x(scratch),
        weights(x + align_floats(kSideBySide * input_border(op).around(op.in).size())),
        sums(weights),
        dy(sums + thin_sums_size(op)) {}
  float* x;
  float* weights;  // forward
  float* sums;     // of the weight gradient
  float* dy;
};

// Returns the pair that begins with sample b, and copies its x with a border.
template <int S>
HWY_INLINE Pair pair_from(Index b, Index samples) {
  const bool both = S == 2 && b + 1 < samples;
  return {{b, both ? b + 1 : b}, both};
}

template <int S>
HWY_INLINE const float* input_of(const Conv2d& op, const float* x, const Pair& pair,
                                 float* scratch) {
  const Index size = op.in.size();
  return side_by_side<S>(x + pair.sample[0] * size, x + pair.sample[1] * size, op.in,
                         input_border(op), scratch);
}

template <int S>
HWY_INLINE Panel panel_from(Index first, Index filters) {
  return {first, std::min(lanes(Full()) / S, filters - first)};
}

// Computes 2 rows of kColumns outputs, whose first inputs are x[row][at], as chains over (ky, kx,
// c), then adds the bias.
template <int K, int C, int S, int kColumns>
HWY_INLINE void outputs(const float* const (&x)[K + 1], Index at, const float* HWY_RESTRICT weights,
                        Vector bias, Register<Full> (&sum)[2][kColumns]) {
  const Full d;
  HWY_UNROLL(2)
  for (int i = 0; i < 2; ++i) {
    HWY_UNROLL(4)
    for (int j = 0; j < kColumns; ++j) sum[i][j] = hn::Zero(d);
  }
  // Both rows of outputs take one row of the kernel, then the next, so that all chains always
  // progress.
  HWY_UNROLL(5)
  for (int ky = 0; ky < K; ++ky) {
    HWY_UNROLL(24)
    for (int column = 0; column < (K + kColumns - 1) * C; ++column) {
      HWY_UNROLL(2)
      for (int i = 0; i < 2; ++i) {
        const Vector value = broadcast<S>(x[ky + i] + at + column * S);
        HWY_UNROLL(4)
        for (int j = 0; j < kColumns; ++j) {
          const int tap = column - j * C;
          if (tap < 0 || tap >= K * C) continue;
          const Vector weight = hn::Load(d, weights + (ky * K * C + tap) * lanes(d));
          sum[i][j] = hn::MulAdd(value, weight, sum[i][j]);
        }
      }
    }
  }
  HWY_UNROLL(2)
  for (int i = 0; i < 2; ++i) {
    HWY_UNROLL(4)
    for (int j = 0; j < kColumns; ++j) sum[i][j] = hn::Add(sum[i][j], bias);
  }
}

// Computes two rows of a panel, `columns` wide; where that is odd, the last outputs overlap those
// before.
template <int K, int C, int S, class Sink>
HWY_INLINE void forward_rows(const float* x, Index line, Index oy, Index columns,
                             const float* weights, Vector bias, const Panel& panel,
                             const Sink& sink) {
  const float* input[K + 1];
  HWY_UNROLL(6)
  for (int row = 0; row <= K; ++row) input[row] = x + row * line;
  Index ox = 0;
  for (; ox + 4 <= columns; ox += 4) {
    Register<Full> sum[2][4];
    outputs<K, C, S>(input, ox * C * S, weights, bias, sum);
    sink.put(oy, ox, panel, sum);
  }
  for (; ox < columns; ox += 2) {
    const Index left = std::min(ox, columns - 2);
    Register<Full> sum[2][2];
    outputs<K, C, S>(input, left * C * S, weights, bias, sum);
    sink.put(oy, left, panel, sum);
  }
}

// `out`: all outputs, or those in whole 2x2 windows. make_sink(pair) makes a sink whose put(oy, ox,
// panel, v) takes 2x4 or 2x2 outputs; v[0][0] is the one at (oy, ox).
template <int K, int C, int S, class MakeSink>
HWY_INLINE void forward_thin(const Conv2d& op, const Forward<float>& pass, const Shape& out,
                             const MakeSink& make_sink) {
  const Full d;
  const Index taps = K * K * C, line = input_border(op).around(op.in).width * C * S;
  const Index filters = op.filters, vl = lanes(d);
  const ThinScratch scratch(op, pass.scratch);
  // For each panel the weights come first, then the bias. Where there is no bias, it is -0, which
  // changes no sum.
  float* to = scratch.weights;
  for (Index f = 0; f < filters; f += vl / S) {
    const float* from = pass.parameters + f;
    for (Index tap = 0; tap <= taps; ++tap, from += filters, to += vl) {
      const bool none = tap == taps && !op.bias;
      hn::Store(
          none ? hn::Set(d, -0.0F) : load_filters<S>(from, from, panel_from<S>(f, filters).filters),
          d, to);
    }
  }
  for (Index b = 0; b < pass.samples; b += S) {
    const Pair pair = pair_from<S>(b, pass.samples);
    const float* x = input_of<S>(op, pass.x, pair, scratch.x);
    const auto sink = make_sink(pair);
    for (Index row = 0; row < out.height; row += 2) {
      const Index oy = std::min(row, out.height - 2);
      const float* weights = scratch.weights;
      for (Index f = 0; f < filters; f += vl / S, weights += (taps + 1) * vl) {
        forward_rows<K, C, S>(x + oy * line, line, oy, out.width, weights,
                              hn::Load(d, weights + taps * vl), panel_from<S>(f, filters), sink);
      }
    }
  }
}

// Adds one term (kColumns == 1) or two terms to all sums; x[ky][at] is the first tap of the first
// one.
template <int C, int S, int kRows, int kRowTaps, int kColumns, bool kBias>
HWY_INLINE void add_terms(const float* const (&x)[kRows], Index at, Vector first, Vector second,
                          Register<Full> (&sum)[kRows * kRowTaps + 1]) {
  HWY_UNROLL(5)
  for (int ky = 0; ky < kRows; ++ky) {
    HWY_UNROLL(18)
    for (int column = 0; column < kRowTaps + (kColumns - 1) * C; ++column) {
      const Vector value = broadcast<S>(x[ky] + at + column * S);
      if (column < kRowTaps) {
        Register<Full>& s = sum[ky * kRowTaps + column];
        s = hn::MulAdd(value, first, s);
      }
      if (kColumns == 2 && column >= C) {
        Register<Full>& s = sum[ky * kRowTaps + column - C];
        s = hn::MulAdd(value, second, s);
      }
    }
  }
  if (kBias) {
    sum[kRows * kRowTaps] = hn::Add(first, sum[kRows * kRowTaps]);
    if (kColumns == 2) sum[kRows * kRowTaps] = hn::Add(second, sum[kRows * kRowTaps]);
  }
}

// Writes the chains of a segment for kRows rows of the kernel to `sums`: one vector per tap, and
// one for the bias. x: at the first output's first tap; dy: [rows][width], a vector each. `step` is
// 2 * C * S, and the compiler must not know that. It would keep inputs for the next columns in
// registers, and a broadcast from a register, unlike one from memory, competes with the
// multiply-adds.
template <int C, int S, int kRows, int kRowTaps, bool kBias>
HWY_INLINE void sum_segment(const float* x, Index line, Index step, const float* dy, Index rows,
                            Index width, float* HWY_RESTRICT sums) {
  const Full d;
  const Index vl = lanes(d);
  Register<Full> sum[kRows * kRowTaps + 1];
  HWY_UNROLL(28)
  for (int i = 0; i <= kRows * kRowTaps; ++i) sum[i] = hn::Zero(d);
  for (Index row = 0; row < rows; ++row, x += line) {
    const float* input[kRows];
    HWY_UNROLL(5)
    for (int ky = 0; ky < kRows; ++ky) input[ky] = x + ky * line;
    Index at = 0;
    for (Index pair = 0; pair < width / 2; ++pair, at += step, dy += 2 * vl) {
      add_terms<C, S, kRows, kRowTaps, 2, kBias>(input, at, hn::Load(d, dy), hn::Load(d, dy + vl),
                                                 sum);
    }
    if (width % 2 != 0) {
      add_terms<C, S, kRows, kRowTaps, 1, kBias>(input, at, hn::Load(d, dy), hn::Zero(d), sum);
      dy += vl;
    }
  }
  HWY_UNROLL(28)
  for (int i = 0; i < kRows * kRowTaps + (kBias ? 1 : 0); ++i) hn::Store(sum[i], d, sums + i * vl);
}

// totals += `count` segments of the first sample, then those of the second; the first of all
// segments is stored instead of added. [segments][vectors], [vectors]; in totals only the lanes of
// the first sample are valid. Two vectors are added at a time (taps and bias are an even number),
// because each is one long chain.
template <int S>
HWY_INLINE void add_segments(const float* segments, Index count, Index vectors, bool begins,
                             bool both, float* totals) {
  const Full d;
  const Index vl = lanes(d), step = vectors * vl;
  for (Index i = 0; i < vectors; i += 2, segments += 2 * vl, totals += 2 * vl) {
    Vector total0 = hn::Load(d, segments), total1 = hn::Load(d, segments + vl);
    if (!begins) {
      total0 = hn::Add(hn::Load(d, totals), total0);
      total1 = hn::Add(hn::Load(d, totals + vl), total1);
    }
    for (Index s = 1; s < count; ++s) {
      total0 = hn::Add(total0, hn::Load(d, segments + s * step));
      total1 = hn::Add(total1, hn::Load(d, segments + s * step + vl));
    }
    if (S == 2 && both) {
      total0 = hn::Reverse2(d, total0);
      total1 = hn::Reverse2(d, total1);
      for (Index s = 0; s < count; ++s) {
        total0 = hn::Add(total0, hn::Load(d, segments + s * step));
        total1 = hn::Add(total1, hn::Load(d, segments + s * step + vl));
      }
      total0 = hn::Reverse2(d, total0);
      total1 = hn::Reverse2(d, total1);
    }
    hn::Store(total0, d, totals);
    hn::Store(total1, d, totals + vl);
  }
}

// The number of rows of the kernel whose sums fit into the registers.
constexpr int kernel_rows(int kernel, int channels) {
  return kernel * kernel * channels < (HWY_MAX_BYTES == 32 ? 12 : 28) ? kernel : 1;
}

// make_source(pair) makes a source whose put(rows, panel, to) writes dy of these rows to
// [row][column], a vector each. The row before and the row after are scratch.
template <int K, int C, int S, class MakeSource>
HWY_INLINE void weight_gradient_thin(const Conv2d& op, const WeightGradient<float>& pass,
                                     const MakeSource& make_source) {
  constexpr int kRows = kernel_rows(K, C), kRowTaps = K * C;
  const Index taps = K * K * C, vl = lanes(Full());
  const Index step = 2 * op.in.channels * S, size = (taps + 1) * vl;
  const Index line = input_border(op).around(op.in).width * C * S;
  const Index segments = gradient_segments(op), height = output_shape(op).height;
  const Index width = output_shape(op).width, segment_rows = kSegmentTerms / width;
  const ThinScratch scratch(op, pass.scratch);
  float* dy = scratch.dy + width * vl;
  // The segments of one sample are added at once; those of two samples wait until the first sample
  // is complete.
  const Index kept = S == 2 ? segments : 1;
  float* totals = scratch.sums + kept * size;
  for (Index b = 0; b < pass.samples; b += S) {
    const Pair pair = pair_from<S>(b, pass.samples);
    const float* x = input_of<S>(op, pass.x, pair, scratch.x);
    const auto source = make_source(pair);
    for (Index s = 0; s < segments; ++s) {
      const Range rows{s * segment_rows, std::min((s + 1) * segment_rows, height)};
      const float* at = x + rows.begin * line;
      float* sums = scratch.sums + s % kept * size;
      float* panel_totals = totals;
      for (Index f = 0; f < op.filters; f += vl / S, panel_totals += size) {
        const Panel panel = panel_from<S>(f, op.filters);
        source.put(rows, panel, dy);
        HWY_UNROLL(1)
        for (int ky = 0; ky < K - kRows; ky += kRows) {
          sum_segment<C, S, kRows, kRowTaps, false>(at + ky * line, line, step, dy, rows.size(),
                                                    width, sums + ky * kRowTaps * vl);
        }
        sum_segment<C, S, kRows, kRowTaps, true>(at + (K - kRows) * line, line, step, dy,
                                                 rows.size(), width,
                                                 sums + (K - kRows) * kRowTaps * vl);
        if constexpr (S == 1) {
          add_segments<S>(sums, 1, taps + 1, b + s == 0, false, panel_totals);
        }
      }
    }
    if constexpr (S == 2) {
      add_segments<S>(scratch.sums, segments, taps + 1, b == 0, pair.both, totals);
    }
  }
  for (Index f = 0; f < op.filters; f += vl / S, totals += size) {
    const Panel panel = panel_from<S>(f, op.filters);
    for (Index i = 0; i < taps + (op.bias ? 1 : 0); ++i) {
      store_first<S>(hn::Load(Full(), totals + i * vl), pass.gradient + i * op.filters + f,
                     panel.filters);
    }
  }
}

// Calls Function<K, C, S>::call(arguments...).
template <template <int, int, int> class Function, class... Arguments>
HWY_INLINE void with_thin(const Conv2d& op, Index samples, Arguments&&... arguments) {
  const bool pairs = samples > 1 && 2 * op.filters <= lanes(Full());
  const bool three = op.kernel.height == 3, one = op.in.channels == 1;
  if (three && one) {
    pairs ? Function<3, 1, 2>::call(op, arguments...) : Function<3, 1, 1>::call(op, arguments...);
  } else if (three) {
    pairs ? Function<3, 3, 2>::call(op, arguments...) : Function<3, 3, 1>::call(op, arguments...);
  } else if (one) {
    pairs ? Function<5, 1, 2>::call(op, arguments...) : Function<5, 1, 1>::call(op, arguments...);
  } else {
    pairs ? Function<5, 3, 2>::call(op, arguments...) : Function<5, 3, 1>::call(op, arguments...);
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
