// SPDX-License-Identifier: Apache-2.0
// IDX files of images, of labels, and of QMNIST's extended labels.
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
  const bool extended = reads([&] { read_idx_labels(file.path(), kQmnistColumns); });
  if (images + labels + extended > 1) report("one file is read as two kinds");
  return images || labels || extended;
}
