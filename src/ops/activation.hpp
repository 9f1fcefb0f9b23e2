// SPDX-License-Identifier: Apache-2.0
// Elementwise activations. The gradient of all but silu needs y alone, so y may overwrite x, and dx
// may overwrite dy; that of silu reads x.
//
//   relu        y = x > 0 ? x : +0              dx = y > 0 ? dy : +0
//   sigmoid     y = 1 / (1 + e^-x)              dx = dy * (y * (1 - y))
//   tanh        y = (e^2x - 1) / (e^2x + 1)     dx = dy * fma(-y, y, 1)
//   leaky_relu  y = x > 0 ? x : slope * x       dx = y > 0 ? dy : slope * dy
//   silu        y = x * s, s = sigmoid(x)       dx = dy * (s * fma(x, 1 - s, 1))
//
// The float forms of e^x, sigmoid and tanh are those of math.hpp, operation by operation. `slope`
// is negative_slope, rounded to Real. Leaky ReLU: Maas et al. 2013; SiLU: Elfwing et al. 2018.
#pragma once

#include "ops/op_traits.hpp"

namespace convoy {

enum class ActivationFunction { relu, sigmoid, tanh, leaky_relu, silu };

struct Activation {
  Shape in;
  ActivationFunction function = ActivationFunction::relu;
  double negative_slope = 0.01;  // of leaky_relu alone; at least 0, so that y has the sign of x
};

constexpr Shape output_shape(const Activation& op) {
  return op.in;
}

template <>
struct OpTraits<Activation> : OpDefaults<Activation> {
  static constexpr std::array<ModelFileType<Activation>, 5> types = {
      {{"relu", "relu", {{}, ActivationFunction::relu}},
       {"sigmoid", "sigmoid", {{}, ActivationFunction::sigmoid}},
       {"tanh", "tanh", {{}, ActivationFunction::tanh}},
       {"leaky_relu", "leaky_relu", {{}, ActivationFunction::leaky_relu}},
       {"silu", "silu", {{}, ActivationFunction::silu}}}};
  static constexpr std::size_t type_index(const Activation& op) {
    return static_cast<std::size_t>(op.function);
  }
  static constexpr Units forward_units = Units::elements;
  static constexpr Units input_gradient_units = Units::elements;
  static constexpr PassFlops flops(const Activation& /*op*/) { return {}; }
  static constexpr bool works_in_place(const Activation& op) { return !reads_own_input(op); }
  static constexpr bool reads_own_input(const Activation& op) {
    return op.function == ActivationFunction::silu;
  }
  static constexpr bool reads_own_output(const Activation& op) { return !reads_own_input(op); }

  template <class Self, class Visit>
  static constexpr void visit_keys(Self& op, const Visit& visit) {
    if (op.function != ActivationFunction::leaky_relu) return;
    visit("negative_slope", op.negative_slope, 0.01, kZeroToOne);
  }
};

}  // namespace convoy
