// SPDX-License-Identifier: Apache-2.0
// What thin convolutions do with their outputs and where dy comes from: alone, or in a block with
// ReLU and max pool (conv_block.hpp).
#if defined(CONVOY_OPS_SIMD_THIN_BLOCK_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_THIN_BLOCK_INL_HPP
#undef CONVOY_OPS_SIMD_THIN_BLOCK_INL_HPP
#else
#define CONVOY_OPS_SIMD_THIN_BLOCK_INL_HPP
#endif

#include "convoy/ops/conv_block.hpp"
#include "convoy/ops/simd/elementwise-inl.hpp"
#include "convoy/ops/simd/thin_conv-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// A tap of a pool after a ReLU: it replaces what was the best only if it is greater, and the ReLU's
// +0 is the first of all. That is what both do one after the other, for NaN too.
HWY_INLINE void take(Vector v, std::int32_t number, Vector& best, hn::Vec<Int>& tap) {
  const auto better = hn::Gt(v, best);
  best = hn::IfThenElse(better, v, best);
  tap = hn::IfThenElse(hn::RebindMask(Int(), better), hn::Set(Int(), number), tap);
}

// The four outputs of a window, in the order of the taps, to the winner and its tap.
HWY_INLINE void pool_window(Vector v0, Vector v1, Vector v2, Vector v3, Vector& best,
                            hn::Vec<Int>& tap) {
  best = hn::Zero(Full());
  tap = hn::Set(Int(), kNoneAboveZero);
  take(v0, 0, best, tap);
  take(v1, 1, best, tap);
  take(v2, 2, best, tap);
  take(v3, 3, best, tap);
}

HWY_INLINE std::int8_t* choice_bytes(const ConvBlock& block, Choice* choice, Index sample) {
  const Shape out = output_shape(block);
  return reinterpret_cast<std::int8_t*>(choice + sample * out.size());
}

HWY_INLINE const std::int8_t* choice_bytes(const ConvBlock& block, const Choice* choice,
                                           Index sample) {
  return choice_bytes(block, const_cast<Choice*>(choice), sample);
}

// Where the windows of a panel go, after ReLU and pool.
template <int S>
class PoolSink {
 public:
  PoolSink(const ConvBlock& block, const Forward<float>& pass, const Panel& p)
      : filters_(p.filters),
        out_filters_(block.conv.filters),
        width_(output_shape(block).width),
        stride_(choice_stride(block)) {
    for (int s = 0; s < S; ++s) {
      y_[s] = pass.y + p.sample[s] * output_shape(block).size() + p.first;
      choice_[s] = choice_bytes(block, pass.choice, p.sample[s]) + p.first;
    }
  }

  HWY_INLINE void begin(Index oy, Index ox) {
    const Index at = oy / 2 * width_ + ox / 2;
    y_at_ = at * out_filters_;
    choice_at_ = at * stride_;
  }
  HWY_INLINE void put(Vector v0, Vector v1, Vector v2, Vector v3) {
    Vector best;
    hn::Vec<Int> tap;
    pool_window(v0, v1, v2, v3, best, tap);
    store_filters<S>(best, y_[0] + y_at_, y_[S - 1] + y_at_, filters_);
    store_bytes<S>(tap, choice_[0] + choice_at_, choice_[S - 1] + choice_at_, filters_);
    y_at_ += out_filters_;
    choice_at_ += stride_;
  }

 private:
  Index filters_, out_filters_, width_, stride_;
  float* y_[S];
  std::int8_t* choice_[S];
  Index y_at_ = 0, choice_at_ = 0;
};

// The outputs themselves, after a ReLU or not.
template <int S, bool kRelu>
class OutputSink {
 public:
  OutputSink(const Conv2d& conv, const Forward<float>& pass, const Panel& p)
      : filters_(p.filters), out_filters_(conv.filters), width_(output_shape(conv).width) {
    for (int s = 0; s < S; ++s) {
      y_[s] = pass.y + p.sample[s] * output_shape(conv).size() + p.first;
    }
  }

  HWY_INLINE void begin(Index oy, Index ox) { at_ = (oy * width_ + ox) * out_filters_; }
  HWY_INLINE void put(Vector v0, Vector v1, Vector v2, Vector v3) {
    const Index below = at_ + width_ * out_filters_;
    store(at_, v0);
    store(at_ + out_filters_, v1);
    store(below, v2);
    store(below + out_filters_, v3);
    at_ += 2 * out_filters_;
  }

 private:
  HWY_INLINE void store(Index at, Vector v) const {
    store_filters<S>(kRelu ? relu(v) : v, y_[0] + at, y_[S - 1] + at, filters_);
  }

  Index filters_, out_filters_, width_;
  float* y_[S];
  Index at_ = 0;
};

// dy of the convolution, of a panel: from dy of the block, which is made so for a pooled row at a
// time.
template <int S>
class PoolSource {
 public:
  PoolSource(const ConvBlock& block, const WeightGradient<float>& pass, const Panel& p, float* row)
      : filters_(p.filters),
        out_filters_(block.conv.filters),
        stride_(choice_stride(block)),
        out_(output_shape(block)),
        row_(row),
        taps_(reinterpret_cast<std::int32_t*>(row + out_.width * lanes(Full()))) {
    for (int s = 0; s < 2; ++s) {
      dy_[s] = pass.dy + p.sample[s] * out_.size() + p.first;
      choice_[s] = choice_bytes(block, pass.choice, p.sample[s]) + p.first;
    }
  }

  HWY_INLINE void begin_row(Index oy) {
    const Full d;
    odd_ = oy % 2;
    covered_ = oy / 2 < out_.height ? 2 * out_.width : 0;
    if (covered_ == 0 || oy / 2 == ready_) return;
    ready_ = oy / 2;
    for (Index x = 0; x < out_.width; ++x) {
      const Index at = ready_ * out_.width + x, pixel = at * out_filters_;
      const Vector dy = load_filters<S>(dy_[0] + pixel, dy_[1] + pixel, filters_);
      hn::Store(hn::Add(hn::Zero(d), dy), d, row_ + x * lanes(d));
      hn::Store(load_bytes<S>(choice_[0] + at * stride_, choice_[1] + at * stride_, filters_),
                Int(), taps_ + x * lanes(d));
    }
  }
  HWY_INLINE Vector at(Index ox) const {
    const Full d;
    if (ox >= covered_) return hn::Zero(d);
    const Index x = ox / 2 * lanes(d);
    const auto tap = hn::Set(Int(), static_cast<std::int32_t>(2 * odd_ + ox % 2));
    const auto won = hn::Eq(hn::Load(Int(), taps_ + x), tap);
    return hn::IfThenElseZero(hn::RebindMask(d, won), hn::Load(d, row_ + x));
  }

 private:
  Index filters_, out_filters_, stride_;
  Shape out_;
  float* row_;          // [width][lanes]
  std::int32_t* taps_;  // likewise
  const float* dy_[2];
  const std::int8_t* choice_[2];
  Index ready_ = -1;  // the pooled row that is in row_ and taps_
  Index odd_ = 0, covered_ = 0;
};

// dy as it is, or where y is above zero.
template <int S, bool kRelu>
class OutputSource {
 public:
  OutputSource(const Conv2d& conv, const WeightGradient<float>& pass, const Panel& p)
      : filters_(p.filters), out_filters_(conv.filters), width_(output_shape(conv).width) {
    for (int s = 0; s < 2; ++s) {
      const Index first = p.sample[s] * output_shape(conv).size() + p.first;
      dy_[s] = pass.dy + first;
      y_[s] = kRelu ? pass.y + first : nullptr;
    }
  }

  HWY_INLINE void begin_row(Index oy) { row_ = oy * width_ * out_filters_; }
  HWY_INLINE Vector at(Index ox) const {
    const Index at = row_ + ox * out_filters_;
    const Vector dy = load_filters<S>(dy_[0] + at, dy_[1] + at, filters_);
    if constexpr (!kRelu) return dy;
    const Vector y = load_filters<S>(y_[0] + at, y_[1] + at, filters_);
    return relu_gradient(y, dy);
  }

 private:
  Index filters_, out_filters_, width_, row_ = 0;
  const float* dy_[2];
  const float* y_[2];
};

template <int K, int C, int S>
struct ThinBlockForward {
  static HWY_NOINLINE void call(const Conv2d& conv, const ConvBlock& block,
                                const Forward<float>& pass) {
    if (block.pool) {
      forward_thin<K, C, S>(conv, pass, false,
                            [&](const Panel& p) { return PoolSink<S>(block, pass, p); });
    } else {
      forward_thin<K, C, S>(conv, pass, true,
                            [&](const Panel& p) { return OutputSink<S, true>(conv, pass, p); });
    }
  }
};

template <int K, int C, int S>
struct ThinBlockWeightGradient {
  static HWY_NOINLINE void call(const Conv2d& conv, const ConvBlock& block,
                                const WeightGradient<float>& pass) {
    if (block.pool) {
      float* row = ThinScratch(conv, pass.scratch).dy;
      weight_gradient_thin<K, C, S>(
          conv, pass, [&](const Panel& p) { return PoolSource<S>(block, pass, p, row); });
    } else {
      weight_gradient_thin<K, C, S>(
          conv, pass, [&](const Panel& p) { return OutputSource<S, true>(conv, pass, p); });
    }
  }
};

// The same of a convolution alone.
template <int K, int C, int S>
struct ThinForward {
  static HWY_NOINLINE void call(const Conv2d& conv, const Forward<float>& pass) {
    forward_thin<K, C, S>(conv, pass, true,
                          [&](const Panel& p) { return OutputSink<S, false>(conv, pass, p); });
  }
};

template <int K, int C, int S>
struct ThinWeightGradient {
  static HWY_NOINLINE void call(const Conv2d& conv, const WeightGradient<float>& pass) {
    weight_gradient_thin<K, C, S>(
        conv, pass, [&](const Panel& p) { return OutputSource<S, false>(conv, pass, p); });
  }
};

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
