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

/// Labelled images as bytes in memory. Each channel of a pixel is one byte, from 0 to 255; the
/// model states how a byte becomes the number that the network reads (docs/formats.md, `[input]`).
///
/// A Dataset is immutable except for the two setters, and cheap to copy: copies share the memory of
/// the images. Any number of threads may read one Dataset.
class Dataset {
 public:
  /// Makes a data set without images.
  Dataset() = default;

  /// Refers to memory that the caller owns. The caller keeps it alive and unchanged as long as this
  /// Dataset or a copy of it lives. `pixels` is [images][height][width][channels], `labels` is
  /// [images], each label is below `classes`, and `classes` is from 1 to kMostClasses. Throws
  /// UserError(bad_data) if the sizes do not agree or a number is out of range.
  Dataset(Shape image, std::span<const std::uint8_t> pixels, std::span<const Label> labels,
          Index classes);

  /// Does the same, and keeps `owner`, which holds the memory, as long as this Dataset or a copy
  /// of it lives.
  Dataset(Shape image, std::span<const std::uint8_t> pixels, std::span<const Label> labels,
          Index classes, std::shared_ptr<const void> owner);

  /// Does the same with memory that the Dataset takes over.
  Dataset(Shape image, std::vector<std::uint8_t> pixels, std::vector<Label> labels, Index classes);

  /// The number of images.
  Index size() const { return static_cast<Index>(labels_.size()); }
  /// Whether there is no image.
  bool empty() const { return labels_.empty(); }
  /// The shape of every image.
  Shape image_shape() const { return image_; }
  /// The number of classes, from 1 to kMostClasses; labels are from 0 to classes() - 1.
  Index classes() const { return classes_; }
  /// Returns one image, [height][width][channels]; `sample` is from 0 to size() - 1.
  std::span<const std::uint8_t> image(Index sample) const;
  /// Returns the class of one image; `sample` is from 0 to size() - 1.
  Label label(Index sample) const { return labels_[static_cast<std::size_t>(sample)]; }
  /// All images, one after the other: [images][height][width][channels].
  std::span<const std::uint8_t> pixels() const { return pixels_; }
  /// The classes of all images.
  std::span<const Label> labels() const { return labels_; }

  /// The names of the classes, by label; empty if they are not known.
  const std::vector<std::string>& class_names() const { return class_names_; }
  /// Sets class_names(); nothing else depends on them. Throws UserError(bad_data) unless there is
  /// one for each class, or none.
  void set_class_names(std::vector<std::string> names);

  /// The file that holds nothing but the labels, for use in messages; empty if no such file exists.
  const std::filesystem::path& label_file() const { return label_file_; }
  /// Sets label_file().
  void set_label_file(std::filesystem::path file) { label_file_ = std::move(file); }

  /// Returns the first `limit` images, or all of them if there are fewer. The result shares this
  /// memory.
  Dataset first(Index limit) const;

  /// The SHA-256 over shape, number of classes, pixels and labels, as 64 hexadecimal digits. These
  /// are what the weights of a run depend on. Where the files lie, how they are compressed and how
  /// many bytes they have for a label are not included. The call reads all images.
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

/// The training images and the test images of a data set.
struct TrainAndTest {
  std::string name = {};              ///< "fashion-mnist", or the folder's name
  std::filesystem::path folder = {};  ///< the folder or .npz file that was read; empty if none
  Dataset train = {};                 ///< the images from which the weights are learned
  Dataset test = {};  ///< the images that are measured after each epoch; may be empty
  /// What the reader did that a user would not expect, a sentence each; usually empty. A Trainer
  /// adds them to its warnings.
  std::vector<std::string> notes = {};
};

/// Loads a data set that catalog() lists, such as "fashion-mnist" or "synthetic" (which is made in
/// memory), a folder that holds the usual file names of one of these formats, plain or
/// gzip-compressed, or an .npz file with the arrays of MedMNIST or of Keras (docs/data.md).
///
/// A name is looked up in $CONVOY_DATA/NAME, then in the user's data folder
/// ($XDG_DATA_HOME or ~/.local/share)/convoy/NAME, then in the data folders of the system. The
/// first folder that holds all files is read. An argument counts as a path if it contains a '/',
/// or if it exists and is no known name. The classes of a folder are the lines of its
/// class_names.txt; without that file their number follows from the labels, and is at least 2.
///
/// Throws UserError: `not_found` (the message lists the folders, the file names and how to get
/// them) or `bad_data` (the message names the file and the place in it). Thread-safe.
TrainAndTest load_data(std::string_view name_or_folder);

/// Loads the same for the ranks of a job; all ranks call it. One rank of each host reads the files,
/// and all ranks of that host share the memory. If one rank fails, all throw SharedError.
TrainAndTest load_data(std::string_view name_or_folder, Session& session);

/// A data set that load_data() knows by name.
struct CatalogEntry {
  std::string name;                             ///< as load_data() takes it
  std::string description;                      ///< one line for people
  std::vector<std::filesystem::path> searched;  ///< in this order; empty if made in memory
  std::filesystem::path found;                  ///< its folder; empty if it is not on this machine
  std::string licence;             ///< what its authors say of its use; empty if made in memory
  std::string citation;            ///< the publication to cite; empty if made in memory
  std::vector<std::string> files;  ///< the usual names of its files; empty if made in memory
  bool can_be_fetched = false;     ///< whether `convoy fetch` downloads it
};

/// Lists the known data sets, and where they are. It reads no images. Thread-safe.
std::vector<CatalogEntry> catalog();

}  // namespace convoy
