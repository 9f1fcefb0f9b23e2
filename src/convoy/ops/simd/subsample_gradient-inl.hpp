// SPDX-License-Identifier: Apache-2.0
// subsample.hpp's input gradient: vectors over channels, or, where windows lie side by side and
// channels are few, over whole rows of a window.
#if defined(CONVOY_OPS_SIMD_SUBSAMPLE_GRADIENT_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_SUBSAMPLE_GRADIENT_INL_HPP
#undef CONVOY_OPS_SIMD_SUBSAMPLE_GRADIENT_INL_HPP
#else
#define CONVOY_OPS_SIMD_SUBSAMPLE_GRADIENT_INL_HPP
#endif

#include "convoy/ops/pass.hpp"
#include "convoy/ops/phase.hpp"
#include "convoy/ops/segments.hpp"
#include "convoy/ops/simd/conv2d-inl.hpp"
#include "convoy/ops/simd/elementwise-inl.hpp"
#include "convoy/ops/subsample.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// The weight of a tap for the channels of `mask`, from `w` on: one number for all, or one each.
template <class D>
HWY_INLINE hn::Vec<D> tap_weight(D d, const Subsample& op, const float* w, Index c,
                                 hn::Mask<D> mask) {
  return op.shared ? hn::Set(d, *w) : hn::MaskedLoad(mask, d, w + c);
}

// The gradient of one input pixel, the channels of one vector.
template <class D>
HWY_INLINE hn::Vec<D> subsample_gradient(D d, const Subsample& op, const float* weights,
                                         const float* dy, Index iy, Index ix, const Phase& py,
                                         const Phase& px, Index c, hn::Mask<D> mask) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels, columns = op.shared ? 1 : C;
  auto total = hn::Zero(d);
  bool first = true;
  for (const Segment s : Segments(py.taps, px.taps)) {
    auto sum = hn::Zero(d);
    for (Index j = s.rows.begin; j < s.rows.end; ++j) {
      const Index ky = py.tap(j, op.stride.height), oy = (iy - ky) / op.stride.height;
      if (iy < ky || oy >= out.height) continue;
      for (Index i = s.terms.begin; i < s.terms.end; ++i) {
        const Index kx = px.tap(i, op.stride.width), ox = (ix - kx) / op.stride.width;
        if (ix < kx || ox >= out.width) continue;
        const float* tap = weights + (ky * op.kernel.width + kx) * columns;
        sum = hn::MulAdd(hn::MaskedLoad(mask, d, dy + (oy * out.width + ox) * C + c),
                         tap_weight(d, op, tap, c, mask), sum);
      }
    }
    total = first ? sum : hn::Add(total, sum);
    first = false;
  }
  return total;
}

// A row of dx where the windows lie side by side, that of the weights' row ky: each pixel has one
// tap.
template <class D>
HWY_INLINE void gradient_of_tiled_row(D d, const Subsample& op, const float* parameters, Index ky,
                                      const float* dy, float* dx) {
  const Index C = op.in.channels, columns = op.shared ? 1 : C, width = op.kernel.width;
  const Index windows = output_shape(op).width;
  const float* weights = parameters + ky * width * columns;
  for (Index ox = 0; ox < windows; ++ox, dx += width * C, dy += C) {
    for (Index c = 0; c < C; c += lanes(d)) {
      const auto mask = first_lanes(d, C - c);
      const auto g = hn::MaskedLoad(mask, d, dy + c);
      for (Index kx = 0; kx < width; ++kx) {
        const auto w = tap_weight(d, op, weights + kx * columns, c, mask);
        store_lanes(hn::MulAdd(g, w, hn::Zero(d)), mask, d, dx + kx * C + c);
      }
    }
  }
}

// Rows of windows that lie side by side, of few channels: a row of a window is contiguous in dx and
// written by whole vectors, for which a pixel's gradient and a shared kernel's weights are
// repeated.
class TiledRows {
 public:
  static bool takes(const Subsample& op) {
    return op.in.channels <= lanes(Full()) && op.kernel.width <= lanes(Full());
  }

  explicit TiledRows(const Subsample& op)
      : op_(op), length_(op.kernel.width * op.in.channels), windows_(output_shape(op).width) {
    const Index elements = takes(op) ? std::max(length_, lanes(Full())) : 0;
    std::int32_t channel = 0, tap = 0;
    for (Index i = 0; i < elements; ++i) {
      channel_[i] = channel;
      tap_[i] = i < length_ ? tap : 0;
      if (++channel == op.in.channels) channel = 0, ++tap;
    }
  }

  // kRows rows of dx, those of weight rows ky, ky + 1, ... of one row of windows.
  template <int kRows>
  HWY_INLINE void gradient(const float* parameters, Index ky, const float* dy, float* dx) const {
    const Index vl = lanes(Full());
    if (length_ < vl) {
      return columns<kRows>(parameters, ky, dy, dx, 0, SomeLanes{first_lanes(Full(), length_)});
    }
    // The last ones may be computed twice.
    for (Index i = 0; i < length_; i += vl) {
      columns<kRows>(parameters, ky, dy, dx, std::min(i, length_ - vl), AllLanes{});
    }
  }

 private:
  static constexpr Index kMost = kMostLanes * kMostLanes;  // floats of a window's row

  // The vector that begins with element `begin` of each window's row.
  template <int kRows, class Access>
  HWY_INLINE void columns(const float* parameters, Index ky, const float* dy, float* dx,
                          Index begin, const Access& access) const {
    const Full d;
    const Index C = op_.in.channels, line = op_.in.width * C;
    Register<Full> w[kRows];
    for (int r = 0; r < kRows; ++r) {
      if (op_.shared) {
        const float* row = parameters + (ky + r) * op_.kernel.width;
        const auto all = hn::MaskedLoad(first_lanes(d, op_.kernel.width), d, row);
        w[r] = hn::TableLookupLanes(all, hn::SetTableIndices(d, tap_ + begin));
      } else {
        w[r] = access.load(parameters + (ky + r) * length_ + begin);
      }
    }
    const auto channels = first_lanes(d, C);
    const auto index = hn::SetTableIndices(d, channel_ + begin);
    dx += begin;
    for (Index ox = 0; ox < windows_; ++ox, dy += C, dx += length_) {
      const auto g = hn::TableLookupLanes(hn::MaskedLoad(channels, d, dy), index);
      for (int r = 0; r < kRows; ++r) access.store(hn::MulAdd(g, w[r], hn::Zero(d)), dx + r * line);
    }
  }

  const Subsample& op_;
  const Index length_;   // of a window's row
  const Index windows_;  // in a row
  // Of each element: its channel, and its tap.
  std::int32_t channel_[kMost];
  std::int32_t tap_[kMost];
};

// Whole rows of dx where the windows lie side by side. What no window covers: +0.
template <class D>
HWY_INLINE void gradient_of_tiled_rows(D d, const Subsample& op, const InputGradient<float>& pass,
                                       Index b, Range rows, const TiledRows& few_channels) {
  constexpr int kRows = 4;
  const Shape out = output_shape(op);
  const Index C = op.in.channels, height = op.kernel.height, line = op.in.width * C;
  const Index covered_rows = std::min(rows.end, out.height * height);
  const Index covered = out.width * op.kernel.width * C;
  float* dx = pass.dx + (b * op.in.height + rows.begin) * line;
  Index oy = rows.begin / height, ky = rows.begin % height;
  for (Index iy = rows.begin; iy < covered_rows;) {
    const float* dy = pass.dy + (b * out.height + oy) * out.width * C;
    Index done = 1;
    if (!TiledRows::takes(op)) {
      gradient_of_tiled_row(d, op, pass.parameters, ky, dy, dx);
    } else if (ky + kRows <= height && iy + kRows <= covered_rows) {
      few_channels.gradient<kRows>(pass.parameters, ky, dy, dx);
      done = kRows;
    } else {
      few_channels.gradient<1>(pass.parameters, ky, dy, dx);
    }
    iy += done;
    ky += done;
    if (ky == height) ky = 0, ++oy;
    for (; done > 0; --done, dx += line) std::fill(dx + covered, dx + line, 0.0F);
  }
  std::fill_n(dx, std::max<Index>(0, rows.end - std::max(rows.begin, covered_rows)) * line, 0.0F);
}

template <class D>
struct SubsampleInputGradient {
  static HWY_INLINE void call(const Subsample& op, const InputGradient<float>& pass, Range units) {
    const D d;
    const Index C = op.in.channels, out_size = output_shape(op).size();
    const bool tiled = op.stride == op.kernel;
    const TiledRows few_channels(op);
    for_each_rectangle(units, op.in.height, op.in.width, [&](Index b, const Rectangle& r) HWY_ATTR {
      if (tiled && r.columns.size() == op.in.width) {
        return gradient_of_tiled_rows(d, op, pass, b, r.rows, few_channels);
      }
      for (Index iy = r.rows.begin; iy < r.rows.end; ++iy) {
        const Phase py = phase_of(iy, 0, op.kernel.height, op.stride.height);
        for (Index ix = r.columns.begin; ix < r.columns.end; ++ix) {
          const Phase px = phase_of(ix, 0, op.kernel.width, op.stride.width);
          float* dx = pass.dx + ((b * op.in.height + iy) * op.in.width + ix) * C;
          for (Index c = 0; c < C; c += lanes(d)) {
            const auto mask = first_lanes(d, C - c);
            auto gradient = hn::Zero(d);
            if (py.taps > 0 && px.taps > 0) {
              gradient = subsample_gradient(d, op, pass.parameters, pass.dy + b * out_size, iy, ix,
                                            py, px, c, mask);
            }
            store_lanes(gradient, mask, d, dx + c);
          }
        }
      }
    });
  }
};

inline void input_gradient(const Subsample& op, const InputGradient<float>& pass, Range units) {
  with_lanes_for<SubsampleInputGradient>(op.in.channels, op, pass, units);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
