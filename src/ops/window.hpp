// SPDX-License-Identifier: Apache-2.0
// The check that convolutions, pools and subsamplings have in common.
#pragma once

#include <string>
#include <string_view>

#include "base/tensor.hpp"

namespace convoy {

// Calls fail(key, problem, why, remedy) where the window does not fit into the padded image.
template <class Fail>
void check_window(std::string_view key, const Shape& in, const Extent& kernel,
                  const Extent& padding, const Fail& fail) {
  if (kernel.height <= in.height + 2 * padding.height &&
      kernel.width <= in.width + 2 * padding.width) {
    return;
  }
  const std::string name(key);
  fail(key, name + " " + to_string(kernel) + " is larger than its padded input",
       "it reads " + to_string(in) + " with padding " + to_string(padding),
       "make " + name + " smaller, or shrink the image less before this layer");
}

}  // namespace convoy
