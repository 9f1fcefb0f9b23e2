// SPDX-License-Identifier: Apache-2.0
// Images and labels as readers of arrays give them, and the two parts of a data set that are made
// of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.hpp"

namespace convoy {

struct ImageArray {
  Index count = 0;
  Shape shape;
  std::vector<std::uint8_t> pixels;  // [count][height][width][channels]
};

// Labels, and where they stand in their file: label i begins at byte `header` + i * `bytes`.
struct LabelArray {
  std::vector<Label> labels;
  std::size_t header = 0;
  std::size_t bytes = 1;
};

// The images and labels of one part, and the names of their files for messages.
struct PartArrays {
  ImageArray images;
  LabelArray labels;
  std::string images_name, labels_name;
};

struct Parts {
  Dataset train;
  Dataset test;
  std::vector<std::string> notes = {};  // as in TrainAndTest
};

// `classes` 0 means as many as the labels of both parts need, at least 2. `names_file` is the file
// that names the classes, if there is one, for the message about a label without a name. Throws
// UserError(bad_data) where images and labels are not equally many, a label is not below the number
// of classes, or the two parts have images of different shapes.
Parts make_parts(PartArrays train, PartArrays test, Index classes,
                 const std::filesystem::path& names_file);

}  // namespace convoy
