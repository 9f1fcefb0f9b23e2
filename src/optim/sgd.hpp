// SPDX-License-Identifier: Apache-2.0
// Stochastic gradient descent with momentum, Nesterov momentum and weight decay, as in PyTorch
// (dampening 0). The update is elementwise, so every division of the arena gives the same bits.
//
//   g = sum * scale                       scale = 1 / batch: the only place where it is applied
//   g = fma(weight_decay, w, g)           unless weight_decay is 0
//   v = fma(momentum, v, g)               unless momentum is 0; then
//   g = nesterov ? fma(momentum, v, g) : v
//   w' = fma(-rate, g, w)                 rate = learning rate of the step * factor of the tensor
#pragma once

#include "base/tensor.hpp"

namespace convoy {

struct Sgd {
  float momentum = 0;
  bool nesterov = false;
  float weight_decay = 0;
};

template <class Real>
struct UpdatePass {
  Index size = 0;
  const Real* gradient_sum = nullptr;
  const Real* weights = nullptr;
  Real* new_weights = nullptr;     // `=`; not weights
  const Real* velocity = nullptr;  // null where momentum is 0
  Real* new_velocity = nullptr;
  Real scale = 1;
  Real rate = 0;
};

}  // namespace convoy
