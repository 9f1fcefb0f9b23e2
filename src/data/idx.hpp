// SPDX-License-Identifier: Apache-2.0
// IDX, the format of MNIST and of the sets that follow it; plain or gzip. All integers are
// big-endian, those of the header have 32 bits:
//   images  0x00000803, count, rows, columns, then count * rows * columns bytes
//   labels  0x00000801, count, then count bytes
//           0x00000B01 the same with count signed integers of 16 bits, 0x00000C01 of 32 bits
//   images of several channels  0x00000804, count, rows, columns, channels, then
//           count * rows * columns * channels bytes
//   extended labels of QMNIST  0x00000C02, count, 8, then count rows of 8 signed integers of 32
//           bits; the first of each row is the class, and the others are not read
// A file whose size differs from what its header states throws UserError(bad_data), before anything
// larger than the file's content is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/parts.hpp"

namespace convoy {

// The header of a file of images.
struct IdxHeader {
  Index count = 0;
  Shape shape;
  std::size_t bytes = 0;  // of the header; the pixels follow: [count][height][width][channels]
};
inline constexpr std::size_t kLongestIdxHeader = 20;
// `beginning`: the first kLongestIdxHeader bytes of a file, or all of a shorter one. Returns
// nothing where they are no header of images: unsigned bytes of 3 dimensions (count, rows,
// columns), or of 4 (these and channels).
std::optional<IdxHeader> parse_idx_header(std::span<const std::uint8_t> beginning);

ImageArray read_idx_images(const std::filesystem::path& file);
inline constexpr std::size_t kQmnistColumns = 8;
// `columns`: 1, or kQmnistColumns for extended labels.
LabelArray read_idx_labels(const std::filesystem::path& file, std::size_t columns = 1);

struct IdxFiles {
  std::filesystem::path images;
  std::filesystem::path labels;
  std::size_t label_columns = 1;
};

// Reads both parts of a set and makes them fit each other (make_parts()).
Parts read_idx(const IdxFiles& train, const IdxFiles& test, Index classes,
               const std::filesystem::path& names_file = {}, const DataOptions& options = {});

}  // namespace convoy
