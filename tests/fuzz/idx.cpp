// SPDX-License-Identifier: Apache-2.0
// IDX files of images and of labels.
#include "data/idx.hpp"

#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  const MemoryFile file(input);
  const bool images = reads([&] {
    const ImageArray read = read_idx_images(file.path());
    if (static_cast<Index>(read.pixels.size()) != read.count * read.shape.size()) {
      report("pixels are missing");
    }
  });
  const bool labels = reads([&] { read_idx_labels(file.path()); });
  if (images && labels) report("one file is read as images and as labels");
  return images || labels;
}
