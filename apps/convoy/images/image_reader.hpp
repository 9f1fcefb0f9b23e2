// SPDX-License-Identifier: Apache-2.0
// All images that a user names, one after the other, as a model reads them.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "images/file_names.hpp"
#include "images/image_file.hpp"
#include "images/model_input.hpp"

namespace convoy::app {

struct Image {
  std::string file;            // as given; in a folder: its path, which begins as given
  std::optional<Index> index;  // in a file of several images
  std::optional<Index> truth;  // the class that its folder, its list or its file says
  Pixels pixels;               // by model_input()
  bool is_dim = false;         // as of StoredImage
};

struct UnusedFile {
  std::string file;
  Fault fault = Fault::bad_data;
  std::string message;  // "problem (why): remedy"
};

struct ReaderOptions {
  InputRule rule;
  std::optional<Index> index;            // as `wanted` of open_image_file()
  std::vector<std::string> class_names;  // by which folders and lists name a class
  int threads = 1;                       // that decode
  DataOptions data = {};                 // of sets; first_label of all arrays
  bool are_classes_named = false;        // whether the model knows names, not numbers alone
};

// Not thread-safe. Pictures are decoded by several threads, some of them ahead; neither their
// number nor their speed changes what is returned. Memory is bounded by a fixed amount for the
// pictures that were read ahead, and by what one file may take (see ImageFile).
class ImageReader {
 public:
  // `inputs`: files (see open_image_file()), folders and lists of pictures (see file_names.hpp),
  // data sets (see image_set.hpp) and "-".
  ImageReader(std::vector<std::string> inputs, ReaderOptions options);

  // The next image, or the next file or image that cannot be used, in the order of `inputs`;
  // nothing at the end. Throws what is no error of one file (std::bad_alloc).
  using Item = std::variant<Image, UnusedFile>;
  std::optional<Item> next();

  // Sentences about files of folders that were left out, and about data sets; complete at the end.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Ahead;
  std::optional<FileName> next_name();
  std::unique_ptr<FileNames> names_of(const std::string& input) const;
  std::optional<Index> class_of(const StoredImage& image) const;
  std::optional<Ahead> read_one();
  void read_ahead();

  std::vector<std::string> inputs_;
  ReaderOptions options_;
  std::size_t next_input_ = 0;
  // The folder or list that is read, if one is, and whether anything in it was named.
  std::unique_ptr<FileNames> names_;
  std::string names_input_;
  bool has_names_ = false;
  // The file that is read, if one is.
  std::unique_ptr<ImageFile> file_;
  FileName name_;
  bool is_set_ = false;
  // Its number, counted from 1, and that of the last one that could not be used, whose other images
  // are left out.
  std::uint64_t number_ = 0, unused_ = 0;
  std::deque<Item> ready_;
  std::vector<std::string> notes_;
};

}  // namespace convoy::app
