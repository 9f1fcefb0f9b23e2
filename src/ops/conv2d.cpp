// SPDX-License-Identifier: Apache-2.0
#include "ops/conv2d.hpp"

#include <algorithm>

#include "ops/padding.hpp"
#include "ops/thin_conv.hpp"

namespace convoy {

Index OpTraits<Conv2d>::scratch_size(const Conv2d& op) {
  const Index bordered = std::max({input_border(op).around(op.in).size(),
                                   input_gradient_scratch_size(op), narrow_scratch_size(op)});
  return std::max(bordered, thin_scratch_size(op));
}

}  // namespace convoy
