// SPDX-License-Identifier: Apache-2.0
#include "base/tensor.hpp"

#include <fmt/format.h>

namespace convoy {

std::string to_string(const Shape& shape) {
  return fmt::format("{} x {} x {}", shape.height, shape.width, shape.channels);
}

std::string to_string(const Extent& extent) {
  return fmt::format("{} x {}", extent.height, extent.width);
}

}  // namespace convoy
