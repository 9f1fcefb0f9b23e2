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

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convoy/shape.hpp"

namespace convoy {

class Session;

/// How the numbers of an image are stored.
enum class PixelType {
  u8,   ///< bytes, from 0 to 255
  f32,  ///< floats, which are finite
};

/// Where images lie: [images][height][width][channels] bytes or floats, in memory or in a file that
/// is mapped into memory. It is immutable, so any number of threads may read it.
struct Source {
  PixelType type = PixelType::u8;          ///< of every number
  Shape image = {};                        ///< the shape of every image
  Index images = 0;                        ///< their number
  const void* data = nullptr;              ///< the first number; floats are aligned
  std::shared_ptr<const void> owner = {};  ///< keeps the memory; null: the caller does
};

/// Labelled images: samples, each of which is an image of a Source and a label. The model states
/// how a pixel becomes the number that the network reads (docs/formats.md, `[input]`).
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

  /// Takes images of a source: sample i is image samples[i], or image i where `samples` is empty,
  /// and has the class labels[i]. Several samples may be one image. Throws UserError(bad_data) if
  /// the sizes do not agree, a number is out of range, or floats are not aligned.
  Dataset(Source source, std::vector<std::uint32_t> samples, std::vector<Label> labels,
          Index classes);

  /// Does the same with labels in memory that `owner` holds, and images in the source's order.
  Dataset(Source source, std::span<const Label> labels, Index classes,
          std::shared_ptr<const void> owner);

  /// The number of samples.
  Index size() const { return static_cast<Index>(labels_.size()); }
  /// Whether there is no sample.
  bool empty() const { return labels_.empty(); }
  /// The shape of every image.
  Shape image_shape() const { return source_.image; }
  /// Whether the images are bytes or floats.
  PixelType pixel_type() const { return source_.type; }
  /// The number of classes, from 1 to kMostClasses; labels are from 0 to classes() - 1.
  Index classes() const { return classes_; }

  /// Returns one image of bytes, [height][width][channels]; `sample` is from 0 to size() - 1.
  std::span<const std::uint8_t> image(Index sample) const;
  /// Returns one image of floats, [height][width][channels]; `sample` is from 0 to size() - 1.
  std::span<const float> image_f32(Index sample) const;
  /// Returns the class of one image; `sample` is from 0 to size() - 1.
  Label label(Index sample) const { return labels_[static_cast<std::size_t>(sample)]; }
  /// The classes of all images.
  std::span<const Label> labels() const { return labels_; }

  /// Where the images lie. There may be more of them than samples, and in another order.
  const Source& source() const { return source_; }
  /// Which image of source() each sample is; empty where sample i is image i.
  std::span<const std::uint32_t> samples() const { return samples_; }
  /// All images, one after the other: [samples][height][width][channels]. Only where they are bytes
  /// and samples() is empty.
  std::span<const std::uint8_t> pixels() const;

  /// The names of the classes, by label; empty if they are not known.
  const std::vector<std::string>& class_names() const { return class_names_; }
  /// Sets class_names(); nothing else depends on them. Throws UserError(bad_data) unless there is
  /// one for each class, or none.
  void set_class_names(std::vector<std::string> names);

  /// The file that holds nothing but the labels, for use in messages; empty if no such file exists.
  const std::filesystem::path& label_file() const { return label_file_; }
  /// Sets label_file().
  void set_label_file(std::filesystem::path file) { label_file_ = std::move(file); }

  /// Returns the first `limit` samples, or all of them if there are fewer. The result shares this
  /// memory.
  Dataset first(Index limit) const;

  /// The SHA-256 over shape, number of classes, pixels and labels, as 64 hexadecimal digits
  /// (docs/formats.md). These are what the weights of a run depend on. Where the files lie, how
  /// they are compressed, how many bytes they have for a label and where in its source an image
  /// lies are not included. The call reads all images.
  std::string sha256() const;

 private:
  // The place of an image in its source.
  std::size_t position(Index sample) const {
    const auto i = static_cast<std::size_t>(sample);
    return samples_.empty() ? i : samples_[i];
  }

  Source source_;
  std::span<const std::uint32_t> samples_;
  std::span<const Label> labels_;
  Index classes_ = 0;
  std::vector<std::string> class_names_;
  std::filesystem::path label_file_;
  std::shared_ptr<const void> owner_;  // of samples and labels
};

/// The training images and the test images of a data set.
struct TrainAndTest {
  std::string name = {};              ///< "fashion-mnist", or the folder's name
  std::filesystem::path folder = {};  ///< the folder or file that was read; empty if none
  Dataset train = {};                 ///< the images from which the weights are learned
  Dataset test = {};  ///< the images that are measured after each epoch; may be empty
  /// What the reader did that a user would not expect, a sentence each; usually empty. A Trainer
  /// adds them to its warnings.
  std::vector<std::string> notes = {};
  /// The samples of `train` that are held out, as the data set itself states it; ascending, each
  /// once. TrainOptions::validation holds out no others then.
  std::vector<std::uint32_t> validation = {};
  /// Whether the data set itself has decided which samples are held out, perhaps none: pictures
  /// (DataOptions::validation) and arrays with validation images do. TrainOptions::validation holds
  /// out none then, whether or not `validation` is empty.
  bool states_validation = false;
};

/// How a picture of another size becomes one of the model's: stretched to it; fitted into it, with
/// a black border; or cropped to its ratio, around the middle (docs/formats.md, "Pictures").
enum class Resize { stretch, fit, crop };

/// What happens to broken pictures: files that are no whole picture of a known format.
enum class BadImages {
  stop,  ///< throws UserError(bad_data), which names the first ones
  skip,  ///< leaves them out; a note names the first ones
};

/// How far the reading of pictures is.
struct LoadProgress {
  Index done = 0;      ///< pictures that are decoded
  Index total = 0;     ///< all pictures of the data set
  double seconds = 0;  ///< since the first was begun
};

/// How a data set is read (data_options() of train.hpp makes those of a model). The options of
/// pictures concern class folders and lists of pictures alone; other formats say all this.
struct DataOptions {
  /// The size of the model's input, to which pictures are resized. All 0: pictures keep their size,
  /// and all must have the same.
  Shape input = {.height = 0, .width = 0, .channels = 0};
  Resize resize = Resize::stretch;  ///< how pictures of another size become that size
  /// The fraction of pictures that become test images, where the layout states none. The file name
  /// and the seed decide about each.
  double test_fraction = 0;
  /// The same for TrainAndTest::validation. Arrays that have validation images of their own throw
  /// UserError(usage) unless it is 0; for all other formats TrainOptions::validation says it.
  double validation = 0;
  std::uint64_t seed = 0;                  ///< of both
  BadImages bad_images = BadImages::stop;  ///< what happens to broken pictures
  /// The folder of decoded pictures; "": that of the user's cache; "none": no cache.
  std::string cache = {};
  int threads = 0;  ///< that decode pictures; 0: all cores that this process may use

  /// Called by the thread that calls load_data(), several times a second, while pictures are read.
  std::function<void(const LoadProgress&)> progress = {};
  /// Called by the same thread with a sentence that is no warning: where decoded pictures are kept.
  std::function<void(const std::string&)> inform = {};
  /// Checked while pictures are read; may be null. If it becomes true, load_data() throws
  /// UserError(stopped) soon.
  const std::atomic<bool>* stop = nullptr;

  /// Whether the images of IDX files and arrays are stored column by column and are transposed;
  /// nothing: as the format implies.
  std::optional<bool> transpose = {};
  /// The label of the first class in IDX files and arrays, from which labels are counted; nothing:
  /// as the format implies, usually 0.
  std::optional<Index> first_label = {};
  /// The factor of the model for each pixel, so that a note can say where it does not fit.
  double scale = 1.0 / 255;
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

/// Does the same with options.
TrainAndTest load_data(std::string_view name_or_folder, const DataOptions& options);

/// Loads the same for the ranks of a job; all ranks call it. One rank of each host reads the files,
/// and all ranks of that host share the memory. If one rank fails, all throw SharedError.
TrainAndTest load_data(std::string_view name_or_folder, Session& session);
/// Does the same with options, which are equal on all ranks except for `progress`, `inform` and
/// `stop`.
TrainAndTest load_data(std::string_view name_or_folder, const DataOptions& options,
                       Session& session);

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
