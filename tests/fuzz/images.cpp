// SPDX-License-Identifier: Apache-2.0
// Pictures of convoy predict: PNG, PGM, PPM and IDX files, for a grey model and for a coloured one.
#include "images/images.hpp"
#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  const MemoryFile file(input);
  bool taken = false;
  for (const Shape shape : {Shape{3, 5, 1}, Shape{3, 5, 3}}) {
    for (const std::optional<Index> index : {std::optional<Index>(), std::optional<Index>(1)}) {
      taken |= reads([&] {
        for (const app::Image& image : app::read_images(file.path(), shape, index)) {
          if (static_cast<Index>(image.pixels.size()) != shape.size()) report("pixels are missing");
        }
      });
    }
  }
  return taken;
}
