// SPDX-License-Identifier: Apache-2.0
// Images of any size as a model reads them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/picture/resize.hpp"
#include "images/image_file.hpp"

namespace convoy::app {

struct InputRule {
  Shape shape;  // of the model's input
  Resize resize = Resize::stretch;
  bool invert = false;
};

// The pixels [height][width][channels] of `rule.shape`. The steps, in this order: a picture is
// decoded; grey becomes colours or the reverse, where the model reads the other one; with `invert`,
// v becomes 255 - v; the picture is resized. An image that has the shape already is only inverted.
// `name` is the file's, for messages. Throws the errors of decode_picture(), and
// UserError(bad_data) where one of the two shapes has neither 1 nor 3 channels and they differ.
// Thread-safe: large pictures are decoded one after the other, because each takes much memory.
std::vector<std::uint8_t> model_input(StoredImage image, const std::string& name,
                                      const InputRule& rule);

}  // namespace convoy::app
