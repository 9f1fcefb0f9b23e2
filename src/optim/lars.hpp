// SPDX-License-Identifier: Apache-2.0
// LARS (Y. You, I. Gitman and B. Ginsburg, "Large Batch Training of Convolutional Networks", 2017,
// algorithm 1 with the local rate of equation 6). Each tensor, the weights or the bias of a layer,
// has a local rate, by its norm |w| before the step and that of its mean gradient |g|, which
// multiplies the learning rate. norms.hpp states how |w|, |g| and l * rate are rounded.
//
//   l = trust_coefficient * |w| / (|g| + decay * |w|), or 1 where |w| or |g| is 0
//   g = fma(decay, w, g)                  unless the decay is 0
//   v = fma(momentum, v, l * rate * g)    (momentum 0: v = l * rate * g)
//   w' = w - v
//
// l is computed in double: a product, the product and the sum of the divisor, and the quotient; and
// so is l * rate, which is then rounded once. The paper does not say what
// becomes of norms of 0: by its formula a bias that starts at 0 would never change, so its rate is
// then the global one, as in other implementations.
//
// Slot: v, where the momentum is not 0. It contains the rate, as in the paper.
#pragma once

#include "optim/update.hpp"

namespace convoy {

template <class Self, class Visit>
requires std::same_as<std::remove_const_t<Self>, Lars>
void visit_settings(Self& op, const Visit& visit) {
  visit("learning_rate", op.learning_rate, kNotNegativeFloat);
  visit("momentum", op.momentum, kBelowOne);
  visit("weight_decay", op.weight_decay, kNotNegativeFloat);
  visit("trust_coefficient", op.trust_coefficient, kPositiveFloat);
}

inline std::span<const std::string_view> slots_of(const Lars& op) {
  static constexpr std::array<std::string_view, 1> kNames = {"momentum_buffer"};
  return std::span(kNames).first(has_momentum(op) ? 1 : 0);
}

inline StepFactors step_factors(const Lars& /*op*/, Index /*step*/) {
  return {};
}

// The factor of the learning rate of a tensor, by the norms of its weights and of its mean
// gradient, after clipping. An optimizer with this function needs norms (NeedsNorms).
CONVOY_HOST_DEVICE inline double local_rate(const Lars& op, double weight_norm,
                                            double gradient_norm, double decay) {
  if (weight_norm == 0 || gradient_norm == 0) return 1;
  return op.trust_coefficient * weight_norm / (gradient_norm + decay * weight_norm);
}

template <class Real>
struct LarsRule {
  Real momentum, decay, rate;

  CONVOY_HOST_DEVICE Real next(Real w, Real g, Real* slots) const {
    if (decay != 0) g = std::fma(decay, w, g);
    Real v = rate * g;
    if (momentum != 0) v = slots[0] = std::fma(momentum, slots[0], v);
    return w - v;
  }
};

template <class Real>
CONVOY_HOST_DEVICE LarsRule<Real> make_rule(const Lars& op, const UpdateNumbers& numbers) {
  return {static_cast<Real>(op.momentum), static_cast<Real>(numbers.decay),
          static_cast<Real>(numbers.rate)};
}

}  // namespace convoy
