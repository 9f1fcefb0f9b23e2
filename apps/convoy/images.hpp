// SPDX-License-Identifier: Apache-2.0
// Pictures as a model reads them: PNG, PGM and PPM (plain or binary), IDX (plain or gzip).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "convoy/convoy.hpp"

namespace convoy::app {

struct Image {
  std::filesystem::path file;
  std::optional<Index> index;        // in an IDX file
  std::vector<std::uint8_t> pixels;  // [height][width][channels] of the shape asked for
};

// All images of a file, or number `index` of an IDX file, for a model that reads `shape`. Bytes are
// taken as they are (no gamma); grey becomes R = G = B, and RGB grey by (299 R + 587 G + 114 B) /
// 1000, rounded. A picture of another size is refused before any memory is taken for it. Throws
// UserError(not_found | bad_data | usage).
std::vector<Image> read_images(const std::filesystem::path& file, const Shape& shape,
                               std::optional<Index> index);

}  // namespace convoy::app
