// SPDX-License-Identifier: Apache-2.0
// IDX, the format of MNIST and Fashion-MNIST; plain or gzip. All integers are big-endian, 32 bits:
//   images  0x00000803, count, rows, columns, then count * rows * columns bytes
//   labels  0x00000801, count, then count bytes
// A file that does not hold exactly what its header states throws UserError(bad_data), before
// anything larger than the file's content is allocated.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.hpp"

namespace convoy {

struct IdxImages {
  Index count = 0;
  Shape shape;
  std::vector<std::uint8_t> pixels;
};
IdxImages read_idx_images(const std::filesystem::path& file);

std::vector<Label> read_idx_labels(const std::filesystem::path& file);

struct IdxFiles {
  std::filesystem::path images;
  std::filesystem::path labels;
};

struct IdxParts {
  Dataset train;
  Dataset test;
};

// `classes` 0: as many as the labels of both parts show, at least 2. `names` may be empty;
// `names_file` is where they stand, for the message about a label beyond them.
IdxParts read_idx(const IdxFiles& train, const IdxFiles& test, Index classes,
                  const std::vector<std::string>& names,
                  const std::filesystem::path& names_file = {});

}  // namespace convoy
