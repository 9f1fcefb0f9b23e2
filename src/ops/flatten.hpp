// SPDX-License-Identifier: Apache-2.0
// The numbers of an image [H][W][C] as one row: y [1][1][H W C] has the numbers of x in the order
// of memory, and dx those of dy. A dense layer reads an image in this order as it is, so no net
// needs it. (PyTorch's order is [C][H][W].)
#pragma once

#include "ops/op_traits.hpp"

namespace convoy {

struct Flatten {
  Shape in;
};

constexpr Shape output_shape(const Flatten& op) {
  return {1, 1, op.in.size()};
}

template <>
struct OpTraits<Flatten> : OpDefaults<Flatten> {
  static constexpr std::array<ModelFileType<Flatten>, 1> types = {{{"flatten", "flatten"}}};
  static constexpr Units forward_units = Units::elements;
  static constexpr Units input_gradient_units = Units::elements;
  static constexpr PassFlops flops(const Flatten& /*op*/) { return {}; }
  static constexpr bool works_in_place(const Flatten& /*op*/) { return true; }

  template <class Self, class Visit>
  static constexpr void visit_keys(Self& /*op*/, const Visit& /*visit*/) {}
};

}  // namespace convoy
