// SPDX-License-Identifier: Apache-2.0
#include "images/images.hpp"

#include <fmt/format.h>

#include <array>
#include <span>

#include "data/idx.hpp"
#include "data/picture/picture.hpp"
#include "images/picture_stream.hpp"

namespace convoy::app {
namespace {

constexpr const char* kFormats = "give a PNG, JPEG, WebP, PGM, PPM or IDX file";

[[noreturn]] void refuse(const std::string& file, std::string_view why, std::string_view remedy) {
  throw UserError(Fault::bad_data, fmt::format("cannot use {}", file), why, remedy);
}

// "1 byte follows", "at least 1073741824 bytes follow": the number of remaining bytes.
std::string rest_of(PictureStream& stream) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 30;
  const std::uint64_t bytes = stream.rest(kMost);
  if (bytes == 0) return "";
  if (bytes == 1) return "1 byte follows";
  return fmt::format("{}{} bytes follow", bytes == kMost ? "at least " : "", bytes);
}

void check_size(const std::string& file, Index height, Index width, const Shape& shape) {
  if (height == shape.height && width == shape.width) return;
  refuse(file,
         fmt::format("it has {} x {} pixels (height x width); the model reads {} x {}", height,
                     width, shape.height, shape.width),
         fmt::format("resize it first, for example: convert IN -resize {}x{}! OUT.png", shape.width,
                     shape.height));
}

void check_channels(const std::string& file, const Shape& shape) {
  if (shape.channels == 1 || shape.channels == 3) return;
  refuse(file, fmt::format("the model reads {} channels", shape.channels),
         "only models that read grey or RGB can predict pictures");
}

// The rest of a file of one picture.
std::vector<std::uint8_t> rest_in_memory(PictureStream& stream) {
  constexpr std::size_t kChunk = std::size_t{64} << 10;
  std::vector<std::uint8_t> bytes;
  std::size_t size = 0;
  do {
    bytes.resize(size + kChunk);
    size += stream.read(std::span(bytes).subspan(size));
  } while (size == bytes.size() && size <= kMostPictureBytes);
  if (size > kMostPictureBytes) {
    refuse(stream.name(),
           fmt::format("it has more than {} bytes, the most of a picture", kMostPictureBytes),
           "make the picture smaller");
  }
  bytes.resize(size);
  return bytes;
}

std::vector<std::uint8_t> read_picture(PictureStream& stream, const Shape& shape) {
  const std::vector<std::uint8_t> bytes = rest_in_memory(stream);
  const PictureFile file{bytes, stream.name()};
  const Extent size = picture_size(file);
  check_size(stream.name(), size.height, size.width, shape);
  check_channels(stream.name(), shape);
  return decode_picture(file, shape.channels).pixels;
}

std::vector<Image> read_idx(PictureStream& stream, const std::string& file, const Shape& shape,
                            std::optional<Index> wanted) {
  const std::string& path = stream.name();
  const auto header = parse_idx_header(stream.beginning(kLongestIdxHeader));
  if (!header) {
    refuse(path, "not an IDX file of images (unsigned bytes, 3 or 4 dimensions)", kFormats);
  }
  std::array<std::uint8_t, kLongestIdxHeader> taken{};
  stream.read(std::span(taken).first(header->bytes));
  const Index count = header->count, channels = header->shape.channels;
  check_size(path, header->shape.height, header->shape.width, shape);
  if (channels != 1 && channels != 3) {
    refuse(path, fmt::format("it has {} channels", channels), "use a grey or RGB picture");
  }
  check_channels(path, shape);
  if (count == 0) refuse(path, "it holds no images", "write at least one");
  if (wanted && *wanted >= count) {
    throw UserError(Fault::usage, fmt::format("--index {} is past the end", *wanted),
                    fmt::format("{} holds {} images, counted from 0", path, count),
                    "choose a smaller number");
  }
  std::vector<Image> images;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(shape.height * shape.width * channels));
  for (Index i = 0; i < count; ++i) {
    if (stream.read(pixels) != pixels.size()) {
      refuse(path, fmt::format("it ends in image {} of {}", i, count), "get the file again");
    }
    if (!wanted || i == *wanted) {
      const Picture converted = with_channels({header->shape, pixels}, shape.channels);
      images.push_back({file, i, converted.pixels});
    }
  }
  if (const std::string rest = rest_of(stream); !rest.empty()) {
    refuse(path, fmt::format("{} its {} images", rest, count), "get the file again");
  }
  return images;
}

}  // namespace

std::vector<Image> read_images(const std::string& file, const Shape& shape,
                               std::optional<Index> index) {
  PictureStream stream(file);
  const auto magic = stream.beginning(kPictureSignature);
  if (magic.size() >= 4 && magic[0] == 0 && magic[1] == 0) {
    return read_idx(stream, file, shape, index);
  }
  if (index) {
    throw UserError(Fault::usage, "--index needs an IDX file",
                    fmt::format("{} holds one image", stream.name()), "leave --index out");
  }
  if (picture_format(magic)) return {{file, std::nullopt, read_picture(stream, shape)}};
  refuse(stream.name(), "unsupported image format", kFormats);
}

}  // namespace convoy::app
