// SPDX-License-Identifier: Apache-2.0
#include "data/picture/exif.hpp"

namespace convoy {
namespace {

// Unsigned numbers of a TIFF file, in its order of bytes. Numbers beyond its end are 0.
struct Tiff {
  std::span<const std::uint8_t> bytes;
  bool is_little_endian;

  std::uint32_t byte(std::size_t at) const { return at < bytes.size() ? bytes[at] : 0u; }
  std::uint32_t u16(std::size_t at) const {
    return is_little_endian ? byte(at) | byte(at + 1) << 8 : byte(at) << 8 | byte(at + 1);
  }
  std::uint32_t u32(std::size_t at) const {
    return is_little_endian ? u16(at) | u16(at + 2) << 16 : u16(at) << 16 | u16(at + 2);
  }
};

}  // namespace

int exif_orientation(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kHeader = 8, kEntry = 12;
  constexpr std::uint32_t kMagic = 42, kOrientation = 0x0112, kShort = 3;
  if (bytes.size() < kHeader || bytes[0] != bytes[1] || (bytes[0] != 'I' && bytes[0] != 'M')) {
    return 1;
  }
  const Tiff tiff{bytes, bytes[0] == 'I'};
  if (tiff.u16(2) != kMagic) return 1;
  const std::size_t directory = tiff.u32(4);
  const std::size_t entries = tiff.u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntry;
    if (entry + kEntry > bytes.size()) return 1;
    if (tiff.u16(entry) != kOrientation) continue;
    const std::uint32_t value = tiff.u16(entry + 8);
    const bool is_valid =
        tiff.u16(entry + 2) == kShort && tiff.u32(entry + 4) == 1 && value >= 1 && value <= 8;
    return is_valid ? static_cast<int>(value) : 1;
  }
  return 1;
}

Picture upright(Picture picture, int orientation) {
  if (orientation <= 1 || orientation > 8) return picture;
  const bool swaps = orientation >= 5;
  const bool mirrors_rows = orientation % 4 == 3 || orientation % 4 == 0;     // of the result
  const bool mirrors_columns = orientation % 4 == 2 || orientation % 4 == 3;  // likewise
  const auto [height, width, channels] = picture.shape;
  Picture result{
      {swaps ? width : height, swaps ? height : width, channels}, {}, picture.lost_colour};
  result.pixels.resize(picture.pixels.size());

  // How far apart in the result are two neighbours of a column, and two of a row, of the result.
  const Index down = (mirrors_rows ? -1 : 1) * result.shape.width * channels;
  const Index right = (mirrors_columns ? -1 : 1) * channels;
  const Index first = (mirrors_rows ? (1 - result.shape.height) * down : 0) +
                      (mirrors_columns ? (1 - result.shape.width) * right : 0);
  const Index next_row = swaps ? right : down, next_column = swaps ? down : right;
  const std::uint8_t* from = picture.pixels.data();
  for (Index y = 0; y < height; ++y) {
    std::uint8_t* to = result.pixels.data() + first + y * next_row;
    for (Index x = 0; x < width; ++x) {
      for (Index c = 0; c < channels; ++c) to[x * next_column + c] = *from++;
    }
  }
  return result;
}

}  // namespace convoy
