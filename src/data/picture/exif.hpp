// SPDX-License-Identifier: Apache-2.0
// The orientation of a picture in its EXIF data (CIPA DC-008, Exif 2.32, 4.6.4: tag 0x0112).
#pragma once

#include <cstdint>
#include <span>

#include "data/picture/picture.hpp"

namespace convoy {

// Reads the tag Orientation of the first directory (IFD0) of EXIF data, which begin with the TIFF
// header ("II" or "MM"). Returns 1 to 8; 1, upright, where the data lack the tag or are damaged.
int exif_orientation(std::span<const std::uint8_t> tiff);

// Turns and mirrors a picture so that it is upright. The value says where the stored row 0 and
// column 0 belong: 1 top left, 2 top right, 3 bottom right, 4 bottom left, 5 left top, 6 right top,
// 7 right bottom, 8 left bottom (of which 5 to 8 swap height and width).
Picture upright(Picture picture, int orientation);

}  // namespace convoy
