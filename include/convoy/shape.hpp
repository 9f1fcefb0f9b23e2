// SPDX-License-Identifier: Apache-2.0
/// @file
/// Sizes and shapes.
#pragma once

#include <cstdint>

namespace convoy {

/// Counts and positions.
using Index = std::int64_t;

/// The class of a sample, counted from 0.
using Label = std::uint8_t;

/// The shape of an image or of an activation of one sample. Memory is ordered
/// [row][column][channel], and several samples follow one another (NHWC).
///
/// @code
/// constexpr convoy::Shape kColour{.height = 32, .width = 32, .channels = 3};
/// static_assert(kColour.size() == 3072);
/// @endcode
struct Shape {
  Index height = 1;    ///< rows
  Index width = 1;     ///< columns
  Index channels = 1;  ///< numbers of a pixel

  /// Numbers in one sample.
  constexpr Index size() const { return height * width * channels; }
  friend constexpr bool operator==(const Shape&, const Shape&) = default;
};

}  // namespace convoy
