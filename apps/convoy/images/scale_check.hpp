// SPDX-License-Identifier: Apache-2.0
// Whether the numbers of images fit the scale by which a model multiplies them.
#pragma once

#include <optional>
#include <string>

#include "images/image_reader.hpp"

namespace convoy::app {

// A checkpoint does not say whether its training images were bytes or floats. So this goes by the
// numbers: floats of which none is above 1, where the model divides by 255; and bytes that the
// model leaves far from 0, as one does that was trained on floats from 0 to 1.
class ScaleCheck {
 public:
  explicit ScaleCheck(const Normalization& normalization);

  // What is doubtful about the image, a sentence; once for each file of several images, and once
  // for all pictures.
  std::optional<std::string> doubt(const Image& image);

 private:
  bool is_new(const Image& image);

  double scale_;
  bool leaves_bytes_large_;
  std::string warned_of_;  // the file of the last warning
  bool has_warned_of_pictures_ = false;
};

}  // namespace convoy::app
