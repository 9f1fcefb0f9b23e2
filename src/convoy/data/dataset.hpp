// SPDX-License-Identifier: Apache-2.0
// Labelled images as bytes in memory. Immutable, cheap to copy (copies share the memory), and safe
// to read from any number of threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "convoy/base/tensor.hpp"

namespace convoy {

class Dataset {
 public:
  Dataset() = default;

  // Over memory that the caller owns and keeps alive and unchanged.
  //   pixels  [size][height][width][channels], labels [size], each label < classes
  // Throws UserError(bad_data) where the sizes differ or a label is out of range.
  Dataset(Shape image, std::span<const std::uint8_t> pixels, std::span<const Label> labels,
          Index classes);

  // The same, keeping `owner` as long as this or a copy lives: the memory is its.
  Dataset(Shape image, std::span<const std::uint8_t> pixels, std::span<const Label> labels,
          Index classes, std::shared_ptr<const void> owner);

  // The same, taking the memory.
  Dataset(Shape image, std::vector<std::uint8_t> pixels, std::vector<Label> labels, Index classes);

  Index size() const { return static_cast<Index>(labels_.size()); }
  bool empty() const { return labels_.empty(); }
  Shape image_shape() const { return image_; }
  Index classes() const { return classes_; }
  std::span<const std::uint8_t> image(Index sample) const;  // [height][width][channels]
  Label label(Index sample) const { return labels_[static_cast<std::size_t>(sample)]; }
  std::span<const std::uint8_t> pixels() const { return pixels_; }
  std::span<const Label> labels() const { return labels_; }

  // Names of the classes; empty where none are known.
  const std::vector<std::string>& class_names() const { return class_names_; }
  void set_class_names(std::vector<std::string> names) { class_names_ = std::move(names); }

  // The file that holds the labels and nothing else, for messages; empty where there is none.
  const std::filesystem::path& label_file() const { return label_file_; }
  void set_label_file(std::filesystem::path file) { label_file_ = std::move(file); }

  // The first `limit` samples, sharing this memory.
  Dataset first(Index limit) const;

  // SHA-256 over shape, class count, pixels and labels: the data's part of a run's identity. It
  // does not depend on how the files were compressed or where they lay. (docs/formats.md has the
  // bytes.)
  std::string sha256() const;

 private:
  Shape image_;
  Index classes_ = 0;
  std::span<const std::uint8_t> pixels_;
  std::span<const Label> labels_;
  std::vector<std::string> class_names_;
  std::filesystem::path label_file_;
  std::shared_ptr<const void> owner_;
};

}  // namespace convoy
