// SPDX-License-Identifier: Apache-2.0
// Files that hold several images of one shape, read one image after the other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "images/buffered_file.hpp"
#include "images/image_file.hpp"

namespace convoy::app {

class ImageSeries {
 public:
  virtual ~ImageSeries() = default;
  virtual const std::string& name() const = 0;  // of the file, for messages
  virtual Index count() const = 0;              // at least 1
  virtual Shape shape() const = 0;              // of each image, within PictureLimits
  // Reads the next image: its numbers and is_by_columns. Called count() times at most.
  virtual void read(StoredImage& image) = 0;
  // Checks that nothing follows the last image.
  virtual void expect_end() = 0;
};

// IDX, .npy, or CIFAR; null where the file is none of these. The size of the content is compared
// with what the header states. Errors are those of ImageFile.
std::unique_ptr<ImageSeries> open_series(std::unique_ptr<BufferedFile> file);

// Of an .npz archive: the array test_images or x_test, or else the only one that can hold images
// (3 or 4 dimensions); with the labels that belong to the first two. `name` stands for the file in
// messages.
std::unique_ptr<ImageSeries> open_npz(const std::filesystem::path& file, const std::string& name);

// All images of a series, or number `wanted`; throws UserError(usage) where there is none of it.
std::unique_ptr<ImageFile> selected(std::unique_ptr<ImageSeries> series,
                                    std::optional<Index> wanted);

}  // namespace convoy::app
