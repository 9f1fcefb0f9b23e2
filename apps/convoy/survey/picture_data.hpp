// SPDX-License-Identifier: Apache-2.0
// The images of any data set with their classes and parts, one at a time and in their own size:
// pictures of class folders and lists, or images of arrays.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/picture/picture.hpp"
#include "data/pictures/listing.hpp"
#include "internal.hpp"

namespace convoy::app {

// The numbers of one image; bytes have their values from 0 to 255, as numbers of arrays of floats
// have theirs.
struct SurveyedImage {
  Shape shape;
  std::vector<std::uint8_t> bytes;  // of pictures
  std::span<const std::uint8_t> stored_bytes;
  std::span<const float> floats;  // of a set of floats

  std::span<const std::uint8_t> u8() const { return bytes.empty() ? stored_bytes : bytes; }
  bool are_floats() const { return !floats.empty(); }
};

class PictureData {
 public:
  // Takes what --data takes; `keys` say how arrays are stored. Throws as load_data(),
  // list_class_folders() and list_file() do, and UserError(usage) for such keys with pictures.
  explicit PictureData(const std::string& name, const InputFiles& keys = {});
  ~PictureData();
  PictureData(PictureData&&) noexcept;
  PictureData& operator=(PictureData&&) = delete;

  const std::string& name() const;            // "mnist", or that of the folder or file
  const std::filesystem::path& path() const;  // empty for data that is made in memory
  const std::vector<std::string>& classes() const;
  const std::vector<std::string>& notes() const;
  // Whether the images may have different sizes, and are resized to the model's input.
  bool are_pictures() const;

  std::size_t size() const;
  Label label(std::size_t image) const;
  PicturePart part(std::size_t image) const;
  // "train/cat/1.png", or "test image 7".
  std::string title(std::size_t image) const;
  // Pictures have 3 channels. Throws UserError where a picture cannot be read. Thread-safe.
  SurveyedImage image(std::size_t image) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace convoy::app
