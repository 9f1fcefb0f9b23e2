// SPDX-License-Identifier: Apache-2.0
// Convolutions of few channels (thin_conv.hpp), forward and weight gradient. Padding such a layer
// to whole vectors, or setting up a tile for so few terms, would cost more than its arithmetic.
//
// Legend: K kernel side, C input channels, F filters, S samples side by side.
//
// Where the filters fill half a vector or less, a vector holds those of two samples (S = 2), lane =
// filter * S + sample, and one 64-bit broadcast brings one input of both. x is copied once, with
// its border, to [row][column][channel][sample]. More filters than a vector has lanes are done in
// panels.
//
// Forward computes 2x2 outputs at a time, which share inputs and are what a 2x2 pool needs; a Sink
// says what becomes of them. The weight gradient keeps all its sums in registers and takes two
// columns at a time; a Source says what dy is. Orders of additions: conv2d.hpp.
#if defined(CONVOY_OPS_SIMD_THIN_CONV_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_THIN_CONV_INL_HPP
#undef CONVOY_OPS_SIMD_THIN_CONV_INL_HPP
#else
#define CONVOY_OPS_SIMD_THIN_CONV_INL_HPP
#endif

#include <cstring>

#include "convoy/ops/pass.hpp"
#include "convoy/ops/simd/side_by_side-inl.hpp"
#include "convoy/ops/thin_conv.hpp"

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
        sums(x + align_floats(kSideBySide * input_border(op).around(op.in).size())),
        dy(sums +
           (gradient_segments(op) + 1) * (op.kernel.area() * op.in.channels + 1) * kMostLanes) {}
  float* x;
  float* weights() const { return sums; }
  float* sums;
  float* dy;
};

// The pair that begins with sample b, and its x with a border.
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

// 2 rows of kColumns outputs, whose first input is *x: chains over (ky, kx, c), then the bias.
template <int K, int C, int S, int kColumns>
HWY_INLINE void outputs(const float* x, Index line, const float* HWY_RESTRICT weights, Vector bias,
                        Register<Full> (&sum)[2][kColumns]) {
  const Full d;
  HWY_UNROLL(2)
  for (int i = 0; i < 2; ++i) {
    HWY_UNROLL(4)
    for (int j = 0; j < kColumns; ++j) sum[i][j] = hn::Zero(d);
  }
  // A row of the kernel after the other for both rows of outputs: so all chains go on at all times.
  HWY_UNROLL(5)
  for (int ky = 0; ky < K; ++ky) {
    HWY_UNROLL(24)
    for (int column = 0; column < (K + kColumns - 1) * C; ++column) {
      HWY_UNROLL(2)
      for (int i = 0; i < 2; ++i) {
        const Vector value = broadcast<S>(x + (ky + i) * line + column * S);
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

// Two rows of a panel, `columns` wide; where that is odd the last outputs overlap those before.
template <int K, int C, int S, class Sink>
HWY_INLINE void forward_rows(const float* x, Index line, Index oy, Index columns,
                             const float* weights, Vector bias, const Panel& panel,
                             const Sink& sink) {
  Index ox = 0;
  for (; ox + 4 <= columns; ox += 4) {
    Register<Full> sum[2][4];
    outputs<K, C, S>(x + ox * C * S, line, weights, bias, sum);
    sink.put(oy, ox, panel, sum);
  }
  for (; ox < columns; ox += 2) {
    const Index left = std::min(ox, columns - 2);
    Register<Full> sum[2][2];
    outputs<K, C, S>(x + left * C * S, line, weights, bias, sum);
    sink.put(oy, left, panel, sum);
  }
}

// `out`: all outputs, or those in whole 2x2 windows. make_sink(pair): put(oy, ox, panel, v) takes
// 2x4 or 2x2 outputs, v[0][0] is that at (oy, ox).
template <int K, int C, int S, class MakeSink>
HWY_INLINE void forward_thin(const Conv2d& op, const Forward<float>& pass, const Shape& out,
                             const MakeSink& make_sink) {
  const Full d;
  const Index taps = K * K * C, line = input_border(op).around(op.in).width * C * S;
  const Index filters = op.filters, vl = lanes(d);
  const ThinScratch scratch(op, pass.scratch);
  // Of each panel the weights, then the bias: -0, which changes no sum, where there is none.
  float* to = scratch.weights();
  for (Index f = 0; f < filters; f += vl / S) {
    const float* from = pass.parameters + f;
    for (Index tap = 0; tap <= taps; ++tap, from += filters, to += vl) {
      const bool none = tap == taps && !op.bias;
      hn::Store(none ? hn::Set(d, -0.0F)
                     : load_filters<S>(from, from, panel_from<S>(f, filters).filters),
                d, to);
    }
  }
  for (Index b = 0; b < pass.samples; b += S) {
    const Pair pair = pair_from<S>(b, pass.samples);
    const float* x = input_of<S>(op, pass.x, pair, scratch.x);
    const auto sink = make_sink(pair);
    for (Index row = 0; row < out.height; row += 2) {
      const Index oy = std::min(row, out.height - 2);
      const float* weights = scratch.weights();
      for (Index f = 0; f < filters; f += vl / S, weights += (taps + 1) * vl) {
        forward_rows<K, C, S>(x + oy * line, line, oy, out.width, weights,
                              hn::Load(d, weights + taps * vl), panel_from<S>(f, filters), sink);
      }
    }
  }
}

// One term (kColumns == 1) or two of all sums; x: at the first one's first tap.
template <int C, int S, int kRows, int kRowTaps, int kColumns, bool kBias>
HWY_INLINE void add_terms(const float* x, Index line, Vector first, Vector second,
                          Register<Full> (&sum)[kRows * kRowTaps + 1]) {
  HWY_UNROLL(5)
  for (int ky = 0; ky < kRows; ++ky) {
    HWY_UNROLL(18)
    for (int column = 0; column < kRowTaps + (kColumns - 1) * C; ++column) {
      const Vector value = broadcast<S>(x + ky * line + column * S);
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

// The chains of a segment for kRows rows of the kernel: one vector a tap, and one for the bias, to
// `sums`. x: at the first output's first tap; dy: [rows][width], a vector each. `step` is 2 * C * S,
// which the compiler must not know: it would keep inputs for the next columns in registers, and a
// broadcast from there, unlike one from memory, takes a turn of the multipliers.
template <int C, int S, int kRows, int kRowTaps, bool kBias>
HWY_INLINE void sum_segment(const float* x, Index line, Index step, const float* dy, Index rows,
                            Index width, float* HWY_RESTRICT sums) {
  const Full d;
  const Index vl = lanes(d);
  Register<Full> sum[kRows * kRowTaps + 1];
  HWY_UNROLL(28)
  for (int i = 0; i <= kRows * kRowTaps; ++i) sum[i] = hn::Zero(d);
  for (Index row = 0; row < rows; ++row, x += line) {
    const float* at = x;
    for (Index pair = 0; pair < width / 2; ++pair, at += step, dy += 2 * vl) {
      add_terms<C, S, kRows, kRowTaps, 2, kBias>(at, line, hn::Load(d, dy), hn::Load(d, dy + vl),
                                                 sum);
    }
    if (width % 2 != 0) {
      add_terms<C, S, kRows, kRowTaps, 1, kBias>(at, line, hn::Load(d, dy), hn::Zero(d), sum);
      dy += vl;
    }
  }
  HWY_UNROLL(28)
  for (int i = 0; i < kRows * kRowTaps + (kBias ? 1 : 0); ++i) hn::Store(sum[i], d, sums + i * vl);
}

// Two samples: totals += the segments of the first, then those of the second; of the first sample of
// all the first segment begins the total. [segments][vectors], [vectors]; in totals the lanes of
// the first sample count.
HWY_INLINE void add_segments(const float* segments, Index count, Index vectors, bool begins,
                             bool both, float* totals) {
  const Full d;
  const Index vl = lanes(d), step = vectors * vl;
  for (Index i = 0; i < vectors; ++i) {
    const float* values = segments + i * vl;
    Vector total = hn::Load(d, values);
    if (!begins) total = hn::Add(hn::Load(d, totals + i * vl), total);
    for (Index s = 1; s < count; ++s) total = hn::Add(total, hn::Load(d, values + s * step));
    if (both) {
      total = hn::Reverse2(d, total);
      for (Index s = 0; s < count; ++s) total = hn::Add(total, hn::Load(d, values + s * step));
      total = hn::Reverse2(d, total);
    }
    hn::Store(total, d, totals + i * vl);
  }
}

// One sample: rows of the gradient, of a panel's filters, += a segment.
HWY_INLINE void add_segment(const float* sums, Index rows, bool begins, Index filters, Index line,
                            float* gradient) {
  const Full d;
  const auto mask = first_lanes(d, filters);
  for (Index i = 0; i < rows; ++i, gradient += line) {
    Vector total = hn::Load(d, sums + i * lanes(d));
    if (!begins) total = hn::Add(hn::MaskedLoad(mask, d, gradient), total);
    store_lanes(total, mask, d, gradient);
  }
}

// Rows of the kernel whose sums fit into the registers.
constexpr int kernel_rows(int kernel, int channels) {
  return kernel * kernel * channels < (HWY_MAX_BYTES == 32 ? 12 : 28) ? kernel : 1;
}

// make_source(pair): put(rows, panel, to) writes dy of these rows to [row][column], a vector each;
// the row before and the row after are scratch.
template <int K, int C, int S, class MakeSource>
HWY_INLINE void weight_gradient_thin(const Conv2d& op, const WeightGradient<float>& pass,
                                     const MakeSource& make_source) {
  constexpr int kRows = kernel_rows(K, C), kRowTaps = K * C;
  const Index taps = K * K * C, vl = lanes(Full());
  const Index gradient_rows = taps + (op.bias ? 1 : 0), step = 2 * op.in.channels * S;
  const Index line = input_border(op).around(op.in).width * C * S;
  const Index segments = gradient_segments(op), height = output_shape(op).height;
  const Index width = output_shape(op).width, segment_rows = kSegmentTerms / width;
  const ThinScratch scratch(op, pass.scratch);
  float* dy = scratch.dy + width * vl;
  float* totals = scratch.sums + segments * (taps + 1) * vl;
  for (Index b = 0; b < pass.samples; b += S) {
    const Pair pair = pair_from<S>(b, pass.samples);
    const float* x = input_of<S>(op, pass.x, pair, scratch.x);
    const auto source = make_source(pair);
    for (Index s = 0; s < segments; ++s) {
      const Range rows{s * segment_rows, std::min((s + 1) * segment_rows, height)};
      const float* at = x + rows.begin * line;
      float* sums = scratch.sums + (S == 2 ? s * (taps + 1) * vl : 0);
      for (Index f = 0; f < op.filters; f += vl / S) {
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
          add_segment(sums, gradient_rows, b + s == 0, panel.filters, op.filters,
                      pass.gradient + f);
        }
      }
    }
    if constexpr (S == 2) {
      add_segments(scratch.sums, segments, taps + 1, b == 0, pair.both, totals);
    }
  }
  if constexpr (S == 2) {
    for (Index i = 0; i < gradient_rows; ++i) {
      store_first(hn::Load(Full(), totals + i * vl), pass.gradient + i * op.filters, op.filters);
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
