// SPDX-License-Identifier: Apache-2.0
#include <webp/decode.h>

#include <fmt/format.h>

#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "data/picture/exif.hpp"
#include "data/picture/webp.hpp"

namespace convoy {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::size_t little_endian(Bytes bytes, std::size_t at) {
  return std::size_t{bytes[at]} | std::size_t{bytes[at + 1]} << 8 |
         std::size_t{bytes[at + 2]} << 16 | std::size_t{bytes[at + 3]} << 24;
}

// Of the first chunk EXIF; a chunk is its name, its length, and its data, padded to an even length.
int orientation_of(Bytes bytes) {
  constexpr std::size_t kRiffHeader = 12, kChunkHeader = 8;
  std::size_t at = kRiffHeader;
  while (at < bytes.size() && bytes.size() - at >= kChunkHeader) {
    const std::size_t length = little_endian(bytes, at + 4);
    if (length > bytes.size() - at - kChunkHeader) break;
    if (std::memcmp(bytes.data() + at, "EXIF", 4) == 0) {
      Bytes data = bytes.subspan(at + kChunkHeader, length);
      // Some programs put JPEG's mark before the data.
      if (length >= 6 && std::memcmp(data.data(), "Exif\0\0", 6) == 0) data = data.subspan(6);
      return exif_orientation(data);
    }
    at += kChunkHeader + length + length % 2;
  }
  return 1;
}

// Throws std::bad_alloc where the memory that decoding may take (picture.hpp) is not there.
void check_memory(const PictureHeader& header) {
  constexpr Index kBytesOfPixel = 10;
  const auto bytes = static_cast<std::size_t>(header.height * header.width * kBytesOfPixel);
  ::operator delete(::operator new(bytes));
}

[[noreturn]] void refuse(const PictureFile& file, VP8StatusCode status,
                         const PictureHeader& header = {}) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:  // 1.5 and 1.6 say so of some damaged files, too
      check_memory(header);
      refuse_picture(file, "WebP: its data are damaged");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      refuse_picture(file, "WebP: it ends too early");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      refuse_picture(file, "WebP: libwebp does not support a feature of it",
                     "convert it to PNG, for example");
    default:
      refuse_picture(file, "WebP: its data are damaged");
  }
}

PictureHeader header_of(const PictureFile& file) {
  WebPBitstreamFeatures features{};
  const auto status = WebPGetFeatures(file.bytes.data(), file.bytes.size(), &features);
  if (status != VP8_STATUS_OK) refuse(file, status);
  if (features.has_animation) {
    refuse_picture(file, "it is an animation", "give a single picture, for example the first one");
  }
  return {features.height, features.width, orientation_of(file.bytes)};
}

StoredPicture decode(const PictureFile& file, Index /*channels*/, const PictureLimits& limits,
                     PixelMemory memory) {
  const PictureHeader header = header_of(file);
  check_limits(file, header, limits);
  const Shape shape{header.height, header.width, 3};
  memory.assign(static_cast<std::size_t>(shape.size()), 0);

  WebPDecoderConfig config{};
  if (!WebPInitDecoderConfig(&config)) refuse_picture(file, "libwebp has another version");
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = memory.data();
  config.output.u.RGBA.stride = static_cast<int>(3 * header.width);
  config.output.u.RGBA.size = memory.size();
  const auto status = WebPDecode(file.bytes.data(), file.bytes.size(), &config);
  if (status != VP8_STATUS_OK) refuse(file, status, header);
  return {{shape, std::move(memory)}, header.orientation};
}

std::string version() {
  const auto number = static_cast<unsigned>(WebPGetDecoderVersion());
  return fmt::format("{}.{}.{}", number >> 16, number >> 8 & 0xFF, number & 0xFF);
}

}  // namespace

const PictureDecoder kWebpDecoder{"libwebp", header_of, decode, true, version};

}  // namespace convoy
