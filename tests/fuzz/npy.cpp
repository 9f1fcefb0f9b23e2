// SPDX-License-Identifier: Apache-2.0
// Arrays of NumPy as images and as labels.
#include "data/npy.hpp"

#include "data/data_file.hpp"
#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  const MemoryFile file(input);
  const bool images = reads([&] {
    DataFile content(file.path());
    const ImageArray read = read_npy_images(content);
    const auto numbers = static_cast<std::size_t>(read.count * read.shape.size());
    if (read.pixels.size() + read.floats.size() != numbers) report("pixels are missing");
    if (!read.pixels.empty() && !read.floats.empty()) report("pixels are bytes and floats");
  });
  const bool labels = reads([&] {
    DataFile content(file.path());
    read_npy_labels(content);
  });
  if (images && labels) report("one file is read as images and as labels");
  return images || labels;
}
