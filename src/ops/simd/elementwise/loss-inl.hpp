// SPDX-License-Identifier: Apache-2.0
// loss.hpp with vectors over classes (the sum over them stays in index order): the vector form of
// reference/loss.hpp.
#if defined(CONVOY_OPS_SIMD_ELEMENTWISE_LOSS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_ELEMENTWISE_LOSS_INL_HPP
#undef CONVOY_OPS_SIMD_ELEMENTWISE_LOSS_INL_HPP
#else
#define CONVOY_OPS_SIMD_ELEMENTWISE_LOSS_INL_HPP
#endif

#include "ops/loss.hpp"
#include "ops/reference/loss.hpp"
#include "ops/simd/elementwise/math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// Sum over n of e^(z[n] - largest).
HWY_INLINE float sum_of_exponentials(const float* z, Index n, float largest) {
  const Full d;
  HWY_ALIGN float values[HWY_MAX_BYTES / sizeof(float)];
  reference::Chain<float> sum;
  for (const Segment s : Segments(1, n)) {
    for (Index i = s.terms.begin; i < s.terms.end; i += lanes(d)) {
      const Index left = s.terms.end - i;
      const auto x = hn::MaskedLoad(first_lanes(d, left), d, z + i);
      hn::Store(exp(d, hn::Sub(x, hn::Set(d, largest))), d, values);
      for (Index lane = 0; lane < std::min(left, lanes(d)); ++lane) sum.term(values[lane]);
    }
    sum.end_segment();
  }
  return sum.total();
}

// Sum over n of softplus(z[n]) - (n is the label ? z[n] : 0), in double.
HWY_INLINE double sigmoid_loss(const float* z, Index n, Label label) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, hn::ScalableTag<double>> d_float;
  HWY_ALIGN double values[HWY_MAX_BYTES / sizeof(double)];
  double loss = 0;
  for (Index i = 0; i < n; i += lanes(d)) {
    const Index count = std::min(n - i, lanes(d));
    const auto logits = hn::MaskedLoad(first_lanes(d_float, count), d_float, z + i);
    hn::Store(softplus(d, hn::PromoteTo(d, logits)), d, values);
    for (Index lane = 0; lane < count; ++lane) {
      loss += values[lane] - (i + lane == label ? static_cast<double>(z[label]) : 0.0);
    }
  }
  return loss;
}

// `sum` is that of e^(z - largest).
HWY_INLINE Vector probability(const Loss& op, Vector z, float largest, float sum) {
  const Full d;
  return has_softmax(op) ? hn::Div(exp(d, hn::Sub(z, hn::Set(d, largest))), hn::Set(d, sum))
                         : sigmoid(d, z);
}

// Computes all samples of the pass.
inline LossSum loss(const Loss& op, const LossPass<float>& pass) {
  const Full d;
  const Index N = op.classes;
  const bool softmax = op.function == LossFunction::softmax_cross_entropy;
  const bool sigmoids = op.function == LossFunction::sigmoid_binary_cross_entropy;
  const LossTargets<float> targets = targets_of<float>(op);
  const auto hot_target = hn::Set(d, targets.hot), cold_target = hn::Set(d, targets.cold);
  const auto factor = hn::Set(d, squared_error_factor<float>(op));
  LossSum total;
  for (Index b = 0; b < pass.samples; ++b) {
    const float* z = pass.logits + b * N;
    const Index best = reference::first_maximum(z, N);
    const float largest = z[best];
    const float sum = has_softmax(op) ? sum_of_exponentials(z, N, largest) : 0.0F;
    if (pass.predictions) pass.predictions[b] = static_cast<std::uint16_t>(best);
    if (pass.labels) {
      total.loss += sigmoids ? sigmoid_loss(z, N, pass.labels[b])
                             : reference::loss_of_sample(op, z, pass.labels[b], largest, sum);
      total.correct += best == pass.labels[b] ? 1 : 0;
    }
    for (Index i = 0; i < N; i += lanes(d)) {
      const auto mask = first_lanes(d, N - i);
      const auto logits = hn::MaskedLoad(mask, d, z + i);
      const auto p = probability(op, logits, largest, sum);
      if (pass.probabilities) store_lanes(p, mask, d, pass.probabilities + b * N + i);
      if (pass.labels && pass.dlogits) {
        const hn::RebindToSigned<Full> di;
        const auto label = hn::Set(di, static_cast<std::int32_t>(pass.labels[b] - i));
        const auto hot = hn::RebindMask(d, hn::Eq(hn::Iota(di, 0), label));
        const auto target = hn::IfThenElse(hot, hot_target, cold_target);
        const auto gradient =
            softmax || sigmoids ? hn::Sub(p, target) : hn::Mul(hn::Sub(logits, target), factor);
        store_lanes(gradient, mask, d, pass.dlogits + b * N + i);
      }
    }
  }
  return total;
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
