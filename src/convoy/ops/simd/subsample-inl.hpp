// SPDX-License-Identifier: Apache-2.0
// subsample.hpp, vectors over channels: the twin of reference/subsample.hpp.
#if defined(CONVOY_OPS_SIMD_SUBSAMPLE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_SUBSAMPLE_INL_HPP
#undef CONVOY_OPS_SIMD_SUBSAMPLE_INL_HPP
#else
#define CONVOY_OPS_SIMD_SUBSAMPLE_INL_HPP
#endif

#include "convoy/ops/pass.hpp"
#include "convoy/ops/phase.hpp"
#include "convoy/ops/segments.hpp"
#include "convoy/ops/simd/conv2d-inl.hpp"
#include "convoy/ops/subsample.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// The weight of a tap for the channels of `mask`, from `w` on: one number for all, or one each.
template <class D>
HWY_INLINE hn::Vec<D> tap_weight(D d, const Subsample& op, const float* w, Index c,
                                 hn::Mask<D> mask) {
  return op.shared ? hn::Set(d, *w) : hn::MaskedLoad(mask, d, w + c);
}

// kPixels output pixels of a row, the channels of one vector: independent chains, side by side.
template <int kPixels, class D>
HWY_INLINE void subsample_pixels(D d, const Subsample& op, const float* parameters, const float* x,
                                 Index c, float* y) {
  const Index C = op.in.channels, columns = op.shared ? 1 : C;
  const Index line = op.in.width * C, step = op.stride.width * C;
  const auto mask = first_lanes(d, C - c);
  Register<D> total[kPixels];
  for (int i = 0; i < kPixels; ++i) total[i] = hn::Zero(d);
  bool first = true;
  for (const Segment s : Segments(op.kernel.height, op.kernel.width)) {
    Register<D> sum[kPixels];
    for (int i = 0; i < kPixels; ++i) sum[i] = hn::Zero(d);
    for (Index ky = s.rows.begin; ky < s.rows.end; ++ky) {
      for (Index kx = s.terms.begin; kx < s.terms.end; ++kx) {
        const float* tap = parameters + (ky * op.kernel.width + kx) * columns;
        const auto w = tap_weight(d, op, tap, c, mask);
        const float* at = x + ky * line + kx * C + c;
        for (int i = 0; i < kPixels; ++i) {
          sum[i] = hn::MulAdd(hn::MaskedLoad(mask, d, at + i * step), w, sum[i]);
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

template <class D>
struct SubsampleForward {
  static HWY_INLINE void call(const Subsample& op, const Forward<float>& pass, Range units) {
    const D d;
    const Shape out = output_shape(op);
    const Index C = op.in.channels;
    for_each_rectangle(units, out.height, out.width, [&](Index b, const Rectangle& r) HWY_ATTR {
      for (Index oy = r.rows.begin; oy < r.rows.end; ++oy) {
        const float* row = pass.x + (b * op.in.height + oy * op.stride.height) * op.in.width * C;
        float* y = pass.y + (b * out.height + oy) * out.width * C;
        for (Index c = 0; c < C; c += lanes(d)) {
          Index ox = r.columns.begin;
          for (; ox + 4 <= r.columns.end; ox += 4) {
            subsample_pixels<4>(d, op, pass.parameters, row + ox * op.stride.width * C, c,
                                y + ox * C);
          }
          for (; ox < r.columns.end; ++ox) {
            subsample_pixels<1>(d, op, pass.parameters, row + ox * op.stride.width * C, c,
                                y + ox * C);
          }
        }
      }
    });
  }
};

inline void forward(const Subsample& op, const Forward<float>& pass, Range units) {
  with_lanes_for<SubsampleForward>(op.in.channels, op, pass, units);
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

// A whole row of dx where the windows lie side by side: each pixel has one tap.
template <class D>
HWY_INLINE void gradient_of_tiled_row(D d, const Subsample& op, const InputGradient<float>& pass,
                                      Index b, Index iy) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels, columns = op.shared ? 1 : C, width = op.kernel.width;
  const Index oy = iy / op.kernel.height, ky = iy % op.kernel.height;
  float* dx = pass.dx + (b * op.in.height + iy) * op.in.width * C;
  const Index covered = oy < out.height ? out.width * width : 0;
  std::fill_n(dx + covered * C, (op.in.width - covered) * C, 0.0F);
  const float* weights = pass.parameters + ky * width * columns;
  const float* dy = pass.dy + (b * out.height + oy) * out.width * C;
  for (Index x = 0; x < covered; x += width, dx += width * C, dy += C) {
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

template <class D>
struct SubsampleInputGradient {
  static HWY_INLINE void call(const Subsample& op, const InputGradient<float>& pass, Range units) {
    const D d;
    const Index C = op.in.channels, out_size = output_shape(op).size();
    const bool tiled = op.stride == op.kernel;
    for_each_rectangle(units, op.in.height, op.in.width, [&](Index b, const Rectangle& r) HWY_ATTR {
      for (Index iy = r.rows.begin; iy < r.rows.end; ++iy) {
        if (tiled && r.columns.size() == op.in.width) {
          gradient_of_tiled_row(d, op, pass, b, iy);
          continue;
        }
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

// total = first value, then += : the segments' values in order.
HWY_INLINE void add_segment(float* total, float value, bool first) {
  *total = first ? value : *total + value;
}

// One segment of one sample for kTaps weight rows (`x` holds where each starts; null: the bias,
// whose x is 1), the channels of one vector. Adds its values to `gradient`, a shared row lane by
// lane.
template <int kTaps, class D>
HWY_INLINE void subsample_segment(D d, const Subsample& op, const Segment& s, const float* const* x,
                                  const float* dy, Index c, bool first, float* gradient) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels, line = op.stride.height * op.in.width * C;
  const auto mask = first_lanes(d, C - c);
  Register<D> sum[kTaps];
  for (int i = 0; i < kTaps; ++i) sum[i] = hn::Zero(d);
  for (Index oy = s.rows.begin; oy < s.rows.end; ++oy) {
    for (Index ox = s.terms.begin; ox < s.terms.end; ++ox) {
      const auto g = hn::MaskedLoad(mask, d, dy + (oy * out.width + ox) * C + c);
      const Index at = oy * line + ox * op.stride.width * C + c;
      for (int i = 0; i < kTaps; ++i) {
        sum[i] =
            x[i] ? hn::MulAdd(hn::MaskedLoad(mask, d, x[i] + at), g, sum[i]) : hn::Add(g, sum[i]);
      }
    }
  }
  for (int i = 0; i < kTaps; ++i) {
    if (op.shared) {
      HWY_ALIGN float values[HWY_MAX_BYTES / sizeof(float)];
      hn::Store(sum[i], d, values);
      const Index count = std::min(lanes(d), C - c);
      for (Index lane = 0; lane < count; ++lane) {
        add_segment(gradient + i, values[lane], first && c == 0 && lane == 0);
      }
    } else {
      float* total = gradient + i * C + c;
      const hn::Vec<D> value = sum[i];
      store_lanes(first ? value : hn::Add(hn::MaskedLoad(mask, d, total), value), mask, d, total);
    }
  }
}

template <int kTaps, class D>
HWY_INLINE void subsample_taps(D d, const Subsample& op, const WeightGradient<float>& pass,
                               Index unit) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels, columns = op.shared ? 1 : C;
  bool first = true;
  for (Index b = 0; b < pass.samples; ++b) {
    const float* x[kTaps];
    for (int i = 0; i < kTaps; ++i) {
      const Index ky = (unit + i) / op.kernel.width, kx = (unit + i) % op.kernel.width;
      x[i] = unit + i == op.kernel.area() ? nullptr
                                          : pass.x + b * op.in.size() + (ky * op.in.width + kx) * C;
    }
    for (const Segment s : Segments(out.height, out.width)) {
      for (Index c = 0; c < C; c += lanes(d)) {
        subsample_segment<kTaps>(d, op, s, x, pass.dy + b * out.size(), c, first,
                                 pass.gradient + unit * columns);
      }
      first = false;
    }
  }
}

template <class D>
struct SubsampleWeightGradient {
  static HWY_INLINE void call(const Subsample& op, const WeightGradient<float>& pass, Range units) {
    Index unit = units.begin;
    for (; unit + 4 <= std::min(units.end, op.kernel.area()); unit += 4) {
      subsample_taps<4>(D(), op, pass, unit);
    }
    for (; unit < units.end; ++unit) subsample_taps<1>(D(), op, pass, unit);
  }
};

inline void weight_gradient(const Subsample& op, const WeightGradient<float>& pass, Range units) {
  with_lanes_for<SubsampleWeightGradient>(op.in.channels, op, pass, units);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
