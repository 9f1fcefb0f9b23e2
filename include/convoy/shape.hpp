// SPDX-License-Identifier: Apache-2.0
/// @file
/// Sizes and shapes.
#pragma once

#include <cstdint>

namespace convoy {

/// A count or a position.
using Index = std::int64_t;

/// The class of a sample, counted from 0.
using Label = std::uint16_t;

/// The most classes that a data set or a network may have: as many as a Label has values.
inline constexpr Index kMostClasses = 65536;

/// The shape of an image or of the activation of one sample. Values lie in memory as
/// [row][column][channel], and samples follow one another (NHWC).
///
/// @code
/// constexpr convoy::Shape kColour{.height = 32, .width = 32, .channels = 3};
/// static_assert(kColour.size() == 3072);
/// @endcode
struct Shape {
  Index height = 1;    ///< rows
  Index width = 1;     ///< columns
  Index channels = 1;  ///< values per pixel

  /// The number of values in one sample.
  constexpr Index size() const { return height * width * channels; }
  /// Whether all three sizes are equal.
  friend constexpr bool operator==(const Shape&, const Shape&) = default;
};

}  // namespace convoy
