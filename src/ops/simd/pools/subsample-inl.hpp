// SPDX-License-Identifier: Apache-2.0
// subsample.hpp with vectors over channels: the vector form of reference/subsample.hpp. Where
// windows lie side by side and channels are few, the input gradient computes whole rows of windows.
#if defined(CONVOY_OPS_SIMD_POOLS_SUBSAMPLE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_POOLS_SUBSAMPLE_INL_HPP
#undef CONVOY_OPS_SIMD_POOLS_SUBSAMPLE_INL_HPP
#else
#define CONVOY_OPS_SIMD_POOLS_SUBSAMPLE_INL_HPP
#endif

#include "ops/pass.hpp"
#include "ops/phase.hpp"
#include "ops/segments.hpp"
#include "ops/simd/convolutions/conv2d-inl.hpp"
#include "ops/simd/elementwise/elementwise-inl.hpp"
#include "ops/subsample.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// The weight of a tap for the channels of `mask`, from `w` on: one number for all channels, or one
// for each.
template <class D>
HWY_INLINE hn::Vec<D> tap_weight(D d, const Subsample& op, const float* w, Index c,
                                 hn::Mask<D> mask) {
  return op.shared ? hn::Set(d, *w) : hn::MaskedLoad(mask, d, w + c);
}

// Computes the gradient of one input pixel, for the channels of one vector.
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

// Computes a row of dx where the windows lie side by side, with row ky of the weights: each pixel
// has one tap.
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

// Rows of windows that lie side by side, with few channels. A row of a window is contiguous in dx
// and is written in whole vectors. For them a pixel's gradient and a shared kernel's weights are
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

  // Computes kRows rows of dx, for weight rows ky, ky + 1, ... of one row of windows.
  template <int kRows>
  HWY_INLINE void gradient(const float* parameters, Index ky, const float* dy, float* dx) const {
    const Index vl = lanes(Full());
    if (length_ < vl) {
      return columns<kRows>(parameters, ky, dy, dx, 0, SomeLanes{first_lanes(Full(), length_)});
    }
    // The last elements may be computed twice.
    for (Index i = 0; i < length_; i += vl) {
      columns<kRows>(parameters, ky, dy, dx, std::min(i, length_ - vl), AllLanes{});
    }
  }

 private:
  static constexpr Index kMost = kMostLanes * kMostLanes;  // the most floats of a window's row

  // Computes the vector that begins with element `begin` of each window's row.
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
  const Index length_;   // of a window's row, in floats
  const Index windows_;  // windows in a row
  // The channel and the tap of each element.
  std::int32_t channel_[kMost];
  std::int32_t tap_[kMost];
};

// Computes whole rows of dx where the windows lie side by side. Pixels that no window covers are
// +0.
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

// Loads the channels of a vector. Unmasked, it loads a whole vector, where the memory after the
// channels may be read too (those lanes are not used).
template <bool kMasked, class D>
HWY_INLINE hn::Vec<D> load_channels(D d, hn::Mask<D> mask, const float* from) {
  if constexpr (kMasked) {
    return hn::MaskedLoad(mask, d, from);
  } else {
    return hn::LoadU(d, from);
  }
}

// Computes kPixels output pixels, one after the other in y, for the channels of one vector. Their
// chains are independent. `x` holds where each window begins.
template <int kPixels, bool kMasked, class D>
HWY_INLINE void subsample_pixels(D d, const Subsample& op, const Segments& segments,
                                 const float* parameters, const float* const* x, Index c,
                                 float* y) {
  const Index C = op.in.channels, columns = op.shared ? 1 : C, line = op.in.width * C;
  const auto mask = first_lanes(d, C - c);
  Register<D> total[kPixels];
  for (int i = 0; i < kPixels; ++i) total[i] = hn::Zero(d);
  bool first = true;
  for (const Segment s : segments) {
    Register<D> sum[kPixels];
    for (int i = 0; i < kPixels; ++i) sum[i] = hn::Zero(d);
    for (Index ky = s.rows.begin; ky < s.rows.end; ++ky) {
      for (Index kx = s.terms.begin; kx < s.terms.end; ++kx) {
        const float* tap = parameters + (ky * op.kernel.width + kx) * columns;
        const auto w = tap_weight(d, op, tap, c, mask);
        const Index at = ky * line + kx * C + c;
        for (int i = 0; i < kPixels; ++i) {
          sum[i] = hn::MulAdd(load_channels<kMasked>(d, mask, x[i] + at), w, sum[i]);
        }
      }
    }
    for (int i = 0; i < kPixels; ++i) {
      const hn::Vec<D> value = sum[i];
      total[i] = first ? value : hn::Add(total[i], value);
    }
    first = false;
  }
  for (int i = 0; i < kPixels; ++i) {
    if (op.bias) {
      const float* bias = parameters + op.kernel.area() * columns;
      total[i] = hn::Add(total[i], tap_weight(d, op, bias, c, mask));
    }
    store_lanes(total[i], mask, d, y + i * C + c);
  }
}

// Where in x the windows of consecutive output pixels begin. (It counts, since a division takes as
// long as dozens of multiply-adds.)
class Windows {
 public:
  Windows(const Subsample& op, const float* x, Index unit)
      : out_(output_shape(op)),
        step_(op.stride.width * op.in.channels),
        row_(op.stride.height * op.in.width * op.in.channels),
        sample_(op.in.size()),
        ox_(unit % out_.width),
        oy_(unit / out_.width % out_.height),
        x_(x + unit / (out_.height * out_.width) * sample_),
        at_(x_ + oy_ * row_ + ox_ * step_) {}

  const float* next() {
    if (ox_ == out_.width) {
      ox_ = 0;
      if (++oy_ == out_.height) {
        oy_ = 0;
        x_ += sample_;
      }
      at_ = x_ + oy_ * row_;
    }
    const float* window = at_;
    ++ox_;
    at_ += step_;
    return window;
  }

 private:
  const Shape out_;
  const Index step_, row_, sample_;  // from window to window, row to row, sample to sample
  Index ox_, oy_;
  const float* x_;
  const float* at_;
};

template <class D>
struct SubsampleForward {
  // Computes kPixels output pixels from `unit` on.
  template <int kPixels>
  static HWY_INLINE void call(const Subsample& op, const Forward<float>& pass,
                              const Segments& segments, const float* const* windows, Index unit) {
    const D d;
    const Index C = op.in.channels;
    const Index last_tap = (op.kernel.height - 1) * op.in.width + op.kernel.width - 1;
    const float* last = windows[kPixels - 1] + last_tap * C;
    const Index left = pass.x + pass.samples * op.in.size() - last;
    float* y = pass.y + unit * C;
    for (Index c = 0; c < C; c += lanes(d)) {
      if (c + lanes(d) <= left) {
        subsample_pixels<kPixels, false>(d, op, segments, pass.parameters, windows, c, y);
      } else {
        subsample_pixels<kPixels, true>(d, op, segments, pass.parameters, windows, c, y);
      }
    }
  }

  static HWY_INLINE void call(const Subsample& op, const Forward<float>& pass, Range units) {
    constexpr int kPixels = 8;
    const Segments segments(op.kernel.height, op.kernel.width);
    Windows all(op, pass.x, units.begin);
    const float* windows[kPixels];
    Index unit = units.begin;
    for (; unit + kPixels <= units.end; unit += kPixels) {
      for (int i = 0; i < kPixels; ++i) windows[i] = all.next();
      call<kPixels>(op, pass, segments, windows, unit);
    }
    const Index rest = units.end - unit;
    if (rest == 0) return;
    if (units.size() >= kPixels) {
      // The pixels before them are computed a second time.
      std::copy(windows + rest, windows + kPixels, windows);
      for (Index i = kPixels - rest; i < kPixels; ++i) windows[i] = all.next();
      return call<kPixels>(op, pass, segments, windows, units.end - kPixels);
    }
    for (; unit < units.end; ++unit) {
      windows[0] = all.next();
      call<1>(op, pass, segments, windows, unit);
    }
  }
};

inline void forward(const Subsample& op, const Forward<float>& pass, Range units) {
  with_lanes_for<SubsampleForward>(op.in.channels, op, pass, units);
}

// total = first value, then +=: adds the segments' values in order.
HWY_INLINE void add_segment(float* total, float value, bool first) {
  *total = first ? value : *total + value;
}

// Computes one segment of one sample, for kTaps weight rows (`x` holds where each starts) and, with
// kBias, for the row of the bias after them, whose x is 1; for the channels of one vector. Adds its
// values to `gradient`; a shared row is added lane by lane.
template <int kTaps, bool kBias, class D>
HWY_INLINE void subsample_segment(D d, const Subsample& op, const Segment& s, const float* const* x,
                                  const float* dy, Index c, bool first, float* gradient) {
  constexpr int kRows = kTaps + (kBias ? 1 : 0);
  const Shape out = output_shape(op);
  const Index C = op.in.channels, line = op.stride.height * op.in.width * C;
  const auto mask = first_lanes(d, C - c);
  Register<D> sum[kRows];
  for (int i = 0; i < kRows; ++i) sum[i] = hn::Zero(d);
  const auto add_pixel = [&](auto masked, Index oy, Index ox) HWY_ATTR {
    const auto g = load_channels<masked()>(d, mask, dy + (oy * out.width + ox) * C + c);
    const Index at = oy * line + ox * op.stride.width * C + c;
    for (int i = 0; i < kTaps; ++i) {
      sum[i] = hn::MulAdd(load_channels<masked()>(d, mask, x[i] + at), g, sum[i]);
    }
    if (kBias) sum[kTaps] = hn::Add(g, sum[kTaps]);
  };
  // At the last pixels of a row, a whole vector would exceed the row.
  Index inner = s.terms.end;
  while (inner > s.terms.begin && (out.width - inner + 1) * C < c + lanes(d)) --inner;
  for (Index oy = s.rows.begin; oy < s.rows.end; ++oy) {
    for (Index ox = s.terms.begin; ox < inner; ++ox) add_pixel(std::false_type(), oy, ox);
    for (Index ox = inner; ox < s.terms.end; ++ox) add_pixel(std::true_type(), oy, ox);
  }
  if (op.shared) {
    HWY_ALIGN float values[kRows][HWY_MAX_BYTES / sizeof(float)];
    for (int i = 0; i < kRows; ++i) hn::Store(sum[i], d, values[i]);
    const Index count = std::min(lanes(d), C - c);
    for (Index lane = 0; lane < count; ++lane) {
      for (int i = 0; i < kRows; ++i) {
        add_segment(gradient + i, values[i][lane], first && c == 0 && lane == 0);
      }
    }
  } else {
    for (int i = 0; i < kRows; ++i) {
      float* total = gradient + i * C + c;
      const hn::Vec<D> value = sum[i];
      store_lanes(first ? value : hn::Add(hn::MaskedLoad(mask, d, total), value), mask, d, total);
    }
  }
}

// Computes kTaps weight rows from `unit` on and, with kBias, the row of the bias after them.
template <int kTaps, bool kBias, class D>
HWY_INLINE void subsample_taps(D d, const Subsample& op, const WeightGradient<float>& pass,
                               Index unit) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels, columns = op.shared ? 1 : C;
  const Segments segments(out.height, out.width);
  const float* x[kTaps + 1];
  Index ky = unit / op.kernel.width, kx = unit % op.kernel.width;
  for (int i = 0; i < kTaps; ++i) {
    x[i] = pass.x + (ky * op.in.width + kx) * C;
    if (++kx == op.kernel.width) kx = 0, ++ky;
  }
  bool first = true;
  for (Index b = 0; b < pass.samples; ++b) {
    for (const Segment s : segments) {
      for (Index c = 0; c < C; c += lanes(d)) {
        subsample_segment<kTaps, kBias>(d, op, s, x, pass.dy + b * out.size(), c, first,
                                        pass.gradient + unit * columns);
      }
      first = false;
    }
    for (int i = 0; i < kTaps; ++i) x[i] += op.in.size();
  }
}

template <class D>
struct SubsampleWeightGradient {
  static HWY_INLINE void call(const Subsample& op, const WeightGradient<float>& pass, Range units) {
    const D d;
    constexpr int kTaps = 8;  // chains side by side
    const Range taps{units.begin, std::min(units.end, op.kernel.area())};
    bool bias = units.end > op.kernel.area();  // the bias row is still to do
    Index unit = taps.begin;
    for (; unit + kTaps <= taps.end; unit += kTaps) {
      if (bias && unit + kTaps == taps.end) {
        subsample_taps<kTaps, true>(d, op, pass, unit);
        bias = false;
      } else {
        subsample_taps<kTaps, false>(d, op, pass, unit);
      }
    }
    for (; unit < taps.end; ++unit) subsample_taps<1, false>(d, op, pass, unit);
    if (bias) subsample_taps<0, true>(d, op, pass, op.kernel.area());
  }
};

inline void weight_gradient(const Subsample& op, const WeightGradient<float>& pass, Range units) {
  with_lanes_for<SubsampleWeightGradient>(op.in.channels, op, pass, units);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
