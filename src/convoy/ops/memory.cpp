// SPDX-License-Identifier: Apache-2.0
#include "convoy/ops/op.hpp"
#include "convoy/ops/padding.hpp"
#include "convoy/ops/thin_conv.hpp"

namespace convoy {

Index packed_size(const Op& op) {
  // The weights once more, transposed for the input gradient.
  return std::holds_alternative<Conv2d>(op) || std::holds_alternative<Dense>(op)
             ? parameter_shape(op).weights()
             : 0;
}

Index scratch_size(const Op& op) {
  const auto* conv = std::get_if<Conv2d>(&op);
  if (!conv) return 0;
  const Index bordered = std::max({input_border(*conv).around(conv->in).size(),
                                   input_gradient_scratch_size(*conv), narrow_scratch_size(*conv)});
  return std::max(bordered, thin_scratch_size(*conv));
}

}  // namespace convoy
