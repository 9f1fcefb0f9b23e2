// SPDX-License-Identifier: Apache-2.0
// The images of convoy predict: pictures, IDX, .npy, .npz and CIFAR files, for a grey model and for
// a coloured one.
#include "data/picture/picture.hpp"
#include "images/image_file.hpp"
#include "images/model_input.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace convoy;

// A picture of the default limits would take longer than a fuzzer waits.
bool is_small(const app::StoredImage& image) {
  constexpr Index kMost = 1 << 18;
  if (!image.is_picture) return image.shape.size() <= kMost;
  const std::string name = "a picture";
  const Extent size = picture_size({image.bytes, name});
  return size.height * size.width <= kMost;
}

}  // namespace

bool convoy::fuzz::takes(Input input) {
  const MemoryFile file(input);
  bool taken = false;
  for (const Shape shape : {Shape{3, 5, 1}, Shape{3, 5, 3}}) {
    for (const std::optional<Index> index : {std::optional<Index>(), std::optional<Index>(1)}) {
      taken |= reads([&] {
        const auto images = app::open_image_file(file.path(), index);
        app::StoredImage image;
        for (int i = 0; i < 100 && images->next(image); ++i) {
          if (!is_small(image)) continue;
          const app::InputRule rule{.shape = shape, .invert = i % 2 == 1};
          const auto pixels = app::model_input(image, "the input", rule);
          if (static_cast<Index>(pixels.bytes.size() + pixels.floats.size()) != shape.size())
            report("pixels are missing");
        }
      });
    }
  }
  return taken;
}
