// SPDX-License-Identifier: Apache-2.0
// Reads pictures for a model: PNG, PGM and PPM (plain or binary) and IDX, each as it is or
// gzip-compressed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "internal.hpp"

namespace convoy::app {

inline constexpr const char* kStandardInput = "-";

struct Image {
  std::string file;                  // as given
  std::optional<Index> index;        // in an IDX file
  std::vector<std::uint8_t> pixels;  // [height][width][channels] of the requested shape
};

// Reads all images of a file (or of standard input, "-"), or number `index` of an IDX file, for a
// model that reads `shape`. Bytes are taken as they are (no gamma). Grey becomes R = G = B; RGB
// becomes grey by (299 R + 587 G + 114 B) / 1000, rounded. A value v of a picture with the maximum
// value m becomes 255 v / m, rounded to the nearest; 16-bit PNG has m = 65535. A picture of another
// size is refused before memory is allocated for it. A picture with bytes after its last pixel is
// refused, because they may mean that its raster begins elsewhere. Throws UserError(not_found |
// bad_data | usage) and Error(io).
std::vector<Image> read_images(const std::string& file, const Shape& shape,
                               std::optional<Index> index);

}  // namespace convoy::app
