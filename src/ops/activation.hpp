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

#include "ops/op_traits.hpp"

namespace convoy {

enum class ActivationFunction { relu, sigmoid, tanh };

struct Activation {
  Shape in;
  ActivationFunction function = ActivationFunction::relu;
};

constexpr Shape output_shape(const Activation& op) {
  return op.in;
}

template <>
struct OpTraits<Activation> : OpDefaults<Activation> {
  static constexpr std::array<ModelFileType<Activation>, 3> types = {
      {{"relu", "relu", {{}, ActivationFunction::relu}},
       {"sigmoid", "sigmoid", {{}, ActivationFunction::sigmoid}},
       {"tanh", "tanh", {{}, ActivationFunction::tanh}}}};
  static constexpr std::size_t type_index(const Activation& op) {
    return static_cast<std::size_t>(op.function);
  }
  static constexpr Units forward_units = Units::elements;
  static constexpr Units input_gradient_units = Units::elements;
  static constexpr PassFlops flops(const Activation& /*op*/) { return {}; }
  static constexpr bool works_in_place(const Activation& /*op*/) { return true; }
  static constexpr bool reads_own_output(const Activation& /*op*/) { return true; }

  template <class Self, class Visit>
  static constexpr void visit_keys(Self& /*op*/, const Visit& /*visit*/) {}
};

}  // namespace convoy
