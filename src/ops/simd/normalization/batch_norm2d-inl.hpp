// SPDX-License-Identifier: Apache-2.0
// batch_norm2d.hpp, vectors over channels: the twin of reference/batch_norm2d.hpp. The statistics
// are chains of double; four segments at a time, so that their additions do not wait for each
// other.
#if defined(CONVOY_OPS_SIMD_NORMALIZATION_BATCH_NORM2D_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_NORMALIZATION_BATCH_NORM2D_INL_HPP
#undef CONVOY_OPS_SIMD_NORMALIZATION_BATCH_NORM2D_INL_HPP
#else
#define CONVOY_OPS_SIMD_NORMALIZATION_BATCH_NORM2D_INL_HPP
#endif

#include "ops/batch_norm2d.hpp"
#include "ops/op.hpp"
#include "ops/segments.hpp"
#include "ops/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

using Doubles = hn::ScalableTag<double>;
using DoubleVector = hn::Vec<Doubles>;
using HalfFloats = hn::Rebind<float, Doubles>;  // as many lanes

// The segments of all samples, in order; a segment is a run of pixels.
class PixelRuns {
 public:
  PixelRuns(const Shape& in, Index samples)
      : width_(in.width),
        area_(in.height * in.width),
        whole_rows_(std::max<Index>(1, kSegmentTerms / in.width)),
        blocks_((in.width + kSegmentTerms - 1) / kSegmentTerms),
        of_sample_((in.height + whole_rows_ - 1) / whole_rows_ * blocks_),
        count_(of_sample_ * samples) {}

  Index count() const { return count_; }
  Range operator[](Index i) const {
    const Index image = i / of_sample_ * area_, within = i % of_sample_;
    const Index row = within / blocks_ * whole_rows_ * width_;
    if (blocks_ == 1) return {image + row, image + std::min(row + whole_rows_ * width_, area_)};
    const Index first = within % blocks_ * kSegmentTerms;
    return {image + row + first, image + row + std::min(first + kSegmentTerms, width_)};
  }

 private:
  const Index width_, area_, whole_rows_, blocks_, of_sample_, count_;
};

// One sum for each channel, or two, over the pixels of all segments. Term::add(pixel) adds a pixel
// to a chain.
struct OneSum {
  DoubleVector a;
  static HWY_INLINE OneSum zero() { return {hn::Zero(Doubles())}; }
  HWY_INLINE void plus(const OneSum& other) { a = hn::Add(a, other.a); }
};
struct TwoSums {
  DoubleVector a, b;
  static HWY_INLINE TwoSums zero() { return {hn::Zero(Doubles()), hn::Zero(Doubles())}; }
  HWY_INLINE void plus(const TwoSums& other) {
    a = hn::Add(a, other.a);
    b = hn::Add(b, other.b);
  }
};

template <class Sums, class Term>
HWY_INLINE Sums sum_of_pixels(const PixelRuns& runs, const Term& term) {
  Sums total = Sums::zero();
  const auto append = [&](Index i, const Sums& sum) HWY_ATTR {
    if (i == 0) {
      total = sum;
    } else {
      total.plus(sum);
    }
  };
  Index i = 0;
  while (i < runs.count()) {
    const Range run = runs[i];
    if (i + 4 <= runs.count() && runs[i + 1].size() == run.size() &&
        runs[i + 2].size() == run.size() && runs[i + 3].size() == run.size()) {
      Sums s0 = Sums::zero(), s1 = Sums::zero(), s2 = Sums::zero(), s3 = Sums::zero();
      const Index second = runs[i + 1].begin, third = runs[i + 2].begin;
      const Index fourth = runs[i + 3].begin;
      for (Index p = 0; p < run.size(); ++p) {
        term(run.begin + p, s0);
        term(second + p, s1);
        term(third + p, s2);
        term(fourth + p, s3);
      }
      append(i, s0);
      append(i + 1, s1);
      append(i + 2, s2);
      append(i + 3, s3);
      i += 4;
    } else {
      Sums sum = Sums::zero();
      for (Index p = run.begin; p < run.end; ++p) term(p, sum);
      append(i, sum);
      ++i;
    }
  }
  return total;
}

inline void statistics(const BatchNorm2d& op, const StatisticsPass<float>& pass, Range units) {
  const Doubles d;
  const HalfFloats half;
  const Index C = op.in.channels;
  const PixelRuns runs(op.in, pass.samples);
  const auto n = hn::Set(d, static_cast<double>(pass.samples * op.in.height * op.in.width));
  const Index end = std::min(units.end * kColumnBlock, C);
  for (Index c = units.begin * kColumnBlock; c < end; c += lanes(d)) {
    const auto mask = first_lanes(d, end - c);
    const auto in = first_lanes(half, end - c);
    const float* const x = pass.x + c;
    const auto sum = sum_of_pixels<OneSum>(runs, [&](Index pixel, OneSum& chain) HWY_ATTR {
      chain.a = hn::Add(chain.a, hn::PromoteTo(d, hn::MaskedLoad(in, half, x + pixel * C)));
    });
    const auto mean = hn::Div(sum.a, n);
    const auto m2 = sum_of_pixels<OneSum>(runs, [&](Index pixel, OneSum& chain) HWY_ATTR {
      const auto value = hn::PromoteTo(d, hn::MaskedLoad(in, half, x + pixel * C));
      const auto deviation = hn::Sub(value, mean);
      chain.a = hn::MulAdd(deviation, deviation, chain.a);
    });
    store_lanes(mean, mask, d, pass.values + c);
    store_lanes(m2.a, mask, d, pass.values + C + c);
  }
}

inline void gradient_statistics(const BatchNorm2d& op, const StatisticsPass<float>& pass,
                                Range units) {
  const Doubles d;
  const HalfFloats half;
  const Index C = op.in.channels;
  const PixelRuns runs(op.in, pass.samples);
  const float* const y = op.relu ? pass.y : nullptr;
  const Index end = std::min(units.end * kColumnBlock, C);
  for (Index c = units.begin * kColumnBlock; c < end; c += lanes(d)) {
    const auto mask = first_lanes(d, end - c);
    const auto in = first_lanes(half, end - c);
    const auto mean = hn::MaskedLoad(mask, d, pass.mean + c);
    const auto add = [&](Index at, hn::Vec<HalfFloats> dy, TwoSums& chain) HWY_ATTR {
      const auto gradient = hn::PromoteTo(d, dy);
      const auto value = hn::PromoteTo(d, hn::MaskedLoad(in, half, pass.x + at));
      chain.a = hn::Add(chain.a, gradient);
      chain.b = hn::MulAdd(gradient, hn::Sub(value, mean), chain.b);
    };
    const auto sums =
        y == nullptr
            ? sum_of_pixels<TwoSums>(runs,
                                     [&](Index pixel, TwoSums& chain) HWY_ATTR {
                                       const Index at = pixel * C + c;
                                       add(at, hn::MaskedLoad(in, half, pass.dy + at), chain);
                                     })
            : sum_of_pixels<TwoSums>(runs, [&](Index pixel, TwoSums& chain) HWY_ATTR {
                const Index at = pixel * C + c;
                const auto is_above = hn::Gt(hn::MaskedLoad(in, half, y + at), hn::Zero(half));
                add(at, hn::IfThenElseZero(is_above, hn::MaskedLoad(in, half, pass.dy + at)),
                    chain);
              });
    store_lanes(sums.a, mask, d, pass.values + c);
    store_lanes(sums.b, mask, d, pass.values + C + c);
  }
}

template <class D>
struct BatchNormForward {
  static HWY_INLINE void call(const BatchNorm2d& op, const Forward<float>& pass, Range units) {
    const D d;
    const Index C = op.in.channels;
    for (Index c = 0; c < C; c += lanes(d)) {
      const auto mask = first_lanes(d, C - c);
      const auto scale = hn::MaskedLoad(mask, d, row(pass.parameters, Coefficient::scale, C) + c);
      const auto shift = hn::MaskedLoad(mask, d, row(pass.parameters, Coefficient::shift, C) + c);
      for (Index unit = units.begin; unit < units.end; ++unit) {
        const auto x = hn::MaskedLoad(mask, d, pass.x + unit * C + c);
        auto y = hn::MulAdd(x, scale, shift);
        if (op.relu) y = hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), y);
        store_lanes(y, mask, d, pass.y + unit * C + c);
      }
    }
  }
};

inline void forward(const BatchNorm2d& op, const Forward<float>& pass, Range units) {
  with_lanes_for<BatchNormForward>(op.in.channels, op, pass, units);
}

template <class D>
struct BatchNormInputGradient {
  static HWY_INLINE void call(const BatchNorm2d& op, const InputGradient<float>& pass,
                              Range units) {
    const D d;
    const Index C = op.in.channels;
    for (Index c = 0; c < C; c += lanes(d)) {
      const auto mask = first_lanes(d, C - c);
      const auto coefficient = [&](Coefficient which) HWY_ATTR {
        return hn::MaskedLoad(mask, d, row(pass.parameters, which, C) + c);
      };
      const auto dy_factor = coefficient(Coefficient::dy_factor);
      const auto x_factor = coefficient(Coefficient::x_factor);
      const auto offset = coefficient(Coefficient::offset);
      for (Index unit = units.begin; unit < units.end; ++unit) {
        const Index at = unit * C + c;
        auto dy = hn::MaskedLoad(mask, d, pass.dy + at);
        if (op.relu) {
          dy = hn::IfThenElseZero(hn::Gt(hn::MaskedLoad(mask, d, pass.y + at), hn::Zero(d)), dy);
        }
        const auto x = hn::MaskedLoad(mask, d, pass.x + at);
        store_lanes(hn::MulAdd(dy, dy_factor, hn::MulAdd(x, x_factor, offset)), mask, d,
                    pass.dx + at);
      }
    }
  }
};

inline void input_gradient(const BatchNorm2d& op, const InputGradient<float>& pass, Range units) {
  with_lanes_for<BatchNormInputGradient>(op.in.channels, op, pass, units);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
