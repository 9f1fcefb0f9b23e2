// SPDX-License-Identifier: Apache-2.0
// The sum of two activations of one shape: y = x + other. Its gradient with respect to each is dy.
#pragma once

#include "base/tensor.hpp"

namespace convoy {

struct Add {
  Shape in;
};

constexpr Shape output_shape(const Add& op) {
  return op.in;
}

}  // namespace convoy
