// SPDX-License-Identifier: Apache-2.0
#include "images/model_input.hpp"

#include <fmt/format.h>

#include <mutex>
#include <utility>

#include "data/parts.hpp"
#include "data/picture/picture.hpp"

namespace convoy::app {
namespace {

bool is_grey_or_rgb(Index channels) {
  return channels == 1 || channels == 3;
}

void check_channels(const std::string& name, Index channels, const Shape& wanted) {
  if (!is_grey_or_rgb(wanted.channels)) {
    refuse_image(name, fmt::format("the model reads {} channels", wanted.channels),
                 "give images of that shape in a .npy or IDX file; only models that read grey or "
                 "RGB can predict others");
  }
  if (!is_grey_or_rgb(channels))
    refuse_image(name, fmt::format("it has {} channels", channels), "use a grey or RGB picture");
}

Picture decoded(const StoredImage& image, const std::string& name, Index channels) {
  constexpr Index kLarge = 8'000'000;  // pixels
  static std::mutex large_pictures;
  const PictureFile file{image.bytes, name};
  const Extent size = picture_size(file);
  std::unique_lock one_at_a_time(large_pictures, std::defer_lock);
  if (size.height * size.width > kLarge) one_at_a_time.lock();
  return decode_picture(file, channels);
}

// Such numbers have no smallest and largest value, and no rule for their mean that pictures share.
std::vector<float> check_floats(std::vector<float> floats, const Shape& shape,
                                const std::string& name, const InputRule& rule) {
  if (rule.invert)
    throw UserError(Fault::usage, fmt::format("--invert does not fit {}", printable(name)),
                    "its pixels are no bytes, so it is not known what white is",
                    "invert them where you made the file");
  if (shape == rule.shape) return floats;
  refuse_image(
      name,
      fmt::format("its images are {} (height x width x channels) of floating-point numbers; "
                  "the model reads {}",
                  to_string(shape), to_string(rule.shape)),
      "write images of that size, or bytes, which are resized");
}

// Where the image is stored by columns.
void transpose(StoredImage& image) {
  ImageArray array{1, image.shape, std::move(image.bytes), std::move(image.floats)};
  transpose(array);
  image.shape = array.shape;
  image.bytes = std::move(array.pixels);
  image.floats = std::move(array.floats);
}

}  // namespace

Pixels model_input(StoredImage image, const std::string& name, const InputRule& rule) {
  const Shape& wanted = rule.shape;
  if (image.is_by_columns && rule.transpose.value_or(*image.is_by_columns)) transpose(image);
  if (!image.floats.empty())
    return {{}, check_floats(std::move(image.floats), image.shape, name, rule)};
  Picture picture{image.shape, {}};
  if (image.is_picture) {
    check_channels(name, 1, wanted);
    picture = decoded(image, name, wanted.channels);
  } else {
    picture.pixels = std::move(image.bytes);
    if (image.shape != wanted) {
      check_channels(name, image.shape.channels, wanted);
      picture = with_channels(std::move(picture), wanted.channels);
    }
  }
  if (rule.invert) {
    for (std::uint8_t& value : picture.pixels) value = static_cast<std::uint8_t>(255 - value);
  }
  if (picture.shape != wanted)
    picture = resized(picture, {wanted.height, wanted.width}, rule.resize);
  return {std::move(picture.pixels), {}};
}

}  // namespace convoy::app
