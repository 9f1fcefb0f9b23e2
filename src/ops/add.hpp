// SPDX-License-Identifier: Apache-2.0
// The sum of two activations of one shape: y = x + other. Its gradient with respect to each is dy.
#pragma once

#include "ops/op_traits.hpp"

namespace convoy {

struct Add {
  Shape in;
};

constexpr Shape output_shape(const Add& op) {
  return op.in;
}

template <>
struct OpTraits<Add> : OpDefaults<Add> {
  static constexpr std::array<ModelFileType<Add>, 1> types = {{{"add", "add"}}};
  static constexpr std::size_t inputs = 2;
  static constexpr Units forward_units = Units::elements;
  static constexpr Units input_gradient_units = Units::elements;
  static constexpr PassFlops flops(const Add& /*op*/) { return {}; }

  template <class Self, class Visit>
  static constexpr void visit_keys(Self& /*op*/, const Visit& /*visit*/) {}
};

}  // namespace convoy
