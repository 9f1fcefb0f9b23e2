// SPDX-License-Identifier: Apache-2.0
// Pictures (PNG, JPEG, WebP, PGM, PPM), decoded as grey and as RGB and resized in every way.
#include "data/picture/picture.hpp"

#include "data/picture/resize.hpp"
#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  constexpr PictureLimits kLimits{.most_pixels = 1 << 20, .most_side = 1 << 14};
  const std::string name = "picture";
  const PictureFile file{input, name};
  bool taken = true;
  for (const Index channels : {1, 3}) {
    taken &= reads([&] {
      const Extent size = picture_size(file, kLimits);
      const Picture picture = decode_picture(file, channels, kLimits);
      if (picture.shape != Shape{size.height, size.width, channels}) report("another size");
      if (static_cast<Index>(picture.pixels.size()) != picture.shape.size()) report("other pixels");
      for (const Resize how : {Resize::stretch, Resize::fit, Resize::crop}) {
        const Picture small = resized(picture, {5, 9}, how);
        if (static_cast<Index>(small.pixels.size()) != 45 * channels) report("resized otherwise");
      }
    });
  }
  return taken;
}
