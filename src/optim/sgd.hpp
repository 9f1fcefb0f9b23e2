// SPDX-License-Identifier: Apache-2.0
// Stochastic gradient descent with momentum, Nesterov momentum and weight decay, as in PyTorch
// (torch.optim.SGD, dampening 0, which rounds momentum * b before it adds g; I. Sutskever et al.,
// "On the importance of initialization and momentum in deep learning", 2013).
//
//   g = fma(decay, w, g)                  unless the decay is 0
//   b = fma(momentum, b, g)               unless the momentum is 0; then
//   g = nesterov ? fma(momentum, b, g) : b
//   w' = fma(-rate, g, w)
//
// Slot: b, the momentum buffer, where the momentum is not 0.
#pragma once

#include "optim/update.hpp"

namespace convoy {

template <class Self, class Visit>
requires std::same_as<std::remove_const_t<Self>, Sgd>
void visit_settings(Self& op, const Visit& visit) {
  visit("learning_rate", op.learning_rate, kNotNegativeFloat);
  visit("momentum", op.momentum, kBelowOne);
  visit("nesterov", op.nesterov);
  visit("weight_decay", op.weight_decay, kNotNegativeFloat);
}

inline std::span<const std::string_view> slots_of(const Sgd& op) {
  static constexpr std::array<std::string_view, 1> kNames = {"momentum_buffer"};
  return std::span(kNames).first(has_momentum(op) ? 1 : 0);
}

inline StepFactors step_factors(const Sgd& /*op*/, Index /*step*/) {
  return {};
}

template <class Real>
struct SgdRule {
  Real momentum, decay, rate;
  bool nesterov;

  CONVOY_HOST_DEVICE Real next(Real w, Real g, Real* slots) const {
    if (decay != 0) g = std::fma(decay, w, g);
    if (momentum != 0) {
      slots[0] = std::fma(momentum, slots[0], g);
      g = nesterov ? std::fma(momentum, slots[0], g) : slots[0];
    }
    return std::fma(-rate, g, w);
  }
};

template <class Real>
CONVOY_HOST_DEVICE SgdRule<Real> make_rule(const Sgd& op, const UpdateNumbers& numbers) {
  return {static_cast<Real>(op.momentum), static_cast<Real>(numbers.decay),
          static_cast<Real>(numbers.rate), op.nesterov};
}

}  // namespace convoy
