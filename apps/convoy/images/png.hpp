// SPDX-License-Identifier: Apache-2.0
// A PNG file in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "internal.hpp"

namespace convoy::app {

// `pixels` [height][width][channels] of 1 channel (grey) or 3 (red, green, blue).
std::string png_of(const Shape& shape, std::span<const std::uint8_t> pixels);

}  // namespace convoy::app
