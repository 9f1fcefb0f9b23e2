// SPDX-License-Identifier: Apache-2.0
#include "images/png.hpp"

#include <png.h>

namespace convoy::app {

std::string png_of(const Shape& shape, std::span<const std::uint8_t> pixels) {
  CONVOY_ASSERT(static_cast<Index>(pixels.size()) == shape.size());
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(shape.width);
  image.height = static_cast<png_uint_32>(shape.height);
  image.format = shape.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::string file(PNG_IMAGE_PNG_SIZE_MAX(image), '\0');
  png_alloc_size_t size = file.size();
  if (!png_image_write_to_memory(&image, file.data(), &size, 0, pixels.data(), 0, nullptr)) {
    throw SystemError(Fault::io, "png_image_write_to_memory", "an image", image.message);
  }
  file.resize(size);
  return file;
}

}  // namespace convoy::app
