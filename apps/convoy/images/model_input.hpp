// SPDX-License-Identifier: Apache-2.0
// Images of any size as a model reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/picture/resize.hpp"
#include "images/image_file.hpp"

namespace convoy::app {

struct InputRule {
  Shape shape;  // of the model's input
  Resize resize = Resize::stretch;
  std::optional<bool> transpose = {};  // of the model: whether arrays are stored by columns
  bool invert = false;
};

// Numbers of one image, [height][width][channels]; bytes, or floats if `floats` is not empty.
struct Pixels {
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats;
};

// The pixels of `rule.shape`. The steps, in this order: a picture is decoded; an image that is
// stored by columns is transposed; grey becomes colours or the reverse, where the model reads the
// other one; with `invert`, v becomes 255 - v; the image is resized. An image that has the shape
// already is only transposed and inverted; one of floats must have it. `name` is the file's, for
// messages. Throws the errors of decode_picture(), UserError(bad_data) where shapes differ of which
// one has neither 1 nor 3 channels, or of an image of floats, and UserError(usage) where floats
// should be inverted. Thread-safe: large pictures are decoded one after the other, because each
// takes much memory.
Pixels model_input(StoredImage image, const std::string& name, const InputRule& rule);

}  // namespace convoy::app
