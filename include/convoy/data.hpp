// SPDX-License-Identifier: Apache-2.0
/// @file
/// Labelled images: loaded by name or from a folder, or taken from the caller's memory.
///
/// @code
/// convoy::TrainAndTest clothes = convoy::load_data("fashion-mnist");
///
/// const convoy::Shape shape{.height = 28, .width = 28, .channels = 1};
/// std::vector<std::uint8_t> pixels(500 * 28 * 28);   // [image][row][column][channel]
/// std::vector<convoy::Label> labels(500);            // below 10
/// convoy::Dataset mine(shape, std::move(pixels), std::move(labels), 10);
/// convoy::TrainAndTest split{.name = "mine", .train = mine, .test = mine.first(100)};
/// @endcode
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convoy/shape.hpp"

namespace convoy {

class Session;

/// Labelled images as bytes in memory. A pixel is one byte a channel, from 0 to 255; the model says
/// how a byte becomes the number that the network reads (docs/formats.md, `[input]`).
///
/// Immutable but for the two setters, and cheap to copy: copies share the memory of the images.
/// Any number of threads may read one Dataset.
class Dataset {
 public:
  /// No images.
  Dataset() = default;

  /// Over memory that the caller owns, and keeps alive and unchanged as long as this Dataset or a
  /// copy of it lives. `pixels` is [images][height][width][channels], `labels` is [images], and
  /// each label is below `classes`. Throws UserError(bad_data) where the sizes do not agree or a
  /// label is out of range.
  Dataset(Shape image, std::span<const std::uint8_t> pixels, std::span<const Label> labels,
          Index classes);

  /// The same, keeping `owner`, to which the memory belongs, as long as this or a copy lives.
  Dataset(Shape image, std::span<const std::uint8_t> pixels, std::span<const Label> labels,
          Index classes, std::shared_ptr<const void> owner);

  /// The same, taking the memory over.
  Dataset(Shape image, std::vector<std::uint8_t> pixels, std::vector<Label> labels, Index classes);

  /// Images.
  Index size() const { return static_cast<Index>(labels_.size()); }
  bool empty() const { return labels_.empty(); }
  Shape image_shape() const { return image_; }
  Index classes() const { return classes_; }
  /// One image, [height][width][channels]; `sample` is from 0 to size() - 1.
  std::span<const std::uint8_t> image(Index sample) const;
  Label label(Index sample) const { return labels_[static_cast<std::size_t>(sample)]; }
  /// All images, one after the other.
  std::span<const std::uint8_t> pixels() const { return pixels_; }
  std::span<const Label> labels() const { return labels_; }

  /// Names of the classes, by label; empty where none are known.
  const std::vector<std::string>& class_names() const { return class_names_; }
  void set_class_names(std::vector<std::string> names) { class_names_ = std::move(names); }

  /// The file that holds the labels and nothing else, for messages; empty where there is none.
  const std::filesystem::path& label_file() const { return label_file_; }
  void set_label_file(std::filesystem::path file) { label_file_ = std::move(file); }

  /// The first `limit` images, sharing this memory; all of them where there are fewer.
  Dataset first(Index limit) const;

  /// SHA-256 over shape, number of classes, pixels and labels, as 64 hexadecimal digits: what the
  /// weights of a run depend on. How the files were compressed and where they lay has no part in
  /// it. Reads all images.
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

/// The two parts of a data set.
struct TrainAndTest {
  std::string name = {};              ///< "fashion-mnist", or the folder's name
  std::filesystem::path folder = {};  ///< where it was read; empty where it was not read from files
  Dataset train = {};                 ///< what the weights are learned from
  Dataset test = {};                  ///< what is measured after each epoch; may be empty
};

/// Loads "fashion-mnist", "mnist", "cifar10" or "synthetic" (which is made in memory), or a folder
/// that holds the usual file names of one of these formats, plain or gzip-compressed.
///
/// A name is looked up in $CONVOY_DATA/NAME, then in the user's data folder
/// ($XDG_DATA_HOME or ~/.local/share)/convoy/NAME, then in those of the system; the first folder
/// that holds all files is read. Anything with a '/' in it, or that is a folder and no such name,
/// is taken for a folder; its classes are the lines of its class_names.txt, or else as many as the
/// labels show, at least 2.
///
/// Throws UserError: `not_found` (the message lists the folders, the file names and how to get
/// them) or `bad_data` (the message names the file and the place in it). Thread-safe.
TrainAndTest load_data(std::string_view name_or_folder);

/// The same for the ranks of a job; all ranks call it. One rank of each host reads the files, and
/// all ranks of that host share the memory. Where one fails, all throw SharedError.
TrainAndTest load_data(std::string_view name_or_folder, Session& session);

/// A data set that load_data() knows by name.
struct CatalogEntry {
  std::string name;
  std::string description;
  std::vector<std::filesystem::path> searched;  ///< in this order; none where it is made in memory
  std::filesystem::path found;                  ///< empty: it is not on this machine
};

/// The known data sets, and where they lie. Reads no images. Thread-safe.
std::vector<CatalogEntry> catalog();

}  // namespace convoy
