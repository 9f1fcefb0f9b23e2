// SPDX-License-Identifier: Apache-2.0
// Adam (D. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2015) and AdamW (I.
// Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", 2019), in the arithmetic of
// PyTorch's torch.optim.Adam and AdamW with fused=True (2.15, on a CPU; in float the same
// bits where the rate is a float, to which the schedule rounds it):
//
//   w = w * (1 - rate * decay)            AdamW, unless the decay is 0
//   g = fma(decay, w, g)                  Adam, unless the decay is 0
//   m = lerp(m, g, 1 - beta1)             (optim/update.hpp)
//   v = fma((1 - beta2) * g, g, v * beta2)
//   w' = w - (rate / c1) * m / (sqrt(v) / c2 + epsilon)
//
// with c1 = 1 - beta1^t and c2 = sqrt(1 - beta2^t) in step t, counted from 1. The last line is five
// operations: a division and a product, a root, a quotient and a sum, then their quotient, then the
// difference. 1 - beta1, 1 - beta2, 1 - rate * decay and rate / c1 are computed in double and
// rounded once. Powers are products in double, by the binary digits of t from the lowest.
//
// Slots: m, then v.
#pragma once

#include "optim/update.hpp"

namespace convoy {

template <class Self, class Visit>
requires std::same_as<std::remove_const_t<Self>, Adam>
void visit_settings(Self& op, const Visit& visit) {
  visit("learning_rate", op.learning_rate, kNotNegativeFloat);
  visit("beta1", op.beta1, kBelowOne);
  visit("beta2", op.beta2, kBelowOne);
  visit("epsilon", op.epsilon, kPositiveFloat);
  visit("weight_decay", op.weight_decay, kNotNegativeFloat);
}

inline std::span<const std::string_view> slots_of(const Adam& /*op*/) {
  static constexpr std::array<std::string_view, 2> kNames = {"exp_avg", "exp_avg_sq"};
  return kNames;
}

inline double power(double base, Index exponent) {
  double result = 1;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) result *= base;
    base *= base;
  }
  return result;
}

// c1 and c2.
inline StepFactors step_factors(const Adam& op, Index step) {
  return {1 - power(op.beta1, step), std::sqrt(1 - power(op.beta2, step))};
}

template <class Real>
struct AdamRule {
  Real share1, share2;  // 1 - beta1, 1 - beta2
  Real beta2, epsilon, c2;
  Real decay;   // of Adam
  Real shrink;  // of AdamW: 1 - rate * decay; 1 where there is none
  Real step;    // rate / c1

  CONVOY_HOST_DEVICE Real next(Real w, Real g, Real* slots) const {
    w *= shrink;
    if (decay != 0) g = std::fma(decay, w, g);
    const Real m = slots[0] = lerp(slots[0], g, share1);
    const Real v = slots[1] = std::fma(share2 * g, g, slots[1] * beta2);
    return w - step * m / (std::sqrt(v) / c2 + epsilon);
  }
};

template <class Real>
CONVOY_HOST_DEVICE AdamRule<Real> make_rule(const Adam& op, const UpdateNumbers& numbers) {
  const bool decoupled = op.decoupled_weight_decay;
  return {static_cast<Real>(1 - op.beta1),
          static_cast<Real>(1 - op.beta2),
          static_cast<Real>(op.beta2),
          static_cast<Real>(op.epsilon),
          static_cast<Real>(numbers.factors.second),
          static_cast<Real>(decoupled ? 0 : numbers.decay),
          static_cast<Real>(decoupled ? 1 - numbers.rate * numbers.decay : 1),
          static_cast<Real>(numbers.rate / numbers.factors.first)};
}

}  // namespace convoy
