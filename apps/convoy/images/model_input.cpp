// SPDX-License-Identifier: Apache-2.0
#include "images/model_input.hpp"

#include <fmt/format.h>

#include <mutex>
#include <utility>

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

}  // namespace

std::vector<std::uint8_t> model_input(StoredImage image, const std::string& name,
                                      const InputRule& rule) {
  const Shape& wanted = rule.shape;
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
  if (picture.shape == wanted) return std::move(picture.pixels);
  return resized(picture, {wanted.height, wanted.width}, rule.resize).pixels;
}

}  // namespace convoy::app
