// SPDX-License-Identifier: Apache-2.0
// Sinks for the outputs of thin convolutions, and sources of their dy: for a convolution alone, or
// for one in a block with ReLU and max pool (conv_block.hpp).
#if defined(CONVOY_OPS_SIMD_CONVOLUTIONS_THIN_CONV_BLOCK_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_CONVOLUTIONS_THIN_CONV_BLOCK_INL_HPP
#undef CONVOY_OPS_SIMD_CONVOLUTIONS_THIN_CONV_BLOCK_INL_HPP
#else
#define CONVOY_OPS_SIMD_CONVOLUTIONS_THIN_CONV_BLOCK_INL_HPP
#endif

#include "ops/conv_block.hpp"
#include "ops/simd/convolutions/thin_conv-inl.hpp"
#include "ops/simd/elementwise/elementwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// Takes one tap of a pool after a ReLU: it replaces the best value so far only if it is greater.
// The first best value is the ReLU's +0. The result equals that of ReLU, then pool, for NaN too.
HWY_INLINE void take(Vector v, std::int32_t number, Vector& best, hn::Vec<Int>& tap) {
  const auto better = hn::Gt(v, best);
  if constexpr (HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2) {
    best = hn::Max(v, best);  // x86 defines Max as this comparison: one instruction
  } else {
    best = hn::IfThenElse(better, v, best);
  }
  tap = hn::IfThenElse(hn::RebindMask(Int(), better), hn::Set(Int(), number), tap);
}

// Finds the largest of the four outputs of a window, in the order of the taps, and its tap.
HWY_INLINE void pool_window(Vector v0, Vector v1, Vector v2, Vector v3, Vector& best,
                            hn::Vec<Int>& tap) {
  best = hn::Zero(Full());
  tap = hn::Set(Int(), kNoneAboveZero);
  take(v0, 0, best, tap);
  take(v1, 1, best, tap);
  take(v2, 2, best, tap);
  take(v3, 3, best, tap);
}

HWY_INLINE std::int8_t* argmax_bytes(const ConvBlock& block, Argmax* argmax, Index sample) {
  const Shape out = output_shape(block);
  return reinterpret_cast<std::int8_t*>(argmax + sample * out.size());
}

HWY_INLINE const std::int8_t* argmax_bytes(const ConvBlock& block, const Argmax* argmax,
                                           Index sample) {
  return argmax_bytes(block, const_cast<Argmax*>(argmax), sample);
}

// Writes the outputs of a panel, after ReLU and pool.
template <int S>
class PoolSink {
 public:
  PoolSink(const ConvBlock& block, const Forward<float>& pass, const Pair& pair)
      : filters_(block.conv.filters),
        width_(output_shape(block).width),
        stride_(argmax_stride(block)) {
    for (int s = 0; s < S; ++s) {
      y_[s] = pass.y + pair.sample[s] * output_shape(block).size();
      argmax_[s] = argmax_bytes(block, pass.argmax, pair.sample[s]);
    }
  }

  template <int kColumns>
  HWY_INLINE void put(Index oy, Index ox, const Panel& panel,
                      const Register<Full> (&v)[2][kColumns]) const {
    const Index pixel = oy / 2 * width_ + ox / 2;
    const Index y = pixel * filters_ + panel.first, argmax = pixel * stride_ + panel.first;
    float* first = y_[0] + y;
    float* second = y_[S - 1] + y;
    std::int8_t* first_argmax = argmax_[0] + argmax;
    std::int8_t* second_argmax = argmax_[S - 1] + argmax;
    Vector best;
    hn::Vec<Int> tap;
    pool_window(v[0][0], v[0][1], v[1][0], v[1][1], best, tap);
    if constexpr (kColumns == 2) {
      store_filters<S>(best, first, second, panel.filters);
      store_bytes<S>(tap, first_argmax, second_argmax, panel.filters);
    } else {
      Vector next_best;
      hn::Vec<Int> next_tap;
      pool_window(v[0][2], v[0][3], v[1][2], v[1][3], next_best, next_tap);
      store_filters<S>(best, next_best, first, second, panel.filters, filters_);
      store_bytes<S>(tap, next_tap, first_argmax, second_argmax, panel.filters, stride_);
    }
  }

 private:
  Index filters_, width_, stride_;
  float* y_[S];
  std::int8_t* argmax_[S];
};

// Writes the outputs of the convolution, with or without a ReLU.
template <int S, bool kRelu>
class OutputSink {
 public:
  OutputSink(const Conv2d& conv, const Forward<float>& pass, const Pair& pair)
      : filters_(conv.filters), width_(output_shape(conv).width) {
    for (int s = 0; s < S; ++s) {
      y_[s] = pass.y + pair.sample[s] * output_shape(conv).size();
    }
  }

  template <int kColumns>
  HWY_INLINE void put(Index oy, Index ox, const Panel& panel,
                      const Register<Full> (&v)[2][kColumns]) const {
    HWY_UNROLL(2)
    for (int i = 0; i < 2; ++i) {
      HWY_UNROLL(4)
      for (int j = 0; j < kColumns; ++j) {
        const Index at = ((oy + i) * width_ + ox + j) * filters_ + panel.first;
        const Vector sum = v[i][j];
        store_filters<S>(kRelu ? relu(sum) : sum, y_[0] + at, y_[S - 1] + at, panel.filters);
      }
    }
  }

 private:
  Index filters_, width_;
  float* y_[S];
};

HWY_INLINE Vector of_tap(std::int32_t number, hn::Vec<Int> winner, Vector dy) {
  const auto is_argmax = hn::Eq(winner, hn::Set(Int(), number));
  return hn::IfThenElseZero(hn::RebindMask(Full(), is_argmax), dy);
}

// Computes dy of the convolution for a panel, from dy of the block.
template <int S>
class PoolSource {
 public:
  PoolSource(const ConvBlock& block, const WeightGradient<float>& pass, const Pair& pair)
      : filters_(block.conv.filters),
        stride_(argmax_stride(block)),
        width_(output_shape(block.conv).width),
        out_(output_shape(block)) {
    for (int s = 0; s < 2; ++s) {
      dy_[s] = pass.dy + pair.sample[s] * out_.size();
      argmax_[s] = argmax_bytes(block, pass.argmax, pair.sample[s]);
    }
  }

  HWY_INLINE void put(Range rows, const Panel& panel, float* HWY_RESTRICT to) const {
    const Index line = width_ * lanes(Full());
    for (Index oy = rows.begin / 2; 2 * oy < rows.end; ++oy) {
      float* at = to + (2 * oy - rows.begin) * line;
      if (oy < out_.height) {
        put_windows(oy, panel, at, at + line);
      } else {
        std::fill_n(at, line, 0.0F);
      }
    }
  }

 private:
  HWY_INLINE void put_windows(Index oy, const Panel& panel, float* HWY_RESTRICT first,
                              float* HWY_RESTRICT second) const {
    const Full d;
    const Index vl = lanes(d);
    Index pixel = oy * out_.width;
    for (Index x = 0; x < out_.width; ++x, ++pixel, first += 2 * vl, second += 2 * vl) {
      const Index at = pixel * filters_ + panel.first, argmax = pixel * stride_ + panel.first;
      const Vector dy =
          hn::Add(hn::Zero(d), load_filters<S>(dy_[0] + at, dy_[1] + at, panel.filters));
      const auto tap = load_bytes<S>(argmax_[0] + argmax, argmax_[1] + argmax, panel.filters);
      hn::Store(of_tap(0, tap, dy), d, first);
      hn::Store(of_tap(1, tap, dy), d, first + vl);
      hn::Store(of_tap(2, tap, dy), d, second);
      hn::Store(of_tap(3, tap, dy), d, second + vl);
    }
    if (width_ % 2 != 0) {
      hn::Store(hn::Zero(d), d, first);
      hn::Store(hn::Zero(d), d, second);
    }
  }

  Index filters_, stride_, width_;
  Shape out_;
  const float* dy_[2];
  const std::int8_t* argmax_[2];
};

// Gives dy as it is, or with a ReLU only where y is above zero.
template <int S, bool kRelu>
class OutputSource {
 public:
  OutputSource(const Conv2d& conv, const WeightGradient<float>& pass, const Pair& pair)
      : filters_(conv.filters), width_(output_shape(conv).width) {
    for (int s = 0; s < 2; ++s) {
      const Index first = pair.sample[s] * output_shape(conv).size();
      dy_[s] = pass.dy + first;
      y_[s] = kRelu ? pass.y + first : nullptr;
    }
  }

  HWY_INLINE void put(Range rows, const Panel& panel, float* HWY_RESTRICT to) const {
    const Full d;
    Index at = rows.begin * width_ * filters_ + panel.first;
    for (Index left = rows.size() * width_; left > 0; --left, at += filters_) {
      Vector dy = load_filters<S>(dy_[0] + at, dy_[1] + at, panel.filters);
      if constexpr (kRelu) {
        dy = relu_gradient(load_filters<S>(y_[0] + at, y_[1] + at, panel.filters), dy);
      }
      hn::Store(dy, d, to);
      to += lanes(d);
    }
  }

 private:
  Index filters_, width_;
  const float* dy_[2];
  const float* y_[2];
};

constexpr Shape whole_windows(const Shape& out) {
  return {out.height / 2 * 2, out.width / 2 * 2, out.channels};
}

template <int K, int C, int S>
struct ThinBlockForward {
  static HWY_NOINLINE void call(const Conv2d& conv, const ConvBlock& block,
                                const Forward<float>& pass) {
    if (block.pool) {
      forward_thin<K, C, S>(conv, pass, whole_windows(output_shape(conv)),
                            [&](const Pair& p) { return PoolSink<S>(block, pass, p); });
    } else {
      forward_thin<K, C, S>(conv, pass, output_shape(conv),
                            [&](const Pair& p) { return OutputSink<S, true>(conv, pass, p); });
    }
  }
};

template <int K, int C, int S>
struct ThinBlockWeightGradient {
  static HWY_NOINLINE void call(const Conv2d& conv, const ConvBlock& block,
                                const WeightGradient<float>& pass) {
    if (block.pool) {
      weight_gradient_thin<K, C, S>(conv, pass,
                                    [&](const Pair& p) { return PoolSource<S>(block, pass, p); });
    } else {
      weight_gradient_thin<K, C, S>(
          conv, pass, [&](const Pair& p) { return OutputSource<S, true>(conv, pass, p); });
    }
  }
};

// The passes of a convolution alone.
template <int K, int C, int S>
struct ThinForward {
  static HWY_NOINLINE void call(const Conv2d& conv, const Forward<float>& pass) {
    forward_thin<K, C, S>(conv, pass, output_shape(conv),
                          [&](const Pair& p) { return OutputSink<S, false>(conv, pass, p); });
  }
};

template <int K, int C, int S>
struct ThinWeightGradient {
  static HWY_NOINLINE void call(const Conv2d& conv, const WeightGradient<float>& pass) {
    weight_gradient_thin<K, C, S>(
        conv, pass, [&](const Pair& p) { return OutputSource<S, false>(conv, pass, p); });
  }
};

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
