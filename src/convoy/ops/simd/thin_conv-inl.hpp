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

// The samples of a vector (the same one twice where there is no second), and some of the filters.
struct Panel {
  Index sample[2];
  bool both;      // two samples
  Index first;    // filter
  Index filters;  // at most lanes / S
};

// Scratch of a pass; see thin_scratch_size().
struct ThinScratch {
  ThinScratch(const Conv2d& op, float* scratch)
      : x(scratch),
        sums(x + align_floats(kSideBySide * input_border(op).around(op.in).size())),
        dy(sums +
           (gradient_segments(op) + 1) * (op.kernel.area() * op.in.channels + 1) * kMostLanes) {}
  float* x;
  float* sums;  // or weights
  float* dy;
};

// Calls work(panel, x) for all panels of all samples, x with its border.
template <int S, class Work>
HWY_INLINE void for_each_panel(const Conv2d& op, Index samples, const float* x, float* scratch,
                               const Work& work) {
  const Index width = lanes(Full()) / S, size = op.in.size();
  for (Index b = 0; b < samples; b += S) {
    const bool both = S == 2 && b + 1 < samples;
    const Index other = both ? b + 1 : b;
    const float* bordered =
        side_by_side<S>(x + b * size, x + other * size, op.in, input_border(op), scratch);
    for (Index f = 0; f < op.filters; f += width) {
      work(Panel{{b, other}, both, f, std::min(width, op.filters - f)}, bordered);
    }
  }
}

// 2x2 outputs whose first input is *x: chains over (ky, kx, c).
template <int K, int C, int S>
HWY_INLINE void window(const float* x, Index line, const float* HWY_RESTRICT weights,
                       Register<Full> (&sum)[2][2]) {
  const Full d;
  const Index vl = lanes(d);
  HWY_UNROLL(2)
  for (int i = 0; i < 2; ++i) {
    HWY_UNROLL(2)
    for (int j = 0; j < 2; ++j) sum[i][j] = hn::Zero(d);
  }
  HWY_UNROLL(6)
  for (int row = 0; row <= K; ++row) {
    HWY_UNROLL(18)
    for (int column = 0; column < (K + 1) * C; ++column) {
      const Vector value = broadcast<S>(x + row * line + column * S);
      HWY_UNROLL(2)
      for (int i = 0; i < 2; ++i) {
        const int ky = row - i;
        if (ky < 0 || ky >= K) continue;
        HWY_UNROLL(2)
        for (int j = 0; j < 2; ++j) {
          const int tap = column - j * C;
          if (tap < 0 || tap >= K * C) continue;
          sum[i][j] = hn::MulAdd(value, hn::Load(d, weights + (ky * K * C + tap) * vl), sum[i][j]);
        }
      }
    }
  }
}

// All outputs of a panel; where a side is odd the last windows overlap those before, unless a pool
// leaves these outputs out.
template <int K, int C, int S, class Sink>
HWY_INLINE void forward_panel(const float* x, Index line, const Shape& out, const float* weights,
                              Vector bias, bool covers_odd, Sink& sink) {
  const Index rows = covers_odd ? out.height : out.height / 2 * 2;
  const auto run = [&](const float* at) HWY_ATTR {
    Register<Full> sum[2][2];
    window<K, C, S>(at, line, weights, sum);
    sink.put(hn::Add(sum[0][0], bias), hn::Add(sum[0][1], bias), hn::Add(sum[1][0], bias),
             hn::Add(sum[1][1], bias));
  };
  for (Index row = 0; row < rows; row += 2) {
    const Index oy = std::min(row, out.height - 2);
    const float* at = x + oy * line;
    sink.begin(oy, 0);
    for (Index ox = 0; ox + 2 <= out.width; ox += 2, at += 2 * C * S) run(at);
    if (covers_odd && out.width % 2 != 0) {
      sink.begin(oy, out.width - 2);
      run(at - C * S);
    }
  }
}

// make_sink(panel): begin(oy, ox), then put(v00, v01, v10, v11) of windows side by side.
template <int K, int C, int S, class MakeSink>
HWY_INLINE void forward_thin(const Conv2d& op, const Forward<float>& pass, bool covers_odd,
                             const MakeSink& make_sink) {
  const Index taps = K * K * C, line = input_border(op).around(op.in).width * C * S;
  const ThinScratch scratch(op, pass.scratch);
  const float* bias = pass.parameters + taps * op.filters;
  for_each_panel<S>(
      op, pass.samples, pass.x, scratch.x, [&](const Panel& p, const float* x) HWY_ATTR {
        if (p.sample[0] == 0 || op.filters > p.filters) {
          for (Index tap = 0; tap < taps; ++tap) {
            const float* w = pass.parameters + tap * op.filters + p.first;
            hn::Store(load_filters<S>(w, w, p.filters), Full(), scratch.sums + tap * lanes(Full()));
          }
        }
        Vector b = hn::Set(Full(), -0.0F);  // which changes no sum, not even -0
        if (op.bias) b = load_filters<S>(bias + p.first, bias + p.first, p.filters);
        auto sink = make_sink(p);
        forward_panel<K, C, S>(x, line, output_shape(op), scratch.sums, b, covers_odd, sink);
      });
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

// The chains of a segment, the outputs of `rows`, for kRows rows of the kernel: one vector a tap,
// and one for the bias, to `sums`.
template <int C, int S, int kRows, int kRowTaps, bool kBias, class Source>
HWY_INLINE void sum_segment(const float* x, Index line, Range rows, Index width, Source& source,
                            float* sums) {
  const Full d;
  Register<Full> sum[kRows * kRowTaps + 1];
  HWY_UNROLL(28)
  for (int i = 0; i <= kRows * kRowTaps; ++i) sum[i] = hn::Zero(d);
  for (Index oy = rows.begin; oy < rows.end; ++oy) {
    source.begin_row(oy);
    const float* at = x + oy * line;
    Index ox = 0;
    for (; ox + 2 <= width; ox += 2, at += 2 * C * S) {
      add_terms<C, S, kRows, kRowTaps, 2, kBias>(at, line, source.at(ox), source.at(ox + 1), sum);
    }
    if (ox < width) {
      add_terms<C, S, kRows, kRowTaps, 1, kBias>(at, line, source.at(ox), hn::Zero(d), sum);
    }
  }
  HWY_UNROLL(28)
  for (int i = 0; i < kRows * kRowTaps + (kBias ? 1 : 0); ++i) {
    hn::Store(sum[i], d, sums + i * lanes(d));
  }
}

// totals += the segments of the first sample, then those of the second; of the first sample of all
// the first segment begins the total. [segments][vectors], [vectors]; in totals the lanes of the
// first sample count.
template <int S>
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

// Rows of the kernel whose sums fit into the registers.
constexpr int kernel_rows(int kernel, int channels) {
  return kernel * kernel * channels < (HWY_MAX_BYTES == 32 ? 12 : 28) ? kernel : 1;
}

// make_source(panel): begin_row(oy), then at(ox): dy there.
template <int K, int C, int S, class MakeSource>
HWY_INLINE void weight_gradient_thin(const Conv2d& op, const WeightGradient<float>& pass,
                                     const MakeSource& make_source) {
  constexpr int kRows = kernel_rows(K, C), kRowTaps = K * C;
  const Index taps = K * K * C, vl = lanes(Full()), line = input_border(op).around(op.in).width;
  const Index segments = gradient_segments(op), height = output_shape(op).height;
  const Index width = output_shape(op).width, segment_rows = kSegmentTerms / width;
  const ThinScratch scratch(op, pass.scratch);
  // Several panels share the samples, so panels are outside.
  for (Index f = 0; f < op.filters; f += vl / S) {
    float* totals = scratch.sums + segments * (taps + 1) * vl;
    for_each_panel<S>(
        op, pass.samples, pass.x, scratch.x, [&](const Panel& p, const float* x) HWY_ATTR {
          if (p.first != f) return;
          auto source = make_source(p);
          for (Index s = 0; s < segments; ++s) {
            const Range rows{s * segment_rows, std::min((s + 1) * segment_rows, height)};
            float* sums = scratch.sums + s * (taps + 1) * vl;
            HWY_UNROLL(1)
            for (int ky = 0; ky < K; ky += kRows) {
              const float* at = x + ky * line * C * S;
              float* to = sums + ky * kRowTaps * vl;
              if (ky + kRows == K) {
                sum_segment<C, S, kRows, kRowTaps, true>(at, line * C * S, rows, width, source, to);
              } else {
                sum_segment<C, S, kRows, kRowTaps, false>(at, line * C * S, rows, width, source,
                                                          to);
              }
            }
          }
          add_segments<S>(scratch.sums, segments, taps + 1, p.sample[0] == 0, p.both, totals);
        });
    const Index filters = std::min(vl / S, op.filters - f);
    for (Index i = 0; i < taps + (op.bias ? 1 : 0); ++i) {
      store_first<S>(hn::Load(Full(), totals + i * vl), pass.gradient + i * op.filters + f,
                     filters);
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
