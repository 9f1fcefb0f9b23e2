// SPDX-License-Identifier: Apache-2.0
// Elementwise activations. The gradient needs y alone, so y may overwrite x, and dx may overwrite
// dy.
//
//   relu     y = x > 0 ? x : +0                 dx = y > 0 ? dy : +0
//   sigmoid  y = 1 / (1 + e^-x)                 dx = dy * (y * (1 - y))
//   tanh     y = (e^2x - 1) / (e^2x + 1)        dx = dy * fma(-y, y, 1)
//
// The float forms of e^x, sigmoid and tanh are those of math.hpp, operation by operation.
#pragma once

#include "base/tensor.hpp"

namespace convoy {

enum class ActivationFunction { relu, sigmoid, tanh };

struct Activation {
  Shape in;
  ActivationFunction function = ActivationFunction::relu;
};

constexpr Shape output_shape(const Activation& op) {
  return op.in;
}

}  // namespace convoy
