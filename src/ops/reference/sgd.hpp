// SPDX-License-Identifier: Apache-2.0
// The executable specification of sgd.hpp.
#pragma once

#include <cmath>

#include "optim/sgd.hpp"

namespace convoy::reference {

// Returns whether all new weights are finite.
template <class Real>
bool update(const Sgd& op, const UpdatePass<Real>& pass) {
  const Real momentum = static_cast<Real>(op.momentum), decay = static_cast<Real>(op.weight_decay);
  bool finite = true;
  for (Index i = 0; i < pass.size; ++i) {
    const Real w = pass.weights[i];
    Real g = pass.gradient_sum[i] * pass.scale;
    if (decay != 0) g = std::fma(decay, w, g);
    if (momentum != 0) {
      const Real v = std::fma(momentum, pass.velocity[i], g);
      pass.new_velocity[i] = v;
      g = op.nesterov ? std::fma(momentum, v, g) : v;
    }
    pass.new_weights[i] = std::fma(-pass.rate, g, w);
    finite = finite && std::isfinite(pass.new_weights[i]);
  }
  return finite;
}

}  // namespace convoy::reference
