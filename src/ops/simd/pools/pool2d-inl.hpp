// SPDX-License-Identifier: Apache-2.0
// pool2d.hpp with vectors over channels: the vector form of reference/pool2d.hpp.
#if defined(CONVOY_OPS_SIMD_POOLS_POOL2D_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_POOLS_POOL2D_INL_HPP
#undef CONVOY_OPS_SIMD_POOLS_POOL2D_INL_HPP
#else
#define CONVOY_OPS_SIMD_POOLS_POOL2D_INL_HPP
#endif

#include "ops/pass.hpp"
#include "ops/pool2d.hpp"
#include "ops/segments.hpp"
#include "ops/simd/convolutions/conv2d-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// The window of one output pixel, for the channels of `mask`. x and y point at the first of them,
// `x` at tap (0, 0); the taps [ys] x [xs] lie inside.
template <class D>
struct PoolWindow {
  Range ys, xs;
  Index line;  // floats from one row of x to the next
};

// kSide: the side of a square kernel whose taps all lie inside; 0: any window.
template <int kSide, class D>
HWY_INLINE void max_of_window(D d, const Pool2d& op, const PoolWindow<D>& window, const float* x,
                              hn::Mask<D> mask, float* y, Argmax* argmax) {
  const hn::RebindToSigned<D> di;
  const Index C = op.in.channels, width = kSide ? kSide : op.kernel.width;
  const Range ys = kSide ? Range{0, kSide} : window.ys, xs = kSide ? Range{0, kSide} : window.xs;
  auto best = hn::MaskedLoad(mask, d, x + ys.begin * window.line + xs.begin * C);
  auto winner = hn::Set(di, static_cast<Argmax>(ys.begin * width + xs.begin));
  for (Index ky = ys.begin; ky < ys.end; ++ky) {
    for (Index kx = xs.begin; kx < xs.end; ++kx) {
      const auto value = hn::MaskedLoad(mask, d, x + ky * window.line + kx * C);
      const auto better = hn::Gt(value, best);
      best = hn::IfThenElse(better, value, best);
      winner = hn::IfThenElse(hn::RebindMask(di, better),
                              hn::Set(di, static_cast<Argmax>(ky * width + kx)), winner);
    }
  }
  store_lanes(best, mask, d, y);
  store_lanes(winner, hn::RebindMask(di, mask), di, argmax);
}

template <class D>
HWY_INLINE void average_of_window(D d, const Pool2d& op, const PoolWindow<D>& window,
                                  const float* x, hn::Mask<D> mask, float scale, float* y) {
  auto total = hn::Zero(d);
  bool first = true;
  for (const Segment s : Segments(op.kernel.height, op.kernel.width)) {
    auto sum = hn::Zero(d);
    const Range ys{std::max(s.rows.begin, window.ys.begin), std::min(s.rows.end, window.ys.end)};
    const Range xs{std::max(s.terms.begin, window.xs.begin), std::min(s.terms.end, window.xs.end)};
    for (Index ky = ys.begin; ky < ys.end; ++ky) {
      for (Index kx = xs.begin; kx < xs.end; ++kx) {
        sum = hn::Add(hn::MaskedLoad(mask, d, x + ky * window.line + kx * op.in.channels), sum);
      }
    }
    total = first ? sum : hn::Add(total, sum);
    first = false;
  }
  store_lanes(hn::Mul(total, hn::Set(d, scale)), mask, d, y);
}

template <class D>
struct PoolForward {
  static HWY_INLINE void call(const Pool2d& op, const Forward<float>& pass, Range units) {
    const D d;
    const Shape out = output_shape(op);
    const Index C = op.in.channels, line = op.in.width * C;
    const float scale = 1.0F / static_cast<float>(op.kernel.area());
    for_each_rectangle(units, out.height, out.width, [&](Index b, const Rectangle& r) HWY_ATTR {
      for (Index oy = r.rows.begin; oy < r.rows.end; ++oy) {
        const Index top = oy * op.stride.height - op.padding.height;
        const Range ys{std::max<Index>(0, -top), std::min(op.kernel.height, op.in.height - top)};
        for (Index ox = r.columns.begin; ox < r.columns.end; ++ox) {
          const Index left = ox * op.stride.width - op.padding.width;
          const Range xs{std::max<Index>(0, -left), std::min(op.kernel.width, op.in.width - left)};
          const PoolWindow<D> window{ys, xs, line};
          const float* x = pass.x + b * op.in.size() + top * line + left * C;
          const Index at = ((b * out.height + oy) * out.width + ox) * C;
          for (Index c = 0; c < C; c += lanes(d)) {
            const auto mask = first_lanes(d, C - c);
            if (op.pooling == Pooling::max && ys.size() * xs.size() == 4 &&
                op.kernel == Extent{2, 2}) {
              max_of_window<2>(d, op, window, x + c, mask, pass.y + at + c, pass.argmax + at + c);
            } else if (op.pooling == Pooling::max) {
              max_of_window<0>(d, op, window, x + c, mask, pass.y + at + c, pass.argmax + at + c);
            } else {
              average_of_window(d, op, window, x + c, mask, scale, pass.y + at + c);
            }
          }
        }
      }
    });
  }
};

inline void forward(const Pool2d& op, const Forward<float>& pass, Range units) {
  with_lanes_for<PoolForward>(op.in.channels, op, pass, units);
}

// The windows that hold a position; the cursor moves to the next position without a division.
struct WindowCursor {
  Index kernel, stride, windows;
  Index position;
  Range range;

  void advance() {
    ++position;
    if (position == range.end * stride && range.end < windows) ++range.end;
    if (position == range.begin * stride + kernel) ++range.begin;
  }
};

// Computes a whole row of dx where the windows lie side by side: each is read once for its
// kernel.width pixels.
template <class D>
HWY_INLINE void gradient_of_tiled_row(D d, const Pool2d& op, const InputGradient<float>& pass,
                                      Index b, Index iy) {
  const hn::RebindToSigned<D> di;
  const Shape out = output_shape(op);
  const Index C = op.in.channels, width = op.kernel.width;
  const Index oy = iy / op.kernel.height, ky = iy % op.kernel.height;
  float* dx = pass.dx + (b * op.in.height + iy) * op.in.width * C;
  const Index covered = oy < out.height ? out.width * width : 0;
  std::fill_n(dx + covered * C, (op.in.width - covered) * C, 0.0F);
  if (covered == 0) return;
  const auto scale = hn::Set(d, 1.0F / static_cast<float>(op.kernel.area()));
  for (Index ox = 0; ox < out.width; ++ox, dx += width * C) {
    const Index at = ((b * out.height + oy) * out.width + ox) * C;
    for (Index c = 0; c < C; c += lanes(d)) {
      const auto mask = first_lanes(d, C - c);
      const auto dy = hn::MaskedLoad(mask, d, pass.dy + at + c);
      if (op.pooling == Pooling::average) {
        const auto share = hn::Add(hn::Zero(d), hn::Mul(dy, scale));
        for (Index kx = 0; kx < width; ++kx) store_lanes(share, mask, d, dx + kx * C + c);
        continue;
      }
      const auto argmax = hn::MaskedLoad(hn::RebindMask(di, mask), di, pass.argmax + at + c);
      const auto gradient = hn::Add(hn::Zero(d), dy);
      for (Index kx = 0; kx < width; ++kx) {
        const auto is_argmax = hn::Eq(argmax, hn::Set(di, static_cast<Argmax>(ky * width + kx)));
        store_lanes(hn::IfThenElseZero(hn::RebindMask(d, is_argmax), gradient), mask, d,
                    dx + kx * C + c);
      }
    }
  }
}

template <class D>
struct PoolInputGradient {
  static HWY_INLINE void call(const Pool2d& op, const InputGradient<float>& pass, Range units) {
    const D d;
    const hn::RebindToSigned<D> di;
    const Shape out = output_shape(op);
    const Index C = op.in.channels;
    const auto scale = hn::Set(d, 1.0F / static_cast<float>(op.kernel.area()));
    const bool tiled = op.stride == op.kernel && op.padding == Extent{0, 0};
    for_each_rectangle(units, op.in.height, op.in.width, [&](Index b, const Rectangle& r) HWY_ATTR {
      if (tiled && r.columns.size() == op.in.width) {
        for (Index iy = r.rows.begin; iy < r.rows.end; ++iy) {
          gradient_of_tiled_row(d, op, pass, b, iy);
        }
        return;
      }
      for (Index iy = r.rows.begin; iy < r.rows.end; ++iy) {
        const Index py = iy + op.padding.height;
        const Range ys = windows_at(py, op.kernel.height, op.stride.height, out.height);
        const Index first = r.columns.begin + op.padding.width;
        WindowCursor xs{op.kernel.width, op.stride.width, out.width, first,
                        windows_at(first, op.kernel.width, op.stride.width, out.width)};
        for (Index ix = r.columns.begin; ix < r.columns.end; ++ix, xs.advance()) {
          float* dx = pass.dx + ((b * op.in.height + iy) * op.in.width + ix) * C;
          for (Index c = 0; c < C; c += lanes(d)) {
            const auto mask = first_lanes(d, C - c);
            const auto mask_int = hn::RebindMask(di, mask);
            auto sum = hn::Zero(d);
            for (Index oy = ys.begin; oy < ys.end; ++oy) {
              for (Index ox = xs.range.begin; ox < xs.range.end; ++ox) {
                const Index at = ((b * out.height + oy) * out.width + ox) * C + c;
                const auto dy = hn::MaskedLoad(mask, d, pass.dy + at);
                if (op.pooling == Pooling::average) {
                  sum = hn::Add(sum, hn::Mul(dy, scale));
                  continue;
                }
                const Index tap = (py - oy * op.stride.height) * op.kernel.width + xs.position -
                                  ox * op.stride.width;
                const auto is_argmax = hn::Eq(hn::MaskedLoad(mask_int, di, pass.argmax + at),
                                              hn::Set(di, static_cast<Argmax>(tap)));
                sum = hn::IfThenElse(hn::RebindMask(d, is_argmax), hn::Add(sum, dy), sum);
              }
            }
            store_lanes(sum, mask, d, dx + c);
          }
        }
      }
    });
  }
};

inline void input_gradient(const Pool2d& op, const InputGradient<float>& pass, Range units) {
  with_lanes_for<PoolInputGradient>(op.in.channels, op, pass, units);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
