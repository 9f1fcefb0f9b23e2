// SPDX-License-Identifier: Apache-2.0
// The numbers that a setting may have.
#pragma once

#include <cmath>
#include <string>

#include "base/tensor.hpp"

namespace convoy {

// [low, high]; an end that is open does not belong to it.
struct Interval {
  double low = 0;
  double high = 0;
  bool low_open = false;
  bool high_open = false;

  bool contains(double x) const {
    return (low_open ? x > low : x >= low) && (high_open ? x < high : x <= high);
  }
  std::string text() const;  // "of at least 0 and less than 1"
};

// Of whole numbers; both ends belong to it.
struct IndexRange {
  Index low = 0;
  Index high = 0;
};

inline constexpr Interval kNotNegative{0, HUGE_VAL};
inline constexpr Interval kPositive{0, HUGE_VAL, true};
inline constexpr Interval kZeroToOne{0, 1};
inline constexpr Interval kBelowOne{0, 1, false, true};  // from 0 to less than 1
// Of numbers that are rounded to single precision.
inline constexpr Interval kNotNegativeFloat{0, 3.4e38};
inline constexpr Interval kPositiveFloat{1e-37, 3.4e38};

}  // namespace convoy
