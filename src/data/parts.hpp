// SPDX-License-Identifier: Apache-2.0
// Images and labels as readers of arrays give them, and the two parts of a data set that are made
// of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.hpp"

namespace convoy {

// Images are bytes, or floats if `floats` is not empty.
struct ImageArray {
  Index count = 0;
  Shape shape;
  std::vector<std::uint8_t> pixels;  // [count][height][width][channels]
  std::vector<float> floats = {};    // the same
  bool is_dim = false;               // of an array of floating-point numbers: none is above 1
};

// Exchanges rows and columns of every image.
void transpose(ImageArray& images);

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

// `validation`: those that the set itself holds out.
struct SetArrays {
  PartArrays train;
  PartArrays test;
  std::optional<PartArrays> validation = {};
};

struct Parts {
  Dataset train;
  Dataset test;
  std::vector<std::string> notes = {};         // as in TrainAndTest
  std::vector<std::uint32_t> validation = {};  // likewise
};

// Transposes images and counts labels from the first one, as `options` say, and puts the set's
// validation images behind its training images. `classes` 0 means as many as the labels of all
// parts need, at least 2. `names_file` is the file that names the classes, if there is one, for the
// message about a label without a name. Throws UserError(bad_data) where images and labels are not
// equally many, a label is below the first one or not below the number of classes, or the parts
// have images of different shapes; UserError(usage) where set and options both hold images out.
Parts make_parts(SetArrays arrays, Index classes, const std::filesystem::path& names_file,
                 const DataOptions& options);

// Throws UserError(usage) where the options say how arrays are stored: in this format, that does
// not depend on anything.
void refuse_array_options(const DataOptions& options, std::string_view format);
// The same where they say which pictures become test images: in data that state it themselves.
void refuse_test_fraction(const DataOptions& options, std::string_view name);

}  // namespace convoy
