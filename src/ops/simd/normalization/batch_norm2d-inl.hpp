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

// Two sums for each channel over the pixels of all segments; term(pixel, a, b) adds a pixel to a
// chain of each. They are single vectors because vectors of SVE cannot be members of a struct.
template <class Term>
HWY_INLINE void sum_pixels(const PixelRuns& runs, const Term& term, DoubleVector& total_a,
                           DoubleVector& total_b) {
  const auto zero = hn::Zero(Doubles());
  total_a = total_b = zero;
  const auto append = [&](Index i, const DoubleVector& a, const DoubleVector& b) HWY_ATTR {
    if (i == 0) {
      total_a = a;
      total_b = b;
    } else {
      total_a = hn::Add(total_a, a);
      total_b = hn::Add(total_b, b);
    }
  };
  Index i = 0;
  while (i < runs.count()) {
    const Range run = runs[i];
    if (i + 4 <= runs.count() && runs[i + 1].size() == run.size() &&
        runs[i + 2].size() == run.size() && runs[i + 3].size() == run.size()) {
      DoubleVector a0 = zero, a1 = zero, a2 = zero, a3 = zero;
      DoubleVector b0 = zero, b1 = zero, b2 = zero, b3 = zero;
      const Index second = runs[i + 1].begin, third = runs[i + 2].begin;
      const Index fourth = runs[i + 3].begin;
      for (Index p = 0; p < run.size(); ++p) {
        term(run.begin + p, a0, b0);
        term(second + p, a1, b1);
        term(third + p, a2, b2);
        term(fourth + p, a3, b3);
      }
      append(i, a0, b0);
      append(i + 1, a1, b1);
      append(i + 2, a2, b2);
      append(i + 3, a3, b3);
      i += 4;
    } else {
      DoubleVector a = zero, b = zero;
      for (Index p = run.begin; p < run.end; ++p) term(p, a, b);
      append(i, a, b);
      ++i;
    }
  }
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
    DoubleVector sum, m2, unused;
    const auto add = [&](Index pixel, DoubleVector& a, DoubleVector&) HWY_ATTR {
      a = hn::Add(a, hn::PromoteTo(d, hn::MaskedLoad(in, half, x + pixel * C)));
    };
    sum_pixels(runs, add, sum, unused);
    const auto mean = hn::Div(sum, n);
    const auto add_square = [&](Index pixel, DoubleVector& a, DoubleVector&) HWY_ATTR {
      const auto value = hn::PromoteTo(d, hn::MaskedLoad(in, half, x + pixel * C));
      const auto deviation = hn::Sub(value, mean);
      a = hn::MulAdd(deviation, deviation, a);
    };
    sum_pixels(runs, add_square, m2, unused);
    store_lanes(mean, mask, d, pass.values + c);
    store_lanes(m2, mask, d, pass.values + C + c);
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
    const auto add = [&](Index at, hn::Vec<HalfFloats> dy, DoubleVector& a,
                         DoubleVector& b) HWY_ATTR {
      const auto gradient = hn::PromoteTo(d, dy);
      const auto value = hn::PromoteTo(d, hn::MaskedLoad(in, half, pass.x + at));
      a = hn::Add(a, gradient);
      b = hn::MulAdd(gradient, hn::Sub(value, mean), b);
    };
    const auto add_all = [&](Index pixel, DoubleVector& a, DoubleVector& b) HWY_ATTR {
      const Index at = pixel * C + c;
      add(at, hn::MaskedLoad(in, half, pass.dy + at), a, b);
    };
    const auto add_above = [&](Index pixel, DoubleVector& a, DoubleVector& b) HWY_ATTR {
      const Index at = pixel * C + c;
      const auto is_above = hn::Gt(hn::MaskedLoad(in, half, y + at), hn::Zero(half));
      add(at, hn::IfThenElseZero(is_above, hn::MaskedLoad(in, half, pass.dy + at)), a, b);
    };
    DoubleVector sum, moment;
    if (y == nullptr) {
      sum_pixels(runs, add_all, sum, moment);
    } else {
      sum_pixels(runs, add_above, sum, moment);
    }
    store_lanes(sum, mask, d, pass.values + c);
    store_lanes(moment, mask, d, pass.values + C + c);
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
