// SPDX-License-Identifier: Apache-2.0
#include "base/interval.hpp"

#include <fmt/format.h>

namespace convoy {

std::string Interval::text() const {
  std::string from = fmt::format("{} {}", low_open ? "above" : "of at least", low);
  if (high == HUGE_VAL) return from;
  return fmt::format("{} and {} {}", from, high_open ? "less than" : "at most", high);
}

}  // namespace convoy
