// SPDX-License-Identifier: Apache-2.0
// RMSprop (T. Tieleman and G. Hinton, "Neural Networks for Machine Learning", lecture 6.5, 2012;
// centered: A. Graves, "Generating Sequences With Recurrent Neural Networks", 2013), as in PyTorch
// (torch.optim.RMSprop, 2.15), which however gives NaN where r is negative:
//
//   g = fma(decay, w, g)                  unless the decay is 0
//   s = fma((1 - alpha) * g, g, s * alpha)
//   a = lerp(a, g, 1 - alpha)             centered (optim/update.hpp)
//   r = s, or centered: fma(-a, a, s), or 0 where rounding makes that negative
//   g = g / (sqrt(r) + epsilon)
//   b = fma(momentum, b, g), g = b        unless the momentum is 0
//   w' = fma(-rate, g, w)
//
// Slots: s; centered: a; where the momentum is not 0: b.
#pragma once

#include "optim/update.hpp"

namespace convoy {

template <class Self, class Visit>
requires std::same_as<std::remove_const_t<Self>, RmsProp>
void visit_settings(Self& op, const Visit& visit) {
  visit("learning_rate", op.learning_rate, kNotNegativeFloat);
  visit("alpha", op.alpha, kBelowOne);
  visit("epsilon", op.epsilon, kPositiveFloat);
  visit("momentum", op.momentum, kBelowOne);
  visit("centered", op.centered);
  visit("weight_decay", op.weight_decay, kNotNegativeFloat);
}

inline std::span<const std::string_view> slots_of(const RmsProp& op) {
  static constexpr std::array<std::string_view, 3> kCentered = {"square_avg", "grad_avg",
                                                                "momentum_buffer"};
  static constexpr std::array<std::string_view, 2> kPlain = {"square_avg", "momentum_buffer"};
  const std::size_t averages = op.centered ? 2 : 1;
  const std::span<const std::string_view> all =
      op.centered ? std::span<const std::string_view>(kCentered) : kPlain;
  return all.first(averages + (has_momentum(op) ? 1 : 0));
}

inline StepFactors step_factors(const RmsProp& /*op*/, Index /*step*/) {
  return {};
}

template <class Real>
struct RmsPropRule {
  Real alpha, share;  // and 1 - alpha
  Real epsilon, momentum, decay, rate;
  bool centered;

  CONVOY_HOST_DEVICE Real next(Real w, Real g, Real* slots) const {
    if (decay != 0) g = std::fma(decay, w, g);
    Real r = slots[0] = std::fma(share * g, g, slots[0] * alpha);
    if (centered) {
      const Real a = slots[1] = lerp(slots[1], g, share);
      r = std::fma(-a, a, r);
      if (r < 0) r = 0;
    }
    g = g / (std::sqrt(r) + epsilon);
    if (momentum != 0) {
      Real& b = slots[centered ? 2 : 1];
      g = b = std::fma(momentum, b, g);
    }
    return std::fma(-rate, g, w);
  }
};

template <class Real>
CONVOY_HOST_DEVICE RmsPropRule<Real> make_rule(const RmsProp& op, const UpdateNumbers& numbers) {
  return {static_cast<Real>(op.alpha),
          static_cast<Real>(1 - op.alpha),
          static_cast<Real>(op.epsilon),
          static_cast<Real>(op.momentum),
          static_cast<Real>(numbers.decay),
          static_cast<Real>(numbers.rate),
          op.centered};
}

}  // namespace convoy
