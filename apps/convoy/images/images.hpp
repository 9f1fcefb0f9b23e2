// SPDX-License-Identifier: Apache-2.0
// Reads pictures for a model: those of data/picture/picture.hpp, and IDX files, each as it is or
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
// model that reads `shape`, by the rules of data/picture/picture.hpp. A picture of another size is
// refused before memory is allocated for it, and so are bytes behind the images of an IDX file.
// Throws UserError(not_found | bad_data | usage | unavailable) and Error(io).
std::vector<Image> read_images(const std::string& file, const Shape& shape,
                               std::optional<Index> index);

}  // namespace convoy::app
